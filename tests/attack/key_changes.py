"""Changes of the sealing key as the sealer states them, and checkpoints as a mail brings them, signed by any key."""

import hashlib

from tests.attack.package_fixture import LOG, Key, Ledger

from quarterdeck_verify import package, replacement, trust

AT = "2026-11-20T00:00:00.000000Z"


def rotation(old: Key, new: Key, *, second: Key | None = None, log: str = LOG) -> bytes:
    """The statement that `new` follows `old`, signed by `old` and by `second` or `new`."""
    message = trust.rotation_message(log, AT, old.line, new.line)
    by_old, by_new = (key.sign(package.ROTATION_NAMESPACE)(message) for key in (old, second or new))
    return trust.rotation_statement(log, AT, old.line, new.line, (by_old, by_new))


def rotate(ledger: Ledger, old: Key, new: Key, *, second: Key | None = None) -> None:
    """Append the entry that records it."""
    statement = rotation(old, new, second=second)
    ledger.add("key.rotated", files=[(package.ROTATION_ROLE, "rotation.json", statement)])


def replaced(ledger: Ledger, lost: Key, new: Key, *, signer: Key | None = None, log: str = LOG) -> None:
    """Append the entry that records that `lost` was lost and `new` follows it, signed by `signer` or `new`."""
    digest = hashlib.sha256(lost.blob).hexdigest()
    message = replacement.replacement_message(log, AT, digest, new.line)
    signature = (signer or new).sign(package.ROTATION_NAMESPACE)(message)
    statement = replacement.replacement_statement(log, AT, digest, new.line, signature)
    ledger.add("sealer.key_replaced", files=[(package.REPLACEMENT_ROLE, "replacement.json", statement)])


def signed_anchor(body: bytes, key: Key) -> bytes:
    """A checkpoint with its signature, as in a mail."""
    return body + b"\n" + key.sign(package.CHECKPOINT_NAMESPACE)(body)
