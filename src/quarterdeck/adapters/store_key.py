"""The store key: one file of mode 0600 that wraps the key of every object. Without it no file on S3 can be read again.

A wrapped key says which store key wrapped it and is bound to the file and the store it is for, so that a row put in
another's place opens nothing.
"""

import hashlib
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from quarterdeck.evidence.ports import StoreFailed

OCTETS, NONCE = 32, 12
_PUT_BACK = (
    "Put it back from where you keep it (a backup made with --keys). Without it nobody can read the files on S3."
)


@dataclass(frozen=True, slots=True)
class StoreKey:
    """Wraps and unwraps; `file` is made when the first object is stored."""

    file: Path

    def identity(self, *, make: bool = False) -> str:
        """Return what tells this key from others without telling it; StoreFailed when the file cannot be used."""
        return hashlib.sha256(b"quarterdeck store key\0" + self._key(make=make)).hexdigest()[:16]

    def wrap(self, key: bytes, about: str) -> bytes:
        """Return an object's key encrypted; `about` names what it belongs to."""
        nonce = secrets.token_bytes(NONCE)
        return nonce + AESGCM(self._key(make=False)).encrypt(nonce, key, about.encode())

    def unwrap(self, wrapped: bytes, about: str) -> bytes:
        """Return an object's key; StoreFailed when this store key did not wrap it, or not for this."""
        try:
            return AESGCM(self._key(make=False)).decrypt(wrapped[:NONCE], wrapped[NONCE:], about.encode())
        except (InvalidTag, ValueError) as error:
            raise StoreFailed(
                f"The key of a file does not open with {self.file}.", f"Another store key wrapped it. {_PUT_BACK}"
            ) from error

    def _key(self, *, make: bool) -> bytes:
        try:
            if make and not self.file.exists():
                self._make()
            if stat.S_IMODE(self.file.stat().st_mode) & 0o077:
                raise StoreFailed(f"Others may read the store key {self.file}.", f"Run chmod go= {self.file}.")
            key = bytes.fromhex(self.file.read_text().strip())
        except OSError as error:
            raise StoreFailed(f"The store key {self.file} cannot be read ({error.strerror}).", _PUT_BACK) from error
        except ValueError as error:
            raise StoreFailed(f"The store key {self.file} is none.", _PUT_BACK) from error
        if len(key) != OCTETS:
            raise StoreFailed(f"The store key {self.file} is none.", _PUT_BACK)
        return key

    def _make(self) -> None:
        """Write a new key beside and link it, so that of two who make one at once both use the same, and none half."""
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = self.file.with_name(f"{self.file.name}.{secrets.token_hex(6)}")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as out:
                out.write(secrets.token_hex(OCTETS) + "\n")
                out.flush()
                os.fsync(out.fileno())
            try:
                os.link(beside, self.file)
            except FileExistsError:
                return
            folder = os.open(self.file.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        finally:
            beside.unlink(missing_ok=True)
