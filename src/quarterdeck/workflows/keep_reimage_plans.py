"""The register of reimage plans: the IT lead's acts, and the plan that a ticket's workstation leans on."""

from quarterdeck.backups import api as backups
from quarterdeck.backups.api import ReimagePlan
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.refusals import refusals_recorded


def set_plan(actor: Actor, clock: Clock, plan: ReimagePlan, steps: str) -> ReimagePlan:
    """Register or replace the plan of an image; its steps become an artifact. Refused for all but the IT lead."""
    with refusals_recorded(actor, clock, "reimage_plan.keep"):
        tickets.has_role(actor, [Role.IT_LEAD], clock.now()).require()
        seen = [inventory.asset(one) for one in plan.assets]
        backups.check_reimage(plan, steps, [one.asset_kind.value for one in seen], clock.now()).require()
        document = evidence.store_artifact(
            steps.strip().encode(),
            media_type="text/plain",
            role="reimage_plan",
            name="reimage-plan.txt",
            may_contain_cui=any(one.handles_cui for one in seen),
        )
        with evidence.act(actor, clock) as act:
            return backups.set_reimage_plan(act, plan, steps, document)


def end_plan(actor: Actor, clock: Clock, plan: str) -> None:
    """End a plan; Refused for anybody but the IT lead."""
    with refusals_recorded(actor, clock, "reimage_plan.keep"), evidence.act(actor, clock) as act:
        backups.end_reimage_plan(act, plan)


def lean_on_plan(actor: Actor, clock: Clock, *, ticket: str, asset: str) -> ReimagePlan:
    """Record that the ticket's workstation is brought back by its plan; Refused when none counts."""
    with evidence.act(actor, clock) as act:
        return backups.record_reimage_plan(act, ticket=ticket, asset=asset)
