"""The ticket page asks its hold points often: a bound on the queries that takes keeps repeats from creeping back."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests import ticket_steps
from tests.ticket_steps import BEFORE_OPEN, bring, to_window
from tests.ticket_yard import Yard

from quarterdeck.evidence import watch
from quarterdeck.tickets import api as tickets

pytestmark = pytest.mark.django_db
yard, quick_passwords = ticket_steps.yard, ticket_steps.quick_passwords
MOST = {"hold_points": 120, "ticket": 12, "may_admit": 50, "admission_terms": 16}


def test_queries_of_the_hot_reads_do_not_grow_with_the_facts(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    # Once a second an answer also reads some old rows again; whose answer that is depends on the machine's pace.
    monkeypatch.setattr(watch, "_REREAD_SECONDS", 3600.0)
    number = yard.scheduled().number
    to_window(yard, number)
    now, who = yard.clock.now(), yard.shop.ids["max"]
    reads: dict[str, Callable[[], object]] = {
        "hold_points": lambda: tickets.hold_points(number, now),
        "ticket": lambda: tickets.ticket(number),
        "may_admit": lambda: tickets.may_admit(number, who, yard.server, now),
        "admission_terms": lambda: tickets.admission_terms(number, who),
    }

    def count() -> dict[str, int]:
        found: dict[str, int] = {}
        for name, read in reads.items():
            with CaptureQueriesContext(connection) as seen:
                read()
            # Each answer from the ledger first reads one row, its head: 0.02 ms, counted apart.
            found[name] = sum("evidence_ledgerhead" not in query["sql"] for query in seen.captured_queries)
        return found

    bring(yard, number, BEFORE_OPEN)
    before = count()
    for _ in range(5):
        bring(yard, number, BEFORE_OPEN)
    assert count() == before
    assert {name: n for name, n in before.items() if n > MOST[name]} == {}
