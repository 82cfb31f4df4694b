"""Keys in a backup: one file, encrypted under a passphrase (scrypt and Fernet), only when somebody asked for it."""

import base64
import io
import json
import os
import tarfile
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

COST, BLOCK, LANES = 2**17, 8, 1
SHORTEST_PASSPHRASE = 20


class WrongPassphrase(Exception):
    """The keys do not open; the text says what to do."""


def require_long(passphrase: str) -> None:
    """Raise WrongPassphrase for a passphrase that can be guessed."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise WrongPassphrase(
            f"The passphrase has {len(passphrase)} characters; these keys need {SHORTEST_PASSPHRASE} or more, "
            "six random words for example."
        )


def seal(sources: dict[str, Path], passphrase: str) -> bytes:
    """Return the files and folders of `sources`, by name, encrypted; WrongPassphrase for a short passphrase."""
    require_long(passphrase)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, path in sorted(sources.items()):
            if path.exists():
                archive.add(path, arcname=name, filter=_plain_file)
    salt = os.urandom(16)
    header = {"kdf": "scrypt", "n": COST, "r": BLOCK, "p": LANES, "salt": salt.hex(), "cipher": "fernet"}
    return json.dumps(header).encode() + b"\n" + Fernet(_key(passphrase, salt)).encrypt(packed.getvalue())


def unseal(data: bytes, passphrase: str, places: dict[str, Path]) -> list[Path]:
    """Write the files back to their `places` where nothing is there yet, mode 0600, and return the paths written."""
    header, _, token = data.partition(b"\n")
    try:
        packed = Fernet(_key(passphrase, bytes.fromhex(json.loads(header)["salt"]))).decrypt(token)
    except (InvalidToken, ValueError, KeyError) as error:
        raise WrongPassphrase("The keys do not open with this passphrase, or the file is damaged.") from error
    written: list[Path] = []
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive.getmembers():
            root, _, rest = member.name.partition("/")
            stream = archive.extractfile(member) if member.isfile() else None
            if stream is None or root not in places or ".." in rest.split("/"):
                continue
            target = places[root] / rest if rest else places[root]
            if not target.exists():
                _write(target, stream.read())
                written.append(target)
    return written


def _write(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())


def _plain_file(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return member if member.isfile() or member.isdir() else None


def _key(passphrase: str, salt: bytes) -> bytes:
    derived = Scrypt(salt=salt, length=32, n=COST, r=BLOCK, p=LANES).derive(passphrase.encode())
    return base64.urlsafe_b64encode(derived)
