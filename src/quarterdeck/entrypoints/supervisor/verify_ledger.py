"""`qd ledger verify`: reads the whole log again and compares it with every kept checkpoint and with the sealer."""

import argparse
import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from quarterdeck import wiring  # noqa: E402  the models need Django first
from quarterdeck.evidence import api as evidence  # noqa: E402
from quarterdeck.evidence.api import LedgerReport  # noqa: E402
from quarterdeck.kernel.decision import Refused  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(
        prog="qd ledger verify", description="Read the whole ledger again: bytes, chain, tree, checkpoints, sealer."
    )
    made.add_argument("--json", action="store_true", help="print the report as JSON")
    return made


def main() -> int:
    """Print the report; returns 0 when whole and anchored outside, 3 when whole but never anchored, 1 otherwise."""
    chosen = parser().parse_args()
    report = evidence.verify_ledger(_progress)
    sealer = sealer_words(report)
    anchored = evidence.anchored_size()
    told = {
        "size": report.size,
        "root": report.root,
        "checkpoints": report.checkpoints,
        "sealer": sealer,
        "anchored_entries": anchored,
        "problems": report.problems,
    }
    if chosen.json:
        print(json.dumps(told, indent=1))
    else:
        print(f"{report.size} entries, root {report.root}\n{report.checkpoints} checkpoints, sealer: {sealer}")
        for problem in report.problems:
            print(f"WRONG: {problem}")
        print(_verdict(report, anchored))
    if report.problems:
        return 1
    return 0 if anchored else 3


def sealer_words(report: LedgerReport) -> str:
    """Compare with what the sealer remembers, add a problem to the report if they differ, return a few words."""
    try:
        status = wiring.sealer().status()
    except Refused:
        return "not running, not compared"
    if status.size > report.size:
        report.add(f"the sealer signed {status.size} entries, {report.size} are here: the database is older")
    checkpoint = evidence.checkpoint(status.size)
    if checkpoint is not None and checkpoint.root != status.root:
        report.add(f"the sealer remembers another root at {status.size} entries than the checkpoint kept here")
    return f"signed {status.size} entries in epoch {status.epoch}"


def _verdict(report: LedgerReport, anchored: int) -> str:
    if report.problems:
        return "NOT WHOLE. Keep the machine as it is and compare with the checkpoints that were mailed."
    if not anchored:
        return "Whole, but no checkpoint has left this server: self-attested only. Configure mail or syslog."
    return f"Whole. {anchored} of {report.size} entries are covered by a checkpoint that somebody else holds."


def _progress(done: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} entries", end="", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
