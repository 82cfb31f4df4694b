"""More time at the terminal: `qd extend` asks for it, `qd extension` shows and decides."""

import argparse
from datetime import datetime
from functools import partial

from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean, show_rows
from quarterdeck.entrypoints.cli.ticket_verbs import ticket_path
from quarterdeck.entrypoints.cli.verbs import Group, Handler, as_row, as_rows, flag, option, text_of
from quarterdeck.kernel.clock import rfc3339

COLUMNS = {"State": "state", "From": "until_before", "Until": "until", "Asked by": "person", "Why": "reason"}


def add(verbs: Group) -> None:
    """Add `extend` and `extension ...`."""
    made = _numbered(verbs, "extend", "ask for more time on an open ticket", extend)
    made.add_argument("--minutes", type=int, default=0, help="minutes beyond the end that holds now")
    option(made, "--until", "the new end instead, with an offset, for example 2026-11-23T18:30-05:00", metavar="TIME")
    made.add_argument("--reason", required=True, help="why, in a sentence")
    nouns = verbs.group("extension", "more time that was asked for")
    made = _numbered(nouns, "list", "list what was asked for under a ticket", list_extensions)
    flag(made, "--json", "print JSON")
    for name, verdict in (("grant", "approved"), ("refuse", "refused")):
        made = _numbered(nouns, name, f"{name} the more time that waits", partial(decide, verdict))
        made.add_argument("--role", required=True, choices=("approver", "cui_owner"), help="the role you decide in")
        made.add_argument("--reason", required=True, help="why, in a sentence")


def _numbered(group: Group, name: str, words: str, handler: Handler) -> argparse.ArgumentParser:
    made = group.verb(name, words, handler)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")
    return made


def extend(arguments: argparse.Namespace) -> int:
    """Ask for more time and say whether it holds already."""
    body: dict[str, JsonValue] = {"reason": arguments.reason, "minutes": arguments.minutes}
    if arguments.until:
        body["until"] = _moment(arguments.until)
    told = as_row(Server(code=arguments.code).post(f"{ticket_path(arguments.number)}/extensions", body))
    if text_of(told, "state") == "granted":
        print(f"{arguments.number} now ends {text_of(told, 'until')}. New connections take `qd access` again.")
    else:
        print(
            f"{arguments.number}: asked for more time until {text_of(told, 'until')}. {text_of(told, 'who_decides')}."
        )
    return 0


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Failed(f"{text!r} is no moment; write it like 2026-11-23T18:30-05:00.") from error
    return rfc3339(moment.astimezone())


def list_extensions(arguments: argparse.Namespace) -> int:
    """List extensions."""
    server = Server()
    rows = as_rows(server.get(f"{ticket_path(arguments.number)}/extensions"))
    if not arguments.json:
        names = Names(server)
        rows = [row | {"person": names.of(row["person"])} for row in rows]
    show_rows(rows, COLUMNS, as_json=arguments.json, none="No more time was asked for.")
    return 0


def decide(verdict: str, arguments: argparse.Namespace) -> int:
    """Decide on the extension that waits; what it is is said with the answer."""
    server, path = Server(code=arguments.code), f"{ticket_path(arguments.number)}/extensions"
    waiting = [row for row in as_rows(server.get(path)) if text_of(row, "state") == "waiting"]
    if not waiting:
        raise Failed("No more time waits for a decision under this ticket.")
    asked = waiting[-1]
    print(f"Until {text_of(asked, 'until')} instead of {text_of(asked, 'until_before')}: "
          f"{clean(text_of(asked, 'reason'))}")  # fmt: skip
    body: dict[str, JsonValue] = {"role": arguments.role, "verdict": verdict, "reason": arguments.reason}
    told = as_row(server.post(f"{path}/{text_of(asked, 'id')}/decide", body))
    print(f"{text_of(told, 'number')} ends {text_of(told, 'window_until')}.")
    return 0
