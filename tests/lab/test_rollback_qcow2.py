"""A qcow2 image from ticket to snapshot to damage to rollback: the disk that a machine sees is the one of before."""

import hashlib
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from tests.attack.test_rollback_attacks import Bench
from tests.clock import StillClock
from tests.lab.btrfs_volume import run

from quarterdeck.adapters.qcow2_snapshot import Qcow2
from quarterdeck.backups import api as backups
from quarterdeck.backups.api import Product, Source
from quarterdeck.evidence import api as evidence
from quarterdeck.tickets.api import Method

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not shutil.which("qemu-img"), reason="NOT PROVEN HERE: qemu-img is not installed"),
]


class Guest(Bench):
    """A machine whose disk is an image."""

    def __init__(self, clock: StillClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self.image, self.raw = folder / "disk.qcow2", folder / "raw"
        self.raw.write_bytes(b"before" + bytes(1 << 20))
        run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", self.raw, self.image)
        source = Source("", self.shop.asset, Product.QCOW2, str(self.image), "", timedelta(hours=24))
        with evidence.act(self.shop.actor("iris"), clock) as act:
            backups.set_source(act, source)
        self.makers = {Product.QCOW2: Qcow2()}

    @property
    def seen(self) -> str:
        """The digest of the disk that the machine sees."""
        run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", self.image, self.raw)
        return hashlib.sha256(self.raw.read_bytes()).hexdigest()


def test_the_disk_is_the_one_of_before(clock: StillClock, tmp_path: Path) -> None:
    guest = Guest(clock, tmp_path)
    before = guest.seen
    guest.ticket(method=Method.SSH)
    run("qemu-io", "-c", "write -P 65 0 65536", guest.image)
    assert guest.seen != before
    guest.begin()
    guest.tick()
    assert guest.first.state == "done"
    assert guest.seen == before
    assert evidence.read_artifact(guest.first.evidence).startswith(b"$ qemu-img snapshot -a")


def test_another_snapshot_of_the_same_name_is_refused(clock: StillClock, tmp_path: Path) -> None:
    guest = Guest(clock, tmp_path)
    guest.ticket()
    [taken] = backups.snapshots(guest.number)
    run("qemu-io", "-c", "write -P 65 0 65536", guest.image)
    damaged = guest.seen
    run("qemu-img", "snapshot", "-d", taken.name, guest.image)
    run("qemu-img", "snapshot", "-c", taken.name, guest.image)
    guest.begin()
    guest.tick()
    assert (guest.first.state, guest.first.codes) == ("failed", ("snapshot.altered",))
    assert guest.seen == damaged
