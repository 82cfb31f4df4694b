"""`qd session watch|pause|resume|end|message`: look over a technician's shoulder from a terminal, and say stop."""

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator

import httpx

from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean
from quarterdeck.entrypoints.cli.verbs import Group, flag

STAY_SECONDS = 3.0
RETRY_SECONDS = 1.0
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-~])")


def add(nouns: Group) -> None:
    """Add the verbs of a running session."""
    made = nouns.verb("watch", "show a running session as text while it happens; the technician is told", watch)
    made.add_argument("id", help="id of the session, see `qd sessions`")
    flag(made, "--present", "say that you are present as its escort, for as long as this runs")
    made = nouns.verb("pause", "hold the technician's input; nothing of it is lost", pause)
    made.add_argument("id", help="id of the session, see `qd sessions`")
    made = nouns.verb("resume", "let the technician's input go on", resume)
    made.add_argument("id", help="id of the session, see `qd sessions`")
    made = nouns.verb("end", "end a running session and its connection", end)
    made.add_argument("id", help="id of the session, see `qd sessions`")
    made.add_argument("--reason", required=True, help="why, in a sentence; the technician reads it")
    made = nouns.verb("message", "write a line into the technician's terminal", message)
    made.add_argument("id", help="id of the session, see `qd sessions`")
    made.add_argument("--text", required=True, help="what the technician reads, on one line")


def session_id(text: str) -> str:
    """Return an id as it goes into a path; Failed for something that is none."""
    if not text.replace("_", "").isalnum() or not text.isascii():
        raise Failed(f"{text!r} is no id; see `qd sessions`.")
    return text


def show_supervision(row: dict[str, JsonValue]) -> None:
    """Print who watches a running session, who paused it, and whether its escort is there."""
    watchers = row["watchers"]
    names = ", ".join(map(str, watchers)) if isinstance(watchers, list) else ""
    print(f"  {'watchers':<14} {clean(names) or 'nobody'}")
    if row["paused_by"]:
        print(f"  {'paused by':<14} {clean(row['paused_by'])}")
    if row["escort"]:
        here = f"{clean(row['present'])} is present" if row["present"] else "not here"
        print(f"  {'escort':<14} {clean(row['escort'])}, {here}")


def pause(arguments: argparse.Namespace) -> int:
    """Hold the input."""
    return _order(arguments.id, "pause", "Paused. What the technician types waits.")


def resume(arguments: argparse.Namespace) -> int:
    """Let the input go on."""
    return _order(arguments.id, "resume", "Resumed.")


def end(arguments: argparse.Namespace) -> int:
    """End the session."""
    return _order(arguments.id, "end", "Ended. The connection is being closed.", {"text": arguments.reason})


def message(arguments: argparse.Namespace) -> int:
    """Send a message."""
    return _order(arguments.id, "message", "Sent.", {"text": arguments.text})


def _order(text: str, verb: str, said: str, body: dict[str, JsonValue] | None = None) -> int:
    Server().post(f"/sessions/{session_id(text)}/{verb}", body)
    print(said)
    return 0


def watch(arguments: argparse.Namespace) -> int:
    """Show the session until it ends; a broken connection goes on where it was."""
    server, watcher = Server(), Watcher(session_id(arguments.id), present=arguments.present)
    while not watcher.over:
        try:
            for name, last, data in events(server.lines(f"/sessions/{watcher.session}/live", watcher.last)):
                watcher.last = last or watcher.last
                watcher.take(name, data)
                watcher.stay(server)
                if watcher.over:
                    break
        except httpx.HTTPError:
            time.sleep(RETRY_SECONDS)
    return watcher.status


def events(lines: Iterator[str]) -> Iterator[tuple[str, str, str]]:
    """Yield name, id and data of each event of a stream; a comment, the sign of life, as an event without a name."""
    name, last, data = "", "", ""
    for line in lines:
        field, _, value = line.partition(": ")
        if line.startswith(":"):
            yield "", "", ""
        elif field == "event":
            name = value
        elif field == "id":
            last = value
        elif field == "data":
            data = value
        elif not line and data:
            yield name or "message", last, data
            name, last, data = "", "", ""


class Watcher:
    """What is shown of one session: whole lines without anything that steers a terminal; `over` once it has ended."""

    def __init__(self, session: str, *, present: bool) -> None:
        self.session, self._present = session, present
        self.last, self.over, self.status = "", False, 0
        self._watch, self._stayed, self._open = "", 0.0, ""

    def take(self, name: str, data: str) -> None:
        """Show one event."""
        told = json.loads(data) if data else {}
        if name == "message":
            self._show(*told)
        elif name == "":
            self._flush()
        elif name == "state":
            self._watch = told["watch"]
        elif name == "skipped":
            self._say("A part was left out here; the recording has all of it.")
        elif name in ("end", "refused"):
            self._flush()
            self.over, self.status = True, int(name == "refused")
            words = told["sentence"] if name == "refused" else f"Ended: {told['reason'].replace('_', ' ')}."
            self._say(words)

    def stay(self, server: Server) -> None:
        """Renew the escort's presence every three seconds."""
        if self._present and self._watch and not self.over and time.monotonic() - self._stayed >= STAY_SECONDS:
            server.post(f"/sessions/{self.session}/present", {"watch": self._watch})
            if not self._stayed:
                self._say("You are present. Interrupt with Ctrl-C to leave; the technician's input then waits.")
            self._stayed = time.monotonic()

    def _show(self, _at: float, code: str, text: str) -> None:
        if code == "m":
            self._flush()
            self._say(text)
        elif code == "o":
            *whole, self._open = (self._open + text).split("\n")
            for line in whole:
                print(readable(line), flush=True)

    def _flush(self) -> None:
        if readable(self._open):
            print(readable(self._open), flush=True)
        self._open = ""

    @staticmethod
    def _say(words: str) -> None:
        print(f"-- {clean(words)}", file=sys.stderr, flush=True)


def readable(line: str) -> str:
    """Return a line of terminal output as text that does nothing on the screen where it is read."""
    return clean(_ESCAPES.sub("", line).rstrip("\r").rpartition("\r")[2].replace("\t", "    ")).rstrip()
