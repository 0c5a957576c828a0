"""Exports imbalanced-learn's models: pipelines, whose samplers do nothing while predicting, and balanced ensembles.

They are scikit-learn's own, fitted on rows that were chosen. Needs no other converter.
"""

from __future__ import annotations

from imblearn import ensemble, pipeline  # type: ignore[import-not-found,import-untyped,unused-ignore]  # optional

from convert.exporters.compose import pipeline_predict, pipeline_transform
from convert.exporters.ensembles import ada_classifier, bagging_classifier
from convert.exporters.registry import PREDICTIONS, TRANSFORMS
from convert.exporters.trees import classifier

TRANSFORMS.update({pipeline.Pipeline: pipeline_transform})
PREDICTIONS.update(
    {
        ensemble.BalancedBaggingClassifier: bagging_classifier,
        ensemble.BalancedRandomForestClassifier: classifier,
        ensemble.EasyEnsembleClassifier: bagging_classifier,
        ensemble.RUSBoostClassifier: ada_classifier,
        pipeline.Pipeline: pipeline_predict,
    }
)
