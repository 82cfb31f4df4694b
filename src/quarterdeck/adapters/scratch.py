"""A scratch place on this server: made for one drill, hashed, and gone afterwards."""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

from quarterdeck.backups.api import Digest, ProductFailed
from quarterdeck.baselines.api import display_path

_ROOM = 64 << 20


@contextmanager
def scratch_folder(parent: str, size: int) -> Iterator[Path]:
    """Give an empty folder of mode 0700 below `parent`, and remove it; ProductFailed when there is no room."""
    place = Path(parent)
    try:
        room = shutil.disk_usage(place).free
        if room < size + _ROOM:
            raise ProductFailed(f"{parent} has {room >> 20} MB left, the restore needs {(size + _ROOM) >> 20} MB.")
        folder = Path(mkdtemp(prefix="drill-", dir=place))
    except OSError as error:
        raise ProductFailed(f"The scratch place {parent} can't be used ({error.strerror}).") from None
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    for base, names, _ in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            if not os.path.islink(path):
                os.chmod(path, 0o700)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise ProductFailed(f"What was restored to {folder} can't be removed: remove it by hand, it holds real data.")


def hash_tree(root: Path, named: str) -> dict[str, Digest]:
    """Return the digests of regular files below `root`, named by `named` and path in it, spelled as in baselines."""
    found: dict[str, Digest] = {}
    for base, folders, names in os.walk(root, onerror=_unreadable):
        folders.sort()
        for name in sorted(names):
            path = Path(base, name)
            seen = path.lstat()
            if stat.S_ISREG(seen.st_mode):
                original = os.fsencode(named.rstrip("/")) + b"/" + os.fsencode(path.relative_to(root))
                changed = datetime.fromtimestamp(max(seen.st_mtime, seen.st_ctime), UTC)
                found[display_path(original)] = Digest(hash_file(path), changed)
    return found


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file; ProductFailed when it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ProductFailed(f"{path} can't be read ({error.strerror}).") from None


def _unreadable(error: OSError) -> None:
    raise ProductFailed(f"{error.filename} can't be read ({error.strerror}).")
