"""A sealing key that follows a lost one: the new key's own word, which carries no trust over.

The old key did not sign, so whoever pinned it has to be told of the new one by another way. What does follow: after
that entry a signature by the lost key does not count, because whoever found or stole it could make one.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from quarterdeck_verify import entry, package, sshsig
from quarterdeck_verify.ledgerslice import Slice
from quarterdeck_verify.members import MAX_TINY, Members
from quarterdeck_verify.signers import parse_public_key
from quarterdeck_verify.trust import Signed

_FIELDS = {"at", "log", "lost_key_sha256", "new_key", "signature_new"}


@dataclass(frozen=True, slots=True)
class Replacement:
    """The entry that says so, the SHA-256 (hexadecimal) of the lost key and the new key's fingerprint."""

    seq: int
    lost: str
    new: str


def replacement_message(log: str, at: str, lost: str, new_key: str) -> bytes:
    """Return the bytes that the new key signs in the namespace `quarterdeck-rotation`; `lost` is a SHA-256."""
    return entry.canonical({"at": at, "log": log, "lost_key_sha256": lost, "new_key": new_key})


def replacement_statement(log: str, at: str, lost: str, new_key: str, signature: bytes) -> bytes:
    """Return the artifact of a `sealer.key_replaced` entry; `signature` is armored."""
    return entry.canonical(
        {"at": at, "log": log, "lost_key_sha256": lost, "new_key": new_key, "signature_new": signature.decode("ascii")}
    )


def read_replacements(members: Members, found: Slice, origin: str) -> list[Replacement]:
    """Return the replacements that the slice records, each checked by the new key's own signature."""
    replacements = []
    for seq, sha256 in found.replacements:
        try:
            lost, new = _parse(members.read(found.artifacts[sha256].path, MAX_TINY), origin)
        except ValueError as problem:
            sentence = f"The replacement of the sealing key does not hold: {problem}."
            members.findings.add("rotation.wrong", f"entry {seq}", sentence)
            continue
        replacements.append(Replacement(seq, lost, new))
    return replacements


def check_lost(members: Members, signed: Sequence[Signed], replaced: Sequence[Replacement], size: int) -> None:
    """Refuse signatures under a ledger of `size` entries by a key that one of these entries declared lost."""
    for item in signed:
        digest = hashlib.sha256(item.key.blob).hexdigest()
        for one in replaced:
            if one.lost == digest and one.seq < size:
                members.findings.add("signer.retired", item.member, f"Its key was declared lost by entry {one.seq}.")


def words(replaced: Sequence[Replacement]) -> list[str]:
    """Return a sentence for each replacement: what nobody but the organisation itself says."""
    return [
        f"Whether the key {one.new} is the organisation's: entry {one.seq} says that the key before it was lost, so it "
        "is not signed by that one. Have its fingerprint confirmed by another way."
        for one in replaced
    ]


def _parse(data: bytes, origin: str) -> tuple[str, str]:
    value = entry.parse_canonical(data)
    if not isinstance(value, dict) or set(value) != _FIELDS or not all(isinstance(v, str) for v in value.values()):
        raise ValueError("the statement is not one of a lost key")
    if value["log"] != origin or not entry.is_sha256(value["lost_key_sha256"]):
        raise ValueError("the statement is of another log")
    key = parse_public_key(value["new_key"])
    signature = sshsig.parse(value["signature_new"].encode("utf-8"))
    message = replacement_message(origin, value["at"], value["lost_key_sha256"], value["new_key"])
    if signature.key != key or not sshsig.verify(signature, message, package.ROTATION_NAMESPACE):
        raise ValueError("the new key did not sign it")
    return value["lost_key_sha256"], key.fingerprint
