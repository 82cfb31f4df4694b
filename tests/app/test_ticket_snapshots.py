"""Snapshots and backups hold a ticket: a flipped byte, an EBS snapshot that stays pending, one gone back to."""

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.access_shop import Place, Shop, approved_ticket, authorise, make_shop, open_ticket
from tests.append_only import database_in_hand
from tests.backup_products import ResticSetup
from tests.clock import StillClock
from tests.shop import FAST_HASHER
from tests.ticket_steps import holds
from tests.ticket_yard import Yard, build_yard

from quarterdeck.backups import api as backups
from quarterdeck.backups.api import (
    BackupProduct,
    BucketLock,
    Product,
    ProductFailed,
    Proof,
    Snapshot,
    SnapshotState,
    Source,
    Verification,
)
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Outcome
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import OPERATOR, system
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets.api import HoldState
from quarterdeck.workflows.prove_backup import prove_backup
from quarterdeck.workflows.take_snapshot import look_at_snapshot, snapshot_for_ticket, take_snapshot

pytestmark = pytest.mark.django_db(transaction=True)
TICKER = system("ticker")
HOST = "web01"


class Cloud:
    """Keeps snapshots in a list as EBS does: pending first, complete when told so; fulfils both ports."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.taken: dict[str, datetime] = {}
        self.disk = "before"
        self.kept: dict[str, str] = {}

    def take(self, source: Source, name: str, now: datetime) -> Snapshot:
        if not source.repository.endswith("/vol-0123456789abcdef0"):
            raise ProductFailed("There is no such volume.")
        self.states[name], self.taken[name], self.kept[name] = "pending", now, self.disk
        return Snapshot(name, now, 8 << 30, encrypted=True)

    def look(self, source: Source, snapshot: str) -> Verification:
        state = self.states.get(snapshot, "gone")
        return Verification(state == "completed", f"It is {state}.", state.encode(), pending=state == "pending")

    def revert(self, source: Source, snapshot: str, now: datetime) -> Verification:
        self.disk = self.kept[snapshot]
        return Verification(True, "Put back.", b"put back\n")

    def latest_snapshot(self, source: Source) -> Snapshot | None:
        newest = max(self.taken, key=self.taken.__getitem__, default="")
        return Snapshot(newest, self.taken[newest], 8 << 30, encrypted=True) if newest else None

    def verify(self, source: Source, snapshot: Snapshot) -> Verification:
        return self.look(source, snapshot.id)


class Bench:
    """A server on EC2 with a ticket."""

    def __init__(self, clock: StillClock, folder: Path, opened: bool = False) -> None:
        self.clock, self.cloud = clock, Cloud()
        self.makers = {Product.EBS: self.cloud}
        self.shop: Shop = make_shop(clock, {HOST: Place()})
        authorise(self.shop, "sam")
        self.folder = folder
        self.set_source()
        self.number = (open_ticket if opened else approved_ticket)(self.shop)

    def set_source(self, **changes: object) -> None:
        plain = {
            "id": "", "asset": self.shop.asset, "product": Product.EBS, "credential_file": "/etc/qd/aws",
            "repository": "ebs:us-gov-west-1/vol-0123456789abcdef0", "max_age": timedelta(hours=24),
        }  # fmt: skip
        with evidence.act(self.shop.actor("iris"), self.clock) as act:
            backups.set_source(act, Source(**(plain | changes)))  # type: ignore[arg-type]

    def take(self, who: str = "sam"):
        self.clock.advance(seconds=1)
        return take_snapshot(
            self.number, self.shop.asset, makers=self.makers, actor=self.shop.actor(who), clock=self.clock
        )

    def prove(self, **named: object):
        self.clock.advance(seconds=1)
        return prove_backup(
            self.number, self.shop.asset, products={Product.EBS: self.cloud}, actor=TICKER, clock=self.clock, **named
        )

    def look(self, snapshot: str):
        self.clock.advance(seconds=1)
        return look_at_snapshot(
            self.number, snapshot, makers=self.makers, actor=self.shop.actor("sam"), clock=self.clock
        )

    def outcomes(self, kind: str) -> list[Outcome]:
        return [fact.outcome for fact in evidence.facts(ticket=self.number, kinds=[kind])]


@pytest.fixture
def bench(clock: StillClock, tmp_path: Path) -> Bench:
    return Bench(clock, tmp_path)


@pytest.fixture
def yard(clock: StillClock, settings: object) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(clock)


@pytest.fixture
def working(clock: StillClock, tmp_path: Path) -> Bench:
    return Bench(clock, tmp_path, opened=True)


def test_a_pending_snapshot_is_looked_at_again_until_it_is_whole(bench: Bench):
    taken = bench.take()
    assert taken.state is SnapshotState.PENDING
    before = evidence.head().size
    assert bench.look(taken.id).state is SnapshotState.PENDING
    assert evidence.head().size == before, "a state that did not move is no entry"
    bench.cloud.states[taken.name] = "completed"
    assert bench.look(taken.id).state is SnapshotState.COMPLETE
    assert bench.outcomes("snapshot.taken") == [Outcome.UNKNOWN, Outcome.PASSED]


def hold_of(yard: Yard, number: str) -> bool:
    return holds(number, yard.clock.now())["HP-BACKUP"].state is not HoldState.PASSED


def proving(yard: Yard, source: Source, product: BackupProduct) -> tuple[str, Callable[[], Proof | None]]:
    """A ticket on the CUI server whose backups are there, and the asking of the product."""
    with evidence.act(yard.actor("iris"), yard.clock) as act:
        backups.set_source(act, source)
    number = yard.scheduled().number

    def prove() -> Proof | None:
        yard.clock.advance(seconds=1)
        products = {source.product: product}
        return prove_backup(number, yard.server, products=products, actor=TICKER, clock=yard.clock)

    return number, prove


def test_an_ebs_snapshot_that_stays_pending_holds_the_ticket_until_it_is_complete(yard: Yard):
    cloud = Cloud()
    place = "ebs:us-gov-west-1/vol-0123456789abcdef0"
    source = Source("", yard.server, Product.EBS, place, "/etc/qd/aws", timedelta(hours=24))
    number, prove = proving(yard, source, cloud)
    cloud.take(source, "snap-1", yard.clock.now())
    for _ in range(3):
        assert not prove().verified
        assert hold_of(yard, number)
        yard.clock.advance(minutes=1)
    assert {fact.outcome for fact in evidence.facts(ticket=number, kinds=["backup.verified"])} == {Outcome.UNKNOWN}
    cloud.states["snap-1"] = "completed"
    assert prove().verified
    assert not hold_of(yard, number)


@pytest.mark.skipif(not shutil.which("restic"), reason="not run here: restic is not installed")
def test_a_restic_repository_with_a_flipped_byte_fails_the_hold_point(yard: Yard, tmp_path: Path):
    setup = ResticSetup(tmp_path)
    number, prove = proving(yard, setup.source("", asset=yard.server), ResticSetup.product)
    assert hold_of(yard, number)
    setup.backup(inventory.asset(yard.server).hostname, yard.clock.now() - timedelta(hours=1))
    assert prove().verified
    assert not hold_of(yard, number)
    setup.damage()
    assert not prove().verified
    assert hold_of(yard, number)


@pytest.mark.parametrize("who", ["max", "casey"])
def test_somebody_who_does_not_work_on_the_ticket_takes_no_snapshot(bench: Bench, who: str):
    with pytest.raises(Refused):
        bench.take(who)
    assert backups.snapshots(bench.number) == []


def test_the_operator_takes_no_snapshot(bench: Bench):
    with pytest.raises(Refused):
        take_snapshot(bench.number, bench.shop.asset, makers=bench.makers, actor=OPERATOR, clock=bench.clock)


def test_a_snapshot_made_whole_by_hand_in_the_database_is_not_believed(working: Bench):
    taken = working.take()
    with database_in_hand() as cursor:
        cursor.execute("UPDATE backups_ticketsnapshot SET state = 'complete'")
    for call in (lambda: working.look(taken.id), lambda: backups.point_of(working.number, working.shop.asset)):
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.decision.codes == ("snapshot.unsealed",)


def test_preparing_takes_one_snapshot_and_looks_at_it_again(bench: Bench):
    def prepared():
        bench.clock.advance(seconds=1)
        return snapshot_for_ticket(bench.number, bench.shop.asset, makers=bench.makers, actor=TICKER, clock=bench.clock)

    first = prepared()
    bench.cloud.states[first.name] = "completed"
    second = prepared()
    assert second.id == first.id
    assert second.state is SnapshotState.COMPLETE
    assert len(bench.cloud.states) == 1


def test_a_product_that_refuses_is_a_sentence_and_no_snapshot(bench: Bench):
    bench.set_source(repository="ebs:us-gov-west-1/vol-00000000000000000")
    with pytest.raises(Refused, match="no such volume"):
        bench.take()
    assert backups.snapshots(bench.number) == []


def test_a_point_to_go_back_to_is_no_backup(bench: Bench):
    bench.set_source(product=Product.BTRFS, repository="/srv/data", path="/srv/snapshots", credential_file="")
    found = backups.source(bench.shop.asset)
    assert found is not None
    assert found.product is Product.EBS
    assert backups.source(bench.shop.asset, backups.Use.SNAPSHOT).product is Product.BTRFS
    assert [one.product for one in backups.snapshot_sources()] == [Product.BTRFS]
    assert [one.product for one in backups.sources()] == [Product.EBS]


class Bucket:
    """A bucket that says how it is locked."""

    def __init__(self, lock: BucketLock) -> None:
        self.lock = lock

    def read_lock(self, source: Source) -> BucketLock | None:
        return self.lock


@pytest.mark.parametrize(
    ("lock", "outcome"),
    [
        (BucketLock(True, "compliance", 30, True), Outcome.PASSED),
        (BucketLock(False, "", 0, True), Outcome.FAILED),
        (BucketLock(True, "governance", 30, False), Outcome.FAILED),
    ],
)
def test_the_lock_of_the_bucket_is_a_fact_of_its_own(bench: Bench, lock: BucketLock, outcome: Outcome):
    bench.take()
    bench.prove(locks=Bucket(lock))
    assert bench.outcomes("backup.locked") == [outcome]


@pytest.mark.parametrize(
    ("offline", "keeps", "owed", "outcomes"),
    [
        ("", 0, 0, []),
        ("tape in the safe", 365, 180, [Outcome.PASSED]),
        ("tape in the safe", 90, 180, [Outcome.FAILED]),
        ("", 0, 180, [Outcome.FAILED]),
    ],
)
def test_the_offline_copy_is_held_against_the_contract(
    bench: Bench, offline: str, keeps: int, owed: int, outcomes: list[Outcome]
):
    bench.set_source(offline=offline, offline_days=keeps, contract_days=owed)
    bench.take()
    bench.prove()
    assert bench.outcomes("backup.offline") == outcomes


def test_what_is_kept_offline_is_part_of_the_sealed_source(bench: Bench):
    bench.set_source(offline="tape", offline_days=90, contract_days=180)
    with database_in_hand() as cursor:
        cursor.execute("UPDATE backups_backupsource SET offline_days = 900")
    with pytest.raises(Refused) as refused:
        bench.prove()
    assert refused.value.decision.codes == ("backup.source_unsealed",)
