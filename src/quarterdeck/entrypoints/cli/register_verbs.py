"""Lists of the registers: assets with their import, people, tools."""

import argparse
import json
from pathlib import Path

from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean, confirm, show_json, show_rows, table
from quarterdeck.entrypoints.cli.verbs import Group, as_row, as_rows, flag, option, text_of

ASSETS = {"Id": "id", "Host": "hostname", "CUI": "handles_cui", "Category": "category", "Where": "location"}
PEOPLE = {"Id": "id", "Name": "name", "Mail": "email", "Kind": "kind", "MFA": "mfa_enrolled", "Active": "active"}
ITEMS = {"Id": "id", "Kind": "kind", "Name": "name", "Version": "version", "State": "state"}


def add(verbs: Group) -> None:
    """Add `assets`, `asset import`, `people`, `tools`."""
    for name, words, path, columns in (
        ("assets", "list the assets", "/assets", ASSETS),
        ("people", "list the people", "/people", PEOPLE),
        ("tools", "list tools, techniques and mechanisms", "/tools", ITEMS),
    ):
        made = verbs.verb(name, words, _Listing(path, columns))
        flag(made, "--json", "print JSON")
    nouns = verbs.group("asset", "one asset, or many from a CSV")
    made = nouns.verb("show", "show an asset", show_asset)
    made.add_argument("id", help="host name or id of the asset, see `qd assets`")
    made = nouns.verb("import", "import assets from a CSV: shows the difference, then asks", import_assets)
    made.add_argument("file", help="the CSV")
    made.add_argument("--map", action="append", default=[], metavar="COLUMN=FIELD", help="which column is which field")
    flag(made, "--skip-bad-rows", "import the good rows although others are wrong")
    flag(made, "--yes", "apply without asking")
    flag(made, "--json", "print the plan as JSON")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")


class _Listing:
    """The handler of a plain list."""

    def __init__(self, path: str, columns: dict[str, str]) -> None:
        self._path = path
        self._columns = columns

    def __call__(self, arguments: argparse.Namespace) -> int:
        """Print the list."""
        show_rows(as_rows(Server().get(self._path)), self._columns, as_json=arguments.json, none="Nothing yet.")
        return 0


def show_asset(arguments: argparse.Namespace) -> int:
    """Show one asset as JSON."""
    server = Server()
    show_json(server.get(f"/assets/{Names(server).asset(arguments.id)}"))
    return 0


def import_assets(arguments: argparse.Namespace) -> int:
    """Plan the import, show what it changes, apply exactly that plan."""
    server, file = Server(code=arguments.code), Path(arguments.file)
    mapping = json.dumps(dict(pair.partition("=")[::2] for pair in arguments.map)) if arguments.map else ""
    fields = {"skip_bad_rows": str(arguments.skip_bad_rows).lower(), "mapping": mapping}
    plan = as_row(server.upload("/assets/import", file, {**fields, "dry_run": "true"}))
    if arguments.json:
        show_json(plan)
    else:
        show_plan(plan)
    if plan.get("errors") and not arguments.skip_bad_rows:
        raise Failed("Nothing was imported. Correct the rows above, or leave them out with --skip-bad-rows.")
    if not arguments.yes and not confirm("Apply exactly this?"):
        raise Failed("Nothing was imported. At a terminal answer yes, in a script give --yes.")
    fields |= {"dry_run": "false", "token": text_of(plan, "token")}
    told = as_row(server.upload("/assets/import", file, fields))
    result = as_row(told["result"])
    print("Imported: " + ", ".join(f"{key.replace('_', ' ')} {clean(value)}" for key, value in result.items()))
    return 0


def show_plan(plan: dict[str, JsonValue]) -> None:
    """Print what a file changes and what is wrong with it."""
    print(f"{text_of(plan, 'add')} to add, {text_of(plan, 'change')} to change, {text_of(plan, 'unchanged')} unchanged")
    print(table(as_rows(plan["columns"]), {"Column": "header", "Field": "field", "Guessed": "guessed"}))
    for row in as_rows(plan["rows"]):
        changes = "; ".join(
            f"{text_of(one, 'field')} {text_of(one, 'old')!r} -> {text_of(one, 'new')!r}"
            for one in as_rows(row["differences"])
        )
        print(clean(f"line {text_of(row, 'line')}: {text_of(row, 'kind')} {text_of(row, 'hostname')}  {changes}"))
    for error in as_rows(plan["errors"]):
        place = f"line {text_of(error, 'line')} {text_of(error, 'column')}"
        print(clean(f"WRONG {place}: {text_of(error, 'sentence')} {text_of(error, 'next_step')}"))
    notices = plan.get("notices")
    for notice in notices if isinstance(notices, list) else []:
        print(clean(notice))
