"""RFC 3161 time stamps, checked by the machine's own `openssl`: the one place where the verifier runs another program.

A token is a CMS structure with a chain of certificates; checking those is OpenSSL's trade. What needs no certificate is
checked here first: that the token speaks of these bytes at all.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

SECONDS = 20
MAX_TOKEN = 100_000

_HASHES = ("sha256", "sha384", "sha512")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_STAMP = re.compile(
    r"^Time stamp: ([A-Z][a-z]{2}) +([0-9]{1,2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)? ([0-9]{4}) GMT",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Authority:
    """A file of root certificates, and one with further certificates that may lie between, or an empty path."""

    roots: Path
    between: Path | None = None


def program() -> str | None:
    """Return where `openssl` lies, None when this machine has none."""
    return shutil.which("openssl")


def speaks_of(token: bytes, data: bytes) -> bool:
    """True when the token holds a hash of `data` as a DER octet string, as its message imprint must."""
    for name in _HASHES:
        digest = hashlib.new(name, data).digest()
        if b"\x04" + bytes([len(digest)]) + digest in token:
            return True
    return False


def stamped_at(token: bytes, data: bytes, authority: Authority) -> datetime | None:
    """Return the time of a token that holds for `data` under the authority's roots; None when it does not.

    The chain is checked as of the stamp's own time: an authority's certificate runs out long before evidence does.
    """
    openssl = program()
    if openssl is None or len(token) > MAX_TOKEN:
        return None
    with tempfile.TemporaryDirectory(prefix="quarterdeck-stamp-") as folder:
        files = {"token": token, "data": data}
        for name, content in files.items():
            Path(folder, name).write_bytes(content)
        told = _run([openssl, "ts", "-reply", "-in", "token", "-text"], folder)
        at = None if told is None else _time_in(told)
        if at is None:
            return None
        command = [openssl, "ts", "-verify", "-in", "token", "-data", "data", "-CAfile", str(authority.roots.resolve()),
                   "-attime", str(int(at.timestamp()))]  # fmt: skip
        if authority.between is not None:
            command += ["-untrusted", str(authority.between.resolve())]
        return at if _run(command, folder) is not None else None


def _run(command: list[str], folder: str) -> str | None:
    """Return what a command that succeeded printed; the program was looked up, the words are ours."""
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False,
            env=os.environ | {"LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("ascii", "replace") if done.returncode == 0 else None


def _time_in(told: str) -> datetime | None:
    match = _STAMP.search(told)
    if match is None or match[1] not in _MONTHS:
        return None
    numbers = [int(match[place]) for place in (2, 3, 4, 5, 6)]
    day, hour, minute, second, year = numbers
    try:
        return datetime(year, _MONTHS.index(match[1]) + 1, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
