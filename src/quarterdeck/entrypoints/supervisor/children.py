"""The child processes of `qd up`: what is started, how it is started again, how it ends."""

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1
FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0
STEADY_AFTER = 60.0
FIRST_IN_LINE = -10
_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to start one process: its arguments, the folder whose owner it runs as, and a sign that it is ready.

    What is `first` runs before others where we may say so: a crowd at the gate must not blind the gate.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    is_ready: Callable[[], bool]
    first: bool = False


@dataclass(slots=True)
class Child:
    """One process that is kept running; times are seconds of the monotonic clock."""

    recipe: Recipe
    environment: Mapping[str, str]
    log: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    _wait: float = FIRST_WAIT
    _started: float = 0.0
    _not_before: float = 0.0

    def tend(self, now: float) -> str | None:
        """Start the process when it does not run and its wait is over; returns a line for the log when it ended."""
        if self.process is not None and self.process.poll() is None:
            if now - self._started >= STEADY_AFTER:
                self._wait = FIRST_WAIT
            return None
        ended = None
        if self.process is not None:
            ended = f"{self.recipe.name} ended with {_how(self.process.returncode)}; again in {self._wait:.0f} s"
            self.process = None
            self.restarts += 1
            self._not_before = now + self._wait
            self._wait = min(self._wait * 2, LONGEST_WAIT)
        if now >= self._not_before:
            self._start(now)
        return ended

    def stop(self) -> None:
        """Ask the process to end."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> bool:
        """Return whether the process ended by itself; kill it when it did not."""
        if self.process is None:
            return True
        try:
            self.process.wait(max(seconds, 0.1))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return False
        return True

    def is_ready(self) -> bool:
        """True when the process runs and gives its sign."""
        return self.process is not None and self.process.poll() is None and self.recipe.is_ready()

    def _start(self, now: float) -> None:
        owner = identity_for(self.recipe.folder)
        out = None if self.log is None else os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.process = subprocess.Popen(
            self.recipe.command,
            env={**self.environment, **({} if owner is None else owner.environment)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=_die_with_parent,
            user=None if owner is None else owner.uid,
            group=None if owner is None else owner.gid,
            extra_groups=None if owner is None else owner.groups,
        )
        if self.recipe.first:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self.process.pid, FIRST_IN_LINE)
        if out is not None:
            os.close(out)
        self._started = now


@dataclass(frozen=True, slots=True)
class Identity:
    """The user that a process is dropped to."""

    uid: int
    gid: int
    groups: list[int]
    environment: dict[str, str]


def identity_for(folder: Path) -> Identity | None:
    """Return whom to become for `folder`: its owner when we are root and it belongs to somebody else, else None."""
    owner = folder.stat().st_uid
    if os.geteuid() != 0 or owner == 0:
        return None
    account = pwd.getpwuid(owner)
    groups = os.getgrouplist(account.pw_name, account.pw_gid)
    environment = {"HOME": account.pw_dir, "USER": account.pw_name, "LOGNAME": account.pw_name}
    return Identity(owner, account.pw_gid, groups, environment)


def _die_with_parent() -> None:
    # If the supervisor is killed outright, no child may go on by itself.
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"
