"""A small ledger, its keys and its package: made by the production writer, taken apart and repacked by attackers."""

import base64
import hashlib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from quarterdeck_verify import checkpoint, container, entry, merkle, package, signers, sshsig, trust, writer
from quarterdeck_verify.verification import Report, verify

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
LOG = "quarterdeck.example/ledger"
BASE = "MA-EVIDENCE-ACME-2026-11"
PRINCIPAL = "ledger@acme.example"
TICKETS = ("MT-2026-00001", "MT-2026-00002", "MT-2026-00004")


def ssh_string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def ssh_mpint(number: int) -> bytes:
    return ssh_string(number.to_bytes(number.bit_length() // 8 + 1, "big"))


@dataclass(frozen=True)
class Key:
    """A signing key held in memory; `sign(namespace)` gives what the writer wants."""

    private: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

    @classmethod
    def p256(cls) -> "Key":
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def ed25519(cls) -> "Key":
        return cls(ed25519.Ed25519PrivateKey.generate())

    @property
    def type(self) -> str:
        return sshsig.ECDSA if isinstance(self.private, ec.EllipticCurvePrivateKey) else sshsig.ED25519

    @property
    def line(self) -> str:
        return self.private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    @property
    def blob(self) -> bytes:
        return base64.b64decode(self.line.split()[1])

    def sign_raw(self, signed: bytes) -> bytes:
        """Return the SSH signature blob over `signed`."""
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(self.private.sign(signed, ec.ECDSA(hashes.SHA256())))
            return ssh_string(self.type.encode()) + ssh_string(ssh_mpint(r) + ssh_mpint(s))
        return ssh_string(self.type.encode()) + ssh_string(self.private.sign(signed))

    def sign(self, namespace: str) -> Callable[[bytes], bytes]:
        """Return a function from bytes to their armored SSHSIG."""

        def armored(message: bytes) -> bytes:
            parts = [namespace.encode(), b"", b"sha512"]
            signed = b"SSHSIG" + b"".join(map(ssh_string, [*parts, hashlib.sha512(message).digest()]))
            fields = b"".join(map(ssh_string, [self.blob, *parts, self.sign_raw(signed)]))
            return sshsig.armor(b"SSHSIG" + (1).to_bytes(4, "big") + fields)

        return armored

    def allowed(self, options: str = "") -> bytes:
        return f"{PRINCIPAL} {options}{' ' if options else ''}{self.line}\n".encode()


@dataclass
class Ledger:
    """A log in memory that appends as the evidence app does."""

    bodies: list[bytes] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)
    tickets: dict[str, list[bytes]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    minute: int = 0

    def add(
        self,
        event: str,
        ticket: str | None = None,
        data: Mapping[str, entry.JsonValue] | None = None,
        files: Sequence[tuple[str, str, bytes]] = (),
        ts: str | None = None,
        thing: str = "",
    ) -> int:
        """Append one entry, a minute after the last; `files` are (role, name, content); returns its number."""
        self.minute += 1
        chain = self.tickets.setdefault(ticket, []) if ticket else []
        artifacts = []
        for role, name, content in files:
            sha256 = hashlib.sha256(content).hexdigest()
            self.files[sha256] = content
            artifacts.append({"sha256": sha256, "size": len(content), "role": role, "name": name})
        body = entry.encode(
            {
                "v": 1,
                "log": LOG,
                "seq": len(self.bodies),
                "prev": self.leaves[-1].hex() if self.leaves else entry.NO_HASH,
                "event_id": f"ev_{len(self.bodies):016d}",
                "ts": ts or f"{START + timedelta(minutes=self.minute):%Y-%m-%dT%H:%M:%S.%fZ}",
                "actor": {"id": "pe_iris", "kind": "person", "auth": "mfa"},
                "event": event,
                "ticket": ticket,
                "ticket_seq": len(chain) + 1 if ticket else None,
                "ticket_prev": (chain[-1].hex() if chain else entry.NO_HASH) if ticket else None,
                "object": {"type": "ticket" if ticket else "organisation", "id": thing or ticket or "acme"},
                "data": dict(data or {}),
                "artifacts": artifacts,
            }
        )
        self.bodies.append(body)
        self.leaves.append(entry.leaf_hash(body))
        chain.append(self.leaves[-1])
        return len(self.bodies) - 1

    def head(self, ticket: str) -> dict[str, entry.JsonValue]:
        return {"ticket": ticket, "count": len(self.tickets[ticket]), "head": self.tickets[ticket][-1].hex()}

    def close(self, ticket: str) -> None:
        head = self.head(ticket)
        self.add("ticket.closed", ticket, {"count": head["count"], "head": head["head"]})

    def checkpoint(self, size: int | None = None) -> bytes:
        size = len(self.leaves) if size is None else size
        return checkpoint.body(LOG, size, merkle.root(self.leaves[:size]))

    def step(self, old: int, size: int) -> package.ConsistencyStep:
        node = merkle.leaf_nodes(self.leaves.__getitem__)
        proof = merkle.consistency_proof(node, old, size)
        return package.ConsistencyStep(old, merkle.root(self.leaves[:old]), tuple(proof))


def work(ledger: Ledger, ticket: str, change: str = "patch") -> None:
    """One ticket's life, with a recorded session."""
    for event in ("ticket.submitted", "ticket.approved", "ticket.opened"):
        ledger.add(event, ticket, {"change": change})
    ledger.add("session.began", ticket, {"session": f"se_{ticket}"})
    cast = f'{{"version":2,"width":80,"height":24}}\n[0.1,"o","{change} {ticket}"]\n'.encode()
    ledger.add("session.ended", ticket, {"exit_status": 0}, [("recording", "session.cast", cast)])


def small_ledger(change: str = "patch") -> Ledger:
    """Three tickets of four, the last of them still open, with a month sealed."""
    ledger = Ledger()
    ledger.add("roster.founded", data={"people": 5}, files=[("policy", "policy.json", b'{"v":1}\n')])
    for ticket in TICKETS:
        work(ledger, ticket, change)
    ledger.close(TICKETS[0])
    ledger.add("backup.verified", TICKETS[1], files=[("proof", "restore.log", b""), ("proof", "restic.json", b"{}\n")])
    ledger.add("ticket.submitted", "MT-2026-00003")
    ledger.close(TICKETS[1])
    heads = [ledger.head(ticket) for ticket in sorted(ledger.tickets)]
    ledger.add("period.sealed", data={"period": "2026-11", "heads": heads})
    return ledger


@dataclass
class World:
    """A ledger with its sealing key, and the package that was made of it."""

    ledger: Ledger
    key: Key
    data: bytes = b""
    kept: bytes = b""

    @property
    def allowed(self) -> bytes:
        return self.key.allowed('namespaces="quarterdeck-package,quarterdeck-checkpoint"')


def included(ledger: Ledger, tickets: Sequence[str], leave_out: Sequence[int] = ()) -> list[int]:
    """The numbers of the entries of these tickets and of the organisation."""
    parsed = [entry.decode(body) for body in ledger.bodies]
    chosen = [fields["seq"] for fields in parsed if fields["ticket"] is None or fields["ticket"] in tickets]
    return [seq for seq in chosen if seq not in leave_out]


def make_world(
    ledger: Ledger | None = None,
    key: Key | None = None,
    *,
    tickets: Sequence[str] = TICKETS,
    kept_size: int | None = None,
    withheld: Mapping[str, str] | None = None,
    views: Mapping[str, bytes] | None = None,
    verifier: bytes | None = None,
    exported_ts: str | None = None,
    leave_out: Sequence[int] = (),
    ranges: Sequence[tuple[str, str]] = (("MT-2026-00001", "MT-2026-00004"),),
) -> World:
    """Export the tickets of a ledger as the application does: prepare, record, seal, write."""
    ledger, key = ledger or small_ledger(), key or Key.p256()
    kept = ledger.checkpoint(kept_size)
    seqs = included(ledger, tickets, leave_out)
    request = writer.Request(
        base=BASE,
        kind="period",
        organisation="Acme Präzision",
        log=LOG,
        exported_at="2026-11-30T00:00:00.000000Z",
        entries=[ledger.bodies[seq] for seq in seqs],
        views={
            "report.html": b"<!doctype html><title>Report</title><p>Two tickets closed.</p>\n",
            **{f"tickets/{t}/timeline.csv": f"seq,event\n1,{t}\n".encode() for t in tickets},
            **(views or {}),
        },
        since="2026-11-01T00:00:00.000000Z",
        until="2026-12-01T00:00:00.000000Z",
        ranges=ranges,
        withheld=withheld or {},
    )
    prepared = writer.prepare(request)
    last = ledger.add("package.exported", data=prepared.exported_data, ts=exported_ts)
    ledger.add("checkpoint.requested")
    body, size = ledger.checkpoint(), len(ledger.leaves)
    node = merkle.leaf_nodes(ledger.leaves.__getitem__)
    world = World(ledger, key, kept=kept)
    sealed = writer.Sealed(
        exported_entry=ledger.bodies[last],
        proofs=[merkle.inclusion_proof(node, seq, size) for seq in [*seqs, last]],
        checkpoint=body,
        checkpoint_signature=key.sign(package.CHECKPOINT_NAMESPACE)(body),
        allowed_signers=world.allowed,
        consistency=[ledger.step(checkpoint.parse(kept).size, size)],
        anchors={f"{checkpoint.parse(kept).size}.checkpoint": kept},
        instructions=b"python3 -I verify.pyz package.zip --signers FILE --anchor FILE\n",
        verifier=verifier,
    )
    sign = key.sign(package.PACKAGE_NAMESPACE)
    world.data = writer.build_package(prepared, sealed, artifacts=ledger.files, sign=sign, bagging_date="2026-11-30")
    return world


def whole_slice(ledger: Ledger, key: Key, held: Sequence[int]) -> tuple[writer.Prepared, writer.Sealed]:
    """What the writer needs for a package of everything in a ledger; others hold checkpoints of the sizes `held`."""
    request = writer.Request(
        base=BASE, kind="ticket", organisation="Acme", log=LOG, exported_at="2026-11-30T00:00:00.000000Z",
        entries=list(ledger.bodies), views={"report.html": b"<!doctype html><title>Report</title>\n"},
    )  # fmt: skip
    prepared = writer.prepare(request)
    ledger.add("package.exported", data=prepared.exported_data)
    body, size = ledger.checkpoint(), len(ledger.leaves)
    node = merkle.leaf_nodes(ledger.leaves.__getitem__)
    sealed = writer.Sealed(
        exported_entry=ledger.bodies[-1],
        proofs=[merkle.inclusion_proof(node, seq, size) for seq in range(size)],
        checkpoint=body,
        checkpoint_signature=key.sign(package.CHECKPOINT_NAMESPACE)(body),
        allowed_signers=key.allowed(),
        consistency=[ledger.step(old, size) for old in held],
    )
    return prepared, sealed


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the members of a package by path below the base folder."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def pack(members: Mapping[str, bytes], base: str = BASE) -> bytes:
    """Zip these members as they are, with the production writer."""
    out = BytesIO()
    container.write(out, base, [(name, data, container.measure(data)) for name, data in members.items()])
    return out.getvalue()


def remanifest(members: Mapping[str, bytes], key: Key | None = None) -> dict[str, bytes]:
    """Make manifests and bag information fit the members, as an attacker would; sign again when there is a key."""
    found = dict(members)
    payload = {name: data for name, data in found.items() if name.startswith("data/")}
    hashed = {name: hashlib.sha256(data).hexdigest() for name, data in payload.items()}
    found[package.MANIFEST] = package.make_manifest(hashed)
    info = package.parse_bag_info(found[package.BAG_INFO])
    info["Payload-Oxum"] = f"{sum(map(len, payload.values()))}.{len(payload)}"
    found[package.BAG_INFO] = package.make_bag_info(info)
    tags = {name: data for name, data in found.items() if name not in payload and name not in package.UNLISTED}
    listed = package.make_manifest({name: hashlib.sha256(data).hexdigest() for name, data in tags.items()})
    found[package.TAG_MANIFEST] = listed
    if key is not None:
        found[package.SIGNATURE] = key.sign(package.PACKAGE_NAMESPACE)(listed)
    return found


def judge(data: bytes, folder: Path, allowed: bytes | None = None, kept: bytes | None = None) -> Report:
    """Verify a package's bytes with this pin and this anchor."""
    path = folder / "package.zip"
    path.write_bytes(data)
    pins = signers.parse(allowed) if allowed is not None else []
    anchors = [trust.read_anchor("kept.checkpoint", kept)] if kept is not None else []
    return verify(path, pins, anchors)


def judge_world(world: World, folder: Path, data: bytes | None = None) -> Report:
    """Verify `data`, by default the world's own package, with the world's pin and anchor."""
    return judge(world.data if data is None else data, folder, world.allowed, world.kept)


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


def with_allowed(world: World, allowed: bytes) -> bytes:
    """The world's package with another `keys/allowed_signers`, signed again."""
    members = unpack(world.data) | {package.SIGNERS: allowed}
    return pack(remanifest(members, world.key))


def with_members(world: World, extra: Mapping[str, bytes]) -> bytes:
    """The world's package with further members, as its exporter packs and signs it."""
    return pack(remanifest(unpack(world.data) | dict(extra), world.key))
