"""A file of credentials on this server: read only when nobody else can read it."""

import os
import stat
from pathlib import Path

from quarterdeck.backups.api import ProductFailed

_LONGEST = 65_536


def read_credential(name: str) -> list[str]:
    """Return the lines of a credential file; ProductFailed when others may read it, or it is a link."""
    path = Path(name)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ProductFailed(f"The credential file {path} can't be opened ({error.strerror}).") from None
    with os.fdopen(descriptor, "rb") as file:
        seen = os.fstat(file.fileno())
        if not stat.S_ISREG(seen.st_mode) or seen.st_mode & 0o077 or seen.st_uid not in (0, os.geteuid()):
            raise ProductFailed(f"The credential file {path} can be read by others: chmod 600 it.")
        return file.read(_LONGEST).decode("utf-8", "replace").splitlines()


def named_values(name: str, allowed: frozenset[str], product: str) -> dict[str, str]:
    """Return NAME=value lines of a credential file; ProductFailed for a name that is no credential of the product."""
    lines = [line for line in read_credential(name) if line.strip() and not line.startswith("#")]
    found = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    if not found or found.keys() - allowed:
        wanted = ", ".join(sorted(allowed))
        raise ProductFailed(
            f"The credential file {name} sets something that is not a credential of {product}: {wanted}."
        )
    return found
