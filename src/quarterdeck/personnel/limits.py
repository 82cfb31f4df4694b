"""How often a login may fail: slots in the shared cache, taken before the check and given back on success.

`cache.add` is atomic in the database cache, so parallel guesses can't share a slot (its `incr` is not).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache

from quarterdeck.kernel.decision import Refused, refuse


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` failures per `seconds` for one name of this kind."""

    kind: str
    count: int
    seconds: int


PER_ACCOUNT = Limit("account", 5, 300)
PER_CLIENT = Limit("client", 20, 60)


def take_slots(names: Sequence[tuple[Limit, str]], at: datetime) -> list[str]:
    """Take one slot per limit and return them; Refused(login.too_many) when one of the limits is used up."""
    taken: list[str] = []
    for limit, name in names:
        slot = _free_slot(limit, name, at)
        if slot is None:
            give_back(taken)
            wait = f"Wait {-(-limit.seconds // 60)} min and try again."
            raise Refused(refuse("login.too_many", "Too many failed attempts.", wait))
        taken.append(slot)
    return taken


def give_back(slots: Sequence[str]) -> None:
    """Free the slots of an attempt that succeeded."""
    cache.delete_many(slots)


def _free_slot(limit: Limit, name: str, at: datetime) -> str | None:
    digest = hashlib.sha256(name.encode()).hexdigest()
    stretch = int(at.timestamp()) // limit.seconds
    keys = (f"login:{limit.kind}:{digest}:{stretch}:{number}" for number in range(limit.count))
    return next((key for key in keys if cache.add(key, 1, timeout=limit.seconds)), None)
