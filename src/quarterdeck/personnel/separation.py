"""Separation of duties (3.1.4): who may decide on a ticket, and whether a roster can carry it at all. Pure.

Approver and CUI owner are disjoint from requester, technicians and escort; the requester may be the technician. A CUI
asset needs both, two different people, unless policy lets one independent person hold both.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from quarterdeck.kernel.decision import ALLOWED, Decision, Reason, all_of, refuse, require_that
from quarterdeck.personnel.terms import DECIDING_ROLES, Role

ADD_DECIDER = "Add a dated deputy or an external {duty} under People, or name other technicians."


@dataclass(frozen=True, slots=True)
class Member:
    """One person of the roster with the roles held at the time of the work, deputyships included."""

    person_id: str
    roles: frozenset[Role]
    name: str = ""

    @property
    def shown(self) -> str:
        """The name for a sentence; the id where no name is known."""
        return self.name or self.person_id


@dataclass(frozen=True, slots=True)
class DutyNeeds:
    """What the ticket's assets and policy ask for."""

    cui: bool
    escort: bool = False
    one_person_may_hold_both: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """One way to fill the duties; empty where a duty is not needed."""

    approver: str
    cui_owner: str = ""
    escort: str = ""

    @property
    def one_person_holds_both(self) -> bool:
        """True when approver and CUI owner are the same person: the ticket says so."""
        return self.approver == self.cui_owner


@dataclass(frozen=True, slots=True)
class DutyPlan:
    """Whether the duties can be filled: one example and everybody who could fill each, or the reasons why not."""

    decision: Decision
    example: Assignment | None = None
    approvers: tuple[str, ...] = ()
    cui_owners: tuple[str, ...] = ()
    escorts: tuple[str, ...] = ()


def duties_satisfiable(
    roster: Sequence[Member],
    *,
    requester: str,
    technicians: Collection[str],
    escort: str = "",
    needs: DutyNeeds,
) -> DutyPlan:
    """Return who can fill the duties, or Refused reasons that name whom to add (codes duties.*)."""
    working = {requester, *technicians}
    named = _named_escort(roster, technicians, escort)
    approvers = _free(roster, Role.APPROVER, working | {escort})
    owners = _free(roster, Role.CUI_OWNER, working | {escort}) if needs.cui else [""]
    escorts = _escorts(roster, technicians, escort, needs)
    ways = [
        Assignment(approver, owner, guide)
        for approver in approvers
        for owner in owners
        for guide in escorts
        if _is_separate(approver, owner, guide, needs)
    ]
    if ways and named.allowed:
        ways.sort(key=lambda way: way.one_person_holds_both)
        return DutyPlan(
            ALLOWED,
            ways[0],
            _in_order(way.approver for way in ways),
            _in_order(way.cui_owner for way in ways if way.cui_owner),
            _in_order(way.escort for way in ways if way.escort),
        )
    missing = [
        _nobody_left(roster, Role.APPROVER, requester, technicians, escort) if not approvers else None,
        _nobody_left(roster, Role.CUI_OWNER, requester, technicians, escort) if not owners else None,
        _no_escort() if not escorts and named.allowed else None,
    ]
    reasons = named.reasons + tuple(reason for reason in missing if reason is not None)
    return DutyPlan(Decision(reasons or (_one_person_two_duties(roster, approvers, owners),)))


def may_decide(
    person: Member,
    duty: Role,
    *,
    requester: str,
    technicians: Collection[str],
    escort: str = "",
    decided: Mapping[Role, str],
    one_person_may_hold_both: bool = False,
) -> Decision:
    """Return whether this person may decide in this duty; `decided` names who decided in the other one already."""
    if duty not in DECIDING_ROLES:
        raise ValueError(f"{duty} decides nothing")
    words = duty.replace("_", " ")
    other = any(who == person.person_id for role, who in decided.items() if role is not duty)
    return all_of(
        (
            require_that(duty in person.roles, "duties.role_missing", f"{person.shown} is no {words}.",
                         f"Ask a {words} to decide."),
            require_that(person.person_id != requester, "duties.is_requester",
                         f"{person.shown} asked for this work and can't decide on it.", f"Ask another {words}."),
            require_that(person.person_id not in technicians, "duties.is_technician",
                         f"{person.shown} does this work and can't decide on it.", f"Ask another {words}."),
            require_that(not escort or person.person_id != escort, "duties.is_escort",
                         f"{person.shown} escorts this work and can't decide on it.", f"Ask another {words}."),
            require_that(not other or one_person_may_hold_both, "duties.same_person",
                         f"{person.shown} decided on this ticket in the other duty already.",
                         f"A second person must decide as {words}; policy may allow one independent person for both."),
        )
    )


def duties_are_separate(
    *, approver: str, cui_owner: str, requester: str, technicians: Collection[str], escort: str, needs: DutyNeeds
) -> Decision:
    """Return whether filled duties are still separate, asked again when a pool's person or an escort is bound."""
    working = {requester, *technicians} | ({escort} if escort else set())
    deciders = {approver} | ({cui_owner} if needs.cui else set())
    clash = sorted(deciders & working)
    return all_of(
        (
            require_that(not clash, "duties.decider_works",
                         f"Who decided also works on the ticket: {', '.join(clash)}.",
                         "Bind another technician or escort, or have another person decide."),
            require_that(not escort or escort not in technicians, "duties.escort_is_technician",
                         "The escort can't be a technician of the same ticket.", "Name another escort."),
            require_that(not needs.cui or bool(cui_owner), "duties.no_cui_owner",
                         "An asset with CUI needs the decision of a CUI owner.", "Ask a CUI owner to decide."),
            require_that(not needs.cui or approver != cui_owner or needs.one_person_may_hold_both,
                         "duties.same_person", "Approver and CUI owner are the same person.",
                         "A second person must decide; policy may allow one independent person for both."),
        )
    )


def _named_escort(roster: Sequence[Member], technicians: Collection[str], escort: str) -> Decision:
    if not escort:
        return ALLOWED
    holds = any(member.person_id == escort and Role.ESCORT in member.roles for member in roster)
    return all_of(
        (
            require_that(holds, "duties.escort_without_role", "The named escort doesn't hold the escort role.",
                         "Name another escort, or have the IT lead grant the role."),
            require_that(escort not in technicians, "duties.escort_is_technician",
                         "The escort can't be a technician of the same ticket.", "Name another escort."),
        )
    )


def _free(roster: Sequence[Member], role: Role, busy: Collection[str]) -> list[str]:
    return [member.person_id for member in roster if role in member.roles and member.person_id not in busy]


def _escorts(roster: Sequence[Member], technicians: Collection[str], escort: str, needs: DutyNeeds) -> list[str]:
    if escort or not needs.escort:
        return [escort]
    return _free(roster, Role.ESCORT, technicians)


def _is_separate(approver: str, owner: str, guide: str, needs: DutyNeeds) -> bool:
    if guide and guide in (approver, owner):
        return False
    return approver != owner or needs.one_person_may_hold_both


def _in_order(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids))


def _nobody_left(
    roster: Sequence[Member], role: Role, requester: str, technicians: Collection[str], escort: str
) -> Reason:
    words = role.replace("_", " ").replace("cui", "CUI")
    part = {requester: "the requester", escort: "the escort"} | dict.fromkeys(technicians, "a technician")
    held = [f"{member.shown} is {part[member.person_id]}" for member in roster if role in member.roles]
    sentence = f"Nobody is left who may decide as {words}: {'; '.join(held)}." if held else f"Nobody is {words}."
    return Reason(f"duties.no_{role}", sentence, ADD_DECIDER.format(duty=words))


def _no_escort() -> Reason:
    return Reason(
        "duties.no_escort",
        "Work by people without access authorisation needs an escort who is no technician, and nobody is left.",
        "Authorise the technician for these assets, or name an escort who doesn't do this work.",
    )


def _one_person_two_duties(roster: Sequence[Member], approvers: Sequence[str], owners: Sequence[str]) -> Reason:
    alone = set(approvers) | {owner for owner in owners if owner}
    names = ", ".join(member.shown for member in roster if member.person_id in alone)
    return refuse(
        "duties.one_person_two_duties",
        f"Approver, CUI owner and escort must be different people, and only {names} could fill them.",
        "Add a deputy, an external approver or another escort; policy may let one independent person "
        "be approver and CUI owner.",
    ).reasons[0]
