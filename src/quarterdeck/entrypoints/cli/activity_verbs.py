"""Logins that match no ticket, sealed accounts, sudo rules: at the terminal."""

import argparse
from datetime import date, datetime, time

from quarterdeck.entrypoints.cli.naming import Names
from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean, show_json, show_rows
from quarterdeck.entrypoints.cli.ticket_verbs import ticket_path
from quarterdeck.entrypoints.cli.verbs import Group, as_row, as_rows, flag, option, text_of
from quarterdeck.kernel.clock import rfc3339

LOGINS = {"Id": "id", "Asset": "asset", "At": "at", "How": "how", "What": "verdict", "Account": "account",
          "From": "source", "Explained": "explained_by"}  # fmt: skip
SEALED = {"Id": "id", "Asset": "asset", "Account": "account", "State": "state", "Sealed by": "sealed_by",
          "Change by": "due_at", "Overdue": "overdue", "Seen on target": "verified", "Its use": "ticket"}  # fmt: skip
RULES = {"Asset": "asset", "Account": "account", "State": "state", "Until": "until", "Why": "said"}


def add(verbs: Group) -> None:
    """Add `target-logins`, `target-login ...`, `breakglass ...` and `sudo-rules`."""
    made = verbs.verb("target-logins", "list logins on targets that match no ticket", list_logins)
    option(made, "--asset", "only of this asset: host name or id", metavar="HOST")
    flag(made, "--all", "also what is explained")
    flag(made, "--json", "print JSON")
    nouns = verbs.group("target-login", "a login on a target that matches no ticket")
    made = nouns.verb("show", "show a login with the line of the target's log", show_login)
    made.add_argument("id", help="id of the login, see `qd target-logins`")
    flag(made, "--json", "print JSON")
    made = nouns.verb("explain", "say who logged in and why", explain_login)
    made.add_argument("id", help="id of the login, see `qd target-logins`")
    made.add_argument("--reason", required=True, help="who, why, and how you know")
    option(made, "--ticket", "number of the ticket to which it belongs", metavar="MT-YYYY-NNNNN")
    made = verbs.verb("sudo-rules", "show the sudo rules of a ticket on its targets", sudo_rules)
    made.add_argument("number", metavar="MT-YYYY-NNNNN", help="the ticket's number")
    flag(made, "--json", "print JSON")
    _add_break_glass(verbs)


def _add_break_glass(verbs: Group) -> None:
    nouns = verbs.group("breakglass", "the sealed account of an asset for the day when Quarterdeck is down")
    made = nouns.verb("list", "list the sealed accounts", list_sealed)
    option(made, "--asset", "only of this asset: host name or id", metavar="HOST")
    flag(made, "--json", "print JSON")
    made = nouns.verb("seal", "register the sealed account of an asset, never its secret", seal)
    made.add_argument("asset", help="host name or id of the asset")
    made.add_argument("--account", required=True, help="login name on the target, used for nothing else")
    _sealing(made)
    made = nouns.verb("rotate", "record that the credential was changed and sealed anew", rotate)
    made.add_argument("id", help="id of the sealed account, see `qd breakglass list`")
    made.add_argument("--how", required=True, help="how it was changed and who saw it")
    _sealing(made)
    made = nouns.verb("retire", "retire a sealed account", retire)
    made.add_argument("id", help="id of the sealed account, see `qd breakglass list`")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")


def _sealing(made: argparse.ArgumentParser) -> None:
    made.add_argument("--place", required=True, help="where the envelope lies")
    made.add_argument("--due", required=True, metavar="DATE", help="changed at the latest on, such as 2027-05-31")
    option(made, "--sealed-by", "id of the person who sealed it (default: you)", metavar="PERSON")
    option(made, "--code", "six digits of your authenticator app, should a fresh second factor be needed")


def list_logins(arguments: argparse.Namespace) -> int:
    """List logins."""
    rows = _named(Server(), "/logins", arguments, open_only=str(not arguments.all).lower())
    show_rows(rows, LOGINS, as_json=arguments.json, none="No login waits for an explanation.")
    return 0


def show_login(arguments: argparse.Namespace) -> int:
    """Show a login."""
    row = as_row(Server().get(f"/logins/{_id(arguments.id)}"))
    if arguments.json:
        show_json(row)
        return 0
    for key, value in row.items():
        if value not in (None, ""):
            print(f"  {key.replace('_', ' '):<16} {clean(str(value))}")
    return 0


def explain_login(arguments: argparse.Namespace) -> int:
    """Explain a login."""
    body: dict[str, JsonValue] = {"reason": arguments.reason, "ticket": arguments.ticket}
    row = as_row(Server().post(f"/logins/{_id(arguments.id)}/explain", body))
    print(f"{text_of(row, 'id')} is explained.")
    return 0


def sudo_rules(arguments: argparse.Namespace) -> int:
    """Show the sudo rules of a ticket."""
    server = Server()
    rows = as_rows(server.get(f"{ticket_path(arguments.number)}/sudo-rules"))
    if not arguments.json:
        names = Names(server)
        rows = [row | {"asset": names.of(row["asset"])} for row in rows]
    show_rows(rows, RULES, as_json=arguments.json, none="This ticket has placed no sudo rule.")
    for row in rows if not arguments.json else ():
        standing = row["standing"]
        for rule in standing if isinstance(standing, list) else ():
            print(f"{clean(text_of(row, 'asset'))} also allows {clean(text_of(row, 'account'))}: {clean(str(rule))}")
    return 0


def list_sealed(arguments: argparse.Namespace) -> int:
    """List sealed accounts."""
    server = Server()
    rows = _named(server, "/break-glass", arguments)
    if not arguments.json:
        names = Names(server)
        rows = [row | {"sealed_by": names.of(row["sealed_by"])} for row in rows]
    show_rows(rows, SEALED, as_json=arguments.json, none="No asset has a sealed account yet.")
    return 0


def seal(arguments: argparse.Namespace) -> int:
    """Register a sealed account."""
    server = Server(code=arguments.code)
    body: dict[str, JsonValue] = {
        "asset": Names(server).asset(arguments.asset),
        "account": arguments.account,
        **_sealed(arguments),
    }
    return _tell(server.post("/break-glass", body))


def rotate(arguments: argparse.Namespace) -> int:
    """Record a change of the credential."""
    body: dict[str, JsonValue] = {"how": arguments.how, **_sealed(arguments)}
    return _tell(Server(code=arguments.code).post(f"/break-glass/{_id(arguments.id)}/rotate", body))


def retire(arguments: argparse.Namespace) -> int:
    """Retire a sealed account."""
    return _tell(Server(code=arguments.code).post(f"/break-glass/{_id(arguments.id)}/retire", {}))


def _sealed(arguments: argparse.Namespace) -> dict[str, JsonValue]:
    return {"place": arguments.place, "due_at": _day(arguments.due), "sealed_by": arguments.sealed_by}


def _day(text: str) -> str:
    """Return noon of a day here: midnight is the day before in half of the world's zones."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise Failed(f"{text!r} is no day; write it like 2027-05-31.") from error
    return rfc3339(datetime.combine(day, time(12)).astimezone())


def _named(server: Server, path: str, arguments: argparse.Namespace, **query: str) -> list[dict[str, JsonValue]]:
    names = Names(server)
    asset = names.asset(arguments.asset) if arguments.asset else ""
    rows = as_rows(server.get(path, asset=asset, **query))
    return rows if arguments.json else [row | {"asset": names.of(row["asset"])} for row in rows]


def _id(text: str) -> str:
    if not text.replace("_", "").isalnum() or not text.isascii():
        raise Failed(f"{text!r} is no id; see `qd target-logins` or `qd breakglass list`.")
    return text


def _tell(answer: JsonValue) -> int:
    row = as_row(answer)
    print(f"{text_of(row, 'id')} is {text_of(row, 'state')}, to be changed by {text_of(row, 'due_at')[:10]}.")
    return 0
