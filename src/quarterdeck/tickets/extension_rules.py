"""When a window may be longer, and when the person who works may say so alone: pure decisions over plain values."""

from datetime import datetime, timedelta

from quarterdeck.kernel.decision import Decision, all_of, require_that
from quarterdeck.kernel.windows import Window
from quarterdeck.tickets.rules import well_formed_window
from quarterdeck.tickets.terms import State

LONGEST_EXTENSION = timedelta(hours=12)


def may_extend(
    state: State, window: Window, until: datetime, *, hard_end: datetime, vendor: bool, at: datetime
) -> Decision:
    """Decide whether this window may end at `until`: open work only, before the hard end, within the caps.

    A vendor's window stays at 12 hours in all, every other one at 14 days (800-171A 3.7.6, design section 4).
    """
    late = "Ask for a new ticket; what is not finished is planned anew."
    return all_of(
        (
            require_that(
                state is State.OPEN,
                "extension.not_open",
                f"Only open work gets more time; this ticket is {state.replace('_', ' ')}.",
                "Change the window before it opens, or request a new ticket after it has ended.",
            ),
            require_that(at < hard_end, "extension.too_late", "The work is over, its grace too.", late),
            require_that(
                until > max(window.until, at),
                "extension.not_later",
                "The new end is not later than the one that holds now.",
                "Ask for an end after it, or for some minutes more.",
            ),
            require_that(
                until - window.until <= LONGEST_EXTENSION,
                "extension.too_long",
                "At most 12 hours are added at once.",
                "Ask for less, or request a new ticket.",
            ),
            well_formed_window(Window(window.from_, until), vendor=vendor, now=at),
        )
    )


def may_extend_alone(
    asked: timedelta, most_minutes: int, *, does_the_work: bool, vendor: bool, supervised: bool, used: bool
) -> Decision:
    """Decide whether who works may lengthen the window alone: once a ticket, briefly, own unsupervised staff."""
    ask = "Ask an approver for it."
    return all_of(
        (
            require_that(
                does_the_work, "extension.not_a_worker", "Only who does the work lengthens it without an approver.", ask
            ),
            require_that(
                not vendor and not supervised,
                "extension.supervised",
                "People of a vendor and people who work under an escort get more time from an approver.",
                ask,
            ),
            require_that(not used, "extension.used", "The one self-extension of this ticket is used.", ask),
            require_that(
                asked <= timedelta(minutes=most_minutes),
                "extension.long",
                f"Without an approver it is at most {most_minutes} minutes.",
                ask,
            ),
        )
    )
