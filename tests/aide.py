"""The distribution's AIDE as a second opinion: database and check of a folder with the facts that both record."""

import re
import subprocess
from pathlib import Path

_OBJECT = re.compile(r"^[a-zA-Z|!?].{8,}: (/.*)$")
_HEADS = {"Added entries:": "added", "Removed entries:": "removed", "Changed entries:": "changed"}


def configuration(folder: Path, tree: Path) -> Path:
    """Write a configuration that watches `tree`; databases lie in `folder`."""
    path = folder / "aide.conf"
    path.write_text(
        f"database_in=file:{folder}/aide.db\ndatabase_out=file:{folder}/aide.db\ngzip_dbout=no\n"
        f"report_url=stdout\nreport_level=list_entries\n"
        f"All = p+u+g+s+m+c+i+n+l+ftype+acl+xattrs+caps+sha256\n{tree} All\n"
    )
    return path


def init(configured: Path) -> bytes:
    """Make the database and return it."""
    subprocess.run(["aide", "--config", configured, "--init"], check=True, capture_output=True, timeout=900)
    return configured.with_name("aide.db").read_bytes()


def check(configured: Path) -> dict[str, set[str]]:
    """Return the paths that AIDE tells as added, removed and changed."""
    done = subprocess.run(
        ["aide", "--config", configured, "--check"], capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode < 8, done.stderr
    found: dict[str, set[str]] = {name: set() for name in _HEADS.values()}
    section = ""
    for line in done.stdout.splitlines():
        section = _HEADS.get(line, section)
        told = _OBJECT.match(line)
        if told and section:
            found[section].add(told[1])
    return found
