"""Parts of counts: what stops by itself is followed to its end, what hangs on other rows is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import NMF, LatentDirichletAllocation, MiniBatchNMF

from convert.errors import Refused
from convert.job import Converted
from tests.campaigns.coverage.data import numbers

Agrees = Callable[..., Converted]
COUNTS = np.floor(numbers(positive=True) * 3)


def test_topics_stop_row_by_row(agrees: Agrees) -> None:
    model = LatentDirichletAllocation(2, max_doc_update_iter=15, mean_change_tol=0.01, random_state=0).fit(COUNTS)
    agrees(model)


def test_factors_that_were_looked_for_to_the_end(agrees: Agrees) -> None:
    agrees(NMF(4, tol=1e-9, max_iter=5000, random_state=0).fit(COUNTS))


@pytest.mark.parametrize(
    "model",
    [
        NMF(2, random_state=0),
        NMF(2, solver="mu", tol=1e-9, random_state=0),
        NMF(11, tol=1e-9, random_state=0, init="random"),
        MiniBatchNMF(2, random_state=0),
        LatentDirichletAllocation(2, max_doc_update_iter=500, random_state=0),
    ],
    ids=lambda model: " ".join(repr(model).split()),
)
@pytest.mark.filterwarnings("ignore")
def test_what_hangs_on_other_rows_is_refused_by_name(agrees: Agrees, model: Any) -> None:
    with pytest.raises(Refused, match=r"NMF|max_doc_update_iter"):
        agrees(model.fit(COUNTS[:100]))
