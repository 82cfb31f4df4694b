"""The artifact store on S3 with a key of its own for every file, so that a file can be ended although S3 keeps bytes.

What the far store holds are encrypted bytes under their own hash: it checks, locks and pins them as it does all bytes.
To the outside a file keeps the SHA-256 of what it says; the book of keys knows which object it is. Destroying the key
ends the file at once, whatever COMPLIANCE keeps; the object is garbage then and goes when its lock runs out.
Files that were stored before there were keys are read as they lie there.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import BinaryIO

from quarterdeck.adapters import stream_cipher
from quarterdeck.adapters.s3_store import S3Store
from quarterdeck.adapters.s3_upload import brought, new_spool
from quarterdeck.adapters.store_key import StoreKey
from quarterdeck.evidence.ports import (
    KeyBook,
    Lock,
    LockMode,
    ObjectKey,
    StillLocked,
    StoredCopy,
    StoredObject,
    StoreFact,
    StoreFailed,
)
from quarterdeck.kernel.chunks import Source, chunks

BATCH = 500


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A file encrypted under a fresh key, lying in a nameless file: hash and size before, and after."""

    file: BinaryIO
    key: bytes
    sha256: str
    size: int
    object: str


@dataclass(frozen=True, slots=True)
class EncryptedStore:
    """Fulfils ports.EvidenceStore by another store, a book of keys, and the store key that wraps those.

    With `encrypts` off new files lie there as they are; those that have a key are read with it as before.
    """

    far: S3Store
    book: KeyBook
    store_key: StoreKey
    encrypts: bool = True

    @property
    def name(self) -> str:
        """Return the name of the store itself."""
        return self.far.name

    @property
    def pins(self) -> bool:
        """True: versions are kept."""
        return self.far.pins

    def put(self, source: Source) -> StoredCopy:
        """Encrypt and upload; what lies there already under a key that opens is taken instead."""
        if not self.encrypts:
            copy = self.far.put(source)
            self.book.forget(copy.sha256)
            return copy
        identity = self._identity()
        with self._encrypted(source) as made:
            known = self.book.find(made.sha256)
            if known is not None:
                self._key(known)
                lying = self._lying(known, made)
                if lying is not None:
                    return lying
                self.book.forget(made.sha256)
            copy = self.far.put_file(made.file, made.object, stream_cipher.encrypted_size(made.size))
            wrapped = self.store_key.wrap(made.key, self._about(made.sha256, made.object))
            kept = self.book.keep(ObjectKey(made.sha256, made.object, wrapped, identity))
            if kept.object == made.object:
                return replace(copy, sha256=made.sha256, size=made.size)
            # Another process stored the same file meanwhile: its object counts, ours is garbage.
            lying = self._lying(kept, made)
        if lying is None:
            raise StoreFailed("Two stored the same file at once and one of them broke off.", "Store it again.")
        return lying

    def _lying(self, known: ObjectKey, made: Encrypted) -> StoredCopy | None:
        copy = self.far.kept(known.object, stream_cipher.encrypted_size(made.size))
        return None if copy is None else replace(copy, sha256=made.sha256, size=made.size)

    def _identity(self) -> str:
        """Return which store key wraps from now on; a new one is made only where none was ever used."""
        used = self.book.last_store_key()
        identity = self.store_key.identity(make=not used)
        if used and identity != used:
            raise StoreFailed(
                f"{self.store_key.file} is another store key than the one that wrapped the keys of what is stored.",
                "Put the right one back (a backup made with --keys). Without it nothing on S3 can be read.",
            )
        return identity

    @contextmanager
    def _encrypted(self, source: Source) -> Iterator[Encrypted]:
        plain, sealed, size = hashlib.sha256(), hashlib.sha256(), 0

        def told() -> Iterator[bytes]:
            nonlocal size
            for piece in chunks(source):
                plain.update(piece)
                size += len(piece)
                yield piece

        key = stream_cipher.new_key()
        try:
            with new_spool(self.far.spool) as file:
                for piece in stream_cipher.encrypt(told(), key):
                    sealed.update(piece)
                    file.write(piece)
                file.seek(0)
                yield Encrypted(file, key, plain.hexdigest(), size, sealed.hexdigest())
        except OSError as error:
            raise StoreFailed(
                f"The file cannot be read or kept for the upload ({error.strerror or 'input or output error'}).",
                f"Look at the disk of {self.far.spool}.",
            ) from error

    def _about(self, sha256: str, made: str) -> str:
        return f"{self.name}\n{sha256}\n{made}"

    def _key(self, known: ObjectKey) -> bytes:
        return self.store_key.unwrap(known.wrapped, self._about(known.sha256, known.object))

    def _object(self, sha256: str) -> str:
        """Return under which hash the far store has a file: its own, where it was stored before there were keys."""
        known = self.book.find(sha256)
        return sha256 if known is None else known.object

    def open(self, sha256: str, version: str = "") -> BinaryIO:
        """Bring the file into a nameless one here, decrypted; it ends where it is not as it was encrypted."""
        return brought(self._pieces(sha256, version), self.far.spool)

    def digest(self, sha256: str, version: str = "") -> str:
        """Hash the file as it comes; nothing is kept. Not the file's hash when it is not as it was encrypted."""
        digest = hashlib.sha256()
        for piece in self._pieces(sha256, version):
            digest.update(piece)
        return digest.hexdigest()

    def _pieces(self, sha256: str, version: str) -> Iterator[bytes]:
        known = self.book.find(sha256)
        if known is None:
            return self.far.pieces(sha256, version)
        return _opened(self.far.pieces(known.object, version), self._key(known))

    def size(self, sha256: str, version: str = "") -> int | None:
        """Ask for the length and take off what encryption added."""
        known = self.book.find(sha256)
        found = self.far.size(sha256 if known is None else known.object, version)
        return found if known is None or found is None else stream_cipher.plain_size(found)

    def retain(self, sha256: str, version: str, until: datetime, mode: LockMode) -> Lock:
        """Lock the object."""
        return self.far.retain(self._object(sha256), version, until, mode)

    def hold(self, sha256: str, version: str, *, on: bool) -> Lock:
        """Put a legal hold on the object, or take it off."""
        return self.far.hold(self._object(sha256), version, on=on)

    def lock(self, sha256: str, version: str) -> Lock:
        """Read the object's lock."""
        return self.far.lock(self._object(sha256), version)

    def destroy(self, sha256: str) -> datetime | None:
        """Destroy the key, then the object, which may have to wait for its lock."""
        known, until = self.book.find(sha256), None
        if known is not None:
            self.book.forget(sha256)
            try:
                self.far.destroy(known.object)
            except StillLocked as locked:
                if locked.until is None:
                    raise
                until = locked.until
        # Under the file's own hash lies what was stored before there were keys: that anybody can read.
        self.far.destroy(sha256)
        return until

    def objects(self) -> Iterator[StoredObject]:
        """List every version under the hash of its file; what has no key stands under its own."""
        listed = self.far.objects()
        while batch := list(islice(listed, BATCH)):
            named = self.book.named([one.sha256 for one in batch])
            for one in batch:
                if one.sha256 in named:
                    size = stream_cipher.plain_size(one.size)
                    yield replace(one, sha256=named[one.sha256], size=size)
                else:
                    yield one

    def remove(self, one: StoredObject) -> None:
        """Remove one version; the key goes with the last of them."""
        known = self.book.find(one.sha256)
        if known is None:
            self.far.remove(one)
            return
        self.far.remove(replace(one, sha256=known.object))
        if self.far.size(known.object) is None:
            self.book.forget(one.sha256)

    def look(self) -> list[StoreFact]:
        """Read the bucket's properties back."""
        return self.far.look()


def _opened(pieces: Iterator[bytes], key: bytes) -> Iterator[bytes]:
    """Yield what opens. At the first chunk that does not, it ends: whoever hashes then finds another hash."""
    try:
        yield from stream_cipher.decrypt(pieces, key)
    except stream_cipher.Broken:
        # A byte more than there ever was, so that an empty file that was changed is not taken for whole.
        yield b"\0"
