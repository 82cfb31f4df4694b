"""A shell on the server edits the database (attacks.md rows 1, 14, 28): the signer believes sealed entries only."""

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from tests.access_shop import Shop, approved_ticket, authorise, make_shop, open_ticket
from tests.access_signer import NearSigner, fresh_key, near_signer
from tests.clock import StillClock

from quarterdeck.access import api as access
from quarterdeck.evidence.api import ObjectRef, act, entries, row_digest
from quarterdeck.kernel.actors import OPERATOR, Actor, ActorKind
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Refused
from quarterdeck.kernel.ids import new_id
from quarterdeck.personnel import api as personnel
from quarterdeck_verify.entry import decode, encode, leaf_hash

pytestmark = pytest.mark.django_db
SESSION = "se_abcdefghijkmnpqr"


@pytest.fixture
def shop(clock: StillClock) -> Shop:
    made = make_shop(clock)
    authorise(made, "sam")
    personnel.register_key(made.people["sam"], fresh_key(), actor=made.actor("sam"), clock=clock)
    return made


@pytest.fixture
def signer(tmp_path: Path, clock: StillClock) -> NearSigner:
    return near_signer(tmp_path / "signer", clock)


def by_hand(shop: Shop, statement: str, *values: object) -> None:
    """Write into the database as somebody with its file would: the guard against our own mistakes does not see it."""
    with act(OPERATOR, shop.clock), connection.cursor() as cursor:
        cursor.execute(statement, list(values))


def key_of(shop: Shop, name: str = "sam") -> str:
    key = personnel.key_of(shop.people[name])
    assert key is not None
    return key.public_key


def forged_grant(shop: Shop, person: str = "sam") -> str:
    """A row of access_accessgrant that no act made."""
    now, forged = shop.clock.now(), new_id("ag")
    by_hand(
        shop,
        "INSERT INTO access_accessgrant (id, ticket_id, person, asset, connection, purpose, public_key, fingerprint,"
        " cert_sha256, valid_from, valid_until, window_until, state, epoch, collector_sha256, mfa_at, end_reason)"
        " VALUES (%s, %s, %s, %s, %s, 'work', %s, %s, '', %s, %s, %s, 'active', 0, '', %s, '')",
        forged,
        shop.ticket,
        shop.people[person],
        shop.asset,
        shop.connection,
        key_of(shop),
        access.read_public_key(key_of(shop)).fingerprint,
        now,
        now + timedelta(hours=1),
        now + timedelta(hours=4),
        now,
    )
    return forged


def real_grant(shop: Shop, signer: NearSigner) -> access.GrantView:
    with act(shop.actor("sam"), shop.clock) as current:
        given = access.create_grant(
            current,
            ticket=shop.ticket,
            person=shop.people["sam"],
            asset=shop.asset,
            connection=shop.connection,
            purpose=access.Purpose.WORK,
            public_key=key_of(shop),
            valid_from=current.at,
            valid_until=current.at + timedelta(hours=2),
        )
    line = signer.entry(given.id)
    with act(shop.actor("sam"), shop.clock) as current:
        return access.bind_certificate_line(current, given.id, line)


def codes(call: Callable[[], object]) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.decision.codes


def test_a_grant_that_nobody_gave_is_not_signed(shop: Shop, signer: NearSigner) -> None:
    open_ticket(shop)
    assert "row.unsealed" in codes(lambda: signer.entry(forged_grant(shop)))
    assert signer.status()["signed"] == 0


def test_a_ticket_set_to_open_by_hand_opens_nothing(shop: Shop, signer: NearSigner) -> None:
    approved_ticket(shop)
    by_hand(
        shop,
        "UPDATE tickets_maintenanceticket SET state = 'open', opened_at = window_from WHERE number = %s",
        shop.ticket,
    )
    assert "ticket.unsealed" in codes(lambda: real_grant(shop, signer))
    refused = codes(lambda: signer.entry(forged_grant(shop)))
    assert {"row.unsealed", "ticket.unsealed"} <= set(refused)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tickets_maintenanceticket SET window_until = '2030-01-01 00:00:00'",
        "UPDATE tickets_maintenanceticket SET content_hash = 'ab'",
        "UPDATE inventory_connection SET address = '192.0.2.66'",
        "UPDATE inventory_connection SET target_account = 'deploy'",
        "UPDATE inventory_connection SET port = 2222",
        "UPDATE inventory_asset SET hostname = 'db01'",
        "UPDATE access_accessgrant SET valid_until = window_until",
        "UPDATE access_accessgrant SET mfa_at = '2020-01-01 00:00:00'",
        "UPDATE personnel_personkey SET fingerprint = 'SHA256:other'",
        'UPDATE personnel_authorisation SET actions = \'["any", "patch"]\'',
        "UPDATE personnel_person SET name = 'Somebody Else' WHERE name = 'Sam Staff'",
        "DELETE FROM tickets_ticketperson",
    ],
)
def test_a_row_changed_by_hand_under_a_good_grant_ends_it(shop: Shop, signer: NearSigner, statement: str) -> None:
    open_ticket(shop)
    given = real_grant(shop, signer)
    assert signer.target(given.id, SESSION, fresh_key())
    by_hand(shop, statement)
    signed = signer.status()["signed"]
    assert codes(lambda: signer.target(given.id, SESSION, fresh_key()))
    assert signer.status()["signed"] == signed


def test_a_revoked_grant_revived_by_hand_stays_revoked(shop: Shop, signer: NearSigner) -> None:
    open_ticket(shop)
    given = real_grant(shop, signer)
    with act(shop.actor("iris"), shop.clock) as current:
        access.revoke(current, given.id, "lost_laptop")
    by_hand(shop, "UPDATE access_accessgrant SET state = 'active', ended_at = NULL, end_reason = ''")
    assert "row.altered" in codes(lambda: signer.target(given.id, SESSION, fresh_key()))


def test_a_technician_named_by_hand_gets_nothing(shop: Shop, signer: NearSigner) -> None:
    open_ticket(shop)
    by_hand(
        shop,
        "INSERT INTO tickets_ticketperson (ticket_id, person_id, duty) VALUES (%s, %s, 'technician')",
        shop.ticket,
        shop.people["max"],
    )
    with act(shop.actor("max"), shop.clock) as current:
        refused = codes(
            lambda: access.create_grant(
                current,
                ticket=shop.ticket,
                person=shop.people["max"],
                asset=shop.asset,
                connection=shop.connection,
                purpose=access.Purpose.WORK,
                public_key=fresh_key(),
                valid_from=current.at,
                valid_until=current.at + timedelta(hours=1),
            )
        )
    assert "ticket.unsealed" in refused


def test_the_compromised_web_cannot_have_its_own_key_signed(shop: Shop, signer: NearSigner) -> None:
    """Whoever can record acts in a technician's name still needs the technician's registered key."""
    open_ticket(shop)
    claimed = Actor(shop.people["sam"], ActorKind.PERSON, "mfa", shop.clock.now())
    with act(claimed, shop.clock) as current:
        given = access.create_grant(
            current,
            ticket=shop.ticket,
            person=shop.people["sam"],
            asset=shop.asset,
            connection=shop.connection,
            purpose=access.Purpose.WORK,
            public_key=fresh_key(),
            valid_from=current.at,
            valid_until=current.at + timedelta(hours=2),
        )
    assert codes(lambda: signer.entry(given.id)) == ("access.key_not_registered",)


def test_a_certificate_that_the_web_had_signed_in_silence_is_a_finding(
    shop: Shop, signer: NearSigner, clock: StillClock
) -> None:
    open_ticket(shop)
    given = real_grant(shop, signer)
    silent = signer.target(given.id, SESSION, fresh_key())
    clock.advance(minutes=6)
    serial = access.read_certificate(access.certificate_blob(silent)).serial
    assert [line["serial"] for line in signer.reconcile()] == [serial]


def test_an_entry_written_behind_the_ledgers_head_makes_nothing_genuine(shop: Shop, signer: NearSigner) -> None:
    """Row 28, one step further: the forged grant comes with a forged entry that carries its digest."""
    open_ticket(shop)
    forged = forged_grant(shop)
    last = list(entries())[-1]
    document = decode(last.body)
    fields = dataclasses.asdict(access.grant(forged))
    assert fields.pop("plan") == ""
    told = {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in fields.items()}
    document |= {
        "seq": last.seq + 1,
        "prev": leaf_hash(last.body).hex(),
        "event_id": "ev_" + "0" * 32,
        "event": "access.granted",
        "ticket_seq": (last.ticket_seq or 0) + 1,
        "ticket_prev": leaf_hash(last.body).hex(),
        "object": {"type": "access_grant", "id": forged},
        "data": {"row_digest": row_digest(told)},
        "artifacts": [],
    }
    body = encode(document)
    by_hand(
        shop,
        "INSERT INTO evidence_ledgerentry (seq, event_id, body, leaf, at, event, ticket, ticket_seq, actor_id,"
        " object_type, object_id) VALUES (%s, %s, %s, %s, %s, 'access.granted', %s, %s, %s, 'access_grant', %s)",
        document["seq"],
        document["event_id"],
        body,
        leaf_hash(body),
        last.at,
        shop.ticket,
        document["ticket_seq"],
        document["actor"]["id"],
        forged,
    )
    assert access.check_row(access.grant(forged)).codes == ("row.unsealed",), "what the head does not name is not read"
    assert "row.unsealed" in codes(lambda: signer.entry(forged))
    with pytest.raises(Refused) as caught, act(OPERATOR, shop.clock) as current:
        current.record("asset.changed", ObjectRef("asset", shop.asset))
    assert caught.value.decision.codes == ("ledger.altered",), "the next entry finds its place taken"
    assert signer.status()["ready"] is False
