"""Whether bubblewrap makes a box here: an ordinary user needs user namespaces, which a chroot or a sysctl may deny."""

import shutil
import subprocess
from functools import lru_cache

import pytest


@lru_cache(maxsize=1)
def has_box() -> bool:
    """Return whether a program starts in a box with processes of its own."""
    if shutil.which("bwrap") is None:
        return False
    argv = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-pid", "true"]
    return subprocess.run(argv, capture_output=True, timeout=30, check=False).returncode == 0


needs_box = pytest.mark.skipif(not has_box(), reason="not run here: bubblewrap makes no box for this user")
