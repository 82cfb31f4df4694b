"""`qd evidence status`: the store as it is: its properties read back now, locks, what was found, work under way."""

import argparse
import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from quarterdeck.config.api import load  # noqa: E402  the models need Django first
from quarterdeck.entrypoints.supervisor.as_owner import become_owner  # noqa: E402
from quarterdeck.evidence import api as evidence  # noqa: E402
from quarterdeck.evidence.ports import StoreFailed  # noqa: E402
from quarterdeck.kernel.clock import SystemClock  # noqa: E402
from quarterdeck.kernel.decision import Refused  # noqa: E402
from quarterdeck.workflows import keep_store, store_state  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(
        prog="qd evidence status",
        description="Show the evidence store: properties as read back now, locks, findings, work under way.",
    )
    made.add_argument("--json", action="store_true", help="print it as JSON")
    return made


def main() -> int:
    """Print the state; returns 1 when the store does not answer, or something is wrong with it."""
    chosen = parser().parse_args()
    become_owner(load().data_dir)
    try:
        keep_store.read_facts_back(SystemClock(), evidence.artifact_store(), now=True)
        trouble = ""
    except (Refused, StoreFailed) as failed:
        trouble = str(failed)
    state = store_state.store_state()
    if chosen.json:
        print(json.dumps({**state.as_dict(), "trouble": trouble}, indent=1))
    else:
        print(*state.lines(), sep="\n")
        if trouble:
            print(f"WRONG: {trouble}")
    return 1 if trouble or state.is_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
