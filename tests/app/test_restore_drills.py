"""Restore drills through workflows and api: due, tried with the real restic, compared, overdue, refused, cleaned up."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from tests.access_shop import Place, Shop, authorise, make_shop
from tests.app.test_baselines_drift import Bench as MeasuredBench
from tests.append_only import database_in_hand
from tests.backup_products import ResticSetup
from tests.clock import StillClock

from quarterdeck.adapters.file_copies import FileCopies
from quarterdeck.backups import api as backups
from quarterdeck.backups.api import Against, Product
from quarterdeck.baselines.api import Phase
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Outcome
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.decision import Refused
from quarterdeck.workflows import drill_restore

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not shutil.which("restic"), reason="not run here: restic is not installed"),
]
TICKER = system("ticker")
HOST = "web01"


class DrillBench:
    """A server whose folder is backed up with restic, and a scratch place."""

    def __init__(self, clock: StillClock, folder: Path) -> None:
        self.clock = clock
        self.shop: Shop = make_shop(clock, {HOST: Place()})
        authorise(self.shop, "sam")
        self.setup = ResticSetup(folder)
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        for path in self.setup.content.iterdir():
            os.utime(path, (1, 1))
        with evidence.act(self.shop.actor("iris"), clock) as act:
            backups.set_source(act, self.setup.source("", asset=self.shop.asset, path=str(self.setup.content)))

    def plan(self, who: str = "iris", **changes: object):
        self.clock.advance(seconds=1)
        named = {"asset": self.shop.asset, "scratch": str(self.scratch)} | changes
        return drill_restore.set_plan(self.shop.actor(who), self.clock, **named)  # type: ignore[arg-type]

    def backup(self) -> None:
        # The machine's clock stamps the files' change times, so the backup is of now by it.
        now = datetime.now(UTC) + timedelta(seconds=2)  # noqa: TID251
        self.setup.backup(HOST, now)

    def beat(self) -> bool:
        self.clock.advance(seconds=1)
        restic = ResticSetup.product
        return drill_restore.run_next_drill(TICKER, self.clock, {Product.RESTIC: restic}, {Product.RESTIC: restic})

    def newest(self):
        return backups.drills(asset=self.shop.asset)[0]

    def facts(self) -> list[Outcome]:
        return [fact.outcome for fact in evidence.facts(asset=self.shop.asset, kinds=["restore.drilled"])]


@pytest.fixture
def bench(clock: StillClock, tmp_path: Path) -> DrillBench:
    return DrillBench(clock, tmp_path)


def test_a_drill_restores_compares_records_and_leaves_nothing_behind(bench: DrillBench):
    bench.plan()
    bench.backup()
    assert bench.beat()
    drill = bench.newest()
    assert drill.passed, drill.sentence
    assert (drill.same, drill.different, drill.missing) == (5, 0, 0)
    assert list(bench.scratch.iterdir()) == []
    assert bench.facts() == [Outcome.PASSED]
    assert b"same: 5" in evidence.read_artifact(drill.log_sha256)
    entry = evidence.entry(drill.entry)
    assert entry is not None
    assert str(bench.setup.content).encode() not in entry.body
    assert not bench.beat(), "the next is due in a quarter"


def test_a_drill_of_a_damaged_repository_fails_and_is_tried_again_the_next_day(bench: DrillBench):
    bench.plan()
    bench.backup()
    bench.setup.damage()
    assert bench.beat()
    assert not bench.newest().passed
    assert bench.newest().sentence
    assert bench.facts() == [Outcome.FAILED]
    assert list(bench.scratch.iterdir()) == []
    assert not bench.beat()
    bench.clock.advance(days=1)
    assert bench.beat()


def test_what_differs_without_having_changed_fails_and_what_changed_since_is_told_apart(clock: StillClock):
    restored = {"/a": backups.Digest("00"), "/b": backups.Digest("11")}
    taken = clock.now()
    before, after = taken - timedelta(days=1), taken + timedelta(days=1)
    expected = {"/a": backups.Digest("00", before), "/b": backups.Digest("22", before)}
    expected["/c"] = backups.Digest("3", after)
    compared = backups.compare(restored, expected, taken)
    assert (compared.same, compared.different, compared.missing, compared.newer) == (1, ("/b",), (), ("/c",))
    assert backups.came_back(compared).codes == ("drill.different",)


def test_no_backup_is_a_failed_drill(bench: DrillBench):
    bench.plan()
    bench.beat()
    assert "no backup" in bench.newest().sentence
    assert backups.register(bench.clock.now())[0].newest == bench.newest()


def test_overdue_shows_until_a_restore_came_back_whole(bench: DrillBench):
    bench.plan()
    bench.beat()
    assert not backups.register(bench.clock.now())[0].overdue
    bench.clock.advance(days=3)
    assert backups.register(bench.clock.now())[0].overdue
    bench.backup()
    bench.beat()
    line = backups.register(bench.clock.now())[0]
    assert line.newest is not None
    assert line.newest.passed
    assert not line.overdue
    assert line.due_at == line.newest.finished_at + timedelta(days=91)


def test_somebody_asks_for_a_drill_out_of_turn(bench: DrillBench):
    made = bench.plan()
    bench.backup()
    bench.beat()
    with pytest.raises(Refused):
        drill_restore.ask_drill(bench.shop.actor("sam"), bench.clock, made.id)
    bench.clock.advance(seconds=5)
    drill_restore.ask_drill(bench.shop.actor("iris"), bench.clock, made.id)
    assert bench.beat()
    assert len(backups.drills(asset=bench.shop.asset)) == 2
    assert not bench.beat()


@pytest.mark.parametrize("who", ["max", "sam", "avery"])
def test_only_the_it_lead_plans_drills(bench: DrillBench, who: str):
    with pytest.raises(Refused):
        bench.plan(who)
    assert backups.register(bench.clock.now()) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"scratch": "tmp"}, "drill.scratch"),
        ({"scratch": "/srv/../etc"}, "drill.scratch"),
        ({"every": timedelta(days=400)}, "drill.every"),
    ],
)
def test_a_plan_that_cannot_run_is_refused(bench: DrillBench, changes: dict[str, object], code: str):
    with pytest.raises(Refused) as refused:
        bench.plan(**changes)
    assert refused.value.decision.codes == (code,)


def test_a_plan_whose_scratch_place_was_changed_by_hand_is_not_run(bench: DrillBench):
    bench.plan()
    with database_in_hand() as cursor:
        cursor.execute("UPDATE backups_drillplanrow SET scratch = '/elsewhere'")
    with pytest.raises(Refused) as refused:
        bench.beat()
    assert refused.value.decision.codes == ("drill.plan_unsealed",)


def test_an_ended_plan_is_drilled_no_more(bench: DrillBench):
    made = bench.plan()
    drill_restore.end_plan(bench.shop.actor("iris"), bench.clock, made.id)
    assert not bench.beat()
    assert backups.register(bench.clock.now()) == []


def test_a_baseline_that_was_never_taken_compares_with_nothing(bench: DrillBench):
    bench.plan(against=Against.BASELINE)
    bench.backup()
    bench.beat()
    assert not bench.newest().passed
    assert "could be compared" in bench.newest().sentence


def test_plain_copies_are_verified_restored_and_compared(bench: DrillBench, tmp_path: Path):
    copies = tmp_path / "copies"
    shutil.copytree(bench.setup.content, copies / "monday")
    sums = [f"{sha256(p.read_bytes()).hexdigest()}  {p.name}" for p in sorted((copies / "monday").iterdir())]
    (copies / "monday" / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    product = FileCopies()
    source = bench.setup.source(
        "", product=Product.FILES, repository=str(copies), credential_file="", path=str(bench.setup.content)
    )
    snapshot = product.latest_snapshot(source)
    assert snapshot is not None
    assert product.verify(source, snapshot).verified
    restored = product.restore(source, snapshot, str(bench.scratch))
    expected = product.source_digests(source, snapshot)
    assert backups.came_back(backups.compare(restored.digests, expected, snapshot.taken_at)).allowed
    (copies / "monday" / "file3").write_bytes(b"other")
    assert not product.verify(source, snapshot).verified


def test_a_restore_is_held_against_the_baseline_whatever_its_files_are_called(clock: StillClock, tmp_path: Path):
    tree, copies, scratch = (tmp_path / name for name in ("tree", "copies", "scratch"))
    for folder in (tree, scratch):
        folder.mkdir()
    names = ("parts list.txt", "übersicht\n2.txt")
    measured = MeasuredBench(clock, tree)
    for name in names:
        (tree / "web" / name).write_text(name)
    measured.approved()
    measured.take(Phase.BEFORE)
    shutil.copytree(tree / "web", copies)
    listed = [path for path in sorted(copies.iterdir()) if "\n" not in path.name]
    (copies / "SHA256SUMS").write_text("".join(f"{sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in listed))
    asset, iris = measured.shop.asset, measured.shop.actor("iris")
    place = {"repository": str(copies), "credential_file": "", "path": str(tree / "web")}
    with evidence.act(iris, clock) as act:
        backups.set_source(act, backups.Source("", asset, Product.FILES, max_age=timedelta(hours=24), **place))
    drill_restore.set_plan(iris, clock, asset=asset, scratch=str(scratch), against=Against.BASELINE)
    product = FileCopies()
    clock.advance(seconds=1)
    assert drill_restore.run_next_drill(TICKER, clock, {Product.FILES: product}, {Product.FILES: product})
    (drill,) = backups.drills(asset=asset)
    assert (drill.same, drill.different, drill.missing + drill.newer) == (2, 0, 1), drill.sentence
    told = evidence.read_artifact(drill.log_sha256).decode()
    assert "012" in told, "the name with a newline is escaped in the log"
    assert list(scratch.iterdir()) == []
