"""`qd access` and `qd done`: what ssh needs for one ticket, in a folder of that ticket, and gone afterwards."""

import argparse
import os
import re
import shutil
from pathlib import Path

from quarterdeck.entrypoints.cli import token_file
from quarterdeck.entrypoints.cli.login_verbs import key_file
from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean, confirm
from quarterdeck.entrypoints.cli.verbs import Group, as_row, as_rows, flag, option, text_of

NUMBER = re.compile(r"MT-\d{4}-\d{5}", re.ASCII)
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", re.ASCII)
INCLUDE_COMMENT = "# Tickets that `qd access` opened:"


def add(verbs: Group) -> None:
    """Add `access` and `done`."""
    made = verbs.verb("access", "get the certificates of an open ticket and write what ssh needs", take)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    made.add_argument("--asset", action="append", default=[], metavar="HOST", help="only this asset; may be repeated")
    option(made, "--identity", "your private key; its .pub is sent (default: the key of `qd key new`)", metavar="FILE")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")
    flag(made, "--include", "add the Include line to ~/.ssh/config without asking")
    made = verbs.verb("done", "end your work on a ticket: access is withdrawn, its files here are removed", end)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")


def take(arguments: argparse.Namespace) -> int:
    """Take access and write certificates, known_hosts and config."""
    folder = ticket_folder(arguments.number)
    identity = Path(arguments.identity).expanduser().resolve() if arguments.identity else key_file()
    server = Server(code=arguments.code)
    names = Names(server)
    body: dict[str, JsonValue] = {
        "public_key": _public_line(identity),
        "assets": [names.asset(said) for said in arguments.asset],
        "folder": str(folder),
        "identity_file": str(identity),
    }
    told = as_row(server.post(f"/tickets/{arguments.number}/access", body))
    config = write(folder, told)
    print(f"{arguments.number} is open for you:")
    for asset in as_rows(told["assets"]):
        print(f"  ssh {clean(text_of(asset, 'hostname')):<24} until {text_of(asset, 'valid_until')}")
    print("Everything you do there is recorded. When you are finished: " + f"qd done {arguments.number}")
    if not included(config.parent.parent, write_it=arguments.include):
        print(f"ssh does not know these names yet. Use:  ssh -F {config} NAME")
    return 0


def end(arguments: argparse.Namespace) -> int:
    """End the work there, then remove the files here, whatever the server said of the state."""
    folder = ticket_folder(arguments.number)
    try:
        told = as_row(Server(code=arguments.code).post(f"/tickets/{arguments.number}/done"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{arguments.number} is {text_of(told, 'state')}. The certificates here are removed.")
    return 0


def ticket_folder(number: str) -> Path:
    """Return the folder of one ticket; Failed for something that is no ticket number."""
    if not NUMBER.fullmatch(number):
        raise Failed(f"{number!r} is no ticket number; they look like MT-2026-00014.")
    return token_file.folder() / number


def write(folder: Path, told: dict[str, JsonValue]) -> Path:
    """Write everything of one ticket anew, all 0600 in a folder of 0700, and return the config's path."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    for asset in as_rows(told["assets"]):
        name = text_of(asset, "file_name")
        if not SAFE_NAME.fullmatch(name):
            raise Failed(f"The server named a file {name!r}; nothing was written for it.")
        _write(folder / name, text_of(asset, "certificate").strip() + "\n")
    _write(folder / "known_hosts", text_of(told, "known_hosts_line").strip() + "\n")
    _write(folder / "config", text_of(told, "ssh_config"))
    return folder / "config"


def included(base: Path, *, write_it: bool) -> bool:
    """Return whether ~/.ssh/config includes our configs; adds the line on top when asked to or allowed to."""
    config = Path.home() / ".ssh" / "config"
    line = f"Include {base}/*/config"
    present = config.read_text() if config.exists() else ""
    if line in present.splitlines():
        return True
    if not write_it and not confirm(f"Add {line!r} to {config}, so that plain `ssh NAME` works?"):
        return False
    config.parent.mkdir(mode=0o700, exist_ok=True)
    temporary = config.with_name("config.quarterdeck-new")
    _write(temporary, f"{INCLUDE_COMMENT}\n{line}\n\n{present}")
    temporary.replace(config)
    return True


def _public_line(identity: Path) -> str:
    public = identity.with_name(identity.name.removesuffix(".pub") + ".pub")
    try:
        return public.read_text().strip()
    except OSError as error:
        hint = "`qd key new` makes a key, `qd key add` registers it."
        raise Failed(f"{public} cannot be read ({error.strerror}). {hint}") from error


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
