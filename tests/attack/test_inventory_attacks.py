"""attacks.md rows 3, 12, 22 and 28 against the inventory: hostile files, meanings that move, hand-written rows."""

import codecs

import pytest
from tests.clock import StillClock

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.guard import open_guard
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import AssetFields, ConnectionFields
from quarterdeck.inventory.models import Asset, Connection, EntryPoint
from quarterdeck.kernel.actors import Actor, ActorKind

pytestmark = pytest.mark.django_db
IRIS = Actor("pe_iris", ActorKind.PERSON, "mfa")
KEY, OTHER_KEY = ("ssh-ed25519 " + letter * 68 for letter in "AB")


class Nobody:
    def person_of(self, email):
        return None

    def email_of(self, person_id):
        return ""


@pytest.fixture
def keep(clock: StillClock):
    return {"actor": IRIS, "clock": clock}


@pytest.fixture
def files(keep):
    asset = inventory.add_asset(AssetFields("files01", "cui_asset", handles_cui=True), **keep)
    fields = ConnectionFields("192.0.2.10", "maint", host_identity=KEY, watched_roots=("/etc",))
    inventory.set_connection(asset.id, fields, **keep)
    return inventory.asset(asset.id)


HOSTILE_CELLS = [
    ("hostname", "-oProxyCommand=touch /tmp/x"),
    ("hostname", "--"),
    ("hostname", "x\nProxyCommand=y"),
    ("hostname", "x\r\nMatch all"),
    ("hostname", "x;reboot"),
    ("hostname", "$(reboot)"),
    ("hostname", "`reboot`"),
    ("hostname", "x\u202etxt.exe"),
    ("hostname", "w\u0435b01"),
    ("address", "-oProxyCommand=touch /tmp/x"),
    ("address", "192.0.2.1\nHost *"),
    ("address", "192.0.2.1 -p 22"),
    ("target_account", "-oProxyCommand=x"),
    ("target_account", "root\nx"),
    ("target_account", "maint@evil"),
    ("host_identity", f"{KEY}\n* {OTHER_KEY}"),
    ("host_identity", f"*,evil {KEY}"),
    ("watched_roots", "/etc/$(reboot)"),
    ("watched_roots", "/etc/../../root"),
    ("title", "=cmd|'/C calc'!A0"),
    ("title", "\t=1+1\u2028"),
    ("location", "+SUM(1)"),
    ("location", "-2+3+cmd|x"),
    ("operating_system", "@SUM(1)"),
    ("firmware", "\uff1d1+1"),
    ("patch_level", "a\x1b]52;c;eA==\x07"),
    ("category_reason", "x\x9b31m"),
]


def row_with(field, cell):
    values = {"hostname": "new01", "category": "crma", "address": "192.0.2.7", "target_account": "maint"} | {
        field: cell
    }
    quoted = ['"' + value.replace('"', '""') + '"' for value in values.values()]
    return (",".join(values) + "\r\n" + ",".join(quoted) + "\r\n").encode()


@pytest.mark.parametrize(("field", "cell"), HOSTILE_CELLS)
def test_a_hostile_cell_never_gets_in(field, cell, keep):
    data = row_with(field, cell)
    made = inventory.plan_import(data, None, Nobody(), skip_bad_rows=True)
    assert [error.line for error in made.errors][:1] == [2]
    assert all(error.sentence and error.next_step for error in made.errors)
    inventory.apply_import(made, file=data, **keep)
    assert inventory.assets() == []


@pytest.mark.parametrize(("field", "cell"), HOSTILE_CELLS)
def test_an_error_shows_no_raw_control_character(field, cell):
    made = inventory.plan_import(row_with(field, cell), None, Nobody())
    shown = "".join(error.sentence for error in made.errors)
    assert shown.isprintable()


def test_what_does_get_in_runs_in_no_spreadsheet(keep):
    data = codecs.BOM_UTF8 + b"hostname,category,title\r\nnew01,crma,'=cmd|'/C calc'!A0\r\n"
    inventory.apply_import(inventory.plan_import(data, None, Nobody()), file=data, **keep)
    assert inventory.find_by_hostname("new01").title == "=cmd|'/C calc'!A0"
    exported = inventory.export_csv(lambda person: "").decode("utf-8-sig")
    assert ",'=cmd|'/C calc'!A0," in exported


MOVED = [
    (Connection, {"address": "192.0.2.66"}),
    (Connection, {"port": 2222}),
    (Connection, {"host_identity": OTHER_KEY}),
    (Connection, {"target_account": "backdoor"}),
    (Connection, {"watched_roots": []}),
    (Asset, {"category": "specialized"}),
    (Asset, {"hostname": "files02"}),
    (Asset, {"owner": "pe_max"}),
    (Asset, {"active": False}),
    (Asset, {"version": 9}),
]


@pytest.mark.parametrize(("model", "values"), MOVED)
def test_a_row_changed_by_hand_does_not_match_the_ledger(model, values, files):
    assert inventory.check_row(files.id, files.connections[0].id).allowed
    with open_guard():
        model.objects.update(**values)
    decision = inventory.check_row(files.id, files.connections[0].id)
    assert decision.codes in {("asset.unsealed",), ("connection.unsealed",)}


def test_a_row_written_by_hand_is_of_no_entry(files, clock):
    with open_guard():
        forged = Connection.objects.get()
        forged.pk, forged.address = "co_forged", "192.0.2.66"
        forged.save(force_insert=True)
        EntryPoint.objects.create(
            id="ep_forged", kind="rmm", name="x", mfa="enforced", added_at=clock.now(), changed_at=clock.now()
        )
    assert inventory.check_row(files.id, "co_forged").codes == ("connection.unsealed",)
    assert inventory.check_entry_point_row("ep_forged").codes == ("entry_point.unsealed",)
    assert inventory.check_row("as_none").codes == ("asset.unsealed",)


def test_a_connection_cannot_be_passed_off_as_another_assets(files, keep):
    other = inventory.add_asset(AssetFields("app01", "contractor_risk_managed"), **keep)
    with open_guard():
        Connection.objects.update(asset_id=other.id)
    assert inventory.check_row(other.id, files.connections[0].id).codes == ("connection.unsealed",)


def test_what_the_names_mean_is_in_what_is_frozen(files, keep):
    link = files.connections[0]
    before = inventory.frozen_asset(files.id, link.id)
    moved = ConnectionFields("192.0.2.66", "maint", host_identity=OTHER_KEY, watched_roots=("/etc",))
    inventory.set_connection(files.id, moved, connection_id=link.id, **keep)
    assert inventory.frozen_asset(files.id, link.id) != before


def test_a_digest_does_not_let_anyone_guess_the_row(files, keep):
    twin = inventory.add_asset(AssetFields("files02", "cui_asset", handles_cui=True), **keep)
    digests = [entry.data["row"] for entry in evidence.entries(events=["asset.added"])]
    assert len(set(digests)) == 2
    plain = evidence.row_digest({"hostname": "files02", "category": "cui_asset"})
    assert plain not in digests
    assert Asset.objects.get(id=twin.id).salt != Asset.objects.get(id=files.id).salt
