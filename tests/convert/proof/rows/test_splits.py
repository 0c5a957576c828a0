"""Rows for the splits of trees: nearly every node of a deep tree is met, from both sides and without a value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from convert.original.original import open_original
from convert.original.schema import describe
from convert.proof.rows.splits import at_splits, beside
from convert.proof.rows.synthetic import synthesise
from server.artefact.metadata import Feature


def _many_columns() -> tuple[Any, Any]:
    """Skewed columns of very different sizes that hang together, as real ones do; some values are missing."""
    random = np.random.default_rng(0)
    x = random.lognormal(size=(2000, 30)) * np.exp(random.normal(size=30) * 3)
    x = x @ np.triu(np.ones((30, 30))) * 0.1 + x
    y = np.log(x[:, 3]) * 3 + np.sin(x[:, 1]) + random.normal(size=2000)
    x[random.random(x.shape) < 0.05] = np.nan
    return x, y


def _share_of_nodes_met(model: Any, tree: Any, prepared: Any = lambda x: x) -> float:
    original = open_original(model)
    groups = synthesise(describe(original), original.hints)
    rows = np.concatenate([np.column_stack(list(table.values())) for table in groups.values()])
    met = np.asarray(tree.decision_path(prepared(rows).astype(np.float32)).sum(axis=0)).ravel() > 0
    return float(met.mean())


def test_nearly_every_node_of_a_deep_tree_is_met() -> None:
    x, y = _many_columns()
    model = DecisionTreeRegressor(min_samples_leaf=3, random_state=0).fit(x, y)
    assert model.tree_.node_count > 900
    assert _share_of_nodes_met(model, model.tree_) > 0.97


def test_nodes_behind_a_scaler_are_met_as_well() -> None:
    x, y = _many_columns()
    model = make_pipeline(StandardScaler(), DecisionTreeRegressor(min_samples_leaf=3, random_state=0)).fit(x, y)
    assert _share_of_nodes_met(model, model[1].tree_, model[0].transform) > 0.97


def test_each_split_of_a_booster_has_rows_on_both_sides_and_without_a_value() -> None:
    x, y = _many_columns()
    original = open_original(HistGradientBoostingRegressor(max_iter=5, random_state=0).fit(x, y))
    features = describe(original)
    table = at_splits(np.random.default_rng(0), features, original.hints, 3000)
    assert table is not None
    for feature, hint in zip(features, original.hints, strict=True):
        values = table[feature.name]
        asked = [stretch.at for stretch in hint.ways.values() if np.isfinite(stretch.at)]
        for at in asked:
            near = values[np.isclose(values, at, rtol=1e-6, atol=0)]
            assert (near <= at).any()
            assert (near > at).any()
        assert not asked or np.isnan(values).any()


def _floored(thresholds: Any) -> Any:
    """The last float32 that goes left."""
    single = thresholds.astype(np.float32)
    return np.where(single > thresholds, np.nextafter(single, np.float32(-np.inf)), single)


def test_a_forest_of_more_splits_than_rows_is_asked_sharply_at_many_of_them() -> None:
    x, y = _many_columns()
    model = RandomForestRegressor(5, min_samples_leaf=3, random_state=0).fit(x, y)
    original = open_original(model)
    groups = synthesise(describe(original), original.hints, 3000)
    rows = np.concatenate([np.column_stack(list(table.values())) for table in groups.values()]).astype(np.float32)
    shares = []
    for tree in (member.tree_ for member in model.estimators_):
        met, last = tree.decision_path(rows).tocsc(), _floored(tree.threshold)
        for node in np.flatnonzero(tree.children_left >= 0):
            values = rows[met.indices[met.indptr[node] : met.indptr[node + 1]], tree.feature[node]]
            beyond = np.nextafter(last[node], np.float32(np.inf))
            shares.append([(values == last[node]).any(), (values == beyond).any(), np.isnan(values).any()])
    assert len(shares) > 900  # rows at splits
    below, above, missing = np.mean(shares, axis=0)
    assert (below, above, missing) > (0.4, 0.4, 0.4), (below, above, missing)


def test_a_model_without_trees_has_no_such_rows() -> None:
    features, hints = (Feature("x", "float64", "X"),), open_original(StandardScaler().fit([[1.0], [2.0]])).hints
    assert at_splits(np.random.default_rng(0), features, hints, 10) is None


@pytest.mark.parametrize("above", [0, 1])
def test_beside_is_above_or_not_as_it_is_told(above: int) -> None:
    chosen = np.repeat([0.1, 2.5, -3.0], 200)
    values = beside(np.random.default_rng(0), chosen, np.full(600, above))
    assert ((values >= chosen) if above else (values <= chosen)).all()
    assert len(set(values.tolist())) > 6
