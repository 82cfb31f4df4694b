"""Assets, connections and entry points through the inventory's verbs: rows, entries, digests, constraints."""

from dataclasses import replace
from datetime import date

import pytest
from django.db import IntegrityError
from tests.clock import StillClock

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.guard import open_guard
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import AssetFields, ConnectionFields, EntryPointFields
from quarterdeck.inventory.models import Asset, Connection, EntryPoint
from quarterdeck.kernel.actors import OPERATOR, Actor, ActorKind, system
from quarterdeck.kernel.decision import Refused

pytestmark = pytest.mark.django_db
IRIS = Actor("pe_iris", ActorKind.PERSON, "mfa")
FILES = AssetFields(hostname="files01", category="cui_asset", handles_cui=True, owner="pe_casey", title="File server")
BY_SSH = ConnectionFields("192.0.2.10", "maint", elevation="sudo", watched_roots=("/etc",))
KEY = "ssh-ed25519 " + "A" * 68


def codes(call, *args, **options):
    with pytest.raises(Refused) as refusal:
        call(*args, **options)
    return refusal.value.decision.codes


@pytest.fixture
def keep(clock: StillClock):
    return {"actor": IRIS, "clock": clock}


@pytest.fixture
def files(keep):
    return inventory.add_asset(FILES, **keep)


def test_an_added_asset_is_read_back(files):
    assert inventory.asset(files.id) == files
    assert inventory.find_by_hostname("FILES01") == files
    assert inventory.assets() == [files]
    assert (files.version, files.active) == (1, True)


def test_an_unknown_asset_is_refused_by_id_and_none_by_name():
    assert codes(inventory.asset, "as_none") == ("asset.unknown",)
    assert codes(inventory.connection, "co_none") == ("connection.unknown",)
    assert inventory.find_by_hostname("nowhere") is None


def test_entries_name_no_host_no_address_and_no_person(files, keep):
    inventory.set_connection(files.id, BY_SSH, **keep)
    inventory.change_asset(files.id, {"location": "Rack 7"}, **keep)
    bodies = b"".join(entry.body for entry in evidence.entries())
    for told in (b"files01", b"192.0.2.10", b"maint", b"Rack 7", b"File server", b"pe_casey", b"/etc"):
        assert told not in bodies


def test_an_entry_says_the_class_openly_and_the_row_as_a_digest(files):
    entry = evidence.last_entry(["asset.added"])
    assert entry.object == evidence.ObjectRef("asset", files.id)
    assert entry.data["category"] == "cui_asset"
    assert entry.data["handles_cui"] is True
    assert len(entry.data["row"]) == 64


def test_a_change_says_which_fields_and_a_digest_of_old_and_new(files, keep):
    changed = inventory.change_asset(files.id, {"location": "Rack 7", "criticality": "high"}, **keep)
    entry = evidence.last_entry(["asset.changed"])
    assert changed.version == 2
    assert sorted(entry.data["fields"]) == ["criticality", "location"]
    assert len(entry.data["change"]) == 64


def test_the_same_values_again_change_nothing(files, keep):
    size = evidence.head().size
    assert inventory.change_asset(files.id, {"title": "File server"}, **keep) == files
    assert evidence.head().size == size


def test_a_bad_change_is_refused_and_nothing_is_written(files, keep):
    size = evidence.head().size
    assert codes(inventory.change_asset, files.id, {"hostname": "-oProxyCommand=x"}, **keep) == ("hostname.grammar",)
    assert codes(inventory.change_asset, files.id, {"colour": "red"}, **keep) == ("asset.unknown_field",)
    assert inventory.asset(files.id) == files
    assert evidence.head().size == size


def test_two_people_editing_lose_nothing(files, keep):
    inventory.change_asset(files.id, {"title": "First"}, expected_version=1, **keep)
    late = codes(inventory.change_asset, files.id, {"title": "Second"}, expected_version=1, **keep)
    assert late == ("asset.changed_meanwhile",)
    assert inventory.asset(files.id).title == "First"


def test_a_host_name_is_taken_once_and_free_again_after_retirement(files, keep):
    assert codes(inventory.add_asset, FILES, **keep) == ("hostname.taken",)
    inventory.retire_asset(files.id, **keep)
    again = inventory.add_asset(FILES, **keep)
    assert again.id != files.id
    assert [one.id for one in inventory.assets()] == [again.id]
    assert len(inventory.assets(include_retired=True)) == 2


def test_a_retired_asset_is_not_changed_and_loses_its_connections(files, keep):
    link = inventory.set_connection(files.id, BY_SSH, **keep)
    retired = inventory.retire_asset(files.id, **keep)
    assert not retired.active
    assert retired.connections == ()
    assert codes(inventory.change_asset, files.id, {"title": "x"}, **keep) == ("asset.retired",)
    assert codes(inventory.set_connection, files.id, BY_SSH, **keep) == ("asset.retired",)
    assert codes(inventory.connection, link.id) == ("connection.unknown",)
    assert [e.event for e in evidence.entries()][-2:] == ["connection.removed", "asset.retired"]


def test_an_asset_that_others_need_is_not_retired(files, keep):
    other = inventory.add_asset(replace(FILES, hostname="app01", depends_on=(files.id,)), **keep)
    assert [one.id for one in inventory.dependants(files.id)] == [other.id]
    assert codes(inventory.retire_asset, files.id, **keep) == ("asset.depended_on",)


def test_dependencies_exist_and_are_others(files, keep):
    assert codes(inventory.change_asset, files.id, {"depends_on": ("as_none",)}, **keep) == ("depends_on.not_listed",)
    assert codes(inventory.change_asset, files.id, {"depends_on": (files.id,)}, **keep) == ("depends_on.not_listed",)


@pytest.mark.parametrize("actor", [OPERATOR, system("ticker")])
def test_only_a_person_writes(actor, clock, files):
    assert codes(inventory.add_asset, FILES, actor=actor, clock=clock) == ("actor.not_a_person",)
    assert codes(inventory.change_asset, files.id, {}, actor=actor, clock=clock) == ("actor.not_a_person",)
    assert codes(inventory.retire_asset, files.id, actor=actor, clock=clock) == ("actor.not_a_person",)
    assert codes(inventory.set_connection, files.id, BY_SSH, actor=actor, clock=clock) == ("actor.not_a_person",)
    assert inventory.asset(files.id) == files


def test_a_connection_is_added_changed_and_removed(files, keep):
    link = inventory.set_connection(files.id, BY_SSH, **keep)
    assert inventory.connection(link.id).address == "192.0.2.10"
    pinned = inventory.set_connection(files.id, replace(BY_SSH, host_identity=KEY), connection_id=link.id, **keep)
    assert pinned.id == link.id
    assert inventory.asset(files.id).connections == (pinned,)
    assert inventory.asset(files.id).version == 3
    entry = evidence.last_entry(["connection.changed"])
    assert entry.data["fields"] == ["host_identity"]
    inventory.remove_connection(link.id, **keep)
    assert inventory.asset(files.id).connections == ()


def test_the_same_connection_twice_is_refused_and_unchanged_is_silent(files, keep):
    link = inventory.set_connection(files.id, BY_SSH, **keep)
    assert codes(inventory.set_connection, files.id, BY_SSH, **keep) == ("connection.twice",)
    size = evidence.head().size
    assert inventory.set_connection(files.id, BY_SSH, connection_id=link.id, **keep) == link
    assert evidence.head().size == size


def test_a_connection_of_another_asset_is_not_changed(files, keep):
    link = inventory.set_connection(files.id, BY_SSH, **keep)
    other = inventory.add_asset(replace(FILES, hostname="app01"), **keep)
    assert codes(inventory.set_connection, other.id, BY_SSH, connection_id=link.id, **keep) == ("connection.unknown",)
    assert codes(inventory.frozen_asset, other.id, link.id) == ("connection.unknown",)


def test_what_is_frozen_holds_what_the_names_mean(files, keep):
    link = inventory.set_connection(files.id, replace(BY_SSH, host_identity=KEY), **keep)
    frozen = inventory.frozen_asset(files.id, link.id)
    assert frozen["category"] == "cui_asset"
    assert frozen["owner"] == "pe_casey"
    assert frozen["connection"]["host_identity"] == KEY
    assert frozen["connection"]["target_account"] == "maint"
    assert "patch_level" not in frozen
    assert inventory.frozen_asset(files.id)["connection"] is None


@pytest.mark.parametrize(
    "change", [{"category": "specialized"}, {"owner": "pe_max"}, {"hostname": "files02"}, {"environment": "staging"}]
)
def test_a_change_of_meaning_shows_in_what_is_frozen(files, keep, change):
    before = inventory.frozen_asset(files.id)
    inventory.change_asset(files.id, change, **keep)
    assert inventory.frozen_asset(files.id) != before


def test_maintenance_itself_does_not_change_what_is_frozen(files, keep):
    before = inventory.frozen_asset(files.id)
    inventory.change_asset(files.id, {"patch_level": "KB5099999", "firmware": "2.1", "location": "Rack 9"}, **keep)
    assert inventory.frozen_asset(files.id) == before


def test_retired_and_removed_show_in_what_is_frozen(files, keep):
    link = inventory.set_connection(files.id, BY_SSH, **keep)
    inventory.retire_asset(files.id, **keep)
    frozen = inventory.frozen_asset(files.id, link.id)
    assert frozen["active"] is False
    assert frozen["connection"]["active"] is False


def test_untouched_rows_are_what_the_ledger_says(files, keep):
    link = inventory.set_connection(files.id, BY_SSH, **keep)
    inventory.change_asset(files.id, {"title": "Files"}, **keep)
    assert inventory.check_row(files.id, link.id).allowed
    inventory.retire_asset(files.id, **keep)
    assert inventory.check_row(files.id, link.id).allowed


def test_a_write_outside_an_act_is_refused(files):
    with pytest.raises(evidence.UnrecordedWrite):
        Asset.objects.filter(id=files.id).update(category="specialized")


@pytest.mark.parametrize(
    "values",
    [
        {"hostname": "-oProxyCommand=x"},
        {"hostname": "FILES02"},
        {"category": "secret"},
        {"category": "security_protection"},
        {"handles_cui": False},
        {"criticality": "huge"},
        {"window_rule": "FREQ=DAILY;BYHOUR=1"},
        {"category": "out_of_scope", "handles_cui": False},
    ],
)
def test_the_database_keeps_its_own_constraints_on_assets(files, values):
    with pytest.raises(IntegrityError), open_guard():
        Asset.objects.filter(id=files.id).update(**values)


@pytest.mark.parametrize(
    "values",
    [{"port": 0}, {"address": "-x"}, {"target_account": "-l"}, {"target_account": "root"}, {"elevation": "root"}],
)
def test_the_database_keeps_its_own_constraints_on_connections(files, keep, values):
    link = inventory.set_connection(files.id, BY_SSH, **keep)
    with pytest.raises(IntegrityError), open_guard():
        Connection.objects.filter(id=link.id).update(**values)


def test_an_entry_point_is_added_changed_and_withdrawn(files, keep):
    point = inventory.add_entry_point(EntryPointFields("rmm", "Remote agent", assets=(files.id,)), **keep)
    assert inventory.entry_points(asset_id=files.id) == [point]
    assert inventory.entry_points(asset_id="as_other") == []
    gaps = inventory.entry_point_gaps(keep["clock"].now())
    assert set(gaps[point.id].codes) == {"mfa.gap", "termination.gap", "log_source.gap", "owner.gap", "review_due.gap"}
    complete = {
        "mfa": "enforced", "termination": "idle after 15 minutes", "log_source": "vendor portal", "owner": "pe_iris",
        "review_due": date(2027, 6, 1),
    }  # fmt: skip
    assert inventory.change_entry_point(point.id, complete, **keep).version == 2
    assert inventory.entry_point_gaps(keep["clock"].now()) == {}
    assert inventory.check_entry_point_row(point.id).allowed
    assert not inventory.withdraw_entry_point(point.id, **keep).active
    assert inventory.entry_points() == []
    assert [e.event for e in evidence.entries(object=evidence.ObjectRef("entry_point", point.id))] == [
        "entry_point.added", "entry_point.changed", "entry_point.withdrawn",
    ]  # fmt: skip


def test_entry_points_that_cannot_be(files, keep):
    inventory.add_entry_point(EntryPointFields("rmm", "Remote agent"), **keep)
    assert codes(inventory.add_entry_point, EntryPointFields("bmc", "Remote agent"), **keep) == ("name.taken",)
    unknown = EntryPointFields("bmc", "Board", assets=("as_none",))
    assert codes(inventory.add_entry_point, unknown, **keep) == ("assets.not_listed",)
    assert codes(inventory.change_entry_point, "ep_none", {}, **keep) == ("entry_point.unknown",)
    assert codes(inventory.entry_point, "ep_none") == ("entry_point.unknown",)


def test_the_database_knows_the_panel_rule(keep):
    point = inventory.add_entry_point(EntryPointFields("panel", "Copier", "not_applicable"), **keep)
    with pytest.raises(IntegrityError), open_guard():
        EntryPoint.objects.filter(id=point.id).update(kind="rmm")
