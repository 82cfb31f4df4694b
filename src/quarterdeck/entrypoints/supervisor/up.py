"""`qd up`: starts every process, keeps it running with growing waits, and ends all of them together."""

import argparse
import fcntl
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from quarterdeck.adapters.own_ports import port_trouble
from quarterdeck.config.api import Settings, WrongSettings, load
from quarterdeck.entrypoints.supervisor.children import Child
from quarterdeck.entrypoints.supervisor.owned import run_with_data
from quarterdeck.entrypoints.supervisor.recipes import beat_file, recipes
from quarterdeck_verify.merkle import EMPTY_ROOT

LOG = logging.getLogger("quarterdeck.up")
START_CHECK = "quarterdeck.entrypoints.supervisor.start_check"
STORE_CHECK = "quarterdeck.entrypoints.supervisor.store_start"
LOOK_SECONDS = 0.2
GRACE_SECONDS = 10.0


class Supervisor:
    """Tends the children until it is told to stop; writes `supervisor.json` into the run folder for doctor."""

    def __init__(self, children: Sequence[Child], state: Path) -> None:
        self._children = children
        self._state = state
        self._stop = threading.Event()
        self._written = ""
        self._ready: set[str] = set()

    def run(self) -> None:
        """Tend until `stop`, then end all children, the last started first."""
        while not self._stop.is_set():
            self.look()
            self._stop.wait(LOOK_SECONDS)
        self._end()

    def stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """End after the present look; also the signal handler."""
        self._stop.set()

    def look(self) -> None:
        """Tend every child once and write down how it is."""
        for child in self._children:
            ended = child.tend(time.monotonic())
            if ended is not None:
                self._ready.discard(child.recipe.name)
                LOG.warning(ended)
            elif child.recipe.name not in self._ready and child.is_ready():
                self._ready.add(child.recipe.name)
                LOG.info("%s is ready", child.recipe.name)
        self._write()

    def _write(self) -> None:
        told = {
            "pid": os.getpid(),
            "ready": len(self._ready) == len(self._children),
            "children": {
                child.recipe.name: {
                    "pid": None if child.process is None else child.process.pid,
                    "ready": child.recipe.name in self._ready,
                    "restarts": child.restarts,
                }
                for child in self._children
            },
        }
        text = json.dumps(told, indent=1)
        if text != self._written:
            temporary = self._state.with_suffix(".new")
            temporary.write_text(text)
            temporary.replace(self._state)
            if told["ready"]:
                LOG.info("ready")
            self._written = text

    def _end(self) -> None:
        for child in reversed(self._children):
            child.stop()
        deadline = time.monotonic() + GRACE_SECONDS
        for child in reversed(self._children):
            if not child.wait(deadline - time.monotonic()):
                LOG.warning("%s did not end within %.0f s and was killed", child.recipe.name, GRACE_SECONDS)
        self._state.unlink(missing_ok=True)


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(
        prog="qd up", description="Run Quarterdeck until SIGTERM: sealer, signer, gate, ticker, web."
    )
    made.add_argument("--logs", action="store_true", help="write each process's log into the data folder's logs/")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Supervise until a signal; returns 1 with a sentence when there is nothing to run or it runs already."""
    chosen = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s up %(levelname)s %(message)s")
    os.umask(0o077)
    try:
        config = load()
    except WrongSettings as error:
        print(f"qd up: {error}", file=sys.stderr)
        return 1
    if not config.secret_key_file.is_file():
        print(f"qd up: {config.data_dir} holds no Quarterdeck yet. Run `qd init` first.", file=sys.stderr)
        return 1
    lock = (config.run_dir / "supervisor.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"qd up: a Quarterdeck runs in {config.data_dir} already.", file=sys.stderr)
        return 1
    trouble = port_trouble(config)
    if trouble:
        print(f"qd up: {trouble}", file=sys.stderr)
        return 1
    if run_with_data(config, START_CHECK, [sealed_last(config)]) != 0:
        return 1
    if not store_may_be_used(config):
        return 1
    beat_file(config).unlink(missing_ok=True)
    supervisor = Supervisor(_children(config, logs=chosen.logs), config.run_dir / "supervisor.json")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, supervisor.stop)
    supervisor.run()
    lock.close()
    return 0


def sealed_last(config: Settings) -> str:
    """Return the sealer's last (size, root) as JSON, nothing sealed where it remembers nothing."""
    try:
        told = json.loads((config.sealer_folder / "state.json").read_text())
        return json.dumps({"size": told["size"], "root": told["root"]})
    except (OSError, ValueError, KeyError):
        return json.dumps({"size": 0, "root": EMPTY_ROOT.hex()})


def store_may_be_used(config: Settings) -> bool:
    """Look at the evidence store in a process of its own, unless it is the directory that was found good before."""
    mark = config.data_dir / "store"
    known = mark.read_text().strip() if mark.is_file() else f"file:{config.data_dir / 'objects'}"
    if config.store_name == known and known.startswith("file:"):
        return True
    return run_with_data(config, STORE_CHECK, []) == 0


def _children(config: Settings, *, logs: bool) -> list[Child]:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "quarterdeck.settings", "PYTHONUNBUFFERED": "1"}
    folder = config.logs_dir
    return [Child(recipe, environment, folder / f"{recipe.name}.log" if logs else None) for recipe in recipes(config)]


if __name__ == "__main__":
    sys.exit(main())
