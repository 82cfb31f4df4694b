"""`qd gaps`: what the ledger lacks, as last checked, and a new check."""

import argparse

from quarterdeck.entrypoints.cli.server import Server
from quarterdeck.entrypoints.cli.showing import show_json, show_rows
from quarterdeck.entrypoints.cli.verbs import Group, as_row, as_rows, flag, text_of

MISSING = {"What": "code", "Where": "where", "Why": "sentence"}
NOT_WHOLE = 1


def add(verbs: Group) -> None:
    """Add `gaps`."""
    words = "what the ledger lacks: missing tickets, recordings, sessions; contradictions 1"
    made = verbs.verb("gaps", words, show)
    flag(made, "--check", "have the whole ledger read again in the background (IT lead)")
    flag(made, "--json", "print JSON")


def show(arguments: argparse.Namespace) -> int:
    """Show the last check, or order one; 1 when the ledger contradicts itself."""
    if arguments.check:
        job = as_row(Server().post("/ledger-check"))
        print(f"The whole ledger is read again ({text_of(job, 'id')}). `qd gaps` shows what came out.")
        return 0
    told = as_row(Server().get("/ledger-check"))
    if arguments.json:
        show_json(told)
    elif told["checked_at"] is None:
        print("Not checked yet; it is done every night, or now with --check.")
    else:
        show_rows(as_rows(told["missing"]), MISSING, as_json=False, none="Nothing is missing.")
        for problem in told["problems"] if isinstance(told["problems"], list) else []:
            print(f"WRONG: {problem}")
        print(f"The first {told['entries']} entries, read {told['checked_at']}; {told['missing_total']} missing.")
        print("What came later was not read: --check reads everything now.")
    return NOT_WHOLE if told["problems"] else 0
