"""Where in the log to find entries again: by event id, ticket, object, event and fact; built from entries' bytes alone.

The columns of the ledger's rows, which no hash covers, are never asked. Knows no database.
"""

from array import array
from collections.abc import Collection, Iterator, Mapping
from heapq import merge
from typing import Any, Generic, TypeVar

from quarterdeck.evidence.terms import ObjectRef

Key = TypeVar("Key", str, tuple[str, str])
_NONE = -1


class Thread(Generic[Key]):
    """For each key the entries under it, newest first: a chain of 8 bytes an entry, whatever the number of keys."""

    def __init__(self) -> None:
        self._newest: dict[Key, int] = {}
        self._before = array("q")

    def add(self, seq: int, key: Key | None) -> None:
        """Put entry `seq`, the next one, under `key`, or under none."""
        self._before.append(_NONE if key is None else self._newest.get(key, _NONE))
        if key is not None:
            self._newest[key] = seq

    def newest(self, key: Key) -> int | None:
        """Return the newest entry under `key`."""
        return self._newest.get(key)

    def walk(self, key: Key) -> Iterator[int]:
        """Yield the entries under `key`, newest first."""
        seq = self._newest.get(key, _NONE)
        while seq != _NONE:
            yield seq
            seq = self._before[seq]


class Finder:
    """Finds sequence numbers; `add` takes the fields of every entry in order."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._tickets: Thread[str] = Thread()
        self._objects: Thread[tuple[str, str]] = Thread()
        self._events: Thread[str] = Thread()
        self._codes: dict[str, int] = {}
        self._event_of = array("H")
        self._counts: dict[str, int] = {}
        self._facts = array("q")
        self._facts_by: dict[tuple[str, str], array[int]] = {}

    def add(self, seq: int, told: Mapping[str, Any]) -> None:
        """Note the entry `seq`, whose fields are `told`."""
        event, ticket = told["event"], told["ticket"]
        self._ids[told["event_id"]] = seq
        self._tickets.add(seq, ticket)
        self._objects.add(seq, (told["object"]["type"], told["object"]["id"]))
        self._events.add(seq, event)
        self._event_of.append(self._codes.setdefault(event, len(self._codes)))
        if ticket is not None:
            self._counts[ticket] = told["ticket_seq"]
        carried = told["data"].get("facts")
        if isinstance(carried, list):
            self._add_facts(seq, carried)

    def _add_facts(self, seq: int, carried: list[Any]) -> None:
        self._facts.append(seq)
        keys = {
            (field, fact[field])
            for fact in carried
            if isinstance(fact, dict)
            for field in ("kind", "ticket", "asset")
            if isinstance(fact.get(field), str)
        }
        for key in keys:
            self._facts_by.setdefault(key, array("q")).append(seq)

    def by_id(self, event_id: str) -> int | None:
        """Return the entry with this event id."""
        return self._ids.get(event_id)

    def ticket_place(self, ticket: str) -> tuple[int, int | None]:
        """Return how many entries the ticket has, and its newest."""
        return self._counts.get(ticket, 0), self._tickets.newest(ticket)

    def newest_first(
        self, events: Collection[str], ticket: str | None = None, about: ObjectRef | None = None
    ) -> Iterator[int]:
        """Yield the entries of a ticket, about an object, of these events (all that is given holds), newest first."""
        if ticket is None and about is None:
            return merge(*(self._events.walk(event) for event in set(events)), reverse=True)
        found = self._tickets.walk(ticket) if about is None and ticket is not None else self._about(about, ticket)
        if not events:
            return found
        codes = {self._codes[event] for event in events if event in self._codes}
        return (seq for seq in found if self._event_of[seq] in codes)

    def _about(self, about: ObjectRef | None, ticket: str | None) -> Iterator[int]:
        found = iter(()) if about is None else self._objects.walk((about.type, about.id))
        if ticket is None:
            return found
        of_ticket = set(self._tickets.walk(ticket))
        return (seq for seq in found if seq in of_ticket)

    def with_facts(self, ticket: str | None, asset: str | None, kinds: Collection[str]) -> list[int]:
        """Return in order the entries that carry a fact of this ticket, of this asset, of one of these kinds."""
        if ticket is None and asset is None and not kinds:
            return list(self._facts)
        wanted = [] if ticket is None else [[("ticket", ticket)]]
        wanted += [] if asset is None else [[("asset", asset)]]
        wanted += [[("kind", kind) for kind in kinds]] if kinds else []
        return sorted(set.intersection(*({*self._carriers(keys)} for keys in wanted)))

    def _carriers(self, keys: Collection[tuple[str, str]]) -> Iterator[int]:
        for key in keys:
            yield from self._facts_by.get(key, ())
