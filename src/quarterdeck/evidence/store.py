"""The artifact store on a directory: content-addressed files, fsynced before any row names them, mode 0400."""

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import BinaryIO

from quarterdeck.config.api import load
from quarterdeck.evidence.guard import act_is_open
from quarterdeck.evidence.models import Artifact
from quarterdeck.evidence.terms import ArtifactRef, ArtifactView
from quarterdeck.kernel.decision import Refused, refuse

CHUNK = 1024 * 1024
_SAFE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?", re.ASCII)


def object_path(sha256: str) -> Path:
    """Return where the file of this hash lies."""
    return load().objects_dir / sha256[:2] / sha256


def store_artifact(
    source: bytes | BinaryIO | Path, *, media_type: str, role: str, name: str, may_contain_cui: bool
) -> ArtifactRef:
    """Keep `source` under its SHA-256 and return the reference for an entry.

    Runs outside an act (hashing and fsync must not hold the write lock). Raises ValueError for an unsafe name and
    Refused(store.failed) when the disk does not take the file; nothing half-written stays under the final name.
    """
    if act_is_open.get():
        raise RuntimeError("store the artifact before the act: fsync must not hold the write lock")
    if not _SAFE_NAME.fullmatch(name):
        raise ValueError(f"a file name in evidence has ASCII letters, digits, dot, dash, underscore; not {name!r}")
    folder = load().objects_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        sha256, size = _write(source, folder)
    except OSError as error:
        raise Refused(
            refuse(
                "store.failed",
                f"The evidence store did not take {name} ({error.strerror or 'input or output error'}).",
                "Make room on the evidence disk (qd doctor shows how much is left) and try again.",
            )
        ) from error
    return ArtifactRef(sha256, size, role, name, media_type, may_contain_cui)


def _write(source: bytes | BinaryIO | Path, folder: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    descriptor, name = tempfile.mkstemp(prefix="incoming-", dir=folder)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as out:
            for chunk in _chunks(source):
                digest.update(chunk)
                size += len(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        temporary.chmod(0o400)
        final = object_path(digest.hexdigest())
        final.parent.mkdir(exist_ok=True, mode=0o700)
        temporary.rename(final)
        _sync_folder(final.parent)
    finally:
        temporary.unlink(missing_ok=True)
    return digest.hexdigest(), size


def _chunks(source: bytes | BinaryIO | Path) -> "list[bytes] | _Reader":
    if isinstance(source, bytes):
        return [source]
    return _Reader(source)


class _Reader:
    """Iterates a file in chunks, closing it when it opened it itself."""

    def __init__(self, source: BinaryIO | Path) -> None:
        self._own = isinstance(source, Path)
        self._file: BinaryIO = source.open("rb") if isinstance(source, Path) else source

    def __iter__(self) -> "_Reader":
        return self

    def __next__(self) -> bytes:
        chunk = self._file.read(CHUNK)
        if not chunk:
            if self._own:
                self._file.close()
            raise StopIteration
        return chunk


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_artifact(sha256: str) -> BinaryIO:
    """Open a stored file for reading, its hash checked; Refused(artifact.missing, artifact.altered)."""
    path = object_path(sha256)
    if re.fullmatch(r"[0-9a-f]{64}", sha256) is None or not path.is_file():
        raise Refused(
            refuse("artifact.missing", "That file is not in the evidence store.", "Ask the IT lead to run qd doctor.")
        )
    file = path.open("rb")
    if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
        file.close()
        raise Refused(
            refuse(
                "artifact.altered",
                f"The stored file {sha256[:16]}... is not the one that was sealed: somebody or a bad disk changed it.",
                "Tell the IT lead: put the file back from a backup, and find out who wrote into the evidence folder.",
            )
        )
    file.seek(0)
    return file


def stream_artifact(sha256: str) -> BinaryIO:
    """Open a stored file whose bytes the caller holds against the hash while it reads; Refused(artifact.missing)."""
    path = object_path(sha256)
    if re.fullmatch(r"[0-9a-f]{64}", sha256) is None or not path.is_file():
        raise Refused(
            refuse("artifact.missing", "That file is not in the evidence store.", "Ask the IT lead to run qd doctor.")
        )
    return path.open("rb")


def read_artifact(sha256: str) -> bytes:
    """Return a small stored file whole, its hash checked; Refused(artifact.missing, artifact.altered)."""
    with open_artifact(sha256) as file:
        return file.read()


def artifact(sha256: str) -> ArtifactView | None:
    """Return what is known of an artifact that an entry names."""
    row = Artifact.objects.filter(sha256=sha256).first()
    if row is None:
        return None
    return ArtifactView(row.sha256, row.size, row.media_type, row.may_contain_cui, row.state, row.retain_until)
