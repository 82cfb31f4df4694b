"""Importing a CSV: as planned or not at all, the same file twice changes nothing, stale plans are refused."""

import time

import pytest
from tests.clock import StillClock

from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import AssetFields, ConnectionFields
from quarterdeck.kernel.actors import OPERATOR, Actor, ActorKind
from quarterdeck.kernel.decision import Refused

pytestmark = pytest.mark.django_db
IRIS = Actor("pe_iris", ActorKind.PERSON, "mfa")
FILE = (
    b"hostname,category,owner,ip,account,depends on\r\n"
    b"files01,cui_asset,casey@example.test,192.0.2.10,maint,\r\n"
    b"app01,crma,,,,files01\r\n"
    b"printer-2,out_of_scope,,,,\r\n"
)
GOOD = FILE.replace(b"out_of_scope", b"crma")


class Roster:
    def person_of(self, email):
        return {"casey@example.test": "pe_casey"}.get(email)

    def email_of(self, person_id):
        return {"pe_casey": "casey@example.test"}.get(person_id, "")


def plan(data=GOOD, mapping=None, **options):
    return inventory.plan_import(data, mapping, Roster(), **options)


def codes(call, *args, **options):
    with pytest.raises(Refused) as refusal:
        call(*args, **options)
    return refusal.value.decision.codes


@pytest.fixture
def keep(clock: StillClock):
    return {"actor": IRIS, "clock": clock}


@pytest.fixture
def imported(keep):
    return inventory.apply_import(plan(), file=GOOD, **keep)


def test_a_plan_writes_nothing():
    made = plan()
    assert made.count(inventory.RowKind.ADD) == 3
    assert evidence.head().size == 0
    assert inventory.assets() == []


def test_an_import_adds_assets_connections_and_dependencies(imported):
    assert (imported.added, imported.changed, imported.unchanged, imported.skipped) == (3, 0, 0, 0)
    files, app = inventory.find_by_hostname("files01"), inventory.find_by_hostname("app01")
    assert files.owner == "pe_casey"
    assert files.connections[0].address == "192.0.2.10"
    assert app.depends_on == (files.id,)
    assert app.connections == ()


def test_entries_tell_of_each_asset_and_of_the_file(imported):
    events = [entry.event for entry in evidence.entries()]
    assert events == ["connection.changed", "asset.added", "asset.added", "asset.added", "inventory.imported"]
    last = evidence.last_entry(["inventory.imported"])
    assert last.data["file"] == imported.file_sha256
    assert last.data["added"] == 3
    assert evidence.read_artifact(last.artifacts[0]["sha256"]) == GOOD


def test_every_imported_row_is_what_the_ledger_says(imported):
    for one in inventory.assets():
        link = one.connections[0].id if one.connections else None
        assert inventory.check_row(one.id, link).allowed


def test_the_same_file_again_changes_nothing(imported, keep):
    size = evidence.head().size
    again = inventory.apply_import(plan(), file=GOOD, **keep)
    assert (again.added, again.changed, again.unchanged) == (0, 0, 3)
    assert evidence.head().size == size


def test_only_what_differs_is_written(imported, keep):
    changed = GOOD.replace(b"192.0.2.10", b"192.0.2.11")
    made = plan(changed)
    assert [(d.field, d.old, d.new) for row in made.rows for d in row.differences] == [
        ("address", "192.0.2.10", "192.0.2.11")
    ]
    result = inventory.apply_import(made, file=changed, **keep)
    assert (result.changed, result.unchanged) == (1, 2)
    assert inventory.find_by_hostname("files01").connections[0].address == "192.0.2.11"
    assert evidence.last_entry(["asset.changed"]).data["fields"] == ["connections"]
    assert inventory.check_row(inventory.find_by_hostname("files01").id).allowed


def test_a_bad_row_stops_everything(keep):
    decision = codes(inventory.apply_import, plan(FILE), file=FILE, **keep)
    assert decision == ("import.bad_rows",)
    assert inventory.assets() == []
    assert evidence.head().size == 0


def test_bad_rows_are_left_out_only_when_asked(keep):
    result = inventory.apply_import(plan(FILE, skip_bad_rows=True), file=FILE, **keep)
    assert (result.added, result.skipped) == (2, 1)
    assert inventory.find_by_hostname("printer-2") is None
    assert evidence.last_entry(["inventory.imported"]).data["skipped"] == 1


def test_a_stale_plan_is_refused(keep):
    made = plan()
    inventory.add_asset(AssetFields("other", "contractor_risk_managed"), **keep)
    assert codes(inventory.apply_import, made, file=GOOD, **keep) == ("import.stale",)
    assert inventory.find_by_hostname("files01") is None


def test_a_changed_connection_makes_a_plan_stale(imported, keep):
    made = plan(GOOD.replace(b"maint", b"root"))
    files = inventory.find_by_hostname("files01")
    fields = ConnectionFields("192.0.2.99", "maint")
    inventory.set_connection(files.id, fields, connection_id=files.connections[0].id, **keep)
    assert codes(inventory.apply_import, made, file=GOOD, **keep) == ("import.stale",)


def test_a_plan_is_applied_once(keep):
    made = plan()
    inventory.apply_import(made, file=GOOD, **keep)
    assert codes(inventory.apply_import, made, file=GOOD, **keep) == ("import.stale",)
    assert len(inventory.assets()) == 3


def test_another_file_than_the_plans_is_refused(keep):
    assert codes(inventory.apply_import, plan(), file=FILE, **keep) == ("import.other_file",)
    assert inventory.assets() == []


def test_the_operator_imports_nothing(clock):
    assert codes(inventory.apply_import, plan(), file=GOOD, actor=OPERATOR, clock=clock) == ("actor.not_a_person",)


def test_a_circle_of_dependencies_is_kept(keep):
    data = b"hostname,category,depends_on\na01,crma,b01\nb01,crma,a01\n"
    inventory.apply_import(plan(data), file=data, **keep)
    assert inventory.find_by_hostname("a01").depends_on == (inventory.find_by_hostname("b01").id,)


def test_the_export_of_an_import_changes_nothing(imported):
    data = inventory.export_csv(Roster().email_of)
    made = plan(data)
    assert made.errors == ()
    assert {row.kind for row in made.rows} == {inventory.RowKind.UNCHANGED}


def test_many_rows_go_in_acts_of_a_thousand(keep):
    data = b"hostname,category,depends_on\n" + b"".join(
        b"h%04d,crma,%s\n" % (n, b"h%04d" % (n + 1) if n < 2499 else b"") for n in range(2500)
    )
    began = time.monotonic()
    result = inventory.apply_import(plan(data), file=data, **keep)
    assert result.added == 2500
    assert [e.data["added"] for e in evidence.entries(events=["inventory.imported"])] == [1000, 1000, 500]
    assert inventory.find_by_hostname("h0000").depends_on == (inventory.find_by_hostname("h0001").id,)
    assert {row.kind for row in plan(data).rows} == {inventory.RowKind.UNCHANGED}
    assert time.monotonic() - began < 60


def test_what_a_killed_import_left_undone_is_done_by_the_same_file(keep):
    data = b"hostname,category\n" + b"".join(b"h%04d,crma\n" % n for n in range(1200))
    first = b"hostname,category\n" + b"".join(b"h%04d,crma\n" % n for n in range(1000))
    inventory.apply_import(plan(first), file=first, **keep)
    result = inventory.apply_import(plan(data), file=data, **keep)
    assert (result.added, result.unchanged) == (200, 1000)


def test_a_full_disk_leaves_nothing(keep, data_dir):
    (data_dir / "objects").write_bytes(b"")  # a file where the store's folder should be: no write succeeds
    assert codes(inventory.apply_import, plan(), file=GOOD, **keep) == ("store.failed",)
    assert inventory.assets() == []
    assert evidence.head().size == 0


def test_a_windows_pc_comes_in_and_gets_its_account_later(keep):
    bare = b"hostname,category,ip\r\npc01,crma,192.0.2.7\r\n"
    inventory.apply_import(plan(bare), file=bare, **keep)
    (before,) = inventory.assets()[0].connections
    assert inventory.may_connect(before).codes[0] == "target_account.missing"
    named = b"hostname,ip,account\r\npc01,192.0.2.7,maint\r\n"
    inventory.apply_import(plan(named), file=named, **keep)
    (after,) = inventory.assets()[0].connections
    assert (after.id, after.target_account) == (before.id, "maint")
