"""The layers as `.importlinter` states them, for the checks that import-linter cannot make itself."""

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
PACKAGES = ("quarterdeck", "quarterdeck_verify", "quarterdeck_launcher")


def layers() -> list[set[str]]:
    """Return the members of each layer, top first."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    lines = parser["importlinter:contract:layers"]["layers"].split("\n")
    return [{name.strip(" ()") for name in re.split(r"[|:]", line)} for line in lines if line.strip()]


def rank(package: str) -> int:
    """Return how high a package of quarterdeck stands; 0 is the top layer."""
    return next(number for number, members in enumerate(layers()) if package in members)


def sources(*, migrations: bool = False) -> list[Path]:
    """Return every Python file under src/, in order."""
    files = sorted(path for package in PACKAGES for path in (SOURCE / package).rglob("*.py"))
    return [path for path in files if migrations or "migrations" not in path.parts]
