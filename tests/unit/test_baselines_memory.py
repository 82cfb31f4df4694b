"""A very large tree: the controller's memory stays what it is, whatever the number of objects.

300,000 here; QD_TEST_OBJECTS=10000000 makes it ten million.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench" / "baseline_vs_openssl.py"
MOST_MB = 64


def test_a_stream_of_very_many_objects_is_received_in_little_memory() -> None:
    objects = os.environ.get("QD_TEST_OBJECTS", "300000")
    done = subprocess.run(
        [sys.executable, BENCH, "--task", "stream", objects], capture_output=True, check=True, timeout=3600
    )
    told = json.loads(done.stdout)
    assert told["found"] == int(objects) + 1
    assert told["rss_mb"] <= MOST_MB
