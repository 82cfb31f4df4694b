"""The mark "may contain CUI" of a file: put on by anybody who works here, taken off by a CUI owner alone; recorded."""

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import ObjectRef, act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import all_of, require_that
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.refusals import refusals_recorded

# facts.md section 6; 32 CFR 170.19(c)(1): what stores CUI is a CUI asset, assessed against all 110 requirements.
WARNING = (
    "If this file holds CUI, this server stores CUI and becomes a CUI asset, assessed against all 110 requirements "
    "(32 CFR 170.19). Keep proof instead where you can: job id, hash and size, or a redacted copy."
)
_OWNERS = (Role.CUI_OWNER,)
_WORKERS = (Role.REQUESTER, Role.TECHNICIAN, Role.APPROVER, Role.CUI_OWNER, Role.ESCORT, Role.IT_LEAD)


def mark(actor: Actor, clock: Clock, sha256: str, *, may_contain_cui: bool, reason: str, of: str = "") -> None:
    """Put the mark on a file or take it off, with a reason; Refused is recorded too."""
    with refusals_recorded(actor, clock, "artifact.mark_cui", of or None), act(actor, clock) as current:
        known = evidence.artifact(sha256)
        all_of(
            [
                tickets.has_role(actor, _WORKERS if may_contain_cui else _OWNERS, current.at),
                *([] if may_contain_cui else [tickets.stepped_up(actor, current.at)]),
                tickets.usable_reason(reason),
                require_that(
                    known is not None, "artifact.unknown", "The evidence store does not know this file.", "See Files."
                ),
                require_that(
                    known is None or known.may_contain_cui is not may_contain_cui,
                    "artifact.marked_already",
                    "The mark stands so already.",
                    "Nothing is to be done.",
                ),
            ]
        ).require()
        evidence.mark_cui(current, sha256, may_contain_cui=may_contain_cui)
        current.record(
            "artifact.cui_marked" if may_contain_cui else "artifact.cui_cleared",
            ObjectRef("artifact", sha256),
            data={"of": of, "reason": current.commitment(reason)},
        )
