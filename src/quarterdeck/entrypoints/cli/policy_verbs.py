"""The policy: show it and its history, change one setting or one hold point's row."""

import argparse
import re

from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean, show_json, show_rows
from quarterdeck.entrypoints.cli.verbs import Group, as_row, as_rows, flag, option, text_of

_WORDS: dict[str, JsonValue] = {"yes": True, "true": True, "no": False, "false": False}
_LENGTH = re.compile(r"(\d{1,6})(min|h|d)?", re.ASCII)
_MINUTES = {"min": 1, "h": 60, "d": 1440}
_ROWS = {
    "Hold point": "hold_point", "Before": "before", "Assets": "asset_class", "Work": "work_classes",
    "Methods": "methods", "Risks": "risks", "Age (min)": "maximum_age_minutes", "Grade": "minimum_grade",
    "Deferrable": "deferrable", "Flag only": "flag_only",
}  # fmt: skip
# Option and its term in the API, for terms that are lists.
_LISTS = {"work-classes": "work_classes", "types": "maintenance_types", "methods": "methods", "risks": "risks"}


def add(verbs: Group) -> None:
    """Add `policy show`, `history`, `set` and `row`."""
    nouns = verbs.group("policy", "the policy in force: settings and hold points")
    flag(nouns.verb("show", "show version, settings and hold points", show), "--json", "print JSON")
    flag(nouns.verb("history", "show every version: who, when, why, what changed", history), "--json", "print JSON")
    made = nouns.verb("set", "change one setting (IT lead); approvals given before are void", change)
    made.add_argument("name", help="name of the setting, see `qd policy show`")
    made.add_argument("value", help="yes, no, or a number of minutes")
    _act(made)
    made = nouns.verb("row", "change one hold point's row (IT lead); approvals given before are void", change_row)
    made.add_argument("hold_point", help="its id, such as HP-BACKUP, see `qd policy show`")
    option(made, "--assets", "any, cui, cui_server or server", metavar="CLASS")
    for name, term in _LISTS.items():
        option(made, f"--{name}", f"{term.replace('_', ' ')}, separated by commas, or all", metavar="WORDS")
    option(made, "--maximum-age", "how old a fact may be: 30min, 4h, 7d, or none", metavar="LENGTH")
    option(made, "--grade", "attached, or captured where only the system's own counts", metavar="GRADE")
    option(made, "--deferrable", "yes: the approver may defer it with a reason", metavar="YES")
    option(made, "--flag-only", "yes: it shows a flag and stops nothing", metavar="YES")
    _act(made)


def _act(made: argparse.ArgumentParser) -> None:
    made.add_argument("--reason", required=True, help="why, in a sentence")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")


def show(arguments: argparse.Namespace) -> int:
    """Show settings and rows."""
    _tell(as_row(Server().get("/policy")), as_json=arguments.json)
    return 0


def history(arguments: argparse.Namespace) -> int:
    """Show every version, newest first."""
    server = Server()
    found = as_rows(server.get("/policy/history"))
    if arguments.json:
        show_json(found)
        return 0
    names = Names(server)
    for one in found:
        altered = "" if one.get("sealed") is True else "  ALTERED: its row is not what the ledger says"
        print(clean(f"v{text_of(one, 'version')}  {text_of(one, 'at')}  {names.of(one['by'])}{altered}"))
        for it in as_rows(one["changes"]):
            print(clean(f"  {change_words(it)}"))
        if text_of(one, "reason"):
            print(clean(f"  because: {text_of(one, 'reason')}"))
    return 0


def change_words(it: dict[str, JsonValue]) -> str:
    """Return one difference in words: lengths with their unit, `no limit` and `all` where nothing is said."""
    about, term = text_of(it, "about"), text_of(it, "term")
    before, after = (_said(about, term, text_of(it, key)) for key in ("before", "after"))
    what = f"{about} {term.removesuffix('_seconds').replace('_', ' ')}".rstrip()
    return f"{what}: {before} -> {after}"


def _said(about: str, term: str, value: str) -> str:
    if term == "maximum_age_seconds":
        return _length(int(value) // 60) if value.isdecimal() else "no limit"
    if not term and "minutes" in about and value.isdecimal():
        return f"{value} min"
    return value or ("all" if term in _LISTS.values() else "-")


def _length(minutes: int) -> str:
    """Return a length as `--maximum-age` takes it, with a space: 1 d, 36 h, 90 min."""
    unit = next(unit for unit in ("d", "h", "min") if minutes % _MINUTES[unit] == 0)
    return f"{minutes // _MINUTES[unit]} {unit}"


def change(arguments: argparse.Namespace) -> int:
    """Change one setting."""
    said = str(arguments.value).lower()
    if said not in _WORDS and not (said.isascii() and said.isdecimal()):
        raise Failed("A setting is yes, no, or a number of minutes.")
    value = _WORDS[said] if said in _WORDS else int(said)
    body: dict[str, JsonValue] = {"value": value, "reason": arguments.reason}
    return _adopted(as_row(Server(code=arguments.code).post(f"/policy/{arguments.name}", body)))


def change_row(arguments: argparse.Namespace) -> int:
    """Change one row."""
    body = _terms(arguments)
    if not body:
        raise Failed("Nothing is said that shall change. See `qd policy row --help`.")
    body["reason"] = arguments.reason
    return _adopted(as_row(Server(code=arguments.code).post(f"/policy/rows/{arguments.hold_point}", body)))


def _adopted(found: dict[str, JsonValue]) -> int:
    """Print the version that is in force now, and last what it leaves to be done."""
    _tell(found, as_json=False)
    print(f"\nAdopted as v{text_of(found, 'version')}.")
    void, shut = _numbers(found["freeze_anew"]), _numbers(found["no_new_sessions"])
    if void:
        print("Approvals given for these are void; freeze each anew and it is asked for again:")
        print("\n".join(f"  qd ticket freeze {number}" for number in void))
    if shut:
        print(f"Open work that admits no new session, to be ended and asked for anew: {', '.join(shut)}")
    return 0


def _numbers(said: JsonValue) -> list[str]:
    return [clean(number) for number in said] if isinstance(said, list) else []


def _terms(arguments: argparse.Namespace) -> dict[str, JsonValue]:
    body: dict[str, JsonValue] = {}
    for name, term in _LISTS.items():
        said = str(getattr(arguments, name.replace("-", "_")))
        if said:
            body[term] = [] if said == "all" else [word.strip() for word in said.split(",")]
    for name, term in (("assets", "asset_class"), ("grade", "minimum_grade")):
        if getattr(arguments, name):
            body[term] = getattr(arguments, name)
    for name in ("deferrable", "flag_only"):
        said = str(getattr(arguments, name)).lower()
        if said and said not in _WORDS:
            raise Failed(f"--{name.replace('_', '-')} is yes or no.")
        if said:
            body[name] = _WORDS[said]
    if arguments.maximum_age:
        body["maximum_age_minutes"] = _minutes(arguments.maximum_age)
    return body


def _minutes(said: str) -> int:
    if said == "none":
        return 0
    found = _LENGTH.fullmatch(said)
    if found is None or not int(found[1]):
        raise Failed("--maximum-age is a length such as 30min, 4h or 7d, or none.")
    return int(found[1]) * _MINUTES[found[2] or "min"]


def _tell(found: dict[str, JsonValue], *, as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    print(f"Policy v{text_of(found, 'version')}")
    for name, value in sorted(as_row(found["settings"]).items()):
        print(clean(f"  {name}  {'yes' if value is True else 'no' if value is False else value}"))
    print()
    rows = [row | {"work_classes": row["work_classes"] or "all", "methods": row["methods"] or "all",
                   "risks": row["risks"] or "all"} for row in as_rows(found["rows"])]  # fmt: skip
    show_rows(rows, _ROWS, as_json=False, none="No hold point.")
