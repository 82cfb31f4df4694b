"""The policy's settings: show them, change one."""

import argparse
import json

from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue
from quarterdeck.entrypoints.cli.verbs import Group, as_row, flag, option, text_of

_WORDS: dict[str, JsonValue] = {"yes": True, "true": True, "no": False, "false": False}


def add(verbs: Group) -> None:
    """Add `policy show` and `policy set`."""
    nouns = verbs.group("policy", "the settings of the policy in force")
    flag(nouns.verb("show", "show version and settings", show), "--json", "print JSON")
    made = nouns.verb("set", "change one setting (IT lead); approvals given before are void", change)
    made.add_argument("name", help="name of the setting, see `qd policy show`")
    made.add_argument("value", help="yes, no, or a number of minutes")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")


def show(arguments: argparse.Namespace) -> int:
    """Show the settings."""
    _tell(as_row(Server().get("/policy")), as_json=arguments.json)
    return 0


def change(arguments: argparse.Namespace) -> int:
    """Change one setting."""
    said = str(arguments.value).lower()
    if said not in _WORDS and not said.isdecimal():
        raise Failed("A setting is yes, no, or a number of minutes.")
    value = _WORDS[said] if said in _WORDS else int(said)
    _tell(as_row(Server(code=arguments.code).post(f"/policy/{arguments.name}", {"value": value})), as_json=False)
    return 0


def _tell(found: dict[str, JsonValue], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found))
        return
    print(f"Policy v{text_of(found, 'version')}")
    for name, value in sorted(as_row(found["settings"]).items()):
        print(f"  {name}  {'yes' if value is True else 'no' if value is False else value}")
