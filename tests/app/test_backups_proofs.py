"""Backup proofs of a ticket through api and workflows: good, old, damaged, unreachable, attached, for workstations."""

from datetime import UTC, timedelta
from pathlib import Path

import pytest
from tests.access_shop import Place, Shop, add_asset, approved_ticket, authorise, make_shop
from tests.backup_products import FolderProduct, FolderSetup
from tests.clock import StillClock

from quarterdeck.adapters.backup_job_log import JobLog
from quarterdeck.backups import api as backups
from quarterdeck.backups.api import Product, Source
from quarterdeck.backups.models import BackupProof
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Grade, Outcome, UnrecordedWrite
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import OPERATOR, system
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.prove_backup import attach_reimage_plan, prove_backup, prove_by_log

pytestmark = pytest.mark.django_db(transaction=True)
TICKER = system("ticker")
HOST = "web01"
PLAN = "Image 24H2 of the deployment share, put on by Max; user data lives in the file share only."


class Bench:
    """A ticket on a server whose backups lie in a folder."""

    def __init__(self, clock: StillClock, folder: Path) -> None:
        self.clock = clock
        self.shop: Shop = make_shop(clock, {HOST: Place()})
        authorise(self.shop, "sam")
        self.number = approved_ticket(self.shop)
        self.setup = FolderSetup(folder)

    def set_source(self, who: str = "iris", **changes: object) -> Source:
        self.clock.advance(seconds=1)
        with evidence.act(self.shop.actor(who), self.clock) as act:
            return backups.set_source(act, self.setup.source("", asset=self.shop.asset, **changes))

    def backup(self, **ago: float) -> None:
        self.setup.backup(HOST, self.clock.now() - timedelta(**ago))

    def prove(self):
        self.clock.advance(seconds=1)
        return prove_backup(
            self.number, self.shop.asset, products={Product.RESTIC: FolderProduct()}, actor=TICKER, clock=self.clock
        )

    def by_log(self, log: str):
        self.clock.advance(seconds=1)
        return prove_by_log(
            self.number, self.shop.asset, job_log=JobLog(log.encode(), UTC), actor=self.shop.actor("sam"),
            clock=self.clock,
        )  # fmt: skip

    def facts(self, kind: str = "backup.verified") -> list[evidence.Fact]:
        return evidence.facts(ticket=self.number, asset=self.shop.asset, kinds=[kind])


@pytest.fixture
def bench(clock: StillClock, tmp_path: Path) -> Bench:
    return Bench(clock, tmp_path)


def test_a_fresh_verified_backup_is_a_captured_fact_until_it_grows_old(bench: Bench):
    bench.set_source()
    bench.backup(hours=3)
    taken = bench.clock.now() - timedelta(hours=3)
    proof = bench.prove()
    (fact,) = bench.facts()
    assert (fact.outcome, fact.grade) == (Outcome.PASSED, Grade.CAPTURED)
    assert fact.valid_until == proof.valid_until == taken + timedelta(hours=24)
    assert fact.holds_at(bench.clock.now() + timedelta(hours=20))
    assert not fact.holds_at(bench.clock.now() + timedelta(hours=22))
    assert (proof.verified, proof.attached, proof.size) == (True, False, 100_000)
    assert evidence.read_artifact(proof.log_sha256) == b"checked\n"
    assert [one.outcome for one in bench.facts("backup.encrypted")] == [Outcome.FAILED]
    entry = evidence.entry(proof.entry)
    assert entry is not None
    assert entry.event == "backup.proven"
    assert str(bench.setup.repository).encode() not in entry.body


@pytest.mark.parametrize("trouble", ["old", "damaged", "none"])
def test_a_backup_that_does_not_count_is_recorded_as_failed(bench: Bench, trouble: str):
    bench.set_source()
    if trouble != "none":
        bench.backup(hours=30 if trouble == "old" else 2)
    if trouble == "damaged":
        bench.setup.damage()
    proof = bench.prove()
    (fact,) = bench.facts()
    assert fact.outcome is Outcome.FAILED
    assert (proof is None) is (trouble == "none")
    entry = evidence.entry(fact.entry)
    assert entry is not None
    assert entry.event == "backup.found_wanting"
    assert entry.data["codes"] == [
        {"old": "backup.too_old", "damaged": "backup.not_verified", "none": "backup.none"}[trouble]
    ]


def test_a_product_that_cannot_be_asked_is_not_known_and_refused_with_its_sentence(bench: Bench):
    bench.set_source()
    bench.setup.credential.write_text("other\n")
    with pytest.raises(Refused, match="password is wrong"):
        bench.prove()
    assert [fact.outcome for fact in bench.facts()] == [Outcome.UNKNOWN]


def test_without_a_source_the_refusal_says_who_names_it(bench: Bench):
    with pytest.raises(Refused, match="IT lead names product and repository"):
        bench.prove()
    assert bench.facts() == []


def test_backups_of_another_host_prove_nothing(bench: Bench):
    made = bench.set_source()
    assert made.host == HOST
    bench.setup.backup("elsewhere", bench.clock.now())
    assert bench.prove() is None


@pytest.mark.parametrize("who", ["max", "sam", "avery"])
def test_only_the_it_lead_says_where_backups_are(bench: Bench, who: str):
    with pytest.raises(Refused):
        bench.set_source(who)
    assert backups.source(bench.shop.asset) is None


def test_the_operator_says_nothing_about_backups(bench: Bench):
    with pytest.raises(Refused), evidence.act(OPERATOR, bench.clock) as act:
        backups.set_source(act, bench.setup.source("", asset=bench.shop.asset))


def test_a_new_source_replaces_the_old_and_the_proof_keeps_its_own(bench: Bench):
    first = bench.set_source()
    bench.backup(hours=1)
    bench.prove()
    second = bench.set_source(max_age=timedelta(hours=2))
    assert backups.source(bench.shop.asset) == second
    assert [one.id for one in backups.sources()] == [second.id]
    assert BackupProof.objects.get().source_id == first.id


def log_of(bench: Bench, status: str = "Success", check: str = "", **ago: float) -> str:
    moment = (bench.clock.now() - timedelta(**ago)).strftime("[%d.%m.%Y %H:%M:%S]")
    return (
        f"{check}\n{moment} <01> Info [JobSession] Job session '0f8fad5b-d9cb-469f-a165-70867728950e' has been "
        f"completed, status: '{status}', '1,024' of '1,024' bytes\n"
    )


def test_an_attached_log_with_a_check_passes_as_attached(bench: Bench):
    proof = bench.by_log(log_of(bench, check="Backup files health check: success", hours=3))
    (fact,) = bench.facts()
    assert (fact.outcome, fact.grade) == (Outcome.PASSED, Grade.ATTACHED)
    assert proof.attached
    assert b"has been completed" in evidence.read_artifact(proof.log_sha256)


def test_an_attached_log_without_a_check_proves_existence_only(bench: Bench):
    proof = bench.by_log(log_of(bench, hours=3))
    assert not proof.verified
    assert "read back" in proof.sentence
    assert [fact.outcome for fact in bench.facts()] == [Outcome.FAILED]


def test_a_log_of_a_failed_job_is_refused_and_nothing_is_kept(bench: Bench):
    with pytest.raises(Refused, match="Run the job again"):
        bench.by_log(log_of(bench, "Failed", hours=3))
    assert bench.facts() == backups.proofs(ticket=bench.number) == []


def test_a_reimage_plan_is_not_for_servers(bench: Bench):
    with pytest.raises(Refused, match="Only a workstation"):
        attach_reimage_plan(
            bench.number, bench.shop.asset, plan=PLAN, valid_until=bench.clock.now() + timedelta(days=60),
            actor=bench.shop.actor("sam"), clock=bench.clock,
        )  # fmt: skip


def test_a_workstation_is_brought_back_by_its_reimage_plan(bench: Bench):
    workstation = inventory.add_asset(
        inventory.AssetFields(
            hostname="ws07",
            category="contractor_risk_managed",
            owner=bench.shop.people["casey"],
            asset_kind="workstation",
        ),
        actor=bench.shop.actor("iris"),
        clock=bench.clock,
    ).id
    number = approved_ticket(bench.shop, method=tickets.Method.ON_SITE, assets=(tickets.TicketAsset(workstation, ""),))
    bench.clock.advance(seconds=1)
    until = bench.clock.now() + timedelta(days=60)
    attach_reimage_plan(
        number, workstation, plan=PLAN, valid_until=until, actor=bench.shop.actor("sam"), clock=bench.clock
    )
    (fact,) = evidence.facts(ticket=number, asset=workstation, kinds=["backup.verified"])
    assert (fact.outcome, fact.grade, fact.valid_until) == (Outcome.PASSED, Grade.ATTACHED, until)
    entry = evidence.entry(fact.entry)
    assert entry is not None
    assert evidence.read_artifact(str(entry.artifacts[0]["sha256"])).decode() == PLAN


def test_a_proof_is_only_written_by_an_act(bench: Bench):
    bench.set_source()
    bench.backup(hours=40)
    proof = bench.prove()
    with pytest.raises(UnrecordedWrite):
        BackupProof.objects.filter(id=proof.id).update(verified=True)


def test_an_asset_that_is_not_in_the_ticket_gets_no_proof(bench: Bench):
    bench.set_source()
    bench.backup(hours=1)
    other = make_other(bench)
    with evidence.act(bench.shop.actor("iris"), bench.clock) as act:
        backups.set_source(act, bench.setup.source(HOST, asset=other))
    with pytest.raises(Refused, match="does not name this asset"):
        prove_backup(bench.number, other, products={Product.RESTIC: FolderProduct()}, actor=TICKER, clock=bench.clock)


def make_other(bench: Bench) -> str:
    add_asset(bench.shop, "web02", Place())
    return bench.shop.assets["web02"].id
