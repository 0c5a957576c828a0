"""A pipeline as a tree of lines; what does not tell its parameters is drawn by its name."""

from __future__ import annotations

from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from convert.original.drawing import draw


def test_a_model_that_lacks_a_parameter_is_drawn_by_its_name() -> None:
    model = make_pipeline(StandardScaler(with_mean=False), Ridge(alpha=2.0)).fit([[1.0], [2.0]], [1.0, 2.0])
    assert draw(model).splitlines()[1:] == [
        "├─ standardscaler: StandardScaler(with_mean=False)",
        "└─ ridge: Ridge(alpha=2.0)",
    ]
    del model[1].solver
    assert draw(model).splitlines()[-1] == "└─ ridge: Ridge"
