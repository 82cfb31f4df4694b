"""Plays a playbook with ansible-runner in a box of bubblewrap: the machine is read-only there and Quarterdeck's own
folders are not there at all, no process of ours is seen, and no capability is held.

A playbook may run what it likes on the controller too (`delegate_to: localhost`, lookups), so approval alone is not
what keeps it from the keys. The network stays, since the gate is reached by it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, cast

from quarterdeck.adapters.runner_events import MOST_EVENTS, RunnerEvents, copied
from quarterdeck.runs.api import Order, Played, RunFailed

_BEAT, _IDLE_TELL, _LAST_WORDS = 0.25, 1.0, 500
_SCRATCH = "/dev/shm"  # noqa: S108  of the box alone: bubblewrap makes it anew for each run
_HOME = f"{_SCRATCH}/home"
_RESOLVER = "/run/systemd/resolve"
_OWN_CONFIGURATION = "[defaults]\n"

Tell = Callable[[Mapping[str, object]], bool]


class BoxedAnsible:
    """Fulfils the port PlaybookProgram; `folder` gives a run's folder, `hidden` is what no playbook may see."""

    def __init__(self, folder: Callable[[str], Path], hidden: Sequence[Path]) -> None:
        self._folder = folder
        self._hidden = hidden

    def play(self, order: Order, tell: Tell) -> Played:
        """Lay the files out, run, tell the events; everything is ended when `tell` says so or the time is over."""
        folder = self._folder(order.run)
        _lay_out(folder, order)
        program = _program("ansible-runner")
        argv = [*self._box(folder), program, "run", str(folder / "play"), "-p", order.playbook, "-i", order.run, "-q"]
        events, words, output = (folder / name for name in ("events.jsonl", "words", "output"))
        artifacts = (folder / "play", "artifacts", order.run)
        with events.open("wb") as kept, words.open("wb") as said:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True, env={}
            )
            try:
                ended_by = _follow(process, RunnerEvents((*artifacts, "job_events"), kept), tell, order.seconds)
            finally:
                _end(process)
        if not copied(artifacts, "stdout", output):
            words.replace(output)
        return Played(ended_by, process.returncode, events, output, _versions())

    def _box(self, folder: Path) -> list[str]:
        """Return the bubblewrap command: read-only machine, hidden folders, one writable folder, own processes.

        What we keep of the run lies beside the writable folder, where the playbook's own processes can't lay a link.
        """
        play = str(folder / "play")
        box = [
            _program("bwrap"), "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-ipc", "--unshare-uts",
            "--cap-drop", "ALL", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc",
            "--dir", _HOME,
        ]  # fmt: skip
        # Sockets of the machine's services lie there, and some believe whoever has this user's number.
        box += ["--tmpfs", "/run", "--ro-bind-try", _RESOLVER, _RESOLVER]
        for path in sorted(set(self._hidden)):
            if path.is_dir():
                box += ["--tmpfs", str(path)]
            elif path.exists():
                box += ["--ro-bind", "/dev/null", str(path)]
        box += ["--ro-bind", str(folder), str(folder), "--bind", play, play, "--chdir", play, "--clearenv"]
        search = os.pathsep.join((str(Path(_program("ansible-playbook")).parent), "/usr/local/bin", "/usr/bin", "/bin"))
        named = {"PATH": search, "HOME": _HOME, "TMPDIR": _SCRATCH, "LC_ALL": "C.UTF-8"}
        for name, value in named.items():
            box += ["--setenv", name, value]
        return [*box, "--"]


def _follow(process: subprocess.Popen[bytes], reader: RunnerEvents, tell: Tell, seconds: float) -> str:
    """Tell events until the process ends or has to be ended; return by what it ended."""
    deadline, quiet_until = time.monotonic() + seconds, 0.0
    while True:
        over = process.poll() is not None
        for event in reader.new():
            quiet_until = time.monotonic() + _IDLE_TELL
            if not tell(event):
                return "cancel"
            if reader.size > MOST_EVENTS:
                return "output"
        if over:
            return "exit"
        if time.monotonic() > deadline:
            return "time"
        if time.monotonic() >= quiet_until:
            quiet_until = time.monotonic() + _IDLE_TELL
            if not tell({}):
                return "cancel"
        try:
            process.wait(_BEAT)
        except subprocess.TimeoutExpired:
            continue


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the box: with its first process the kernel ends all others in it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _lay_out(folder: Path, order: Order) -> None:
    play = folder / "play"
    for part in ("project", "inventory", "env"):
        (play / part).mkdir(parents=True, mode=0o700)
    _unpack(order.archive, play / "project")
    for name, text in order.files.items():
        _write(folder / name, text)
    _write(play / "inventory" / "hosts", order.inventory)
    # Tasks on the controller itself want a place for their files, and nothing but the scratch place can be written.
    (play / "inventory" / "host_vars").mkdir(mode=0o700)
    _write(play / "inventory" / "host_vars" / "localhost.json", json.dumps({"ansible_remote_tmp": f"{_HOME}/files"}))
    # The repository's own ansible.cfg would be found first and could lead past the gate's configuration.
    _write(play / "env" / "ansible.cfg", _OWN_CONFIGURATION)
    _write(play / "env" / "cmdline", "--check --diff" if order.check else "--diff")
    _write(play / "env" / "envvars", json.dumps(_variables(play)))
    _write(play / "env" / "settings", json.dumps({"job_timeout": int(order.seconds) + 60, "suppress_env_files": True}))


def _unpack(archive: bytes, folder: Path) -> None:
    """Lay the files of a runbook out; by hand, because Python before 3.11.4 (Debian 12) knows no filter for this."""
    with tarfile.open(fileobj=BytesIO(archive), mode="r:") as tar:
        for member in tar:
            parts = [PurePosixPath(name) for name in (member.name, member.linkname)]
            outside = any(one.is_absolute() or ".." in one.parts for one in parts)
            if outside or not (member.isreg() or member.issym()):
                raise RunFailed(f"The runbook's archive holds {member.name}, which is laid out nowhere.")
            place = folder / parts[0]
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if member.issym():
                place.symlink_to(member.linkname)
                continue
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, member.mode & 0o700)
            with os.fdopen(descriptor, "wb") as out, cast("IO[bytes]", tar.extractfile(member)) as source:
                shutil.copyfileobj(source, out)


def _variables(play: Path) -> dict[str, str]:
    return {
        "ANSIBLE_CONFIG": str(play / "env" / "ansible.cfg"),
        "ANSIBLE_HOST_KEY_CHECKING": "true",
        "ANSIBLE_LOCAL_TEMP": f"{_SCRATCH}/local",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{_SCRATCH}/cp",
        "ANSIBLE_PYTHON_INTERPRETER": "auto_silent",
        "ANSIBLE_RETRY_FILES_ENABLED": "false",
        "ANSIBLE_DEPRECATION_WARNINGS": "false",
        "ANSIBLE_NOCOLOR": "1",
    }


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)


def _program(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        needs = "the package bubblewrap" if name == "bwrap" else "the extra `runbooks` (ansible-core, ansible-runner)"
        raise RunFailed(f"{name} is not installed on the server, so no playbook runs here. It needs {needs}.")
    return found


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    found = {}
    for name in ("ansible-playbook", "ansible-runner", "bwrap"):
        done = subprocess.run(
            [_program(name), "--version"], capture_output=True, text=True, timeout=60, check=False, env={"HOME": "/"}
        )
        found[name] = done.stdout.partition("\n")[0][:100]
    return found
