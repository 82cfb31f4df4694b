"""Listing, using, reviewing, inspecting and withdrawing tools, techniques and mechanisms."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import IntegrityError
from tests.clock import StillClock

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.guard import open_guard
from quarterdeck.kernel.actors import OPERATOR, Actor, ActorKind, system
from quarterdeck.kernel.decision import Refused
from quarterdeck.tools import api as tools
from quarterdeck.tools.api import InspectionOutcome, ItemFields, ItemKind
from quarterdeck.tools.models import Inspection, RegisterItem

pytestmark = pytest.mark.django_db
IRIS = Actor("pe_iris", ActorKind.PERSON, "mfa")
HASH = "ab" * 32
SCANNER = ItemFields("tool", "Disk scanner", "2.4", HASH, "vendor site", "GPL-2.0", "pe_iris", False, date(2027, 6, 1))
PLAYBOOK = replace(SCANNER, kind="mechanism", name="patch.yml", version="7", inside_boundary=True)


def codes(call, *args, **options):
    with pytest.raises(Refused) as refusal:
        call(*args, **options)
    return refusal.value.decision.codes


@pytest.fixture
def keep(clock: StillClock):
    return {"actor": IRIS, "clock": clock}


@pytest.fixture
def scanner(keep):
    return tools.list_item(SCANNER, **keep)


def test_a_listed_item_is_read_back_and_usable(scanner, clock):
    assert tools.item(scanner.id) == scanner
    assert tools.items() == [scanner]
    assert tools.usable(scanner.id, clock.now()).allowed
    assert tools.usable(scanner.id, clock.now(), sha256=HASH).allowed


def test_the_three_registers_are_apart(scanner, keep):
    playbook = tools.list_item(PLAYBOOK, **keep)
    assert tools.items(ItemKind.TOOL) == [scanner]
    assert tools.items("mechanism") == [playbook]
    assert tools.items(ItemKind.TECHNIQUE) == []


def test_listing_is_an_entry_with_the_hash_and_a_fact_without_a_name(scanner):
    entry = evidence.last_entry(["item.listed"])
    assert entry.data["sha256"] == HASH
    assert b"Disk scanner" not in entry.body
    assert [fact.kind for fact in evidence.facts(kinds=["tool.listed"])] == ["tool.listed"]


def test_the_same_version_is_listed_once(scanner, keep):
    assert codes(tools.list_item, replace(SCANNER, sha256="cd" * 32), **keep) == ("item.listed_already",)
    assert tools.list_item(replace(SCANNER, version="2.5"), **keep).version == "2.5"


def test_another_file_than_the_listed_one_is_not_usable(scanner, clock):
    assert tools.usable(scanner.id, clock.now(), sha256="cd" * 32).codes == ("item.other_hash",)


def test_a_device_without_a_file_has_no_hash_to_check(keep, clock):
    device = tools.list_item(replace(SCANNER, name="Cable tester", sha256=""), **keep)
    assert tools.usable(device.id, clock.now()).allowed
    assert tools.usable(device.id, clock.now(), sha256=HASH).codes == ("item.no_hash",)


def test_an_unknown_item_is_refused(clock):
    assert codes(tools.item, "it_none") == ("item.unknown",)
    assert tools.usable("it_none", clock.now()).codes == ("item.unknown",)


def test_a_withdrawn_item_is_not_usable_and_stays_for_the_record(scanner, keep, clock):
    tools.withdraw_item(scanner.id, **keep)
    assert tools.usable(scanner.id, clock.now()).codes == ("item.withdrawn",)
    assert tools.items() == []
    assert [one.id for one in tools.items(include_withdrawn=True)] == [scanner.id]
    assert codes(tools.withdraw_item, scanner.id, **keep) == ("item.withdrawn",)
    assert tools.list_item(SCANNER, **keep).id != scanner.id


def test_an_overdue_review_stops_the_use_until_it_is_done(scanner, keep, clock):
    clock.advance(days=300)
    assert tools.usable(scanner.id, clock.now()).codes == ("item.review_overdue",)
    tools.review_item(scanner.id, review_due=clock.now().date() + timedelta(days=90), **keep)
    assert tools.usable(scanner.id, clock.now()).allowed
    assert evidence.last_entry(["item.reviewed"]).object.id == scanner.id


def test_a_review_date_lies_within_a_year(scanner, keep, clock):
    for days in (-1, 366):
        day = clock.now().date() + timedelta(days=days)
        assert codes(tools.review_item, scanner.id, review_due=day, **keep) == ("review_due.range",)


def test_without_a_date_the_review_is_due_in_a_year(keep):
    assert tools.list_item(replace(SCANNER, review_due=None), **keep).review_due == date(2027, 11, 23)


def test_a_failed_inspection_stops_the_use_until_one_passes(scanner, keep, clock):
    record = evidence.store_artifact(
        b"scan report", media_type="text/plain", role="inspection", name="report.txt", may_contain_cui=False
    )
    failed = tools.record_inspection(scanner.id, InspectionOutcome.FAILED, record=record, **keep)
    assert failed.artifact == record.sha256
    assert tools.usable(scanner.id, clock.now()).codes == ("item.failed_inspection",)
    clock.advance(hours=1)
    tools.record_inspection(scanner.id, InspectionOutcome.PASSED, **keep)
    assert tools.usable(scanner.id, clock.now()).allowed
    assert [one.outcome for one in tools.inspections(scanner.id)] == ["failed", "passed"]
    outcomes = [fact.outcome for fact in evidence.facts(kinds=["tool.inspected"])]
    assert outcomes == [evidence.Outcome.FAILED, evidence.Outcome.PASSED]


def test_an_inspection_of_an_unknown_item_is_refused(keep):
    assert codes(tools.record_inspection, "it_none", InspectionOutcome.PASSED, **keep) == ("item.unknown",)


@pytest.mark.parametrize("actor", [OPERATOR, system("ticker")])
def test_only_a_person_writes(actor, clock, scanner):
    by = {"actor": actor, "clock": clock}
    assert codes(tools.list_item, PLAYBOOK, **by) == ("actor.not_a_person",)
    assert codes(tools.withdraw_item, scanner.id, **by) == ("actor.not_a_person",)
    assert codes(tools.review_item, scanner.id, review_due=date(2027, 1, 1), **by) == ("actor.not_a_person",)
    assert codes(tools.record_inspection, scanner.id, InspectionOutcome.PASSED, **by) == ("actor.not_a_person",)


def test_a_refused_listing_writes_nothing(keep):
    assert "sha256.missing" in codes(tools.list_item, replace(PLAYBOOK, sha256=""), **keep)
    assert evidence.head().size == 0


@pytest.mark.parametrize("values", [{"kind": "weapon"}, {"kind": "mechanism", "sha256": ""}, {"state": "withdrawn"}])
def test_the_database_keeps_its_own_constraints(scanner, values):
    with pytest.raises(IntegrityError), open_guard():
        RegisterItem.objects.filter(id=scanner.id).update(**values)


def test_a_row_changed_by_hand_is_not_usable(scanner, clock):
    with open_guard():
        RegisterItem.objects.filter(id=scanner.id).update(sha256="cd" * 32)
    assert tools.usable(scanner.id, clock.now()).codes == ("item.unsealed",)


def test_an_inspection_forged_or_removed_by_hand_is_noticed(scanner, keep, clock):
    tools.record_inspection(scanner.id, InspectionOutcome.FAILED, **keep)
    with open_guard():
        Inspection.objects.update(outcome="passed")
    assert tools.usable(scanner.id, clock.now()).codes == ("item.unsealed",)
    with open_guard():
        Inspection.objects.all().delete()
    assert tools.usable(scanner.id, clock.now()).codes == ("item.unsealed",)
