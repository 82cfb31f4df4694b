"""The private folders of runs: each has its key from the order on, its files while it plays, and goes with the end."""

import os
import re
import shutil
from pathlib import Path

from quarterdeck.adapters.openssh_ca import new_private_key

KEY = "id"
_RUN = re.compile(r"ru_[a-z2-9]{16}", re.ASCII)


class RunFolders:
    """Fulfils the port RunRoom below one folder of mode 0700."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def folder(self, run: str) -> Path:
        """Return the run's folder; ValueError for what is no run's id."""
        if _RUN.fullmatch(run) is None:
            raise ValueError(f"{run!r} is no id of a run")
        return self._base / run

    def make_key(self, run: str) -> str:
        """Make the folder and the key of this run alone; return the public line."""
        folder = self.folder(run)
        self._base.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        private, public = new_private_key()
        descriptor = os.open(folder / KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(private)
        return public

    def forget(self, run: str) -> None:
        """Remove folder and key; nothing happens when they are gone."""
        shutil.rmtree(self.folder(run), ignore_errors=True)
