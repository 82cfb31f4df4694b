"""Which sealing key followed which, by the ledger's own entries, and which keys no longer sign since when.

A change that both keys signed (`key.rotated`) carries a pin on. A key that follows a lost one (`sealer.key_replaced`)
is signed by itself alone, so it carries nothing on; what does follow is that the lost key signs nothing more.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from quarterdeck_verify.signers import Signer, matching
from quarterdeck_verify.sshsig import PublicKey


@dataclass(frozen=True, slots=True)
class Replacement:
    """The entry that says that a key was lost, the lost key's SHA-256 (hexadecimal), and the key that follows it."""

    seq: int
    lost: str
    key: PublicKey

    @property
    def new(self) -> str:
        """Return the new key's fingerprint."""
        return self.key.fingerprint


@dataclass(slots=True)
class Succession:
    """New key -> old key; old key -> the entry that retired it; the same for keys that follow a lost one."""

    predecessor: dict[PublicKey, PublicKey] = field(default_factory=dict)
    retired: dict[PublicKey, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    replaced: dict[PublicKey, Replacement] = field(default_factory=dict)

    def add(self, seq: int, old: PublicKey, new: PublicKey) -> None:
        """Note that entry `seq` let `new` follow `old`; ValueError when `old` could no longer say so.

        The same change recorded once more, as after a restore, changes nothing.
        """
        if old in self.retired and self.predecessor.get(new) == old:
            return
        ended = self.ended(old)
        if ended is not None and ended < seq:
            raise ValueError(f"entry {ended} ended the old key before")
        self.predecessor[new] = old
        self.retired[old] = seq
        self.retired.pop(new, None)

    def replace(self, one: Replacement) -> None:
        """Note that a key was declared lost, and which one follows it."""
        self.lost.setdefault(one.lost, one.seq)
        self.replaced[one.key] = one

    def ended(self, key: PublicKey) -> int | None:
        """Return the entry from which on a key signs nothing more, None while none says so."""
        found = [seq for seq in (self.retired.get(key), self.lost.get(digest(key))) if seq is not None]
        return min(found, default=None)

    def end_words(self, key: PublicKey) -> str:
        """Return how a key ended, in words."""
        seq = self.ended(key)
        how = "declared lost" if self.lost.get(digest(key)) == seq else "retired"
        return f"{how} by entry {seq}"

    def pinned(self, key: PublicKey, pins: Sequence[Signer]) -> tuple[list[Signer], int]:
        """Return the pinned lines of `key` or of the nearest key before it, and how many changes lie between."""
        steps, lines = 0, matching(pins, key)
        while not lines and key in self.predecessor and steps <= len(self.predecessor):
            key, steps = self.predecessor[key], steps + 1
            lines = matching(pins, key)
        return lines, steps

    def own_word(self, key: PublicKey, pins: Sequence[Signer]) -> Replacement | None:
        """Return the newest entry by whose word alone `key` follows a pinned key that was lost, None if none does."""
        known = self._known(pins)
        found: Replacement | None = None
        for _ in range(len(self.replaced) + 1):
            if self.pinned(key, pins)[0]:
                return found
            one = next((self.replaced[before] for before in self._line(key) if before in self.replaced), None)
            if one is None or one.lost not in known:
                return None
            found, key = found or one, known[one.lost]
        return None

    def vouched(self, key: PublicKey, pins: Sequence[Signer]) -> bool:
        """True for a pinned key, one that follows it by changes that both signed, and one that a pinned key followed.

        Looking back a pinned key's own word is enough: it says which key was there before it, signed by that or lost.
        """
        if self.pinned(key, pins)[0]:
            return True
        known, seen, todo = self._known(pins), set[PublicKey](), [pin.key for pin in pins]
        while todo:
            for one in self._line(todo.pop()):
                if digest(key) == digest(one) or (one in self.replaced and self.replaced[one].lost == digest(key)):
                    return True
                if one in self.replaced and one not in seen and self.replaced[one].lost in known:
                    todo.append(known[self.replaced[one].lost])
                seen.add(one)
        return False

    def _known(self, pins: Sequence[Signer]) -> dict[str, PublicKey]:
        signed = (*self.predecessor, *self.predecessor.values(), *self.replaced)
        return {digest(one): one for one in (*(pin.key for pin in pins), *signed)}

    def _line(self, key: PublicKey) -> list[PublicKey]:
        """Return a key and those before it, by changes that both signed."""
        found = [key]
        while found[-1] in self.predecessor and len(found) <= len(self.predecessor):
            found.append(self.predecessor[found[-1]])
        return found


def digest(key: PublicKey) -> str:
    """Return the SHA-256 (hexadecimal) under which a lost key is named."""
    return hashlib.sha256(key.blob).hexdigest()
