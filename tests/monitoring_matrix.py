"""Who may do what to a monitoring plan in which state, and to a finding: the part of the matrix about monitoring."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.measuring import LocalMonitorChannel
from tests.shop import Shop

from quarterdeck.access import api as access
from quarterdeck.access.api import PlanState, PlanView
from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import Disposition, DriftView
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, ArtifactRef
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import system
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, Verdict
from quarterdeck.workflows import keep_plans, run_plans
from quarterdeck.workflows.watch_state import may_read_findings

TICKER = system("ticker")
REASON = "As the page showed it."
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBERERERERERERERERERERERERERERERERERERERERERER"[:80]
MOVED = [{"field": "asset.connection.port", "old": "22", "new": "2222"}]
Allowed = Callable[[Shop, str, Callable[[Act], object]], bool]
States = dict[str, dict[str, dict[str, bool]]]
Plain = dict[str, dict[str, bool]]


@dataclass(frozen=True)
class Sight:
    """The plan that the verbs are tried on."""

    plan: PlanView
    frozen: ArtifactRef


def decide(role: ApprovalRole, verdict: Verdict = Verdict.APPROVED) -> Callable[[Act, Sight], object]:
    return lambda act, on: access.decide_plan(
        act, on.plan.id, role=role, verdict=verdict, content_hash=on.plan.content_hash, reason=REASON
    )


def refuse(act: Act, on: Sight) -> None:
    owns = personnel.Role.CUI_OWNER in personnel.roles_of(act.actor.id, act.at)
    decide(ApprovalRole.CUI_OWNER if owns else ApprovalRole.APPROVER, Verdict.REFUSED)(act, on)


VERBS: dict[str, Callable[[Act, Sight], object]] = {
    "approve as approver": decide(ApprovalRole.APPROVER),
    "approve as CUI owner": decide(ApprovalRole.CUI_OWNER),
    "refuse": refuse,
    "end": lambda act, on: access.end_plan(act, on.plan.id, REASON),
    "expire (after its end)": lambda act, on: access.expire_plan(act, on.plan.id),
    "void (when what it froze has changed)": lambda act, on: access.void_plan(act, on.plan.id, MOVED),
    "measure under it": lambda act, on: access.create_monitor_grant(
        act, on.plan.id, public_key=KEY, lasting=timedelta(minutes=5)
    ),
}
AFTER_ITS_END = "expire (after its end)"


@dataclass
class Ground:
    """A CUI server whose watched folder is on this machine, and how plans on it are made."""

    shop: Shop
    asset: str
    connection: str

    def proposed(self) -> PlanView:
        return keep_plans.propose(
            self.shop.actor("it_lead"), self.shop.clock, asset=self.asset, connection=self.connection,
            cadence_hours=24, valid_until=self.shop.clock.now() + timedelta(days=90), reason=REASON,
        )  # fmt: skip

    def decided(self, plan: PlanView, column: str, verdict: Verdict = Verdict.APPROVED) -> PlanView:
        return keep_plans.decide(
            self.shop.actor(column), self.shop.clock, plan.id, role=ApprovalRole(column), verdict=verdict,
            content_hash=plan.content_hash, reason=REASON,
        )  # fmt: skip

    def approved(self) -> PlanView:
        return self.decided(self.decided(self.proposed(), "approver"), "cui_owner")

    def in_state(self, state: PlanState) -> PlanView:
        if state is PlanState.PROPOSED:
            return self.proposed()
        if state is PlanState.REJECTED:
            return self.decided(self.proposed(), "approver", Verdict.REFUSED)
        plan = self.approved()
        if state is PlanState.VOID:
            with evidence.act(TICKER, self.shop.clock) as act:
                access.void_plan(act, plan.id, MOVED)
        if state is PlanState.ENDED:
            keep_plans.end(self.shop.actor("approver"), self.shop.clock, plan.id, reason=REASON)
        if state is PlanState.EXPIRED:
            self.shop.clock.advance(days=90)
            keep_plans.look_after_plans(TICKER, self.shop.clock)
        return access.plan(plan.id)

    def sight(self, plan: PlanView) -> Sight:
        frozen = evidence.store_artifact(
            tickets.snapshot_bytes(access.frozen_plan(plan.id)), media_type="application/json", role="snapshot",
            name="p.json", may_contain_cui=True,
        )  # fmt: skip
        return Sight(plan, frozen)


def ground(shop: Shop, tree: Path) -> Ground:
    (tree / "site.conf").write_text("listen 80\n")
    lead = shop.actor("it_lead")
    server = inventory.add_asset(
        inventory.AssetFields(
            hostname="fs02", category="cui_asset", category_reason="Drawings.", owner=shop.ids["cui_owner"],
            handles_cui=True, asset_kind="server",
        ),
        actor=lead, clock=shop.clock,
    )  # fmt: skip
    way = inventory.set_connection(
        server.id,
        inventory.ConnectionFields(
            address="192.0.2.8", target_account="maint", host_identity=KEY, watched_roots=(str(tree),)
        ),
        actor=lead, clock=shop.clock,
    )  # fmt: skip
    return Ground(shop, server.id, way.id)


def plan_table(
    made: Ground, columns: tuple[str, ...], allowed: Allowed, aside: Callable[[], AbstractContextManager[None]]
) -> States:
    """Try every verb as everybody on a plan in each state."""
    table: States = {name: {column: {} for column in columns} for name in VERBS}
    for state in PlanState:
        with aside():
            before = made.shop.clock.now()
            on = made.sight(made.in_state(state))
            assert on.plan.state is state
            for name, verb in VERBS.items():
                late = timedelta(days=90) if name == AFTER_ITS_END else timedelta(0)
                made.shop.clock.advance(seconds=late.total_seconds())
                for column in columns:
                    table[name][column][state.value] = allowed(
                        made.shop, column, lambda act, verb=verb, on=on: verb(act, on)
                    )
                made.shop.clock.advance(seconds=-late.total_seconds())
            made.shop.clock.advance(seconds=(before - made.shop.clock.now()).total_seconds())
    return table


def a_finding(made: Ground, tree: Path) -> DriftView:
    """Measure, change a watched file, measure again."""
    plan, channel = made.approved(), LocalMonitorChannel()
    run_plans.run_plan(TICKER, made.shop.clock, plan, channel)
    (tree / "site.conf").write_text("listen 8080\n")
    made.shop.clock.advance(days=1)
    run_plans.run_plan(TICKER, made.shop.clock, plan, channel)
    return baselines.findings(made.asset)[0]


def plain_table(
    made: Ground,
    tree: Path,
    columns: tuple[str, ...],
    allowed: Allowed,
    aside: Callable[[], AbstractContextManager[None]],
) -> Plain:
    """Try what needs no state of a plan as everybody."""
    with aside():
        plan = made.proposed()
        snapshot = made.sight(plan).frozen
        keep_plans.end(made.shop.actor("approver"), made.shop.clock, plan.id, reason=REASON)

        said = access.PlanFields(
            made.asset, made.connection, plan.collector_sha256, 24, plan.valid_until, REASON
        )

        def propose(act: Act) -> None:
            content = tickets.content_hash(access.plan_content(said, act.actor.id))
            mine = ArtifactRef(content, 1, "snapshot", "p.json", "application/json")
            access.propose_plan(act, said, snapshot=snapshot if content == snapshot.sha256 else mine)

        told = {"propose a monitoring plan": {one: allowed(made.shop, one, propose) for one in columns}}
    with aside():
        finding = a_finding(made, tree)
        why = evidence.store_artifact(
            REASON.encode(), media_type="text/plain", role="reason", name="r.txt", may_contain_cui=True
        )

        def settle(act: Act) -> None:
            baselines.settle_finding(
                act, finding.id, [finding.open_items[0].id], how=Disposition.EXPLAINED, reason=REASON, document=why
            )

        def read(act: Act) -> None:
            may_read_findings(personnel.roles_of(act.actor.id, act.at)).require()

        for name, verb in (("settle a finding between tickets", settle), ("read findings between tickets", read)):
            told[name] = {one: allowed(made.shop, one, verb) for one in columns}
    return told


def section(table: States, words: Mapping[str, str], columns: tuple[str, ...]) -> list[str]:
    """Return the lines of the page about monitoring plans."""
    lines = ["", "## To a monitoring plan", ""]
    lines += [
        "The plan is about a server that handles CUI and was proposed by the IT lead. A cell names the states in which",
        "the act is possible. A person decides once on a plan, whatever the roles.",
        "",
        "| act | " + " | ".join(words.get(c, c) for c in columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for name, by_column in table.items():
        cells = [
            ", ".join(state.value for state in PlanState if by_column[column][state.value]) or "-" for column in columns
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines
