"""A standing authority is worth stealing: plans, grants, runs, findings written by hand, and people who try them.

attacks.md rows 1, 3, 14, 27 and 28, for the third purpose of the signer.
"""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from tests.access_signer import NearSigner, fresh_key, near_signer
from tests.append_only import database_in_hand
from tests.clock import StillClock
from tests.monitoring_bench import CUI_OWNER, TICKER, MonitoringBench
from tests.ticket_steps import codes

from quarterdeck.access import api as access
from quarterdeck.access.api import PlanState
from quarterdeck.adapters.certificate_signature import signed_by
from quarterdeck.baselines import api as baselines
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Outcome, act
from quarterdeck.kernel.decision import ALLOWED
from quarterdeck.kernel.ids import new_id
from quarterdeck.sessions.api import Presented, Work
from quarterdeck.workflows import keep_plans
from quarterdeck.workflows.admission import GateDesk

pytestmark = pytest.mark.django_db(transaction=True)


def by_hand(statement: str, *values: object) -> None:
    """Write into the database as somebody with its file does."""
    with database_in_hand() as cursor:
        cursor.execute(statement, list(values))
        assert cursor.rowcount > 0


@pytest.fixture
def bench(clock: StillClock, tmp_path: Path) -> MonitoringBench:
    tree = tmp_path / "tree"
    tree.mkdir()
    return MonitoringBench(clock, tree)


@pytest.fixture
def signer(tmp_path: Path, clock: StillClock) -> NearSigner:
    return near_signer(tmp_path / "signer", clock)


def granted(bench: MonitoringBench, plan: access.PlanView) -> access.GrantView:
    with act(TICKER, bench.clock) as current:
        return access.create_monitor_grant(current, plan.id, public_key=fresh_key(), lasting=timedelta(minutes=30))


def refused_grant(bench: MonitoringBench, plan: access.PlanView) -> tuple[str, ...]:
    with act(TICKER, bench.clock) as current:
        return codes(
            access.create_monitor_grant, current, plan.id, public_key=fresh_key(), lasting=timedelta(minutes=5)
        )


def written_decision(bench: MonitoringBench, plan: access.PlanView, who: str, role: str, entry: str) -> None:
    by_hand(
        "INSERT INTO access_plandecision (plan_id, role, verdict, person_id, content_hash, reason, at, entry)"
        " VALUES (%s, %s, 'approved', %s, %s, 'Fine.', %s, %s)",
        plan.id, role, bench.shop.people[who], plan.content_hash, bench.clock.now(), entry,
    )  # fmt: skip


def test_a_plan_approved_by_hand_measures_nothing(bench):
    plan = bench.proposed()
    by_hand("UPDATE access_monitoringplan SET state = 'approved' WHERE id = %s", plan.id)
    assert {"row.altered", "plan.not_by_two"} <= set(refused_grant(bench, plan))
    assert not bench.tick(seconds=15)
    assert bench.channel.asked == []
    assert not access.check_plan(plan.id).allowed


def test_a_plan_written_by_hand_measures_nothing(bench):
    genuine = bench.proposed()
    forged = new_id("mo")
    by_hand("UPDATE access_monitoringplan SET state = 'ended' WHERE id = %s", genuine.id)
    by_hand(
        "INSERT INTO access_monitoringplan (id, asset_id, connection_id, collector_sha256, cadence_hours, valid_until,"
        " reason, proposer_id, proposed_at, state, state_at, content_hash, epoch, ended_by, end_reason, differences)"
        " SELECT %s, asset_id, connection_id, collector_sha256, cadence_hours, valid_until, reason, proposer_id,"
        " proposed_at, 'approved', state_at, content_hash, epoch, '', '', '[]' FROM access_monitoringplan"
        " WHERE id = %s",
        forged, genuine.id,
    )  # fmt: skip
    assert {"row.unsealed", "plan.not_by_two"} <= set(refused_grant(bench, access.plan(forged)))
    assert not bench.tick(seconds=15)


def test_a_second_decision_written_by_hand_is_nobodys(bench):
    plan = bench.proposed()
    bench.decide(plan, "avery")
    genuine = evidence.last_entry(["monitoring_plan.decided"])
    written_decision(bench, plan, "casey", "cui_owner", genuine.event_id)
    by_hand("UPDATE access_monitoringplan SET state = 'approved' WHERE id = %s", plan.id)
    assert [one.person for one in access.plan(plan.id).decisions] == [bench.shop.people["avery"]]
    assert "plan.not_by_two" in refused_grant(bench, plan)


def test_one_person_cannot_be_both_by_hand_either(bench):
    """The database itself takes one decision a person; with another's name the entry does not fit."""
    plan = bench.proposed()
    bench.decide(plan, "avery")
    assert "plan.decided_already" in codes(bench.decide, plan, "avery", CUI_OWNER)
    with act(TICKER, bench.clock), pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO access_plandecision (plan_id, role, verdict, person_id, content_hash, reason, at, entry)"
            " VALUES (%s, 'cui_owner', 'approved', %s, %s, 'Fine.', %s, 'ev_x')",
            [plan.id, bench.shop.people["avery"], plan.content_hash, bench.clock.now()],
        )


def test_decisions_moved_to_another_plan_decide_nothing_there(bench):
    decided = bench.approved()
    keep_plans.end(bench.shop.actor("avery"), bench.clock, decided.id, reason="Proposed anew.")
    plan = bench.proposed()
    by_hand("UPDATE access_plandecision SET plan_id = %s WHERE plan_id = %s", plan.id, decided.id)
    by_hand("UPDATE access_monitoringplan SET state = 'approved' WHERE id = %s", plan.id)
    assert access.plan(plan.id).decisions == ()
    assert "plan.not_by_two" in refused_grant(bench, plan)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE inventory_connection SET address = '192.0.2.66'",
        "UPDATE inventory_connection SET watched_roots = '[\"/\"]'",
        "UPDATE inventory_connection SET target_account = 'root', elevation = 'root'",
        "UPDATE inventory_asset SET category = 'security_protection'",
        "UPDATE access_monitoringplan SET valid_until = '2029-01-01 00:00:00'",
        "UPDATE access_monitoringplan SET cadence_hours = 4",
        "UPDATE access_monitoringplan SET collector_sha256 = 'ab'",
        "UPDATE access_monitoringplan SET content_hash = 'ab'",
        "UPDATE access_monitoringplan SET epoch = 7",
        "UPDATE access_monitoringplan SET reason = 'Another reason.'",
        "DELETE FROM access_plandecision",
        "UPDATE access_accessgrant SET collector_sha256 = 'ab'",
        "UPDATE access_accessgrant SET valid_until = window_until",
        "UPDATE access_accessgrant SET asset = 'as_aaaaaaaaaaaaaaaa'",
    ],
)
def test_a_row_changed_by_hand_under_a_good_grant_ends_it(bench, signer, statement):
    given = granted(bench, bench.approved())
    assert signer.monitor(given.id, fresh_key(), ["posture"])
    by_hand(statement)
    signed = signer.status()["signed"]
    assert codes(signer.monitor, given.id, fresh_key(), ["posture"])
    assert signer.status()["signed"] == signed


def test_a_grant_that_nobody_gave_under_a_good_plan_is_not_signed(bench, signer):
    plan, forged = bench.approved(), new_id("ag")
    key = access.read_public_key(fresh_key())
    now = bench.clock.now()
    by_hand(
        "INSERT INTO access_accessgrant (id, plan_id, person, asset, connection, purpose, public_key, fingerprint,"
        " cert_sha256, valid_from, valid_until, window_until, state, epoch, collector_sha256, end_reason)"
        " VALUES (%s, %s, '', %s, %s, 'monitor', %s, %s, '', %s, %s, %s, 'active', 0, %s, '')",
        forged, plan.id, plan.asset, plan.connection, key.line, key.fingerprint, now, now + timedelta(minutes=30),
        plan.valid_until, plan.collector_sha256,
    )  # fmt: skip
    assert codes(signer.monitor, forged, fresh_key(), ["posture"]) == ("row.unsealed",)


def test_an_ended_plan_revived_by_hand_stays_ended(bench, signer):
    plan = bench.approved()
    given = granted(bench, plan)
    keep_plans.end(bench.shop.actor("casey"), bench.clock, plan.id, reason="The server is replaced.")
    by_hand("UPDATE access_monitoringplan SET state = 'approved', ended_by = '', end_reason = ''")
    by_hand("UPDATE access_accessgrant SET state = 'active', ended_at = NULL, end_reason = ''")
    assert "row.altered" in codes(signer.monitor, given.id, fresh_key(), ["posture"])
    assert "row.altered" in refused_grant(bench, plan)
    assert not bench.tick(days=1)


def test_a_plan_taken_out_of_the_database_is_missed(bench):
    plan = bench.approved()
    assert access.plans_are_whole().allowed
    by_hand("DELETE FROM access_plandecision WHERE plan_id = %s", plan.id)
    by_hand("DELETE FROM access_monitoringplan WHERE id = %s", plan.id)
    assert codes(keep_plans.look_after_plans, TICKER, bench.clock) == ("plan.missing",)


def test_another_collector_than_the_approved_is_not_signed(bench, signer):
    """A plan of a collector that is not installed any more: the signer compares with its own bytes."""
    plan = bench.approved()
    keep_plans.end(bench.shop.actor("iris"), bench.clock, plan.id, reason="Of another collector now.")
    other = proposed_with_collector(bench, "ab" * 32)
    bench.decide(other, "avery")
    bench.decide(other, "casey", CUI_OWNER)
    given = granted(bench, other)
    assert codes(signer.monitor, given.id, fresh_key(), ["posture"]) == ("signer.other_collector",)
    assert not bench.tick(seconds=15)
    assert keep_plans.look_after_plans(TICKER, bench.clock) == 1
    assert access.plan(other.id).state is PlanState.VOID


def proposed_with_collector(bench: MonitoringBench, sha256: str) -> access.PlanView:
    until = bench.clock.now() + timedelta(days=200)
    said = access.PlanFields(bench.shop.asset, bench.shop.connection, sha256, 24, until, "Of another collector.")
    frozen = evidence.store_artifact(
        evidence.encode_fields(access.plan_content(said, bench.shop.people["iris"])), media_type="application/json",
        role="snapshot", name="p.json", may_contain_cui=False,
    )  # fmt: skip
    with act(bench.shop.actor("iris"), bench.clock) as current:
        return access.plan(access.propose_plan(current, said, snapshot=frozen))


def test_no_person_enters_the_gate_with_a_monitor_grant(bench, signer):
    """The bound certificate is of the target authority; made a work grant by hand, its row is not what was sealed."""
    plan = bench.approved()
    given = granted(bench, plan)
    line = signer.monitor(given.id, fresh_key(), ["posture"])
    with act(TICKER, bench.clock) as current:
        access.bind_certificate_line(current, given.id, line)
    blob = access.certificate_blob(line)
    entry_ca, target_ca = (str(signer.status()[name]) for name in ("entry_ca", "target_ca"))

    def refusal(authority: str) -> tuple[str, ...]:
        desk = GateDesk(bench.clock, signer, partial(signed_by, authority_line=authority), lambda: ALLOWED)
        return codes(desk.admit, Presented(blob, "192.0.2.77", Work.TERMINAL, ""))

    assert refusal(entry_ca) == ("gate.unknown_certificate",)
    assert refusal(target_ca) == ("gate.unknown_certificate",), "even a gate that trusts the wrong authority"
    assert access.is_for_a_person(given).codes == ("access.not_for_people",)
    number = bench.ticket()
    by_hand(
        "UPDATE access_accessgrant SET purpose = 'work', plan_id = NULL, ticket_id = %s, person = %s,"
        " collector_sha256 = '', mfa_at = %s WHERE id = %s",
        number, bench.shop.people["sam"], bench.clock.now(), given.id,
    )  # fmt: skip
    bench.open()
    assert "row.unsealed" in refusal(target_ca)


def test_a_run_written_by_hand_puts_off_no_measurement(bench):
    plan = bench.approved()
    bench.tick(seconds=15)
    genuine = baselines.runs(plan.id)[0]
    later = bench.clock.now() + timedelta(days=300)
    by_hand(
        "INSERT INTO baselines_monitoringrun (plan, asset, outcome, said, started_at, finished_at, baseline_id, entry)"
        " VALUES (%s, %s, 'measured', '', %s, %s, %s, %s)",
        plan.id, plan.asset, later, later, genuine.baseline, genuine.entry,
    )  # fmt: skip
    assert baselines.runs(plan.id) == [genuine]
    assert bench.tick(days=1)


def found(bench: MonitoringBench) -> baselines.DriftView:
    bench.approved()
    bench.tick(seconds=15)
    (bench.tree / "other.conf").write_text("changed by hand\n")
    bench.tick(days=1)
    return bench.newest()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE baselines_driftitem SET drift_class = 'expected'",
        "DELETE FROM baselines_driftitem",
        "UPDATE baselines_driftcomparison SET before_id = after_id",
    ],
)
def test_a_finding_changed_by_hand_is_missed(bench, statement):
    seen = found(bench)
    by_hand(statement)
    assert baselines.check_findings(bench.shop.asset).codes[0] == "drift.unsealed"
    if baselines.finding(seen.id).open_items:
        assert "drift.unsealed" in codes(bench.settle, baselines.finding(seen.id))
    assert bench.tick(days=1)
    last = bench.fact("baseline.monitored")
    assert last.outcome is Outcome.UNKNOWN


def test_a_finding_taken_away_whole_is_missed(bench):
    seen = found(bench)
    by_hand("DELETE FROM baselines_driftitem WHERE comparison_id = %s", seen.id)
    by_hand("DELETE FROM baselines_driftcomparison WHERE id = %s", seen.id)
    assert "drift.unsealed" in baselines.check_findings(bench.shop.asset).codes


def test_an_explanation_that_nobody_gave_is_missed(bench):
    seen = found(bench)
    by_hand(
        "UPDATE baselines_driftitem SET disposition = 'explained', disposed_by = %s, disposed_at = %s,"
        " reason_sha256 = %s, entry = 'ev_invented'",
        bench.shop.people["avery"], bench.clock.now(), "ab" * 32,
    )  # fmt: skip
    assert baselines.finding(seen.id).open_items == ()
    assert "drift.unsealed" in baselines.check_findings(bench.shop.asset).codes


def test_another_ticket_written_into_an_explanation_is_missed(bench):
    bench.settle(found(bench))
    bench.settle_postures()
    assert baselines.check_findings(bench.shop.asset).allowed
    by_hand("UPDATE baselines_driftitem SET explained_by = 'MT-2026-00001' WHERE disposition = 'explained'")
    assert "drift.unsealed" in baselines.check_findings(bench.shop.asset).codes


def test_a_ticket_written_by_hand_explains_nothing(bench):
    bench.approved()
    bench.tick(seconds=15)
    bench.ticket(expected_paths=(f"{bench.tree}/**",))
    by_hand("UPDATE tickets_maintenanceticket SET state = 'closed', opened_at = window_from, closed_at = window_until")
    (bench.tree / "other.conf").write_text("changed by hand\n")
    bench.tick(days=1)
    seen = bench.newest()
    assert bench.files(seen)["/other.conf"].is_open
    assert "drift.ticket_does_not_fit" in codes(bench.settle, seen, ticket=bench.number)
