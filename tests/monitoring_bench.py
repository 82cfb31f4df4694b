"""A shop whose server watches a folder of this machine, and a monitoring plan on it: what tests of monitoring need."""

from datetime import timedelta
from pathlib import Path

from tests.access_shop import Place, Shop, approved_ticket, authorise, make_shop
from tests.clock import StillClock
from tests.measuring import LocalChannel, LocalMonitorChannel

from quarterdeck.access import api as access
from quarterdeck.access.api import PlanView
from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import Disposition, Phase
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import system
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, Verdict
from quarterdeck.workflows import keep_plans, run_plans
from quarterdeck.workflows.settle_findings import settle_finding
from quarterdeck.workflows.take_baseline import take_baseline

TICKER = system("ticker")
REASON = "Nobody is there at night; changes without a ticket have to be seen."
BY_PACKAGE = "The distribution's timer installed this; compared with another host."
APPROVER, CUI_OWNER = ApprovalRole.APPROVER, ApprovalRole.CUI_OWNER


class MonitoringBench:
    """Everybody of the shop, `web01` without CUI, and the verbs of a plan's life in one word each."""

    def __init__(self, clock: StillClock, tree: Path | None = None) -> None:
        self.clock, self.tree = clock, tree
        roots = ("/etc",) if tree is None else (str(tree),)
        if tree is not None:
            (tree / "web").mkdir()
            (tree / "web" / "site.conf").write_text("listen 80\n")
            (tree / "other.conf").write_text("x\n")
        self.channel, self.ticket_channel = LocalMonitorChannel(), LocalChannel()
        self.shop: Shop = make_shop(clock, {"web01": Place(watched_roots=roots)})
        authorise(self.shop, "sam")
        self.number = ""

    def with_cui(self) -> None:
        """Let the server handle CUI from now on."""
        inventory.change_asset(
            self.shop.asset, {"handles_cui": True, "category": "cui_asset"}, actor=self.shop.actor("iris"),
            clock=self.clock,
        )  # fmt: skip

    def proposed(self, *, by: str = "iris", hours: int = 24, days: float = 200, reason: str = REASON) -> PlanView:
        return keep_plans.propose(
            self.shop.actor(by), self.clock, asset=self.shop.asset, connection=self.shop.connection,
            cadence_hours=hours, valid_until=self.clock.now() + timedelta(days=days), reason=reason,
        )  # fmt: skip

    def decide(
        self,
        plan: PlanView,
        who: str,
        role: ApprovalRole = APPROVER,
        verdict: Verdict = Verdict.APPROVED,
        content_hash: str = "",
        reason: str = "The folders are the right ones.",
    ) -> PlanView:
        return keep_plans.decide(
            self.shop.actor(who), self.clock, plan.id, role=role, verdict=verdict,
            content_hash=content_hash or plan.content_hash, reason=reason,
        )  # fmt: skip

    def approved(self, **how: object) -> PlanView:
        plan = self.proposed(**how)  # type: ignore[arg-type]
        self.decide(plan, "avery")
        return self.decide(plan, "casey", CUI_OWNER)

    def tick(self, **by: float) -> bool:
        """Let time pass and the ticker run what is due."""
        self.clock.advance(**by)
        return run_plans.run_next_plan(TICKER, self.clock, lambda: self.channel)

    def plan(self, plan: PlanView) -> PlanView:
        return access.plan(plan.id)

    def move_connection(self, **changes: object) -> None:
        """Change how the server is reached, as the IT lead may."""
        before = inventory.connection(self.shop.connection)
        fields = {name: getattr(before.fields, name) for name in before.fields.__dataclass_fields__} | changes
        inventory.set_connection(
            self.shop.asset, inventory.ConnectionFields(**fields), actor=self.shop.actor("iris"),
            clock=self.clock, connection_id=self.shop.connection,
        )  # fmt: skip

    def files(self, finding: baselines.DriftView) -> dict[str, baselines.DriftItemView]:
        """The differing files of a finding by their path in the tree; this machine's posture is not the test's."""
        return {item.path.removeprefix(str(self.tree)): item for item in finding.items if item.source != "posture"}

    def newest(self) -> baselines.DriftView:
        """The newest finding that is about files, and not only about what this machine's other programs did."""
        return next(one for one in baselines.findings(self.shop.asset) if self.files(one))

    def with_files(self) -> list[baselines.DriftView]:
        return [one for one in baselines.findings(self.shop.asset) if self.files(one)]

    def settle(
        self,
        finding: baselines.DriftView,
        who: str = "avery",
        how: Disposition = Disposition.EXPLAINED,
        ticket: str = "",
        reason: str = BY_PACKAGE,
    ) -> baselines.DriftView:
        self.clock.advance(seconds=5)
        chosen = [item.id for item in finding.open_items]
        return settle_finding(
            finding.id, chosen, how=how, reason=reason, ticket=ticket, actor=self.shop.actor(who), clock=self.clock
        )

    def settle_postures(self) -> None:
        """Settle what other programs of this machine changed meanwhile, so that only files are left."""
        for finding in baselines.findings(self.shop.asset, open_only=True):
            waiting = [item.id for item in finding.open_items if item.source == "posture"]
            if waiting:
                self.clock.advance(seconds=5)
                settle_finding(
                    finding.id, waiting, how=Disposition.EXPLAINED, reason=BY_PACKAGE,
                    actor=self.shop.actor("avery"), clock=self.clock,
                )  # fmt: skip

    def ticket(self, **content: object) -> str:
        """An approved ticket on the server."""
        self.number = approved_ticket(self.shop, **content)  # type: ignore[arg-type]
        return self.number

    def measure(self, phase: Phase) -> None:
        self.clock.advance(seconds=5)
        taken = take_baseline(self.number, phase, channel=self.ticket_channel, actor=TICKER, clock=self.clock)
        assert not taken.failures or phase is Phase.AFTER, taken.failures

    def open(self) -> None:
        with evidence.act(self.shop.actor("sam"), self.clock) as act:
            tickets.open_ticket(act, self.number)

    def end_work(self) -> None:
        self.clock.advance(seconds=5)
        with evidence.act(self.shop.actor("sam"), self.clock) as act:
            tickets.end_work(act, self.number)

    def close(self) -> None:
        self.clock.advance(seconds=5)
        summary = evidence.store_artifact(
            b"Done.", media_type="text/plain", role="summary", name="s.txt", may_contain_cui=False
        )
        with evidence.act(self.shop.actor("sam"), self.clock) as act:
            tickets.close(act, self.number, rolled_back=False, summary=summary)

    def fact(self, kind: str) -> evidence.Fact:
        return evidence.facts(asset=self.shop.asset, kinds=[kind])[-1]
