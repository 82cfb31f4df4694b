"""`qd evidence migrate --to URL`: copies every artifact to another store and reads each back where it arrived."""

import argparse
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import django

os.umask(0o077)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()


from quarterdeck import wiring  # noqa: E402
from quarterdeck.config.api import Settings, WrongSettings, check_evidence_url, load  # noqa: E402
from quarterdeck.entrypoints.supervisor.as_owner import become_owner  # noqa: E402
from quarterdeck.entrypoints.supervisor.store_work import follow  # noqa: E402
from quarterdeck.evidence import api as evidence  # noqa: E402
from quarterdeck.evidence.ports import EvidenceStore, StoreFailed  # noqa: E402
from quarterdeck.kernel.actors import OPERATOR  # noqa: E402
from quarterdeck.kernel.clock import SystemClock  # noqa: E402
from quarterdeck.kernel.decision import Refused  # noqa: E402
from quarterdeck.workflows import move_store  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(
        prog="qd evidence migrate",
        description="Copy every artifact to another store, read each back there, and say when the switch may be made.",
        epilog="Nothing is removed from the old store. Begun again it goes on where it was. The QD_S3_ settings hold "
        "for whichever of the two is on S3.",
    )
    made.add_argument("--to", required=True, metavar="URL", help="file:/path or s3://bucket/prefix")
    made.add_argument("--from", dest="source", default="", metavar="URL", help="default: QD_EVIDENCE_URL")
    return made


def main() -> int:
    """Copy, then say what to do; returns 1 with a sentence when not everything is there."""
    chosen = parser().parse_args()
    become_owner(load().data_dir)
    clock = SystemClock()
    try:
        source, target = _store(chosen.source or load().evidence_url), _store(chosen.to)
        if source.name == target.name:
            print("qd evidence migrate: both are the same store; name the old one by --from.", file=sys.stderr)
            return 2
        with alone(load()):
            job = move_store.order_move(OPERATOR, clock, target)
            reports: list[evidence.MoveReport] = []
            code = follow(job, lambda: reports.append(move_store.move(OPERATOR, clock, source, target, job)))
    except (Refused, StoreFailed, WrongSettings) as failed:
        print(f"qd evidence migrate: {failed}", file=sys.stderr)
        return 1
    except evidence.Cancelled:
        return 1
    if code == 0 and reports[0].lost:
        print("Run `qd evidence scrub --all`, so that the ledger says which are not whole.", file=sys.stderr)
    if code == 0:
        print(f"Stop Quarterdeck, set QD_EVIDENCE_URL={chosen.to} and start it: it checks that nothing is missing.")
    return code


@contextmanager
def alone(config: Settings) -> Iterator[None]:
    """Hold a lock that the kernel lets go when this process dies, however it dies; StoreFailed while another has it."""
    with (config.run_dir / "migrate.lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreFailed("Another process moves the store already.", "See `qd evidence status`.") from error
        yield


def _store(url: str) -> EvidenceStore:
    """Return the store of a URL that obeys the settings' grammar."""
    check_evidence_url(url)
    return wiring.artifact_store_at(url)


if __name__ == "__main__":
    sys.exit(main())
