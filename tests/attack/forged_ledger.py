"""A ledger of 200 entries with its checkpoints, and what three attackers make of it (evidence.md section 2.5).

L0 edits what is stored and nothing else. L1 computes every hash anew and holds no key. L2 holds the server's signing
key as well, and with it the sealer's memory. A forged `Store` can be written into a database or exported as a package.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.attack.package_fixture import Key, Ledger

from quarterdeck_verify import entry, package
from quarterdeck_verify.checkpoint import Checkpoint, parse

SIZE = 200
SIGNED = (64, 128, 192, 200)
HELD = (64, 128, 192)
OLD, FILED, NEWEST = 50, 70, 199
TICKET = "MT-2026-00001"


@dataclass(frozen=True)
class Signed:
    """A checkpoint and its armored signature."""

    body: bytes
    sshsig: bytes


@dataclass
class Store:
    """What lies on the server: rows as (body, leaf), signed checkpoints, files, and the sealer's memory."""

    rows: list[tuple[int, bytes, bytes]]
    checkpoints: dict[int, Signed]
    files: dict[str, bytes]
    memory: Checkpoint
    head: int
    key: Key = field(repr=False)

    def bodies(self) -> list[bytes]:
        return [body for _, body, _ in self.rows]


def genuine(key: Key, change: str = "patched") -> Store:
    """The ledger as it was written, sealed at SIGNED."""
    ledger = Ledger()
    for seq in range(SIZE):
        files = [("recording", "session.cast", f"what was done in {seq}: {change}\n".encode())] if seq % 10 == 0 else []
        event = "ticket.submitted" if seq == 0 else "checks.ran"
        ledger.add(event, TICKET if seq % 2 == 0 or seq == NEWEST else None, {"change": change, "number": seq}, files)
    return seal(ledger.bodies, ledger.files, key)


def seal(bodies: list[bytes], files: dict[str, bytes], key: Key, sizes: tuple[int, ...] = SIGNED) -> Store:
    """A store of these entries, each size signed by `key`."""
    ledger = Ledger(list(bodies), [entry.leaf_hash(body) for body in bodies])
    signed = {}
    for size in (size for size in sizes if size <= len(bodies)):
        body = ledger.checkpoint(size)
        signed[size] = Signed(body, key.sign(package.CHECKPOINT_NAMESPACE)(body))
    rows = [(seq, body, ledger.leaves[seq]) for seq, body in enumerate(bodies)]
    return Store(rows, signed, dict(files), parse(ledger.checkpoint()), len(rows), key)


def chained(fields: list[dict[str, object]]) -> list[bytes]:
    """Entries numbered and linked anew, as whoever needs no key for it does."""
    bodies: list[bytes] = []
    prev, tickets = entry.NO_HASH, dict[object, tuple[int, str]]()
    for seq, told in enumerate(fields):
        ticket = told["ticket"]
        count, last = tickets.get(ticket, (0, entry.NO_HASH))
        place = {"ticket_seq": count + 1, "ticket_prev": last} if ticket is not None else {}
        bodies.append(entry.encode(told | {"seq": seq, "prev": prev} | place))  # type: ignore[arg-type]
        prev = entry.leaf_hash(bodies[-1]).hex()
        if ticket is not None:
            tickets[ticket] = (count + 1, prev)
    return bodies


Change = Callable[[list[dict[str, object]], dict[str, bytes]], list[dict[str, object]]]


def edited(seq: int) -> Change:
    def change(fields: list[dict[str, object]], files: dict[str, bytes]) -> list[dict[str, object]]:
        del files
        fields[seq] = fields[seq] | {"data": {"change": "backdoor", "number": seq}}
        return fields

    return change


def without(seq: int) -> Change:
    return lambda fields, files: fields[:seq] + fields[seq + 1 :]


def cut_to(size: int) -> Change:
    return lambda fields, files: fields[:size]


def reordered(fields: list[dict[str, object]], files: dict[str, bytes]) -> list[dict[str, object]]:
    del files
    first, second = fields[OLD], fields[OLD + 2]
    fields[OLD], fields[OLD + 2] = second | {"ts": first["ts"]}, first | {"ts": second["ts"]}
    return fields


def swapped(fields: list[dict[str, object]], files: dict[str, bytes]) -> list[dict[str, object]]:
    """Another recording in place of the one that entry 70 names, and its hash in the entry."""
    [named] = fields[FILED]["artifacts"]  # type: ignore[misc]
    content = b"nothing happened\n"
    sha256 = hashlib.sha256(content).hexdigest()
    del files[named["sha256"]]
    files[sha256] = content
    fields[FILED] = fields[FILED] | {"artifacts": [named | {"sha256": sha256, "size": len(content)}]}
    return fields


def forge(store: Store, change: Change, level: int, *, drop: bool = True, key: Key | None = None) -> Store:
    """The store after `change` by an attacker of this level; `drop` takes away checkpoints that no longer fit.

    With a `key` of its own everything is signed anew. L2 signs anew with the server's, and sets the sealer's memory.
    """
    files = dict(store.files)
    fields = change([entry.decode(body) for body in store.bodies()], files)
    if level == 0:
        return _naive(store, fields, files)
    bodies = chained(fields)
    if level == 2 or key is not None:
        made = seal(bodies, files, key or store.key)
        return replace(made, memory=made.memory if level == 2 else store.memory)
    now = seal(bodies, files, Key.p256())
    kept = {
        size: signed
        for size, signed in store.checkpoints.items()
        if not drop or (size in now.checkpoints and now.checkpoints[size].body == signed.body)
    }
    return replace(now, checkpoints=kept, memory=store.memory)


def _naive(store: Store, fields: list[dict[str, object]], files: dict[str, bytes]) -> Store:
    """Rows changed in place: no hash, no number, no head is adjusted. A row that moved takes its old leaf along."""
    leaves = {seq: leaf for seq, _, leaf in store.rows}
    numbers = [seq for seq, body, _ in store.rows if entry.decode(body)["seq"] in {told["seq"] for told in fields}]
    rows = [(seq, entry.encode(told), leaves[told["seq"]]) for seq, told in zip(numbers, fields, strict=True)]  # type: ignore[arg-type,index]
    return replace(store, rows=rows, files=files)


def rolled_back(store: Store, size: int, level: int) -> Store:
    """The whole database as a copy of an earlier day had it; L2 sets the sealer's memory back as well."""
    signed = {at: one for at, one in store.checkpoints.items() if at <= size}
    older = seal(store.bodies()[:size], store.files, store.key, ())
    return replace(older, checkpoints=signed, memory=older.memory if level == 2 else store.memory)


def without_file(store: Store) -> Store:
    """The recording that entry 70 names is gone."""
    [named] = entry.decode(store.rows[FILED][1])["artifacts"]
    return replace(store, files={sha: data for sha, data in store.files.items() if sha != named["sha256"]})
