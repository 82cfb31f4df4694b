"""Second-factor secrets at rest: encrypted with the server's factor key, and a keyed digest to compare them by.

The key lies outside the database (mode 0600), so a copy of the database alone gives no second factor.
"""

import hashlib
import hmac
import os
from functools import lru_cache
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from quarterdeck.config.api import load
from quarterdeck.kernel.decision import Refused, refuse


def make_factor_key(path: Path) -> None:
    """Create the factor key at `path` with mode 0600 unless it is there already."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(Fernet.generate_key())
        file.flush()
        os.fsync(file.fileno())


@lru_cache(maxsize=4)
def _key(path: Path) -> bytes:
    try:
        return path.read_bytes().strip()
    except FileNotFoundError as error:
        raise Refused(
            refuse(
                "factor.key_missing",
                "The key that protects second factors is missing on this server.",
                "Run `qd init`, or restore the key from the backup of the keys.",
            )
        ) from error


def encrypt(text: str) -> str:
    """Return `text` encrypted and authenticated; Refused(factor.key_missing) before `qd init`."""
    return Fernet(_key(load().factor_key_file)).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """Return the clear text; Refused(factor.unreadable) when the key does not fit or the text was changed."""
    try:
        return Fernet(_key(load().factor_key_file)).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise Refused(
            refuse(
                "factor.unreadable",
                "The second factor of this account can't be read with this server's key.",
                "Restore the factor key that belongs to this database, or have the factor reset by two people.",
            )
        ) from error


def digest(secret: str) -> str:
    """Return the keyed digest (hex) by which equal secrets are found without being kept in clear."""
    key = hashlib.sha256(b"quarterdeck factor digest\0" + _key(load().factor_key_file)).digest()
    return hmac.new(key, secret.encode(), hashlib.sha256).hexdigest()
