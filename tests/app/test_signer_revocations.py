"""What the signer takes back: withdrawn and void access, for the gate and for targets, also what a restore forgot."""

from pathlib import Path

import pytest
from tests.access_shop import Shop, authorise, make_shop, open_ticket
from tests.access_signer import NearSigner, fresh_key, near_signer
from tests.app.test_signer_signing import SESSION, work_grant
from tests.clock import StillClock

from quarterdeck.access import api as access
from quarterdeck.access.models import AccessGrant
from quarterdeck.entrypoints.signer.process import retired_authorities
from quarterdeck.evidence.api import act
from quarterdeck.evidence.guard import open_guard
from quarterdeck.kernel.actors import OPERATOR, system

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(clock: StillClock) -> Shop:
    made = make_shop(clock)
    authorise(made, "sam")
    open_ticket(made)
    return made


@pytest.fixture
def signer(tmp_path: Path, clock: StillClock) -> NearSigner:
    return near_signer(tmp_path / "signer", clock)


def target_serial(signer: NearSigner, given: access.GrantView) -> int:
    line = signer.target(given.id, SESSION, fresh_key())
    return access.read_certificate(access.certificate_blob(line)).serial


def test_nothing_is_taken_back_while_access_stands(shop: Shop, signer: NearSigner) -> None:
    given = work_grant(shop, bound_by=signer)
    target_serial(signer, given)
    assert signer.revoked("entry")[1] == signer.revoked("target")[1] == ()


def test_withdrawn_access_is_on_both_lists_until_its_certificates_have_run_out(
    shop: Shop, signer: NearSigner, clock: StillClock
) -> None:
    given = work_grant(shop, bound_by=signer)
    serial = target_serial(signer, given)
    with act(shop.actor("avery"), clock) as current:
        access.revoke(current, given.id, "person.left")
    assert signer.revoked("entry")[1] == (given.serial,)
    assert signer.revoked("target")[1] == (serial,)
    clock.advance(minutes=10)
    assert signer.revoked("target")[1] == ()
    assert signer.revoked("entry")[1] == (given.serial,)
    clock.advance(hours=13)
    assert signer.revoked("entry")[1] == ()


def test_ended_access_is_refused_by_targets_and_told_by_the_gate(shop: Shop, signer: NearSigner) -> None:
    given = work_grant(shop, bound_by=signer)
    serial = target_serial(signer, given)
    with act(system("ticker"), shop.clock) as current:
        access.end_grant(current, given.id, "ticket.closed")
    assert signer.revoked("entry")[1] == ()
    assert signer.revoked("target")[1] == (serial,)


def test_a_new_epoch_takes_back_everything_given_before(shop: Shop, signer: NearSigner) -> None:
    given = work_grant(shop, bound_by=signer)
    serial = target_serial(signer, given)
    with act(OPERATOR, shop.clock) as current:
        access.begin_epoch(current, "restored")
    assert signer.revoked("entry")[1] == (given.serial,)
    assert signer.revoked("target")[1] == (serial,)


def test_what_the_database_has_forgotten_is_taken_back_too(shop: Shop, signer: NearSigner) -> None:
    given = work_grant(shop, bound_by=signer)
    with open_guard():
        AccessGrant.objects.filter(id=given.id).delete()
    assert signer.revoked("entry")[1] == (given.serial,)


def test_a_retired_authority_stands_on_both_lists(tmp_path: Path) -> None:
    key = fresh_key()
    path = tmp_path / "retired_authorities"
    assert retired_authorities(path) == ()
    path.write_text(f"# given up after the theft\n{key} old-target-ca\n")
    assert retired_authorities(path) == (access.read_public_key(key).line,)
