"""Plain copies of files with a SHA256SUMS file as a backup product: what rsync or robocopy leaves on another disk."""

import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from quarterdeck.adapters.scratch import hash_file, hash_tree, scratch_folder
from quarterdeck.backups.api import Digest, ProductFailed, Restored, Snapshot, Source, Verification

_SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64}) [ *](?:\./)?(.+)", re.ASCII)


class FileCopies:
    """Fulfils BackupProduct and Restorer: the folder itself or its newest subfolder that holds a SHA256SUMS."""

    def latest_snapshot(self, source: Source) -> Snapshot | None:
        """Return the newest copy; its age is that of its SHA256SUMS."""
        root = Path(source.repository)
        if not root.is_dir():
            raise ProductFailed(f"There is no folder {root} on this server.")
        found = [(path.stat().st_mtime, path.parent) for path in (*root.glob(f"*/{_SUMS}"), *root.glob(_SUMS))]
        if not found:
            return None
        written, folder = max(found)
        size = sum(one.lstat().st_size for one in folder.rglob("*") if one.is_file())
        name = "." if folder == root else folder.name
        return Snapshot(name, datetime.fromtimestamp(written, UTC), size, encrypted=None)

    def verify(self, source: Source, snapshot: Snapshot) -> Verification:
        """Hash every file that SHA256SUMS names."""
        folder = Path(source.repository, snapshot.id)
        listed = _listed(folder)
        bad = [name for name, sha256 in listed.items() if _hash_or_none(folder / name) != sha256]
        log = "".join(f"{name}: {'FAILED' if name in set(bad) else 'OK'}\n" for name in listed).encode()
        if bad or not listed:
            return Verification(False, f"{len(bad)} of {len(listed)} files are damaged or gone.", log)
        return Verification(True, f"All {len(listed)} files are as {_SUMS} says.", log)

    def restore(self, source: Source, snapshot: Snapshot, scratch: str) -> Restored:
        """Copy the files below `scratch`, hash them there, remove them."""
        folder = Path(source.repository, snapshot.id)
        with scratch_folder(scratch, snapshot.size) as place:
            for name in _listed(folder):
                target = place / name
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    shutil.copyfile(folder / name, target)
                except OSError as error:
                    raise ProductFailed(f"{name} could not be copied back ({error.strerror}).") from None
            return Restored(hash_tree(place, source.path), b"copied back\n")

    def source_digests(self, source: Source, snapshot: Snapshot) -> Mapping[str, Digest]:
        """Return the digests of the copied folder as it is on this server now."""
        del snapshot
        if not source.path or not Path(source.path).is_dir():
            raise ProductFailed(
                "The copied folder is not on this server: name it as path, or compare with the baseline."
            )
        return hash_tree(Path(source.path), source.path)


def _listed(folder: Path) -> dict[str, str]:
    try:
        text = (folder / _SUMS).read_text("utf-8", "surrogateescape")
    except OSError as error:
        raise ProductFailed(f"{folder / _SUMS} can't be read ({error.strerror}).") from None
    found = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None or Path(match[2]).is_absolute() or ".." in Path(match[2]).parts:
            raise ProductFailed(f"{folder / _SUMS} has a line that is no digest of a file in its folder.")
        found[match[2]] = match[1]
    return found


def _hash_or_none(path: Path) -> str | None:
    return hash_file(path) if path.is_file() and not path.is_symlink() else None
