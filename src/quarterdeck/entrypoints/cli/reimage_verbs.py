"""Job logs and reimage plans at the terminal."""

import argparse
from datetime import datetime
from pathlib import Path

from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean, show_rows
from quarterdeck.entrypoints.cli.ticket_verbs import ticket_path
from quarterdeck.entrypoints.cli.verbs import Group, as_row, as_rows, flag, text_of
from quarterdeck.kernel.clock import rfc3339

MAKERS = ("veeam", "windows_server_backup", "vss", "other")
PLANS = {"Id": "id", "Image": "image", "Version": "version", "Owner": "owner", "Tried": "tested_at",
         "Until": "counts_until", "Workstations": "count"}  # fmt: skip


def add(verbs: Group) -> None:
    """Add `backup-log`, `reimage-plans` and what is done to one plan."""
    made = verbs.verb("backup-log", "hand in the log of a backup job", hand_in)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    made.add_argument("asset", help="host name or id of the asset")
    made.add_argument("file", type=Path, help="the log as the product wrote it, text or JSON")
    made.add_argument("--product", required=True, choices=MAKERS, help="what wrote it")
    made.add_argument("--ended", required=True, metavar="TIME", help="when the job ended, like 2026-11-23T02:10-05:00")
    made = verbs.verb("reimage-plans", "list how workstations are imaged anew", list_plans)
    flag(made, "--json", "print JSON")
    nouns = verbs.group("reimage-plan", "how workstations are imaged anew instead of restored")
    made = nouns.verb("set", "set the plan of an image", set_plan)
    made.add_argument("image", help="name of the image")
    made.add_argument("--version", required=True, help="its version")
    made.add_argument("--owner", required=True, help="name, mail or id of a person")
    made.add_argument("--tested", required=True, metavar="TIME", help="when it was tried on a machine")
    made.add_argument("--review", required=True, metavar="TIME", help="when it is reviewed next, a year at most")
    made.add_argument("--asset", required=True, action="append", dest="assets", help="a workstation; may be repeated")
    made.add_argument("--steps", required=True, type=Path, metavar="FILE", help="text file with the steps")
    made = nouns.verb("end", "end a plan", end_plan)
    made.add_argument("id", help="id of the plan, see `qd reimage-plans`")


def hand_in(arguments: argparse.Namespace) -> int:
    """Hand in a log."""
    server = Server()
    asset = Names(server).asset(arguments.asset)
    fields = {"asset": asset, "product": arguments.product, "ended_at": _moment(arguments.ended)}
    told = as_row(server.upload(f"{ticket_path(arguments.number)}/backup-logs", arguments.file, fields))
    proof = told.get("proof")
    if not isinstance(proof, dict):
        print("Kept as a point to go back to. It lies beside its disk, so it proves no backup.")
        return 0
    if proof.get("verified"):
        print(f"It counts until {text_of(proof, 'valid_until')}.")
        return 0
    print(clean(f"Kept, but it does not count. {text_of(proof, 'sentence')}"))
    return 1


def list_plans(arguments: argparse.Namespace) -> int:
    """List plans."""
    server = Server()
    rows = as_rows(server.get("/reimage-plans"))
    if not arguments.json:
        names = Names(server)
        rows = [row | {"owner": names.of(row["owner"]), "count": _count(row)} for row in rows]
    show_rows(rows, PLANS, as_json=arguments.json, none="No reimage plan yet; see `qd reimage-plan set`.")
    return 0


def _count(row: dict[str, JsonValue]) -> int:
    assets = row.get("assets")
    return len(assets) if isinstance(assets, list) else 0


def set_plan(arguments: argparse.Namespace) -> int:
    """Set a plan."""
    server = Server()
    names = Names(server)
    try:
        steps = arguments.steps.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"{arguments.steps} cannot be read as text.") from error
    row = as_row(server.post("/reimage-plans", {
        "image": arguments.image, "version": arguments.version, "owner": names.person(arguments.owner),
        "tested_at": _moment(arguments.tested), "review_by": _moment(arguments.review),
        "assets": [names.asset(one) for one in arguments.assets], "steps": steps,
    }))  # fmt: skip
    print(f"{text_of(row, 'id')} counts until {text_of(row, 'counts_until')}.")
    return 0


def end_plan(arguments: argparse.Namespace) -> int:
    """End a plan."""
    Server().post(f"/reimage-plans/{arguments.id}/end", {})
    print(f"{arguments.id} is ended.")
    return 0


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Failed(f"{text!r} is no moment; write it like 2026-11-23T18:30-05:00.") from error
    return rfc3339(moment.astimezone())
