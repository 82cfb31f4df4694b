"""BorgBackup as a backup product: its own command line, the passphrase through the environment from a file."""

import json
import shlex
from datetime import UTC, datetime
from tempfile import TemporaryDirectory
from typing import Any

from quarterdeck.adapters.command_place import Here, Ran, ssh_options, succeeded
from quarterdeck.adapters.credential_file import read_credential
from quarterdeck.backups.api import Depth, ProductFailed, Snapshot, Source, Verification

_CHECK = {Depth.ALL: ["--verify-data"], Depth.SAMPLE: [], Depth.STRUCTURE: ["--repository-only"]}


class Borg:
    """Fulfils the port BackupProduct with the installed borg; `timeout` in seconds bounds each question."""

    def __init__(self, *, timeout: float = 3600.0) -> None:
        self._timeout = timeout

    def latest_snapshot(self, source: Source) -> Snapshot | None:
        """Return the newest archive of the source's host whose name begins with its tag."""
        chosen = [f"--glob-archives={source.tag}*"] if source.tag else []
        listed = self._json(source, ["list", "--json", "--format={hostname}{time}", *chosen, source.repository])
        try:
            archives = [
                (_moment(one["time"]), str(one["name"]))
                for one in listed["archives"]
                # borg keeps the first label of a machine's name only; a tag tells machines of one label apart.
                if one.get("hostname") in (source.host, source.host.partition(".")[0])
            ]
        except (KeyError, TypeError, ValueError):
            raise ProductFailed("borg did not list its archives in a form that can be read.") from None
        if not archives:
            return None
        taken, newest = max(archives)
        told = self._json(source, ["info", "--json", f"{source.repository}::{newest}"])
        try:
            size, mode = int(told["archives"][0]["stats"]["original_size"]), str(told["encryption"]["mode"])
        except (KeyError, TypeError, ValueError, IndexError):
            raise ProductFailed("borg did not tell of its archive in a form that can be read.") from None
        return Snapshot(newest, taken, size, encrypted=mode != "none")

    def verify(self, source: Source, snapshot: Snapshot) -> Verification:
        """Check the repository, all its data where the source says so, and that the archive can be read through."""
        done = self._run(source, ["check", *_CHECK[source.depth], source.repository])
        if done.status != 0:
            return Verification(False, f"borg found errors: {done.last_line}", done.log)
        if source.depth is Depth.STRUCTURE:
            return Verification(False, "Only the structure was checked, no data was read back.", done.log)
        tried = self._run(source, ["extract", "--dry-run", f"{source.repository}::{snapshot.id}"])
        if tried.status != 0:
            return Verification(False, f"borg can't read the archive: {tried.last_line}", done.log + tried.log)
        return Verification(True, "borg check found no errors, the archive was read through.", done.log + tried.log)

    def _json(self, source: Source, words: list[str]) -> Any:  # noqa: ANN401  JSON
        try:
            return json.loads(succeeded(self._run(source, words), "read the repository").out)
        except ValueError:
            raise ProductFailed("borg answered something that is not JSON.") from None

    def _run(self, source: Source, words: list[str]) -> Ran:
        with TemporaryDirectory(prefix="qd-borg-") as home:
            # Its memory of repositories is made anew each time: nobody is there whom it could ask about a move.
            environment = {
                "BORG_PASSPHRASE": (read_credential(source.credential_file) or [""])[0],
                "BORG_BASE_DIR": home,
                "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
                "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
                "BORG_RSH": _shell(source),
                "TZ": "UTC",
            }
            return Here(environment, self._timeout).run(["borg", *words])


def _moment(told: str) -> datetime:
    moment = datetime.fromisoformat(told)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _shell(source: Source) -> str:
    """Return the ssh of a repository on another host: key and pinned host key lie beside the passphrase's file."""
    if not source.repository.startswith("ssh://"):
        return "ssh"
    key = f"{source.credential_file}.key"
    read_credential(key)
    return shlex.join(["ssh", *ssh_options(key, f"{source.credential_file}.known_hosts")])
