"""Tickets at the terminal: write, submit, decide, open, end, close; one verb, one call of the API."""

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean, confirm, show_json, show_rows, table
from quarterdeck.entrypoints.cli.signing import signed_statement
from quarterdeck.entrypoints.cli.ticket_file import example, read_ticket, with_ids
from quarterdeck.entrypoints.cli.ticket_page import hold_lines, hold_page, notice_warning
from quarterdeck.entrypoints.cli.verbs import Group, Handler, as_row, as_rows, flag, option, text_of
from quarterdeck.kernel.clock import SystemClock

CAPTURES = {
    "prepare": "take pre-checks, backup proof, sole path and baseline, and wait for them",
    "verify": "take the measurements and checks after the work once more, and wait for them",
}
UNFINISHED = frozenset({"waiting", "running"})
LOOK_SECONDS = 0.5
COLUMNS = {"Number": "number", "State": "state", "From": "window_from", "Until": "window_until", "Title": "title"}
PLAIN = {
    "freeze": "freeze anew after a register changed",
    "confirm-escort": "confirm, as the named escort, that you are there",
    "open": "open the ticket; every hold point before it is checked now",
    "reopen": "go back to work inside the window",
    "done": "end the work: access is withdrawn at once, verification begins",
}


def add(verbs: Group) -> None:
    """Add `tickets` and `ticket ...`."""
    made = verbs.verb("tickets", "list the tickets that you may read", list_tickets)
    option(made, "--state", "only tickets in this state")
    flag(made, "--json", "print JSON")
    nouns = verbs.group("ticket", "one ticket")
    made = nouns.verb("new", "request work: makes a draft from a TOML file", new_ticket)
    made.add_argument("file", nargs="?", help="the ticket as a TOML file")
    flag(made, "--example", "print such a file instead")
    flag(made, "--emergency", "the work cannot wait for approval; an authoriser must be named")
    made = _numbered(nouns, "edit", "change a ticket before it opens; approvals become void", edit_ticket)
    made.add_argument("file", help="the whole ticket as a TOML file")
    flag(_numbered(nouns, "show", "show a ticket with hold points and evidence", show_ticket), "--json", "print JSON")
    flag(_numbered(nouns, "timeline", "show every act about a ticket", timeline), "--json", "print JSON")
    _numbered(nouns, "submit", "freeze the draft and submit it for approval", submit)
    for name, words in PLAIN.items():
        _numbered(nouns, name, words, partial(plain_act, name))
    for name, words in CAPTURES.items():
        flag(_numbered(nouns, name, words, partial(capture, name)), "--no-wait", "ask for it only")
    _numbered(nouns, "stop", "stop the capture that waits or runs; half a baseline is not kept", stop_capture)
    for name, words in (("approve", "approve exactly the content shown"), ("refuse", "refuse the ticket")):
        made = _numbered(nouns, name, words, partial(decide, name))
        made.add_argument("--role", required=True, choices=("approver", "cui_owner"), help="the role you decide in")
        made.add_argument("--reason", required=True, help="why, in a sentence")
        option(made, "--hash", "content hash that you read; without it the content is shown and you are asked")
        if name == "approve":
            option(made, "--sign-with", "your SSH key (the agent's too, or sk-), to sign the approval", metavar="KEY")
    _add_with_texts(nouns)


def _add_with_texts(nouns: Group) -> None:
    made = _numbered(nouns, "authorise-emergency", "record the word of a named authoriser", authorise_emergency)
    made.add_argument("--authoriser", required=True, help="person id of who said yes")
    made.add_argument("--basis", required=True, choices=("in_person", "call_back", "standing_authority"), help="how")
    made.add_argument("--reason", required=True, help="why it cannot wait")
    made.add_argument("--hash", required=True, help="content hash of the ticket")
    made = _numbered(nouns, "ratify", "ratify an emergency after it", ratify)
    made.add_argument("--role", required=True, choices=("approver", "cui_owner"), help="the role you decide in")
    made.add_argument("--reason", required=True, help="why, in a sentence")
    flag(made, "--no", "refuse to ratify")
    made = _numbered(nouns, "waive", "let a deferrable hold point pass", waive)
    made.add_argument("--hold-point", required=True, help="id of the hold point")
    made.add_argument("--reason", required=True, help="why, in a sentence")
    made = _numbered(nouns, "close", "close the ticket", close)
    made.add_argument("--summary", required=True, help="how it went")
    flag(made, "--rolled-back", "the work was undone")
    made = _numbered(nouns, "withdraw", "withdraw a ticket that never opened", withdraw)
    made.add_argument("--reason", required=True, help="why, in a sentence")
    made = _numbered(nouns, "comment", "add a remark", comment)
    made.add_argument("text", help="the remark")


def _numbered(nouns: Group, name: str, words: str, handler: Handler) -> argparse.ArgumentParser:
    made = nouns.verb(name, words, handler)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")
    return made


def list_tickets(arguments: argparse.Namespace) -> int:
    """List tickets."""
    rows = as_rows(Server().get("/tickets", state=arguments.state))
    show_rows(rows, COLUMNS, as_json=arguments.json, none="No ticket. See `qd ticket new --example`.")
    return 0


def new_ticket(arguments: argparse.Namespace) -> int:
    """Make a draft."""
    if arguments.example:
        print(example(SystemClock().now().astimezone()), end="")
        return 0
    if not arguments.file:
        raise Failed("Name the ticket's file, or print an example with --example.")
    server = Server()
    body = with_ids(read_ticket(Path(arguments.file)), Names(server))
    made = server.post("/tickets", body | ({"emergency": True} if arguments.emergency else {}))
    _tell(made)
    print(notice_warning(as_row(made), SystemClock().now().astimezone()), end="")
    return 0


def edit_ticket(arguments: argparse.Namespace) -> int:
    """Replace the content of a ticket."""
    server = Server(code=arguments.code)
    version = as_row(as_row(server.get(ticket_path(arguments.number)))["ticket"])["version"]
    body = with_ids(read_ticket(Path(arguments.file)), Names(server)) | {"version": version}
    return _tell(server.put(ticket_path(arguments.number), body))


def show_ticket(arguments: argparse.Namespace) -> int:
    """Show a ticket."""
    server = Server()
    page = as_row(server.get(ticket_path(arguments.number)))
    if arguments.json:
        show_json(page)
        return 0
    ticket, names = as_row(page["ticket"]), Names(server)
    print(content_of(ticket, names.of))
    print("\n" + hold_page(as_rows(page["hold_points"]), text_of(ticket, "state")))
    meter = [row | {"asset": names.of(row["asset"])} for row in as_rows(page["meter"])]
    if meter:
        print("\n" + table(meter, {"Evidence": "kind", "Asset": "asset", "State": "state", "Grade": "grade"}))
    for change in as_rows(page["changes"]):
        print("CHANGED since it was frozen: " + "; ".join(f"{key}: {clean(value)}" for key, value in change.items()))
    return 0


def content_of(ticket: dict[str, JsonValue], name_of: Callable[[object], str] = str) -> str:
    """Return everything that an approval covers, in reading order, ending with its hash; ids by `name_of`."""
    lines = [f"{text_of(ticket, 'number')}  {text_of(ticket, 'state')}  {clean(text_of(ticket, 'title'))}"]
    for key in ("maintenance_type", "action", "method", "risk", "window_from", "window_until", "requester",
                "technicians", "escort", "pool", "agreement", "items", "plan", "impact", "rollback"):  # fmt: skip
        value = ticket.get(key)
        told = ", ".join(map(name_of, value)) if isinstance(value, list) else name_of(value or "")
        if told:
            lines.append(f"  {key.replace('_', ' '):<18} {clean(told)}")
    lines.append(f"  {'sessions may':<18} {_allowed(as_row(ticket['allowance']))}")
    places = ticket.get("assets")
    lines += [f"  {'asset':<18} {clean(name_of(text_of(place, 'asset')))} by {text_of(place, 'connection') or 'hand'}"
              for place in as_rows(places if isinstance(places, list) else [])]  # fmt: skip
    lines.append(f"  {'content hash':<18} {text_of(ticket, 'content_hash')}")
    return "\n".join(lines)


def _allowed(allowance: dict[str, JsonValue]) -> str:
    words = {"terminal": "a terminal", "command": "single commands", "to_target": "files to the target",
             "from_target": "files from the target", "rsync": "rsync"}  # fmt: skip
    told = [words.get(name, name) for name, allowed in allowance.items() if allowed]
    kept = [words.get(name, name) for name, allowed in allowance.items() if not allowed]
    return (", ".join(told) or "nothing") + (f"; not {', '.join(kept)}" if kept else "")


def timeline(arguments: argparse.Namespace) -> int:
    """Show every act about a ticket."""
    rows = as_rows(Server().get(ticket_path(arguments.number) + "/timeline"))
    columns = {"At": "at", "Act": "event", "By": "actor", "Entry": "seq"}
    show_rows(rows, columns, as_json=arguments.json, none="Nothing yet.")
    return 0


def plain_act(name: str, arguments: argparse.Namespace) -> int:
    """Do an act that needs nothing but the ticket's number."""
    return _tell(Server(code=arguments.code).post(f"{ticket_path(arguments.number)}/{name}"))


def capture(name: str, arguments: argparse.Namespace) -> int:
    """Ask for a capture, show how far it is, then what still stands in the way; 1 when the capture itself failed."""
    server, path = Server(code=arguments.code), ticket_path(arguments.number)
    job = as_row(server.post(f"{path}/{name}"))
    if arguments.no_wait:
        return _tell(job)
    said = ""
    while text_of(job, "state") in UNFINISHED:
        time.sleep(LOOK_SECONDS)
        jobs = as_rows(as_row(server.get(path))["jobs"])
        job = next((one for one in jobs if one["id"] == job["id"]), job)
        now = clean(f"{text_of(job, 'state')} {text_of(job, 'message')}".strip())
        if now != said:
            print(f"{name}: {now}", file=sys.stderr)
            said = now
    _tell(job)
    page = as_row(server.get(path))
    print(hold_page(as_rows(page["hold_points"]), text_of(as_row(page["ticket"]), "state")))
    return 0 if text_of(job, "state") == "done" else 1


def stop_capture(arguments: argparse.Namespace) -> int:
    """Ask the captures that wait or run to stop; 1 when there is none."""
    server, path = Server(code=arguments.code), ticket_path(arguments.number)
    going = [job for job in as_rows(as_row(server.get(path))["jobs"]) if text_of(job, "state") in UNFINISHED]
    for job in going:
        server.delete(f"{path}/jobs/{job['id']}")
    print("It stops soon. Of a baseline that is not finished nothing is kept." if going else "Nothing waits or runs.")
    return 0 if going else 1


def submit(arguments: argparse.Namespace) -> int:
    """Submit, then say what an approval would still be refused for."""
    server = Server(code=arguments.code)
    row = as_row(server.post(f"{ticket_path(arguments.number)}/submit"))
    _tell(row)
    page = as_row(server.get(ticket_path(arguments.number)))
    lines = hold_lines([hold for hold in as_rows(page["hold_points"]) if text_of(hold, "before") == "approve"])
    if lines:
        print("It can't be approved before this is mended:\n" + "\n".join(lines))
    print(notice_warning(row, SystemClock().now().astimezone()), end="")
    return 0


def decide(name: str, arguments: argparse.Namespace) -> int:
    """Approve or refuse exactly what was shown: the hash that was read goes with the decision (attacks.md row 27)."""
    server = Server(code=arguments.code)
    content_hash = arguments.hash
    if not content_hash:
        ticket = as_row(as_row(server.get(ticket_path(arguments.number)))["ticket"])
        print(content_of(ticket, Names(server).of), file=sys.stderr)
        if not confirm(f"{name.capitalize()} exactly this as {arguments.role}?"):
            raise Failed("Nothing was decided. At a terminal answer yes, in a script give the --hash that you read.")
        content_hash = text_of(ticket, "content_hash")
    body: dict[str, JsonValue] = {"role": arguments.role, "content_hash": content_hash, "reason": arguments.reason}
    if name == "approve" and arguments.sign_with:
        path = ticket_path(arguments.number)
        body |= signed_statement(server, path, arguments.role, content_hash, arguments.sign_with)
    return _tell(server.post(f"{ticket_path(arguments.number)}/{name}", body))


def authorise_emergency(arguments: argparse.Namespace) -> int:
    """Record the word of a named authoriser."""
    body: dict[str, JsonValue] = {
        "authoriser": arguments.authoriser,
        "basis": arguments.basis,
        "reason": arguments.reason,
        "content_hash": arguments.hash,
    }
    return _tell(Server(code=arguments.code).post(f"{ticket_path(arguments.number)}/authorise-emergency", body))


def ratify(arguments: argparse.Namespace) -> int:
    """Ratify an emergency, or refuse to."""
    body: dict[str, JsonValue] = {"role": arguments.role, "ratified": not arguments.no, "reason": arguments.reason}
    return _tell(Server(code=arguments.code).post(f"{ticket_path(arguments.number)}/ratify", body))


def waive(arguments: argparse.Namespace) -> int:
    """Let a deferrable hold point pass."""
    body: dict[str, JsonValue] = {"hold_point": arguments.hold_point, "reason": arguments.reason}
    return _tell(Server(code=arguments.code).post(f"{ticket_path(arguments.number)}/waive", body))


def close(arguments: argparse.Namespace) -> int:
    """Close a ticket."""
    body: dict[str, JsonValue] = {"summary": arguments.summary, "rolled_back": arguments.rolled_back}
    return _tell(Server(code=arguments.code).post(f"{ticket_path(arguments.number)}/close", body))


def withdraw(arguments: argparse.Namespace) -> int:
    """Withdraw a ticket."""
    server = Server(code=arguments.code)
    return _tell(server.post(f"{ticket_path(arguments.number)}/withdraw", {"reason": arguments.reason}))


def comment(arguments: argparse.Namespace) -> int:
    """Add a remark."""
    return _tell(Server(code=arguments.code).post(f"{ticket_path(arguments.number)}/comment", {"text": arguments.text}))


def ticket_path(number: str) -> str:
    """Return the address of a ticket; Failed for something that is no ticket number."""
    if not number.replace("-", "").isalnum() or not number.isascii():
        raise Failed(f"{number!r} is no ticket number; they look like MT-2026-00014.")
    return f"/tickets/{number}"


def _tell(answer: JsonValue) -> int:
    row = as_row(answer)
    if "number" in row:
        print(f"{text_of(row, 'number')} is {text_of(row, 'state')}.")
    else:
        print(f"{text_of(row, 'kind')} is {text_of(row, 'state')}. {clean(text_of(row, 'message'))}".strip())
    return 0
