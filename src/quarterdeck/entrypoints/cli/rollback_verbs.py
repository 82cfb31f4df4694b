"""Going back: begin the rollback of a ticket, say what became of its steps, see its clock."""

import argparse

from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean, confirm, show_json, table
from quarterdeck.entrypoints.cli.ticket_verbs import ticket_path
from quarterdeck.entrypoints.cli.verbs import Group, as_list, as_row, as_rows, flag, option, text_of

STEPS = {"Step": "number", "State": "state", "Who": "owner", "Kind": "kind", "What": "text"}


def add(verbs: Group) -> None:
    """Add `rollback ...`."""
    nouns = verbs.group("rollback", "take a ticket's assets back to before the work")
    made = nouns.verb("begin", "begin the rollback; the clock of its time box runs", begin)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    made.add_argument("--reason", required=True, help="what went wrong, in a sentence")
    flag(made, "--yes", "begin without asking")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")
    made = nouns.verb("show", "show the steps and how much of the time box is left", show)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    flag(made, "--json", "print JSON")
    for name, words, handler in (
        ("done", "say that a step is done", done),
        ("failed", "say that a step failed", failed),
    ):
        made = nouns.verb(name, words, handler)
        made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
        made.add_argument("step", type=int, help="number of the step, see `qd rollback show`")
        made.add_argument("--said", required=True, help="how it went, in a sentence")
    made = nouns.verb("tried", "name the ticket under which work or rollback was tried in staging", tried)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    made.add_argument("staging", metavar="MT-YYYY-NNNNN", help="the ticket of the staging systems")
    made = nouns.verb("again", "run the steps that run by themselves once more", again)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")


def begin(arguments: argparse.Namespace) -> int:
    """Begin the rollback."""
    if not arguments.yes and not confirm(f"Begin the rollback of {arguments.number}?"):
        return 1
    server = Server(code=arguments.code)
    _print(server, as_row(server.post(f"{ticket_path(arguments.number)}/rollback", {"reason": arguments.reason})))
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Show the rollback."""
    server = Server()
    found = as_rows(server.get(f"{ticket_path(arguments.number)}/rollback"))
    if arguments.json:
        show_json(found)
    elif found:
        _print(server, found[0])
    else:
        print("No rollback was begun.")
    return 0


def done(arguments: argparse.Namespace) -> int:
    """Say that a step is done."""
    return _say(arguments, is_done=True)


def failed(arguments: argparse.Namespace) -> int:
    """Say that a step failed."""
    return _say(arguments, is_done=False)


def _say(arguments: argparse.Namespace, *, is_done: bool) -> int:
    server = Server()
    path = f"{ticket_path(arguments.number)}/rollback/steps/{arguments.step}"
    _print(server, as_row(server.post(path, {"done": is_done, "said": arguments.said})))
    return 0


def tried(arguments: argparse.Namespace) -> int:
    """Name the ticket of the staging systems."""
    ticket_path(arguments.staging)
    found = Server().post(f"{ticket_path(arguments.number)}/staging", {"ticket": arguments.staging})
    words = {"staging.tested": "the work", "rollback.tested": "the rollback"}
    print(f"Tried in staging: {' and '.join(words.get(str(kind), str(kind)) for kind in as_list(found))}.")
    return 0


def again(arguments: argparse.Namespace) -> int:
    """Run the automated steps once more."""
    Server().post(f"{ticket_path(arguments.number)}/rollback/again")
    print("Asked for; see `qd rollback show`.")
    return 0


def _print(server: Server, row: dict[str, JsonValue]) -> None:
    names, left = Names(server), int(text_of(row, "seconds_left"))
    minutes, seconds = divmod(abs(left), 60)
    ended = text_of(row, "ended_at")
    word = ("took all but" if left >= 0 else "overran by") if ended else ("left" if left >= 0 else "OVERRUN by")
    print(clean(f"{text_of(row, 'ticket')}: {word} {minutes} min {seconds:02d} s of the time box"))
    print(table([step | {"owner": names.of(step["owner"])} for step in as_rows(row["steps"])], STEPS))
