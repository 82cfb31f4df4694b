"""Adopting a ledger that this sealer does not remember: only when asked for, in order from the first entry.

The memory is lost, or never was (a new folder). What nobody signed before cannot be checked here; that is why a person
asks for it, why the ledger records it, and why everybody is told.
"""

from collections.abc import Sequence
from dataclasses import replace

from quarterdeck.entrypoints.sealer import changing
from quarterdeck.entrypoints.sealer.keyring import KeyRing
from quarterdeck.entrypoints.sealer.memory import Memory, MemoryFile, extend
from quarterdeck.kernel.decision import Refused, refuse


class Adoption:
    """One adoption in progress; it counts with its last batch, and a first batch begins it anew."""

    def __init__(self, file: MemoryFile, ring: KeyRing) -> None:
        self._file = file
        self._ring = ring
        self._memory = Memory(file.memory.origin)
        self._claims: list[changing.Claim] = []

    def take(self, start: int, bodies: Sequence[bytes], root: str, *, last: bool, at: str) -> dict[str, object]:
        """Take the next entries; with the last ones keep the memory and say which change of keys is to be recorded."""
        if self._file.memory.size:
            raise Refused(
                refuse(
                    "sealer.remembers",
                    f"The sealer remembers {self._file.memory.size} sealed entries; there is nothing to adopt.",
                    "A database that was put back by hand is taken with `qd ledger adopt`, which asks it to restore.",
                )
            )
        if start == 0:
            self._memory, self._claims = Memory(self._file.memory.origin), []
        self._memory = extend(self._memory, start, bodies, root)
        self._claims += changing.claims(bodies)
        return self._finish(at) if last else {"size": self._memory.size, "changes": []}

    def _finish(self, at: str) -> dict[str, object]:
        known = {item.sha256 for item in self._ring.records}
        strangers = [claim.sha256 for claim in self._claims if claim.sha256 and claim.sha256 not in known]
        memory = replace(self._memory, epoch=self._file.memory.epoch + 1)
        changes = []
        if strangers:
            self._ring.know_lost(strangers[-1])
            own = self._ring.records[-1]
            made = changing.state_replacement(self._ring, strangers[-1], own, memory.origin, at)
            memory = replace(memory, key=strangers[-1])
            changes = [changing.as_change(made)]
        else:
            key, turns = changing.follow(self._ring, self._ring.records[0].sha256, self._claims)
            for turn in turns:
                self._ring.turned(*turn)
            memory = replace(memory, key=key)
        self._file.keep(memory)
        return {"size": memory.size, "epoch": memory.epoch, "changes": changes}
