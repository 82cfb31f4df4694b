"""Measuring between tickets: when it runs, what it is compared with, what it finds, and who settles that."""

import os
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from tests.clock import StillClock
from tests.monitoring_bench import TICKER, MonitoringBench
from tests.ticket_steps import codes

from quarterdeck import wiring
from quarterdeck.access import api as access
from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import Disposition, DriftClass, Phase, RunOutcome, Severity
from quarterdeck.entrypoints.ticker.duties import capture_duties, duties
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Grade, Outcome
from quarterdeck.kernel.actors import OPERATOR
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import keep_plans
from quarterdeck.workflows.settle_findings import settle_finding

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bench(clock: StillClock, tmp_path: Path) -> MonitoringBench:
    return MonitoringBench(clock, tmp_path)


def edit(bench: MonitoringBench, name: str = "other.conf", text: str = "changed by hand\n") -> None:
    (bench.tree / name).write_text(text)


def test_the_first_run_is_the_reference_of_the_next(bench):
    plan = bench.approved()
    assert bench.tick(seconds=15)
    (run,) = baselines.runs(plan.id)
    assert (run.outcome, run.said) == (RunOutcome.MEASURED, "")
    (taken,) = baselines.baselines(asset=bench.shop.asset, phase=Phase.BETWEEN)
    assert (taken.ticket, taken.plan, taken.entries) == ("", plan.id, 4)
    fact = bench.fact("baseline.monitored")
    assert (fact.outcome, fact.grade, fact.ticket) == (Outcome.PASSED, Grade.CAPTURED, None)
    assert evidence.facts(kinds=["drift.monitored"]) == []
    entry = evidence.entry(taken.entry)
    assert (entry.event, entry.ticket, entry.data["told"]) == ("baseline.monitored", None, "first")
    assert {one["role"] for one in entry.artifacts} == {"manifest", "posture", "measurement"}
    assert str(bench.tree).encode() not in entry.body
    assert [arguments[0] for _, arguments in bench.channel.asked] == ["manifest", "posture"]


def test_it_runs_once_a_cadence_and_asks_for_nothing_in_between(bench):
    bench.approved(hours=24)
    assert bench.tick(seconds=15)
    assert not bench.tick(seconds=15)
    assert not bench.tick(hours=23)
    assert bench.tick(hours=1)
    bench.settle_postures()
    assert len(bench.channel.asked) == 4
    assert bench.channel.asked[-1][1][1].startswith("since=")
    assert bench.fact("drift.monitored").outcome is Outcome.PASSED


def test_a_change_by_hand_is_found_once_and_waits_for_a_reason(bench):
    bench.approved()
    bench.tick(seconds=15)
    edit(bench)
    (bench.tree / "web" / "tool").write_text("#!/bin/sh\n")
    (bench.tree / "web" / "tool").chmod(0o4755)
    assert bench.tick(days=1)
    found = bench.newest()
    assert {name: (one.drift_class, one.severity) for name, one in bench.files(found).items()} == {
        "/other.conf": (DriftClass.UNEXPLAINED, Severity.ORDINARY),
        "/web/tool": (DriftClass.UNEXPLAINED, Severity.FORBIDDEN),
    }
    assert found.items[0].severity is Severity.FORBIDDEN
    assert bench.fact("drift.monitored").outcome is Outcome.FAILED
    entry = evidence.entry(found.entry)
    assert (entry.event, entry.object.id, entry.ticket) == ("drift.found", bench.shop.asset, None)
    assert bench.tick(days=1)
    assert [one.id for one in bench.with_files()] == [found.id]
    assert bench.fact("drift.monitored").outcome is Outcome.FAILED
    bench.settle_postures()
    after = bench.settle(found, how=Disposition.FINDING)
    assert after.open_items == ()
    assert bench.fact("drift.monitored").outcome is Outcome.PASSED
    assert evidence.verify_ledger().problems == []


def test_nobody_without_the_role_settles_and_nothing_twice(bench):
    bench.approved()
    bench.tick(seconds=15)
    edit(bench)
    bench.tick(days=1)
    found = bench.newest()
    assert codes(bench.settle, found, who="sam") == ("drift.role",)
    assert codes(bench.settle, found, reason=" ok ") == ("drift.reason",)
    for actor in (OPERATOR, TICKER):
        refused = codes(
            settle_finding, found.id, [found.open_items[0].id], how=Disposition.EXPLAINED, reason="It was us, surely.",
            actor=actor, clock=bench.clock,
        )  # fmt: skip
        assert refused == ("drift.person",)
    bench.settle(found, who="iris")
    chosen = [item.id for item in found.items]
    for items in (chosen, [], [10**6]):
        refused = codes(
            settle_finding, found.id, items, how=Disposition.EXPLAINED, reason="Once more, with feeling.",
            actor=bench.shop.actor("avery"), clock=bench.clock,
        )  # fmt: skip
        assert "drift.choice" in refused
    assert codes(baselines.finding, 10**9) == ("finding.unknown",)


def test_while_a_ticket_is_open_or_verified_nothing_is_measured(bench):
    plan = bench.approved()
    bench.tick(seconds=15)
    bench.clock.advance(days=1)
    bench.ticket(hours=20)
    bench.measure(Phase.BEFORE)
    bench.open()
    assert not bench.tick(hours=1)
    assert access.may_monitor(
        plan.id, asset=plan.asset, connection=plan.connection, collector_sha256=plan.collector_sha256,
        at=bench.clock.now(),
    ).codes == ("plan.ticket_open",)  # fmt: skip
    bench.end_work()
    assert tickets.ticket(bench.number).state is tickets.State.VERIFYING
    assert not bench.tick(minutes=1)
    bench.measure(Phase.AFTER)
    bench.close()
    assert bench.tick(minutes=1)
    assert baselines.runs(plan.id)[0].outcome is RunOutcome.MEASURED


def test_declared_work_of_a_ticket_is_no_finding_and_what_came_before_it_is(bench):
    """A change before the ticket's first baseline is hidden in it from the ticket, not from the plan."""
    bench.approved()
    bench.tick(seconds=15)
    edit(bench, text="changed by hand before the ticket\n")
    bench.clock.advance(hours=1)
    bench.ticket(expected_paths=(f"{bench.tree}/web/**",))
    bench.measure(Phase.BEFORE)
    bench.open()
    edit(bench, "web/site.conf", "listen 443\n")
    bench.end_work()
    bench.measure(Phase.AFTER)
    bench.close()
    assert bench.tick(days=1)
    (found,) = bench.with_files()
    assert set(bench.files(found)) == {"/other.conf"}
    assert found.after.ticket == bench.number
    assert found.after.phase is Phase.BEFORE


def test_drift_of_a_tickets_own_is_not_found_again_when_its_first_baseline_is_older(bench):
    bench.approved()
    bench.ticket(hours=90, expected_paths=(f"{bench.tree}/web/**",))
    bench.measure(Phase.BEFORE)
    assert bench.tick(seconds=15)
    bench.open()
    edit(bench, text="left over by the ticket, which asks about it itself\n")
    bench.end_work()
    bench.measure(Phase.AFTER)
    bench.close()
    assert bench.tick(days=1)
    assert bench.with_files() == []


def work_without_baselines(bench: MonitoringBench) -> baselines.DriftView:
    """A ticket on site, which measures nothing, does what it declared and something else; then the plan runs."""
    bench.approved()
    bench.tick(seconds=15)
    bench.clock.advance(hours=1)
    bench.ticket(method=tickets.Method.ON_SITE, expected_paths=(f"{bench.tree}/web/**",))
    bench.open()
    edit(bench, "web/site.conf", "listen 443\n")
    edit(bench, text="not declared\n")
    bench.end_work()
    bench.close()
    assert bench.tick(days=1)
    return bench.newest()


def test_work_without_baselines_explains_what_it_declared(bench):
    found = work_without_baselines(bench)
    judged = {name: one.drift_class for name, one in bench.files(found).items()}
    assert judged == {"/web/site.conf": DriftClass.EXPECTED, "/other.conf": DriftClass.UNEXPLAINED}
    assert evidence.entry(found.after.entry).data["tickets"] == [bench.number]
    assert baselines.tickets_in_between(found.id) == [bench.number]


def test_a_person_names_the_ticket_that_explains_it_if_it_lies_in_between(bench):
    found = work_without_baselines(bench)
    assert "drift.ticket_does_not_fit" in codes(bench.settle, found, ticket="MT-2026-00999")
    after = bench.settle(found, ticket=bench.number)
    explained = [one for one in after.items if one.disposition]
    assert {one.explained_by for one in explained} == {bench.number}
    entry = evidence.last_entry(["drift.disposed"])
    assert (entry.ticket, entry.data["explained_by"]) == (None, bench.number)
    earlier = bench.number
    edit(bench, text="again\n")
    bench.tick(days=1)
    assert "drift.ticket_does_not_fit" in codes(bench.settle, bench.newest(), ticket=earlier)


def test_who_did_the_work_does_not_say_that_it_explains_it(bench):
    found = work_without_baselines(bench)
    assert "drift.own_work" in codes(bench.settle, found, who="sam", ticket=bench.number)


def test_who_did_the_work_does_not_explain_it_by_leaving_its_ticket_out(bench):
    """3.1.4: also one who holds a settling role by now; what was not declared is for somebody else to look at."""
    found = work_without_baselines(bench)
    people = bench.shop.people
    asked = personnel.grant_role(people["sam"], Role.IT_LEAD, actor=bench.shop.actor("iris"), clock=bench.clock)
    personnel.confirm_role(asked.id, actor=bench.shop.actor("avery"), clock=bench.clock)
    bench.clock.advance(days=2)
    assert Role.IT_LEAD in personnel.roles_of(people["sam"], bench.clock.now())
    assert codes(bench.settle, found, who="sam") == ("drift.own_work",)
    assert not bench.settle(found, who="avery").open_items


def test_a_change_that_comes_again_is_found_again(bench):
    bench.approved()
    bench.tick(seconds=15)
    edit(bench, text="a\n")
    bench.tick(days=1)
    bench.settle(bench.newest())
    edit(bench, text="x\n")
    bench.tick(days=1)
    edit(bench, text="a\n")
    bench.tick(days=1)
    assert len(bench.with_files()) == 3
    assert len([one for one in bench.with_files() if one.open_items]) == 2


def test_a_target_that_fails_is_not_known_and_is_tried_again_after_growing_waits(bench):
    plan = bench.approved()
    bench.channel.fails = "The target could not be reached."
    waits = (0.25, 14, 1, 29, 1, 59, 1)
    ran = [bench.tick(minutes=minutes) for minutes in waits]
    assert ran == [True, False, True, False, True, False, True]
    assert {(run.outcome, run.said) for run in baselines.runs(plan.id)} == {
        (RunOutcome.FAILED, "The target could not be reached.")
    }
    fact = bench.fact("baseline.monitored")
    assert (fact.outcome, fact.detail["plan"]) == (Outcome.UNKNOWN, plan.id)
    entry = evidence.entry(fact.entry)
    assert entry.event == "baseline.failed"
    assert evidence.openings([entry.data["said"]])[entry.data["said"]][1] == "The target could not be reached."
    assert evidence.facts(kinds=["drift.monitored"]) == []
    assert not baselines.is_monitoring_late(plan.id, plan.state_at, plan.cadence, bench.clock.now())
    assert baselines.is_monitoring_late(plan.id, plan.state_at, plan.cadence, bench.clock.now() + timedelta(hours=49))
    bench.channel.fails = ""
    assert not bench.tick(hours=1)
    assert bench.tick(hours=1)
    assert baselines.runs(plan.id)[0].outcome is RunOutcome.MEASURED


def test_a_ticket_that_opens_while_it_measures_makes_the_measurement_worthless(bench):
    plan = bench.approved()
    bench.ticket()
    bench.channel.meanwhile = lambda: bench.open() if tickets.ticket(bench.number).opened_at is None else None
    assert bench.tick(seconds=15)
    assert baselines.runs(plan.id) == []
    assert baselines.baselines(asset=bench.shop.asset) == []
    bench.channel.meanwhile = lambda: None
    assert not bench.tick(hours=1)


def test_a_plan_that_ends_while_it_measures_records_nothing(bench):
    plan = bench.approved()
    over: list[access.PlanView] = []

    def end() -> None:
        if not over:
            over.append(keep_plans.end(bench.shop.actor("avery"), bench.clock, plan.id, reason="Not any more."))

    bench.channel.meanwhile = end
    assert bench.tick(seconds=15)
    assert baselines.runs(plan.id) == []
    assert not bench.tick(days=1)


def test_a_void_plan_measures_nothing_even_before_the_ticker_has_noticed(bench):
    bench.approved()
    bench.move_connection(address="192.0.2.66")
    assert not bench.tick(seconds=15)
    assert bench.channel.asked == []


def test_other_folders_cannot_be_compared_and_say_so(bench):
    bench.approved()
    bench.tick(seconds=15)
    bench.move_connection(watched_roots=(f"{bench.tree}/web",))
    keep_plans.look_after_plans(TICKER, bench.clock)
    bench.approved()
    edit(bench, "web/site.conf", "listen 443\n")
    assert bench.tick(seconds=15)
    fact = bench.fact("drift.monitored")
    assert (fact.outcome, fact.detail["open"]) == (Outcome.UNKNOWN, 0)
    assert bench.fact("baseline.monitored").outcome is Outcome.PASSED


def test_a_watched_folder_that_is_gone_fails_and_is_a_finding(bench):
    bench.approved()
    bench.tick(seconds=15)
    for path in (bench.tree / "web" / "site.conf", bench.tree / "other.conf"):
        path.unlink()
    (bench.tree / "web").rmdir()
    bench.tree.rmdir()
    bench.tick(days=1)
    assert bench.fact("baseline.monitored").outcome is Outcome.FAILED
    assert bench.with_files()
    bench.tree.mkdir()


def test_the_ticker_has_both_duties_and_a_signer_that_is_gone_is_a_failed_run(bench, monkeypatch):
    monkeypatch.setattr(wiring, "clock", lambda: bench.clock)
    first = {duty.name: duty for duty in duties(bench.clock)}
    second = {duty.name: duty for duty in capture_duties(bench.clock)}
    assert first["plans"].run() == 0
    assert second["monitoring"].run() is False
    plan = bench.approved()
    assert second["monitoring"].run() is True
    (run,) = baselines.runs(plan.id)
    assert (run.outcome, "signer does not answer" in run.said) == (RunOutcome.FAILED, True)
    assert access.grants(plan=plan.id)[0].end_reason == "measure.failed"


@pytest.mark.skipif(os.geteuid() != 0, reason="not run here: another user's files cannot be made unreadable")
def test_what_cannot_be_read_is_told_once(clock, tmp_path):
    """An object that stays unreadable never counts as unchanged: it waits for a person, and is not asked twice."""
    with tempfile.TemporaryDirectory(prefix="qd-watched-") as folder:
        bench = MonitoringBench(clock, Path(folder))
        for path in (bench.tree, bench.tree / "web"):
            path.chmod(0o755)
        (bench.tree / "web" / "site.conf").chmod(0o644)
        bench.channel.user = 65534
        bench.approved()
        bench.tick(seconds=15)
        bench.tick(days=1)
        (found,) = bench.with_files()
        assert {name: one.drift_class for name, one in bench.files(found).items()} == {
            "/other.conf": DriftClass.UNREADABLE
        }
        bench.tick(days=1)
        bench.settle_postures()
        assert [one.id for one in bench.with_files()] == [found.id]
        bench.settle(found)
        bench.tick(days=1)
        assert [one.id for one in bench.with_files()] == [found.id]
