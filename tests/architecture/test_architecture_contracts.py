"""The import law holds, and each kind of violation is caught when it is sown into a copy of the source."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.architecture.layers import PACKAGES, ROOT, SOURCE

LINTER = Path(sys.executable).with_name("lint-imports")
SEEDS = [
    ("tickets/api.py", "import quarterdeck.access.api", "Layers"),
    ("access/api.py", "import quarterdeck.sessions.api", "Layers"),
    ("tickets/rules.py", "import django.utils.timezone", "Rules, ports"),
    ("kernel/names.py", "import subprocess", "Rules, ports"),
    ("controls/api.py", "import socket", "Rules, ports"),
    ("entrypoints/web/__init__.py", "import quarterdeck.tickets.models", "tickets: only its api"),
    ("entrypoints/ticker/__init__.py", "import quarterdeck.entrypoints.sealer", "Entry points"),
    ("../quarterdeck_verify/entry.py", "import quarterdeck.kernel.clock", "The verifier"),
    ("../quarterdeck_verify/entry.py", "import socket", "The verifier"),
    ("workflows/__init__.py", "import quarterdeck.adapters.smtp", "Layers"),
    ("helpers/__init__.py", '"""A package that stands in no layer."""', "Layers"),
]


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "300"}
    return subprocess.run([str(LINTER), "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("law")
    shutil.copy(ROOT / ".importlinter", folder)
    for package in PACKAGES:
        shutil.copytree(SOURCE / package, folder / "src" / package, ignore=shutil.ignore_patterns("static", "*.pyc"))
    return folder


@pytest.mark.slow
def test_the_source_keeps_the_law(copy):
    result = _lint(copy)
    assert result.returncode == 0, result.stdout[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize(("module", "line", "contract"), SEEDS, ids=lambda value: str(value).replace("/", "."))
def test_a_sown_violation_is_caught(copy, module, line, contract):
    path = copy / "src" / "quarterdeck" / module
    before = path.read_text() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text((before or "") + "\n" + line + "\n")
    try:
        result = _lint(copy)
    finally:
        path.unlink() if before is None else path.write_text(before)
        if before is None:
            shutil.rmtree(path.parent)
    broken = [text for text in result.stdout.splitlines() if "BROKEN" in text]
    assert any(contract in text for text in broken), result.stdout[-3000:]
