"""A ticket as a person writes it: a TOML file, moments with an offset."""

import tomllib
from datetime import datetime
from pathlib import Path

from quarterdeck.entrypoints.cli.server import Failed
from quarterdeck.entrypoints.cli.showing import JsonValue

EXAMPLE = '''\
title = "Security updates of the file server"
maintenance_type = "preventive"       # preventive, corrective, adaptive, perfective
action = "patching"
method = "ssh"
window_from = 2026-11-23T18:00:00-05:00
window_until = 2026-11-23T20:00:00-05:00
technicians = ["pe_..."]              # person ids, see `qd people`
items = ["it_..."]                    # tools, techniques and mechanisms
risk = "moderate"
plan = """Install the pending security updates, restart the service."""
impact = """Ten minutes without the share; no change of access controls."""
rollback = """Restore the snapshot of the morning."""
expected_paths = ["/etc/samba/*"]

[allowance]                           # what sessions may do; what is left out is as usual
command = true                        # also: terminal, to_target, rsync
from_target = false                   # no file leaves the target

[[assets]]
asset = "as_..."                      # see `qd assets`
connection = "co_..."
'''


def read_ticket(path: Path) -> dict[str, JsonValue]:
    """Return the file as the API takes it; Failed with a sentence for a file that is no TOML."""
    try:
        told = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise Failed(f"{path} cannot be read ({error.strerror}).") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Failed(f"{path} is no TOML file: {error}. `qd ticket new --example` shows one.") from error
    return {key: _as_json(key, value) for key, value in told.items()}


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
