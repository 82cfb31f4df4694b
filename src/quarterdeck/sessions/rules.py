"""What a session may be and become: pure decisions over plain values (3.7.5[b], 3.7.6)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from quarterdeck.kernel.actors import CLOCK_STEP_TOLERANCE
from quarterdeck.kernel.decision import ALLOWED, Decision, all_of, require_that
from quarterdeck.kernel.windows import Window
from quarterdeck.sessions.terms import Allowance, OrderKind, Protocol, SessionKind, SessionState, Work

SHORTEST_TEXT = 3
LONGEST_TEXT = 4000
LONGEST_MESSAGE = 400
MOST_MESSAGES = 10
LONGEST_TOLD = timedelta(days=14)


def may_begin(allowance: Allowance, work: Work, protocol: Protocol | None) -> Decision:
    """Decide whether a channel of this class may begin under what the ticket allows (3.1.12[b], attacks.md row 21)."""
    files = allowance.to_target or allowance.from_target
    return {
        Work.TERMINAL: _allowed(allowance.terminal, "terminal", "a terminal"),
        Work.COMMAND: _allowed(allowance.command, "command", "single commands"),
        Work.TRANSFER: all_of(
            (
                _allowed(files, "transfer", "files either way"),
                _allowed(allowance.rsync or protocol is not Protocol.RSYNC, "rsync", "rsync"),
            )
        ),
    }[work]


def _allowed(allowed: bool, code: str, words: str) -> Decision:
    return require_that(
        allowed,
        f"session.{code}_not_allowed",
        f"The ticket does not allow {words}.",
        "What it allows stands on its page; its requester can ask for more, with a new approval.",
    )


def sound_manual_session(
    kind: SessionKind, *, began_at: datetime, ended_at: datetime, now: datetime, account: str, how_ended: str
) -> Decision:
    """Decide whether this account of work outside the gate can stand: kind, times in order and past, words said."""
    return all_of(
        (
            require_that(
                kind is not SessionKind.GATE,
                "session.gate_is_captured",
                "Sessions through the gate are captured, not written down.",
                "Choose external, on site or unattended.",
            ),
            _times_hold(began_at, ended_at, now),
            require_that(
                SHORTEST_TEXT <= len(account.strip()) <= LONGEST_TEXT,
                "session.no_account",
                "It is not said what was done.",
                "Say in a sentence or two what was done.",
            ),
            require_that(
                SHORTEST_TEXT <= len(how_ended.strip()) <= LONGEST_TEXT,
                "session.no_end",
                "It is not said how the session was ended.",
                "Say how it was ended and what shows that nothing is still connected.",
            ),
        )
    )


def _times_hold(began_at: datetime, ended_at: datetime, now: datetime) -> Decision:
    if began_at.tzinfo is None or ended_at.tzinfo is None:
        return require_that(False, "session.no_zone", "A moment has no time zone.", "Give times with an offset.")
    return all_of(
        (
            require_that(
                began_at <= ended_at,
                "session.ends_before_it_begins",
                "The session ends before it begins.",
                "Correct its times.",
            ),
            require_that(
                ended_at - began_at <= LONGEST_TOLD,
                "session.too_long",
                "The session lasts longer than 14 days, the longest window there is.",
                "Write each piece of work down as a session of its own.",
            ),
            require_that(
                ended_at <= now + CLOCK_STEP_TOLERANCE,
                "session.in_the_future",
                "The session ends in the future.",
                "Write it down when it is over.",
            ),
        )
    )


def is_outside(began_at: datetime, ended_at: datetime, window: Window) -> bool:
    """True when some of the work lies outside the window: it is written down all the same, and marked."""
    return not window.contains(began_at) or ended_at > window.until


def may_explain(state: SessionState, *, explained: bool, own_session: bool, reason: str) -> Decision:
    """Decide whether the end of this session may be explained in these words, once, by somebody else."""
    return all_of(
        (
            require_that(
                state is SessionState.INTERRUPTED,
                "session.not_interrupted",
                "The end of this session was observed; there is nothing to explain.",
                "Write a comment on the ticket if something should be said.",
            ),
            require_that(
                not explained,
                "session.explained",
                "This session has been explained.",
                "Write a comment on the ticket if something should be added.",
            ),
            require_that(
                not own_session,
                "session.own",
                "Nobody explains an own session.",
                "Ask the IT lead, the approver or the CUI owner.",
            ),
            require_that(
                SHORTEST_TEXT <= len(reason.strip()) <= LONGEST_TEXT,
                "reason.missing",
                "The explanation is empty or too long.",
                "Say what happened and how you know.",
            ),
        )
    )


def none_is_missing(lost: Collection[str]) -> Decision:
    """Decide whether the rows of all sessions that the ledger tells of are still there (attacks.md row 28)."""
    return require_that(
        not lost,
        "row.missing",
        f"{len(lost)} of the ticket's sessions stand in the ledger and no longer in the database.",
        "Stop and tell the IT lead: somebody wrote into the database.",
    )


def row_is_sealed(digest: str, sealed: object) -> Decision:
    """Decide whether a row is what the ledger says of it (attacks.md row 28)."""
    if digest == sealed:
        return ALLOWED
    return require_that(
        False,
        "row.altered",
        "A session differs from its entry in the ledger.",
        "Stop and tell the IT lead: somebody wrote into the database.",
    )


@dataclass(frozen=True, slots=True)
class Standpoint:
    """Where a person stands towards a running session: doing it, working on its ticket, escorting, having approved."""

    is_own: bool
    works: bool
    escorts: bool
    approved: bool
    leads: bool


def may_order(kind: OrderKind, *, running: bool, who: Standpoint) -> Decision:
    """Decide whether this person may give this order: escort, approver of the ticket or IT lead (3.7.6[a], 3.1.12[b]).

    Who does the work may stop it, when holding one of those roles, but neither lifts a pause nor writes into it.
    """
    return all_of(
        (
            require_that(
                running,
                "session.over",
                "This session has ended, so nothing can be ordered any more.",
                "Look at its replay; to keep the person out, withdraw the access.",
            ),
            require_that(
                who.escorts or who.approved or who.leads,
                "order.not_yours",
                "This takes the ticket's escort, somebody who approved it, or the IT lead.",
                "Ask one of them; the ticket's page names them.",
            ),
            require_that(
                not (who.is_own or who.works) or kind in (OrderKind.PAUSE, OrderKind.END),
                "order.own_work",
                "Who works on the ticket neither resumes a paused session nor writes into it.",
                "Ask the escort, the approver or the IT lead.",
            ),
        )
    )


def sound_order(kind: OrderKind, text: str, *, paused: bool, messages: int) -> Decision:
    """Decide whether an order makes sense now: words where it needs them, a pause that changes something.

    `messages` were sent in the last minute.
    """
    words = len(text.strip())
    longest = LONGEST_MESSAGE
    return all_of(
        (
            require_that(
                kind not in (OrderKind.END, OrderKind.MESSAGE) or SHORTEST_TEXT <= words <= longest,
                "reason.missing" if kind is OrderKind.END else "message.length",
                f"The {'reason' if kind is OrderKind.END else 'message'} is empty or longer than {longest} characters.",
                "Say it in a sentence; the technician reads it in the terminal.",
            ),
            require_that(
                "\n" not in text.strip() and "\r" not in text.strip(),
                "message.lines",
                "It has several lines.",
                "Write it on one line.",
            ),
            require_that(
                kind is not OrderKind.PAUSE or not paused, "session.paused", "It is paused.", "Resume it, or end it."
            ),
            require_that(
                kind is not OrderKind.RESUME or paused, "session.not_paused", "It is not paused.", "Reload the page."
            ),
            require_that(
                kind is not OrderKind.MESSAGE or messages < MOST_MESSAGES,
                "message.many",
                f"{MOST_MESSAGES} messages were sent to this session in the last minute.",
                "Wait a minute, or pause the session and call the technician.",
            ),
        )
    )


def may_watch(*, running: bool, watching: int, most: int) -> Decision:
    """Decide whether one more may watch a session; who may read its recording is decided apart."""
    return all_of(
        (
            require_that(
                running, "session.over", "This session has ended; there is nothing to watch.", "Look at its replay."
            ),
            require_that(
                watching < most,
                "session.watchers",
                f"{watching} people or pages watch this session already, and {most} may.",
                "Close a page that nobody looks at, or read the text of the session.",
            ),
        )
    )


def covers(*, terminal: bool, at_session: bool, at_ticket: bool) -> bool:
    """True when the escort's presence covers a session: a terminal wants the escort at this very session.

    Commands and transfers come and go in seconds (Ansible makes dozens); there the escort is present when watching any
    session of the ticket, whose page lists the others.
    """
    return at_session or (at_ticket and not terminal)
