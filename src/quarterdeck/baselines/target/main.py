"""The collector's entry: one mode, its output in frames. Runs on the target: Python 3.6, standard library."""

import hashlib
import json
import os
import platform
import sys
import time

from quarterdeck.baselines.target.checks import checks
from quarterdeck.baselines.target.frames import DOCUMENT, END, HEADER, TRAILER, frame, write_all
from quarterdeck.baselines.target.logs import logs
from quarterdeck.baselines.target.standing import posture
from quarterdeck.baselines.target.texts import texts
from quarterdeck.baselines.target.walk import manifest


def main(arguments: "list[str]") -> None:
    """Run one mode and frame its output: header, content, trailer, end."""
    mode = arguments[0] if arguments else ""
    documents = {"posture": posture, "checks": checks, "logs": logs, "texts": texts}
    if mode != "manifest" and mode not in documents:
        raise SystemExit("the collector's modes are manifest, posture, checks, logs and texts")
    os.nice(5)
    header = {
        "format": "quarterdeck-collector-1",
        "mode": mode,
        "arguments": arguments[1:],
        "collector_sha256": hashlib.sha256(globals().get("source", b"")).hexdigest(),
        "python": platform.python_version(),
        "system": " ".join(os.uname()[0::2]),
        "uid": os.geteuid(),
        "started": f"{time.time():.6f}",
    }
    write_all(1, frame(HEADER, json.dumps(header).encode()))
    entries = 0
    if mode == "manifest":
        entries = manifest(arguments[1:])
    else:
        write_all(1, frame(DOCUMENT, json.dumps(documents[mode](arguments[1:])).encode()))
    trailer = {"entries": entries, "finished": f"{time.time():.6f}"}
    write_all(1, frame(TRAILER, json.dumps(trailer).encode()) + END)


if __name__ == "__main__":
    main(sys.argv[1:])
