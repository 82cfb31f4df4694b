"""Pure rules of packages and of the desk: scopes, names, samples, the length of what people write."""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from quarterdeck.assessor.terms import Scope, ScopeKind
from quarterdeck.controls.api import PRACTICES
from quarterdeck.kernel.decision import Decision, all_of, require_that

MOST_SAMPLED = 50
LONGEST_TEXT = 4_000
_SEED = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
LONGEST_PERIOD = timedelta(days=366 * 6)
MOST_CHOSEN = 1_000
_ORGANISATION = 14
_ID = 6


def well_formed_scope(scope: Scope, *, known: Sequence[bool], now: datetime) -> Decision:
    """Decide on a scope: named tickets; a period, whole or with tickets chosen from it; an assessment of practices."""
    numbers, since, until = scope.tickets, scope.since, scope.until
    assessment = scope.kind is ScopeKind.ASSESSMENT
    both = since is not None and until is not None
    neither = since is None and until is None
    ordered = since is None or until is None or since < until
    return all_of(
        [
            require_that(
                (assessment and not numbers) or (not assessment and (both or (neither and len(numbers) >= 1))),
                "package.scope",
                "A package is of named tickets, of a period with both ends, or of an assessment without tickets.",
                "Name a ticket, or give since and until, or name the practices.",
            ),
            _known_practices(scope.practices),
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


def _known_practices(named: Sequence[str]) -> Decision:
    return require_that(
        set(named) <= {one.id for one in PRACTICES} and len(set(named)) == len(named),
        "package.practices",
        "A practice is named twice, or is none that Quarterdeck knows.",
        "Name practices such as MA.L2-3.7.5; see Objectives.",
    )


def base_name(organisation: str, scope: Scope, order_id: str) -> str:
    """Return the package's folder and file name: ASCII, at most 50 characters, unlike that of any other order."""
    firm = re.sub(r"[^A-Za-z0-9]+", "-", organisation).strip("-").upper()[:_ORGANISATION].rstrip("-") or "ORG"
    if scope.kind is ScopeKind.ASSESSMENT:
        what = "ASSESSMENT"
    elif scope.since is not None:
        what = f"{scope.since:%Y-%m-%d}"
    else:
        what = scope.tickets[0] if scope.kind is ScopeKind.TICKET else f"SET-{len(scope.tickets)}"
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
