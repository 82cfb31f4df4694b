"""The founding roster as a TOML file: strict, every mistake named with its place."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

KEYS = {"name", "email", "roles", "organisation", "kind"}
ROLES = ("requester", "technician", "approver", "cui_owner", "escort", "it_lead", "assessor")
KINDS = ("staff", "vendor", "external")
LARGEST_FILE = 1_000_000


class MalformedRoster(ValueError):
    """The file cannot be used; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One person of the roster, as written."""

    name: str
    email: str
    roles: tuple[str, ...]
    organisation: str = ""
    kind: str = "staff"


def read_file(path: Path) -> bytes:
    """Return the file's bytes; MalformedRoster when it cannot be read or is too large."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MalformedRoster(f"{path} cannot be read ({error.strerror}).") from error
    if not 0 < len(data) <= LARGEST_FILE:
        raise MalformedRoster(f"{path} has {len(data)} bytes; a roster has some and at most {LARGEST_FILE}.")
    return data


def parse_roster(data: bytes, where: str) -> tuple[Entry, ...]:
    """Return the people of a roster file's bytes; MalformedRoster with a sentence for anything else."""
    try:
        told = tomllib.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MalformedRoster(f"{where} is no TOML file: {error}.") from error
    people = told.get("person")
    if set(told) != {"person"} or not isinstance(people, list) or not people:
        raise MalformedRoster(f"{where} holds nothing but [[person]] tables, at least one.")
    return tuple(_entry(number, item) for number, item in enumerate(people, start=1))


def _entry(number: int, item: object) -> Entry:
    if not isinstance(item, dict) or not set(item) <= KEYS:
        unknown = sorted(set(item) - KEYS) if isinstance(item, dict) else []
        raise MalformedRoster(f"Person {number} has unknown keys {unknown}; known are {sorted(KEYS)}.")
    texts = {key: item.get(key, default) for key, default in _DEFAULTS.items()}
    for key, value in texts.items():
        if not isinstance(value, str) or (not value and key in {"name", "email"}):
            raise MalformedRoster(f"Person {number} needs {key} as a text.")
    roles = item.get("roles", [])
    if not isinstance(roles, list) or not set(roles) <= set(ROLES):
        raise MalformedRoster(f"Person {number} has roles {roles}; known are {', '.join(ROLES)}.")
    if texts["kind"] not in KINDS:
        raise MalformedRoster(f"Person {number} is of kind {texts['kind']!r}; known are {', '.join(KINDS)}.")
    return Entry(texts["name"], texts["email"], tuple(roles), texts["organisation"], texts["kind"])


_DEFAULTS = {"name": "", "email": "", "organisation": "", "kind": "staff"}
