"""Baselines of a ticket: list them, and fetch one in a form that mtree, bsdtar or sha256sum reads."""

import argparse
import re
from pathlib import Path

from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import show_rows
from quarterdeck.entrypoints.cli.ticket_verbs import ticket_path
from quarterdeck.entrypoints.cli.verbs import Group, as_rows, flag, option, text_of

BASELINES = {"Asset": "asset", "Phase": "phase", "Paths": "entries", "Unreadable": "unreadable",
             "Finished": "finished_at", "Manifest": "manifest"}  # fmt: skip
FORMS = ("manifest", "mtree", "sha256sums", "posture")
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def add(verbs: Group) -> None:
    """Add `baseline list` and `baseline export`."""
    nouns = verbs.group("baseline", "what was measured before and after")
    made = nouns.verb("list", "list the baselines of a ticket", list_baselines)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    flag(made, "--json", "print JSON")
    made = nouns.verb("export", "fetch a baseline; viewing evidence is recorded", export)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    made.add_argument("manifest", metavar="SHA256", help="the baseline's manifest, see `qd baseline list`")
    made.add_argument("--form", choices=FORMS, default="manifest",
                      help="mtree for `mtree -f` and `bsdtar -t`, sha256sums for `sha256sum -c`")  # fmt: skip
    option(made, "--output", "file to write (default: a name of its own here)", metavar="FILE")


def list_baselines(arguments: argparse.Namespace) -> int:
    """List the baselines of a ticket."""
    server = Server()
    rows = as_rows(server.get(f"{ticket_path(arguments.number)}/baselines"))
    if not arguments.json:
        names = Names(server)
        rows = [
            row | {"asset": names.of(row["asset"]), "finished_at": text_of(row, "finished_at")[:19]} for row in rows
        ]
    show_rows(rows, BASELINES, as_json=arguments.json, none="Nothing was measured yet.")
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Fetch a baseline."""
    if _SHA256.fullmatch(arguments.manifest) is None:
        raise Failed("A baseline is named by the 64 hex digits of its manifest, see `qd baseline list`.")
    name = f"{arguments.number}-{arguments.manifest[:12]}.{arguments.form}"
    target = Path(arguments.output or name)
    Server().download(f"{ticket_path(arguments.number)}/baselines/{arguments.manifest}/{arguments.form}", target)
    print(target)
    return 0
