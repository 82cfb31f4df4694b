"""What the sealer remembers outside the database: its last (size, root) and the right edge of the tree.

It recomputes every head from the entries' own bytes and signs nothing that does not continue what it signed before
(C2SP tlog-checkpoint: "MUST not sign any checkpoint inconsistent with any previously signed"; attacks.md rows 7, 15).
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from quarterdeck.kernel.decision import Decision, Refused, refuse
from quarterdeck_verify import entry as entry_format
from quarterdeck_verify.merkle import EMPTY_ROOT, Frontier


@dataclass(frozen=True, slots=True)
class Memory:
    """State after the last signature; hashes in hexadecimal, `body`, `sshsig` and `note` are the last checkpoint.

    `key` is the fingerprint of the key that signs, empty for the first one.
    """

    origin: str
    size: int = 0
    root: str = EMPTY_ROOT.hex()
    tip: str = entry_format.NO_HASH
    last_ts: str = ""
    frontier: str = Frontier().serialise().hex()
    epoch: int = 1
    body: str = ""
    sshsig: str = ""
    note: str = ""
    reason: str = ""
    at: str = ""
    key: str = ""


def extend(memory: Memory, start: int, bodies: Sequence[bytes], told_root: str) -> Memory:
    """Return the memory after appending these entries; Refused when they do not continue what was signed.

    `told_root` is the root that the database claims for the new size, empty where it does not know one.
    """
    if start != memory.size:
        raise Refused(rolled_back(memory.size, start) if start < memory.size else _gap(memory.size, start))
    frontier = Frontier.deserialise(bytes.fromhex(memory.frontier))
    tip, last_ts = memory.tip, memory.last_ts
    for body in bodies:
        tip, last_ts = _append(memory.origin, frontier, body, tip, last_ts)
    root = frontier.root().hex()
    if told_root and root != told_root:
        raise Refused(_inconsistent(frontier.size, "the database's head names another root than its entries give"))
    return replace(memory, size=frontier.size, root=root, tip=tip, last_ts=last_ts, frontier=frontier.serialise().hex())


def _append(origin: str, frontier: Frontier, body: bytes, tip: str, last_ts: str) -> tuple[str, str]:
    seq = frontier.size
    try:
        document = entry_format.decode(body)
    except ValueError as error:
        raise Refused(_inconsistent(seq, f"it is no canonical entry ({error})")) from error
    if document["log"] != origin:
        raise Refused(_inconsistent(seq, "it belongs to another log"))
    if document["seq"] != seq or document["prev"] != tip:
        raise Refused(_inconsistent(seq, "it does not follow the entry that was sealed before it"))
    if document["ts"] < last_ts:
        raise Refused(_inconsistent(seq, "it is older than the entry before it"))
    leaf = entry_format.leaf_hash(body)
    frontier.append(leaf)
    return leaf.hex(), document["ts"]


def rolled_back(sealed: int, present: int) -> Decision:
    """Return the refusal for a ledger that holds fewer entries than were sealed."""
    return refuse(
        "sealer.rolled_back",
        f"The sealer signed {sealed} entries, the ledger here holds only {present}: this database is older than what "
        "was sealed, or entries were removed.",
        "If you put a copy back: `qd ledger adopt` takes it and says so in the ledger. Otherwise keep the machine as "
        "it is and compare with the checkpoints that were mailed.",
    )


def _gap(sealed: int, start: int) -> Decision:
    return refuse(
        "sealer.gap",
        f"Entries from {start} on were offered for sealing, but the sealer knows only {sealed}.",
        f"Offer the entries from {sealed} on.",
    )


def _inconsistent(seq: int, why: str) -> Decision:
    return refuse(
        "sealer.inconsistent",
        f"Entry {seq} was not sealed: {why}.",
        "Run `qd ledger verify`, and compare with the checkpoints that were mailed.",
    )


class MemoryFile:
    """The memory on disk: one atomic, fsynced file, and beside it the history of every head that was signed."""

    def __init__(self, folder: Path, origin: str) -> None:
        self._state = folder / "state.json"
        self._history = folder / "signed.jsonl"
        self.is_there = self._state.exists()
        self.memory = self._read(origin)

    def _read(self, origin: str) -> Memory:
        if not self._state.exists():
            return Memory(origin)
        memory = Memory(**json.loads(self._state.read_text()))
        if memory.origin != origin:
            raise Refused(
                refuse(
                    "sealer.origin",
                    f"This sealer signs the log {memory.origin}, not {origin}.",
                    "Set QD_LEDGER_ORIGIN back, or give the new log a sealer folder of its own.",
                )
            )
        return memory

    def keep(self, memory: Memory) -> None:
        """Make `memory` durable before any signature leaves; raises OSError when the disk does not take it."""
        write_durably(self._state, json.dumps(asdict(memory), indent=1, sort_keys=True).encode())
        line = {name: value for name, value in asdict(memory).items() if name not in ("body", "sshsig", "note")}
        append_durably(self._history, json.dumps(line, sort_keys=True))
        self.memory, self.is_there = memory, True

    def signed_at_most(self, size: int) -> Memory:
        """Return the newest signed state of at most `size` entries, an empty one when there is none."""
        found = Memory(self.memory.origin)
        for line in kept_lines(self._history):
            state = Memory(**line)
            if found.size <= state.size <= size:
                found = state
        return found

    def signed_states(self, limit: int) -> list[tuple[int, str]]:
        """Return (size, root) of what was signed, newest first: a forked database is compared with them."""
        states = [(int(line["size"]), str(line["root"])) for line in kept_lines(self._history)]
        return sorted(set(states), reverse=True)[:limit]

    def go_back(self, base: tuple[int, str], size: int, bodies: Sequence[bytes], told_root: str) -> Memory:
        """Return the memory of a restored ledger of `size` entries, as a new epoch; the caller keeps it.

        `base` is a (size, root) that was signed, `bodies` are the ledger's entries from there on. Refused unless they
        continue that state.
        """
        restored = extend(self._signed_state(base), base[0], bodies, told_root)
        if restored.size != size:
            raise Refused(_gap(base[0], size))
        return replace(restored, epoch=self.memory.epoch + 1, body="", sshsig="", note="", reason="", at="")

    def _signed_state(self, base: tuple[int, str]) -> Memory:
        found = None
        for line in kept_lines(self._history):
            if (line["size"], line["root"]) == base:
                found = Memory(**line)
        if found is None and base == (0, EMPTY_ROOT.hex()):
            return Memory(self.memory.origin)
        if found is None:
            raise Refused(_inconsistent(base[0], "this sealer never signed the ledger that ends before it"))
        return found


def write_durably(path: Path, data: bytes) -> None:
    """Replace `path` (mode 0600) so that after a power cut it holds the old or the new bytes, never a part."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def append_durably(path: Path, line: str) -> None:
    """Append one line (file mode 0600) and sync it to disk; a torn line before it, of a power cut, is closed first."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        end = os.lseek(descriptor, 0, os.SEEK_END)
        whole = end == 0 or os.pread(descriptor, 1, end - 1) == b"\n"
        with os.fdopen(descriptor, "ab", closefd=False) as out:
            out.write((b"" if whole else b"\n") + line.encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def kept_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines that `append_durably` kept; a torn one was never acknowledged, so nobody counts on it."""
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        try:
            yield json.loads(line)
        except ValueError:
            continue
