"""A ticket's baselines over a real sshd: certificate, bootstrap, collector, receiver, drift, nothing left behind."""

import io
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from tests.access_shop import Place, Shop, approved_ticket, authorise, make_shop
from tests.access_signer import near_signer
from tests.clock import StillClock
from tests.lab.loopback_sshd import GATE, Lab, lab_folder, prepared_files, running_sshd
from tests.waiting import wait_for

from quarterdeck.access import api as access
from quarterdeck.adapters.measure_channel import SshMeasureChannel
from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import DriftClass, Phase
from quarterdeck.evidence.api import Outcome, act, facts, open_artifact
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.take_baseline import take_baseline

pytestmark = pytest.mark.django_db(transaction=True)
TICKER = system("ticker")


class Target:
    """A shop, a ticket and a real server that watches `tree`."""

    def __init__(self, lab: Lab, shop: Shop, number: str, tree: Path) -> None:
        self.shop, self.number, self.tree = shop, number, tree
        signer = near_signer(lab.folder / "signer", shop.clock, gate_address=GATE)
        self.channel = SshMeasureChannel(signer, actor=TICKER, clock=shop.clock)

    def take(self, phase: Phase):
        return take_baseline(self.number, phase, channel=self.channel, actor=TICKER, clock=self.shop.clock)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    tree = tmp_path / "watched"
    (tree / "conf").mkdir(parents=True)
    for number in range(300):
        (tree / "conf" / f"{number}.conf").write_text(f"value = {number}\n")
    (tree / "conf" / "new\nline \\ \u202e").write_text("odd")
    with lab_folder() as lab, running_sshd(lab, prepared_files(lab)) as server:
        where = server.destination
        place = Place(where.address, where.port, where.account, where.host_identity, (str(tree),))
        shop = make_shop(SystemClock(), {"web01": place})
        authorise(shop, "sam")
        yield Target(lab, shop, approved_ticket(shop, expected_paths=(f"{tree}/conf/7.conf",)), tree)


def test_a_ticket_is_measured_before_and_after_and_the_drift_is_what_was_done(target: Target):
    before = target.take(Phase.BEFORE)
    assert before.failures == {}
    assert before.baselines[0].entries == 303
    with act(target.shop.actor("sam"), target.shop.clock) as opening:
        tickets.open_ticket(opening, target.number)
    (target.tree / "conf" / "7.conf").write_text("value = 8\n")
    seen = (target.tree / "conf" / "9.conf").stat()
    (target.tree / "conf" / "9.conf").write_text("value = 8\n")
    os.utime(target.tree / "conf" / "9.conf", ns=(seen.st_atime_ns, seen.st_mtime_ns))
    (target.tree / "conf" / "8.conf").chmod(0o4755)
    after = target.take(Phase.AFTER)
    assert after.failures == {}
    found = {item.path.rpartition("/")[2]: item.drift_class for item in after.drift[0].items if item.source == "file"}
    assert found == {
        "7.conf": DriftClass.EXPECTED,
        "8.conf": DriftClass.UNEXPLAINED,
        "9.conf": DriftClass.UNEXPLAINED,
    }
    (fact,) = facts(ticket=target.number, kinds=["drift.explained"])
    assert fact.outcome is Outcome.FAILED
    purposes = {grant.purpose for grant in access.grants(ticket=target.number)}
    assert purposes == {access.Purpose.MEASURE}


def test_two_baselines_of_the_same_files_have_the_same_identity(target: Target):
    one, other = target.take(Phase.BEFORE), target.take(Phase.BEFORE)
    assert one.baselines[0].manifest_sha256 == other.baselines[0].manifest_sha256
    assert one.baselines[0].id != other.baselines[0].id


def test_the_exported_digests_verify_on_the_target(target: Target):
    view = target.take(Phase.BEFORE).baselines[0]
    sums = io.BytesIO()
    with open_artifact(view.manifest_sha256) as manifest:
        baselines.export_sha256sums(manifest, sums)
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "-"], input=sums.getvalue(), cwd="/", timeout=30, check=False
    )
    assert done.returncode == 0


def test_the_collector_writes_nothing_on_the_target(target: Target, tmp_path: Path):
    def listing() -> set[str]:
        return {f"{path} {path.lstat().st_mtime_ns}" for place in (target.tree, tmp_path) for path in place.rglob("*")}

    before = listing()
    assert target.take(Phase.BEFORE).failures == {}
    assert listing() == before


def test_a_measurement_that_is_cancelled_leaves_no_baseline_no_grant_and_no_collector(target: Target):
    for number in range(5000):
        (target.tree / f"{number}.dat").write_bytes(os.urandom(20_000))
    clock = _Walking(target.shop.clock.now())
    with pytest.raises(baselines.MeasureCancelled):
        take_baseline(
            target.number, Phase.BEFORE, channel=target.channel, actor=TICKER, clock=clock, progress=lambda text: False
        )
    assert baselines.baselines(ticket=target.number) == []
    assert facts(ticket=target.number, kinds=["baseline.before"]) == []
    assert [grant.ended_at is not None for grant in access.grants(ticket=target.number)] == [True]
    wait_for(lambda: not _collectors_of(target.tree), what="the collector on the target ends")


class _Walking(StillClock):
    """A second passes with every look, so that the first frame already shows how far it is."""

    def now(self) -> datetime:
        return self.advance(seconds=1)


def _collectors_of(tree: Path) -> list[str]:
    """Return the processes whose command line names the watched folder and Python."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes()
        except OSError:
            continue
        if words.startswith(b"python3\0") and os.fsencode(tree) in words:
            found.append(place.parent.name)
    return found
