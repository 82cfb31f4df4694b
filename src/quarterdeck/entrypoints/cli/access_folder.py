"""The folder of one ticket on a technician's machine: what ssh and Ansible need, and its removal when it is over.

Beside certificates and configuration lies `access.json`: until when they work, and whether `qd` made the key in the
agent. Nothing in it is secret.
"""

import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from quarterdeck.entrypoints.cli import token_file
from quarterdeck.entrypoints.cli.agent import Agent, PublicHalf
from quarterdeck.entrypoints.cli.server import Failed
from quarterdeck.entrypoints.cli.showing import JsonValue
from quarterdeck.entrypoints.cli.verbs import as_rows, text_of
from quarterdeck.kernel.clock import parse_rfc3339, rfc3339

NUMBER = re.compile(r"MT-\d{4}-\d{5}", re.ASCII)
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", re.ASCII)
# What a configuration and an inventory of ours consist of; nothing that runs a program here or catches other hosts.
HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}", re.ASCII)
CONFIG_LINE = re.compile(
    r"|#[^\x00-\x1f]*|Host [A-Za-z0-9][A-Za-z0-9.-]*| +(?:HostName|Port|User|HostKeyAlias|UserKnownHostsFile|"
    r"GlobalKnownHostsFile|StrictHostKeyChecking|IdentitiesOnly|IdentityFile|CertificateFile|PreferredAuthentications|"
    r"ForwardAgent|ForwardX11) [^\x00-\x1f]+",
    re.ASCII,
)
FACTS = "access.json"
PUBLIC_HALF = "id.pub"
INVENTORY = "inventory.ini"
# No certificate lives longer than 12 hours; a folder that does not tell its end is over after a day.
SURELY_OVER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Facts:
    """Until when the certificates of a folder work (RFC 3339), and whether `qd` made their key in the agent."""

    until: str
    made_key: bool = False


def ticket_folder(number: str) -> Path:
    """Return the folder of one ticket; Failed for something that is no ticket number."""
    if not NUMBER.fullmatch(number):
        raise Failed(f"{number!r} is no ticket number; they look like MT-2026-00014.")
    return token_file.folder() / number


def folders() -> list[Path]:
    """Return the folders of tickets that are here."""
    try:
        there = sorted(token_file.folder().iterdir())
    except OSError:
        return []
    return [path for path in there if NUMBER.fullmatch(path.name) and path.is_dir() and not path.is_symlink()]


def write(folder: Path, told: dict[str, JsonValue], *, public_line: str = "", made_key: bool = False) -> Path:
    """Write everything of one ticket anew, all 0600 in a folder of 0700, and return the config's path.

    `public_line` is given where the private half is in an agent: ssh finds it there by its public half.
    """
    assets = as_rows(told["assets"])
    if not assets:
        raise Failed("The server gave no certificate, so nothing was written. Ask for access again.")
    for asset in assets:
        name = text_of(asset, "file_name")
        if not SAFE_NAME.fullmatch(name) or name in (FACTS, PUBLIC_HALF, INVENTORY, "config", "known_hosts"):
            raise Failed(f"The server named a file {name!r}; nothing was written for it.")
    _require_harmless(folder, told)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    # First of all, so that whatever is left half written is removed in time.
    facts = Facts(max(text_of(asset, "valid_until") for asset in assets), made_key)
    write_private(folder / FACTS, json.dumps(asdict(facts)))
    for asset in assets:
        write_private(folder / text_of(asset, "file_name"), text_of(asset, "certificate").strip() + "\n")
    if public_line:
        write_private(folder / PUBLIC_HALF, public_line + "\n")
    write_private(folder / "known_hosts", text_of(told, "known_hosts_line").strip() + "\n")
    write_private(folder / INVENTORY, text_of(told, "ansible_inventory"))
    write_private(folder / "config", text_of(told, "ssh_config"))
    return folder / "config"


def _require_harmless(folder: Path, told: dict[str, JsonValue]) -> None:
    """Refuse configuration that is not ours: a server must not make this machine run what it likes."""
    listed = {
        "", "[quarterdeck]", "[quarterdeck:vars]", "ansible_connection=ssh",
        f'ansible_ssh_common_args=-F "{folder}/config"',
        *(name for asset in as_rows(told["assets"]) if HOST_NAME.fullmatch(name := text_of(asset, "hostname"))),
    }  # fmt: skip
    strange = [line for line in text_of(told, "ssh_config").split("\n") if not CONFIG_LINE.fullmatch(line)]
    strange += [
        line for line in text_of(told, "ansible_inventory").split("\n") if line not in listed and line[:1] != "#"
    ]
    if strange:
        raise Failed(
            f"The server sent configuration that `qd` does not know: {strange[0][:80]!r}; nothing was written."
        )


def facts_of(folder: Path) -> Facts:
    """Return what the folder tells; one that tells nothing usable ends a day after it was made."""
    try:
        told = Facts(**json.loads((folder / FACTS).read_text()))
        parse_rfc3339(told.until)
        return told
    except (OSError, ValueError, TypeError, AttributeError):
        made = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
        return Facts(rfc3339(made + SURELY_OVER))


def remove(folder: Path) -> None:
    """Remove a ticket's files, and from the agent what `qd` put there for it."""
    if folder.is_dir() and not folder.is_symlink():
        if facts_of(folder).made_key:
            _forget(folder)
        shutil.rmtree(folder, ignore_errors=True)


def sweep(now: datetime) -> Sequence[str]:
    """Remove the folders of tickets whose certificates have ended; return those tickets."""
    over = [folder for folder in folders() if now >= parse_rfc3339(facts_of(folder).until)]
    for folder in over:
        remove(folder)
    return [folder.name for folder in over]


def was_made_here(public_line: str) -> bool:
    """Return whether some ticket's folder says that `qd` made this key in the agent."""
    return any(facts_of(folder).made_key for folder in folders() if _public_line(folder) == public_line)


def _forget(folder: Path) -> None:
    """Have the agent forget the certificates, and the key unless another ticket still uses it."""
    line = _public_line(folder)
    shared = any(_public_line(other) == line for other in folders() if other != folder)
    lines = [path.read_text(errors="replace") for path in folder.glob("*-cert.pub")] + ([] if shared else [line])
    try:
        agent = Agent()
        for found in lines:
            agent.remove(PublicHalf.of_line(found))
    except (Failed, ValueError):
        return  # the agent is gone, or forgets by itself when the certificates end


def _public_line(folder: Path) -> str:
    try:
        return (folder / PUBLIC_HALF).read_text(errors="replace").strip()
    except OSError:
        return ""


def write_private(path: Path, text: str) -> None:
    """Write a file that is its owner's alone from the first byte."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
