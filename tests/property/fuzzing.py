"""Mutated input for the verifier and for every parser that meets files from outside, and what must hold for each case.

Nothing may come out but an answer or the refusal that the parser promises; no changed package may be called INTACT. A
small share runs in the suite, a million cases by `bench/fuzz.py` (figures in bench/README.md).
"""

import base64
import io
import json
import random
import stat
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from tests.attack.approval_files import APPROVAL, Passkey, ssh_file
from tests.attack.package_fixture import Key, World, make_world, pack, remanifest, small_ledger, unpack

from quarterdeck.access.certificates import (
    CertificateFields,
    certificate_body,
    read_certificate,
    read_public_key,
)
from quarterdeck.adapters.backup_job_log import read_log
from quarterdeck.assessor.transcripts import transcript
from quarterdeck.backups.ports import ProductFailed
from quarterdeck.baselines import manifest, receiver
from quarterdeck.entrypoints.web import casts
from quarterdeck.inventory.sheet import read_sheet
from quarterdeck.kernel.decision import Refused
from quarterdeck.sessions.files import Direction, FileTransfer, decode_told, encode_told
from quarterdeck.sessions.terms import file_lines, files_in
from quarterdeck_verify import (
    approvals,
    checkpoint,
    entry,
    merkle,
    openssl,
    package,
    passkeys,
    report,
    signers,
    sshsig,
    trust,
    verification,
    witness,
)
from quarterdeck_verify.verification import Verdict

# What a mutated package, signed again by the genuine key, may differ in and still be called INTACT: nothing that was
# recorded. The exporter vouches for these by its signature alone, and the report counts none of them.
UNRECORDED = frozenset(
    (package.BAG_INFO, package.INSTRUCTIONS, package.VERIFIER, package.SIGNERS, package.CONSISTENCY, package.WITNESSES,
     package.TSA_ROOT, package.MANIFEST, package.TAG_MANIFEST, package.SIGNATURE, package.CHECKPOINT_NOTE,
     package.CHECKPOINT_SIGNATURE, package.RECEIPTS)
)  # fmt: skip
TOKENS = (
    b"[" * 3000, b"{\"a\":" * 2000, b"1e999", b"-1", b"NaN", b"9" * 400, b"\xff\xfe", b"\x00", b"\"\\ud800\"", b"\n",
    b"\r\n", b"../", b"/etc/passwd", b"\\000", b"\\", b" ", b"\t", b"\xe2\x80\xa8", b"\xe2\x80\xae", b"null", b"true",
    b"0", b"18446744073709551616", b"=", b",", b"\"", b"'", b"PK\x05\x06", b"-----BEGIN SSH SIGNATURE-----\n",
    "\u2014 a ".encode(), b"\x1b]52;c;", b"\x9b", b"%s", b"{}", b"[]", b"\x30\x80", b"A" * 5000, b"1.0", b"-0",
)  # fmt: skip


HOSTILE_NAMES = (
    "../../x", "/etc/x", "a\\b", "data/./x", "data//x", "DATA/report.html", "con", "x" * 300, "data/report.html",
    "data/\u202e.html", "", "data/artifacts/", "a:b", "data/a b",
)  # fmt: skip


class Broken(AssertionError):
    """A case that broke a promise; `data` is what to look at."""

    def __init__(self, sentence: str, data: bytes) -> None:
        super().__init__(sentence)
        self.data = data


def mutate(chance: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Return `data` with one to five changes of the kinds that parsers stumble over."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        at = chance.randrange(len(found) + 1)
        kind = chance.randrange(9)
        if kind == 0 and found:
            found[at - 1] ^= 1 << chance.randrange(8)
        elif kind == 1 and found:
            found[at - 1] = chance.randrange(256)
        elif kind == 2:
            del found[at : at + chance.choice((1, 1, 2, 4, 16, 64, 400))]
        elif kind == 3:
            found[at:at] = chance.randbytes(chance.choice((1, 2, 4, 8, 32)))
        elif kind == 4:
            found[at:at] = chance.choice(TOKENS)
        elif kind == 5:
            end = min(len(found), at + chance.choice((1, 4, 16, 80)))
            found[at:at] = found[at:end] * chance.choice((1, 2, 8))
        elif kind == 6:
            del found[at:]
        elif kind == 7:
            other = chance.choice(others)
            start = chance.randrange(len(other) + 1)
            found[at : at + chance.randrange(40)] = other[start : start + chance.randrange(80)]
        else:
            lines = bytes(found).split(b"\n")
            first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
            lines[first], lines[second] = lines[second], lines[first]
            found = bytearray(b"\n".join(lines))
    return bytes(found[:300_000])


@dataclass(frozen=True)
class Target:
    """One parser: what goes in, what it may raise, what its seeds are."""

    call: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    refusals: tuple[type[Exception], ...] = (ValueError,)


def _text(call: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: call(data.decode("utf-8", "replace"))


def _read_manifest(data: bytes) -> None:
    for _ in manifest.Reader(io.BytesIO(data)).entries():
        pass
    manifest.export_mtree(io.BytesIO(data), io.BytesIO())
    manifest.export_sha256sums(io.BytesIO(data), io.BytesIO())


def _read_cast(data: bytes) -> None:
    told = transcript(data)
    assert told.text.isprintable() or "\n" in told.text or not told.text
    lines = data.decode("utf-8", "replace").split("\n")
    casts.has_picture(lines)
    casts.transcript(lines)
    list(file_lines(files_in(data.splitlines(keepends=True))))
    casts.chain_holds(data, "se_1", "00" * 32)


def _round_trip(data: bytes) -> None:
    """`decode` is a faster road to what `decode_at_length` says: both refuse, or both say the same."""
    try:
        fast = entry.decode(data)
    except ValueError:
        fast = None
    try:
        slow = entry.decode_at_length(data) if len(data) <= entry.MAX_BYTES else None
    except ValueError:
        slow = None
    if fast != slow or (fast is not None and entry.encode(fast) != data):
        raise Broken("an entry is decoded in two ways", data)


def _read_frames(data: bytes) -> None:
    for _ in receiver.frames(io.BytesIO(data)):
        pass


WORLD = make_world()
MEMBERS = unpack(WORLD.data)
_FILE = encode_told(FileTransfer("/a", next(iter(Direction)), number=1, size=3, closed=True))
_CAST = (
    b'{"version":2,"width":80,"height":24,"timestamp":1}\n[0.1,"o","ls\\r\\n"]\n'
    b'[1.5,"o","\\u001b[1mx\\u001b[0m\\b\\r\\n"]\n[2,"f",' + json.dumps(_FILE).encode() + b"]\n"
)


def _mtree() -> bytes:
    facts = {"type": b"file", "uid": b"0", "gid": b"0", "mode": b"0644", "nlink": b"1", "size": b"3",
             "time": b"1795446000.000000000", "sha256digest": b"a" * 64, "xattr.user.a": b"sha256:" + b"b" * 64,
             "ctime": b"1795446000.000000001", "inode": b"7"}  # fmt: skip
    entries = [manifest.Entry(b"/etc", {"error": b"EACCES"}), manifest.Entry(b"/etc/a b", facts)]
    return manifest.head([b"/etc"]) + b"".join(map(manifest.format_entry, entries))


def _certificate() -> bytes:
    key = read_public_key(Key.p256().line)
    fields = CertificateFields(key, 7, "ag_1", ("gate",), 1, 2, {"force-command": "x"}, ("permit-pty",), key.blob)
    signature = Key.p256().sign_raw(b"x")
    return certificate_body(fields, b"n" * 32) + len(signature).to_bytes(4, "big") + signature


EMPTY_STATEMENT = entry.canonical(
    {"v": 1, "kind": "webauthn", "approval": "0" * 64, "statement": "{}", "public_key": "AAAA", "rp_id": "a",
     "authenticator_data": "AAAA", "client_data_json": "e30=", "signature": "AAAA"}
)  # fmt: skip
_COSE = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" + b"\x01" * 32 + b"\x22\x58\x20" + b"\x02" * 32
_WITNESS = b"w.example+" + checkpoint.key_id("w.example", 4, b"\5" * 32).hex().encode() + b"+" + base64.b64encode(
    b"\4" + b"\5" * 32
)  # fmt: skip
_VEEAM = json.dumps({"Result": "Success", "State": "Stopped", "EndTime": "2026-11-22T10:00:00", "Id": "x"}).encode()
_PACKED = b"H" + zlib.compress(b"{}")
_FRAMES = len(_PACKED).to_bytes(4, "big") + _PACKED + bytes(4)
_SHEET = b"name;address;category\nweb01;192.0.2.1;cui_asset\n"
_NOTE = checkpoint.make_note(
    WORLD.kept, [checkpoint.NoteSignature("log.example", b"abcd", b"s" * 64)]
)  # fmt: skip

TARGETS: dict[str, Target] = {
    "entry": Target(_round_trip, tuple(small_ledger().bodies[:6])),
    "canonical JSON": Target(entry.parse_canonical, (MEMBERS[package.CONSISTENCY], EMPTY_STATEMENT)),
    "checkpoint": Target(checkpoint.parse, (WORLD.kept,)),
    "signed note": Target(checkpoint.parse_note, (_NOTE,)),
    "kept mail": Target(checkpoint.find, (b"Subject: x\n\n" + WORLD.kept, base64.encodebytes(WORLD.kept)), ()),
    "kept anchor": Target(lambda data: trust.read_anchor("mail", data), (WORLD.kept + MEMBERS[package.SIGNATURE],)),
    "signature": Target(sshsig.parse, (MEMBERS[package.SIGNATURE],)),
    "signers": Target(signers.parse, (WORLD.allowed, MEMBERS[package.SIGNERS])),
    "manifest": Target(package.parse_manifest, (MEMBERS[package.MANIFEST],)),
    "bag info": Target(package.parse_bag_info, (MEMBERS[package.BAG_INFO],)),
    "proof": Target(package.parse_proof_line, tuple(MEMBERS[package.PROOFS].splitlines()[:3])),
    "consistency": Target(package.parse_consistency, (MEMBERS[package.CONSISTENCY],)),
    "withheld": Target(
        package.parse_withheld, (package.make_withheld([package.Withheld("a" * 64, 1, 2, "", "x", "y", "z")]),)
    ),
    "scope": Target(package.parse_scope, (MEMBERS[package.SCOPE],)),
    "witness keys": Target(witness.parse_keys, (_WITNESS,)),
    "approval": Target(lambda data: approvals.check_statement(data, APPROVAL, {}),
        (Passkey().file(), Passkey("Ed25519").file(), ssh_file(Key.p256()), EMPTY_STATEMENT),
    ),
    "passkey": Target(lambda data: passkeys.read_public_key(base64.b64encode(data).decode()), (_COSE,)),
    "passkey in words": Target(_text(passkeys.read_public_key), (base64.b64encode(_COSE),)),
    "token": Target(lambda data: openssl.speaks_of(data, b"x"), (b"\x04\x20" + b"\1" * 32,), ()),
    "frontier": Target(merkle.Frontier.deserialise, (merkle.Frontier().serialise(), b"\0" * 7 + b"\1" + b"x" * 32)),
    "mtree": Target(_read_manifest, (_mtree(),)),
    "collector frames": Target(_read_frames, (_FRAMES,)),
    "cast": Target(_read_cast, (_CAST,), ()),
    "file event": Target(_text(decode_told), (_FILE.encode(),), ()),
    "backup job log": Target(lambda data: read_log(data, UTC), (_VEEAM,), (ProductFailed,)),
    "inventory sheet": Target(lambda data: list(read_sheet(data).rows), (_SHEET,), (Refused,)),
    "public key": Target(_text(read_public_key), (Key.p256().line.encode(), Key.ed25519().line.encode())),
    "certificate": Target(read_certificate, (_certificate(),)),
}  # fmt: skip


def try_parser(chance: random.Random, name: str) -> None:
    """One case of one parser; Broken when anything but its own refusal comes out."""
    target = TARGETS[name]
    others = [seed for one in TARGETS.values() for seed in one.seeds[:1]]
    data = mutate(chance, chance.choice(target.seeds), others)
    try:
        target.call(data)
    except target.refusals:
        return
    except Broken:
        raise
    except Exception as error:
        raise Broken(f"{name}: {type(error).__name__}: {str(error)[:200]}", data) from error


class Packages:
    """Cases of whole packages, in one folder: changed zips, changed members, hostile names."""

    def __init__(self, folder: Path, world: World = WORLD) -> None:
        self._path, self._world = folder / "fuzzed.zip", world
        self._members = unpack(world.data)
        self._pins = signers.parse(world.allowed)
        self._anchors = [trust.Anchor("kept", (checkpoint.parse(world.kept),))]
        self.verdicts: dict[str, int] = {}

    def try_one(self, chance: random.Random) -> None:
        """One case; Broken for an exception or a wrong INTACT."""
        kind = chance.choice((self._raw, self._raw, self._raw, self._member, self._computed, self._signed, self._names))
        data, may_be_intact = kind(chance)
        self._path.write_bytes(data)
        try:
            found = verification.verify(self._path, self._pins, self._anchors)
            text = report.as_text(found, "x")
            json.loads(report.as_json(found, "x"))
        except Exception as error:
            raise Broken(f"package: {type(error).__name__}: {str(error)[:200]}", data) from error
        if not text.isascii():
            raise Broken("package: the report is not plain text", data)
        if found.verdict is Verdict.INTACT and not may_be_intact:
            raise Broken(f"package: {kind.__name__} was called INTACT", data)
        name = f"{kind.__name__.lstrip('_')} {found.verdict}"
        self.verdicts[name] = self.verdicts.get(name, 0) + 1

    def _raw(self, chance: random.Random) -> tuple[bytes, bool]:
        data = mutate(chance, self._world.data, [self._world.data])
        return data, data == self._world.data

    def _changed(self, chance: random.Random) -> dict[str, bytes]:
        name = chance.choice(sorted(self._members))
        others = [self._members[package.ENTRIES], self._members[package.SCOPE]]
        return self._members | {name: mutate(chance, self._members[name], others)}

    def _member(self, chance: random.Random) -> tuple[bytes, bool]:
        members = self._changed(chance)
        return pack(members), members == self._members

    def _computed(self, chance: random.Random) -> tuple[bytes, bool]:
        return self._remade(chance, None)

    def _signed(self, chance: random.Random) -> tuple[bytes, bool]:
        return self._remade(chance, self._world.key)

    def _remade(self, chance: random.Random, key: Key | None) -> tuple[bytes, bool]:
        """Manifests made anew; with the genuine key only what nobody recorded may change and stay INTACT."""
        changed = self._changed(chance)
        try:
            members = remanifest(changed, key)
        except ValueError:  # the attacker's own tools refuse to read it
            return pack(changed), changed == self._members
        if key is None:
            return pack(members), members == self._members
        names = {name for name in members.keys() | self._members.keys() if members.get(name) != self._members.get(name)}
        return pack(members), names <= UNRECORDED

    def _names(self, chance: random.Random) -> tuple[bytes, bool]:
        """The same files by another zip writer: hostile names, links, duplicates, bombs."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            for name, content in self._members.items():
                archive.writestr(f"MA-EVIDENCE-ACME-2026-11/{name}", content)
            for _ in range(chance.randrange(1, 4)):
                self._hostile(chance, archive)
        return out.getvalue(), False

    def _hostile(self, chance: random.Random, archive: zipfile.ZipFile) -> None:
        name = chance.choice(HOSTILE_NAMES)
        info = zipfile.ZipInfo(f"MA-EVIDENCE-ACME-2026-11/{name}")
        kind = chance.randrange(3)
        if kind == 0:
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
        content = b"\0" * (1 << 20) if kind == 1 else b"/etc/passwd"
        try:
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
        except ValueError:
            return


def run(seed: int, cases: int, folder: Path, share: float, failed: Callable[[Broken], None]) -> Mapping[str, int]:
    """Run `cases`, of which a `share` are whole packages; returns how many of each kind ran."""
    chance, packages, names = random.Random(seed), Packages(folder), sorted(TARGETS)
    count: dict[str, int] = {}
    for _ in range(cases):
        try:
            if chance.random() < share:
                packages.try_one(chance)
            else:
                name = chance.choice(names)
                count[name] = count.get(name, 0) + 1
                try_parser(chance, name)
        except Broken as broken:
            failed(broken)
    return count | {f"package: {name}": number for name, number in sorted(packages.verdicts.items())}
