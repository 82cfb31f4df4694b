"""Going back: begin the rollback of a ticket, say what became of its steps, see its clock."""

import argparse
import time

from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean, confirm, show_json, table
from quarterdeck.entrypoints.cli.ticket_verbs import ticket_path
from quarterdeck.entrypoints.cli.verbs import Group, as_list, as_row, as_rows, flag, option, text_of

FOLLOW_SECONDS = 2.0
WORDS = {
    "waiting": "Waiting", "clearing": "Sessions on the asset are ended", "under_way": "Under way", "done": "Done",
    "failed": "Failed",
}  # fmt: skip
CAME_BACK = {
    "not_measured": "Not measured since: end the work, or verify once more.",
    "as_before": "Measured after: as it was before.",
    "differs": "Measured after: {} differences from before, see `qd drift`.",
}
STEPS = {"Step": "number", "State": "state", "Who": "owner", "Kind": "kind", "What": "text"}


def add(verbs: Group) -> None:
    """Add `rollback ...`."""
    nouns = verbs.group("rollback", "take a ticket's assets back to before the work")
    made = nouns.verb("begin", "begin the rollback; the clock of its time box runs", begin)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    made.add_argument("--reason", required=True, help="what went wrong, in a sentence")
    flag(made, "--yes", "begin without asking")
    flag(made, "--follow", "stay and show the steps until a person's turn comes")
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
    made = nouns.verb("again", "run what comes next by itself once more", again)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    flag(made, "--follow", "stay and show the steps until a person's turn comes")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")
    made = nouns.verb("stop", "stop what runs by itself; a revert that is under way is finished", stop)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")


def begin(arguments: argparse.Namespace) -> int:
    """Begin the rollback."""
    if not arguments.yes and not confirm(f"Begin the rollback of {arguments.number}?"):
        return 1
    server = Server(code=arguments.code)
    row = as_row(server.post(f"{ticket_path(arguments.number)}/rollback", {"reason": arguments.reason}))
    return _follow(server, arguments.number) if arguments.follow else _print(server, row)


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
    """Run what comes next by itself once more."""
    server = Server(code=arguments.code)
    row = as_row(server.post(f"{ticket_path(arguments.number)}/rollback/again"))
    return _follow(server, arguments.number) if arguments.follow else _print(server, row)


def stop(arguments: argparse.Namespace) -> int:
    """Stop what runs by itself."""
    server = Server()
    _print(server, as_row(server.post(f"{ticket_path(arguments.number)}/rollback/stop")))
    return 0


def _follow(server: Server, number: str) -> int:
    """Tell each change of a step until nothing goes on by itself; exit code 1 when a step failed."""
    told: dict[str, str] = {}
    while True:
        row = as_rows(server.get(f"{ticket_path(number)}/rollback"))[0]
        for step in as_rows(row["steps"]):
            now = f"{WORDS[text_of(step, 'state')]}. {text_of(step, 'said')}".rstrip()
            if told.setdefault(text_of(step, "number"), "") != now and text_of(step, "state") != "waiting":
                print(clean(f"Step {text_of(step, 'number')}: {now}"), flush=True)
            told[text_of(step, "number")] = now
        if not row["waits"]:
            return _print(server, row)
        time.sleep(FOLLOW_SECONDS)


def _print(server: Server, row: dict[str, JsonValue]) -> int:
    names, left = Names(server), int(text_of(row, "seconds_left"))
    minutes, seconds = divmod(abs(left), 60)
    ended = text_of(row, "ended_at")
    word = ("took all but" if left >= 0 else "overran by") if ended else ("left" if left >= 0 else "OVERRUN by")
    print(clean(f"{text_of(row, 'ticket')}: {word} {minutes} min {seconds:02d} s of the time box"))
    steps = as_rows(row["steps"])
    print(table([step | {"owner": names.of(step["owner"])} for step in steps], STEPS))
    for step in steps:
        if text_of(step, "said"):
            print(clean(f"Step {text_of(step, 'number')}: {text_of(step, 'said')}"))
    if ended:
        print(CAME_BACK[text_of(row, "came_back")].format(text_of(row, "differences")))
    return 1 if any(text_of(step, "state") == "failed" for step in steps) else 0
