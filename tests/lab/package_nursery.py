"""A process that makes a large package in a data folder of its own, to be killed in the middle and started again.

Run by test_package_killed, and by hand for figures: `python -m tests.lab.package_nursery seed MEGABYTES`, then `make`,
with QD_DATA_DIR set; each prints one line of JSON.
"""

import json
import os
import resource
import sys
import time
from datetime import datetime
from pathlib import Path

import django

os.umask(0o077)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from django.conf import settings  # noqa: E402  the models need Django first
from django.core.management import call_command  # noqa: E402
from tests.clock import StillClock  # noqa: E402
from tests.package_shop import PackageShop  # noqa: E402
from tests.sealer_process import running_sealer  # noqa: E402
from tests.shop import FAST_HASHER  # noqa: E402
from tests.ticket_yard import build_yard  # noqa: E402

from quarterdeck.adapters.envelopes import Envelopes  # noqa: E402
from quarterdeck.assessor import api as assessor  # noqa: E402
from quarterdeck.config.api import load  # noqa: E402
from quarterdeck.evidence import api as evidence  # noqa: E402
from quarterdeck.evidence.api import ObjectRef  # noqa: E402
from quarterdeck.kernel.actors import system  # noqa: E402
from quarterdeck.workflows import export_package  # noqa: E402
from quarterdeck.workflows.export_package import Press  # noqa: E402

PIECE = 64 << 20


class Growing:
    """A file that nobody has: `size` bytes that differ from number to number."""

    def __init__(self, number: int, size: int) -> None:
        self._block, self._left = number.to_bytes(8, "big") * (1 << 17), size

    def read(self, count: int) -> bytes:
        data = self._block[: min(count, self._left)]
        self._left -= len(data)
        return data


def seed(megabytes: int) -> dict[str, object]:
    """Found the shop, close a ticket, attach files of this many megabytes to it, order its package."""
    settings.PASSWORD_HASHERS = FAST_HASHER
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    clock = StillClock()
    with running_sealer(folder(), clock) as sealer:
        shop = PackageShop(build_yard(clock, cui=False), sealer)
        number = shop.closed()
        left, count = megabytes << 20, 0
        while left > 0:
            ref = evidence.store_artifact(
                Growing(count, min(PIECE, left)),  # type: ignore[arg-type]
                media_type="application/octet-stream", role="attachment", name=f"part-{count}.bin",
                may_contain_cui=False,
            )  # fmt: skip
            with evidence.act(system("ticker"), clock) as act:
                act.record("checks.ran", ObjectRef("ticket", number), ticket=number, artifacts=[ref])
            left, count = left - PIECE, count + 1
        shop.anchor()
        Path(load().data_dir / "kept.checkpoint").write_bytes(shop.kept[-1])
        order = export_package.order_package(shop.yard.actor("quinn"), clock, numbers=[number])
        return {"order": order.id, "now": clock.now().isoformat(), "signers": sealer.status().allowed_signers}


def make(now: str) -> dict[str, object]:
    """Make the package that waits, as the ticker does."""
    clock = StillClock(datetime.fromisoformat(now))
    with running_sealer(folder(), clock) as sealer:
        begun = time.monotonic(), time.process_time()
        export_package.make_next_package(clock, lambda: Press(sealer, {}, Envelopes()))
        order = assessor.orders()[0]
        return {
            "state": order.state.value,
            "message": order.message,
            "size": order.size,
            "path": str(export_package.package_path(order)),
            "exports": len(list(evidence.entries(events=["package.exported"]))),
            "seconds": round(time.monotonic() - begun[0], 2),
            "processor": round(time.process_time() - begun[1], 2),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }


def folder() -> Path:
    """Where the sealer keeps its key and memory."""
    return load().data_dir / "nursery-sealer"


if __name__ == "__main__":
    print(json.dumps(seed(int(sys.argv[2])) if sys.argv[1] == "seed" else make(sys.argv[2])))
