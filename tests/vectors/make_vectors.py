"""Writes the test vectors for a second verifier: `python -m tests.vectors.make_vectors`.

docs/reference/verification.md explains them. Each case is a package with what the verifying person brings and what must
be said of it; `primitives.json` has the small parts. Keys are made anew at each run and thrown away, so the bytes
differ from run to run while the answers stay.
"""

import base64
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.attack.approval_files import APPROVAL, Passkey, ssh_file
from tests.attack.key_changes import replaced, rotate, signed_anchor
from tests.attack.package_fixture import (
    LOG,
    TICKETS,
    Key,
    Ledger,
    World,
    make_world,
    pack,
    remanifest,
    small_ledger,
    unpack,
    with_members,
)
from tests.attack.witness_fixture import Witness

from quarterdeck_verify import checkpoint, entry, merkle, package, signers, trust, verification, witness

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Case:
    """One package, and what the verifying person brings: files by the option that takes them."""

    name: str
    says: str
    package: bytes
    brings: Mapping[str, bytes] = field(default_factory=dict)


def cases() -> Iterator[Case]:
    """Yield every case."""
    world = make_world(small_ledger(), Key.p256())
    both = {"signers": world.allowed, "anchor": world.kept}
    members = unpack(world.data)
    yield Case("intact", "pinned and anchored", world.data, both)
    yield Case("intact-ed25519", "the same with an Ed25519 key", *_of(make_world(small_ledger(), Key.ed25519())))
    yield Case("unanchored", "nothing from outside", world.data)
    yield Case(
        "unpinned-key", "signed by another key than the pinned one", world.data, {"signers": Key.p256().allowed()}
    )
    yield Case(
        "rewritten", "the sealing key's holder wrote another past", make_world(small_ledger("x"), world.key).data, both
    )
    yield from _changed(world, members, both)
    one = Witness()
    signed = with_members(world, {f"{package.ANCHORS}21.cosignature": one.line(world.kept)})
    yield Case(
        "witnessed", "a witness's cosignature is the anchor", signed, {"signers": world.allowed, "witness": one.key}
    )
    other = with_members(world, {f"{package.ANCHORS}21.cosignature": one.line(checkpoint.body(LOG, 21, b"\1" * 32))})
    yield Case("cosignature-wrong", "a cosignature of another checkpoint", other, {"witness": one.key})
    yield Case("approvals", "one signed by a passkey, one by an SSH key, one recorded", *_of(_with_approvals()))
    yield Case("approval-wrong", "the passkey did not verify its owner", *_of(_with_approvals(Passkey().file(flags=1))))
    yield Case(
        "left-out", "the exporter left a ticket out, and the package says so", *_of(make_world(tickets=TICKETS[:1]))
    )
    yield Case("hole", "the exporter left out an entry of a ticket", *_of(make_world(leave_out=[4])))
    yield from _key_changes()


def _key_changes() -> Iterator[Case]:
    """A key that both signed for, one that follows a lost one, and anchors signed by a key that had ended."""
    old, new = Key.p256(), Key.p256()
    ledger = small_ledger()
    rotate(ledger, old, new)
    world = make_world(ledger, new)
    pin = {"signers": old.allowed()}
    yield Case("key-rotated", "the pinned key let another follow", world.data, pin | {"anchor": world.kept})
    ended = pin | {"anchor": signed_anchor(world.kept, old)}
    yield Case("anchor-of-ended-key", "the anchor is signed by a key that had been retired", world.data, ended)
    ledger = small_ledger()
    before = ledger.checkpoint()
    replaced(ledger, old, new)
    world = make_world(ledger, new, kept_size=checkpoint.parse(before).size + 1)
    seen = pin | {"anchor": world.kept}
    yield Case("key-replaced", "the pinned key was lost; somebody outside saw the entry that says so", world.data, seen)
    yield Case("key-replaced-unseen", "the pinned key was lost, by the new key's word alone", world.data, pin)


def _changed(world: World, members: Mapping[str, bytes], both: Mapping[str, bytes]) -> Iterator[Case]:
    """Packages with one thing wrong; every manifest fits, signed anew where the key is said to be stolen."""
    yield Case("one-bit", "one bit of the zip's directory", _flip(world.data, len(world.data) - 40), both)
    recording = min(name for name in members if name.endswith("session.cast"))
    stolen = {
        "recording-changed": ("a recording, with a stolen key", {recording: members[recording] + b"x"}, ()),
        "recording-missing": ("a recording is gone, with a stolen key", {}, (recording,)),
        "report-forged": ("the report, with a stolen key", {package.REPORT: b"<p>MET</p>\n"}, ()),
        "entry-edited": ("an entry, with a stolen key", {package.ENTRIES: members[package.ENTRIES].replace(
            b"pe_iris", b"pe_avery", 1)}, ()),
        "file-added": ("a file that the ledger does not know, with a stolen key", {"data/more.html": b"x"}, ()),
    }  # fmt: skip
    for name, (says, change, gone) in stolen.items():
        made = {path: data for path, data in (dict(members) | change).items() if path not in gone}
        yield Case(name, says, pack(remanifest(made, world.key)), both)
    yield Case("manifest-stale", "a file was changed and nothing else", pack(dict(members) | {recording: b"x"}), both)
    yield Case("signature-stale", "a file and all manifests", pack(remanifest(dict(members) | {recording: b"x"})), both)


def _of(world: World) -> tuple[bytes, Mapping[str, bytes]]:
    return world.data, {"signers": world.allowed, "anchor": world.kept}


def _flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def _with_approvals(*only: bytes) -> World:
    ledger = Ledger()
    ledger.add("ticket.submitted", APPROVAL.ticket)
    for number, file in enumerate(only or (Passkey().file(), ssh_file(Key.p256()), None)):
        told = {"role": "approver", "kind": "prior", "verdict": "approved", "content": APPROVAL.content}
        named = [] if file is None else [("approval-signature", f"approval-{number}.json", file)]
        ledger.add("approval.recorded", APPROVAL.ticket, {"approval": told}, named)
    return make_world(ledger, tickets=(APPROVAL.ticket,))


def answer(case: Case, folder: Path) -> dict[str, object]:
    """Return what our own verifier says of a case, as far as another one must say the same."""
    path = folder / "package.zip"
    path.write_bytes(case.package)
    brought = case.brings
    found = verification.verify(
        path,
        signers.parse(brought["signers"]) if "signers" in brought else (),
        [trust.read_anchor("anchor", brought["anchor"])] if "anchor" in brought else (),
        witnesses=witness.parse_keys(brought["witness"]) if "witness" in brought else (),
    )
    tickets = found.tickets
    return {
        "verdict": found.verdict.value,
        "exit_code": found.exit_code,
        "checks": {name: check.state.value for name, check in found.checks.items()},
        "findings": sorted([finding.code, finding.where] for finding in found.findings),
        "not_included": [] if tickets is None else list(tickets.missing),
        "approvals_signed": [one.signed for one in found.approvals],
    }


def primitives() -> dict[str, object]:
    """Return the small parts: entries and leaves, roots, proofs, canonical JSON."""
    ledger = small_ledger()
    node, size = merkle.leaf_nodes(ledger.leaves.__getitem__), len(ledger.leaves)
    refused = [
        b'{"a":1.0}', b'{"a":1e2}', b'{"a": 1}', b'{"b":1,"a":2}', b'{"a":1,"a":1}', b'{"A":1}', b'{"a":"\\u0041"}',
        b'{"a":9007199254740992}', b'{"a":NaN}', b"\xff", b'{"a":-0}', b'{"a":"\\/"}',
    ]  # fmt: skip
    taken = [
        b'{"a":9007199254740991}', b'{"a":"\xc3\xa4","b":[true,null,{}]}', b'{"a":"\\n\\"\\\\"}', b"[]", b'{"a":0}',
    ]  # fmt: skip
    return {
        "entries": [{"body": body.decode(), "leaf": entry.leaf_hash(body).hex()} for body in ledger.bodies],
        "roots": {str(count): merkle.root(ledger.leaves[:count]).hex() for count in range(size + 1)},
        "inclusion": [
            {"seq": seq, "size": size, "proof": [step.hex() for step in merkle.inclusion_proof(node, seq, size)]}
            for seq in range(size)
        ],
        "consistency": [
            {"old": old, "size": size, "proof": [step.hex() for step in merkle.consistency_proof(node, old, size)]}
            for old in range(1, size + 1)
        ],
        "checkpoint": ledger.checkpoint().decode(),
        "canonical_json_taken": [base64.b64encode(text).decode() for text in taken],
        "canonical_json_refused": [base64.b64encode(text).decode() for text in refused],
    }


def main(target: Path = HERE) -> None:
    """Write all files."""
    told = []
    with TemporaryDirectory() as folder:
        for case in cases():
            (target / f"{case.name}.zip").write_bytes(case.package)
            names = {option: f"{case.name}.{option}" for option in case.brings}
            for option, name in names.items():
                (target / name).write_bytes(case.brings[option])
            told.append({"name": case.name, "says": case.says, "brings": names, "expect": answer(case, Path(folder))})
    (target / "cases.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
    (target / "primitives.json").write_text(json.dumps(primitives(), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    sys.exit(main())
