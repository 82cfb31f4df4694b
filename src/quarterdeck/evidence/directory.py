"""The artifact store on a directory: content-addressed files, fsynced before any row names them, mode 0400."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from quarterdeck.evidence.ports import (
    NO_LOCK,
    Answer,
    Lock,
    LockMode,
    NotInStore,
    StoredCopy,
    StoredObject,
    StoreFact,
    StoreFailed,
)
from quarterdeck.kernel.chunks import Source, chunks, sha256_of

INCOMING = "incoming-"


@dataclass(frozen=True, slots=True)
class DirectoryStore:
    """Fulfils ports.EvidenceStore; a directory keeps nobody who may write into it from removing a file."""

    folder: Path
    pins: bool = False

    @property
    def name(self) -> str:
        """Return the folder."""
        return f"file:{self.folder}"

    def path(self, sha256: str) -> Path:
        """Return where the file of this hash lies."""
        return self.folder / sha256[:2] / sha256

    def put(self, source: Source) -> StoredCopy:
        """Write beside, sync, rename: the final name never shows half a file."""
        with _told():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            return self._write(source)

    def _write(self, source: Source) -> StoredCopy:
        digest, size = hashlib.sha256(), 0
        descriptor, name = tempfile.mkstemp(prefix=INCOMING, dir=self.folder)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as out:
                for chunk in chunks(source):
                    digest.update(chunk)
                    size += len(chunk)
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
            temporary.chmod(0o400)
            final = self.path(digest.hexdigest())
            final.parent.mkdir(exist_ok=True, mode=0o700)
            with self._swept_by(fcntl.LOCK_SH):
                temporary.rename(final)
            _sync_folder(final.parent)
        finally:
            temporary.unlink(missing_ok=True)
        return StoredCopy(digest.hexdigest(), size)

    @contextmanager
    def _swept_by(self, how: int) -> Iterator[None]:
        """Keep sweeping apart from storing: what was listed as old may be stored anew before it is removed."""
        descriptor = os.open(self.folder / ".sweeping", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)

    def open(self, sha256: str, version: str = "") -> BinaryIO:
        """Open the file."""
        with _told():
            try:
                return self.path(sha256).open("rb")
            except (FileNotFoundError, IsADirectoryError) as error:
                raise NotInStore("That file is not in the evidence store.") from error

    def digest(self, sha256: str, version: str = "") -> str:
        """Read the file through."""
        with _told(), self.open(sha256) as file:
            return sha256_of(file)

    def size(self, sha256: str, version: str = "") -> int | None:
        """Return the file's length."""
        path = self.path(sha256)
        return path.stat().st_size if path.is_file() else None

    def retain(self, sha256: str, version: str, until: datetime, mode: LockMode) -> Lock:
        """Say that a directory has no locks."""
        return self.lock(sha256, version)

    def hold(self, sha256: str, version: str, *, on: bool) -> Lock:
        """Say that a directory has no locks."""
        return self.lock(sha256, version)

    def destroy(self, sha256: str) -> None:
        """Remove the file and sync its folder, so that it does not come back after a power cut."""
        with _told():
            path = self.path(sha256)
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                _sync_folder(path.parent)

    def lock(self, sha256: str, version: str) -> Lock:
        """Return NO_LOCK: whoever may write into the folder may remove the file."""
        if self.size(sha256) is None:
            raise NotInStore("That file is not in the evidence store.")
        return NO_LOCK

    def objects(self) -> Iterator[StoredObject]:
        """Yield the files, and what a killed writer left behind under an empty hash."""
        for path in sorted(self.folder.glob("??/*")):
            if len(path.name) == 64 and path.is_file():
                found = path.stat()
                yield StoredObject(path.name, "", found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))
        for path in sorted(self.folder.glob(INCOMING + "*")):
            found = path.stat()
            yield StoredObject("", path.name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def remove(self, one: StoredObject) -> None:
        """Remove a file, or what a killed writer left behind."""
        path = self.path(one.sha256) if one.sha256 else self.folder / one.version
        with _told(), self._swept_by(fcntl.LOCK_EX), suppress(FileNotFoundError):
            if datetime.fromtimestamp(path.stat().st_mtime, UTC) == one.stored_at:
                path.unlink()

    def look(self) -> list[StoreFact]:
        """Say what a directory cannot promise."""
        return [
            StoreFact(
                "lock",
                Answer.UNSAID,
                "A directory keeps nobody who may write into it from changing or removing a file; that is found by "
                "the hashes, not prevented.",
                "Keep backups, or use S3 with Object Lock.",
            )
        ]


@contextmanager
def _told() -> Iterator[None]:
    """Turn what the system says into a sentence for people."""
    try:
        yield
    except OSError as error:
        raise StoreFailed(
            f"The evidence folder does not take or give it ({error.strerror or 'input or output error'}).",
            "Look at the evidence disk (qd doctor shows how much is left) and try again.",
        ) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
