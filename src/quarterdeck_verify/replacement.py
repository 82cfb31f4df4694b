"""A sealing key that follows a lost one: the new key's own word, which carries no trust over.

The old key did not sign, so whoever pinned it has to be told of the new one by another way. What does follow: after
that entry a signature by the lost key does not count, because whoever found or stole it could make one.
"""

from collections.abc import Sequence

from quarterdeck_verify import entry, package, sshsig
from quarterdeck_verify.ledgerslice import Slice
from quarterdeck_verify.members import MAX_TINY, Members
from quarterdeck_verify.signers import parse_public_key
from quarterdeck_verify.sshsig import PublicKey
from quarterdeck_verify.succession import Replacement

_FIELDS = {"at", "log", "lost_key_sha256", "new_key", "signature_new"}


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
            lost, new = parse_replacement(members.read(found.artifacts[sha256].path, MAX_TINY), origin)
        except ValueError as problem:
            sentence = f"The replacement of the sealing key does not hold: {problem}."
            members.findings.add("rotation.wrong", f"entry {seq}", sentence)
            continue
        replacements.append(Replacement(seq, lost, new))
    return replacements


def words(replaced: Sequence[Replacement]) -> list[str]:
    """Return a sentence for each replacement: what nobody but the organisation itself says."""
    return [
        f"Whether the key {one.new} is the organisation's: entry {one.seq} says that the key before it was lost, so it "
        "is not signed by that one. Have its fingerprint confirmed by another way."
        for one in replaced
    ]


def parse_replacement(data: bytes, origin: str) -> tuple[str, PublicKey]:
    """Return the lost key's SHA-256 and the key that follows it; ValueError unless the new key signed that."""
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
    return value["lost_key_sha256"], key
