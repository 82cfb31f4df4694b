"""`qd doctor`: looks at everything that makes the promises hold, and says what to do about what does not."""

import argparse
import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from quarterdeck.config.api import load  # noqa: E402  the models need Django first
from quarterdeck.entrypoints.supervisor.findings import Grade  # noqa: E402
from quarterdeck.entrypoints.supervisor.ledger_checks import running_findings  # noqa: E402
from quarterdeck.entrypoints.supervisor.machine_checks import machine_findings  # noqa: E402
from quarterdeck.entrypoints.supervisor.target_checks import target_findings  # noqa: E402
from quarterdeck.kernel.clock import SystemClock  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(
        prog="qd doctor",
        description="Check permissions, users, sshd, clock, disk, database, sealer, anchors, runbooks and backups.",
    )
    made.add_argument("--targets", action="store_true", help="also what each target's ssh said when it was last asked")
    made.add_argument("--json", action="store_true", help="print the findings as JSON")
    return made


def main() -> int:
    """Print every finding; returns 1 when one of them must be mended."""
    chosen = parser().parse_args()
    config = load()
    # Before `qd init` one finding says so; the database can't be looked at and must not be judged.
    findings = machine_findings(config)
    if config.data_dir.is_dir():
        findings += running_findings(config, SystemClock())
        if chosen.targets:
            findings += target_findings()
    if chosen.json:
        print(json.dumps([finding.as_dict() for finding in findings], indent=1))
    else:
        for finding in sorted(findings, key=lambda item: list(Grade).index(item.grade)):
            print(finding.as_line())
    return 1 if any(finding.grade is Grade.WRONG for finding in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
