"""Retention at the terminal: `qd retention`, `qd hold`, `qd assessment`."""

import argparse
from functools import partial
from pathlib import Path

from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue, show_rows
from quarterdeck.entrypoints.cli.verbs import Group, as_list, as_row, as_rows, flag, option, text_of

KEPT = {"File": "name", "State": "standing", "Until": "until", "Because": "because", "Tickets": "tickets",
        "SHA-256": "sha256"}  # fmt: skip
PROPOSALS = {"Id": "id", "What": "kind", "State": "state", "Files": "count", "By": "by", "At": "at", "Why": "reason"}
HOLDS = {"Id": "id", "Holds": "of", "State": "state", "By": "placed_by", "At": "placed_at", "Why": "reason"}
ASSESSMENTS = {"Id": "id", "Kind": "kind", "Status date": "status_dates", "Tickets": "tickets", "By": "by"}
_SHORT, _LEAST, _WHOLE = 16, 8, 64
STANDINGS = ("kept", "endless", "held", "proposed", "due", "redacted", "disposed")


def add(verbs: Group) -> None:
    """Add `retention ...`, `hold ...` and `assessment ...`."""
    _add_retention(verbs.group("retention", "how long evidence is kept, and its end by two people"))
    nouns = verbs.group("hold", "legal holds")
    made = nouns.verb("list", "list legal holds", list_holds)
    flag(made, "--json", "print JSON")
    made = nouns.verb("place", "hold a ticket's files, one file or everything", place_hold)
    made.add_argument("of", nargs="?", default="", help="ticket or SHA-256 of a file; none holds everything")
    made.add_argument("--reason", required=True, help="why, in a sentence")
    made = nouns.verb("release", "release a hold that another person placed", release_hold)
    made.add_argument("id", help="id of the hold, see `qd hold list`")
    made.add_argument("--reason", required=True, help="why, in a sentence")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")
    nouns = verbs.group("assessment", "assessments and their CMMC status dates")
    made = nouns.verb("list", "list assessments", list_assessments)
    flag(made, "--json", "print JSON")
    made = nouns.verb("record", "record an assessment and what it used", record_assessment)
    made.add_argument("--kind", required=True, choices=("self", "c3pao", "dibcac"), help="who assessed")
    made.add_argument("--package", action="append", default=[], metavar="ID", help="package it got; may be repeated")
    made.add_argument("--ticket", action="append", default=[], metavar="MT-YYYY-NNNNN", help="may be repeated")
    option(made, "--status-date", "CMMC status date, for example 2026-12-01", metavar="DATE")
    made = nouns.verb("date", "record the CMMC status date of an assessment", date_assessment)
    made.add_argument("id", help="id of the assessment, see `qd assessment list`")
    made.add_argument("date", help="for example 2026-12-01")


def _add_retention(nouns: Group) -> None:
    made = nouns.verb("list", "list stored files and until when they are kept", list_kept)
    option(made, "--standing", f"only these: {', '.join(STANDINGS)}", metavar="STATE")
    flag(made, "--json", "print JSON")
    made = nouns.verb("proposals", "list proposals to end files", list_proposals)
    flag(made, "--json", "print JSON")
    made = nouns.verb("propose", "propose that files which are due are disposed of", propose)
    made.add_argument("files", nargs="+", metavar="SHA256", help="the file's SHA-256, or its beginning")
    made.add_argument("--reason", required=True, help="why, in a sentence")
    made = nouns.verb("redact", "propose that a redacted copy takes the place of a file", redact)
    made.add_argument("sha256", metavar="SHA256", help="the file's SHA-256, or its beginning")
    made.add_argument("copy", metavar="COPY", help="the file without what has to go")
    made.add_argument("--reason", required=True, help="why, in a sentence")
    for name, words in (("confirm", "confirm what another person proposed: the bytes go for good"),
                        ("refuse", "refuse what another person proposed")):  # fmt: skip
        made = nouns.verb(name, words, partial(decide, name))
        made.add_argument("id", help="id of the proposal, see `qd retention proposals`")
        if name == "refuse":
            made.add_argument("--reason", required=True, help="why, in a sentence")
        option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")


def list_kept(arguments: argparse.Namespace) -> int:
    """List stored files."""
    rows = as_rows(Server().get("/retention", standing=arguments.standing))
    if not arguments.json:
        rows = [
            row | {"tickets": " ".join(map(str, as_list(row["tickets"]))), "sha256": text_of(row, "sha256")[:_SHORT]}
            for row in rows
        ]
    show_rows(rows, KEPT, as_json=arguments.json, none="Nothing.")
    return 0


def list_proposals(arguments: argparse.Namespace) -> int:
    """List proposals."""
    server = Server()
    rows = as_rows(server.get("/retention/proposals"))
    if not arguments.json:
        names = Names(server)
        rows = [row | {"count": len(as_list(row["files"])), "by": names.of(row["by"])} for row in rows]
    show_rows(rows, PROPOSALS, as_json=arguments.json, none="No proposal yet.")
    return 0


def propose(arguments: argparse.Namespace) -> int:
    """Propose the end of files."""
    server = Server()
    files: list[JsonValue] = [_whole(server, begun) for begun in arguments.files]
    body: dict[str, JsonValue] = {"files": files, "reason": arguments.reason}
    return _proposed(as_row(server.post("/retention/proposals", body)))


def redact(arguments: argparse.Namespace) -> int:
    """Propose a redacted copy."""
    server = Server()
    path = f"/retention/files/{_whole(server, arguments.sha256)}/redaction"
    return _proposed(as_row(server.upload(path, Path(arguments.copy), {"reason": arguments.reason})))


def _whole(server: Server, begun: str) -> str:
    """Return the one SHA-256 that begins so; Failed when none or several do."""
    if len(begun) == _WHOLE:
        return begun
    found = [text_of(row, "sha256") for row in as_rows(server.get("/retention"))]
    found = [sha256 for sha256 in found if len(begun) >= _LEAST and sha256.startswith(begun)]
    if len(found) != 1:
        raise Failed(f"{len(found)} files begin with {begun!r}; give a longer beginning.")
    return found[0]


def _proposed(told: dict[str, JsonValue]) -> int:
    print(f"Proposed as {text_of(told, 'id')}. Another person confirms it before anything goes.")
    return 0


def decide(verb: str, arguments: argparse.Namespace) -> int:
    """Confirm or refuse a proposal."""
    body: dict[str, JsonValue] = {"reason": arguments.reason} if verb == "refuse" else {}
    told = as_row(Server(code=arguments.code).post(f"/retention/proposals/{arguments.id}/{verb}", body))
    print(f"{text_of(told, 'id')} is {text_of(told, 'state')}. {text_of(told, 'left')}".rstrip())
    return 0


def list_holds(arguments: argparse.Namespace) -> int:
    """List legal holds."""
    rows = as_rows(Server().get("/holds"))
    if not arguments.json:
        rows = [
            row | {"state": "released" if row["released_at"] else "stands", "of": row["of"] or "everything"}
            for row in rows
        ]
    show_rows(rows, HOLDS, as_json=arguments.json, none="No legal hold.")
    return 0


def place_hold(arguments: argparse.Namespace) -> int:
    """Place a legal hold."""
    of = arguments.of
    scope = "everything" if not of else "ticket" if of.startswith("MT-") else "file"
    told = as_row(Server().post("/holds", {"scope": scope, "of": of, "reason": arguments.reason}))
    print(f"Held as {text_of(told, 'id')} until another person releases it.")
    return 0


def release_hold(arguments: argparse.Namespace) -> int:
    """Release a legal hold."""
    Server(code=arguments.code).post(f"/holds/{arguments.id}/release", {"reason": arguments.reason})
    print(f"{arguments.id} is released.")
    return 0


def list_assessments(arguments: argparse.Namespace) -> int:
    """List assessments."""
    rows = as_rows(Server().get("/assessments"))
    if not arguments.json:
        joined = ("tickets", "status_dates")
        rows = [row | {key: " ".join(map(str, as_list(row[key]))) for key in joined} for row in rows]
    show_rows(rows, ASSESSMENTS, as_json=arguments.json, none="No assessment yet.")
    return 0


def record_assessment(arguments: argparse.Namespace) -> int:
    """Record an assessment."""
    body: dict[str, JsonValue] = {
        "kind": arguments.kind, "packages": list(arguments.package), "tickets": list(arguments.ticket),
        "status_date": arguments.status_date or None,
    }  # fmt: skip
    told = as_row(Server().post("/assessments", body))
    print(f"Recorded as {text_of(told, 'id')}: {len(as_list(told['tickets']))} tickets.")
    return 0


def date_assessment(arguments: argparse.Namespace) -> int:
    """Record a CMMC status date."""
    Server().post(f"/assessments/{arguments.id}/status-date", {"status_date": arguments.date})
    print(f"{arguments.id}: what it used is kept six years from {arguments.date}, or longer.")
    return 0
