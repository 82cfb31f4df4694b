"""What a bucket says of itself, read back: what is not reported is not there, whatever was once asked for."""

from collections.abc import Callable
from typing import Any

from quarterdeck.adapters.s3_client import S3, asked
from quarterdeck.evidence.ports import Answer, NotInStore, StoreFact, StoreFailed

_PUBLIC = ("AllUsers", "AuthenticatedUsers")
_NO_LOCK_SAID = frozenset({"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration"})
_NO_ENCRYPTION_SAID = frozenset({"ServerSideEncryptionConfigurationNotFoundError"})


def object_lock(s3: S3) -> dict[str, Any] | None:
    """Return the bucket's Object Lock configuration, None when it has none."""
    try:
        with s3.told("read the bucket's Object Lock"):
            answer = s3.client.get_object_lock_configuration(Bucket=s3.place.bucket)
    except StoreFailed as failed:
        if _code(failed) in _NO_LOCK_SAID:
            return None
        raise
    found: dict[str, Any] = answer.get("ObjectLockConfiguration", {})
    return found if found.get("ObjectLockEnabled") == "Enabled" else None


def bucket_facts(s3: S3) -> list[StoreFact]:
    """Return every property, good or bad, or why it cannot be told; StoreFailed when the bucket cannot be reached."""
    try:
        asked(s3, "find the bucket", s3.client.head_bucket)
    except NotInStore as missing:
        words = f"There is no bucket {s3.place.bucket}."
        raise StoreFailed(words, "Make it, with Object Lock, and give access to it.") from missing
    looks: tuple[tuple[str, Callable[[S3], list[StoreFact]]], ...] = (
        ("lock", _lock), ("versioning", _versioning), ("encryption", _encryption), ("public", _public),
    )  # fmt: skip
    facts: list[StoreFact] = []
    for code, look in looks:
        try:
            facts += look(s3)
        except StoreFailed as failed:
            facts.append(StoreFact(code, Answer.UNSAID, f"Not known: {failed}", failed.next_step))
    return facts


def _lock(s3: S3) -> list[StoreFact]:
    found = object_lock(s3)
    if found is None:
        sentence = "The bucket has no Object Lock: whoever has its keys can remove evidence."
        return [StoreFact("lock", Answer.BAD, sentence, "Move to a bucket that was made with Object Lock.")]
    default = found.get("Rule", {}).get("DefaultRetention", {})
    facts = [StoreFact("lock", Answer.GOOD, "Object Lock is enabled.")]
    if not default:
        sentence = "The bucket has no default retention; each file gets its own when it is stored."
        return [*facts, StoreFact("default_retention", Answer.UNSAID, sentence)]
    length = f"{default['Years']} years" if default.get("Years") else f"{default.get('Days', 0)} days"
    sentence = f"Default retention is {str(default.get('Mode', '')).upper()} for {length}."
    return [*facts, StoreFact("default_retention", Answer.GOOD, sentence)]


def _versioning(s3: S3) -> list[StoreFact]:
    answer = asked(s3, "read the bucket's versioning", s3.client.get_bucket_versioning)
    enabled = answer.get("Status") == "Enabled"
    facts = [
        StoreFact("versioning", Answer.GOOD, "Versioning is enabled.")
        if enabled
        else StoreFact("versioning", Answer.BAD, "Versioning is not enabled.", "Enable it, or use another bucket.")
    ]
    # Some servers accept the request for MFA Delete and do nothing with it: only what is read back counts.
    said = str(answer.get("MFADelete", ""))
    if said == "Enabled":
        return [*facts, StoreFact("mfa_delete", Answer.GOOD, "MFA Delete is enabled.")]
    words = "MFA Delete is not enabled." if said else "MFA Delete is not reported, so it is not enabled."
    return [*facts, StoreFact("mfa_delete", Answer.UNSAID, words, "COMPLIANCE retention holds without it.")]


def _encryption(s3: S3) -> list[StoreFact]:
    try:
        answer = asked(s3, "read the bucket's encryption", s3.client.get_bucket_encryption)
    except StoreFailed as failed:
        if _code(failed) not in _NO_ENCRYPTION_SAID:
            raise
        sentence = "The bucket reports no encryption of its own."
        return [StoreFact("encryption", Answer.BAD, sentence, "Encrypt the bucket, or the disks of its server.")]
    rules = answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    names = sorted({str(one.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "")) for one in rules})
    return [StoreFact("encryption", Answer.GOOD, f"The bucket encrypts with {', '.join(names)}.")]


def _public(s3: S3) -> list[StoreFact]:
    grants = asked(s3, "read the bucket's access list", s3.client.get_bucket_acl).get("Grants", [])
    open_to = [str(one.get("Grantee", {}).get("URI", "")) for one in grants]
    if any(uri.endswith(_PUBLIC) for uri in open_to):
        sentence = "The bucket's access list lets everybody in."
        return [StoreFact("public", Answer.BAD, sentence, "Take the public grants away now.")]
    try:
        answer = asked(s3, "read the public access block", s3.client.get_public_access_block)
    except StoreFailed as failed:
        sentence = f"The access list names nobody public; no public access block is reported ({_code(failed)})."
        return [StoreFact("public", Answer.UNSAID, sentence, "Block public access where the server can.")]
    block = answer.get("PublicAccessBlockConfiguration", {})
    if block and all(block.values()):
        return [StoreFact("public", Answer.GOOD, "Public access is blocked.")]
    return [StoreFact("public", Answer.BAD, "Public access is not wholly blocked.", "Block it on the bucket.")]


def _code(failed: StoreFailed) -> str:
    cause = failed.__cause__
    return str(getattr(cause, "response", {}).get("Error", {}).get("Code", ""))
