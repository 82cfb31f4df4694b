"""Checks: define what is asked of assets before and after work, and read what the checks of a ticket found."""

import argparse

from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean, show_rows
from quarterdeck.entrypoints.cli.ticket_verbs import ticket_path
from quarterdeck.entrypoints.cli.verbs import Group, as_list, as_row, as_rows, flag, option, text_of

CHECKS = {"Id": "id", "Kind": "kind", "Name": "name", "When": "phase", "What": "what", "Assets": "assets"}
FOUND = {"Asset": "asset", "When": "phase", "Check": "name", "Outcome": "outcome", "What": "sentence"}
KINDS = "service, disk, tcp, http, certificate, share, reboot, clock, integration or mechanism"


def add(verbs: Group) -> None:
    """Add `checks` and `check ...`."""
    made = verbs.verb("checks", "list the checks that are defined", list_checks)
    option(made, "--asset", "only those of this asset, by host name or id", metavar="ASSET")
    flag(made, "--json", "print JSON")
    nouns = verbs.group("check", "one check, or what the checks of a ticket found")
    made = nouns.verb("found", "show what the newest checks of a ticket found", found)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    flag(made, "--json", "print JSON")
    made = nouns.verb("define", "define a check", define)
    made.add_argument("kind", help=KINDS)
    made.add_argument("name", help="what it looks at, in a few words")
    _say(made)
    made = nouns.verb("change", "change a check; tickets approved with it are approved anew", change)
    made.add_argument("id", help="id of the check, see `qd checks`")
    option(made, "--name", "another name")
    _say(made)
    made = nouns.verb("withdraw", "take a check out of use", withdraw)
    made.add_argument("id", help="id of the check, see `qd checks`")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")


def _say(made: argparse.ArgumentParser) -> None:
    made.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a value of its kind")
    made.add_argument("--asset", action="append", default=[], metavar="ASSET", help="where it is made; may be repeated")
    option(made, "--when", "before, after or both", metavar="WHEN")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")


def list_checks(arguments: argparse.Namespace) -> int:
    """List the checks."""
    server = Server()
    names = Names(server)
    asset = names.asset(arguments.asset) if arguments.asset else ""
    rows = as_rows(server.get("/checks", asset=asset))
    if not arguments.json:
        rows = [
            row
            | {
                "what": ", ".join(f"{key}={value}" for key, value in as_row(row["values"]).items() if value),
                "assets": ", ".join(names.of(one) for one in as_list(row["assets"])),
            }
            for row in rows
        ]
    show_rows(rows, CHECKS, as_json=arguments.json, none="No check is defined.")
    return 0


def found(arguments: argparse.Namespace) -> int:
    """Show what the checks of a ticket found."""
    server = Server()
    rows = as_rows(server.get(f"{ticket_path(arguments.number)}/checks"))
    if not arguments.json:
        names = Names(server)
        rows = [row | {"asset": names.of(row["asset"])} for row in rows]
    show_rows(rows, FOUND, as_json=arguments.json, none="No check was made yet.")
    return 0


def _body(arguments: argparse.Namespace, server: Server) -> dict[str, JsonValue]:
    body: dict[str, JsonValue] = {}
    pairs = [pair.partition("=") for pair in arguments.set]
    if any(not middle for _, middle, _ in pairs):
        raise Failed("A value is given as NAME=VALUE.")
    if pairs:
        body["values"] = {name: value for name, _, value in pairs}
    if arguments.asset:
        names = Names(server)
        body["assets"] = [names.asset(one) for one in arguments.asset]
    if arguments.when:
        body["phase"] = arguments.when
    return body


def define(arguments: argparse.Namespace) -> int:
    """Define a check."""
    server = Server(code=arguments.code)
    body = _body(arguments, server) | {"kind": arguments.kind, "name": arguments.name}
    row = as_row(server.post("/checks", body))
    print(clean(f"{text_of(row, 'id')} is defined."))
    return 0


def change(arguments: argparse.Namespace) -> int:
    """Change a check."""
    server = Server(code=arguments.code)
    body = _body(arguments, server) | ({"name": arguments.name} if arguments.name else {})
    row = as_row(server.patch(f"/checks/{_id(arguments.id)}", body))
    print(clean(f"{text_of(row, 'id')} is changed; tickets that were approved with it are approved anew."))
    return 0


def withdraw(arguments: argparse.Namespace) -> int:
    """Take a check out of use."""
    row = as_row(Server(code=arguments.code).delete(f"/checks/{_id(arguments.id)}"))
    print(clean(f"{text_of(row, 'id')} is out of use."))
    return 0


def _id(said: str) -> str:
    if not said.startswith("ck_") or not said.replace("_", "").isalnum():
        raise Failed("The id of a check begins with ck_; see `qd checks`.")
    return said
