"""What makes a monitoring plan well formed, decided by two people, and in force: pure decisions over plain values.

Nobody is there when the system measures under a plan, so two people allow it in advance (3.1.4[b], 3.1.12[a]), on one
exact content, for a year at most; whoever proposed it decides nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from quarterdeck.access.terms import (
    LONGEST_CADENCE_HOURS,
    LONGEST_PLAN,
    SHORTEST_CADENCE_HOURS,
    PlanState,
    PlanView,
)
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import ALLOWED, Decision, all_of, refuse, require_that
from quarterdeck.personnel.terms import Role
from quarterdeck.tickets.terms import ApprovalRole

# act -> {state before: state after}
PLAN_TRANSITIONS: Mapping[str, Mapping[PlanState, PlanState]] = {
    "approve": {PlanState.PROPOSED: PlanState.APPROVED},
    "reject": {PlanState.PROPOSED: PlanState.REJECTED},
    "end": {PlanState.PROPOSED: PlanState.ENDED, PlanState.APPROVED: PlanState.ENDED},
    "expire": {PlanState.PROPOSED: PlanState.EXPIRED, PlanState.APPROVED: PlanState.EXPIRED},
    "void": {PlanState.PROPOSED: PlanState.VOID, PlanState.APPROVED: PlanState.VOID},
}
ROLE_OF = {ApprovalRole.APPROVER: Role.APPROVER, ApprovalRole.CUI_OWNER: Role.CUI_OWNER}
_ANEW = "Propose monitoring of this asset anew, and have it approved."


def may_move(act: str, state: PlanState) -> Decision:
    """Decide whether `act` exists from `state`; refusal `state.wrong`."""
    return require_that(
        state in PLAN_TRANSITIONS[act],
        "state.wrong",
        f"A monitoring plan that is {state.value} can't take the act '{act}'.",
        "Load it again." if state is PlanState.APPROVED else _ANEW,
    )


def well_formed(cadence_hours: int, valid_until: datetime, now: datetime) -> Decision:
    """Decide on cadence and end: four hours to 31 days, ahead, and within a year ("periodically", 32 CFR 170.4)."""
    return all_of(
        (
            require_that(
                SHORTEST_CADENCE_HOURS <= cadence_hours <= LONGEST_CADENCE_HOURS,
                "plan.cadence",
                f"A plan measures every {SHORTEST_CADENCE_HOURS} to {LONGEST_CADENCE_HOURS} hours (31 days).",
                "Choose how often; once a day suits most servers.",
            ),
            require_that(
                now < valid_until,
                "plan.past",
                "The plan ends before it begins.",
                "Choose an end that is still ahead.",
            ),
            require_that(
                valid_until - now <= LONGEST_PLAN,
                "plan.too_long",
                f"A monitoring plan lasts at most {LONGEST_PLAN.days} days; then people look at it again.",
                "Choose an earlier end.",
            ),
        )
    )


def can_be_watched(*, active: bool, watched_roots: Sequence[str]) -> Decision:
    """Decide whether the place is one that can be measured at all."""
    return all_of(
        (
            require_that(
                active, "asset.retired", "This asset or connection is out of use.", "Choose one that is in use."
            ),
            require_that(
                bool(watched_roots),
                "plan.nothing_watched",
                "The connection names no watched folders, so there is nothing to measure.",
                "Add watched folders to the connection first.",
            ),
        )
    )


def open_roles(handles_cui: bool, given: Collection[ApprovalRole]) -> tuple[ApprovalRole, ...]:
    """Return the roles in which a decision is still wanted when these approvals were given.

    For an asset with CUI one by an approver and one by a CUI owner; else two, at least one of them by an approver.
    """
    if handles_cui:
        return tuple(role for role in ApprovalRole if role not in given)
    if given and ApprovalRole.APPROVER not in given:
        return (ApprovalRole.APPROVER,)
    return tuple(ApprovalRole) if len(given) < 2 else ()


def is_complete(handles_cui: bool, given: Sequence[tuple[str, ApprovalRole]]) -> bool:
    """True when two different people gave the approvals that are wanted; a person counts once, however often named."""
    people = {person for person, _ in given}
    return len(people) >= 2 and len(people) == len(given) and not open_roles(handles_cui, [role for _, role in given])


def is_second_person(person: str, deciders: Collection[str]) -> Decision:
    """Nobody decides twice: the two of a plan are different people whatever policy lets tickets do."""
    return require_that(
        person not in deciders,
        "plan.decided_already",
        "You decided on this plan already; the second decision is another person's.",
        "Ask another approver or CUI owner, or a deputy.",
    )


def is_what_was_shown(now: str, told: str) -> Decision:
    """The content is still the one that was stored or shown (attacks.md row 27)."""
    return require_that(
        now == told,
        "content.moved",
        "The plan, or something that it freezes, has changed since you looked at it.",
        "Load it again and look at the difference; what has changed is proposed anew.",
    )


def role_is_wanted(role: ApprovalRole, wanted: Collection[ApprovalRole]) -> Decision:
    """The decision is one that is still missing."""
    words = role.value.replace("_", " ").replace("cui", "CUI")
    return require_that(
        role in wanted,
        "approval.given",
        f"A decision as {words} is not wanted on this plan any more.",
        "Load the plan again; it says what it waits for.",
    )


def has_two_deciders(approvers: Collection[str], owners: Collection[str]) -> Decision:
    """Decide whether two different people are left who may decide, at least one of them an approver.

    For assets without CUI; where there is CUI, the duties of tickets are asked instead.
    """
    if approvers and len({*approvers, *owners}) >= 2:
        return ALLOWED
    return refuse(
        "duties.no_two_deciders",
        "Nobody is left for one of the two decisions: a plan takes an approver and a second approver or CUI owner, "
        "neither of whom proposes it.",
        "Add a dated deputy or an external approver under People, or have somebody else propose it.",
    )


def is_in_force(plan: PlanView, epoch: int, at: datetime) -> Decision:
    """Decide whether the plan is approved, in date and of the current epoch at `at`."""
    return all_of(
        (
            require_that(
                plan.state is PlanState.APPROVED,
                "plan.not_approved",
                f"The monitoring plan is {plan.state.value}: nothing is measured under it.",
                "Have it approved by two people." if plan.state is PlanState.PROPOSED else _ANEW,
            ),
            require_that(
                at < plan.valid_until,
                "plan.expired",
                f"The monitoring plan ended {rfc3339(plan.valid_until)}.",
                _ANEW,
            ),
            require_that(
                plan.epoch == epoch,
                "plan.old_epoch",
                "The plan was made before Quarterdeck was restored from a backup; all such authority is void.",
                _ANEW,
            ),
        )
    )


def decisions_suffice(handles_cui: bool, given: Sequence[tuple[str, ApprovalRole]]) -> Decision:
    """Decide whether the sealed approvals of a plan are those of two people that it takes (attacks.md row 28)."""
    return require_that(
        is_complete(handles_cui, given),
        "plan.not_by_two",
        "The ledger does not carry the decisions of two people on this monitoring plan.",
        "Stop and tell the IT lead: somebody wrote into the database.",
    )


def none_is_missing(count: int) -> Decision:
    """No plan that the ledger tells of was taken out of the database."""
    return require_that(
        count == 0,
        "plan.missing",
        f"{count} monitoring plan{' is' if count == 1 else 's are'} in the ledger and not in the database.",
        "Stop and tell the IT lead: somebody wrote into the database.",
    )


def is_unchanged(content_now: str, content_hash: str) -> Decision:
    """Decide whether what was frozen still means what it meant when it was approved (attacks.md row 3)."""
    return require_that(
        content_now == content_hash,
        "content.changed",
        "What was approved has changed meanwhile (address, key, account, folders, category or CUI mark).",
        _ANEW,
    )


def no_work_under_way(number: str) -> Decision:
    """While a ticket of the asset is open or verified, the plan waits: the ticket measures its own work."""
    return require_that(
        not number,
        "plan.ticket_open",
        f"{number} works on this asset now; monitoring goes on when it has ended.",
        "Wait for the ticket's end.",
    )
