"""Sealing months: every ticket touched, once, in order, in entries that fit; and nothing before the month is over."""

from datetime import UTC, datetime

import pytest
from tests.clock import StillClock

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import ObjectRef
from quarterdeck.kernel.actors import system
from quarterdeck.workflows import seal_period
from quarterdeck.workflows.seal_period import end_of, seal_due_periods
from quarterdeck_verify.entry import MAX_BYTES

pytestmark = pytest.mark.django_db
TICKER = system("ticker")


def touch(clock: StillClock, *numbers: int, times: int = 1) -> None:
    with evidence.act(TICKER, clock) as act:
        for _ in range(times):
            for number in numbers:
                ticket = f"MT-2026-{number:05d}"
                act.record("ticket.touched", ObjectRef("ticket", ticket), ticket=ticket)


def at(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)


def sealed() -> list[evidence.Entry]:
    return list(evidence.entries(events=["period.sealed"]))


def test_an_empty_ledger_and_a_month_under_way_are_not_sealed(clock: StillClock) -> None:
    assert seal_due_periods(TICKER, clock) == []
    touch(clock, 1)
    clock.set_wall(at(2026, 12, 1, 0, 0, 30))
    assert seal_due_periods(TICKER, clock) == []


def test_a_month_is_sealed_once_with_the_heads_at_its_end(clock: StillClock) -> None:
    touch(clock, 1, 2, times=3)
    clock.set_wall(at(2026, 12, 1, 0, 0, 10))
    touch(clock, 2, 3)  # of December already, and before the seal
    clock.set_wall(at(2026, 12, 1, 0, 1, 0))
    assert seal_due_periods(TICKER, clock) == ["2026-11"]
    assert seal_due_periods(TICKER, clock) == []
    (entry,) = sealed()
    heads = entry.data["heads"]
    assert [(head["ticket"], head["count"]) for head in heads] == [("MT-2026-00001", 3), ("MT-2026-00002", 3)]
    third = [e for e in evidence.entries(ticket="MT-2026-00002")][2]
    assert heads[1]["head"] == third.leaf.hex()
    assert (entry.actor_id, entry.actor_kind, entry.data["tickets"]) == ("ticker", "system", 2)


def test_what_happened_before_the_seal_of_the_month_before_belongs_to_its_own_month(clock: StillClock) -> None:
    touch(clock, 1)
    clock.set_wall(at(2026, 12, 1, 0, 0, 10))
    touch(clock, 3)
    clock.set_wall(at(2026, 12, 2))
    seal_due_periods(TICKER, clock)
    clock.set_wall(at(2027, 1, 5))
    assert seal_due_periods(TICKER, clock) == ["2026-12"]
    assert [head["ticket"] for head in sealed()[-1].data["heads"]] == ["MT-2026-00003"]


def test_months_in_which_the_server_was_off_are_made_good_in_order(clock: StillClock) -> None:
    touch(clock, 1)
    clock.set_wall(at(2027, 3, 2))
    assert seal_due_periods(TICKER, clock) == ["2026-11", "2026-12", "2027-01", "2027-02"]
    assert [entry.data["heads"] for entry in sealed()[1:]] == [[], [], []]


def test_many_tickets_are_split_into_entries_that_fit(clock: StillClock) -> None:
    count = seal_period.HEADS_PER_ENTRY * 2 + 5
    touch(clock, *range(1, count + 1))
    clock.set_wall(at(2026, 12, 3))
    seal_due_periods(TICKER, clock)
    entries = sealed()
    assert [(entry.data["part"], entry.data["parts"]) for entry in entries] == [(1, 3), (2, 3), (3, 3)]
    assert sum(len(entry.data["heads"]) for entry in entries) == count
    assert max(len(entry.body) for entry in entries) <= MAX_BYTES
    assert evidence.verify_ledger().problems == []


def test_the_end_of_a_month() -> None:
    assert (end_of("2026-11"), end_of("2026-12")) == (at(2026, 12, 1), at(2027, 1, 1))
