"""Keeping the rules of drift: an act of the IT lead with a fresh second factor and a reason; the file is evidence."""

from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import RulesView
from quarterdeck.evidence.api import act, store_artifact
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import all_of
from quarterdeck.personnel.api import Role
from quarterdeck.tickets.api import has_role, readable, stepped_up
from quarterdeck.workflows.refusals import refusals_recorded


def adopt(actor: Actor, clock: Clock, text: str, *, reason: str) -> RulesView:
    """Adopt another rules file; comparisons from now on use it, what was compared before stays as it was judged."""
    with refusals_recorded(actor, clock, "drift_rules.adopt"):
        all_of((has_role(actor, [Role.IT_LEAD], clock.now()), stepped_up(actor, clock.now()), readable(text))).require()
        baselines.check_rules(text)
        stored = store_artifact(
            text.encode(), media_type="application/toml", role="drift-rules", name="drift-rules.toml",
            may_contain_cui=False,
        )  # fmt: skip
        with act(actor, clock) as current:
            return baselines.adopt_rules(current, text, reason=reason, document=stored)
