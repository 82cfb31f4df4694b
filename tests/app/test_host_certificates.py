"""Host certificates: the IT lead orders, the signer signs what the ledger says, and a pinned key stays that key."""

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.access_shop import HOST_KEY, Shop, make_shop
from tests.access_signer import NearSigner, fresh_key, near_signer
from tests.clock import StillClock

from quarterdeck.access import api as access
from quarterdeck.access.models import HostCertificate
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import act
from quarterdeck.evidence.guard import open_guard
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import OPERATOR, Actor, ActorKind, system
from quarterdeck.kernel.decision import Refused
from quarterdeck.workflows.certify_host import CertifiedHost, certify_host, give_host_key_up

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(clock: StillClock) -> Shop:
    return make_shop(clock)


@pytest.fixture
def signer(tmp_path: Path, clock: StillClock) -> NearSigner:
    return near_signer(tmp_path / "signer", clock)


def codes(call: Callable[[], object]) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.decision.codes


def certify(shop: Shop, signer: NearSigner, actor: Actor | None = None, host_key: str = "") -> CertifiedHost:
    by = actor or shop.actor("iris")
    return certify_host(by, shop.clock, asset=shop.asset, host_key=host_key, signer=signer)


def pin(shop: Shop, identity: str) -> None:
    old = inventory.connection(shop.connection)
    inventory.set_connection(
        shop.asset,
        inventory.ConnectionFields(
            address=old.address,
            target_account=old.target_account,
            host_identity=identity,
            watched_roots=old.watched_roots,
        ),
        connection_id=shop.connection,
        actor=shop.actor("iris"),
        clock=shop.clock,
    )


def test_the_pinned_key_is_certified_for_name_and_address(shop: Shop, signer: NearSigner, tmp_path: Path) -> None:
    made = certify(shop, signer)
    said = access.read_host_certificate(access.certificate_blob(made.certificate.certificate))
    assert said.key.line == HOST_KEY
    assert said.principals == ("web01", "192.0.2.10")
    assert (dict(said.critical_options), said.extensions) == ({}, ())
    assert timedelta(days=364) < timedelta(seconds=said.valid_before - said.valid_after) < timedelta(days=366)
    assert made.identity == f"@cert-authority {signer.status()['host_ca']}"
    (tmp_path / "host-cert.pub").write_text(made.certificate.certificate + "\n")
    shown = subprocess.run(
        ["ssh-keygen", "-L", "-f", str(tmp_path / "host-cert.pub")], capture_output=True, text=True, check=True
    ).stdout
    assert "host certificate" in shown
    assert f"Serial: {made.certificate.serial}" in shown
    assert signer.signer is not None
    assert signer.signer._log.lines[-1].purpose == "host"


def test_every_step_is_on_record_and_the_serial_is_explained(shop: Shop, signer: NearSigner, clock: StillClock) -> None:
    first = certify(shop, signer).certificate
    clock.advance(minutes=1)
    second = certify(shop, signer).certificate
    events = [entry.event for entry in evidence.entries() if entry.object.type == "host_certificate"]
    assert events == [
        "host_certificate.ordered",
        "host_certificate.signed",
        "host_certificate.ordered",
        "host_certificate.replaced",
        "host_certificate.signed",
    ]
    assert [one.state.value for one in access.host_certificates(shop.asset)] == ["signed", "replaced"]
    clock.advance(hours=1)
    assert signer.reconcile() == []
    assert first.serial != second.serial


def test_only_the_it_lead_who_just_stepped_up_orders(shop: Shop, signer: NearSigner) -> None:
    for name in ("max", "sam", "avery", "casey"):
        assert codes(lambda name=name: certify(shop, signer, shop.actor(name))) == ("role.missing",)
    stale = Actor(shop.people["iris"], ActorKind.PERSON, "mfa", shop.clock.now() - timedelta(hours=1))
    assert codes(lambda: certify(shop, signer, stale)) == ("step_up.needed",)
    for machine in (OPERATOR, system("ticker")):
        assert codes(lambda machine=machine: certify(shop, signer, machine)) == ("actor.not_a_person",)
    assert access.host_certificates() == []
    assert evidence.last_entry(["act.refused"]) is not None


def test_a_plain_pinned_key_is_certified_and_no_other(shop: Shop, signer: NearSigner) -> None:
    assert codes(lambda: certify(shop, signer, host_key=fresh_key())) == ("host.other_key",)


def test_under_the_pinned_authority_a_host_key_is_replaced_without_a_new_approval(
    shop: Shop, signer: NearSigner
) -> None:
    pin(shop, certify(shop, signer).identity)
    before = inventory.frozen_asset(shop.asset, shop.connection)
    assert codes(lambda: certify(shop, signer)) == ("host.which_key",)
    key = fresh_key()
    made = certify(shop, signer, host_key=key)
    assert access.read_host_certificate(access.certificate_blob(made.certificate.certificate)).key.line == key
    assert inventory.frozen_asset(shop.asset, shop.connection) == before


def test_another_pinned_authority_is_left_to_itself(shop: Shop, signer: NearSigner) -> None:
    pin(shop, f"@cert-authority {fresh_key()}")
    assert codes(lambda: certify(shop, signer, host_key=fresh_key())) == ("host.other_authority",)


def test_the_signer_believes_no_row_that_the_ledger_does_not_know(shop: Shop, signer: NearSigner) -> None:
    with act(shop.actor("iris"), shop.clock) as current:
        order = access.order_host_certificate(current, asset=shop.asset, connection=shop.connection)
    with open_guard():
        HostCertificate.objects.filter(id=order.id).update(host_key=fresh_key())
    assert "row.altered" in codes(lambda: signer.host(order.id))
    with open_guard():
        HostCertificate.objects.filter(id=order.id).update(host_key=HOST_KEY, hostname="web02")
    assert "row.altered" in codes(lambda: signer.host(order.id))


def test_an_order_goes_stale_and_is_signed_once(shop: Shop, signer: NearSigner, clock: StillClock) -> None:
    with act(shop.actor("iris"), shop.clock) as current:
        order = access.order_host_certificate(current, asset=shop.asset, connection=shop.connection)
    clock.advance(minutes=11)
    assert codes(lambda: signer.host(order.id)) == ("host.stale_order",)
    done = certify(shop, signer).certificate
    assert codes(lambda: signer.host(done.id)) == ("host.stale_order",)
    assert codes(lambda: signer.host("hc_nothing")) == ("signer.no_order",)


def test_a_host_certificate_is_no_user_certificate(shop: Shop, signer: NearSigner) -> None:
    line = certify(shop, signer).certificate.certificate
    with pytest.raises(ValueError, match="no user certificate"):
        access.read_certificate(access.certificate_blob(line))
    assert access.grant_for_certificate(access.certificate_blob(line)) is None


def test_a_key_that_was_given_up_is_believed_no_more(shop: Shop, signer: NearSigner) -> None:
    made = certify(shop, signer)
    pin(shop, made.identity)
    view = give_host_key_up(shop.actor("iris"), shop.clock, made.certificate.id)
    assert view.state is access.HostCertificateState.REVOKED
    assert access.revoked_host_keys(shop.asset) == (HOST_KEY,)
    place = access.destination_of(shop.asset, shop.connection)
    assert place.known_hosts_line.splitlines()[1] == f"@revoked * {HOST_KEY}"
    assert codes(lambda: certify(shop, signer, host_key=HOST_KEY)) == ("host.key_given_up",)
    assert codes(lambda: give_host_key_up(shop.actor("iris"), shop.clock, view.id)) == ("host.not_signed",)
    with open_guard():
        HostCertificate.objects.filter(id=view.id).update(state="signed")
    assert access.revoked_host_keys(shop.asset) == (HOST_KEY,), "its entry counts, whatever the row says"
    with open_guard():
        HostCertificate.objects.filter(id=view.id).update(host_key=" ".join(fresh_key().split()[:2]))
    assert codes(lambda: access.destination_of(shop.asset, shop.connection)) == ("row.altered",)
    with open_guard():
        HostCertificate.objects.filter(id=view.id).delete()
    assert codes(lambda: access.destination_of(shop.asset, shop.connection)) == ("row.altered",)


def test_only_the_it_lead_gives_a_host_key_up(shop: Shop, signer: NearSigner) -> None:
    made = certify(shop, signer).certificate
    for name in ("max", "sam", "avery", "casey"):
        assert codes(lambda name=name: give_host_key_up(shop.actor(name), shop.clock, made.id)) == ("role.missing",)
    assert codes(lambda: give_host_key_up(OPERATOR, shop.clock, made.id)) == ("actor.not_a_person",)
    assert codes(lambda: give_host_key_up(shop.actor("iris"), shop.clock, "hc_x")) == ("host.unknown_order",)
    assert access.revoked_host_keys(shop.asset) == ()
