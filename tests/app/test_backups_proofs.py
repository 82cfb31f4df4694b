"""Backup proofs of a ticket through api and workflows: good, old, damaged, unreachable, attached, for workstations."""

import json
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from tests.access_shop import Place, Shop, add_asset, approved_ticket, authorise, make_shop
from tests.append_only import database_in_hand
from tests.backup_products import FolderProduct, FolderSetup
from tests.clock import StillClock

from quarterdeck.adapters.backup_job_log import JobLog
from quarterdeck.backups import api as backups
from quarterdeck.backups.api import LogTold, Maker, Product, ReimagePlan, Source
from quarterdeck.backups.models import BackupProof
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Grade, Outcome, UnrecordedWrite
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import OPERATOR, system
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import keep_reimage_plans
from quarterdeck.workflows.prove_backup import prove_backup, prove_by_log

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

    def by_log(self, log: str, who: str = "sam", maker: Maker = Maker.VEEAM, **said: float):
        self.clock.advance(seconds=1)
        ended = self.clock.now() - timedelta(**(said or {"hours": 3}))
        return prove_by_log(
            self.number, self.shop.asset, log=log.encode(), read=lambda log: JobLog(log, UTC),
            told=LogTold(maker, ended), actor=self.shop.actor(who), clock=self.clock,
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


@pytest.mark.parametrize("who", ["avery", "casey"])
def test_only_who_works_on_the_ticket_hands_in_a_log(bench: Bench, who: str):
    with pytest.raises(Refused):
        bench.by_log(log_of(bench, check="Backup files health check: success", hours=3), who)
    assert bench.facts() == backups.proofs(ticket=bench.number) == []


def test_a_log_must_be_what_the_person_says(bench: Bench):
    good = log_of(bench, check="Backup files health check: success", hours=3)
    with pytest.raises(Refused, match="written by Veeam, not by Windows Server Backup"):
        bench.by_log(good, maker=Maker.WINDOWS_SERVER_BACKUP)
    with pytest.raises(Refused, match="the job ended"):
        bench.by_log(good, hours=1)
    ended = (bench.clock.now() - timedelta(hours=3)).isoformat()
    row = {"Result": "Success", "EndTime": ended, "HealthCheck": True, "VMName": "elsewhere"}
    with pytest.raises(Refused, match="another machine"):
        bench.by_log(json.dumps(row))
    assert bench.facts() == []
    assert bench.by_log(json.dumps(row | {"VMName": "WEB01.example.test"})).verified


def test_a_good_log_of_an_old_job_is_kept_as_failed(bench: Bench):
    proof = bench.by_log(log_of(bench, check="Backup files health check: success", hours=30), hours=30)
    assert not proof.verified
    assert "limit" in proof.sentence
    assert [fact.outcome for fact in bench.facts()] == [Outcome.FAILED]


SHADOWS = """Contents of shadow copy set ID: {0a1b2c3d-0000-4000-8000-000000000000}
   Contained 1 shadow copies at creation time: %s
      Shadow Copy ID: {3e8d3b6a-1111-4222-8333-444455556666}
         Original Volume: (C:)
         Originating Machine: web01
"""


def test_shadow_copies_are_a_point_to_go_back_to_and_prove_no_backup(bench: Bench):
    moment = (bench.clock.now() - timedelta(hours=3)).strftime("%m/%d/%Y %I:%M:%S %p")
    assert bench.by_log(SHADOWS % moment, maker=Maker.VSS) is None
    assert bench.facts() == []
    (fact,) = bench.facts("snapshot.taken")
    assert (fact.outcome, fact.grade) == (Outcome.PASSED, Grade.ATTACHED)
    with pytest.raises(Refused, match="another machine"):
        bench.by_log((SHADOWS % moment).replace("web01", "web02"), maker=Maker.VSS)
    old = (bench.clock.now() - timedelta(hours=40)).strftime("%m/%d/%Y %I:%M:%S %p")
    with pytest.raises(Refused, match="limit"):
        bench.by_log(SHADOWS % old, maker=Maker.VSS, hours=40)


def plan_of(bench: Bench, *assets: str, **changes: object) -> ReimagePlan:
    now = bench.clock.now()
    plain = ReimagePlan(
        "", "Windows 11", "24H2", bench.shop.people["casey"], now - timedelta(days=20), now + timedelta(days=60), "",
        assets,
    )  # fmt: skip
    return replace(plain, **changes)


def workstation(bench: Bench) -> str:
    return inventory.add_asset(
        inventory.AssetFields(
            hostname="ws07", category="contractor_risk_managed", owner=bench.shop.people["casey"],
            asset_kind="workstation",
        ),
        actor=bench.shop.actor("iris"), clock=bench.clock,
    ).id  # fmt: skip


@pytest.mark.parametrize("who", ["max", "sam", "avery", "casey"])
def test_only_the_it_lead_keeps_the_register_of_reimage_plans(bench: Bench, who: str):
    ws = workstation(bench)
    with pytest.raises(Refused):
        keep_reimage_plans.set_plan(bench.shop.actor(who), bench.clock, plan_of(bench, ws), PLAN)
    made = keep_reimage_plans.set_plan(bench.shop.actor("iris"), bench.clock, plan_of(bench, ws), PLAN)
    with pytest.raises(Refused):
        keep_reimage_plans.end_plan(bench.shop.actor(who), bench.clock, made.id)
    assert [one.id for one in backups.reimage_plans()] == [made.id]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tested_days": 400}, "tried on a machine"),
        ({"tested_days": -1}, "tried on a machine"),
        ({"review_days": -1}, "date in the future"),
        ({"review_days": 400}, "date in the future"),
        ({"version": ""}, "image and the version"),
        ({"steps": "We will see."}, "who does what"),
        ({"server": True}, "Only a workstation"),
    ],
)
def test_a_plan_that_shows_nothing_is_refused(bench: Bench, changes: dict, says: str):
    ws, now = workstation(bench), bench.clock.now()
    plan = plan_of(
        bench, *((ws, bench.shop.asset) if changes.get("server") else (ws,)),
        version=changes.get("version", "24H2"),
        tested_at=now - timedelta(days=changes.get("tested_days", 20)),
        review_by=now + timedelta(days=changes.get("review_days", 60)),
    )  # fmt: skip
    with pytest.raises(Refused, match=says):
        keep_reimage_plans.set_plan(bench.shop.actor("iris"), bench.clock, plan, changes.get("steps", PLAN))


def test_a_workstation_is_brought_back_by_its_reimage_plan(bench: Bench):
    ws = workstation(bench)
    number = approved_ticket(bench.shop, method=tickets.Method.ON_SITE, assets=(tickets.TicketAsset(ws, ""),))
    bench.clock.advance(seconds=1)
    with pytest.raises(Refused, match="No reimage plan"):
        keep_reimage_plans.lean_on_plan(TICKER, bench.clock, ticket=number, asset=ws)
    made = keep_reimage_plans.set_plan(bench.shop.actor("iris"), bench.clock, plan_of(bench, ws), PLAN)
    assert evidence.read_artifact(made.steps_sha256).decode() == PLAN
    keep_reimage_plans.lean_on_plan(TICKER, bench.clock, ticket=number, asset=ws)
    (fact,) = evidence.facts(ticket=number, asset=ws, kinds=["backup.verified"])
    assert (fact.outcome, fact.grade, fact.valid_until) == (Outcome.PASSED, Grade.ATTACHED, made.review_by)
    with pytest.raises(Refused, match="No reimage plan"):
        keep_reimage_plans.lean_on_plan(TICKER, bench.clock, ticket=bench.number, asset=bench.shop.asset)
    keep_reimage_plans.end_plan(bench.shop.actor("iris"), bench.clock, made.id)
    assert backups.reimage_plan_of(ws) is None


def test_a_machine_that_became_a_server_is_not_brought_back_by_an_image(bench: Bench):
    ws = workstation(bench)
    number = approved_ticket(bench.shop, method=tickets.Method.ON_SITE, assets=(tickets.TicketAsset(ws, ""),))
    keep_reimage_plans.set_plan(bench.shop.actor("iris"), bench.clock, plan_of(bench, ws), PLAN)
    inventory.change_asset(ws, {"asset_kind": "server"}, actor=bench.shop.actor("iris"), clock=bench.clock)
    bench.clock.advance(seconds=1)
    with pytest.raises(Refused, match="Only a workstation"):
        keep_reimage_plans.lean_on_plan(TICKER, bench.clock, ticket=number, asset=ws)


def test_a_reimage_plan_written_by_hand_is_found_out(bench: Bench):
    ws = workstation(bench)
    made = keep_reimage_plans.set_plan(bench.shop.actor("iris"), bench.clock, plan_of(bench, ws), PLAN)
    with database_in_hand() as cursor:
        cursor.execute("UPDATE backups_reimageplanrow SET version = '99H9'")
    with pytest.raises(Refused, match="not what the ledger says"):
        backups.reimage_plan(made.id)
    with pytest.raises(Refused, match="not what the ledger says"):
        backups.reimage_plan_of(ws)


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
