"""Topics of documents: what stops by itself is followed to its end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.decomposition import LatentDirichletAllocation

from convert.errors import Refused
from convert.job import Converted
from tests.campaigns.coverage.data import numbers

Agrees = Callable[..., Converted]
COUNTS = np.floor(numbers(positive=True) * 3)


@pytest.mark.usefixtures("few_rows")
def test_topics_stop_row_by_row(agrees: Agrees) -> None:
    model = LatentDirichletAllocation(2, max_doc_update_iter=15, mean_change_tol=0.01, random_state=0).fit(COUNTS)
    agrees(model)


@pytest.mark.filterwarnings("ignore")
def test_more_rounds_than_a_graph_has_are_refused_by_name(agrees: Agrees) -> None:
    with pytest.raises(Refused, match="max_doc_update_iter"):
        agrees(LatentDirichletAllocation(2, max_doc_update_iter=500, random_state=0).fit(COUNTS[:100]))
