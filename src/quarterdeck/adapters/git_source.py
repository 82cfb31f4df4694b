"""Git as a source of runbooks: the tree of exactly one commit as one tar, and what Git says of its signature.

Nothing of the machine's or the user's Git configuration counts, no hook and no filter runs, only https, ssh and local
repositories are fetched. The tar has its own order, times and owners, so that the same tree is always the same bytes.
"""

import io
import json
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from quarterdeck.adapters.bounded_process import pump
from quarterdeck.runs.api import CommitSignature, Pinned, RunFailed

MARKER = ".quarterdeck-runbook"
MOST_FILES, MOST_BYTES = 10_000, 64 << 20
_TIME = 300.0
_MODES = {"100644": 0o644, "100755": 0o755, "120000": 0o777}
_ENVIRONMENT = (
    "/usr/bin/env", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
    "GIT_ALLOW_PROTOCOL=https:ssh:file", "GIT_SSH_COMMAND=ssh -oBatchMode=yes", "GIT_NO_REPLACE_OBJECTS=1",
)  # fmt: skip
_SAID = {"G": CommitSignature.LISTED, "B": CommitSignature.BAD, "R": CommitSignature.BAD}


class GitSource:
    """Fulfils the port RunbookSource; `signers` is an allowed-signers file, None where nobody is listed."""

    def __init__(self, signers: Path | None = None) -> None:
        self._signers = signers

    def pinned(self, repository: str, commit: str, playbook: str) -> Pinned:
        """Fetch the repository, find the commit, pack its tree; RunFailed with a sentence."""
        with tempfile.TemporaryDirectory(prefix="qd-runbook-") as folder:
            _git(["init", "--quiet", "--bare", folder])
            refs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
            fetch = ["-C", folder, "fetch", "--quiet", "--no-recurse-submodules", "--", repository, *refs]
            _git(fetch, f"{repository} was not fetched")
            kind = _git(["-C", folder, "cat-file", "-t", commit], "The repository has no such commit").strip()
            if kind != b"commit":
                raise RunFailed("That hash is not one of a commit.")
            archive, files = _packed(folder, commit, playbook)
            signature, signer = self._signature(folder, commit)
        return Pinned(commit, archive, files, signature, signer)

    def _signature(self, folder: str, commit: str) -> tuple[CommitSignature, str]:
        header = _git(["-C", folder, "cat-file", "commit", commit]).partition(b"\n\n")[0]
        if b"\ngpgsig" not in header:
            return CommitSignature.NONE, ""
        listed = str(self._signers) if self._signers is not None else "/dev/null"
        show = ["-c", f"gpg.ssh.allowedSignersFile={listed}", "-c", "gpg.program=/bin/false", "-C", folder]
        said = _git([*show, "log", "-1", "--format=%G?%x00%GS%x00%GK", commit]).decode("utf-8", "replace").strip()
        letter, signer, key = (*said.split("\0"), "", "")[:3]
        return _SAID.get(letter, CommitSignature.OTHER), (signer or key)[:200]


def _git(arguments: Sequence[str], what: str = "Git failed", stdin: bytes = b"") -> bytes:
    output = bytearray()
    argv = [*_ENVIRONMENT, "git", "-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never", *arguments]
    try:
        status, errors, ended = pump(argv, output.extend, stdin=stdin, timeout=_TIME, max_output=4 * MOST_BYTES)
    except OSError as error:
        raise RunFailed(f"Git cannot be run here: {error.strerror}.") from error
    if ended != "exit" or status != 0:
        words = " ".join(errors.decode("utf-8", "replace").split())[-300:]
        raise RunFailed(f"{what}: {words or ended}.")
    return bytes(output)


def _packed(folder: str, commit: str, playbook: str) -> tuple[bytes, int]:
    """Return the tar of the tree with its marker first, and how many files it holds."""
    listed = _listed(folder, commit)
    if playbook not in {name for name, _, _ in listed}:
        raise RunFailed(f"The commit has no file {playbook}.")
    objects = _contents(folder, [sha for _, _, sha in listed])
    marker = json.dumps({"format": "quarterdeck-runbook-1", "commit": commit, "playbook": playbook}, sort_keys=True)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        _add(tar, MARKER, 0o644, marker.encode() + b"\n")
        for (name, mode, _), content in zip(listed, objects, strict=True):
            _add(tar, name, mode, content)
    return out.getvalue(), len(listed)


def _listed(folder: str, commit: str) -> list[tuple[str, int, str]]:
    found = []
    for line in _git(["-C", folder, "ls-tree", "-r", "-z", "--full-tree", commit]).split(b"\0")[:-1]:
        about, _, name = line.partition(b"\t")
        mode, _, sha = about.decode().split()
        try:
            path = name.decode()
        except UnicodeDecodeError as error:
            raise RunFailed("A file of the commit has a name that is no UTF-8.") from error
        if mode not in _MODES:
            raise RunFailed(f"{path} is a submodule: put its files into the repository, so that the hash covers them.")
        if path == MARKER or ".." in PurePosixPath(path).parts:
            raise RunFailed(f"The commit has a file {path}, which no runbook may have.")
        found.append((path, _MODES[mode], sha))
    if not 0 < len(found) <= MOST_FILES:
        raise RunFailed(f"The commit has {len(found)} files; a runbook has 1 to {MOST_FILES}.")
    return sorted(found)


def _contents(folder: str, objects: Sequence[str]) -> list[bytes]:
    told = _git(["-C", folder, "cat-file", "--batch"], stdin="".join(f"{sha}\n" for sha in objects).encode())
    found, at, total = [], 0, 0
    for _ in objects:
        end = told.index(b"\n", at)
        size = int(told[at:end].split()[2])
        total += size
        if total > MOST_BYTES:
            raise RunFailed(f"The commit's files are larger than {MOST_BYTES >> 20} MiB together.")
        found.append(told[end + 1 : end + 1 + size])
        at = end + 2 + size
    return found


def _add(tar: tarfile.TarFile, name: str, mode: int, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.mode = mode
    if mode == _MODES["120000"]:
        target = content.decode("utf-8", "replace")
        if PurePosixPath(target).is_absolute() or ".." in PurePosixPath(target).parts:
            raise RunFailed(f"{name} is a link that leads out of its folder.")
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        tar.addfile(entry)
        return
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
