"""`qd backup DIR`: an online copy, database first, then objects; keys only when asked for, and encrypted.

Copying the live folder is not a backup: a database in use is more than one file, and its copy may be torn.
"""

import argparse
import json
import os
import sqlite3
import sys
from pathlib import Path

import django

os.umask(0o077)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from quarterdeck.config.api import Settings, load  # noqa: E402  the models need Django first
from quarterdeck.entrypoints.supervisor import sealed_keys  # noqa: E402
from quarterdeck.entrypoints.supervisor.copies import copy_database, copy_objects, entries_in, sha256_of, sync  # noqa: E402
from quarterdeck.entrypoints.supervisor.places import CannotCopy, database_file, key_places  # noqa: E402
from quarterdeck.evidence import api as evidence  # noqa: E402
from quarterdeck.evidence.api import JsonMap, ObjectRef  # noqa: E402
from quarterdeck.kernel.actors import OPERATOR  # noqa: E402
from quarterdeck.kernel.clock import SystemClock  # noqa: E402
from quarterdeck.kernel.decision import Refused  # noqa: E402

DESCRIPTION = "Copy the running installation: database first, then objects. Objects that DIR has are not copied again."


class BackupFailed(Exception):
    """Nothing that may be called a backup was made; the text says why."""


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(prog="qd backup", description=DESCRIPTION)
    made.add_argument("dir", type=Path, help="folder of the backups; each one gets a folder of its own in it")
    made.add_argument("--keys", action="store_true", help="add all keys, encrypted under a passphrase")
    made.add_argument("--objects", action="store_true", help="copy the objects here too when they lie on S3")
    made.add_argument("--passphrase-file", type=Path, metavar="FILE", help="file with the passphrase, 20 characters up")
    return made


def main() -> int:
    """Make the backup and record it; returns 1 with a sentence when it is not whole."""
    chosen = parser().parse_args()
    if chosen.keys and chosen.passphrase_file is None:
        print("qd backup: --keys needs --passphrase-file; keys leave this machine only encrypted.", file=sys.stderr)
        return 2
    try:
        passphrase = chosen.passphrase_file.read_text().strip() if chosen.keys else None
        folder = back_up(load(), chosen.dir, passphrase, objects=chosen.objects)
    except (OSError, sqlite3.Error, BackupFailed, CannotCopy, sealed_keys.WrongPassphrase, Refused) as error:
        print(f"qd backup: {error}", file=sys.stderr)
        return 1
    print(folder)
    return 0


def back_up(config: Settings, base: Path, passphrase: str | None, *, objects: bool = False) -> Path:
    """Return the folder of the finished backup; it gets its name only when it is whole.

    Objects on S3 stay there, versioned and locked, unless `objects` asks for a copy here.
    """
    if passphrase is not None:
        sealed_keys.require_long(passphrase)
    now = SystemClock().now()
    name = now.strftime("%Y%m%dT%H%M%SZ")
    unfinished = base / f"unfinished-{name}"
    unfinished.mkdir(parents=True, mode=0o700)
    copy_database(database_file(config), unfinished / "db.sqlite3")
    if config.evidence_url.startswith("s3:"):
        copied = fetch_objects(base / "objects") if objects else 0
    else:
        copied, wrong = copy_objects(config.objects_dir, base / "objects")
        if wrong:
            raise BackupFailed(f"{len(wrong)} objects do not have the bytes that their names say, {wrong[0]} for one.")
    told = {
        "origin": config.ledger_origin,
        "at": now.isoformat(),
        "entries": entries_in(unfinished / "db.sqlite3"),
        "database_sha256": sha256_of(unfinished / "db.sqlite3"),
        "keys": passphrase is not None,
        "store": config.store_name,
    }
    if passphrase is not None:
        (unfinished / "keys.enc").write_bytes(sealed_keys.seal(key_places(config), passphrase))
        sync(unfinished / "keys.enc")
    (unfinished / "backup.json").write_text(json.dumps(told, indent=1) + "\n")
    sync(unfinished / "backup.json")
    folder = base / name
    unfinished.rename(folder)
    sync_folder(base)
    with evidence.act(OPERATOR, SystemClock()) as act:
        data: JsonMap = {"objects_copied": copied, "keys": passphrase is not None}
        act.record("backup.taken", ObjectRef("backup", name), data={**data, "sha256": str(told["database_sha256"])})
    return folder


def fetch_objects(folder: Path) -> int:
    """Bring every artifact of the store into a folder that does not have it yet; Refused when one is not whole."""
    target, copied = evidence.DirectoryStore(folder), 0
    for sha256, size in evidence.standing_artifacts().items():
        if target.size(sha256) != size:
            with evidence.open_artifact(sha256) as file:
                target.put(file)
            copied += 1
    return copied


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
