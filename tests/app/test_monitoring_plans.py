"""The life of a monitoring plan: two people on one content, its end, and what takes it away (design section 5)."""

from datetime import timedelta

import pytest
from tests.clock import StillClock
from tests.monitoring_bench import APPROVER, CUI_OWNER, TICKER, MonitoringBench
from tests.ticket_steps import codes

from quarterdeck.access import api as access
from quarterdeck.access.api import PlanState
from quarterdeck.access.models import MonitoringPlan
from quarterdeck.baselines import api as baselines
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import UnrecordedWrite, act
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import OPERATOR, Actor, system
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets.api import Verdict
from quarterdeck.workflows import keep_plans

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bench(clock: StillClock) -> MonitoringBench:
    return MonitoringBench(clock)


def may_monitor(bench: MonitoringBench, plan: access.PlanView):
    return access.may_monitor(
        plan.id, asset=plan.asset, connection=plan.connection, collector_sha256=plan.collector_sha256,
        at=bench.clock.now(),
    )  # fmt: skip


def test_two_people_put_a_plan_in_force_and_one_does_not(bench):
    plan = bench.proposed()
    assert (plan.state, plan.decisions) == (PlanState.PROPOSED, ())
    assert "plan.not_approved" in may_monitor(bench, plan).codes
    after = bench.decide(plan, "avery")
    assert (after.state, len(after.decisions)) == (PlanState.PROPOSED, 1)
    assert not may_monitor(bench, plan).allowed
    done = bench.decide(plan, "casey", CUI_OWNER)
    assert done.state is PlanState.APPROVED
    assert may_monitor(bench, plan).allowed
    assert access.check_plan(plan.id).allowed
    events = [one.event for one in evidence.entries(object=evidence.ObjectRef("monitoring_plan", plan.id))]
    assert events == [
        "monitoring_plan.proposed", "monitoring_plan.decided", "monitoring_plan.decided", "monitoring_plan.approved",
    ]  # fmt: skip
    assert evidence.verify_ledger().problems == []


def test_what_is_frozen_is_what_the_names_mean(bench):
    plan = bench.proposed()
    frozen = access.frozen_plan(plan.id)
    assert frozen["collector_sha256"] == baselines.collector_sha256()
    assert frozen["valid_until"] == rfc3339(plan.valid_until)
    assert frozen["asset"]["connection"]["address"] == "192.0.2.10"
    assert frozen["asset"]["handles_cui"] is False
    entry = evidence.last_entry(["monitoring_plan.proposed"])
    assert [one["sha256"] for one in entry.artifacts] == [plan.content_hash]
    assert b"192.0.2.10" not in entry.body
    assert b"at night" not in entry.body


def test_the_proposer_and_one_person_twice_decide_nothing(bench):
    # Iris becomes an approver too: whoever proposes still does not decide.
    plan = bench.proposed()
    assert "duties.role_missing" in codes(bench.decide, plan, "sam")
    assert {"duties.role_missing", "duties.is_requester"} <= set(codes(bench.decide, plan, "iris"))
    bench.decide(plan, "avery")
    assert "plan.decided_already" in codes(bench.decide, plan, "avery")
    assert "plan.decided_already" in codes(bench.decide, plan, "avery", CUI_OWNER)
    assert access.plan(plan.id).state is PlanState.PROPOSED
    assert evidence.last_entry(["act.refused"]).object.id == "monitoring_plan.decide"


def test_an_asset_with_cui_takes_an_approver_and_its_other_role(bench):
    bench.with_cui()
    plan = bench.proposed()
    assert set(access.plan_waits_for(plan.id, bench.clock.now())) == {APPROVER, CUI_OWNER}
    bench.decide(plan, "casey", CUI_OWNER)
    waiting = access.plan_waits_for(plan.id, bench.clock.now())
    assert waiting == {APPROVER: (bench.shop.people["avery"],)}
    assert bench.decide(plan, "avery").state is PlanState.APPROVED
    assert access.plan_waits_for(plan.id, bench.clock.now()) == {}


def deputy(bench: MonitoringBench, name: str, of: str, role: personnel.Role) -> str:
    """Somebody who stands in for one of the shop, confirmed and effective."""
    view = personnel.add_person(name, f"{name.lower()}@example.test", actor=bench.shop.actor("iris"), clock=bench.clock)
    bench.shop.people[name.lower()] = view.id
    now = bench.clock.now()
    grant = personnel.name_deputy(
        bench.shop.people[of], view.id, role, valid_from=now, valid_until=now + timedelta(days=30),
        actor=bench.shop.actor("iris"), clock=bench.clock,
    )  # fmt: skip
    personnel.confirm_role(grant.id, actor=bench.shop.actor("casey"), clock=bench.clock)
    bench.clock.advance(hours=25)
    personnel.apply_due_changes(actor=system("ticker"), clock=bench.clock)
    return view.id


def test_a_deputy_decides_as_the_second_approver(bench):
    deputy(bench, "Dana", "avery", personnel.Role.APPROVER)
    plan = bench.proposed()
    bench.decide(plan, "avery")
    assert bench.decide(plan, "dana").state is PlanState.APPROVED


def test_two_owners_without_an_approver_are_not_enough(bench):
    deputy(bench, "Dana", "casey", personnel.Role.CUI_OWNER)
    plan = bench.proposed()
    bench.decide(plan, "casey", CUI_OWNER)
    assert "approval.given" in codes(bench.decide, plan, "dana", CUI_OWNER)
    assert bench.decide(plan, "avery").state is PlanState.APPROVED


def test_a_refusal_ends_a_proposal(bench):
    plan = bench.proposed()
    after = bench.decide(plan, "avery", verdict=Verdict.REFUSED, reason="Too seldom for this server.")
    assert after.state is PlanState.REJECTED
    assert "state.wrong" in codes(bench.decide, plan, "casey", CUI_OWNER)
    assert bench.proposed().state is PlanState.PROPOSED


def test_a_hash_that_was_not_shown_decides_nothing(bench):
    plan = bench.proposed()
    assert codes(bench.decide, plan, "avery", content_hash="ab" * 32) == ("content.moved",)
    bench.move_connection(address="192.0.2.66")
    assert codes(bench.decide, plan, "avery") == ("content.moved",)


def test_deciding_takes_a_fresh_second_factor(bench):
    plan = bench.proposed()
    fresh = bench.shop.actor("avery")
    stale = Actor(fresh.id, fresh.kind, "token", bench.clock.now() - timedelta(minutes=11))
    assert codes(
        keep_plans.decide, stale, bench.clock, plan.id, role=APPROVER, verdict=Verdict.APPROVED,
        content_hash=plan.content_hash, reason="Fine.",
    ) == ("step_up.needed",)  # fmt: skip


@pytest.mark.parametrize("who", [OPERATOR, TICKER])
def test_neither_operator_nor_process_moves_a_plan(bench, who):
    plan = bench.proposed()
    assert "actor.not_a_person" in codes(
        keep_plans.decide, who, bench.clock, plan.id, role=APPROVER, verdict=Verdict.APPROVED,
        content_hash=plan.content_hash, reason="Fine.",
    )  # fmt: skip
    assert "actor.not_a_person" in codes(keep_plans.end, who, bench.clock, plan.id, reason="Not any more.")


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"hours": 3}, "plan.cadence"),
        ({"hours": 32 * 24}, "plan.cadence"),
        ({"days": 366}, "plan.too_long"),
        ({"days": -1}, "plan.past"),
        ({"reason": " "}, "reason.missing"),
        ({"by": "avery"}, "role.missing"),
    ],
)
def test_a_proposal_out_of_bounds_is_refused(bench, how, code):
    assert code in codes(bench.proposed, **how)


def test_a_proposal_needs_something_to_watch_and_a_pinned_host(bench):
    bench.move_connection(watched_roots=())
    assert "plan.nothing_watched" in codes(bench.proposed)
    bench.move_connection(watched_roots=("/etc",), host_identity="")
    assert "host_identity.missing" in codes(bench.proposed)


def test_a_roster_too_small_is_said_when_it_is_proposed(bench):
    grant = next(one for one in personnel.role_grants(bench.shop.people["casey"]))
    personnel.revoke_role(grant.id, actor=bench.shop.actor("iris"), clock=bench.clock)
    assert codes(bench.proposed) == ("duties.no_two_deciders",)
    bench.with_cui()
    assert codes(bench.proposed) == ("duties.no_cui_owner",)


def test_one_connection_has_one_live_plan(bench):
    bench.approved()
    assert codes(bench.proposed) == ("plan.exists",)


def test_anybody_eligible_ends_a_plan_at_once_with_its_grants(bench):
    plan = bench.approved()
    with act(TICKER, bench.clock) as current:
        from_now = access.create_monitor_grant(current, plan.id, public_key=key(), lasting=timedelta(minutes=30))
    assert "role.missing" in codes(keep_plans.end, bench.shop.actor("sam"), bench.clock, plan.id, reason="Enough.")
    over = keep_plans.end(bench.shop.actor("casey"), bench.clock, plan.id, reason="The server is replaced.")
    assert (over.state, over.ended_by) == (PlanState.ENDED, bench.shop.people["casey"])
    assert access.grant(from_now.id).state is access.GrantState.REVOKED
    assert access.grant(from_now.id).end_reason == "plan.ended"
    assert "plan.not_approved" in may_monitor(bench, plan).codes
    assert "state.wrong" in codes(keep_plans.end, bench.shop.actor("casey"), bench.clock, plan.id, reason="Again.")


def key() -> str:
    return "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBERERERERERERERERERERERERERERERERERERERERER"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"address": "192.0.2.66"}, "asset.connection.address"),
        ({"port": 2222}, "asset.connection.port"),
        ({"target_account": "deploy"}, "asset.connection.target_account"),
        ({"elevation": "sudo"}, "asset.connection.elevation"),
        ({"watched_roots": ("/etc", "/srv")}, "asset.connection.watched_roots"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_any_change_of_what_was_frozen_voids_it_and_says_the_difference(bench, change, field):
    plan = bench.approved()
    bench.move_connection(**change)
    assert "content.changed" in may_monitor(bench, plan).codes
    assert keep_plans.look_after_plans(TICKER, bench.clock) == 1
    void = access.plan(plan.id)
    assert void.state is PlanState.VOID
    assert [one["field"] for one in void.differences] == [field]
    entry = evidence.last_entry(["monitoring_plan.voided"])
    assert entry.data["fields"] == [field]
    assert b"192.0.2.66" not in entry.body
    assert bench.proposed().id != plan.id


def test_a_cui_mark_that_appears_voids_it_and_an_owner_does_not(bench):
    plan = bench.approved()
    inventory.change_asset(
        bench.shop.asset, {"owner": "", "operating_system": "Debian 12"}, actor=bench.shop.actor("iris"),
        clock=bench.clock,
    )  # fmt: skip
    assert may_monitor(bench, plan).allowed
    assert keep_plans.look_after_plans(TICKER, bench.clock) == 0
    bench.with_cui()
    assert keep_plans.look_after_plans(TICKER, bench.clock) == 1
    fields = {one["field"] for one in access.plan(plan.id).differences}
    assert fields == {"asset.category", "asset.handles_cui"}


def test_another_collector_voids_it(bench):
    plan = bench.approved()
    changed = access.changes_since_plan_was_frozen(plan.id, "ab" * 32)
    assert changed == [{"field": "collector_sha256", "old": plan.collector_sha256, "new": "ab" * 32}]
    assert access.changes_since_plan_was_frozen(plan.id, plan.collector_sha256) == []
    other = access.may_monitor(
        plan.id, asset=plan.asset, connection=plan.connection, collector_sha256="ab" * 32, at=bench.clock.now()
    )
    assert other.codes == ("content.changed",)


def test_time_ends_it(bench):
    plan = bench.approved(days=2)
    bench.clock.advance(days=2)
    assert "plan.expired" in may_monitor(bench, plan).codes
    assert keep_plans.look_after_plans(TICKER, bench.clock) == 1
    assert access.plan(plan.id).state is PlanState.EXPIRED
    late = bench.proposed(days=1)
    bench.clock.advance(days=1)
    assert "plan.past" in codes(bench.decide, late, "avery")


def test_a_restore_voids_every_plan(bench):
    plan = bench.approved()
    with act(OPERATOR, bench.clock) as current:
        access.begin_epoch(current, "restored")
    assert "plan.old_epoch" in may_monitor(bench, plan).codes
    assert keep_plans.look_after_plans(TICKER, bench.clock) == 1
    assert [one["field"] for one in access.plan(plan.id).differences] == ["epoch"]


def test_only_a_process_notes_that_time_passed(bench):
    plan = bench.approved()
    with act(bench.shop.actor("iris"), bench.clock) as current:
        assert "actor.not_a_process" in codes(access.expire_plan, current, plan.id)
    with act(TICKER, bench.clock) as current:
        assert "plan.in_date" in codes(access.expire_plan, current, plan.id)


def test_no_person_gets_a_monitor_grant_and_none_stands_under_a_ticket(bench):
    plan = bench.approved()
    for who in (bench.shop.actor("iris"), bench.shop.actor("avery"), OPERATOR):
        with act(who, bench.clock) as current:
            refused = codes(
                access.create_monitor_grant, current, plan.id, public_key=key(), lasting=timedelta(minutes=5)
            )
        assert "access.system_only" in refused
    bench.ticket()
    with act(TICKER, bench.clock) as current:
        refused = codes(
            access.create_grant, current, ticket=bench.number, person="", asset=plan.asset,
            connection=plan.connection, purpose=access.Purpose.MONITOR, public_key=key(), valid_from=current.at,
            valid_until=current.at + timedelta(minutes=5), collector_sha256=plan.collector_sha256,
        )  # fmt: skip
    assert refused == ("access.needs_a_plan",)


def test_a_grant_never_outlives_its_plan(bench):
    plan = bench.approved(days=1)
    bench.clock.advance(hours=23, minutes=50)
    with act(TICKER, bench.clock) as current:
        given = access.create_monitor_grant(current, plan.id, public_key=key(), lasting=timedelta(minutes=30))
    assert (given.valid_until, given.ticket, given.person, given.plan) == (plan.valid_until, "", "", plan.id)
    assert access.admit(given.id, bench.clock.now()).destination.account == "maint"
    bench.clock.advance(minutes=10)
    assert {"access.expired", "plan.expired"} <= set(codes(access.admit, given.id, bench.clock.now()))


def test_no_plan_changes_outside_an_act(bench):
    plan = bench.proposed()
    with pytest.raises(UnrecordedWrite):
        MonitoringPlan.objects.filter(id=plan.id).update(state="approved")
