"""Whether the disk takes another recording: asked at every admission, so it looks and does not write."""

import os
import shutil
from pathlib import Path

from quarterdeck.kernel.decision import Decision, require_that

LEAST_FREE_BYTES = 64 << 20


def room_for_recordings(folder: Path) -> Decision:
    """Return why no session can be recorded in `folder` now; allowed when it is writable and 64 MiB are free."""
    try:
        ready = os.access(folder, os.W_OK | os.X_OK) and shutil.disk_usage(folder).free >= LEAST_FREE_BYTES
    except OSError:
        ready = False
    return require_that(
        ready,
        "recorder.no_room",
        "The gate has no room for a recording, and without a recording there is no session.",
        "Ask the IT lead to make room on the gate's disk.",
    )
