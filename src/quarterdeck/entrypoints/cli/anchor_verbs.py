"""Anchors: who holds checkpoints and how it stands with each, their receipts, a trial at once."""

import argparse

from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue, show_json, show_rows
from quarterdeck.entrypoints.cli.verbs import Group, as_row, as_rows, flag, option, text_of

ROUTES = {
    "Id": "id", "Channel": "channel", "Holder": "target", "Grade": "grade", "State": "state", "Entries": "taken_size",
    "Taken": "taken_at", "Not sent": "backlog", "Next try": "next_try", "Last failure": "sentence",
}  # fmt: skip
RECEIPTS = {
    "Entries": "size", "Channel": "channel", "Holder": "target", "Grade": "grade", "Sent": "sent_at",
    "Receipt": "receipt",
}  # fmt: skip
UNANCHORED = 3
SELF_ATTESTED = "Self-attested only: nobody else holds a checkpoint. "


def add(verbs: Group) -> None:
    """Add `anchors` and `anchor ...`."""
    made = verbs.verb("anchors", "who holds checkpoints outside, and how it stands with each: 0, late or none 3", show)
    flag(made, "--json", "print JSON")
    nouns = verbs.group("anchor", "holders of checkpoints")
    made = nouns.verb("receipts", "list the proofs that checkpoints left this server, newest first", receipts)
    option(made, "--size", "only of the checkpoint of this many entries", metavar="N")
    flag(made, "--json", "print JSON")
    made = nouns.verb("try", "send the newest checkpoint to one holder at once (IT lead)", try_one)
    made.add_argument("id", help="id of the holder, see `qd anchors`")


def show(arguments: argparse.Namespace) -> int:
    """Show the holders and the oldest unanchored entry; 3 when nobody holds anything or an entry waits too long."""
    told = as_row(Server().get("/anchors"))
    if arguments.json:
        show_json(told)
    else:
        show_rows(as_rows(told["routes"]), ROUTES, as_json=False, none="No channel is configured.")
        print(f"{SELF_ATTESTED if told['self_attested'] else ''}{sentence(told)}")
    return UNANCHORED if told["self_attested"] or told["late"] else 0


def sentence(told: dict[str, JsonValue]) -> str:
    """Say how far the anchors reach, and which entry waits longest."""
    oldest = told["oldest_unanchored"]
    if oldest is None:
        return f"All {told['entries']} entries are anchored."
    late = f", longer than {told['target_minutes']} minutes" if told["late"] else ""
    # Entries are numbered from 0, so the number of the first that waits is the count of those before it.
    since = (
        f"the oldest that waits is entry number {oldest} (counted from 0), since {told['oldest_unanchored_at']}{late}"
    )
    first = "The first " if told["anchored"] else ""
    return f"{first}{told['anchored']} of {told['entries']} entries are anchored; {since}."


def receipts(arguments: argparse.Namespace) -> int:
    """List receipts."""
    if arguments.size and not arguments.size.isdecimal():
        raise Failed("--size takes a number of entries.")
    rows = as_rows(Server().get("/anchors/receipts" + (f"?size={arguments.size}" if arguments.size else "")))
    show_rows(rows, RECEIPTS, as_json=arguments.json, none="No checkpoint has left this server.")
    return 0


def try_one(arguments: argparse.Namespace) -> int:
    """Ask for a trial."""
    if not arguments.id.isalnum():
        raise Failed("An id of `qd anchors` has letters and digits only.")
    told = as_row(Server().post(f"/anchors/{arguments.id}/try"))
    (route,) = [row for row in as_rows(told["routes"]) if text_of(row, "id") == arguments.id]
    print(f"The newest checkpoint goes to {text_of(route, 'target')} now. `qd anchors` shows in a moment how it went.")
    return 0
