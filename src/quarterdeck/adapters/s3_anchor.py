"""Anchor on S3: every checkpoint as an object under COMPLIANCE, which nobody removes or shortens, its owner included.

Body and signature are two objects; the receipt names keys and versions, so that an overwrite is seen by whoever looks.
Meant for a bucket of its own with credentials that may only add, best in somebody else's account.
"""

from dataclasses import dataclass
from datetime import timedelta

from quarterdeck.adapters import s3_facts, s3_locks
from quarterdeck.adapters.s3_client import Taken, asked, connect
from quarterdeck.adapters.s3_upload import put_whole
from quarterdeck.config.api import S3Place
from quarterdeck.evidence.api import AnchorGrade
from quarterdeck.evidence.ports import LockMode, StoreFailed
from quarterdeck.kernel.chunks import sha256_of
from quarterdeck.kernel.clock import Clock
from quarterdeck.workflows.anchor_checkpoints import Anchor, AnchorFailed

CHECKPOINTS = "checkpoints"


@dataclass(frozen=True, slots=True)
class S3Anchor:
    """Fulfils anchor_checkpoints.AnchorChannel; `target` is s3://bucket/prefix."""

    place: S3Place
    grade: AnchorGrade
    keep: timedelta
    clock: Clock
    channel: str = "s3"

    @property
    def target(self) -> str:
        """Return the place."""
        return self.place.name

    def send(self, anchor: Anchor) -> str:
        """Put both objects and return their keys, versions and the lock that was read back; AnchorFailed."""
        checkpoint = anchor.checkpoint
        # The size leads, in a width that sorts; the root follows, so that a fork at one size is a second object.
        base = self.place.key(CHECKPOINTS, f"{checkpoint.size:012d}-{checkpoint.root[:16]}.checkpoint")
        try:
            signature = self._put(base + ".sig", checkpoint.sshsig)
            body = self._put(base, checkpoint.body)
        except StoreFailed as failed:
            raise AnchorFailed(f"{failed} {failed.next_step}".strip()) from failed
        return f"{body}; {signature}"

    def _put(self, key: str, content: bytes) -> str:
        s3 = connect(self.place)
        if s3_facts.object_lock(s3) is None:
            raise StoreFailed(
                f"The bucket {self.place.bucket} has no Object Lock: a copy there could be removed.",
                "Use a bucket made with Object Lock.",
            )
        until = (self.clock.now() + self.keep).replace(microsecond=0)
        locked = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
        try:
            answer = put_whole(s3, key, content, sha256_of(content), **locked, IfNoneMatch="*")
        except Taken:
            # Sent before, and the receipt was lost: what lies there counts only if it is this checkpoint.
            answer = asked(s3, "read it", s3.client.get_object, Key=key)
            if answer["Body"].read(len(content) + 1) != content:
                answer = put_whole(s3, key, content, sha256_of(content), **locked)
        version = str(answer.get("VersionId", ""))
        lock = s3_locks.read_lock(s3, key, version)
        if lock.mode is not LockMode.COMPLIANCE:
            lock = s3_locks.retain(s3, key, version, until, LockMode.COMPLIANCE)
        return f"{key} version {version} {lock.mode.value} until {lock.until:%Y-%m-%d}"
