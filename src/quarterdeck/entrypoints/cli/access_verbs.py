"""`qd access` and `qd done`: what ssh and Ansible need for one ticket, in a folder of that ticket, and gone afterwards.

With `--agent` the private key is in the person's ssh-agent: a registered key that is there already (a hardware key, a
token, one that `ssh-add` loaded), or with `--new-key` one that is made in memory, becomes the registered one, and
lives in the agent until its certificates end.
"""

import argparse
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from quarterdeck.entrypoints.cli import access_folder, token_file
from quarterdeck.entrypoints.cli.access_folder import ticket_folder
from quarterdeck.entrypoints.cli.agent import Agent, MemoryKey, PublicHalf
from quarterdeck.entrypoints.cli.login_verbs import key_file
from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean, complain, confirm
from quarterdeck.entrypoints.cli.verbs import Group, as_row, as_rows, flag, option, text_of
from quarterdeck.kernel.clock import SystemClock, parse_rfc3339

INCLUDE_COMMENT = "# Tickets that `qd access` opened:"
# A key that was made and registered when access was then refused stays in the agent for another try.
LONGEST_ACCESS = 12 * 3600
COMMENT = "quarterdeck"
OPEN_STATES = frozenset({"open"})


@dataclass(frozen=True, slots=True)
class Identity:
    """The key that access is taken with: its public line, where ssh finds it, and what `qd` made itself of it."""

    public_line: str
    file: Path
    in_agent: bool = False
    made: MemoryKey | None = None


def add(verbs: Group) -> None:
    """Add `access` and `done`."""
    made = verbs.verb("access", "get the certificates of an open ticket and write what ssh and Ansible need", take)
    what = made.add_mutually_exclusive_group(required=True)
    what.add_argument("number", nargs="?", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    what.add_argument("--clean", action="store_true", help="remove the files of tickets that are over, and end")
    made.add_argument("--asset", action="append", default=[], metavar="HOST", help="only this asset; may be repeated")
    option(made, "--identity", "your private key; its .pub is sent (default: the key of `qd key new`)", metavar="FILE")
    flag(made, "--agent", "use your registered key out of the running ssh-agent; no private key is read or written")
    flag(made, "--new-key", "with --agent: make a key in memory, register it, and let the agent hold it until the end")
    flag(made, "--yes", "with --new-key: replace the key that is registered without asking")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")
    flag(made, "--include", "add the Include line to ~/.ssh/config without asking")
    made = verbs.verb("done", "end your work on a ticket: access is withdrawn, its files here are removed", end)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")


def take(arguments: argparse.Namespace) -> int:
    """Take access and write certificates, known_hosts, configuration and inventory; or clean what is over."""
    server = Server(code=arguments.code)
    if arguments.clean:
        return _clean(server)
    folder = ticket_folder(arguments.number)
    identity = _identity(arguments, server, folder)
    names = Names(server)
    body: dict[str, JsonValue] = {
        "public_key": identity.public_line,
        "assets": [names.asset(said) for said in arguments.asset],
        "folder": str(folder),
        "identity_file": str(identity.file),
    }
    told = as_row(server.post(f"/tickets/{arguments.number}/access", body))
    shared = identity.in_agent and access_folder.was_made_here(identity.public_line)
    config = access_folder.write(
        folder,
        told,
        public_line=identity.public_line if identity.in_agent else "",
        made_key=identity.made is not None or shared,
    )
    if identity.made is not None:
        _lend(identity.made, as_rows(told["assets"]), arguments.number)
    _tell(arguments.number, told, config)
    if not included(config.parent.parent, write_it=arguments.include):
        print(f"ssh does not know these names yet. Use:  ssh -F {config} NAME")
    return 0


def _tell(number: str, told: dict[str, JsonValue], config: Path) -> None:
    print(f"{number} is open for you:")
    for asset in as_rows(told["assets"]):
        print(f"  ssh {clean(text_of(asset, 'hostname')):<24} until {text_of(asset, 'valid_until')}")
    print(f"  ansible -i {config.with_name(access_folder.INVENTORY)} all -m ping")
    print("Everything you do there is recorded. When you are finished: " + f"qd done {number}")


def end(arguments: argparse.Namespace) -> int:
    """End the work there, then remove the files here, whatever the server said of the state."""
    folder = ticket_folder(arguments.number)
    try:
        told = as_row(Server(code=arguments.code).post(f"/tickets/{arguments.number}/done"))
    finally:
        access_folder.remove(folder)
    print(f"{arguments.number} is {text_of(told, 'state')}. The certificates here are removed.")
    return 0


def sweep(now: datetime) -> None:
    """Remove what has ended by itself, and say so apart from what the verb prints."""
    for number in access_folder.sweep(now):
        print(f"qd: the access to {number} has ended; its files here are removed.", file=sys.stderr)


def _clean(server: Server) -> int:
    """Remove the folders of tickets that the server says are not open any more; those that have ended are gone."""
    removed = 0
    for folder in access_folder.folders():
        try:
            state = text_of(as_row(as_row(server.get(f"/tickets/{folder.name}")).get("ticket")), "state")
        except Failed as failed:
            complain(f"{folder.name} is left here: {failed}")
            continue
        if state not in OPEN_STATES:
            access_folder.remove(folder)
            removed += 1
            print(f"{folder.name} is {clean(state)}; its files here are removed.")
    left = len(access_folder.folders())
    print(f"{removed} removed, {left} left in {token_file.folder()}.")
    return 0


def _identity(arguments: argparse.Namespace, server: Server, folder: Path) -> Identity:
    if not arguments.agent:
        if arguments.new_key:
            raise Failed("--new-key makes a key in the agent; give --agent too, or use `qd key new` for a file.")
        file = Path(arguments.identity).expanduser().resolve() if arguments.identity else key_file()
        return Identity(_public_line(file), file)
    if arguments.identity:
        raise Failed("--agent takes your registered key; leave --identity out.")
    agent = Agent()
    registered = text_of(as_row(server.get("/me")), "key_fingerprint")
    public = agent.holds(registered) if registered else None
    if public is not None:
        return Identity(public.line, folder / access_folder.PUBLIC_HALF, in_agent=True)
    if not arguments.new_key:
        what = f"your registered key {registered}" if registered else "a key that is registered as yours"
        raise Failed(
            f"The ssh-agent does not hold {what}. Load it with `ssh-add`, or have one made there: --agent --new-key"
        )
    if registered and not arguments.yes and not confirm(f"Replace your key {registered}? It is given up for good."):
        raise Failed(f"Your key {registered} stays. To replace it answer yes, in a script give --yes.")
    made = _make(agent, server)
    return Identity(made.public.line, folder / access_folder.PUBLIC_HALF, in_agent=True, made=made)


def _make(agent: Agent, server: Server) -> MemoryKey:
    """Make a key, hand it to the agent, register it; the agent forgets it when the server does not take it."""
    made = MemoryKey()
    agent.add(made.identity(), COMMENT, LONGEST_ACCESS)
    try:
        told = as_row(server.post("/keys", {"public_key": made.public.line}))
    except Failed:
        agent.remove(made.public)
        raise
    print(f"Registered {told['fingerprint']} under your name. Its private half is in your ssh-agent only.")
    return made


def _lend(made: MemoryKey, assets: list[dict[str, JsonValue]], number: str) -> None:
    """Have the agent hold the key and each certificate until that certificate ends, no longer."""
    agent = Agent()
    now = SystemClock().now()
    longest = 1
    for asset in assets:
        seconds = int((parse_rfc3339(text_of(asset, "valid_until")) - now).total_seconds())
        certificate = PublicHalf.of_line(text_of(asset, "certificate"))
        agent.add(made.identity(certificate), f"{COMMENT} {number} {clean(text_of(asset, 'hostname'))}", seconds)
        longest = max(longest, seconds)
    agent.add(made.identity(), f"{COMMENT} {number}", longest)


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
    access_folder.write_private(temporary, f"{INCLUDE_COMMENT}\n{line}\n\n{present}")
    temporary.replace(config)
    return True


def _public_line(identity: Path) -> str:
    public = identity.with_name(identity.name.removesuffix(".pub") + ".pub")
    try:
        return public.read_text().strip()
    except OSError as error:
        hint = "`qd key new` makes a key, `qd key add` registers it."
        raise Failed(f"{public} cannot be read ({error.strerror}). {hint}") from error
