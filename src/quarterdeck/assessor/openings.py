"""Openings of the salted commitments that a package's entries carry: the reasons that people gave, readable again."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Entry

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Opening:
    """What a commitment hides: SHA-256 of salt and value is the hash that the entry carries."""

    digest: str
    salt: bytes
    value: str

    @property
    def holds(self) -> bool:
        """True when salt and value give the hash."""
        return hashlib.sha256(self.salt + self.value.encode()).hexdigest() == self.digest


def openings_of(entries: Iterable[Entry], *, hidden_sessions: Iterable[str] = ()) -> dict[str, Opening]:
    """Return the openings by hash, as far as they stand; those of sessions whose recording stays here stay too."""
    hidden = set(hidden_sessions)
    wanted = {
        text
        for entry in entries
        if not (entry.object.type == "session" and entry.object.id in hidden)
        for text in _texts(entry.data)
        if _HASH.fullmatch(text)
    }
    found = evidence.openings(wanted)
    return {digest: Opening(digest, salt, value) for digest, (salt, value) in found.items()}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
