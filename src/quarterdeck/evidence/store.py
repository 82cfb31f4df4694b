"""Artifacts in and out: whichever store the configuration names, what is read is hashed before anybody gets it."""

import re
from pathlib import Path
from typing import BinaryIO, cast

from django.conf import settings
from django.utils.module_loading import import_string

from quarterdeck.config.api import load
from quarterdeck.evidence.copies import note_copy, version_of
from quarterdeck.evidence.directory import DirectoryStore
from quarterdeck.evidence.guard import act_is_open
from quarterdeck.evidence.models import Artifact
from quarterdeck.evidence.ports import EvidenceStore, NotInStore, StoreFailed
from quarterdeck.evidence.terms import ArtifactRef, ArtifactView
from quarterdeck.kernel.chunks import Source, sha256_of
from quarterdeck.kernel.decision import Refused, refuse

_SAFE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


def artifact_store() -> EvidenceStore:
    """Return the store that the configuration names; Refused(store.unusable) when it cannot be had.

    Django names its database backends in the settings; in the same way the setting EVIDENCE_STORE names the factory in
    `wiring`, because evidence lies below the only place that chooses adapters and its readers pass no store around.
    """
    try:
        return cast(EvidenceStore, import_string(settings.EVIDENCE_STORE)())
    except StoreFailed as failed:
        raise Refused(refuse("store.unusable", str(failed), failed.next_step)) from failed


def store_artifact(source: Source, *, media_type: str, role: str, name: str, may_contain_cui: bool) -> ArtifactRef:
    """Keep `source` under its SHA-256 and return the reference for an entry.

    Runs outside an act (hashing, fsync and network must not hold the write lock). Raises ValueError for an unsafe name
    and Refused(store.failed) when the store does not take the file; nothing half-written stays under the final name.
    """
    if act_is_open.get():
        raise RuntimeError("store the artifact before the act: fsync must not hold the write lock")
    if not _SAFE_NAME.fullmatch(name):
        raise ValueError(f"a file name in evidence has ASCII letters, digits, dot, dash, underscore; not {name!r}")
    store = artifact_store()
    try:
        copy = store.put(source)
    except StoreFailed as failed:
        raise Refused(
            refuse("store.failed", f"The evidence store did not take {name}: {failed}", failed.next_step)
        ) from failed
    if store.pins:
        note_copy(store.name, copy)
    return ArtifactRef(copy.sha256, copy.size, role, name, media_type, may_contain_cui)


def open_artifact(sha256: str) -> BinaryIO:
    """Open a stored file for reading, its hash checked.

    Raises Refused: artifact.missing, artifact.altered, store.unreachable (nobody knows whether it is there).
    """
    file = _open(sha256)
    if sha256_of(file) != sha256:
        file.close()
        raise Refused(
            refuse(
                "artifact.altered",
                f"The stored file {sha256[:16]}... is not the one that was sealed: somebody or a bad disk changed it.",
                "Tell the IT lead: put the file back from a backup, and find out who wrote into the evidence store.",
            )
        )
    file.seek(0)
    return file


def stream_artifact(sha256: str) -> BinaryIO:
    """Open a stored file whose bytes the caller holds against the hash while it reads.

    Raises Refused: artifact.missing, store.unreachable.
    """
    return _open(sha256)


def _open(sha256: str) -> BinaryIO:
    missing = refuse("artifact.missing", "That file is not in the evidence store.", "Ask the IT lead to run qd doctor.")
    if _HASH.fullmatch(sha256) is None:
        raise Refused(missing)
    store = artifact_store()
    try:
        return store.open(sha256, version_of(store.name, sha256) if store.pins else "")
    except NotInStore as failed:
        raise Refused(missing) from failed
    except StoreFailed as failed:
        raise Refused(refuse("store.unreachable", f"The evidence store: {failed}", failed.next_step)) from failed


def read_artifact(sha256: str) -> bytes:
    """Return a small stored file whole, its hash checked; Refused as `open_artifact`."""
    with open_artifact(sha256) as file:
        return file.read()


def artifact_is_there(sha256: str) -> bool:
    """True when the store has such a file; its bytes are not read. Refused(store.unreachable)."""
    store = artifact_store()
    try:
        return store.size(sha256, version_of(store.name, sha256) if store.pins else "") is not None
    except StoreFailed as failed:
        raise Refused(refuse("store.unreachable", f"The evidence store: {failed}", failed.next_step)) from failed


def object_path(sha256: str) -> Path:
    """Return where the directory store keeps this hash, for whoever looks at the folder itself."""
    return DirectoryStore(load().objects_dir).path(sha256)


def artifact(sha256: str) -> ArtifactView | None:
    """Return what is known of an artifact that an entry names."""
    row = Artifact.objects.filter(sha256=sha256).first()
    if row is None:
        return None
    return ArtifactView(row.sha256, row.size, row.media_type, row.may_contain_cui, row.state, row.retain_until)
