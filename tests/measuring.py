"""Runs the real collector on this machine through its bootstrap, as a target's sshd would, and reads its output."""

import io
import subprocess
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path

from quarterdeck.baselines.bootstrap import bootstrap_command, collector_bytes, collector_sha256
from quarterdeck.baselines.manifest import Reader
from quarterdeck.baselines.ports import MeasureFailed
from quarterdeck.baselines.receiver import Received, receive


def collect(arguments: Sequence[str], *, user: int | None = None) -> bytes:
    """Return the collector's raw output for these arguments."""
    command = bootstrap_command(collector_sha256(), len(collector_bytes()), arguments)
    done = subprocess.run(
        ["sh", "-c", command], input=collector_bytes(), capture_output=True, check=False, timeout=120,
        user=user, group=user, extra_groups=[] if user else None, cwd="/",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def measure(root: Path | str, *more: str, user: int | None = None) -> tuple[Received, bytes]:
    """Return what was received about a folder, and its manifest."""
    arguments = ["manifest", str(root), *more]
    target = io.BytesIO()
    received = receive(
        io.BytesIO(collect(arguments, user=user)), target, arguments=arguments, sha256=collector_sha256()
    )
    return received, target.getvalue()


def entries(manifest: bytes) -> dict[bytes, dict[str, bytes]]:
    """Return path -> facts of a manifest."""
    return {entry.path: entry.facts for entry in Reader(io.BytesIO(manifest)).entries()}


class LocalChannel:
    """Fulfils MeasureChannel on this machine, without ssh: the bootstrap runs in a shell. `fails` breaks assets."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, tuple[str, ...]]] = []
        self.fails: set[str] = set()
        self.cut: int | None = None

    @contextmanager
    def run(self, *, ticket: str, asset_id: str, connection_id: str, arguments: Sequence[str], stdin: bytes):
        self.asked.append((ticket, asset_id, connection_id, tuple(arguments)))
        if asset_id in self.fails:
            raise MeasureFailed("The target could not be reached.")
        assert stdin == collector_bytes()
        output = collect(arguments)
        yield io.BytesIO(output if self.cut is None else output[: self.cut])


class LocalMonitorChannel:
    """Fulfils MonitorChannel on this machine, without ssh; `fails` is the sentence with which it breaks."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.fails = ""
        self.user: int | None = None
        self.meanwhile: Callable[[], object] = lambda: None

    @contextmanager
    def run(self, *, plan: str, arguments: Sequence[str], stdin: bytes):
        self.asked.append((plan, tuple(arguments)))
        if self.fails:
            raise MeasureFailed(self.fails)
        assert stdin == collector_bytes()
        self.meanwhile()
        yield io.BytesIO(collect(arguments, user=self.user))
