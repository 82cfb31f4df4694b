"""Putting what work needs into its registers: tools, techniques and mechanisms by their file, and who may maintain."""

import argparse
import hashlib
import re
from datetime import date, datetime, time, timedelta
from pathlib import Path

from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean
from quarterdeck.entrypoints.cli.verbs import Group, as_row, flag, option, text_of
from quarterdeck.kernel.clock import SystemClock

KINDS = ("tool", "technique", "mechanism")
ACTIONS = ("patch", "configure", "diagnose", "repair", "inspect", "replace", "restore", "any")
LONGEST = timedelta(days=365)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def add(verbs: Group) -> None:
    """Add `tool add` and `authorise`."""
    nouns = verbs.group("tool", "one tool, technique or mechanism")
    made = nouns.verb("add", "list a tool, technique or mechanism by the SHA-256 of its file", add_item)
    made.add_argument("file", type=Path, help="the procedure, script or program itself; it stays here, its hash goes")
    made.add_argument("--kind", required=True, choices=KINDS, help="technique: a procedure; mechanism: a program")
    made.add_argument("--name", required=True, help="what people call it")
    made.add_argument("--version", required=True, help="its version")
    option(made, "--owner", "who answers for it: mail address or id (default: you)")
    option(made, "--source", "where it came from")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")
    made = verbs.verb("authorise", "say what maintenance a person may do, and until when", authorise)
    made.add_argument("person", help="mail address or id, see `qd people`")
    made.add_argument("--action", action="append", required=True, choices=ACTIONS, help="may be repeated")
    made.add_argument("--competence", required=True, help="what qualifies them, in a sentence")
    option(made, "--until", "last day, such as 2027-11-23 (default: in a year)", metavar="DATE")
    option(made, "--agreement", "id of the vendor's agreement, for a vendor's people", metavar="ID")
    flag(made, "--supervised", "they hold no access authorisation of their own and work under escort (3.7.6)")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")


def add_item(arguments: argparse.Namespace) -> int:
    """List an item."""
    try:
        with arguments.file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise Failed(f"{arguments.file} cannot be read ({error.strerror}).") from error
    server = Server(code=arguments.code)
    owner = arguments.owner or text_of(as_row(server.get("/me")), "email")
    body: dict[str, JsonValue] = {
        "kind": arguments.kind,
        "name": arguments.name,
        "version": arguments.version,
        "owner": Names(server).person(owner),
        "sha256": digest,
        "source": arguments.source,
    }
    told = as_row(server.post("/tools", body))
    print(
        clean(f"{text_of(told, 'id')} {text_of(told, 'name')} {text_of(told, 'version')} is listed, SHA-256 {digest}.")
    )
    return 0


def authorise(arguments: argparse.Namespace) -> int:
    """Authorise a person."""
    now = SystemClock().now().astimezone()
    server = Server(code=arguments.code)
    body: dict[str, JsonValue] = {
        "holder": Names(server).person(arguments.person),
        "actions": list(arguments.action),
        "valid_from": now.isoformat(),
        "valid_until": _end(arguments.until, now).isoformat(),
        "agreement": arguments.agreement,
        "competence": arguments.competence,
        "access_authorised": not arguments.supervised,
    }
    told = as_row(server.post("/authorisations", body))
    print(clean(f"{arguments.person} may {', '.join(arguments.action)} until {text_of(told, 'valid_until')[:10]}."))
    return 0


def _end(said: str, now: datetime) -> datetime:
    if not said:
        return now + LONGEST
    try:
        if not _DAY.fullmatch(said):
            raise ValueError(said)
        return datetime.combine(date.fromisoformat(said) + timedelta(days=1), time(), tzinfo=now.tzinfo)
    except ValueError as error:
        raise Failed(f"{said!r} is not a day; write it like 2027-11-23.") from error
