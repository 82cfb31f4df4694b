"""Running a part of an operator's verb as the user to whom its folder belongs: the sealer, and what opens the data.

Started by root, each process becomes the owner of its folder; otherwise all of them stay who they are.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from quarterdeck.config.api import Settings
from quarterdeck.entrypoints.supervisor.children import identity_for
from quarterdeck.entrypoints.supervisor.recipes import listens_at

START_SECONDS = 20
STOP_SECONDS = 20


class NotAnswering(Exception):
    """The sealer did not come up; the text says so, its own log says why."""


@contextmanager
def running_sealer(config: Settings) -> Iterator[None]:
    """Run a sealer that accepts another ledger, as its folder's owner, for the block; NotAnswering if it is not up."""
    owner = identity_for(config.sealer_folder)
    process = subprocess.Popen(
        [sys.executable, "-m", "quarterdeck.entrypoints.sealer", "--restoring"],
        user=None if owner is None else owner.uid,
        group=None if owner is None else owner.gid,
        extra_groups=None if owner is None else owner.groups,
        env={**os.environ, **({} if owner is None else owner.environment)},
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not listens_at(config.sealer_socket):
            if process.poll() is not None or time.monotonic() > deadline:
                raise NotAnswering("the sealer does not start; it says why above.")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def run_with_data(config: Settings, module: str, words: Sequence[str]) -> int:
    """Run a module as the owner of the data folder and return its exit code."""
    owner = identity_for(config.data_dir)
    return subprocess.run(
        [sys.executable, "-m", module, *words],
        check=False,
        user=None if owner is None else owner.uid,
        group=None if owner is None else owner.gid,
        extra_groups=None if owner is None else owner.groups,
        env={**os.environ, **({} if owner is None else owner.environment)},
    ).returncode
