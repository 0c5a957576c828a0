"""Who is ended when clients do not take their answers."""

from __future__ import annotations

from typing import Any

from server.http.debts import Debts
from tests.support.server.doors import Wire


class Slow:
    """A connection whose client takes nothing."""

    def __init__(self, size: int) -> None:
        self.wire = Wire()
        self.wire.unwritten = size
        self.transport: Any = self.wire
        self.answers = 1

    def owes_several(self) -> bool:
        return self.answers > 1

    def owed_bytes(self) -> int:
        return self.wire.unwritten


def test_the_greatest_debtor_is_ended_when_all_is_too_much() -> None:
    debts = Debts(100)
    small, large, medium = Slow(10), Slow(60), Slow(35)
    for debtor in (small, large, medium):
        debts.owe(debtor)
    assert [debtor.wire.state() for debtor in (small, large, medium)] == ["open", "aborted", "open"]
    assert debts.total == 45


def test_a_debt_is_what_waits_now() -> None:
    debts = Debts(100)
    first, second = Slow(60), Slow(30)
    debts.owe(first)
    debts.owe(second)
    first.wire.unwritten = 10
    second.wire.unwritten = 80
    debts.look_again()
    assert debts.total == 90
    first.wire.unwritten = 30
    debts.look_again()
    assert (debts.total, second.wire.state()) == (30, "aborted")


def test_who_has_paid_owes_nothing() -> None:
    debts = Debts(100)
    debtor = Slow(50)
    debts.owe(debtor)
    debts.owe(debtor)
    assert debts.total == 50
    debts.settle(debtor)
    debts.settle(debtor)
    assert debts.total == 0


def test_one_answer_may_be_larger_than_all_may_owe() -> None:
    debts = Debts(100)
    debtor = Slow(1000)
    debts.owe(debtor)
    assert debtor.wire.state() == "open"


def test_one_client_may_owe_one_answer_of_any_size_but_not_many() -> None:
    debts = Debts(100)
    only = Slow(150)
    debts.owe(only)
    assert (debts.total, only.wire.state()) == (150, "open")
    only.answers = 2
    debts.owe(only)
    assert (debts.total, only.wire.state()) == (0, "aborted")
