"""Where a product's own program runs: on this server, or on the asset over SSH with a key of the product's account.

The account over SSH is no person's: its key opens the one program (`command=` or sudo in its own rules), the host key
is pinned in a file beside the key. Such an account is a way in: it belongs into the register of entry points.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from glob import glob
from tempfile import gettempdir
from typing import Protocol

from quarterdeck.adapters.credential_file import read_credential
from quarterdeck.backups.api import ProductFailed, Source


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program answered."""

    words: tuple[str, ...]
    status: int
    out: bytes
    err: bytes

    @property
    def last_line(self) -> str:
        """The last line it said, in letters that can be shown."""
        lines = (self.err.strip() or self.out.strip()).decode("utf-8", "replace").splitlines()
        return "".join(c if c.isprintable() else " " for c in (lines[-1] if lines else "no message"))[:200]

    @property
    def log(self) -> bytes:
        """Its words and its answer, as evidence."""
        return b"$ " + shlex.join(self.words).encode() + b"\n" + self.out[:4_000_000] + self.err[:1_000_000]


class Place(Protocol):
    """Somewhere a program can be run."""

    def run(self, words: Sequence[str], *, stdin: bytes = b"") -> Ran:
        """Run the program to its end; ProductFailed when it isn't there or takes too long."""


PlaceOf = Callable[[Source], Place]


@dataclass(frozen=True, slots=True)
class Here:
    """This server; the environment holds nothing but what is given."""

    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 3600.0

    def run(self, words: Sequence[str], *, stdin: bytes = b"") -> Ran:
        """Run a program of this server."""
        program = find_program(words[0])
        ours = {"PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin", "LC_ALL": "C", "TMPDIR": gettempdir()}
        try:
            done = subprocess.run(
                [program, *words[1:]],
                env={**ours, **self.environment},
                input=stdin,
                capture_output=True,
                timeout=self.timeout,
                check=False,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise ProductFailed(f"{words[0]} did not finish within {int(self.timeout)} seconds.") from None
        return Ran(tuple(words), done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True, slots=True)
class OverSsh:
    """The asset, by the account@host, perhaps :port, and key of its source; its host key is in `<key>.known_hosts`."""

    account: str
    key_file: str
    timeout: float = 3600.0

    def run(self, words: Sequence[str], *, stdin: bytes = b"") -> Ran:
        """Run a program on the asset."""
        read_credential(self.key_file)
        account, _, port = self.account.partition(":")
        line = shlex.join(words)
        told = ssh_options(self.key_file, f"{self.key_file}.known_hosts")
        done = Here(timeout=self.timeout).run(
            ["ssh", *told, "-T", "-p", port or "22", "--", account, line], stdin=stdin
        )
        if done.status == 255:
            raise ProductFailed(f"{self.account} could not be reached over SSH: {done.last_line}")
        return Ran(tuple(words), done.status, done.out, done.err)


def ssh_options(key_file: str, known_hosts: str) -> list[str]:
    """Return the options of an ssh that offers this key alone, believes this file of host keys alone, asks nobody."""
    options = (
        "BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none", "StrictHostKeyChecking=yes",
        "ClearAllForwardings=yes", "PermitLocalCommand=no", f"UserKnownHostsFile={known_hosts}",
        "GlobalKnownHostsFile=none", "ConnectTimeout=20",
    )  # fmt: skip
    return ["-F", "none", "-i", key_file, *(word for option in options for word in ("-o", option))]


def place_of(source: Source) -> Place:
    """Return where the source's product is asked."""
    return OverSsh(source.host, source.credential_file) if source.host else Here()


def find_program(name: str) -> str:
    """Return the path of an installed program, also one that Debian keeps beside its PostgreSQL; ProductFailed."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None and name.startswith("pg_"):
        found = max(glob(f"/usr/lib/postgresql/*/bin/{name}"), default=None)
    if found is None:
        raise ProductFailed(f"{name} is not installed on this server.")
    return found


def succeeded(ran: Ran, doing: str) -> Ran:
    """Return what ran, ProductFailed with its last line when it failed."""
    if ran.status != 0:
        raise ProductFailed(f"{ran.words[0]} could not {doing}: {ran.last_line}")
    return ran
