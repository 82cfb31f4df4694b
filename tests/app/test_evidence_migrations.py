"""The projections that 0002 took away come back as they were when it is reversed."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from tests.clock import StillClock

from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import OPERATOR

pytestmark = pytest.mark.django_db(transaction=True)


def test_facts_come_back_from_their_entries(clock: StillClock) -> None:
    with evidence.act(OPERATOR, clock) as act:
        entry = act.record("backup.proved", evidence.ObjectRef("asset", "as_1"), ticket="MT-2026-00001")
        for kind, until in (("backup.verified", clock.now() + timedelta(hours=1)), ("backup.listed", None)):
            act.fact(
                kind, entry=entry, outcome=evidence.Outcome.PASSED, grade=evidence.Grade.CAPTURED,
                ticket="MT-2026-00001", asset="as_1", valid_until=until, detail={"files": 3},
            )  # fmt: skip
        act.record("asset.changed", evidence.ObjectRef("asset", "as_1"))
    call_command("migrate", "evidence", "0001", verbosity=0)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT kind, ticket, asset, outcome, grade, entry FROM evidence_factrow ORDER BY id")
            found = [tuple(row) for row in cursor.fetchall()]
    finally:
        call_command("migrate", "evidence", verbosity=0)
    assert found == [
        (kind, "MT-2026-00001", "as_1", "passed", "captured", entry) for kind in ("backup.verified", "backup.listed")
    ]
    assert len(evidence.facts(ticket="MT-2026-00001")) == 2
    assert evidence.verify_ledger().problems == []
