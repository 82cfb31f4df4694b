"""Verifying a package, against `sha256sum` of the same bytes: processor time of the whole process, start-up included.

The package holds one ticket with some large recordings. The verifier hashes each byte once (SHA-256 and the container's
CRC-32), checks two signatures and every proof. Rounds take turns; prints one line of JSON. Goal: at most 1.2 of
`sha256sum`, and 0.3 s.
"""

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from tests.attack.package_fixture import Key, Ledger, whole_slice

from quarterdeck_verify import package, writer
from quarterdeck_verify.bundle import build_zipapp

TICKET = "MT-2026-00001"


def make(folder: Path, megabytes: int, files: int, entries: int) -> None:
    """Write package.zip, the pin and a kept checkpoint into `folder`."""
    ledger, key = Ledger(), Key.p256()
    for number in range(entries - files):
        ledger.add("checks.ran", TICKET, {"number": number})
    for number in range(files):
        content = os.urandom(1 << 20) * (megabytes // files)
        ledger.add("session.ended", TICKET, {"number": number}, [("recording", "session.cast", content)])
    kept = ledger.checkpoint()
    prepared, sealed = whole_slice(ledger, key, [len(ledger.leaves)])
    with (folder / "package.zip").open("w+b") as out:
        writer.write_package(
            out, prepared, sealed, open_artifact=lambda sha256: BytesIO(ledger.files[sha256]),
            sign=key.sign(package.PACKAGE_NAMESPACE), bagging_date="2026-11-30",
        )  # fmt: skip
    (folder / "allowed_signers").write_bytes(key.allowed())
    (folder / "kept").write_bytes(kept)
    build_zipapp(folder / "verify.pyz")


def spent(command: list[str], folder: Path) -> float:
    """Return the processor seconds of a command and what it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Make, measure in turns, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=400)
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--entries", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    chosen = parser.parse_args()
    verify = [sys.executable, "-I", "verify.pyz", "package.zip", "--signers", "allowed_signers", "--anchor", "kept"]
    with tempfile.TemporaryDirectory(prefix="qd-bench-") as name:
        folder = Path(name)
        make(folder, chosen.megabytes, chosen.files, chosen.entries)
        digest = hashlib.sha256((folder / "package.zip").read_bytes()).hexdigest()  # warms the page cache too
        runs = [(spent(["sha256sum", "package.zip"], folder), spent(verify, folder)) for _ in range(chosen.rounds)]
        size = (folder / "package.zip").stat().st_size
    summed, verified = (statistics.median(one[place] for one in runs) for place in (0, 1))
    told = {
        "bench": "verify_package", "bytes": size, "sha256": digest[:8], "entries": chosen.entries,
        "sha256sum_cpu_s": round(summed, 3), "verify_cpu_s": round(verified, 3),
        "beyond_1_2_of_sha256sum_s": round(verified - 1.2 * summed, 3),
    }  # fmt: skip
    print(json.dumps(told))


if __name__ == "__main__":
    main()
