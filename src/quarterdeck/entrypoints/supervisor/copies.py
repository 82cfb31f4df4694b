"""Copying a living installation: the database by SQLite's online backup, objects once each, everything with a hash."""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

PAGES = 2_000


def open_to_read(database: Path) -> sqlite3.Connection:
    """Return a connection that cannot change the file; sqlite3.Error when there is none."""
    return sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)


def copy_database(source: Path, target: Path) -> None:
    """Make a consistent copy of a database in use, and sync it; sqlite3.Error when it cannot be read."""
    with open_to_read(source) as living, sqlite3.connect(target) as copy:
        living.backup(copy, pages=PAGES)
        copy.execute("PRAGMA journal_mode=DELETE")
    copy.close()
    living.close()
    sync(target)


def is_whole(database: Path) -> bool:
    """True when SQLite finds nothing wrong with the file."""
    try:
        with open_to_read(database) as opened:
            whole = bool(opened.execute("PRAGMA integrity_check").fetchone()[0] == "ok")
        opened.close()
    except sqlite3.Error:
        return False
    return whole


def entries_in(database: Path) -> int:
    """Return how many ledger entries a copied database holds."""
    with open_to_read(database) as opened:
        row = opened.execute("SELECT size FROM evidence_ledgerhead").fetchone()
    opened.close()
    return 0 if row is None else int(row[0])


def objects_in(folder: Path) -> Iterator[Path]:
    """Yield the content-addressed files of an artifact store, temporary ones left out."""
    for path in sorted(folder.glob("??/*")):
        if len(path.name) == 64 and path.is_file():
            yield path


def copy_objects(source: Path, target: Path) -> tuple[int, list[str]]:
    """Copy what is not there yet, checking each name against its bytes; returns the number copied and bad names."""
    copied, wrong = 0, []
    for path in objects_in(source):
        place = target / path.parent.name / path.name
        if place.exists():
            continue
        if sha256_of(path) != path.name:
            wrong.append(path.name)
            continue
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = place.with_name(place.name + ".incoming")
        shutil.copyfile(path, temporary)
        sync(temporary)
        temporary.chmod(0o400)
        temporary.rename(place)
        copied += 1
    return copied, wrong


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Bring a file's bytes to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
