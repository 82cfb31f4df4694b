"""`qd restore DIR`: puts a backup back and begins a new epoch: every grant void, the restoration in the ledger.

First half, without the database: files. The second half, `restored`, runs in a fresh process against the new files.
"""

import argparse
import fcntl
import json
import os
import shutil
import sys
from pathlib import Path

from quarterdeck.config.api import Settings, WrongSettings, load
from quarterdeck.entrypoints.supervisor import sealed_keys
from quarterdeck.entrypoints.supervisor.copies import copy_objects, is_whole, sha256_of, sync
from quarterdeck.entrypoints.supervisor.folders import Unusable, prepare
from quarterdeck.entrypoints.supervisor.owned import NotAnswering, run_with_data, running_sealer
from quarterdeck.entrypoints.supervisor.places import CannotCopy, database_file, key_places

SECOND_HALF = "quarterdeck.entrypoints.supervisor.restored"
DESCRIPTION = "Put a backup back, void all access, and record the restoration. `qd up` must not be running."


class RestoreFailed(Exception):
    """Nothing was put back; the text says why."""


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(prog="qd restore", description=DESCRIPTION)
    made.add_argument("dir", type=Path, help="folder of one backup, the one that holds backup.json")
    made.add_argument("--passphrase-file", type=Path, metavar="FILE", help="opens the keys of the backup")
    made.add_argument("--replace", action="store_true", help="set a database aside that is there already")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Put the files back, then finish with the database; returns 1 with a sentence when something is wrong."""
    chosen = parser().parse_args(arguments)
    try:
        config = load()
        put_back(config, chosen.dir, chosen.passphrase_file, replace=chosen.replace)
    except (OSError, RestoreFailed, CannotCopy, Unusable, sealed_keys.WrongPassphrase, WrongSettings) as error:
        print(f"qd restore: {error}", file=sys.stderr)
        return 1
    try:
        with running_sealer(config):
            return run_with_data(config, SECOND_HALF, [chosen.dir.resolve().name])
    except NotAnswering as error:
        print(f"qd restore: {error}", file=sys.stderr)
        return 1


def put_back(config: Settings, folder: Path, passphrase_file: Path | None, *, replace: bool) -> None:
    """Check the backup, then copy keys, database and objects; nothing that is there is overwritten."""
    told = read_description(folder, config.ledger_origin)
    refuse_while_running(config)
    target = database_file(config)
    if target.exists() and not replace:
        raise RestoreFailed(f"{target} is there already; with --replace it is set aside and the backup put there.")
    if passphrase_file is not None:
        data = (folder / "keys.enc").read_bytes()
        for path in sealed_keys.unseal(data, passphrase_file.read_text().strip(), key_places(config)):
            print(f"key {path}", file=sys.stderr)
    elif told.get("keys"):
        print("This backup holds keys; without --passphrase-file they stay in it.", file=sys.stderr)
    config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    set_aside(target)
    incoming = target.with_name(target.name + ".incoming")
    shutil.copyfile(folder / "db.sqlite3", incoming)
    incoming.chmod(0o600)
    sync(incoming)
    incoming.replace(target)
    if config.evidence_url.startswith("s3:"):
        print(f"Objects are read from {config.store_name}; none are put back from the backup.", file=sys.stderr)
    else:
        copied, wrong = copy_objects(folder.parent / "objects", config.objects_dir)
        print(f"{copied} objects put back, {len(wrong)} of the backup are damaged and were left out", file=sys.stderr)
    prepare(config)


def read_description(folder: Path, origin: str) -> dict[str, object]:
    """Return backup.json; RestoreFailed when the folder is no whole backup of this ledger."""
    try:
        told = json.loads((folder / "backup.json").read_text())
        wanted, written, copy = told["database_sha256"], told["origin"], folder / "db.sqlite3"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RestoreFailed(f"{folder} is no backup: its backup.json cannot be read.") from error
    if written != origin:
        raise RestoreFailed(f"This is a backup of {written}, not of {origin}; set QD_LEDGER_ORIGIN accordingly.")
    if not copy.is_file() or sha256_of(copy) != wanted or not is_whole(copy):
        raise RestoreFailed(f"The database in {folder} is damaged: it does not have the bytes that were backed up.")
    return dict(told)


def refuse_while_running(config: Settings) -> None:
    """Raise RestoreFailed while `qd up` runs on this data folder."""
    lock = config.run_dir / "supervisor.lock"
    if not lock.exists():
        return
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RestoreFailed("Quarterdeck is running on this data folder. Stop `qd up` first.") from error


def set_aside(database: Path) -> None:
    """Rename a database and its side files out of the way, so that nothing is lost."""
    number = 1
    while database.with_name(f"{database.name}.before-{number}").exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        path = database.with_name(database.name + suffix)
        if path.exists():
            path.rename(database.with_name(f"{database.name}.before-{number}{suffix}"))


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
