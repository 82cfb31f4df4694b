"""CSV for any inventory: an export changes nothing, a plan is the same twice, no input crashes the reader."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.inventory.planning import RowKind, export_rows, make_plan
from quarterdeck.inventory.recurrence import Recurrence
from quarterdeck.inventory.rules import check_asset, check_connection
from quarterdeck.inventory.sheet import FORMULA_STARTS, read_sheet, undo_defuse, write_sheet
from quarterdeck.inventory.terms import (
    AssetCategory,
    AssetKind,
    AssetView,
    ConnectionFields,
    ConnectionView,
    Criticality,
    Elevation,
    Environment,
    Method,
)
from quarterdeck.kernel.decision import ALLOWED, Refused

PEOPLE = {f"p{n}@example.test": f"pe_{n}" for n in range(4)}


class Roster:
    def person_of(self, email):
        return PEOPLE.get(email)

    def email_of(self, person_id):
        return next((mail for mail, person in PEOPLE.items() if person == person_id), "")


ROSTER = Roster()
hostnames = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,4})?(\.[a-z]{2,4})?", fullmatch=True)
letters = st.characters(exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
texts = st.text(st.sampled_from("=+-@'\";,| ab\xe4\xdf\u5de5") | letters, max_size=12).map(str.strip)
windows = st.none() | st.builds(
    Recurrence,
    st.sampled_from(["FREQ=DAILY;BYHOUR=3", "FREQ=WEEKLY;BYDAY=SA,SU;BYHOUR=22;BYMINUTE=15"]),
    st.integers(1, 10_080),
    st.sampled_from(["UTC", "America/Chicago"]),
    st.dates(),
)
connections = st.builds(
    ConnectionFields,
    address=st.sampled_from(["192.0.2.1", "fd00::1", "files01.example"]),
    target_account=st.sampled_from(["maint", "svc_patch"]),
    port=st.integers(1, 65535),
    host_identity=st.sampled_from(["", "ssh-ed25519 " + "A" * 68, "@cert-authority ssh-ed25519 " + "B" * 68]),
    elevation=st.sampled_from(["none", "sudo"]),
    watched_roots=st.lists(st.sampled_from(["/etc", "/srv/app", "/opt"]), unique=True).map(tuple),
)


@st.composite
def assets(draw):
    category = draw(st.sampled_from(list(AssetCategory)))
    reason = draw(texts)
    view = AssetView(
        id="as_x",
        hostname=draw(hostnames),
        title=draw(texts),
        owner=draw(st.sampled_from(["", *PEOPLE.values()])),
        category=category,
        category_reason=reason or ("kept apart" if category is AssetCategory.OUT_OF_SCOPE else ""),
        handles_cui=category is AssetCategory.CUI_ASSET
        or (category is AssetCategory.SPECIALIZED and draw(st.booleans())),
        location=draw(texts),
        criticality=draw(st.sampled_from(list(Criticality))),
        environment=draw(st.sampled_from(list(Environment))),
        operating_system=draw(texts),
        firmware=draw(texts),
        patch_level=draw(texts),
        maintenance_window=draw(windows),
        asset_kind=draw(st.sampled_from(list(AssetKind))),
        depends_on=(),
        active=True,
        version=draw(st.integers(1, 5)),
    )
    assert check_asset(view.fields).allowed
    return view, draw(st.none() | connections)


@st.composite
def inventories(draw):
    drawn = draw(st.lists(assets(), max_size=6, unique_by=lambda pair: pair[0].hostname))
    views = []
    for number, (view, link) in enumerate(drawn):
        reached = ()
        if link is not None:
            assert check_connection(link).allowed
            reached = (
                ConnectionView(
                    f"co_{number}", f"as_{number}", Method.SSH, link.address, link.port, link.host_identity,
                    link.target_account, Elevation(link.elevation), link.watched_roots,
                ),
            )  # fmt: skip
        others = [f"as_{other}" for other in range(len(drawn)) if other != number]
        needs = draw(st.lists(st.sampled_from(others), unique=True)) if others else []
        views.append(replace(view, id=f"as_{number}", connections=reached, depends_on=tuple(sorted(needs))))
    return tuple(views)


@settings(max_examples=80, deadline=None)
@given(inventories())
def test_an_export_imported_again_changes_nothing(existing):
    made = make_plan(export_rows(existing, ROSTER.email_of), None, existing, ROSTER)
    assert made.errors == ()
    assert len(made.rows) == len(existing)
    assert {row.kind for row in made.rows} <= {RowKind.UNCHANGED}


@settings(max_examples=60, deadline=None)
@given(inventories())
def test_an_export_imported_into_an_empty_inventory_gives_the_same_assets(existing):
    made = make_plan(export_rows(existing, ROSTER.email_of), None, (), ROSTER)
    assert made.errors == ()
    names = {one.id: one.hostname for one in existing}
    wanted = {one.hostname: one for one in existing}
    for row in made.rows:
        assert row.kind is RowKind.ADD
        assert replace(wanted[row.hostname].fields, depends_on=()) == row.fields
        assert row.needs == tuple(sorted(names[one] for one in wanted[row.hostname].depends_on))
        reached = wanted[row.hostname].connections
        assert row.connection == (reached[0].fields if reached else None)


@settings(max_examples=40, deadline=None)
@given(inventories(), st.booleans())
def test_a_plan_made_twice_is_the_same_plan(existing, skip):
    data = export_rows(existing, ROSTER.email_of)
    one = make_plan(data, None, existing[1:], ROSTER, skip_bad_rows=skip)
    assert one == make_plan(data, None, existing[1:], ROSTER, skip_bad_rows=skip)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(texts.filter(bool), texts), min_size=1, max_size=6))
def test_no_written_cell_runs_and_every_cell_reads_back(rows):
    sheet = read_sheet(write_sheet(["hostname", "title"], rows), ["hostname", "title"])
    raw = [list(row.cells) for row in sheet.rows]
    assert not any(cell[:1] and cell[0] in FORMULA_STARTS for row in raw for cell in row)
    assert [tuple(undo_defuse(cell)[0] for cell in row) for row in raw] == rows


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_bytes_are_read_or_refused_with_a_sentence(data):
    for head in (b"", b"hostname,category,port,window_rule,depends_on\r\n", b"hostname;owner\n"):
        decision, made = _plan_or_refusal(head + data)
        assert all(reason.sentence and reason.next_step for reason in decision.reasons)
        if made is not None:
            assert all(error.line >= 1 and error.sentence and error.next_step for error in made.errors)
            assert all(check_asset(row.fields).allowed for row in made.rows)


def _plan_or_refusal(data):
    try:
        return ALLOWED, make_plan(data, None, (), ROSTER)
    except Refused as refusal:
        return refusal.decision, None
