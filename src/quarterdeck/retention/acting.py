"""The acts of keeping: adopt a policy, place and release holds, propose, confirm and refuse the end of files."""

from collections.abc import Sequence

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, ArtifactRef, JsonValue, ObjectRef
from quarterdeck.kernel.decision import Decision, all_of, require_that
from quarterdeck.kernel.ids import new_id
from quarterdeck.personnel.api import Role
from quarterdeck.retention import reading
from quarterdeck.retention.rules import MOST_FILES, may_confirm, may_end, usable_rule
from quarterdeck.retention.terms import EndKind, HoldScope, KeptClass, Proposal, Rule
from quarterdeck.tickets import api as tickets

KEEPERS = (Role.IT_LEAD, Role.CUI_OWNER, Role.APPROVER)
READERS = (*KEEPERS, Role.ASSESSOR)
_EVENT = {EndKind.DISPOSAL: "artifact.disposed", EndKind.REDACTION: "artifact.redacted"}


def may_read(act_roles: frozenset[Role]) -> Decision:
    """Decide whether somebody with these roles may see what is kept how long."""
    return require_that(
        bool(act_roles & set(READERS)),
        "reading.denied",
        "How long evidence is kept is shown to approvers, CUI owners, the IT lead and the assessor.",
        "Ask one of them.",
    )


def adopt(act: Act, rules: Sequence[Rule]) -> None:
    """Adopt a policy, a rule a class; it never shortens what is kept already. The IT lead, with a second factor."""
    all_of(
        [
            tickets.has_role(act.actor, (Role.IT_LEAD,), act.at),
            tickets.stepped_up(act.actor, act.at),
            require_that(
                sorted(rule.kept for rule in rules) == sorted(KeptClass),
                "retention.classes",
                "A policy has one rule for each class.",
                f"Give a rule for each of: {', '.join(KeptClass)}.",
            ),
            *(usable_rule(rule) for rule in rules),
        ]
    ).require()
    told: list[JsonValue] = [
        {
            "class": rule.kept.value,
            "days": rule.days,
            "closing_years": rule.closing_years,
            "contract_until": "" if rule.contract_until is None else rule.contract_until.isoformat(),
        }
        for rule in rules
    ]
    act.record(reading.ADOPTED, ObjectRef("retention", "policy"), data={"rules": told})


def place_hold(act: Act, scope: HoldScope, of: str, reason: str) -> str:
    """Place a legal hold and return its id; approver, CUI owner or IT lead."""
    known = (
        tickets.exists(of)
        if scope is HoldScope.TICKET
        else of in evidence.artifact_index().uses
        if scope is HoldScope.FILE
        else not of
    )
    all_of(
        [
            tickets.has_role(act.actor, KEEPERS, act.at),
            tickets.usable_reason(reason),
            require_that(known, "hold.of", "There is no such thing to hold.", "Name a ticket or a file's SHA-256."),
        ]
    ).require()
    hold_id = new_id("lh")
    data: dict[str, JsonValue] = {"scope": scope.value, "of": of, "reason": act.commitment(reason)}
    act.record(reading.PLACED, ObjectRef("hold", hold_id), data=data)
    return hold_id


def release_hold(act: Act, hold_id: str, reason: str) -> None:
    """Release a legal hold, with a reason and a fresh second factor; somebody else than who placed it."""
    found = reading.hold(hold_id)
    all_of(
        [
            tickets.has_role(act.actor, KEEPERS, act.at),
            tickets.stepped_up(act.actor, act.at),
            tickets.usable_reason(reason),
            require_that(found.stands, "hold.released", "This hold was released already.", "Nothing is to be done."),
            require_that(
                found.placed_by != act.actor.id,
                "hold.same_person",
                "Two people end a hold: you placed it.",
                "Ask another approver, CUI owner or IT lead.",
            ),
        ]
    ).require()
    act.record(reading.RELEASED, ObjectRef("hold", hold_id), data={"reason": act.commitment(reason)})


def may_propose(act: Act, kind: EndKind, files: Sequence[str], reason: str) -> Decision:
    """Decide whether these files may be proposed for their end."""
    return all_of(
        [
            tickets.has_role(act.actor, KEEPERS, act.at),
            tickets.usable_reason(reason),
            require_that(
                0 < len(files) <= MOST_FILES and len(set(files)) == len(files),
                "disposal.files",
                f"A proposal is about 1 to {MOST_FILES} files, each named once.",
                "Choose fewer, or propose twice.",
            ),
            *(may_end(one, kind, act.at) for one in reading.kept_some(files, act.at)),
        ]
    )


def propose(act: Act, kind: EndKind, files: Sequence[str], reason: str, copy: ArtifactRef | None = None) -> str:
    """Propose the end of files and return the proposal's id; `copy`, stored before, is to stand for a redacted one."""
    may_propose(act, kind, files, reason).require()
    proposal_id = new_id("dp")
    act.record(
        reading.PROPOSED,
        ObjectRef("disposal", proposal_id),
        data={"kind": kind.value, "files": list(files), "reason": act.commitment(reason)},
        artifacts=[] if copy is None else [copy],
    )
    return proposal_id


def confirm(act: Act, proposal: Proposal, copy: ArtifactRef | None = None) -> None:
    """Confirm a proposal: its files end now. Another person, with a fresh second factor; holds are asked again."""
    all_of(
        [
            tickets.has_role(act.actor, KEEPERS, act.at),
            tickets.stepped_up(act.actor, act.at),
            may_confirm(reading.proposal(proposal.id, act.at), act.actor.id),
            *(may_end(one, proposal.kind, act.at) for one in reading.kept_some(proposal.files, act.at)),
        ]
    ).require()
    reason = act.commitment(f"Proposed by {proposal.by}: {proposal.reason}")
    act.record(reading.CONFIRMED, ObjectRef("disposal", proposal.id), data={"reason": reason})
    for sha256 in proposal.files:
        act.record(
            _EVENT[proposal.kind],
            ObjectRef("artifact", sha256),
            data={"disposal": proposal.id, "proposed_by": proposal.by},
            artifacts=[] if copy is None else [copy],
        )
        evidence.give_up(act, sha256, "redacted" if proposal.kind is EndKind.REDACTION else "disposed")


def refuse_proposal(act: Act, proposal_id: str, reason: str) -> None:
    """Refuse a proposal, with a reason; another person than who made it."""
    all_of(
        [
            tickets.has_role(act.actor, KEEPERS, act.at),
            tickets.usable_reason(reason),
            may_confirm(reading.proposal(proposal_id, act.at), act.actor.id),
        ]
    ).require()
    act.record(reading.REFUSED, ObjectRef("disposal", proposal_id), data={"reason": act.commitment(reason)})
