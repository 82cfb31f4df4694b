"""Every optional extra is locked, by the script too, and no lock names where packages come from."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_extra_has_its_lock() -> None:
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]) - {"demo"}
    script = (ROOT / "script/lock").read_text()
    for extra in extras:
        assert f"lock {extra}.txt" in script, extra
        assert "--hash=sha256:" in (ROOT / "requirements" / f"{extra}.txt").read_text(), extra


def test_no_lock_names_a_registry() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        assert "://" not in lock.read_text(), lock.name
        assert "--index" not in lock.read_text(), lock.name
