"""A running demo spoken to from another terminal: its settings to source, and the codes of its people."""

import json
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from quarterdeck.entrypoints.demo.people import totp
from quarterdeck.entrypoints.demo.reaching import PEOPLE, code_line, leave_people, settings_text
from quarterdeck.entrypoints.demo.shop import Shop
from quarterdeck.entrypoints.demo.stage import DemoFailed, set_up

SECRET = "JBSWY3DPEHPK3PXP"
NOW = 1_790_000_010.0
STEP = int(NOW) // 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with set_up(tmp_path / "qd-demo-x", 0) as stage:
        house = Shop(stage)
        for member in house.people.values():
            member.secret = SECRET
        house.people["max"].last_step = STEP
        leave_people(house)
    return tmp_path


def test_the_present_code_of_somebody_is_told(folder: Path) -> None:
    assert stat.S_IMODE((folder / "qd-demo-x" / PEOPLE).stat().st_mode) == 0o600
    for who in ("iris", "Iris Hale", "IRIS@example.test"):
        told = code_line(who, NOW, folder)
        assert told.startswith(f"{totp(SECRET, STEP)}  Iris Hale.")
    assert re.search(r"the next one in \d+ s", told)
    assert code_line("max", NOW, folder).startswith(totp(SECRET, STEP + 1)), "a code that was used counts no more"


def test_nobody_else_and_no_demo_that_ended(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DemoFailed, match="There are iris, max"):
        code_line("bob", NOW, folder)
    with pytest.raises(DemoFailed, match="No demo of yours is running"):
        code_line("iris", NOW, tmp_path / "elsewhere")
    path = folder / "qd-demo-x" / PEOPLE
    path.chmod(0o644)
    with pytest.raises(DemoFailed, match="No demo of yours"):
        code_line("iris", NOW, folder)
    path.chmod(0o600)
    path.write_text(json.dumps({**json.loads(path.read_text()), "pid": _ended()}))
    with pytest.raises(DemoFailed, match="No demo of yours"):
        code_line("iris", NOW, folder)


def _ended() -> int:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child


def test_a_shell_that_sources_the_settings_speaks_to_the_demo(tmp_path: Path) -> None:
    said = {"QD_DATA_DIR": "/srv/it's here/data", "QD_ORGANISATION": 'A $HOME `of` "words"', "SECRET": "not ours"}
    file = tmp_path / "settings.sh"
    file.write_text(settings_text(said, Path("/opt/of demo")))
    script = '. "$0"; printf "%s|%s|%s|%s" "$QD_DATA_DIR" "$QD_ORGANISATION" "$SECRET" "${PATH%%:*}"'
    done = subprocess.run(["sh", "-c", script, str(file)], capture_output=True, text=True, timeout=10, check=True)
    assert done.stdout.split("|") == [said["QD_DATA_DIR"], said["QD_ORGANISATION"], "", "/opt/of demo"]
