"""A monitoring plan on a real, prepared sshd: approved by two, measured by the ticker, a change found and settled."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.access_shop import Place, Shop, make_shop
from tests.access_signer import NearSigner, near_signer
from tests.lab.loopback_sshd import ACCOUNT, GATE, Lab, RunningSshd, lab_folder, prepared_files, running_sshd

from quarterdeck.access import api as access
from quarterdeck.access.api import GrantState, PlanView, Purpose
from quarterdeck.adapters.measure_channel import SshMonitorChannel
from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import Disposition, DriftView, RunOutcome
from quarterdeck.entrypoints.ticker.loop import Duty, Ticker
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Outcome
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.tickets.api import ApprovalRole, Verdict
from quarterdeck.workflows import keep_plans, run_plans
from quarterdeck.workflows.settle_findings import settle_finding

pytestmark = pytest.mark.django_db(transaction=True)
TICKER = system("ticker")
CLOCK = SystemClock()
REASON = "Changed by hand on the machine for this very test."


class Watch:
    """The shop, its plan on a real target, and the signer and channel that lead there."""

    def __init__(self, lab: Lab, server: RunningSshd) -> None:
        self.lab, self.server = lab, server
        self.tree = lab.folder / "watched"
        self.tree.mkdir()
        (self.tree / "site.conf").write_text("listen 80\n")
        place = Place(
            server.destination.address, server.destination.port, server.destination.account,
            server.destination.host_identity, (str(self.tree),),
        )  # fmt: skip
        self.shop: Shop = make_shop(CLOCK, {"web01": place})
        self.signer: NearSigner = near_signer(lab.folder / "signer", CLOCK, gate_address=GATE)
        self.channel = SshMonitorChannel(self.signer, actor=TICKER, clock=CLOCK)

    def approved(self) -> PlanView:
        plan = keep_plans.propose(
            self.shop.actor("iris"), CLOCK, asset=self.shop.asset, connection=self.shop.connection, cadence_hours=4,
            valid_until=CLOCK.now() + timedelta(days=30), reason="Changes without a ticket have to be seen.",
        )  # fmt: skip
        for who, role in (("avery", ApprovalRole.APPROVER), ("casey", ApprovalRole.CUI_OWNER)):
            plan = keep_plans.decide(
                self.shop.actor(who), CLOCK, plan.id, role=role, verdict=Verdict.APPROVED,
                content_hash=plan.content_hash, reason="The folders are the right ones.",
            )  # fmt: skip
        return plan

    def tick(self) -> None:
        """One beat of the ticker with the duty of monitoring."""
        duty = Duty("monitoring", 15, lambda: run_plans.run_next_plan(TICKER, CLOCK, lambda: self.channel))
        assert Ticker([duty], CLOCK).beat() == ["monitoring"]

    def run_now(self, plan: PlanView) -> baselines.RunView:
        """The next run, without waiting for its cadence: certificates live in real time."""
        run = run_plans.run_plan(TICKER, CLOCK, plan, self.channel)
        assert run is not None
        return run

    def finding(self) -> DriftView:
        return next(
            one for one in baselines.findings(self.shop.asset) if any(item.source == "file" for item in one.items)
        )


@pytest.fixture
def lab() -> Iterator[Lab]:
    with lab_folder() as made:
        yield made


@pytest.fixture
def watch(lab: Lab) -> Iterator[Watch]:
    with running_sshd(lab, prepared_files(lab)) as server:
        yield Watch(lab, server)


def test_from_a_plan_to_a_finding_that_somebody_closes(watch: Watch) -> None:
    plan = watch.approved()
    watch.tick()
    assert [run.outcome for run in baselines.runs(plan.id)] == [RunOutcome.MEASURED]
    given = access.grants(plan=plan.id)
    assert [(one.purpose, one.state, one.end_reason, one.person) for one in given] == [
        (Purpose.MONITOR, GrantState.ENDED, "measure.done", "")
    ] * 2
    assert f"{plan.id}:monitor:{given[0].id}" in watch.server.log
    assert watch.signer.reconcile() == []
    watch.tick()
    assert len(baselines.runs(plan.id)) == 1, "the next one is due in four hours"

    (watch.tree / "site.conf").write_text("listen 80\nlisten 8080\n")
    assert watch.run_now(plan).outcome is RunOutcome.MEASURED
    found = watch.finding()
    (item,) = [one for one in found.items if one.source == "file"]
    assert item.path == str(watch.tree / "site.conf")
    assert item.is_open
    assert evidence.facts(asset=watch.shop.asset, kinds=["drift.monitored"])[-1].outcome is Outcome.FAILED

    chosen = [one.id for one in found.open_items]
    after = settle_finding(
        found.id, chosen, how=Disposition.REVERTED, reason=REASON, actor=watch.shop.actor("avery"), clock=CLOCK
    )
    assert after.open_items == ()
    assert baselines.check_findings(watch.shop.asset).allowed
    assert evidence.verify_ledger().problems == []


def test_a_target_that_is_gone_is_not_known(watch: Watch) -> None:
    plan = watch.approved()
    watch.server.process.terminate()
    watch.server.process.wait(10)
    watch.tick()
    (run,) = baselines.runs(plan.id)
    assert run.outcome is RunOutcome.FAILED
    assert "could not be reached" in run.said
    assert access.grants(plan=plan.id)[0].end_reason == "measure.failed"
    watch.tick()
    assert len(baselines.runs(plan.id)) == 1, "not in a tight loop"


def test_a_target_that_does_not_know_our_principal_is_not_known(watch: Watch) -> None:
    plan = watch.approved()
    (watch.lab.folder / "etc" / "principals" / ACCOUNT).write_text("qd:somebody@else\n")
    watch.tick()
    assert "refused the gate's certificate" in baselines.runs(plan.id)[0].said


def test_a_place_that_changed_after_approval_is_not_dialled(watch: Watch) -> None:
    plan, before = watch.approved(), watch.server.log
    shop = watch.shop
    moved = replace(shop.assets["web01"].connections[0].fields, watched_roots=("/",))
    inventory.set_connection(shop.asset, moved, actor=shop.actor("iris"), clock=CLOCK, connection_id=shop.connection)
    watch.tick()
    assert baselines.runs(plan.id) == []
    assert watch.server.log == before
    assert watch.signer.status()["signed"] == 0
