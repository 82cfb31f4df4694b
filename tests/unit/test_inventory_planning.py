"""The plan of an import: columns, differences, errors by line and column, what is left alone."""

from dataclasses import replace

import pytest

from quarterdeck.inventory.columns import map_columns
from quarterdeck.inventory.planning import RowKind, export_rows, make_plan, may_apply, state_of
from quarterdeck.inventory.terms import AssetView, ConnectionView, Elevation, Method
from quarterdeck.kernel.decision import Refused

BY_SSH = ConnectionView("co_1", "as_web", Method.SSH, "192.0.2.1", 22, "", "maint", Elevation.SUDO, ("/etc",))
WEB = AssetView(
    id="as_web", hostname="web01", title="Web", owner="pe_iris", category="cui_asset", category_reason="",
    handles_cui=True, location="Rack 1", criticality="high", environment="production", operating_system="Debian 12",
    firmware="", patch_level="12.5", maintenance_window=None, asset_kind="server", depends_on=(), active=True,
    version=3, connections=(BY_SSH,),
)  # fmt: skip


class Roster:
    """A real, small owner directory."""

    people = {"iris@example.test": "pe_iris", "casey@example.test": "pe_casey"}

    def person_of(self, email):
        return self.people.get(email.lower())

    def email_of(self, person_id):
        return next((mail for mail, person in self.people.items() if person == person_id), "")


def plan(text, existing=(WEB,), mapping=None, **options):
    return make_plan(text, mapping, existing, Roster(), **options)


def problems(text, **options):
    return [(e.line, e.column, e.code) for e in plan(text, **options).errors]


def test_a_new_a_changed_and_an_unchanged_row():
    made = plan("hostname,category,location\nweb01,cui_asset,Rack 2\nnew01,crma,\n")
    assert [(row.hostname, row.kind) for row in made.rows] == [("web01", RowKind.CHANGE), ("new01", RowKind.ADD)]
    assert [(d.field, d.old, d.new) for d in made.rows[0].differences] == [("location", "Rack 1", "Rack 2")]
    assert plan("hostname,location\nweb01,Rack 1\n").rows[0].kind is RowKind.UNCHANGED


def test_columns_are_guessed_and_the_guesses_said():
    made = plan("Computer Name;CUI;Owner E-Mail;Shoe Size\nweb01;yes;iris@example.test;43\n")
    assert [column.field for column in made.columns] == ["hostname", "handles_cui", "owner", ""]
    assert any("Ignored columns: Shoe Size" in notice for notice in made.notices)
    assert any("Computer Name as hostname" in notice for notice in made.notices)
    assert made.rows[0].kind is RowKind.UNCHANGED


def test_an_explicit_mapping_wins_and_can_ignore():
    mapping = {"machine": "hostname", "Title": "", "room": "location"}
    made = plan("machine,title,room\nweb01,ignored,Rack 9\n", mapping=mapping)
    assert [d.field for d in made.rows[0].differences] == ["location"]
    assert not any(column.guessed for column in made.columns)


@pytest.mark.parametrize(
    ("header", "mapping", "code"),
    [
        (("title",), None, "csv.missing_column"),
        (("hostname", "host"), None, "csv.duplicate_field"),
        (("hostname",), {"room": "location"}, "mapping.unknown_column"),
        (("hostname", "x"), {"x": "colour"}, "mapping.unknown_field"),
        (("hostname",), {"hostname": ""}, "csv.missing_column"),
    ],
)
def test_a_mapping_that_cannot_be(header, mapping, code):
    with pytest.raises(Refused) as caught:
        map_columns(header, mapping)
    assert caught.value.decision.codes == (code,)


def test_words_of_everyday_are_understood():
    made = plan("hostname,category,criticality,environment,asset_kind\nfw01,SPA,Medium,Prod,Firewall\n")
    fields = made.rows[0].fields
    assert (fields.category, fields.criticality, fields.environment, fields.asset_kind) == (
        "security_protection", "moderate", "production", "network",
    )  # fmt: skip


def test_a_new_cui_asset_handles_cui_without_being_told():
    assert plan("hostname,category\nfs01,CUI Asset\n").rows[0].fields.handles_cui


def test_upper_case_host_names_of_windows_are_lowered():
    assert plan("hostname,location\nWEB01,Rack 2\n").rows[0].asset_id == "as_web"


def test_an_owner_is_found_by_mail_and_shown_by_mail():
    made = plan("hostname,owner\nweb01,Casey@example.test\n")
    assert made.rows[0].fields.owner == "pe_casey"
    assert made.rows[0].differences[0].old == "iris@example.test"
    assert made.rows[0].differences[0].new == "casey@example.test"


def test_an_unknown_owner_is_an_error_with_line_and_column():
    error = plan("host,Contact\nweb01,nobody@example.test\n").errors[0]
    assert (error.line, error.column, error.code) == (2, "Contact", "owner.not_on_roster")
    assert "nobody@example.test" in error.sentence
    assert error.next_step


def test_an_empty_cell_clears_a_text_and_keeps_a_choice():
    row = plan("hostname,location,owner,criticality,category\nweb01,,,,\n").rows[0]
    assert {d.field for d in row.differences} == {"location", "owner"}
    assert row.fields.criticality == "high"


def test_a_missing_column_keeps_everything():
    assert plan("hostname\nweb01\n").rows[0].kind is RowKind.UNCHANGED


def test_a_new_asset_needs_a_category():
    assert problems("hostname\nnew01\n") == [(2, "category", "category.missing")]


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ("-oProxyCommand=calc,cui_asset", "hostname.grammar"),
        ("web 01,cui_asset", "hostname.grammar"),
        ("=cmd|calc,cui_asset", "hostname.grammar"),
        ('"web01\nProxyCommand x",cui_asset', "hostname.grammar"),
        ("w\u0435b01,cui_asset", "hostname.grammar"),
        ("\u212aelvin,cui_asset", "hostname.grammar"),
        (",cui_asset", "hostname.grammar"),
        ("new01,secret", "category.choice"),
    ],
)
def test_bad_cells_are_errors_of_their_row(cells, code):
    assert code in [found[2] for found in problems(f"hostname,category\n{cells}\n")]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("=cmd|'/C calc'!A0", "cell.formula"),
        ("@SUM(1)", "cell.formula"),
        ("a\u202eb", "location.characters"),
        ('"a\nb"', "location.characters"),
        ("x" * 121, "location.long"),
        ("x" * 5000, "cell.long"),
    ],
)
def test_free_text_that_may_not_stand(cell, code):
    assert problems(f"hostname,location\nweb01,{cell}\n") == [(2, "location", code)]


def test_an_apostrophe_lets_a_formula_stand_as_text():
    assert plan("hostname,location\nweb01,'=1+1\n").rows[0].fields.location == "=1+1"


def test_a_row_with_too_few_or_too_many_cells_is_an_error():
    found = problems("hostname,title,location\nweb01,x\nweb02,a,b,c\n")
    assert [(line, code) for line, _, code in found] == [(2, "row.cells"), (3, "row.cells")]


def test_the_second_of_two_rows_for_one_host_is_an_error():
    assert problems("hostname,category\nnew01,crma\nNEW01,crma\n") == [(3, "hostname", "hostname.twice")]


def test_a_connection_is_added_with_its_row():
    row = plan("hostname,category,ip,account\ndb01,crma,192.0.2.7,root\n").rows[0]
    assert (row.connection.address, row.connection.port, row.connection.elevation) == ("192.0.2.7", 22, "root")


def test_a_connection_changes_only_where_the_row_says_so():
    row = plan("hostname,port\nweb01,2222\n").rows[0]
    assert row.connection_id == "co_1"
    assert row.connection.watched_roots == ("/etc",)
    assert [(d.field, d.old, d.new) for d in row.differences] == [("port", "22", "2222")]


def test_an_address_comes_in_without_account():
    row = plan("hostname,category,address\npc01,crma,192.0.2.7\n").rows[0]
    assert (row.connection.address, row.connection.target_account, row.connection.elevation) == (
        "192.0.2.7",
        "",
        "none",
    )


def test_an_account_without_address_is_an_error():
    assert [code for _, _, code in problems("hostname,category,account\ndb01,crma,maint\n")] == ["address.grammar"]


def test_an_ignored_column_with_a_near_name_says_how_to_map_it():
    told = " ".join(plan("hostname,Kategory,Shoe size\nweb01,crma,42\n").notices)
    assert "Kategory (did you mean category? Then --map Kategory=category), Shoe size." in told


def test_several_connections_are_not_guessed_at():
    second = replace(WEB.connections[0], id="co_2", address="192.0.2.2")
    two = replace(WEB, connections=(*WEB.connections, second))
    assert problems("hostname,port\nweb01,2222\n", existing=(two,)) == [(2, "address", "address.ambiguous")]
    row = plan("hostname,address,account,port\nweb01,192.0.2.2,maint,2222\n", existing=(two,)).rows[0]
    assert row.connection_id == "co_2"


@pytest.mark.parametrize(
    ("header", "cell", "code"),
    [
        ("port", "22a", "port.number"),
        ("port", "\u0662\u0662", "port.number"),
        ("port", "70000", "port.range"),
        ("handles_cui", "perhaps", "handles_cui.flag"),
        ("watched_roots", "/etc ../x", "watched_roots.grammar"),
        ("host_identity", "ssh-dss AAAA", "host_identity.grammar"),
        ("elevation", "pkexec", "elevation.choice"),
    ],
)
def test_cells_that_do_not_fit_their_column(header, cell, code):
    assert (2, header, code) in problems(f"hostname,{header}\nweb01,{cell}\n")


def test_a_window_has_four_columns():
    header = "hostname,window_rule,window_minutes,window_zone,window_starts_on"
    row = plan(f"{header}\nweb01,FREQ=WEEKLY;BYDAY=SA;BYHOUR=22,240,Europe/Berlin,2026-11-02\n").rows[0]
    assert row.fields.maintenance_window.minutes == 240
    assert problems(f"{header}\nweb01,every saturday,240,Berlin,soon\n") == [
        (2, "window_rule", "maintenance_window.rule"),
        (2, "window_starts_on", "window_starts_on.date"),
        (2, "window_zone", "maintenance_window.zone"),
    ]


def test_dependencies_may_name_rows_of_the_same_file_in_any_order():
    made = plan("hostname,category,depends_on\napp01,crma,db01 web01\ndb01,crma,\n")
    assert not made.errors
    assert made.rows[0].needs == ("db01", "web01")


def test_an_unknown_dependency_takes_down_those_that_need_its_row():
    found = problems("hostname,category,depends_on\na01,crma,b01\nb01,crma,nowhere\nc01,crma,web01\n")
    assert [(line, code) for line, _, code in found] == [(2, "depends_on.not_listed"), (3, "depends_on.not_listed")]


def test_an_asset_does_not_depend_on_itself():
    assert problems("hostname,depends_on\nweb01,web01\n") == [(2, "depends_on", "depends_on.self")]


def test_one_bad_row_stops_the_import_unless_told_otherwise():
    text = "hostname,category\nnew01,crma\n-x,crma\n"
    made = plan(text)
    decision = may_apply(made, made.state)
    assert decision.codes == ("import.bad_rows",)
    assert "line 3" in decision.reasons[0].sentence
    told = plan(text, skip_bad_rows=True)
    assert may_apply(told, told.state).allowed
    assert [row.hostname for row in told.rows] == ["new01"]


def test_a_plan_for_another_inventory_is_stale():
    made = plan("hostname,location\nweb01,Rack 2\n")
    assert may_apply(made, state_of({"as_web": 4})).codes == ("import.stale",)
    assert may_apply(made, state_of({"as_web": 3})).allowed


def test_the_token_names_file_inventory_mapping_and_choice():
    text = "hostname,location\nweb01,Rack 2\n"
    one = plan(text).token
    assert plan(text).token == one
    others = {
        plan(text + " ").token,
        plan(text, existing=(replace(WEB, version=4),)).token,
        plan(text, mapping={"location": "title"}).token,
        plan(text, skip_bad_rows=True).token,
    }
    assert one not in others
    assert len(others) == 4


def test_assets_that_the_file_does_not_name_stay():
    made = plan("hostname,category\nnew01,crma\n")
    assert any("1 asset of the inventory not in this file" in notice for notice in made.notices)


def test_an_export_read_again_changes_nothing():
    other = replace(WEB, id="as_2", hostname="app01", depends_on=("as_web",), connections=(), title="=not a formula")
    data = export_rows((WEB, other), Roster().email_of)
    made = plan(data, existing=(WEB, other))
    assert made.errors == ()
    assert {row.kind for row in made.rows} == {RowKind.UNCHANGED}
    assert b"'=not a formula" in data
