"""Taking access away at the terminal: `qd revoke ...` shows what will end, asks, and does it at once."""

import argparse
from functools import partial

from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean, confirm, show_rows
from quarterdeck.entrypoints.cli.verbs import Group, as_row, as_rows, flag, option

COLUMNS = {"Since": "at", "What": "scope", "Of": "target", "By": "by", "Why": "reason"}
SCOPES = {
    "person": ("WHO", "mail address, name or id of a person", "revoke all access of a person"),
    "vendor": ("NAME", "the vendor's name", "revoke all access of a vendor's people"),
    "ticket": ("MT-YYYY-NNNNN", "the ticket's number", "revoke all access of a ticket; its work is over"),
    "grant": ("GRANT", "id of the access grant", "revoke one access grant"),
    "certificate": ("SERIAL", "the certificate's serial", "revoke the access that a certificate opens"),
    "everything": ("", "", "emergency: revoke all access of everybody"),
}
LIFTED = ("person", "vendor", "ticket", "everything")


def add(verbs: Group) -> None:
    """Add `revoke ...`."""
    nouns = verbs.group("revoke", "take access away at once; running sessions end within two seconds")
    for scope, (metavar, words, says) in SCOPES.items():
        made = nouns.verb(scope, says, partial(revoke, scope))
        if metavar:
            made.add_argument("target", metavar=metavar, help=words)
        _reasoned(made)
        flag(made, "--yes", "do not ask first")
    made = nouns.verb("lift", "let access be taken again; what was revoked stays revoked", lift)
    made.add_argument("scope", choices=LIFTED, help="what was revoked")
    made.add_argument("target", nargs="?", default="", help="of whom or what; nothing for everything")
    _reasoned(made)
    made = nouns.verb("list", "list what is revoked now", list_revocations)
    flag(made, "--json", "print JSON")


def _reasoned(made: argparse.ArgumentParser) -> None:
    made.add_argument("--reason", required=True, help="why, in a sentence")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")


def revoke(scope: str, arguments: argparse.Namespace) -> int:
    """Show what will end, ask, and end it."""
    server = Server(code=arguments.code)
    body = _body(server, scope, getattr(arguments, "target", ""))
    reach = as_row(server.post("/revocations/preview", body))
    print(f"This ends {_count(reach, 'grants', 'access grant')} and {_count(reach, 'sessions', 'running session')}.")
    if not arguments.yes and not confirm("Revoke now?"):
        raise Failed("Nothing was revoked. At a terminal answer yes, in a script give --yes.")
    told = as_row(server.post("/revocations", body | {"reason": arguments.reason}))
    print(f"Revoked: {_count(told, 'grants', 'access grant')}. Running sessions end within two seconds.")
    ended = told.get("ends_work")
    for number in ended if isinstance(ended, list) else []:
        print(f"The work of {clean(str(number))} is over; it is being verified.")
    return 0


def lift(arguments: argparse.Namespace) -> int:
    """Let access be taken again."""
    server = Server(code=arguments.code)
    body = _body(server, arguments.scope, arguments.target) | {"reason": arguments.reason}
    rows = as_rows(server.post("/revocations/lift", body))
    print(f"Lifted. {len(rows)} other revocation{'' if len(rows) == 1 else 's'} still stand{'s' * (len(rows) == 1)}.")
    return 0


def list_revocations(arguments: argparse.Namespace) -> int:
    """List what is revoked."""
    server = Server()
    rows = as_rows(server.get("/revocations"))
    if not arguments.json:
        names = Names(server)
        rows = [row | {key: names.of(row[key]) for key in ("target", "by")} for row in rows]
    show_rows(rows, COLUMNS, as_json=arguments.json, none="Nothing is revoked.")
    return 0


def _body(server: Server, scope: str, target: str) -> dict[str, JsonValue]:
    return {"scope": scope, "target": Names(server).person(target) if scope == "person" else target}


def _count(reach: dict[str, JsonValue], field: str, word: str) -> str:
    value = reach.get(field)
    number = len(value) if isinstance(value, list) else 0
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"
