"""How a backup bucket is locked, read back from the server: Object Lock, its default retention, versions."""

import re

from quarterdeck.adapters.ec2_backups import asked, aws_client
from quarterdeck.backups.api import BucketLock, ProductFailed, Source

_S3 = re.compile(r"s3:(https?://[^/]+)/([a-z0-9][a-z0-9.-]{1,62})(?:/.*)?", re.ASCII)


class BucketLockReader:
    """Fulfils LockReader for repositories that lie in a bucket of S3."""

    def __init__(self, region: str = "us-east-1") -> None:
        self._region = region

    def read_lock(self, source: Source) -> BucketLock | None:
        """Return the bucket's own word, None for a repository that is no bucket."""
        found = _S3.fullmatch(source.repository)
        if found is None:
            return None
        client = aws_client("s3", self._region, source.credential_file, found[1])
        versions = asked("tell of its versions", client.get_bucket_versioning, Bucket=found[2])
        try:
            told = asked("tell of its lock", client.get_object_lock_configuration, Bucket=found[2])
        except ProductFailed as failed:
            if "ObjectLockConfigurationNotFound" not in str(failed):
                raise
            told = {}
        config = told.get("ObjectLockConfiguration", {})
        rule = config.get("Rule", {}).get("DefaultRetention", {})
        days = int(rule.get("Days") or 0) + 365 * int(rule.get("Years") or 0)
        mode = str(rule.get("Mode", "")).lower()
        locked = config.get("ObjectLockEnabled") == "Enabled" and mode in ("governance", "compliance") and days > 0
        return BucketLock(locked, mode, days, versions.get("Status") == "Enabled")
