"""restic as a backup product: its own command line, password through the environment or a file, never an argument."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from quarterdeck.adapters.credential_file import read_credential
from quarterdeck.adapters.scratch import hash_tree, scratch_folder
from quarterdeck.backups.api import Depth, Digest, ProductFailed, Restored, Snapshot, Source, Verification
from quarterdeck.kernel.clock import parse_rfc3339

_ALLOWED = frozenset(
    {"RESTIC_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION",
     "RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD"}
)  # fmt: skip
_READ = {Depth.ALL: ["--read-data"], Depth.SAMPLE: ["--read-data-subset=5%"], Depth.STRUCTURE: []}
_SNAPSHOT = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LONGEST_ANSWER = 32 << 20


class Restic:
    """Fulfils the ports BackupProduct and Restorer with the installed restic; `timeout` bounds a question."""

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

    def restore(self, source: Source, snapshot: Snapshot, scratch: str) -> Restored:
        """Restore the snapshot below `scratch`, let restic verify it, hash every file, remove it."""
        with scratch_folder(scratch, snapshot.size) as folder:
            chosen = [f"--include={source.path}"] if source.path else []
            done = self._run(source, ["restore", f"--target={folder}", "--verify", *chosen, "--", snapshot.id])
            if done.returncode != 0:
                raise ProductFailed(f"restic could not restore the snapshot: {_last_line(done)}")
            return Restored(hash_tree(folder, ""), b"$ restic restore --verify\n" + done.stdout + done.stderr)

    def source_digests(self, source: Source, snapshot: Snapshot) -> Mapping[str, Digest]:
        """Return the digests of the backed-up folders as they are on this server now."""
        paths = [source.path] if source.path else self._paths(source, snapshot)
        found: dict[str, Digest] = {}
        for path in paths:
            if not Path(path).is_dir():
                raise ProductFailed(f"{path} is not on this server: compare with the baseline instead.")
            found |= hash_tree(Path(path), path)
        return found

    def _paths(self, source: Source, snapshot: Snapshot) -> list[str]:
        listed = self._json(source, ["snapshots", "--json", "--", snapshot.id])
        paths = listed[0].get("paths") if isinstance(listed, list) and listed and isinstance(listed[0], dict) else None
        return [str(one) for one in paths] if isinstance(paths, list) else []

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
    lines = read_credential(source.credential_file)
    if not lines or lines[0].partition("=")[0] not in _ALLOWED:
        return {"RESTIC_PASSWORD_FILE": source.credential_file}
    found = dict(line.partition("=")[::2] for line in lines if line.strip() and not line.startswith("#"))
    if found.keys() - _ALLOWED:
        raise ProductFailed(
            f"The credential file {source.credential_file} sets something that is not a credential of restic."
        )
    return found


def _last_line(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
    told = "".join(c if c.isprintable() else " " for c in (lines[-1] if lines else "no message"))
    return told[:200]
