"""A ticket as a person writes it: a TOML file, moments with an offset, names or ids."""

import tomllib
from datetime import datetime, timedelta
from pathlib import Path

from quarterdeck.entrypoints.cli.naming import Names, did_you_mean
from quarterdeck.entrypoints.cli.server import Failed
from quarterdeck.entrypoints.cli.showing import JsonValue

_EXAMPLE = '''\
title = "Security update of the file server"
maintenance_type = "corrective"       # preventive, corrective, adaptive, perfective
                                      # (all but corrective want 24 h notice)
action = "patch"                      # patch, configure, diagnose, repair, inspect, replace, restore
method = "ssh"                        # ssh, external, on_site, unattended
window_from = {window_from}
window_until = {window_until}
technicians = []                      # who works: mail addresses or ids, see `qd people`: ["max@example.org"]
items = []                            # tools, techniques, mechanisms: names or ids, see `qd tools`: ["Patch procedure"]
risk = "moderate"                     # low, moderate, high
plan = """Install the pending security updates, restart the service."""
impact = """Ten minutes without the share; no change of access controls."""
rollback = """Restore the snapshot of the morning."""
expected_paths = ["/etc/samba/*"]

[allowance]                           # what sessions may do; what is left out is as usual
command = true                        # also: terminal, to_target, rsync
from_target = false                   # no file leaves the target

# [rollback_plan]                     # how to go back: kernel and firmware need boots = true and boot_media
# minutes = 30                        # the time box
# trigger = "The share does not answer after the restart"
# [[rollback_plan.steps]]             # one such block for each step; kind: manual, snapshot or playbook
# text = "Put smb.conf back and restart the service"
# owner = "max@example.org"

# [[assets]]                          # one such block for each asset
# asset = "files01.example.org"       # host name or id, see `qd assets`
# connection = "co_..."               # only when the asset has several, see `qd asset show`
'''
KEYS = frozenset({
    "title", "maintenance_type", "action", "method", "plan", "impact", "rollback", "window_from", "window_until",
    "assets", "technicians", "escort", "pool", "agreement", "items", "risk", "expected_paths", "conflicts_with",
    "allowance", "rollback_plan", "emergency",
})  # fmt: skip
ROLLBACK_KEYS = frozenset({"minutes", "trigger", "steps", "boots", "boot_media"})
STEP_KEYS = frozenset({"text", "owner", "kind", "asset", "item"})
PLACE_KEYS = frozenset({"asset", "connection"})
ALLOWANCE_KEYS = frozenset({"terminal", "command", "to_target", "from_target", "rsync"})
_START = timedelta(minutes=15)
_LENGTH = timedelta(hours=2)


def example(now: datetime) -> str:
    """Return a ticket's file that the server takes as it is, its window shortly after `now`."""
    start = (now + _START).replace(second=0, microsecond=0)
    return _EXAMPLE.format(window_from=start.isoformat(), window_until=(start + _LENGTH).isoformat())


def read_ticket(path: Path) -> dict[str, JsonValue]:
    """Return the file as the API takes it; Failed with a sentence for a file that is no TOML or has unknown keys."""
    try:
        told = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise Failed(f"{path} cannot be read ({error.strerror}).") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Failed(f"{path} is no TOML file: {error}. `qd ticket new --example` shows one.") from error
    body = {key: _as_json(key, value) for key, value in told.items()}
    _refuse_unknown(path, body)
    return body


def with_ids(body: dict[str, JsonValue], names: Names) -> dict[str, JsonValue]:
    """Return the ticket with ids for host names, mail addresses and names; Failed for one that is not listed."""
    told = dict(body)
    for key, look_up in (("technicians", names.person), ("items", names.item)):
        said = told.get(key)
        if isinstance(said, list):
            told[key] = [look_up(str(one)) for one in said]
    if told.get("escort"):
        told["escort"] = names.person(str(told["escort"]))
    plan = told.get("rollback_plan")
    if isinstance(plan, dict):
        told["rollback_plan"] = _plan(plan, names)
    places = told.get("assets")
    if isinstance(places, list):
        told["assets"] = [_place(place, names, str(told.get("method", "ssh"))) for place in places]
    return told


def _plan(plan: dict[str, JsonValue], names: Names) -> dict[str, JsonValue]:
    """Return the rollback with ids for people, assets and register items."""
    made, steps = dict(plan), plan.get("steps")
    if made.get("boot_media"):
        made["boot_media"] = names.item(str(made["boot_media"]))
    found: list[JsonValue] = []
    for step in steps if isinstance(steps, list) else []:
        one = dict(step) if isinstance(step, dict) else {}
        for key, look_up in (("owner", names.person), ("asset", names.asset), ("item", names.item)):
            if one.get(key):
                one[key] = look_up(str(one[key]))
        found.append(one)
    return made | {"steps": found}


def _place(place: JsonValue, names: Names, method: str) -> JsonValue:
    if not isinstance(place, dict):
        return place
    asset = names.asset(str(place.get("asset", "")))
    said = str(place.get("connection", ""))
    return {"asset": asset, "connection": names.connection(asset, said) if said or method == "ssh" else ""}


def _refuse_unknown(path: Path, body: dict[str, JsonValue]) -> None:
    assets = body.get("assets")
    parts = [("", KEYS, body), ("allowance.", ALLOWANCE_KEYS, body.get("allowance"))]
    plan = body.get("rollback_plan")
    parts.append(("rollback_plan.", ROLLBACK_KEYS, plan))
    steps = plan.get("steps") if isinstance(plan, dict) else None
    parts += [("rollback_plan.steps.", STEP_KEYS, step) for step in (steps if isinstance(steps, list) else [])]
    parts += [("assets.", PLACE_KEYS, place) for place in (assets if isinstance(assets, list) else [])]
    for where, known, part in parts:
        for key in part if isinstance(part, dict) else ():
            if key not in known:
                raise Failed(f"{path}: a ticket has no field {where}{key}.{did_you_mean(key, known)}")


def _as_json(key: str, value: object) -> JsonValue:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise Failed(f"{key} has no offset; write for example 2026-11-23T18:00:00-05:00.")
        return value.isoformat()
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_as_json(key, item) for item in value]
    if isinstance(value, dict):
        return {name: _as_json(name, item) for name, item in value.items()}
    raise Failed(f"{key} cannot be a {type(value).__name__}.")
