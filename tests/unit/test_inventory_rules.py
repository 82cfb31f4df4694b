"""What may stand in the inventory: names, categories, connections, entry points."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from quarterdeck.inventory.rules import (
    check_asset,
    check_connection,
    check_entry_point,
    gaps_of,
    may_connect,
    may_keep,
    text_problem,
)
from quarterdeck.inventory.terms import (
    AssetFields,
    ConnectionFields,
    ConnectionView,
    EntryPointFields,
    EntryPointKind,
    EntryPointView,
    SecondFactor,
)
from quarterdeck.kernel.actors import OPERATOR, Actor, ActorKind, system

FILE_SERVER = AssetFields(hostname="files01", category="cui_asset", handles_cui=True, owner="pe_casey")
BY_SSH = ConnectionFields("192.0.2.10", "maint", elevation="sudo", watched_roots=("/etc", "/srv/app"))
KEY = "ssh-ed25519 " + "A" * 68
RMM = EntryPointFields("rmm", "Remote agent", "enforced", "idle 15 min", "vendor log", "pe_iris", date(2027, 1, 1))
TODAY = date(2026, 11, 23)


def test_a_well_formed_asset_may_stand():
    assert check_asset(FILE_SERVER).allowed


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-oProxyCommand=calc",
        "web01 ",
        "web 01",
        "Web01",
        "web01\n",
        "web_01",
        "web01;reboot",
        "web01.",
        "$(id)",
        "\u202eweb",
        "w\u0435b",
        "10.0.0.5",
        "127.1",
        "0x7f.1",
        "0x7f",
        "a" * 64,
        "a." * 127 + "b",
    ],
)
def test_a_host_name_is_a_host_name(name):
    assert "hostname.grammar" in check_asset(replace(FILE_SERVER, hostname=name)).codes


@pytest.mark.parametrize("name", ["web01", "a", "fs-2.corp.example.com", "3dprinter", "0xcafe.example"])
def test_ordinary_host_names_pass(name):
    assert check_asset(replace(FILE_SERVER, hostname=name)).allowed


def test_every_refusal_names_its_field_and_a_next_step():
    bad = AssetFields("-x", "secret", title="a\nb", criticality="huge", environment="moon", asset_kind="ufo")
    codes = check_asset(bad).codes
    fields = {code.partition(".")[0] for code in codes}
    assert fields == {"hostname", "category", "title", "criticality", "environment", "asset_kind"}
    assert all(reason.next_step for reason in check_asset(bad).reasons)


@pytest.mark.parametrize(
    ("category", "handles_cui", "reason", "codes"),
    [
        ("cui_asset", True, "", ()),
        ("cui_asset", False, "", ("handles_cui.missing",)),
        ("security_protection", False, "", ()),
        ("security_protection", True, "", ("handles_cui.category",)),
        ("contractor_risk_managed", False, "", ()),
        ("contractor_risk_managed", True, "", ("handles_cui.category",)),
        ("specialized", True, "", ()),
        ("specialized", False, "", ()),
        ("out_of_scope", False, "no CUI, own VLAN", ()),
        ("out_of_scope", False, "", ("category_reason.missing",)),
        ("out_of_scope", True, "x", ("handles_cui.category",)),
    ],
)
def test_category_and_cui_agree(category, handles_cui, reason, codes):
    fields = AssetFields("web01", category, handles_cui=handles_cui, category_reason=reason)
    assert check_asset(fields).codes == codes


@pytest.mark.parametrize(
    "text", ["a\x00b", "a\tb", "a\x1b[31m", "a\u2028b", "a\u202eb", "a\u200bb", "\ufeffa", " a", "a "]
)
def test_text_is_one_line_without_invisible_characters(text):
    assert text_problem(text)


@pytest.mark.parametrize("text", ["", "Büro 3, links", "工場", "=1+1", "C:\\Data", "a 'quoted' word"])
def test_ordinary_text_passes(text):
    assert not text_problem(text)


def test_text_is_bounded():
    assert check_asset(replace(FILE_SERVER, title="x" * 121)).codes == ("title.long",)


def test_an_owner_is_a_person_id():
    assert check_asset(replace(FILE_SERVER, owner="casey@example.test")).codes == ("owner.grammar",)


def test_dependencies_are_ids_each_once():
    assert check_asset(replace(FILE_SERVER, depends_on=("as_1", "as_1"))).codes == ("depends_on.list",)
    assert check_asset(replace(FILE_SERVER, depends_on=("web01",))).codes == ("depends_on.list",)


def test_a_well_formed_connection_may_stand():
    assert check_connection(BY_SSH).allowed
    assert check_connection(replace(BY_SSH, host_identity=KEY, address="fd00::1")).allowed
    assert check_connection(replace(BY_SSH, host_identity=f"@cert-authority {KEY}")).allowed


@pytest.mark.parametrize(
    "address",
    ["", "-oProxyCommand=x", "192.0.2.10 ", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "fe80::1",  # noqa: S104
     "fe80::1%eth0", "10.1", "0x7f000001", "a b", "web01\nProxyCommand x", "[::1]", "192.0.2.10:22", "user@host"],
)  # fmt: skip
def test_an_address_is_one_machine(address):
    assert check_connection(replace(BY_SSH, address=address)).codes == ("address.grammar",)


@pytest.mark.parametrize("account", ["-l", "Root", "ma int", "maint\n", "a" * 33, "1st", "$USER"])
def test_an_account_is_a_login_name(account):
    assert check_connection(replace(BY_SSH, target_account=account)).codes == ("target_account.grammar",)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_exists(port):
    assert check_connection(replace(BY_SSH, port=port)).codes == ("port.range",)


@pytest.mark.parametrize("identity", ["ssh-ed25519", f"{KEY} comment", f"{KEY}\n{KEY}", "ssh-dss AAAA", f"* {KEY}"])
def test_a_host_identity_is_one_key_without_comment(identity):
    assert check_connection(replace(BY_SSH, host_identity=identity)).codes == ("host_identity.grammar",)


@pytest.mark.parametrize("root", ["etc", "/etc/../root", "/etc /x", "/etc;id", "/etc\n", "~/x", "/$HOME"])
def test_a_watched_folder_is_a_plain_absolute_path(root):
    assert check_connection(replace(BY_SSH, watched_roots=(root,))).codes == ("watched_roots.grammar",)


def test_root_and_elevation_agree():
    assert check_connection(replace(BY_SSH, target_account="root")).codes == ("elevation.contradiction",)
    assert check_connection(replace(BY_SSH, elevation="root")).codes == ("elevation.contradiction",)
    assert check_connection(replace(BY_SSH, target_account="root", elevation="root")).allowed


def test_nothing_opens_without_a_pinned_host_key():
    view = ConnectionView("co_1", "as_1", BY_SSH.method, BY_SSH.address, 22, "", "maint", BY_SSH.elevation, ())
    assert may_connect(view).codes == ("host_identity.missing",)
    assert may_connect(replace(view, host_identity=KEY)).allowed


def test_only_a_person_keeps_the_inventory():
    assert may_keep(Actor("pe_iris", ActorKind.PERSON)).allowed
    assert may_keep(OPERATOR).codes == ("actor.not_a_person",)
    assert may_keep(system("ticker")).codes == ("actor.not_a_person",)


def test_a_complete_entry_point_may_stand():
    assert check_entry_point(RMM).allowed


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kind": "backdoor"}, "kind.choice"),
        ({"mfa": "sometimes"}, "mfa.choice"),
        ({"mfa": "not_applicable"}, "mfa.not_applicable"),
        ({"name": ""}, "name.missing"),
        ({"name": "a\u202eb"}, "name.characters"),
        ({"termination": "x" * 401}, "termination.long"),
        ({"owner": "Iris"}, "owner.grammar"),
        ({"assets": ("as_1", "as_1")}, "assets.list"),
    ],
)
def test_an_entry_point_that_may_not_stand(change, code):
    assert code in check_entry_point(replace(RMM, **change)).codes


def test_a_panel_has_no_second_factor():
    assert check_entry_point(replace(RMM, kind="panel", mfa="not_applicable")).allowed


def seen(**change):
    view = EntryPointView(
        "ep_1", EntryPointKind.RMM, "Agent", SecondFactor.ENFORCED, "idle", "log", "pe_iris", date(2027, 1, 1), (),
        True, 1, datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    return replace(view, **change)


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({}, ()),
        ({"mfa": SecondFactor.MISSING}, ("mfa.gap",)),
        ({"termination": ""}, ("termination.gap",)),
        ({"log_source": ""}, ("log_source.gap",)),
        ({"owner": ""}, ("owner.gap",)),
        ({"review_due": None}, ("review_due.gap",)),
        ({"review_due": date(2026, 11, 22)}, ("review_due.gap",)),
        ({"review_due": TODAY}, ()),
        ({"review_due": date(2028, 1, 1)}, ("review_due.far",)),
    ],
)
def test_what_an_entry_point_lacks_is_a_gap(change, codes):
    assert gaps_of(seen(**change), TODAY).codes == codes


def test_an_address_without_account_stands_but_nothing_opens_over_it():
    assert check_connection(replace(BY_SSH, target_account="")).allowed
    view = ConnectionView("co_1", "as_1", BY_SSH.method, BY_SSH.address, 22, KEY, "", "none", ())
    assert may_connect(view).codes == ("target_account.missing",)
