"""A person's own rows: read as they are, fitted to the schema by name or position."""

from __future__ import annotations

from convert.proof.user_rows import fit_to_schema, read_rows
from server.artefact.metadata import Feature


def test_an_empty_cell_is_an_empty_text_where_none_may_be_missing() -> None:
    table = read_rows("rows.csv", b"city,plan,age\nParis,,3\n,b,\n")
    features = [
        Feature("city", "string", "city", True),
        Feature("plan", "string", "plan"),
        Feature("age", "float64", "X"),
    ]
    fitted = fit_to_schema(table, features)
    assert fitted["city"].tolist() == ["Paris", None]
    assert fitted["plan"].tolist() == ["", "b"]
    assert fitted["age"].tolist()[:1] == [3.0]
