"""What evidence needs of the place where artifacts lie; fulfilled by a directory here, by S3 in an adapter.

A store keeps bytes under their SHA-256. It is not believed: whoever reads hashes what came. `version` is the store's
own name of one upload of these bytes (S3's VersionId), empty where a store has none.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import BinaryIO, Protocol

from quarterdeck.kernel.chunks import Source


class StoreFailed(Exception):
    """The store did not do it: `str()` is the sentence for a person, `next_step` what to do."""

    def __init__(self, sentence: str, next_step: str = "") -> None:
        super().__init__(sentence)
        self.next_step = next_step


class NotInStore(StoreFailed):
    """The store answers and has no such bytes."""


class StillLocked(StoreFailed):
    """The store refuses to remove or loosen what it has promised to keep, until `until` where that is known."""

    def __init__(self, sentence: str, next_step: str = "", until: datetime | None = None) -> None:
        super().__init__(sentence, next_step)
        self.until = until


class LockMode(StrEnum):
    """How firmly a store keeps bytes: not at all, unless somebody with a special right says so, against everybody."""

    NONE = ""
    GOVERNANCE = "governance"
    COMPLIANCE = "compliance"


class Answer(StrEnum):
    """What a store says of itself: as it should be, not so, or it does not say."""

    GOOD = "good"
    BAD = "bad"
    UNSAID = "unsaid"


@dataclass(frozen=True, slots=True)
class Lock:
    """What holds one version in place; `until` is None without a retention."""

    mode: LockMode
    until: datetime | None
    held: bool


NO_LOCK = Lock(LockMode.NONE, None, held=False)


@dataclass(frozen=True, slots=True)
class StoredCopy:
    """Bytes that a store has taken, hashed before they left; `checksum` is what the store computed itself."""

    sha256: str
    size: int
    version: str = ""
    checksum: str = ""
    lock: Lock = NO_LOCK


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One version of an object as a listing names it; its bytes were not looked at."""

    sha256: str
    version: str
    size: int
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class StoreFact:
    """One property of the store as read back from it, with a sentence; never what was asked for."""

    code: str
    answer: Answer
    sentence: str
    next_step: str = ""


class ArtifactStore(Protocol):
    """Bytes in, bytes out. Every method may raise StoreFailed."""

    def put(self, source: Source) -> StoredCopy:
        """Keep the bytes durably; nothing half-written is ever found under their hash. Repeating it is harmless."""

    def open(self, sha256: str, version: str = "") -> BinaryIO:
        """Open them for reading, seekable, not yet checked; NotInStore."""

    def digest(self, sha256: str, version: str = "") -> str:
        """Read them whole in pieces and return the SHA-256 of what came; NotInStore."""

    def size(self, sha256: str, version: str = "") -> int | None:
        """Return their size without reading them, None when the store has none."""


class ArtifactLocks(Protocol):
    """Keeping against removal. A store without locks answers NO_LOCK and keeps nobody from anything."""

    def retain(self, sha256: str, version: str, until: datetime, mode: LockMode) -> Lock:
        """Lock these bytes, only ever longer and firmer; returns the lock as read back. StillLocked, NotInStore."""

    def hold(self, sha256: str, version: str, *, on: bool) -> Lock:
        """Put a legal hold on, or take it off; returns the lock as read back."""

    def destroy(self, sha256: str) -> datetime | None:
        """End these bytes in every version; StillLocked when the store has promised to keep one that can be read.

        Returns None when nothing is left, else until when the store keeps what nobody can read any more.
        """

    def lock(self, sha256: str, version: str) -> Lock:
        """Return what holds these bytes in place; NotInStore."""


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """The key of one file in one store: `object` is the SHA-256 of its encrypted bytes, under which they lie there.

    `wrapped` is the key encrypted by the store key that `store_key` identifies.
    """

    sha256: str
    object: str
    wrapped: bytes
    store_key: str


class KeyBook(Protocol):
    """The keys of the files of one store; what is forgotten is destroyed."""

    def find(self, sha256: str) -> ObjectKey | None:
        """Return the key of a file."""

    def keep(self, key: ObjectKey) -> ObjectKey:
        """Keep a key durably and return the one that holds: the first, when another process kept one meanwhile."""

    def forget(self, sha256: str) -> None:
        """Destroy the key of a file; there may be none."""

    def named(self, objects: Sequence[str]) -> dict[str, str]:
        """Return which files these objects are, by the hash of the object; unknown ones are left out."""

    def last_store_key(self) -> str:
        """Return the identity of the store key that wrapped last, for whichever store; empty before the first."""


class StoreCensus(Protocol):
    """The store looked at as a whole."""

    @property
    def name(self) -> str:
        """Return what tells this store from others, without a secret: `file:/path`, `s3://bucket/prefix`."""

    @property
    def pins(self) -> bool:
        """True when the store keeps versions, so that reads name one."""

    def objects(self) -> Iterator[StoredObject]:
        """Yield every version of every object."""

    def remove(self, one: StoredObject) -> None:
        """Remove one version, as garbage; StillLocked."""

    def look(self) -> list[StoreFact]:
        """Read the store's own properties back."""


class EvidenceStore(ArtifactStore, ArtifactLocks, StoreCensus, Protocol):
    """A whole store."""
