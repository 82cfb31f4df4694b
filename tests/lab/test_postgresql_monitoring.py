"""Monitoring on PostgreSQL: from a plan to a settled finding, and what several people may do to both at once."""

from functools import partial
from pathlib import Path

import pytest
from tests.clock import StillClock
from tests.lab.together import together
from tests.monitoring_bench import CUI_OWNER, MonitoringBench
from tests.shop import FAST_HASHER

from quarterdeck.access import api as access
from quarterdeck.access.api import PlanState
from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import RunOutcome
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.decision import Refused


@pytest.fixture
def bench(settings, on_postgresql: str, clock: StillClock, tmp_path: Path) -> MonitoringBench:
    settings.PASSWORD_HASHERS = FAST_HASHER
    return MonitoringBench(clock, tmp_path)


def found(bench: MonitoringBench) -> baselines.DriftView:
    bench.tick(seconds=15)
    (bench.tree / "other.conf").write_text("changed by hand\n")
    bench.tick(days=1)
    return bench.newest()


def test_from_a_plan_to_a_settled_finding(bench: MonitoringBench) -> None:
    plan = bench.approved()
    seen = found(bench)
    assert [run.outcome for run in baselines.runs(plan.id)] == [RunOutcome.MEASURED] * 2
    assert seen.id in {one.id for one in baselines.findings(open_only=True)}
    assert bench.settle(seen).open_items == ()
    assert baselines.check_findings(bench.shop.asset).allowed
    assert evidence.verify_ledger().problems == []


def codes(results: list[BaseException | None]) -> list[str]:
    return [code for one in results if isinstance(one, Refused) for code in one.decision.codes]


def test_two_people_at_once_approve_once(bench: MonitoringBench) -> None:
    plan = bench.proposed()
    results = together([partial(bench.decide, plan, "avery"), partial(bench.decide, plan, "casey", CUI_OWNER)])
    assert codes(results) == []
    assert access.plan(plan.id).state is PlanState.APPROVED
    approved = list(evidence.entries(events=["monitoring_plan.approved"]))
    assert len(approved) == 1


def test_one_person_twice_at_once_is_one_decision(bench: MonitoringBench) -> None:
    plan = bench.proposed()
    results = together([partial(bench.decide, plan, "avery"), partial(bench.decide, plan, "avery")])
    assert "plan.decided_already" in codes(results)
    after = access.plan(plan.id)
    assert (after.state, len(after.decisions)) == (PlanState.PROPOSED, 1)


def test_two_people_at_once_settle_once(bench: MonitoringBench) -> None:
    bench.approved()
    seen = found(bench)
    results = together([partial(bench.settle, seen, "avery"), partial(bench.settle, seen, "casey")])
    assert codes(results) == ["drift.choice"]
    assert baselines.check_findings(bench.shop.asset).allowed
