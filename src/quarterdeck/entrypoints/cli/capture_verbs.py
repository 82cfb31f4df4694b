"""What was captured under a ticket: its sessions, and the differences before and after that a person explains."""

import argparse
import shlex
from pathlib import Path

from quarterdeck.entrypoints.cli import baseline_verbs, session_verbs
from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.session_verbs import session_id
from quarterdeck.entrypoints.cli.showing import JsonValue, clean, show_json, show_rows, table
from quarterdeck.entrypoints.cli.ticket_verbs import ticket_path
from quarterdeck.entrypoints.cli.verbs import Group, as_list, as_row, as_rows, flag, option, text_of

HAPPENED = {"watched": "watched it live", "paused": "paused its input", "resumed": "let its input go on",
            "messaged": "wrote into its terminal", "ended": "ended it", "escort_came": "was present as the escort",
            "escort_left": "left as the escort"}  # fmt: skip
SESSIONS = {"Id": "id", "Kind": "kind", "State": "state", "Person": "person", "Asset": "asset", "Began": "began_at",
            "Ended": "ended_at", "Reason": "end_reason"}  # fmt: skip
DRIFT = {"Id": "id", "Class": "drift_class", "Severity": "severity", "Path": "path", "What": "what",
         "Explained": "disposition"}  # fmt: skip


def add(verbs: Group) -> None:
    """Add `sessions`, `session ...` and `drift ...`."""
    made = verbs.verb("sessions", "list the sessions of a ticket", list_sessions)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    flag(made, "--json", "print JSON")
    nouns = verbs.group("session", "one session")
    made = nouns.verb("explain", "explain an interrupted session", explain_session)
    made.add_argument("id", help="id of the session, see `qd sessions`")
    made.add_argument("--reason", required=True, help="what happened, in a sentence")
    made = nouns.verb("show", "show a session and its files; viewing evidence is recorded", show_session)
    made.add_argument("id", help="id of the session, see `qd sessions`")
    option(made, "--find", "only files and changes that hold these words", metavar="WORDS")
    flag(made, "--json", "print JSON")
    made = nouns.verb("recording", "fetch a recording; viewing evidence is recorded", recording)
    made.add_argument("id", help="id of the session, see `qd sessions`")
    option(made, "--output", "file to write (default: ID.cast here)", metavar="FILE")
    session_verbs.add(nouns)
    baseline_verbs.add(verbs)
    _add_drift(verbs)


def _add_drift(verbs: Group) -> None:
    nouns = verbs.group("drift", "what differs between before and after")
    made = nouns.verb("show", "show the differences of a ticket", show_drift)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    flag(made, "--json", "print JSON")
    made = nouns.verb("explain", "explain differences", explain_drift)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    made.add_argument("--item", action="append", type=int, default=[], metavar="ID", help="may be repeated")
    flag(made, "--all-open", "all that nobody explained yet")
    made.add_argument("--reason", required=True, help="why, in a sentence")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")
    made = nouns.verb("rules", "show the rules of drift, or adopt another file", drift_rules)
    option(made, "--adopt", "a TOML file to adopt; give --reason", metavar="FILE")
    option(made, "--reason", "why the rules change, in a sentence")
    flag(made, "--json", "print every version as JSON")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")


def list_sessions(arguments: argparse.Namespace) -> int:
    """List the sessions of a ticket."""
    ticket_path(arguments.number)
    server = Server()
    rows = as_rows(server.get("/sessions", ticket=arguments.number))
    if not arguments.json:
        names = Names(server)
        rows = [row | {key: names.of(row[key]) for key in ("person", "asset")} for row in rows]
    show_rows(rows, SESSIONS, as_json=arguments.json, none="No session yet.")
    return 0


def show_session(arguments: argparse.Namespace) -> int:
    """Show a session, and what its recording tells of files."""
    server, path = Server(), f"/sessions/{session_id(arguments.id)}"
    row = as_row(server.get(path))
    if arguments.json:
        more = {"commands": _commands_of(server, path, row), "happenings": _happenings_of(server, path, row)}
        show_json({"session": row, **_files_of(server, path, row, arguments.find), **more})
        return 0
    names = Names(server)
    named = {key: names.of(row[key]) for key in ("person", "asset")}
    row = row | named | {"lacking": ", ".join(map(str, as_list(row["gaps"])))}
    for key in ("id", "ticket", "kind", "work", "protocol", "state", "person", "asset", "began_at", "ended_at",
                "end_reason", "exit_status", "recording", "files_told", "lacking"):  # fmt: skip
        if text_of(row, key):
            print(f"  {key.replace('_', ' '):<14} {clean(text_of(row, key))}")
    if text_of(row, "state") == "running":
        session_verbs.show_supervision(as_row(server.get(f"{path}/supervision")))
    for one in _happenings_of(server, path, row):
        said = f": {clean(text_of(one, 'text'))}" if text_of(one, "text") else ""
        who = clean(names.of(one["person"]))
        print(f"  {text_of(one, 'at')[:19]}  {who} {HAPPENED.get(text_of(one, 'what'), text_of(one, 'what'))}{said}")
    told = _files_of(server, path, row, arguments.find)
    for one in as_rows(told["files"]):
        print(f"\n{text_of(one, 'state').replace('_', ' ')}  {text_of(one, 'way')}  {text_of(one, 'size')} bytes")
        print(f"  {clean(text_of(one, 'name'))}")
        for key, word in (("sha256", "SHA-256"), ("remark", "remark"), ("after", "found by the baseline after")):
            if text_of(one, key):
                print(f"  {word} {clean(text_of(one, key))}")
    for one in as_rows(told["changes"]):
        print(f"\n{text_of(one, 'state')}  {clean(text_of(one, 'what'))}\n  {clean(text_of(one, 'name'))}")
    _print_commands(_commands_of(server, path, row))
    return 0


def _commands_of(server: Server, path: str, row: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return what the target's own log says; sessions outside the gate have no such word."""
    return as_row(server.get(f"{path}/commands")) if text_of(row, "kind") == "gate" else {}


def _happenings_of(server: Server, path: str, row: dict[str, JsonValue]) -> list[dict[str, JsonValue]]:
    """Return what was done to a session of the gate while it ran."""
    return as_rows(server.get(f"{path}/happenings")) if text_of(row, "kind") == "gate" else []


def _print_commands(told: dict[str, JsonValue]) -> None:
    if not told:
        return
    if not told["sources"]:
        print(f"\nCommands on the target: not available. {clean(text_of(told, 'said'))}")
        return
    handed_in = ", from a file that a person handed in" if told.get("grade") == "attached" else ""
    print(f"\nCommands on the target, by {' and '.join(map(str, as_list(told['sources'])))}{handed_in}:")
    if not told["exact"]:
        print("  (several sessions of this account ran at once: these may be of another one)")
    for one in as_rows(told["commands"]):
        line = " ".join(shlex.quote(str(word)) for word in as_list(one["argv"]))
        print(f"  {text_of(one, 'at')[:19]}  {clean(text_of(one, 'run_as'))}  {clean(line)}")


def _files_of(server: Server, path: str, row: dict[str, JsonValue], words: str | None) -> dict[str, JsonValue]:
    if not text_of(row, "recording"):
        return {"files": [], "changes": []}
    return as_row(server.get(f"{path}/files", find=words or ""))


def explain_session(arguments: argparse.Namespace) -> int:
    """Explain an interrupted session."""
    row = as_row(Server().post(f"/sessions/{session_id(arguments.id)}/explain", {"reason": arguments.reason}))
    print(f"{text_of(row, 'id')} is explained.")
    return 0


def recording(arguments: argparse.Namespace) -> int:
    """Fetch a recording."""
    target = Path(arguments.output or f"{session_id(arguments.id)}.cast")
    Server().download(f"/sessions/{session_id(arguments.id)}/recording", target)
    print(target)
    return 0


def show_drift(arguments: argparse.Namespace) -> int:
    """Show what differs."""
    server = Server()
    comparisons = as_rows(server.get(f"{ticket_path(arguments.number)}/drift"))
    if arguments.json:
        show_json(comparisons)
        return 0
    names = Names(server)
    for one in comparisons:
        print(clean(f"{names.of(one['asset'])}: {text_of(one, 'open_items')} not explained"))
        print(table([with_words(item) for item in _items(one)], DRIFT))
    if not comparisons:
        print("Nothing was compared yet.")
    return 0


def explain_drift(arguments: argparse.Namespace) -> int:
    """Explain the named differences, or all that are open."""
    server, path = Server(code=arguments.code), f"{ticket_path(arguments.number)}/drift"
    chosen: list[JsonValue] = list(arguments.item)
    if arguments.all_open:
        comparisons = as_rows(server.get(path))
        chosen += [item["id"] for one in comparisons for item in _items(one)
                   if text_of(item, "drift_class") != "expected" and not text_of(item, "disposition")]  # fmt: skip
    if not chosen:
        raise Failed("Name the differences with --item, or all with --all-open; there may be none left.")
    server.post(path, {"items": chosen, "reason": arguments.reason})
    print(f"{len(chosen)} explained.")
    return 0


def drift_rules(arguments: argparse.Namespace) -> int:
    """Show the rules in force, or adopt a file."""
    server = Server(code=arguments.code)
    if arguments.adopt:
        text = Path(arguments.adopt).read_text("utf-8")
        row = as_row(server.post("/drift-rules", {"text": text, "reason": arguments.reason}))
        print(f"Version {text_of(row, 'version')} is in force.")
        return 0
    versions = as_rows(server.get("/drift-rules"))
    if arguments.json:
        show_json(versions)
    else:
        print(f"# version {text_of(versions[0], 'version')}, SHA-256 {text_of(versions[0], 'sha256')}")
        print("\n".join(clean(line) for line in text_of(versions[0], "text").splitlines()))
    return 0


def with_words(item: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return a difference with `what`: how it differs, and why that matters when there is a reason."""
    codes = item["codes"]
    parts = [text_of(item, "kind"), *map(str, codes if isinstance(codes, list) else [])]
    return item | {"what": ", ".join(part.replace("_", " ") for part in parts if part)}


def _items(comparison: dict[str, JsonValue]) -> list[dict[str, JsonValue]]:
    return as_rows(comparison["items"])
