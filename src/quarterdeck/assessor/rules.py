"""Pure rules of packages and of the desk: scopes, names, samples, the length of what people write."""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from quarterdeck.assessor.terms import ScopeKind
from quarterdeck.kernel.decision import Decision, all_of, require_that

MOST_SAMPLED = 50
LONGEST_TEXT = 4_000
_SEED = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
LONGEST_PERIOD = timedelta(days=366 * 6)
MOST_CHOSEN = 1_000
_ORGANISATION = 14
_ID = 6


def well_formed_scope(
    numbers: Sequence[str], since: datetime | None, until: datetime | None, *, known: Sequence[bool], now: datetime
) -> Decision:
    """Decide on a scope: named tickets, or a period [since, until), whole or with tickets chosen from it."""
    both = since is not None and until is not None
    neither = since is None and until is None
    ordered = since is None or until is None or since < until
    return all_of(
        [
            require_that(
                both or (neither and len(numbers) >= 1),
                "package.scope",
                "A package is of named tickets, or of a period with both ends.",
                "Name a ticket, or give since and until.",
            ),
            require_that(
                ordered,
                "package.period_backwards",
                "The period ends before it starts.",
                "Give an end that is later than the start.",
            ),
            require_that(
                not both or not ordered or (until or now) - (since or now) <= LONGEST_PERIOD,
                "package.period_long",
                "The period is longer than six years.",
                "Order a package per year.",
            ),
            require_that(
                since is None or since <= now,
                "package.period_ahead",
                "The period lies in the future.",
                "Give a start that has passed.",
            ),
            require_that(
                len(numbers) <= MOST_CHOSEN and len(set(numbers)) == len(numbers),
                "package.tickets",
                f"A ticket is named twice, or more than {MOST_CHOSEN} are.",
                "Name each ticket once.",
            ),
            *(
                require_that(here, "ticket.unknown", f"There is no ticket {number[:20]}.", "Look under Tickets.")
                for number, here in zip(numbers, known, strict=True)
            ),
        ]
    )


def base_name(organisation: str, kind: ScopeKind, numbers: Sequence[str], since: datetime | None, order_id: str) -> str:
    """Return the package's folder and file name: ASCII, at most 50 characters, unlike that of any other order."""
    firm = re.sub(r"[^A-Za-z0-9]+", "-", organisation).strip("-").upper()[:_ORGANISATION].rstrip("-") or "ORG"
    what = numbers[0] if kind is ScopeKind.TICKET or since is None else f"{since:%Y-%m-%d}"
    return f"MA-EVIDENCE-{firm}-{what}-{order_id[-_ID:]}"


def usable_text(text: str, what: str) -> Decision:
    """Decide on a text that a person wrote: not empty, not longer than LONGEST_TEXT."""
    return require_that(
        3 <= len(text.strip()) <= LONGEST_TEXT,
        f"{what}.length",
        f"A {what} has 3 to {LONGEST_TEXT} characters.",
        "Write it in a sentence that is understood years later.",
    )


def may_draw(population: Sequence[str], size: int, seed: str) -> Decision:
    """Decide on a sample: something to draw from, a size that can be read, a seed of plain characters."""
    return all_of(
        [
            require_that(
                bool(population),
                "sample.empty",
                "There is no such ticket to draw from yet.",
                "Draw from another population, or wait until work is closed.",
            ),
            require_that(
                1 <= size <= MOST_SAMPLED,
                "sample.size",
                f"A sample has 1 to {MOST_SAMPLED} tickets.",
                "Give a number in between.",
            ),
            require_that(
                _SEED.fullmatch(seed) is not None,
                "sample.seed",
                "A seed is 1 to 64 letters, digits, dots, dashes.",
                "Leave it empty for a random one.",
            ),
        ]
    )


def pick(population: Sequence[str], seed: str, size: int) -> tuple[str, ...]:
    """Return the sample: the `size` tickets whose SHA-256 of `seed:number` is the smallest, in order of number.

    A stranger repeats it with any tool that hashes: the same seed and the same list give the same sample.
    """
    ranked = sorted(set(population), key=lambda number: hashlib.sha256(f"{seed}:{number}".encode()).digest())
    return tuple(sorted(ranked[:size]))
