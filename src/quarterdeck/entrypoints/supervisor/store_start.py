"""Before `qd up` starts anything: the store can be reached, is as the settings demand, and holds the evidence.

Run as a process of its own, as the owner of the data folder. `store` in the data folder names the store that was
found good last, so that a start with the same directory asks nothing.
"""

import argparse
import os
import sys

import django

os.umask(0o077)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()


from django.db import DatabaseError  # noqa: E402  the models need Django first

from quarterdeck.config.api import Settings, load  # noqa: E402
from quarterdeck.evidence import api as evidence  # noqa: E402
from quarterdeck.evidence.ports import StoreFailed  # noqa: E402
from quarterdeck.kernel.actors import OPERATOR  # noqa: E402
from quarterdeck.kernel.clock import SystemClock  # noqa: E402
from quarterdeck.kernel.decision import Refused  # noqa: E402
from quarterdeck.workflows import keep_store, move_store  # noqa: E402


def main() -> int:
    """Look; returns 1 with a sentence when Quarterdeck may not start with this store."""
    argparse.ArgumentParser(prog="qd up").parse_args()
    try:
        refused = trouble(load())
    except (Refused, StoreFailed, DatabaseError) as failed:
        refused = str(failed)
    if refused:
        print(f"qd up: {refused}", file=sys.stderr)
    return 1 if refused else 0


def trouble(config: Settings) -> str:
    """Return why the store may not be used, empty when it may; remembers a good one."""
    clock, store = SystemClock(), evidence.artifact_store()
    try:
        facts = keep_store.read_facts_back(clock, store, now=True)
    except StoreFailed as failed:
        if not move_store.is_begun(store):
            return f"{failed} {failed.next_step}"
        # It was good and is away: nothing is stored until it is back, and what is stored is refused with this sentence.
        print(f"qd up: {failed} Nothing that leaves evidence can be done until it answers.", file=sys.stderr)
        return ""
    bad = [fact for fact in facts if fact["answer"] == "bad"]
    for fact in bad:
        print(f"qd up: {fact['sentence']} {fact['next_step']}", file=sys.stderr)
    if store.pins and config.s3_demand_lock and any(fact["code"] in ("lock", "versioning") for fact in bad):
        return "The evidence store is not as QD_S3_DEMAND_LOCK demands; nothing is started."
    decision = move_store.begin_with(OPERATOR, clock, store)
    if not decision.allowed:
        return str(Refused(decision))
    mark = config.data_dir / "store"
    mark.write_text(store.name + "\n")
    return ""


if __name__ == "__main__":
    sys.exit(main())
