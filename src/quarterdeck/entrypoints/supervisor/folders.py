"""The folders and keys of an installation, made once by `qd init`: private from the first byte, never overwritten."""

import os
import pwd
import secrets
import stat
from pathlib import Path

from cryptography.fernet import Fernet

from quarterdeck.adapters.ssh_signature import FRESH_MARK, SshKeygenSigner
from quarterdeck.config.api import Settings

SEALING_KEY = "sealing_key"


class Unusable(Exception):
    """A folder or file cannot be used as it is; the text says what to do."""


def private_folders(config: Settings) -> tuple[Path, ...]:
    """Return every folder that must be of mode 0700 and of one owner."""
    inside = (config.run_dir, config.recordings_dir, config.logs_dir, config.gate_dir, config.objects_dir)
    beside = (config.sealer_folder, config.signer_folder)
    return (config.data_dir, *inside, config.data_dir / "static", *beside)


def private_files(config: Settings) -> tuple[Path, ...]:
    """Return every file with a secret that `qd init` makes; all of mode 0600."""
    sealing = [path for path in config.sealer_folder.glob("sealing_key*") if path.suffix != ".pub"]
    return (config.secret_key_file, config.factor_key_file, *sorted(sealing))


def prepare(config: Settings, owner: str = "", sealer_owner: str = "") -> list[str]:
    """Make what is missing and return a line for each thing made; Unusable when something stands in the way."""
    os.umask(0o077)
    made: list[str] = []
    try:
        for folder in private_folders(config):
            if not folder.is_dir():
                folder.mkdir(parents=True, mode=0o700)
                made.append(f"folder {folder}")
        made += _keys(config)
    except OSError as error:
        raise Unusable(f"{error.filename or config.data_dir} cannot be made ({error.strerror}).") from error
    give_away(config, owner, sealer_owner)
    return made


def _keys(config: Settings) -> list[str]:
    made = []
    for path, value in (
        (config.secret_key_file, secrets.token_urlsafe(48)),
        (config.factor_key_file, Fernet.generate_key().decode()),
    ):
        if not path.exists():
            write_secret(path, value)
            made.append(f"key {path}")
    sealing_key = config.sealer_folder / SEALING_KEY
    public = sealing_key.with_name(SEALING_KEY + ".pub")
    if public.exists() or (config.sealer_folder / "state.json").exists():
        return made
    if config.sealing_key == "agent":
        raise Unusable(f"QD_SEALING_KEY is agent, so put the public half of the agent's key into {public} first.")
    # The mark comes first: a key without it and without memory is one whose memory is lost.
    (config.sealer_folder / FRESH_MARK).touch(mode=0o600)
    SshKeygenSigner.create(sealing_key, config.ledger_origin, config.sealing_key_type)
    return [*made, f"key {sealing_key}"]


def write_secret(path: Path, value: str) -> None:
    """Write a fresh file of mode 0600 and sync it; FileExistsError when one is there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(value + "\n")
        out.flush()
        os.fsync(out.fileno())


def _lets_through(folder: Path, account: pwd.struct_passwd) -> bool:
    if account.pw_uid == 0:
        return True
    status = folder.stat()
    if status.st_uid == account.pw_uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid in os.getgrouplist(account.pw_name, account.pw_gid):
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def give_away(config: Settings, owner: str, sealer_owner: str) -> None:
    """As root, give everything to `owner` (or to whom the data folder belongs already), the sealer's to its own user.

    A sealer that was given a user of its own before keeps it.
    """
    if os.geteuid() != 0:
        if owner or sealer_owner:
            raise Unusable("Only root can give the folders to another user; run this as root or leave --owner out.")
        return
    account = _account(owner, config.data_dir)
    before = config.sealer_folder.stat().st_uid
    apart = sealer_owner or before not in (0, account.pw_uid)
    sealer = _account(sealer_owner, config.sealer_folder) if apart else account
    _give(config.data_dir, account)
    _give(config.signer_folder, account)
    _give(config.sealer_folder, sealer)
    if sealer.pw_uid != account.pw_uid:
        _open_door(config.sealer_folder, sealer, account)


def _account(name: str, folder: Path) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name) if name else pwd.getpwuid(folder.stat().st_uid)
    except KeyError as error:
        raise Unusable(f"There is no user {name!r} on this machine; make it with `useradd --system`.") from error


def _give(folder: Path, account: pwd.struct_passwd) -> None:
    shut = next((above for above in folder.resolve().parents if not _lets_through(above, account)), None)
    if shut is not None:
        raise Unusable(
            f"{account.pw_name} cannot pass through {shut} to {folder}. Choose a place that it can reach, "
            "for example QD_DATA_DIR=/var/lib/quarterdeck/data."
        )
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def _open_door(folder: Path, sealer: pwd.struct_passwd, account: pwd.struct_passwd) -> None:
    """Let the data folder's owner reach the sealer's socket, and nothing else: folders to pass through, not to list."""
    door = folder / "door"
    door.mkdir(exist_ok=True)
    for path, mode in ((folder, 0o710), (door, 0o2710)):  # what is made behind the door is its group's
        os.chown(path, sealer.pw_uid, account.pw_gid)
        path.chmod(mode)
