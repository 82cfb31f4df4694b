"""A million mutated inputs for the verifier and every parser: no traceback, no wrong INTACT.

The cases are those of tests/property/fuzzing.py. `PYTHONPATH=src:. python bench/fuzz.py --cases 1000000 --seed 1`
prints one line of JSON, keeps the first input of each kind of failure in --keep, and ends with 1 when there was any.
"""

import argparse
import json
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")


def main() -> int:
    """Run, print, keep what failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--packages", type=float, default=0.04, help="share of cases that are whole packages")
    parser.add_argument("--keep", type=Path, help="folder for the first input of each kind of failure")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qd-fuzz-") as folder:
        os.environ.setdefault("QD_DATA_DIR", folder)
        django.setup()
        warnings.simplefilter("ignore")  # the zip writer of the attacker warns of duplicate names
        from tests.property import fuzzing  # noqa: PLC0415  Django must be set up before

        failures: dict[str, int] = {}

        def failed(broken: fuzzing.Broken) -> None:
            words = str(broken)
            failures[words] = failures.get(words, 0) + 1
            if chosen.keep is not None and failures[words] == 1:
                chosen.keep.mkdir(parents=True, exist_ok=True)
                (chosen.keep / f"{len(failures)}").write_bytes(broken.data)

        begun = time.process_time()
        count = fuzzing.run(chosen.seed, chosen.cases, Path(folder), chosen.packages, failed)
    told = {"bench": "fuzz", "cases": chosen.cases, "seed": chosen.seed, "cpu_s": round(time.process_time() - begun)}
    print(json.dumps(told | {"failures": failures, "ran": count}))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
