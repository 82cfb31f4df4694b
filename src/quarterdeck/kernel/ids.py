"""Identifiers: prefixed random ids for rows, the contiguous ticket number."""

import re
import secrets

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
TICKET_NUMBER = re.compile(r"MT-(\d{4})-(\d{5})", re.ASCII)


def new_id(prefix: str) -> str:
    """Return `prefix_` and 80 random bits in lower-case letters and digits."""
    return prefix + "_" + "".join(secrets.choice(_ALPHABET) for _ in range(16))


def ticket_number(year: int, count: int) -> str:
    """Return the `count`-th ticket number of `year`: contiguous, so that a missing ticket shows."""
    return f"MT-{year:04d}-{count:05d}"


def is_ticket_number(text: str) -> bool:
    """True for exactly the form that `ticket_number` makes."""
    return TICKET_NUMBER.fullmatch(text) is not None
