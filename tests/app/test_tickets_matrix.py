"""Who may do what to a ticket in which state: every verb really called for every role in every state, then undone.

The page docs/reference/authorisation-matrix.md is written from it: QD_TEST_WRITE_DOCS=1 pytest this file.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction
from tests.activity_matrix import target_table
from tests.cast import Member
from tests.clock import StillClock
from tests.monitoring_matrix import ground, plain_table, plan_table, section
from tests.sealing_matrix import sealing_table
from tests.session_matrix import session_section, session_table, who_works_does_not_let_go
from tests.shop import FAST_HASHER, Shop, found_shop

from quarterdeck.access import api as access
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, ArtifactRef
from quarterdeck.evidence.watch import forget
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import OPERATOR, Actor, system
from quarterdeck.kernel.decision import Refused
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.retention import api as retention
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, EmergencyBasis, Reading, State, TicketAsset
from quarterdeck.tools import api as tools

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
PAGE = Path(__file__).resolve().parents[2] / "docs/reference/authorisation-matrix.md"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBERERERERERERERERERERERERERERERERERERERERER"
ROLES = ("requester", "technician", "approver", "cui_owner", "escort", "it_lead", "assessor")
ROSTER = (
    *(Member(role, f"The {role}", (role,)) for role in ROLES),
    Member("bystander", "Another technician", ("technician", "requester")),
)
COLUMNS = (*ROLES, "bystander", "operator", "system")
COLUMN_WORDS = {"cui_owner": "CUI owner", "it_lead": "IT lead"}
TICKER = system("ticker")
Verb = Callable[[Act, "Sight"], object]


@dataclass(frozen=True)
class Sight:
    """The ticket that the verbs are tried on, and what they take."""

    number: str
    view: tickets.TicketView
    frozen: ArtifactRef
    file: ArtifactRef
    ids: Mapping[str, str]
    asset: str


class Undo(Exception):
    """Ends an act without leaving anything."""


REASON = "As the page showed it."


def decide(role: ApprovalRole) -> Verb:
    return lambda act, on: tickets.approve(act, on.number, role=role, content_hash=on.view.content_hash, reason=REASON)


def reject(act: Act, on: Sight) -> None:
    role = ApprovalRole.CUI_OWNER if act.actor.id == on.ids["cui_owner"] else ApprovalRole.APPROVER
    tickets.refuse_ticket(act, on.number, role=role, content_hash=on.view.content_hash, reason=REASON)


def authorise(basis: EmergencyBasis) -> Verb:
    def verb(act: Act, on: Sight) -> None:
        by = act.actor.id if basis is EmergencyBasis.IN_PERSON else on.ids["approver"]
        tickets.authorise_emergency(
            act, on.number, authoriser=by, basis=basis, content_hash=on.view.content_hash, reason=REASON
        )

    return verb


def ratify(*, approve_it: bool) -> Verb:
    def verb(act: Act, on: Sight) -> None:
        role = ApprovalRole.CUI_OWNER if act.actor.id == on.ids["cui_owner"] else ApprovalRole.APPROVER
        tickets.ratify(act, on.number, role=role, approve_it=approve_it, reason=REASON)

    return verb


def ask_for_time(act: Act, on: Sight) -> None:
    until = on.view.window.until + timedelta(minutes=10)
    tickets.extend(act, on.number, until=until, reason=REASON)


def give_time(role: ApprovalRole) -> Verb:
    def verb(act: Act, on: Sight) -> None:
        waiting = next((one.id for one in tickets.extensions(on.number) if one.state == "waiting"), "ex_none")
        tickets.decide_extension(act, on.number, waiting, role=role, verdict=tickets.Verdict.APPROVED, reason=REASON)

    return verb


def finish(*, rolled_back: bool) -> Verb:
    return lambda act, on: tickets.close(act, on.number, rolled_back=rolled_back, summary=on.file)


def enter(act: Act, on: Sight) -> None:
    tickets.may_admit(on.number, act.actor.id, on.asset, act.at).require()


def read(what: Reading) -> Verb:
    return lambda act, on: tickets.reading_of(on.number, act.actor.id, act.at, what).require()


ORDINARY: dict[str, Verb] = {
    "edit": lambda act, on: tickets.edit(act, on.number, on.view.content, version=on.view.version),
    "submit": lambda act, on: tickets.submit(act, on.number, on.frozen),
    "freeze again": lambda act, on: tickets.refreeze(act, on.number, on.frozen),
    "approve as approver": decide(ApprovalRole.APPROVER),
    "approve as CUI owner": decide(ApprovalRole.CUI_OWNER),
    "refuse": reject,
    "schedule": lambda act, on: tickets.schedule(act, on.number, ()),
    "waive a deferrable hold point": lambda act, on: tickets.waive(
        act, on.number, hold_point="HP-NOTICE", reason=REASON
    ),
    "withdraw": lambda act, on: tickets.withdraw(act, on.number, REASON),
    "expire (after the window)": lambda act, on: tickets.expire(act, on.number),
    "confirm presence as escort": lambda act, on: tickets.confirm_escort(act, on.number),
    "open": lambda act, on: tickets.open_ticket(act, on.number),
    "enter through the gate": enter,
    "ask for more time": ask_for_time,
    "grant more time as approver": give_time(ApprovalRole.APPROVER),
    "grant more time as CUI owner": give_time(ApprovalRole.CUI_OWNER),
    "end the work because access is revoked": lambda act, on: tickets.stop_work(act, on.number),
    "end the work": lambda act, on: tickets.end_work(act, on.number),
    "reopen": lambda act, on: tickets.reopen(act, on.number),
    "close": finish(rolled_back=False),
    "roll back": finish(rolled_back=True),
    "attach evidence": lambda act, on: tickets.attach(
        act, on.number, kind="staging.tested", file=on.file, reason=REASON
    ),
    "comment": lambda act, on: tickets.comment(act, on.number, "Seen."),
    **{f"read: {what.value}": read(what) for what in Reading},
}
EMERGENCY: dict[str, Verb] = {
    "authorise an emergency in person": authorise(EmergencyBasis.IN_PERSON),
    "record the call-back of the approver": authorise(EmergencyBasis.CALL_BACK),
    "ratify an emergency": ratify(approve_it=True),
    "refuse to ratify": ratify(approve_it=False),
}
AFTER_WINDOW = ("expire (after the window)",)
ANYTIME: dict[str, Callable[[Act, tickets.Content], object]] = {
    "request": tickets.request,
    "write a quick log": lambda act, content: tickets.log_quick(
        act,
        replace(content, method=tickets.Method.ON_SITE, window=Window(act.at - timedelta(hours=2), act.at)),
        changed_configuration=False,
    ),
    "register standard work": lambda act, content: tickets.add_template(act, "Standard", content, window_hours=2),
    "change the policy": lambda act, content: tickets.adopt_policy(act, reason=REASON),
    "revoke the access of a person": lambda act, content: access.order(
        act, access.Scope.PERSON, content.technicians[0], REASON
    ),
    "revoke all access of everybody": lambda act, content: access.order(act, access.Scope.EVERYTHING, "", REASON),
    "adopt a retention policy": lambda act, content: retention.adopt(act, retention.DEFAULT_RULES),
    "place a legal hold": lambda act, content: retention.place_hold(act, retention.HoldScope.EVERYTHING, "", REASON),
    "see how long evidence is kept": lambda act, content: retention.may_read(
        personnel.roles_of(act.actor.id, act.at)
    ).require(),
    "register a passkey": lambda act, content: personnel.register_passkey(
        act, credential="credential", public_key="key", rp_id="quarterdeck.example"
    ),
}
Table = dict[str, dict[str, dict[str, bool]]]


@pytest.fixture
def shop(clock: StillClock, settings) -> Shop:
    settings.PASSWORD_HASHERS = FAST_HASHER
    made = found_shop(clock, ROSTER)
    made.enrol("technician")
    with evidence.act(OPERATOR, clock) as act:
        # Facts have tests of their own: here every hold point that asks for one holds.
        tickets.adopt_policy(act, [replace(row, fact_kinds=()) for row in tickets.DEFAULT_ROWS])
    return made


def content(shop: Shop) -> tickets.Content:
    lead, now = shop.actor("it_lead"), shop.clock.now()
    server = inventory.add_asset(
        inventory.AssetFields(
            hostname="fs01", category="cui_asset", category_reason="Drawings.", owner=shop.ids["cui_owner"],
            handles_cui=True, asset_kind="server",
        ),
        actor=lead, clock=shop.clock,
    )  # fmt: skip
    way = inventory.set_connection(
        server.id, inventory.ConnectionFields(address="192.0.2.7", target_account="maint", host_identity=HOST_KEY),
        actor=lead, clock=shop.clock,
    )  # fmt: skip
    item = tools.list_item(
        tools.ItemFields(kind=tools.ItemKind.TECHNIQUE, name="Care", version="1", sha256="ab" * 32, source="own",
                         owner=shop.ids["it_lead"]),
        actor=lead, clock=shop.clock,
    )  # fmt: skip
    personnel.authorise(
        shop.ids["technician"], actions=["any"], valid_from=now, valid_until=now + timedelta(days=60), actor=lead,
        clock=shop.clock, access_authorised=True,
    )  # fmt: skip
    return tickets.Content(
        title="Patch", maintenance_type=tickets.MaintenanceType.CORRECTIVE, action=tickets.Action.PATCH,
        method=tickets.Method.SSH, plan="Install.", impact="None.", rollback="Remove.",
        window=Window(now, now + timedelta(hours=4)), assets=(TicketAsset(server.id, way.id),),
        technicians=(shop.ids["technician"],), escort=shop.ids["escort"], items=(item.id,),
    )  # fmt: skip


def actor(shop: Shop, column: str) -> Actor:
    return {"operator": OPERATOR, "system": TICKER}.get(column) or shop.actor(column)


def allowed(shop: Shop, column: str, verb: Callable[[Act], object]) -> bool:
    try:
        with evidence.act(actor(shop, column), shop.clock) as act:
            verb(act)
            raise Undo
    except Undo:
        return True
    except Refused:
        return False


def step(shop: Shop, column: str, verb: Callable[[Act], object]) -> None:
    with evidence.act(actor(shop, column), shop.clock) as act:
        verb(act)


def sight(shop: Shop, number: str) -> Sight:
    document = tickets.snapshot_bytes(tickets.current_snapshot(number))
    frozen = evidence.store_artifact(
        document, media_type="application/json", role="snapshot", name="s.json", may_contain_cui=True
    )
    file = evidence.store_artifact(b"Done.", media_type="text/plain", role="file", name="f.txt", may_contain_cui=False)
    view = tickets.ticket(number)
    return Sight(number, view, frozen, file, shop.ids, view.assets[0].asset_id)


def look(shop: Shop, number: str, verbs: Mapping[str, Verb], table: Table) -> None:
    """Try every verb as everybody on the ticket as it stands."""
    on = sight(shop, number)
    for name, verb in verbs.items():
        late = on.view.window.until - shop.clock.now() if name in AFTER_WINDOW else timedelta(0)
        shop.clock.advance(seconds=late.total_seconds())
        for column in COLUMNS:
            row = table.setdefault(name, {}).setdefault(column, {})
            row[on.view.state.value] = allowed(shop, column, lambda act, verb=verb: verb(act, on))
        shop.clock.advance(seconds=-late.total_seconds())


@contextmanager
def aside() -> Iterator[None]:
    """Whatever happens inside is undone at the end."""
    block = transaction.atomic()
    block._from_testcase = True  # as the block around every test: acts inside it are durable enough
    try:
        with block:
            yield
            raise Undo
    except Undo:
        forget()  # entries never go in the product; what read them here must not miss them


def walk(shop: Shop, plain: tickets.Content, verbs: Mapping[str, Verb], *, emergency: bool) -> Table:
    """Lead a ticket through every state and look at each."""
    table: Table = {}
    with evidence.act(shop.actor("requester"), shop.clock) as act:
        number = tickets.request(act, plain, emergency=emergency)

    def do(column: str, name: str) -> None:
        on = sight(shop, number)
        step(shop, column, lambda act: (ORDINARY | EMERGENCY)[name](act, on))

    def end(column: str, name: str, *, late: bool = False) -> None:
        with aside():
            by = plain.window.until - shop.clock.now() if late else timedelta(0)
            shop.clock.advance(seconds=by.total_seconds())
            do(column, name)
            look(shop, number, verbs, table)
            shop.clock.advance(seconds=-by.total_seconds())

    look(shop, number, verbs, table)
    do("requester", "submit")
    look(shop, number, verbs, table)
    end("approver", "refuse")
    end("requester", "withdraw")
    end("system", "expire (after the window)", late=True)
    if emergency:
        do("approver", "authorise an emergency in person")
    else:
        do("approver", "approve as approver")
        do("cui_owner", "approve as CUI owner")
    for column, name in (
        ("approver", "schedule"), ("technician", "open"), ("technician", "end the work"),
    ):  # fmt: skip
        look(shop, number, verbs, table)
        do(column, name)
        if name == "open":
            do("requester", "ask for more time")
    look(shop, number, verbs, table)
    if emergency:
        do("approver", "ratify an emergency")
        do("cui_owner", "ratify an emergency")
    end("technician", "roll back")
    do("requester", "close")
    look(shop, number, verbs, table)
    return table


def opened(shop: Shop, plain: tickets.Content) -> str:
    """Return an open ticket."""
    with evidence.act(shop.actor("requester"), shop.clock) as act:
        number = tickets.request(act, plain)
    for column, name in (
        ("requester", "submit"), ("approver", "approve as approver"), ("cui_owner", "approve as CUI owner"),
        ("approver", "schedule"), ("technician", "open"),
    ):  # fmt: skip
        on = sight(shop, number)
        step(shop, column, lambda act, on=on, verb=ORDINARY[name]: verb(act, on))
    return number


HEADER = """# Who may do what to a ticket

Generated by really calling every verb as everybody in every state, and compared by a test; do not edit by hand.

The ticket is about a server that handles CUI. *Requester*, *technician* and *escort* are those that the ticket names,
*bystander* holds the roles technician and requester and is not named in it. *Operator* is whoever sits at the server's
shell; *system* is one of Quarterdeck's own processes. Everybody has just shown a second factor, and every hold point
that asks for a fact holds: what is asked beyond roles and states stands in [Hold points](hold-points.md). Whoever
holds several roles still never decides on a ticket that he or she asked for, works on, escorts or has changed.
"""


def page(table: Table, running: Table, plans: Table, anytime: dict[str, dict[str, bool]]) -> str:
    lines = [HEADER, "## To a ticket", ""]
    lines += ["A cell names the states in which the act is possible.", ""]
    lines += ["| act | " + " | ".join(COLUMN_WORDS.get(c, c) for c in COLUMNS) + " |"]
    lines += ["|---" * (len(COLUMNS) + 1) + "|"]
    for name, columns in table.items():
        cells = []
        for column in COLUMNS:
            states = [state.value for state in State if columns[column][state.value]]
            every = len(states) == len(State)
            cells.append("all" if every else ", ".join(s.replace("_", " ") for s in states) or "-")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += session_section(running, COLUMN_WORDS, COLUMNS)
    lines += section(plans, COLUMN_WORDS, COLUMNS)
    lines += ["", "## Without a ticket", ""]
    lines += ["| act | " + " | ".join(COLUMN_WORDS.get(c, c) for c in COLUMNS) + " |"]
    lines += ["|---" * (len(COLUMNS) + 1) + "|"]
    for name, columns in anytime.items():
        lines.append(f"| {name} | " + " | ".join("yes" if columns[c] else "-" for c in COLUMNS) + " |")
    return "\n".join(lines) + "\n"


@pytest.fixture
def matrix(shop: Shop, tmp_path: Path) -> tuple[Table, Table, Table, dict[str, dict[str, bool]]]:
    plain, watched = content(shop), ground(shop, tmp_path)
    with aside():
        kept = walk(shop, plain, ORDINARY, emergency=False)
    with aside():
        emergency = walk(shop, plain, EMERGENCY, emergency=True)
    with aside():
        asset = plain.assets[0].asset_id
        running = session_table(shop, opened(shop, plain), asset, COLUMNS, allowed, aside)
    anytime = {
        name: {c: allowed(shop, c, lambda act, verb=verb: verb(act, plain)) for c in COLUMNS}
        for name, verb in ANYTIME.items()
    }
    plans = plan_table(watched, COLUMNS, allowed, aside)
    anytime |= target_table(watched, COLUMNS, allowed, aside) | sealing_table(watched, COLUMNS, allowed, aside)
    return kept | emergency, running, plans, anytime | plain_table(watched, tmp_path, COLUMNS, allowed, aside)


def test_the_matrix_is_complete_closed_to_the_machine_and_as_documented(matrix) -> None:
    table, running, plans, anytime = matrix
    who_works_does_not_let_go(running)
    assert set(table) == set(ORDINARY) | set(EMERGENCY)
    for name, columns in table.items():
        assert set(columns) == set(COLUMNS), name
        for column, states in columns.items():
            assert set(states) == {state.value for state in State}, (name, column)
    nobody_at_the_shell(table, anytime)
    two_others_decide_and_only_we_measure(plans)
    only_the_right_ones(table)
    written = page(table, running, plans, anytime)
    if os.environ.get("QD_TEST_WRITE_DOCS"):
        PAGE.write_text(written)
    assert PAGE.read_text() == written, "regenerate with QD_TEST_WRITE_DOCS=1"


def nobody_at_the_shell(table: Table, anytime: dict[str, dict[str, bool]]) -> None:
    """The operator can do nothing; a process moves time on and tells of a sealed account's use (attacks.md row 1)."""
    assert not any(yes for columns in table.values() for yes in columns["operator"].values())
    possible = {name for name, columns in table.items() if any(columns["system"].values())}
    assert possible == {"expire (after the window)"}
    assert not any(columns["operator"] for columns in anytime.values())
    assert {name for name, columns in anytime.items() if columns["system"]} == {"make the ticket of its use"}


def only_the_right_ones(table: Table) -> None:
    def who(name: str) -> set[str]:
        return {column for column, states in table[name].items() if any(states.values())}

    assert who("approve as approver") == {"approver"}
    assert who("approve as CUI owner") == {"cui_owner"}
    assert who("enter through the gate") == {"technician"}
    assert who("grant more time as approver") == {"approver"}
    assert who("grant more time as CUI owner") == {"cui_owner"}
    assert [state for state, yes in table["ask for more time"]["technician"].items() if yes] == ["open"]
    assert who("end the work because access is revoked") == {"approver", "cui_owner", "it_lead"}
    assert who("confirm presence as escort") == {"escort"}
    assert who("open") == who("close") == {"requester", "technician", "it_lead"}
    assert [state for state, yes in table["enter through the gate"]["technician"].items() if yes] == ["open"]
    assert not any(yes for columns in table.values() for yes in columns["bystander"].values())


def two_others_decide_and_only_we_measure(plans: Table) -> None:
    def who(name: str) -> set[str]:
        return {column for column, states in plans[name].items() if any(states.values())}

    assert who("approve as approver") == {"approver"}
    assert who("approve as CUI owner") == {"cui_owner"}
    assert who("refuse") == {"approver", "cui_owner"}
    assert who("end") == {"approver", "cui_owner", "it_lead"}
    assert who("measure under it") == {"system"}
    assert [state for state, yes in plans["measure under it"]["system"].items() if yes] == ["approved"]
    assert not any(yes for columns in plans.values() for yes in columns["operator"].values())
