"""Owns whether a proof says enough: answers that are accidents or all the same prove little. Knows no rows."""

from __future__ import annotations

from convert.errors import Refused
from convert.original.original import Answers
from convert.proof.parity import Proof
from convert.proof.spread import spread_of

MOST_ACCIDENTS = 0.02  # of rows like those that the model remembers: KNN on iris has 1.3 %, on a survey 3 to 38 %
MOST_ALIKE = 0.99  # of the rows may have one answer; a tree of two leaves has 0.5


def refuse_ties(proof: Proof) -> None:
    """Raises Refused where answers that are accidents are common, or labels that differ where the best scores tie."""
    if not proof.wrong and proof.tie_share > MOST_ACCIDENTS:
        raise Refused(
            f"in {proof.tie_share:.1%} of rows its two best classes have one score and the file would choose the other,"
            " so that its labels are hardly compared at all",
            "fit it so that its scores tell the classes apart, or take such labels as they fall with --allow-ties",
        )
    if not proof.wrong and proof.accident_share > MOST_ACCIDENTS:
        raise Refused(
            f"of usual rows, or such as it remembers, {proof.accident_share:.1%} have more neighbours at one distance "
            "than it asks: which of them it takes is an accident of scikit-learn's search, which no file can repeat",
            "use more or finer columns, or take such answers as they fall with --allow-ties",
        )


def refuse_sameness(proof: Proof, by_nature: bool, data: Answers | None) -> None:
    """Raises Refused where nearly all rows have one answer, unless the model has no other ``by_nature``.

    Made-up rows may have one answer where the ``data`` of a person, as the original answers it, has several.
    """
    if proof.wrong or by_nature or proof.spread.commonest <= MOST_ALIKE:
        return
    if data is not None and spread_of({"data": data}).commonest <= MOST_ALIKE:
        return
    raise Refused(
        f"{proof.spread.commonest:.2%} of the rows that were compared have one and the same answer "
        f"({proof.spread.distinct:,} in all), so that comparing them would prove nothing",
        "give rows that it answers differently: --data ROWS.csv",
    )
