"""What a session may be and become: pure decisions over plain values (3.7.5[b], 3.7.6)."""

from collections.abc import Collection
from datetime import datetime, timedelta

from quarterdeck.kernel.actors import CLOCK_STEP_TOLERANCE
from quarterdeck.kernel.decision import ALLOWED, Decision, all_of, require_that
from quarterdeck.kernel.windows import Window
from quarterdeck.sessions.terms import Allowance, Protocol, SessionKind, SessionState, Work

SHORTEST_TEXT = 3
LONGEST_TEXT = 4000
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
