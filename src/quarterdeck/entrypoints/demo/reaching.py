"""How a running demo is spoken to from another terminal: settings to source, present codes of its people."""

import json
import os
import shlex
import stat
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from quarterdeck.entrypoints.demo.people import STEP_SECONDS, totp
from quarterdeck.entrypoints.demo.shop import Shop
from quarterdeck.entrypoints.demo.stage import DemoFailed

PREFIX = "qd-demo-"
SETTINGS = "settings.sh"
PEOPLE = "people.json"


def leave_settings(house: Shop) -> Path:
    """Log Iris in for `qd` and return the file that a shell sources to have `qd` speak to this demo, mode 0600."""
    stage, iris = house.stage, house.people["iris"]
    password = stage.folder / "home" / "password"
    _write(password, iris.password)
    token = stage.folder / "home" / "token"
    stage.environment["QD_TOKEN_FILE"] = str(token)
    words = ("login", "--email", iris.email, "--password-file", str(password), "--code", iris.one_time_code())
    stage.qd(*words)
    password.unlink()
    path = stage.folder / SETTINGS
    _write(path, settings_text(stage.environment, Path(sys.executable).parent))
    return path


def settings_text(environment: Mapping[str, str], programs: Path) -> str:
    """Return what a shell sources: every setting of ours, and where `qd` lies."""
    ours = sorted((name, value) for name, value in environment.items() if name.startswith("QD_"))
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in ours]
    return "".join([*lines, f'export PATH={shlex.quote(str(programs))}:"$PATH"\n'])


def leave_people(house: Shop) -> Path:
    """Write down whose secret is which, for `--code`; mode 0600, and it goes with the demo's folder."""
    people = [
        {"key": one.key, "name": one.name, "email": one.email, "secret": one.secret, "last_step": one.last_step}
        for one in house.people.values()
    ]
    path = house.stage.folder / PEOPLE
    _write(path, json.dumps({"pid": os.getpid(), "people": people}))
    return path


def code_line(who: str, now: float, folder: Path | None = None) -> str:
    """Return the code that `who` (key, name or mail address) gives now in the newest running demo; DemoFailed."""
    people = _running(folder or Path(tempfile.gettempdir()))
    found = [one for one in people if who.casefold() in _called(one)]
    if len(found) != 1:
        raise DemoFailed(f"Nobody of the demo is called {who}. There are {', '.join(one['key'] for one in people)}.")
    (one,) = found
    step = int(now) // STEP_SECONDS
    # A code counts once: what the demo used up itself is passed over, and the server takes the step after its own.
    code = totp(one["secret"], max(step, min(one["last_step"] + 1, step + 1)))
    return f"{code}  {one['name']}. It counts once; the next one in {(step + 1) * STEP_SECONDS - int(now)} s."


def _called(one: dict[str, Any]) -> set[str]:
    first = one["name"].split()[0]
    return {said.casefold() for said in (one["key"], one["name"], one["email"], first)}


def _running(folder: Path) -> list[dict[str, Any]]:
    """Return the people of the newest demo that runs and is ours alone."""
    for path in sorted(folder.glob(f"{PREFIX}*/{PEOPLE}"), key=_moment, reverse=True):
        with suppress(OSError, ValueError, KeyError):
            seen = path.lstat()
            if seen.st_uid != os.geteuid() or not stat.S_ISREG(seen.st_mode) or seen.st_mode & 0o077:
                continue
            told = json.loads(path.read_text())
            os.kill(told["pid"], 0)
            return list(told["people"])
    raise DemoFailed("No demo of yours is running. Start one with script/demo, and leave it running.")


def _moment(path: Path) -> float:
    with suppress(OSError):
        return path.lstat().st_mtime
    return 0.0


def _write(path: Path, text: str) -> None:
    """Write a file that is ours alone from its first byte."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
