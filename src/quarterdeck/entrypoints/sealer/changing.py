"""A change of sealing keys: the statement that both keys sign, or, where the old one is lost, the new one alone."""

from collections.abc import Iterable
from dataclasses import dataclass

from quarterdeck.adapters.ssh_signature import SigningFailed
from quarterdeck.entrypoints.sealer.keyring import REPLACED, ROTATED, KeyRecord, KeyRing
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck_verify import entry as entry_format
from quarterdeck_verify.package import REPLACEMENT_ROLE, ROTATION_NAMESPACE, ROTATION_ROLE
from quarterdeck_verify.replacement import replacement_message, replacement_statement
from quarterdeck_verify.trust import rotation_message, rotation_statement

OTHER_KEY = refuse(
    "sealer.other_key",
    "This ledger was sealed with a key that this sealer does not have: its folder is new, or of another installation.",
    "Put the sealer's folder back from its encrypted backup. If it is lost for good: `qd ledger adopt`.",
)
INSTALLED = "sealer.key_installed"
_ROLES = {ROTATED: ROTATION_ROLE, REPLACED: REPLACEMENT_ROLE}
_MARKS = tuple(f'"event":"{event}"'.encode() for event in (INSTALLED, ROTATED, REPLACED))


@dataclass(frozen=True, slots=True)
class Claim:
    """What an entry says of a sealing key: its hash; for a change also the hash of the signed statement."""

    event: str
    sha256: str
    statement: str
    at: str


def claims(bodies: Iterable[bytes]) -> list[Claim]:
    """Return what these entries say of sealing keys, in order."""
    found = []
    for body in bodies:
        if not any(mark in body for mark in _MARKS):  # canonical bytes: only such an entry can hold the event
            continue
        document = entry_format.decode(body)
        if document["event"] not in (INSTALLED, *_ROLES):
            continue
        role = _ROLES.get(document["event"])
        files = [item["sha256"] for item in document["artifacts"] if item["role"] == role]
        key = str(document["data"].get("sha256", ""))
        found.append(Claim(document["event"], key, files[0] if files else "", document["ts"]))
    return found


def follow(ring: KeyRing, key: str, told: Iterable[Claim]) -> tuple[str, list[tuple[str, str, str]]]:
    """Return the key that signs after these entries and the turns (old, new, when) on the way.

    Refused when the ledger names a key or a change that this sealer never made.
    """
    turns = []
    for claim in told:
        if claim.event == INSTALLED:
            if claim.sha256 not in {item.sha256 for item in ring.records}:
                raise Refused(OTHER_KEY)
            continue
        record = ring.by_statement(claim.statement)
        if record is None:
            raise Refused(
                refuse(
                    "sealer.change_unknown",
                    "The ledger says that the sealing key changed, but this sealer made no such change.",
                    "Keep the machine as it is, run `qd ledger verify`, and compare with the checkpoints kept outside.",
                )
            )
        old = ring.current(key).sha256
        if record.sha256 != old:
            turns.append((old, record.sha256, claim.at))
            key = record.sha256
    return key, turns


def rotate(ring: KeyRing, key: str, origin: str, at: str, *, public: str, name: str) -> KeyRecord:
    """Have a new key and the statement that old and new sign; the ledger must record it before it counts."""
    old = ring.current(key)
    new = ring.add_pending(public, name)
    if new.statement:
        return new
    message = rotation_message(origin, at, old.public, new.public)
    signatures = tuple(ring.signer(one).sign(message, ROTATION_NAMESPACE) for one in (old, new))
    statement = rotation_statement(origin, at, old.public, new.public, (signatures[0], signatures[1]))
    ring.keep_statement(new.sha256, statement.decode(), ROTATED)
    return ring.current(new.sha256)


def replace_lost(ring: KeyRing, key: str, origin: str, at: str, *, public: str, name: str) -> KeyRecord:
    """Have a new key that follows a lost one, signed by itself alone; Refused while the old one can still sign."""
    old = ring.current(key)
    if _can_sign(ring, old):
        raise Refused(
            refuse(
                "sealer.key_there",
                "The sealing key is there and signs: a change without its signature is not possible.",
                "Use `qd ledger rotate-key`; both keys sign that.",
            )
        )
    waiting = [item for item in ring.records if item.pending and item.event == REPLACED]
    if waiting and not public and not name:
        return waiting[-1]
    return state_replacement(ring, old.sha256, ring.add_pending(public, name), origin, at)


def state_replacement(ring: KeyRing, lost: str, new: KeyRecord, origin: str, at: str) -> KeyRecord:
    """Have `new` sign that it follows the key with the hash `lost`."""
    message = replacement_message(origin, at, lost, new.public)
    signature = ring.signer(new).sign(message, ROTATION_NAMESPACE)
    ring.keep_statement(new.sha256, replacement_statement(origin, at, lost, new.public, signature).decode(), REPLACED)
    return ring.current(new.sha256)


def _can_sign(ring: KeyRing, record: KeyRecord) -> bool:
    try:
        ring.signer(record).sign(b"is the key there", ROTATION_NAMESPACE)
    except (Refused, SigningFailed, OSError):
        return False
    return True


def as_change(record: KeyRecord) -> dict[str, object]:
    """Return a change as it goes to whoever records it."""
    return {"event": record.event, "sha256": record.sha256, "statement": record.statement, "public": record.public}
