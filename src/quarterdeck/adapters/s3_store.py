"""The artifact store on S3: keys by hash, put only when new, retention from the first moment, reads by version.

Fulfils evidence.ports.EvidenceStore. Overwriting a key or hiding it by a delete marker makes new versions and leaves
the one that was written down; so every read names its version, and where none was written down, looks for it by hash.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from quarterdeck.adapters import s3_facts, s3_locks
from quarterdeck.adapters.s3_client import S3, Denied, Taken, asked, pages
from quarterdeck.adapters.s3_upload import brought, put_parts, put_whole, spooled, to_base64
from quarterdeck.evidence.ports import (
    NO_LOCK,
    Lock,
    LockMode,
    NotInStore,
    StillLocked,
    StoredCopy,
    StoredObject,
    StoreFact,
    StoreFailed,
)
from quarterdeck.kernel.chunks import CHUNK, Source
from quarterdeck.kernel.clock import Clock

OBJECTS = "objects"
WHOLE_UP_TO = 64 * 1024 * 1024
READ_TRIES = 4


@dataclass(frozen=True, slots=True)
class S3Store:
    """Artifacts in one place on S3. `first_lock` is how long new bytes are kept until somebody decides longer."""

    s3: S3
    clock: Clock
    spool: Path
    first_lock: timedelta
    demand_lock: bool
    whole_up_to: int = WHOLE_UP_TO
    pins: bool = True

    @property
    def name(self) -> str:
        """Return the place."""
        return self.s3.place.name

    def put(self, source: Source) -> StoredCopy:
        """Upload, only if nothing lies there; what lies there is taken when it is these bytes, else passed over."""
        with spooled(source, self.spool) as (file, sha256, size):
            return self.put_file(file, sha256, size)

    def put_file(self, file: BinaryIO, sha256: str, size: int) -> StoredCopy:
        """Upload a seekable file that was hashed before, as `put` does."""
        try:
            return self._upload(file, sha256, size, only_new=True)
        except Taken:
            return self.kept(sha256, size) or self._upload(file, sha256, size, only_new=False)

    def kept(self, sha256: str, size: int) -> StoredCopy | None:
        """Return the copy that lies there already, locked as if it came now; None when there is none to rely on."""
        # Without a lock what lies there may be swept away as garbage a moment before an entry names it.
        known = self._found(sha256, size) if has_lock(self.s3) else None
        return self._kept(known) if known else None

    def _upload(self, file: BinaryIO, sha256: str, size: int, *, only_new: bool) -> StoredCopy:
        lock, headers = self._first_lock()
        key = self._key(sha256)
        if size <= self.whole_up_to:
            only = {"IfNoneMatch": "*"} if only_new else {}
            answer = put_whole(self.s3, key, file, sha256, **headers, **only)
        else:
            answer = put_parts(self.s3, key, file, size, sha256, only_new=only_new, **headers)
        return StoredCopy(sha256, size, _version(answer), str(answer.get("ChecksumSHA256", "")), lock)

    def _first_lock(self) -> tuple[Lock, dict[str, object]]:
        if not has_lock(self.s3):
            if self.demand_lock:
                raise StoreFailed(
                    f"The bucket {self.s3.place.bucket} has no Object Lock: what is stored could be removed.",
                    "Use a bucket made with Object Lock. To go without it, set QD_S3_DEMAND_LOCK=false.",
                )
            return NO_LOCK, {}
        until = (self.clock.now() + self.first_lock).replace(microsecond=0)
        lock = Lock(LockMode.GOVERNANCE, until, held=False)
        return lock, {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}

    def _found(self, sha256: str, size: int) -> StoredCopy | None:
        """Return the newest version that has these bytes, as the server's own SHA-256 or the bytes themselves say."""
        for one in self._versions(sha256):
            if one.size != size:
                continue
            head = self._head(sha256, one.version)
            checksum = str(head.get("ChecksumSHA256", ""))
            if checksum == to_base64(sha256) or self._hash(sha256, one.version) == sha256:
                lock = s3_locks.read_lock(self.s3, self._key(sha256), one.version)
                return StoredCopy(sha256, size, one.version, checksum, lock)
        return None

    def _kept(self, known: StoredCopy) -> StoredCopy:
        """Lock bytes that lay there already as if they came now."""
        until = self.clock.now() + self.first_lock
        return replace(known, lock=self.retain(known.sha256, known.version, until, LockMode.GOVERNANCE))

    def open(self, sha256: str, version: str = "") -> BinaryIO:
        """Bring the bytes into a nameless file here and return it."""
        return brought(self.pieces(sha256, version), self.spool)

    def pieces(self, sha256: str, version: str = "") -> Iterator[bytes]:
        """Yield the bytes as they come; NotInStore."""
        return self._pieces(sha256, version or self._chosen(sha256))

    def digest(self, sha256: str, version: str = "") -> str:
        """Hash the bytes as they come; nothing is kept."""
        return self._hash(sha256, version or self._chosen(sha256))

    def size(self, sha256: str, version: str = "") -> int | None:
        """Ask for the length."""
        try:
            return int(self._head(sha256, version or self._chosen(sha256))["ContentLength"])
        except NotInStore:
            return None

    def _hash(self, sha256: str, version: str) -> str:
        digest = hashlib.sha256()
        for piece in self._pieces(sha256, version):
            digest.update(piece)
        return digest.hexdigest()

    def _pieces(self, sha256: str, version: str) -> Iterator[bytes]:
        """Yield the bytes; a connection that breaks off is taken up again where it broke."""
        at, size, tries = 0, -1, 0
        while size < 0 or at < size:
            where = {"Range": f"bytes={at}-"} if at else {}
            try:
                with self.s3.told("read it"):
                    answer = self.s3.client.get_object(
                        Bucket=self.s3.place.bucket, Key=self._key(sha256), **_pinned(version), **where
                    )
                    size = at + int(answer["ContentLength"])
                    while piece := answer["Body"].read(CHUNK):
                        at, tries = at + len(piece), 0
                        yield piece
            except NotInStore:
                raise
            except StoreFailed:
                tries += 1
                if at == 0 or tries >= READ_TRIES:
                    raise

    def _chosen(self, sha256: str) -> str:
        """Return the version to read when nobody wrote one down: the newest that has the right bytes."""
        versions = list(self._versions(sha256))
        if not versions:
            raise NotInStore(f"{self.name} does not have it.")
        if len(versions) == 1:
            return versions[0].version
        right = (one.version for one in versions if self._hash(sha256, one.version) == sha256)
        return next(right, versions[0].version)

    def _versions(self, sha256: str) -> Iterator[StoredObject]:
        """Yield the versions under this hash, newest first; delete markers are none."""
        key = self._key(sha256)
        return (one for one in self._listed(key) if one.sha256 == sha256)

    def _listed(self, prefix: str) -> Iterator[StoredObject]:
        for page in pages(self.s3, "list it", "list_object_versions", Prefix=prefix):
            for one in page.get("Versions", ()):
                name = str(one["Key"]).rpartition("/")[2]
                if len(name) == 64:
                    version = str(one["VersionId"])
                    yield StoredObject(name, version, int(one["Size"]), one["LastModified"].astimezone(UTC))

    def _head(self, sha256: str, version: str) -> dict[str, Any]:
        return asked(
            self.s3, "look at it", self.s3.client.head_object,
            Key=self._key(sha256), ChecksumMode="ENABLED", **_pinned(version),
        )  # fmt: skip

    def _key(self, sha256: str) -> str:
        return self.s3.place.key(OBJECTS, sha256[:2], sha256)

    def retain(self, sha256: str, version: str, until: datetime, mode: LockMode) -> Lock:
        """Lock a version longer or firmer."""
        return s3_locks.retain(self.s3, self._key(sha256), version or self._chosen(sha256), until, mode)

    def hold(self, sha256: str, version: str, *, on: bool) -> Lock:
        """Put a legal hold on a version, or take it off."""
        return s3_locks.hold(self.s3, self._key(sha256), version or self._chosen(sha256), on=on)

    def destroy(self, sha256: str) -> None:
        """Remove every version under this hash that goes; StillLocked with the last date when one stays."""
        refused: list[StillLocked] = []
        for one in list(self._versions(sha256)):
            try:
                self.remove(one)
            except StillLocked as locked:
                refused.append(locked)
        if refused:
            raise max(refused, key=lambda one: (one.until is not None, one.until and one.until.timestamp()))

    def lock(self, sha256: str, version: str) -> Lock:
        """Read the lock of a version."""
        return s3_locks.read_lock(self.s3, self._key(sha256), version or self._chosen(sha256))

    def objects(self) -> Iterator[StoredObject]:
        """List every version."""
        return self._listed(self.s3.place.key(OBJECTS) + "/")

    def remove(self, one: StoredObject) -> None:
        """Remove one version; StillLocked while it is retained or held."""
        try:
            asked(self.s3, "remove it", self.s3.client.delete_object, Key=self._key(one.sha256), **_pinned(one.version))
        except Denied as denied:
            raise s3_locks.why_kept(self.name, self.lock(one.sha256, one.version), self.clock.now(), denied) from denied

    def look(self) -> list[StoreFact]:
        """Read the bucket's properties back."""
        return s3_facts.bucket_facts(self.s3)


@lru_cache(maxsize=8)
def has_lock(s3: S3) -> bool:
    """True when the bucket has Object Lock, asked once: it cannot be taken away again. Not being told counts as yes."""
    try:
        return s3_facts.object_lock(s3) is not None
    except Denied:
        return True


def _version(answer: dict[str, Any]) -> str:
    found = str(answer.get("VersionId", ""))
    return "" if found == "null" else found


def _pinned(version: str) -> dict[str, str]:
    return {"VersionId": version} if version else {}
