"""Which act leads from which state to which, and what a ticket's shape must be: one transition table.

The diagram in the docs is generated from TRANSITIONS and compared by a test.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from quarterdeck.kernel.decision import ALLOWED, Decision, all_of, refuse, require_that
from quarterdeck.kernel.windows import Window
from quarterdeck.tickets.rollback_rules import sound_plan
from quarterdeck.tickets.terms import FINAL_STATES, Allowance, Content, MaintenanceType, Method, State

# act -> {state before: state after}
TRANSITIONS: Mapping[str, Mapping[State, State]] = {
    "edit": {
        State.DRAFT: State.DRAFT,
        State.SUBMITTED: State.SUBMITTED,
        State.APPROVED: State.SUBMITTED,
        State.SCHEDULED: State.SUBMITTED,
    },
    "submit": {State.DRAFT: State.SUBMITTED},
    "approve": {State.SUBMITTED: State.APPROVED},
    "refuse": {State.SUBMITTED: State.REJECTED, State.APPROVED: State.REJECTED, State.SCHEDULED: State.REJECTED},
    "schedule": {State.APPROVED: State.SCHEDULED},
    "withdraw": {
        State.DRAFT: State.WITHDRAWN,
        State.SUBMITTED: State.WITHDRAWN,
        State.APPROVED: State.WITHDRAWN,
        State.SCHEDULED: State.WITHDRAWN,
    },
    "expire": {State.SUBMITTED: State.EXPIRED, State.APPROVED: State.EXPIRED, State.SCHEDULED: State.EXPIRED},
    "open": {State.SCHEDULED: State.OPEN},
    "end_work": {State.OPEN: State.VERIFYING},
    "reopen": {State.VERIFYING: State.OPEN},
    "close": {State.VERIFYING: State.CLOSED},
    "roll_back": {State.VERIFYING: State.ROLLED_BACK},
}

# C0 and C1 controls but tab and line ends, embedding and override marks, halves of surrogate pairs.
_UNSEEN = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")
MOST_PATHS, LONGEST_PATH = 500, 1_024
VENDOR_WINDOW_CAP = timedelta(hours=12)
LONGEST_WINDOW = timedelta(days=14)
CUI_PREAPPROVAL = timedelta(days=90)
RATIFICATION_BUSINESS_DAYS = 2

_NEXT = {
    State.DRAFT: "Submit it first.",
    State.SUBMITTED: "It waits for its approvals.",
    State.APPROVED: "It waits to be scheduled.",
    State.SCHEDULED: "It waits for its window.",
    State.OPEN: "End the work first.",
    State.VERIFYING: "Close it, or reopen it inside its window.",
}


def may_move(act: str, state: State) -> Decision:
    """Decide whether `act` exists from `state`; refusal `state.wrong`."""
    if state in TRANSITIONS[act]:
        return ALLOWED
    words = act.replace("_", " ")
    return refuse(
        "state.wrong",
        f"A ticket that is {state.replace('_', ' ')} can't take the act '{words}'.",
        _NEXT.get(state, "Nothing can be done to it any more; request a new ticket."),
    )


def after(act: str, state: State) -> State:
    """Return the state that `act` leads to."""
    may_move(act, state).require()
    return TRANSITIONS[act][state]


def diagram() -> str:
    """Return the life of a ticket as a Mermaid state diagram, for the docs."""
    lines = ["stateDiagram-v2", "    [*] --> draft"]
    for act, moves in TRANSITIONS.items():
        lines += [f"    {before} --> {to}: {act.replace('_', ' ')}" for before, to in moves.items()]
    finals = (State.CLOSED, State.ROLLED_BACK, State.REJECTED, State.WITHDRAWN, State.EXPIRED)
    return "\n".join([*lines, *(f"    {state} --> [*]" for state in finals)]) + "\n"


def well_formed_window(window: Window, *, vendor: bool, now: datetime) -> Decision:
    """Decide on a window's shape: ordered, ahead, not longer than 14 days, 12 h for vendors (800-171A 3.7.6)."""
    if not window.is_ordered:
        return refuse(
            "window.backwards", "The window ends before it starts.", "Give an end that is later than the start."
        )
    return all_of(
        [
            require_that(
                window.until > now, "window.past", "The window is already over.", "Choose a window that is still ahead."
            ),
            require_that(
                window.length <= LONGEST_WINDOW,
                "window.too_long",
                "The window is longer than 14 days.",
                "Split the work into several tickets.",
            ),
            require_that(
                not vendor or window.length <= VENDOR_WINDOW_CAP,
                "window.vendor_cap",
                "A vendor's window is at most 12 hours.",
                "Shorten the window, or split the work.",
            ),
        ]
    )


def readable(*texts: str) -> Decision:
    """Decide whether texts can be kept and shown as they are: no control or direction marks, no half characters.

    Whoever approves or assesses must see what stands there (attacks.md row 22); refusal `text.unreadable`.
    """
    return require_that(
        not any(_UNSEEN.search(text) for text in texts),
        "text.unreadable",
        "The text holds characters that no database can keep or no reader sees, such as control or direction marks.",
        "Type it again, or paste it as plain text.",
    )


def usable_reason(reason: str) -> Decision:
    """Decide whether this is a reason that an assessor understands years later."""
    return all_of(
        [
            readable(reason),
            require_that(
                3 <= len(reason.strip()) <= 4_000,
                "reason.missing",
                "A reason of 3 to 4,000 characters is wanted.",
                "Say why, in a sentence that an assessor understands years later.",
            ),
        ]
    )


def require_reason(reason: str) -> None:
    """Raise Refused(reason.missing) unless a usable reason is given."""
    usable_reason(reason).require()


def usable_title(title: str) -> Decision:
    """Decide whether a title is one line of 1 to 160 characters; refusal `title.missing`."""
    return require_that(
        0 < len(title.strip()) <= 160 and title.isprintable(),
        "title.missing",
        "The ticket has no usable title (1 to 160 characters on one line).",
        "Say in one line what is done.",
    )


def well_formed(content: Content, *, vendor: bool, now: datetime) -> Decision:
    """Decide whether a draft's content can be kept at all; what it still lacks is a matter of hold points."""
    return all_of(
        [
            usable_title(content.title),
            readable(content.plan, content.impact, content.rollback, *content.expected_paths, *content.conflicts_with),
            require_that(
                all(len(text) <= 20_000 for text in (content.plan, content.impact, content.rollback)),
                "text.too_long",
                "Plan, impact and rollback take 20,000 characters each.",
                "Attach a longer procedure to the register of techniques and name it.",
            ),
            require_that(
                len(content.expected_paths) <= MOST_PATHS
                and all(p.isprintable() and 0 < len(p) <= LONGEST_PATH for p in content.expected_paths),
                "paths.unusable",
                f"At most {MOST_PATHS} expected paths, each one line of up to {LONGEST_PATH} characters.",
                "Name folders or packages instead of single files; an approver has to read the list.",
            ),
            require_that(
                len(content.technicians) <= 50 and len(content.items) <= 200 and len(content.conflicts_with) <= 200,
                "content.many",
                "At most 50 technicians, 200 register items and 200 other tickets fit into a ticket.",
                "Name a pool, or split the work.",
            ),
            require_that(
                len({a.asset_id for a in content.assets}) == len(content.assets),
                "asset.twice",
                "An asset is named twice.",
                "Name each asset once.",
            ),
            require_that(
                len(content.assets) <= 200, "asset.many", "A ticket takes at most 200 assets.", "Make it a campaign."
            ),
            sound_plan(content.rollback_plan, content),
            well_formed_window(content.window, vendor=vendor, now=now),
        ]
    )


def usual_allowance(*, cui: bool, outside: bool, kept: bool) -> Allowance:
    """Return what sessions may do unless the ticket says more or less.

    Everything, but no files from a target with CUI to people from outside, unless their agreement lets CUI leave.
    """
    return Allowance(from_target=not (cui and outside and kept))


def may_log_quick(*, method: Method, handles_cui: bool, changed_configuration: bool) -> Decision:
    """Decide whether a chore may be written down afterwards: never nonlocal work, never a CUI asset's configuration."""
    return all_of(
        [
            require_that(
                method is Method.ON_SITE,
                "quick_log.nonlocal",
                "Nonlocal work is not written down afterwards: it needs a ticket before (3.7.5).",
                "Request a ticket, or an emergency ticket.",
            ),
            require_that(
                not (handles_cui and changed_configuration),
                "quick_log.cui_configuration",
                "A changed configuration of an asset that handles CUI is not a quick log.",
                "Request a ticket; for work done already, request one and say so in its plan.",
            ),
        ]
    )


def ratification_due(opened_at: datetime) -> datetime:
    """Return two business days (Monday to Friday) after `opened_at`, UTC; a weekend counts from Monday's beginning."""
    due, days = opened_at, 0
    if due.weekday() >= 5:
        due = due.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=7 - due.weekday())
    while days < RATIFICATION_BUSINESS_DAYS:
        due += timedelta(days=1)
        if due.weekday() < 5:
            days += 1
    return due


def lead_time(maintenance_type: MaintenanceType, *, emergency: bool) -> timedelta:
    """Return how long before the window people are told: 24 h for planned work, none for corrective or emergency."""
    if emergency or maintenance_type is MaintenanceType.CORRECTIVE:
        return timedelta(0)
    return timedelta(hours=24)


def may_write(state: State) -> Decision:
    """Decide whether anything may still be written to a ticket in this state; refusal `ticket.closed`."""
    return require_that(
        state not in FINAL_STATES,
        "ticket.closed",
        f"The ticket is {state.replace('_', ' ')}; nothing is written to it any more.",
        "Request a new ticket.",
    )
