"""Somebody changes stored rows of the ledger itself, not only the rows that it tells of: the signer signs nothing."""

from pathlib import Path

import pytest
from tests.access_shop import Shop, authorise, make_shop, open_ticket
from tests.access_signer import NearSigner, fresh_key, near_signer
from tests.append_only import database_in_hand
from tests.attack.test_access_handwritten_rows import SESSION, real_grant
from tests.clock import StillClock

from quarterdeck.access import api as access
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import act
from quarterdeck.evidence.watch import forget, ledger
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.personnel import api as personnel

pytestmark = pytest.mark.django_db(transaction=True)
REVIVED = "UPDATE access_accessgrant SET state = 'active', ended_at = NULL, end_reason = ''"


@pytest.fixture
def shop(clock: StillClock) -> Shop:
    made = make_shop(clock)
    authorise(made, "sam")
    personnel.register_key(made.people["sam"], fresh_key(), actor=made.actor("sam"), clock=clock)
    open_ticket(made)
    return made


@pytest.fixture
def signer(tmp_path: Path, clock: StillClock) -> NearSigner:
    return near_signer(tmp_path / "signer", clock)


def by_hand(*statements: str) -> None:
    with database_in_hand() as cursor:
        for statement in statements:
            cursor.execute(statement)
            assert cursor.rowcount > 0


def codes(signer: NearSigner, grant: str) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        signer.target(grant, SESSION, fresh_key())
    return caught.value.decision.codes


@pytest.mark.parametrize(
    "hidden",
    [
        "UPDATE evidence_ledgerentry SET event = 'x.hidden' WHERE event = 'access.revoked'",
        "UPDATE evidence_ledgerentry SET object_id = 'ag_other' WHERE event = 'access.revoked'",
        "UPDATE evidence_ledgerentry SET ticket = NULL, ticket_seq = NULL WHERE event = 'access.revoked'",
    ],
)
@pytest.mark.parametrize("read_before", [True, False])
def test_a_revocation_hidden_in_the_ledger_revives_no_grant(
    shop: Shop, signer: NearSigner, hidden: str, read_before: bool
) -> None:
    given = real_grant(shop, signer)
    signer.target(given.id, SESSION, fresh_key())
    with act(shop.actor("iris"), shop.clock) as current:
        access.revoke(current, given.id, "left.the.vendor")
    assert codes(signer, given.id) == ("access.revoked",)
    if not read_before:  # the signer was started anew since
        signer = near_signer_again(signer, shop)
        forget()
    by_hand(hidden, REVIVED)
    assert codes(signer, given.id) == ("ledger.altered",)
    assert signer.status()["ready"] is False


def near_signer_again(signer: NearSigner, shop: Shop) -> NearSigner:
    return near_signer(signer.socket_path.parent.parent / "another", shop.clock)


def test_bytes_of_an_old_entry_changed_in_place_are_seen(shop: Shop, signer: NearSigner) -> None:
    given = real_grant(shop, signer)
    signer.target(given.id, SESSION, fresh_key())
    by_hand("UPDATE evidence_ledgerentry SET body = replace(body, ':', ';') WHERE seq = 1")
    with pytest.raises(Refused):
        for _ in range(2):  # to the end of the ledger, and once more from its beginning
            ledger().reread(1000)
    assert codes(signer, given.id) == ("ledger.altered",)


def test_an_entry_taken_out_of_the_middle_is_missed(shop: Shop, signer: NearSigner) -> None:
    given = real_grant(shop, signer)
    by_hand("UPDATE evidence_ledgerentry SET seq = seq + 100000 WHERE seq = 3")
    forget()  # the signer was started anew since
    assert codes(signer, given.id) == ("ledger.altered",)


def test_a_sound_ledger_that_grows_is_read_on(shop: Shop, signer: NearSigner) -> None:
    given = real_grant(shop, signer)
    for _ in range(3):
        signer.target(given.id, SESSION, fresh_key())
        shop.clock.advance(minutes=1)
        tried = refuse("test.tried", "Tried.", "Don't.")
        evidence.record_refusal(shop.actor("sam"), shop.clock, tried, rule="tried.something")
    signer.target(given.id, SESSION, fresh_key())
