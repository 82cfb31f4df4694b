"""What became of the access that was given under a ticket: how it ended, by whose act, with which words."""

from collections.abc import Collection
from dataclasses import dataclass

from quarterdeck.access.reading import grants
from quarterdeck.access.revocation_reading import Revocation, Scope, people_of, revocations
from quarterdeck.access.terms import ENTERING, GrantView
from quarterdeck.evidence.api import Entry, ObjectRef, last_entry, openings

_OVER = ("access.revoked", "access.ended")


@dataclass(frozen=True, slots=True)
class Fate:
    """A person's access and its end: `by` acted, empty while it stands; `words` are those of who revoked it."""

    grant: GrantView
    by: str = ""
    words: str = ""


def fates(ticket: str) -> list[Fate]:
    """Return the access of people under a ticket, newest first; who ended it and why is told by the ledger."""
    given = [one for one in grants(ticket=ticket) if one.purpose in ENTERING]
    told = {one.id: last_entry(_OVER, object=ObjectRef("access_grant", one.id)) for one in given}
    opened = openings([digest for entry in told.values() if (digest := _digest(entry))])
    return [_fate(one, told[one.id], opened) for one in reversed(given)]


def _fate(one: GrantView, entry: Entry | None, opened: dict[str, tuple[bytes, str]]) -> Fate:
    if entry is None:
        return Fate(one)
    return Fate(one, entry.actor_id, opened.get(_digest(entry), (b"", ""))[1])


def _digest(entry: Entry | None) -> str:
    return "" if entry is None else str(entry.data.get("words", ""))


def revocations_over(ticket: str, workers: Collection[str]) -> list[Revocation]:
    """Return the standing revocations that keep somebody out of this ticket's work, newest first."""
    return [one for one in revocations() if _covers(one, ticket, workers)]


def _covers(one: Revocation, ticket: str, workers: Collection[str]) -> bool:
    if one.scope is Scope.EVERYTHING:
        return True
    if one.scope is Scope.TICKET:
        return one.target == ticket
    return bool(people_of(one.scope, one.target) & set(workers))
