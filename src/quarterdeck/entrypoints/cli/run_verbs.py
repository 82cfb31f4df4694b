"""Runbooks and runs at the terminal: proposed, approved, ordered under a ticket, followed, cancelled."""

import argparse
import time

from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean, show_json, show_rows
from quarterdeck.entrypoints.cli.ticket_verbs import ticket_path
from quarterdeck.entrypoints.cli.verbs import Group, as_row, as_rows, flag, option, text_of

BOOKS = {"Id": "id", "Name": "name", "Commit": "short", "Playbook": "playbook", "State": "state", "Signed": "signature"}
RUNS = {"Id": "id", "Mode": "mode", "State": "state", "Runbook": "runbook", "Ordered": "ordered_at", "Said": "message"}
OVER = frozenset({"passed", "failed", "refused", "cancelled", "interrupted"})
FOLLOW_SECONDS = 2.0


def add(verbs: Group) -> None:
    """Add `runbooks`, `runbook ...`, `runs` and `run ...`."""
    made = verbs.verb("runbooks", "list the runbooks", list_books)
    flag(made, "--json", "print JSON")
    nouns = verbs.group("runbook", "a playbook of a Git repository, pinned to a commit")
    made = nouns.verb("propose", "fetch a commit and propose its playbook; another person approves it", propose)
    made.add_argument("name", help="what people call it")
    made.add_argument("--repository", required=True, help="https://, ssh:// or a path on the server")
    made.add_argument("--commit", required=True, help="the whole hash of the commit: git rev-parse HEAD")
    made.add_argument("--playbook", required=True, help="path in it, of a playbook or of a compiled DSC configuration")
    made = nouns.verb("show", "show a runbook", show_book)
    made.add_argument("id", help="id of the runbook, see `qd runbooks`")
    flag(made, "--json", "print JSON")
    for word, handler in (("approve", approve), ("reject", reject)):
        made = nouns.verb(word, f"{word} exactly the files of this SHA-256, as an approver", handler)
        made.add_argument("id", help="id of the runbook, see `qd runbooks`")
        made.add_argument("--sha256", required=True, help="as `qd runbook show` prints it")
        made.add_argument("--reason", required=True, help="why, in a sentence")
        option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")
    _add_runs(verbs)


def _add_runs(verbs: Group) -> None:
    made = verbs.verb("runs", "list the runs of a ticket", list_runs)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    flag(made, "--json", "print JSON")
    nouns = verbs.group("run", "a runbook run under a ticket, through the gate")
    made = nouns.verb("order", "order a run in check mode; then for real; or both, unattended", order)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    made.add_argument("runbook", help="id of the runbook, see `qd runbooks`")
    how = made.add_mutually_exclusive_group()
    how.add_argument("--real", action="store_true", help="change things; a run in check mode has passed before")
    how.add_argument("--unattended", action="store_true", help="when the window opens: check mode, then for real")
    made.add_argument("--asset", action="append", default=[], metavar="HOST", help="only this asset; may be repeated")
    flag(made, "--follow", "stay and show each task until the run is over")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")
    made = nouns.verb("show", "show a run and what each task did", show_run)
    made.add_argument("id", help="id of the run, see `qd runs`")
    flag(made, "--json", "print JSON")
    made = nouns.verb("cancel", "stop a run: its connections are cut at once", cancel)
    made.add_argument("id", help="id of the run, see `qd runs`")


def list_books(arguments: argparse.Namespace) -> int:
    """List runbooks."""
    rows = as_rows(Server().get("/runbooks"))
    if not arguments.json:
        rows = [row | {"short": text_of(row, "commit")[:12]} for row in rows]
    show_rows(rows, BOOKS, as_json=arguments.json, none="No runbook yet: `qd runbook propose`.")
    return 0


def propose(arguments: argparse.Namespace) -> int:
    """Propose a runbook."""
    names = ("name", "repository", "commit", "playbook")
    row = as_row(Server().post("/runbooks", {name: getattr(arguments, name) for name in names}))
    print(f"{text_of(row, 'id')} waits for an approver. SHA-256 {text_of(row, 'sha256')}")
    return 0


def show_book(arguments: argparse.Namespace) -> int:
    """Show a runbook."""
    server = Server()
    row = as_row(server.get(f"/runbooks/{_id(arguments.id)}"))
    if arguments.json:
        show_json(row)
        return 0
    names = Names(server)
    row = row | {key: names.of(row[key]) for key in ("proposed_by", "decided_by") if row[key]}
    _fields(row, "name", "repository", "commit", "playbook", "files", "sha256", "signature", "signer", "state",
            "proposed_by", "decided_by", "item")  # fmt: skip
    return 0


def approve(arguments: argparse.Namespace) -> int:
    """Approve a runbook."""
    return _decide(arguments, "approve")


def reject(arguments: argparse.Namespace) -> int:
    """Reject a runbook."""
    return _decide(arguments, "reject")


def _decide(arguments: argparse.Namespace, word: str) -> int:
    body: dict[str, JsonValue] = {"sha256": arguments.sha256, "reason": arguments.reason}
    row = as_row(Server(code=arguments.code).post(f"/runbooks/{_id(arguments.id)}/{word}", body))
    listed = f" It is mechanism {text_of(row, 'item')} of the register." if text_of(row, "item") else ""
    print(f"{text_of(row, 'id')} is {text_of(row, 'state')}.{listed}")
    return 0


def list_runs(arguments: argparse.Namespace) -> int:
    """List the runs of a ticket."""
    rows = as_rows(Server().get(f"{ticket_path(arguments.number)}/runs"))
    show_rows(rows, RUNS, as_json=arguments.json, none="No run yet: `qd run order`.")
    return 0


def order(arguments: argparse.Namespace) -> int:
    """Order a run."""
    server = Server(code=arguments.code)
    names = Names(server)
    body: dict[str, JsonValue] = {
        "runbook": arguments.runbook,
        "mode": "real" if arguments.real else "check",
        "unattended": arguments.unattended,
        "assets": [names.asset(said) for said in arguments.asset],
    }
    made = as_rows(server.post(f"{ticket_path(arguments.number)}/runs", body))
    for row in made:
        print(f"{text_of(row, 'id')}  {text_of(row, 'mode')}  not before {text_of(row, 'not_before')[:16]} UTC")
    return _follow(server, text_of(made[-1], "id")) if arguments.follow else 0


def show_run(arguments: argparse.Namespace) -> int:
    """Show a run."""
    server, run = Server(), _id(arguments.id)
    row, lines = as_row(server.get(f"/runs/{run}")), as_rows(server.get(f"/runs/{run}/lines"))
    if arguments.json:
        show_json({"run": row, "lines": list[JsonValue](lines)})
        return 0
    _fields(row, "ticket", "mode", "state", "message", "sha256", "started_at", "finished_at", "ignored")
    for line in lines:
        _print(line, diffs=True)
    return 0 if text_of(row, "state") not in OVER or text_of(row, "state") == "passed" else 1


def cancel(arguments: argparse.Namespace) -> int:
    """Stop a run."""
    row = as_row(Server().post(f"/runs/{_id(arguments.id)}/cancel"))
    print("Cancelled." if text_of(row, "state") == "cancelled" else "Asked to stop; see `qd run show`.")
    return 0


def _follow(server: Server, run: str) -> int:
    """Print the tasks as they come until the run is over; exit code 0 only when it passed."""
    shown = 0
    while True:
        row = as_row(server.get(f"/runs/{run}"))
        over = text_of(row, "state") in OVER
        silent = over and not text_of(row, "report")
        lines = [] if silent else as_rows(server.get(f"/runs/{run}/lines"))
        for line in lines[shown:]:
            _print(line)
        shown = max(shown, len(lines))
        if over:
            print(f"{text_of(row, 'state')}: {clean(text_of(row, 'message'))}")
            return 0 if text_of(row, "state") == "passed" else 1
        time.sleep(FOLLOW_SECONDS)


def _print(line: dict[str, JsonValue], *, diffs: bool = False) -> None:
    item = f" ({clean(text_of(line, 'item'))})" if text_of(line, "item") else ""
    print(f"{text_of(line, 'status'):<11} {clean(text_of(line, 'host'))}  {clean(text_of(line, 'task'))}{item}")
    words = [text_of(line, "said"), text_of(line, "diff") if diffs else ""]
    for text in words:
        for one in text.splitlines():
            print(f"    {clean(one)}")


def _fields(row: dict[str, JsonValue], *keys: str) -> None:
    for key in keys:
        if text_of(row, key):
            print(f"  {key.replace('_', ' '):<12} {clean(text_of(row, key))}")


def _id(said: str) -> str:
    if not said.replace("_", "").isalnum():
        raise Failed(f"{clean(said)} is no id.")
    return said
