"""What sessions under a ticket may do: the usual, the chosen, frozen with the rest; older rows keep their hashes."""

from dataclasses import asdict, replace

import pytest
from tests import ticket_steps
from tests.api_caller import Caller
from tests.ticket_steps import opened
from tests.ticket_yard import Yard

from quarterdeck import wiring
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.guard import open_guard
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Allowance, Method, State
from quarterdeck.tickets.models import MaintenanceTicket
from quarterdeck.tickets.moving import record
from quarterdeck.tickets.sealing import ticket_digest
from quarterdeck.tickets.snapshot import content_hash, snapshot
from quarterdeck.workflows import keep_templates, request

pytestmark = pytest.mark.django_db
quick_passwords, yard = ticket_steps.quick_passwords, ticket_steps.yard
EVERYTHING = Allowance()
NOTHING_OUT = Allowance(from_target=False)


def agreement_that_lets_cui_leave(yard: Yard) -> str:
    kept = personnel.agreement(yard.agreement)
    return personnel.add_agreement(
        kept.vendor, "SOW-99", permitted_actions=["any"], methods=["any"], no_cui_offsite=False,
        valid_from=kept.valid_from, valid_until=kept.valid_until, actor=yard.actor("iris"), clock=yard.clock,
    ).id  # fmt: skip


def test_usual_is_everything_but_files_with_cui_to_people_from_outside(yard: Yard) -> None:
    content = yard.content()
    assert tickets.usual_allowance(content) == NOTHING_OUT
    own = replace(content, technicians=(yard.shop.ids["iris"],), agreement_id="")
    assert tickets.usual_allowance(own) == EVERYTHING
    printer = replace(content, assets=(tickets.TicketAsset(yard.printer, ""),), method=Method.ON_SITE)
    assert tickets.usual_allowance(printer) == EVERYTHING
    assert tickets.usual_allowance(replace(content, agreement_id=agreement_that_lets_cui_leave(yard))) == EVERYTHING


def test_what_is_unknown_counts_as_cui_and_as_outside(yard: Yard) -> None:
    nowhere = replace(yard.content(), assets=(tickets.TicketAsset("as_none", ""),), technicians=("pe_none",))
    assert tickets.usual_allowance(nowhere) == NOTHING_OUT


def test_the_allowance_is_kept_frozen_and_part_of_the_hash(yard: Yard) -> None:
    view = yard.submitted()
    assert view.allowance == NOTHING_OUT
    frozen = tickets.frozen_snapshot(view.number)
    assert (frozen["v"], frozen["allowance"]) == (2, asdict(NOTHING_OUT))
    other = yard.submitted(allowance=EVERYTHING, conflicts_with=(view.number,))
    assert other.allowance == EVERYTHING
    assert tickets.frozen_snapshot(other.number)["allowance"] == asdict(EVERYTHING)


def test_changing_it_voids_the_approvals_and_shows_the_difference(yard: Yard) -> None:
    view = yard.scheduled()
    wanted = replace(view.content, allowance=replace(NOTHING_OUT, from_target=True, terminal=False))
    after = request.edit(yard.actor("iris"), yard.clock, view.number, wanted, version=view.version)
    assert after.state is State.SUBMITTED
    assert all(one.void_at is not None for one in after.approvals)
    assert tickets.changes_since_decided(view.number, view.content_hash) == [
        {"field": "allowance.from_target", "old": "false", "new": "true"},
        {"field": "allowance.terminal", "old": "true", "new": "false"},
    ]
    assert "no agreement lets CUI leave" in tickets.against_agreement(after.content)
    assert tickets.against_agreement(view.content) == ""


def test_a_row_of_before_keeps_its_hashes_and_allows_everything(yard: Yard) -> None:
    number = yard.submitted().number
    row = MaintenanceTicket.objects.get(number=number)
    new, new_digest = snapshot(row), ticket_digest(row)
    row.allowance = None
    old = snapshot(row)
    assert old == {name: value for name, value in new.items() if name != "allowance"} | {"v": 1}
    assert ticket_digest(row) != new_digest
    # As version 0.1 left it: the same row, sealed without a word about sessions.
    row.content_hash = row.snapshot_sha256 = content_hash(old)
    frozen = kept_snapshot(old)
    with evidence.act(yard.actor("iris"), yard.clock) as act:
        row.save()
        record(act, row, "ticket.edited", artifacts=[frozen])
    view = tickets.ticket(number)
    assert (view.content.allowance, view.allowance) == (None, EVERYTHING)
    assert tickets.changes_since_frozen(number) == []
    for key, role in (("avery", "approver"), ("casey", "cui_owner")):
        with evidence.act(yard.actor(key), yard.clock) as act:
            tickets.approve(
                act, number, role=tickets.ApprovalRole(role), content_hash=view.content_hash, reason="Sound."
            )
    assert tickets.ticket(number).state is State.APPROVED


def kept_snapshot(document: dict[str, evidence.JsonValue]) -> evidence.ArtifactRef:
    return evidence.store_artifact(
        tickets.snapshot_bytes(document), media_type="application/json", role="snapshot", name="s", may_contain_cui=True
    )


def test_an_allowance_written_by_hand_opens_nothing(yard: Yard) -> None:
    number = opened(yard)
    person = yard.shop.ids["max"]
    assert tickets.may_admit(number, person, yard.server, yard.clock.now()).allowed
    for written in (asdict(EVERYTHING), None, {"root": True}):
        with open_guard():
            MaintenanceTicket.objects.filter(number=number).update(allowance=written)
        refused = tickets.may_admit(number, person, yard.server, yard.clock.now()).codes
        assert "ticket.unsealed" in refused
        assert "content.changed" in refused


def test_admission_terms_carry_it(yard: Yard) -> None:
    number = opened(yard, allowance=Allowance(command=False))
    assert tickets.admission_terms(number, yard.shop.ids["max"]).allowance == Allowance(command=False)


def test_a_template_freezes_it_and_one_of_before_gives_the_usual(yard: Yard) -> None:
    content = replace(yard.content(), allowance=Allowance(rsync=False))
    made = keep_templates.add(yard.actor("iris"), yard.clock, "Patching", content, window_hours=2)
    assert made.content.allowance == Allowance(rsync=False)
    plain = keep_templates.add(yard.actor("iris"), yard.clock, "Patching again", yard.content(), window_hours=2)
    assert plain.content.allowance == NOTHING_OUT
    assert plain.content_hash != made.content_hash


@pytest.mark.urls("tests.api_urls")
def test_the_api_takes_it_in_parts_and_gives_it_whole(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "clock", lambda: yard.clock)
    iris = Caller(yard.shop, "iris")
    body = {
        "title": "Patch", "maintenance_type": "corrective", "action": "patch", "plan": "Do it.",
        "window_from": "2026-11-24T18:00:00Z", "window_until": "2026-11-24T19:00:00Z",
        "assets": [{"asset": yard.server, "connection": yard.connection}], "technicians": [yard.shop.ids["max"]],
    }  # fmt: skip
    made = iris.call("post", "/tickets", body).json()
    assert made["allowance"] == asdict(NOTHING_OUT)
    asked = body | {"allowance": {"rsync": False}, "version": made["version"]}
    changed = iris.call("put", f"/tickets/{made['number']}", asked).json()
    assert changed["allowance"] == asdict(replace(NOTHING_OUT, rsync=False))
    asked = body | {"allowance": {"from_target": True}, "version": changed["version"]}
    assert iris.call("put", f"/tickets/{made['number']}", asked).json()["allowance"] == asdict(EVERYTHING)
    assert iris.call("post", "/tickets", body | {"allowance": {"root": True}}).status_code in (200, 422)


def test_words_name_each_thing_once() -> None:
    words = tickets.allowance_words(Allowance(terminal=False))
    assert [allowed for _, allowed in words] == [False, True, True, True, True]
    assert len({word for word, _ in words}) == 5
