"""The project's own files: reasons of dependencies, lock files without addresses, scripts, decision records."""

import os
import re
import subprocess
import tomllib

import pytest
from tests.architecture.layers import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
SCRIPTS = [*sorted((ROOT / "script").iterdir()), ROOT / ".ci" / "run"]


def _runtime_dependencies() -> list[str]:
    text = (ROOT / "pyproject.toml").read_text()
    block = text.split("dependencies = [", 1)[1].split("\n]", 1)[0]
    return [line for line in block.splitlines() if line.strip()]


def test_every_runtime_dependency_has_its_reason():
    assert [line for line in _runtime_dependencies() if not re.search(r'",\s*# \S+ \S+', line)] == []


def test_there_are_at_most_twenty_runtime_dependencies():
    assert len(_runtime_dependencies()) <= 20


def test_uv_never_downloads_an_interpreter():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["python-downloads"] == "never"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_locks_have_hashes_and_no_address(lock):
    text = lock.read_text()
    assert "://" not in text
    assert "index-url" not in text
    requirements = re.findall(r"^[a-z0-9][^\s=]*==", text, re.MULTILINE)
    assert requirements
    assert text.count("--hash=sha256:") >= len(requirements)


def test_the_npm_lock_has_no_resolved_address():
    text = (ROOT / "package-lock.json").read_text()
    assert '"resolved"' not in text
    assert '"integrity"' in text


def test_the_dev_set_contains_the_runtime_set():
    def pins(name):
        return set(re.findall(r"^[a-z0-9][^\s]*==[^\s]+", (ROOT / "requirements" / name).read_text(), re.MULTILINE))

    assert pins("runtime.txt") <= pins("dev.txt")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_posix_and_executable(script):
    assert script.read_text().startswith("#!/bin/sh\n")
    assert os.access(script, os.X_OK)
    subprocess.run(["sh", "-n", str(script)], check=True)


def test_ci_runs_what_everybody_runs():
    assert "script/test" in (ROOT / ".ci" / "run").read_text()


def test_decision_records_are_numbered_in_order_with_their_title():
    records = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [path.name[:4] for path in records] == [f"{number:04d}" for number in range(1, len(records) + 1)]
    for path in records:
        assert re.fullmatch(r"\d{4}(-[a-z0-9]+)+\.md", path.name)
        assert path.read_text().startswith(f"# {path.name[:4]}. ")


def test_decision_records_keep_their_form():
    sections = ["What", "Why", "User story", "Security", "Evidence entries added", "Test plan"]
    for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"):
        text = path.read_text()
        assert re.search(r"^State: (draft|accepted|superseded by \d{4})$", text, re.MULTILINE), path.name
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == sections, path.name
        assert len(text.splitlines()) <= 60, path.name


def test_no_two_test_modules_share_a_name():
    # pytest imports them by their bare name; the second of a pair would not be collected.
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []
