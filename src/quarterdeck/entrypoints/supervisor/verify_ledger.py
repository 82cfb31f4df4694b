"""`qd ledger verify`: reads the whole log again and compares it with every kept checkpoint, the sealer and all files.

What the person brings (`--signers`, `--anchor`) is what makes it more than the database's own word.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from quarterdeck import wiring  # noqa: E402  the models need Django first
from quarterdeck.evidence import api as evidence  # noqa: E402
from quarterdeck.evidence.api import LedgerReport, Outside  # noqa: E402
from quarterdeck.kernel.decision import Refused  # noqa: E402
from quarterdeck.workflows.seal_checkpoint import SealerStatus  # noqa: E402
from quarterdeck_verify import checkpoint as checkpoint_format  # noqa: E402
from quarterdeck_verify import signers as signers_format  # noqa: E402
from quarterdeck_verify.arguments import add_outside  # noqa: E402
from quarterdeck_verify.trust import read_anchor  # noqa: E402

WRONG_USAGE = 2


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(
        prog="qd ledger verify", description="Read the whole ledger again: bytes, chain, tree, checkpoints, sealer."
    )
    add_outside(made)
    made.add_argument("--without-files", action="store_true", help="do not read the stored files again")
    made.add_argument("--json", action="store_true", help="print the report as JSON")
    return made


def main() -> int:
    """Print the report; returns 0 when whole and anchored outside, 3 when whole but never anchored, 1 otherwise."""
    chosen = parser().parse_args()
    try:
        outside = read_outside(chosen.signers, chosen.anchor, files=not chosen.without_files)
    except (OSError, ValueError) as problem:
        print(f"qd ledger verify: {problem}", file=sys.stderr)
        return WRONG_USAGE
    status = sealer_status()
    report = evidence.verify_ledger(_progress, with_memory(outside, status))
    anchored = max(evidence.anchored_size(), report.covered)
    told = {
        "size": report.size,
        "root": report.root,
        "checkpoints": report.checkpoints,
        "files": report.files if outside.files else None,
        "sealer": sealer_words(status),
        "anchored_entries": anchored,
        "problems": report.problems,
        "notes": report.notes,
        "not_checked": not_checked(outside, status),
    }
    if chosen.json:
        print(json.dumps(told, indent=1))
    else:
        _show(told)
        print(_verdict(report, anchored))
    if report.problems:
        return 1
    return 0 if anchored else 3


def read_outside(signers: Sequence[Path], anchors: Sequence[Path], *, files: bool) -> Outside:
    """Return what the files hold; OSError or ValueError with a sentence when one cannot be used."""
    kept = [read_anchor(str(path), path.read_bytes()) for path in anchors]
    pins = [line for path in signers for line in signers_format.parse(path.read_bytes())]
    return Outside(pins, kept, files=files)


def sealer_status() -> SealerStatus | None:
    """Return what the sealer remembers, None when it is not running."""
    try:
        return wiring.sealer().status()
    except Refused:
        return None


def with_memory(outside: Outside, status: SealerStatus | None) -> Outside:
    """Add the sealer's own memory to what the log is held against: the database cannot reach it."""
    if status is None:
        return outside
    remembered = checkpoint_format.Checkpoint(status.origin, status.size, bytes.fromhex(status.root))
    return replace(outside, memory=remembered)


def sealer_words(status: SealerStatus | None) -> str:
    """Return what the sealer remembers, in a few words."""
    if status is None:
        return "not running, not compared"
    return f"signed {status.size} entries in epoch {status.epoch}"


def not_checked(outside: Outside, status: SealerStatus | None) -> list[str]:
    """Return what this run could not say."""
    told = []
    if not outside.pins:
        told.append("Whose key signed the checkpoints: pin it with --signers, from a copy that was kept elsewhere.")
    if not outside.kept:
        told.append("Whether everything was rewritten with the sealing key: give a kept checkpoint with --anchor.")
    if status is None:
        told.append("What the sealer remembers: it is not running.")
    if not outside.files:
        told.append("The stored files.")
    return told


def _show(told: dict[str, Any]) -> None:
    print(f"{told['size']} entries, root {told['root']}\n{told['checkpoints']} checkpoints, sealer: {told['sealer']}")
    if told["files"] is not None:
        print(f"{told['files']} files are whole")
    for problem in told["problems"]:
        print(f"WRONG: {problem}")
    for note in told["notes"]:
        print(f"Note: {note}")
    print("Not checked:" if told["not_checked"] else "", *[f"  - {one}" for one in told["not_checked"]], sep="\n")


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
