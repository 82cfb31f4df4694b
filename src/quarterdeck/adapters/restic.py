"""restic as a backup product: its own command line, password through the environment or a file, never an argument."""

import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from quarterdeck.backups.api import Depth, ProductFailed, Snapshot, Source, Verification
from quarterdeck.kernel.clock import parse_rfc3339

_ALLOWED = frozenset(
    {"RESTIC_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION",
     "RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD"}
)  # fmt: skip
_READ = {Depth.ALL: ["--read-data"], Depth.SAMPLE: ["--read-data-subset=5%"], Depth.STRUCTURE: []}
_SNAPSHOT = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LONGEST_ANSWER = 32 << 20


class Restic:
    """Fulfils the port BackupProduct with the installed restic; `timeout` in seconds bounds a verification."""

    def __init__(self, *, program: str = "restic", timeout: float = 3600.0) -> None:
        self._program = program
        self._timeout = timeout

    def latest_snapshot(self, source: Source) -> Snapshot | None:
        """Return the newest snapshot of the source's host, path and tag with its size when restored."""
        chosen = [f"--{name}={value}" for name, value in _filters(source) if value]
        listed: Any = self._json(source, ["snapshots", "--json", "--latest=1", *chosen])
        try:
            found = [(parse_rfc3339(one["time"]), str(one["id"])) for one in listed or ()]
        except (TypeError, KeyError, ValueError):
            raise ProductFailed("restic did not list its snapshots in a form that can be read.") from None
        if not all(_SNAPSHOT.fullmatch(name) for _, name in found):
            raise ProductFailed("restic named a snapshot in a way that it never does.")
        if not found:
            return None
        taken, newest = max(found)
        told = self._json(source, ["stats", "--json", "--mode=restore-size", "--", newest])
        size = told.get("total_size", 0) if isinstance(told, dict) else 0
        return Snapshot(newest, taken, size if isinstance(size, int) else 0, encrypted=True)

    def verify(self, source: Source, snapshot: Snapshot) -> Verification:
        """Check the repository as deep as the source says and that the snapshot's tree can be listed."""
        done = self._run(source, ["check", *_READ[source.depth]])
        log = b"$ restic check " + source.depth.value.encode() + b"\n" + done.stdout + done.stderr
        if done.returncode != 0:
            return Verification(False, f"restic found errors: {_last_line(done)}", log)
        listed = self._run(source, ["ls", "--json", "--", snapshot.id])
        if listed.returncode != 0:
            return Verification(False, f"restic can't list the snapshot: {_last_line(listed)}", log + listed.stderr)
        read = {Depth.ALL: "all data read back", Depth.SAMPLE: "5 % of the data read back"}
        if source.depth is Depth.STRUCTURE:
            return Verification(False, "Only the structure was checked, no data was read back.", log)
        return Verification(True, f"restic check found no errors, {read[source.depth]}.", log)

    def _json(self, source: Source, words: Sequence[str]) -> object:
        done = self._run(source, words)
        if done.returncode != 0:
            raise ProductFailed(f"restic could not read the repository: {_last_line(done)}")
        try:
            return json.loads(done.stdout[:_LONGEST_ANSWER].decode("utf-8"))
        except ValueError:
            raise ProductFailed("restic answered something that is not JSON.") from None

    def _run(self, source: Source, words: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        program = shutil.which(self._program)
        if program is None:
            raise ProductFailed("restic is not installed on this server: apt install restic.")
        try:
            return subprocess.run(
                [program, "--no-cache", "--quiet", *words],
                env=self._environment(source),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ProductFailed(f"restic did not finish within {int(self._timeout)} seconds.") from None

    def _environment(self, source: Source) -> dict[str, str]:
        ours = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "TMPDIR": gettempdir(), "LC_ALL": "C"}
        return {**ours, "RESTIC_REPOSITORY": source.repository, **_credential(source)}


def _filters(source: Source) -> Sequence[tuple[str, str]]:
    return ("host", source.host), ("path", source.path), ("tag", source.tag)


def _credential(source: Source) -> dict[str, str]:
    """Return the environment of a credential file: NAME=value lines, or the bare password of the repository."""
    path = Path(source.credential_file)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ProductFailed(f"The credential file {path} can't be opened ({error.strerror}).") from None
    with os.fdopen(descriptor, "rb") as file:
        seen = os.fstat(file.fileno())
        if not stat.S_ISREG(seen.st_mode) or seen.st_mode & 0o077 or seen.st_uid not in (0, os.geteuid()):
            raise ProductFailed(f"The credential file {path} can be read by others: chmod 600 it.")
        lines = file.read(65536).decode("utf-8", "replace").splitlines()
    if not lines or lines[0].partition("=")[0] not in _ALLOWED:
        return {"RESTIC_PASSWORD_FILE": str(path)}
    found = dict(line.partition("=")[::2] for line in lines if line.strip() and not line.startswith("#"))
    strange = sorted(found.keys() - _ALLOWED)
    if strange:
        raise ProductFailed(f"The credential file {path} sets something that is not a credential of restic.")
    return found


def _last_line(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
    told = "".join(c if c.isprintable() else " " for c in (lines[-1] if lines else "no message"))
    return told[:200]
