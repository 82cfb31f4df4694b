"""Grants through their api: who gets one, what is sealed, what ends it, and what a hand-written row is worth."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from tests.access_shop import Place, Shop, approved_ticket, authorise, make_shop, open_ticket
from tests.access_signer import NearSigner, fresh_key, near_signer
from tests.clock import StillClock

from quarterdeck.access import api as access
from quarterdeck.evidence.api import Outcome, UnrecordedWrite, act, entries, facts
from quarterdeck.kernel.actors import OPERATOR, Actor, ActorKind, system
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets

pytestmark = pytest.mark.django_db
COLLECTOR = "ab" * 32


@pytest.fixture
def shop(clock: StillClock) -> Shop:
    made = make_shop(clock, {"web01": Place(), "db01": Place(address="192.0.2.11")})
    authorise(made, "sam")
    return made


@pytest.fixture
def signer(tmp_path: Path, clock: StillClock) -> NearSigner:
    return near_signer(tmp_path / "signer", clock)


def registered(shop: Shop, name: str = "sam") -> str:
    key = fresh_key()
    personnel.register_key(shop.people[name], key, actor=shop.actor(name), clock=shop.clock)
    return key


def give(shop: Shop, *, actor: Actor | None = None, **changes: object) -> access.GrantView:
    with act(actor or shop.actor("sam"), shop.clock) as current:
        values: dict[str, object] = {
            "ticket": shop.ticket,
            "person": shop.people["sam"],
            "asset": shop.asset,
            "connection": shop.connection,
            "purpose": access.Purpose.WORK,
            "public_key": fresh_key(),
            "valid_from": current.at,
            "valid_until": current.at + timedelta(hours=1),
        }
        return access.create_grant(current, **(values | changes))  # type: ignore[arg-type]


def codes(call: Callable[[], object]) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.decision.codes


def test_a_grant_is_given_sealed_and_told_of(shop: Shop) -> None:
    open_ticket(shop)
    given = give(shop)
    assert access.check_row(given).allowed
    assert access.is_genuine_and_standing(given, shop.clock.now()).allowed
    told = [entry for entry in entries(ticket=shop.ticket) if entry.event == "access.granted"]
    assert [entry.object.id for entry in told] == [given.id]
    assert told[0].data["person"] == shop.people["sam"]
    assert told[0].data["mfa_at"] == rfc3339(shop.clock.now())
    assert (told[0].data["factor"], told[0].data["security_key"]) == ("not_said", False)
    kinds = {fact.kind: fact.outcome for fact in facts(ticket=shop.ticket, asset=shop.asset)}
    assert kinds["access.granted"] is Outcome.PASSED
    assert kinds["mfa.used"] is Outcome.PASSED


def test_a_grant_says_which_second_factor_was_shown(shop: Shop) -> None:
    open_ticket(shop)
    sam = Actor(shop.people["sam"], ActorKind.PERSON, "token", shop.clock.now(), "totp")
    give(shop, actor=sam)
    (told,) = [entry for entry in entries(ticket=shop.ticket) if entry.event == "access.granted"]
    assert told.data["factor"] == "totp"


def test_nobody_else_gets_one(shop: Shop) -> None:
    open_ticket(shop)
    assert "access.not_the_person" in codes(lambda: give(shop, actor=OPERATOR))
    assert "access.not_the_person" in codes(lambda: give(shop, actor=system("web")))
    assert "access.not_the_person" in codes(lambda: give(shop, actor=shop.actor("iris")))
    assert "ticket.not_yours" in codes(lambda: give(shop, actor=shop.actor("iris"), person=shop.people["iris"]))
    stale = Actor(shop.people["sam"], shop.actor("sam").kind, "mfa", shop.clock.now() - timedelta(minutes=11))
    assert codes(lambda: give(shop, actor=stale)) == ("access.step_up",)


def test_not_before_opening_nor_after_the_window(shop: Shop, clock: StillClock) -> None:
    approved_ticket(shop)
    assert "ticket.not_open" in codes(lambda: give(shop))
    with act(shop.actor("sam"), clock) as current:
        tickets.open_ticket(current, shop.ticket)
    assert give(shop).state is access.GrantState.ACTIVE
    assert "access.outside_window" in codes(lambda: give(shop, valid_until=clock.now() + timedelta(hours=4, seconds=1)))
    clock.advance(hours=5)
    assert "window.outside" in codes(lambda: give(shop, valid_until=clock.now() + timedelta(minutes=1)))


def test_only_for_a_place_that_the_ticket_names(shop: Shop) -> None:
    web, others = shop.asset, shop.assets.pop("db01")
    open_ticket(shop)
    assert "scope.other_asset" in codes(lambda: give(shop, asset=others.id, connection=others.connections[0].id))
    assert codes(lambda: give(shop, asset=web, connection=others.connections[0].id)) == ("access.not_in_ticket",)


def test_the_system_measures_from_approval_on_and_no_person_does(shop: Shop) -> None:
    approved_ticket(shop)
    measure = {"person": "", "purpose": access.Purpose.MEASURE, "collector_sha256": COLLECTOR}
    given = give(shop, actor=system("ticker"), **measure)
    assert given.purpose is access.Purpose.MEASURE
    assert access.admit(given.id, shop.clock.now()).destination.account == "maint"
    assert "access.system_only" in codes(lambda: give(shop, **measure))
    assert "access.collector_unnamed" in codes(
        lambda: give(shop, actor=system("ticker"), **(measure | {"collector_sha256": "x"}))
    )


def test_the_database_itself_refuses_a_grant_beyond_its_window(shop: Shop) -> None:
    open_ticket(shop)
    given = give(shop)
    with act(OPERATOR, shop.clock), pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE access_accessgrant SET valid_until = %s WHERE id = %s",
            [given.window_until + timedelta(seconds=1), given.id],
        )


def test_no_grant_changes_outside_an_act(shop: Shop) -> None:
    open_ticket(shop)
    given = give(shop)
    with pytest.raises(UnrecordedWrite), connection.cursor() as cursor:
        cursor.execute("UPDATE access_accessgrant SET state = 'active' WHERE id = %s", [given.id])


def test_one_certificate_is_bound_and_found_by_its_bytes(shop: Shop, signer: NearSigner) -> None:
    key = registered(shop)
    open_ticket(shop)
    given = give(shop, public_key=key)
    line = signer.entry(given.id)
    with act(system("gate"), shop.clock) as current:
        bound = access.bind_certificate_line(current, given.id, line)
    blob = access.certificate_blob(line)
    assert bound.cert_sha256 == hashlib.sha256(blob).hexdigest()
    found = access.grant_for_certificate(blob)
    assert found is not None
    assert found.id == given.id
    assert access.check_row(found).allowed
    assert access.grant_for_certificate(blob[:-1] + bytes([blob[-1] ^ 1])) is None
    assert access.grant_for_certificate(b"rubbish") is None
    with act(system("gate"), shop.clock) as current:
        assert codes(lambda: access.bind_certificate(current, given.id, 5, "cd" * 32)) == ("access.already_bound",)


def test_revoking_is_final_and_sealed(shop: Shop) -> None:
    open_ticket(shop)
    first, second = give(shop), give(shop)
    with act(shop.actor("iris"), shop.clock) as current:
        access.revoke(current, first.id, "lost_laptop")
    revoked = access.grant(first.id)
    assert (revoked.state, revoked.end_reason) == (access.GrantState.REVOKED, "lost_laptop")
    assert access.check_row(revoked).allowed
    assert access.is_genuine_and_standing(revoked, shop.clock.now()).codes == ("access.revoked",)
    with act(shop.actor("iris"), shop.clock) as current:
        access.end_grant(current, first.id, "again")
        gone = access.revoke_for(current, ticket=shop.ticket, reason="ticket.closed")
    assert [grant.id for grant in gone] == [second.id]
    assert access.grant(first.id).end_reason == "lost_laptop"
    assert [fact.outcome for fact in facts(ticket=shop.ticket, kinds=["access.revoked"])] == [Outcome.PASSED]


def test_revoking_names_somebody_or_something(shop: Shop) -> None:
    with act(shop.actor("iris"), shop.clock) as current:
        with pytest.raises(ValueError, match="name a ticket"):
            access.revoke_for(current, reason="x.y")
        with pytest.raises(ValueError, match="short code"):
            access.begin_epoch(current, "free text here")


def test_a_persons_grants_are_revoked_on_every_ticket(shop: Shop) -> None:
    open_ticket(shop)
    give(shop)
    with act(shop.actor("iris"), shop.clock) as current:
        assert len(access.revoke_for(current, person=shop.people["sam"], reason="person.left")) == 1
    assert access.grants(state=access.GrantState.ACTIVE) == []


def test_a_restore_voids_every_grant(shop: Shop, clock: StillClock) -> None:
    open_ticket(shop)
    given = give(shop)
    with act(OPERATOR, clock) as current:
        first = access.begin_epoch(current, "restored")
    assert access.current_epoch() == first
    assert access.is_genuine_and_standing(given, clock.now()).codes == ("access.old_epoch",)
    assert access.is_genuine_and_standing(give(shop), clock.now()).allowed
    with act(OPERATOR, clock) as current:
        assert access.begin_epoch(current, "restored") > first


@pytest.mark.parametrize(
    "change",
    [
        "state = 'active', ended_at = NULL, end_reason = ''",
        "person = 'pe_aaaaaaaaaaaaaaaa'",
        "asset = 'as_aaaaaaaaaaaaaaaa'",
        "public_key = 'ssh-ed25519 AAAA'",
        "window_until = '2030-01-01 00:00:00', valid_until = '2029-01-01 00:00:00'",
        "serial = 5, cert_sha256 = 'ee'",
        "epoch = 99",
    ],
)
def test_a_row_that_was_changed_by_hand_is_not_believed(shop: Shop, change: str) -> None:
    open_ticket(shop)
    given = give(shop)
    with act(shop.actor("iris"), shop.clock) as current:
        access.revoke(current, given.id, "lost_laptop")
    with act(OPERATOR, shop.clock), connection.cursor() as cursor:
        cursor.execute(f"UPDATE access_accessgrant SET {change} WHERE id = %s", [given.id])  # noqa: S608
    assert access.check_row(access.grant(given.id)).codes == ("row.altered",)
    assert "row.altered" in codes(lambda: access.admit(given.id, shop.clock.now()))


def test_an_epoch_that_was_set_back_by_hand_is_noticed(shop: Shop) -> None:
    open_ticket(shop)
    given = give(shop)
    with act(OPERATOR, shop.clock) as current:
        access.begin_epoch(current, "restored")
    with act(OPERATOR, shop.clock), connection.cursor() as cursor:
        cursor.execute("UPDATE access_accessepoch SET number = 0")
    assert "row.altered" in access.is_genuine_and_standing(given, shop.clock.now()).codes
