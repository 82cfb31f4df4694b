"""Taking access: what a technician gets in one call, and what is taken back when the signer refuses."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.access_shop import Place, Shop, approved_ticket, authorise, make_shop, open_ticket, vendor_pool
from tests.access_signer import NearSigner, fresh_key, near_signer
from tests.clock import StillClock

from quarterdeck.access import api as access
from quarterdeck.adapters.certificate_signature import signed_by
from quarterdeck.adapters.signer_client import SignerClient
from quarterdeck.evidence.api import act, entries
from quarterdeck.kernel.actors import OPERATOR, Actor, ActorKind
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.take_access import AccessMaterial, take_access

pytestmark = pytest.mark.django_db
DOOR = access.GateDoor("127.0.0.1", 8622, "quarterdeck", " ".join(fresh_key().split()[:2]))


@pytest.fixture
def shop(clock: StillClock) -> Shop:
    made = make_shop(clock, {"web01": Place(), "db01": Place(address="192.0.2.11")})
    authorise(made, "sam")
    return made


@pytest.fixture
def signer(tmp_path: Path, clock: StillClock) -> NearSigner:
    return near_signer(tmp_path / "signer", clock)


@pytest.fixture
def key(shop: Shop) -> str:
    made = fresh_key()
    personnel.register_key(shop.people["sam"], made, actor=shop.actor("sam"), clock=shop.clock)
    return made


def take(
    shop: Shop, signer: access.EntrySigner, key: str, *, actor: Actor | None = None, **more: object
) -> AccessMaterial:
    values: dict[str, object] = {"ticket": shop.ticket, "public_key": key, "signer": signer, "door": DOOR}
    return take_access(actor or shop.actor("sam"), shop.clock, **(values | more))  # type: ignore[arg-type]


def codes(call: Callable[[], object]) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.decision.codes


def refusals(shop: Shop) -> list[object]:
    return [entry.data["codes"] for entry in entries(events=["act.refused"]) if entry.ticket == shop.ticket]


def test_one_certificate_for_each_asset_of_the_ticket(shop: Shop, signer: NearSigner, key: str) -> None:
    open_ticket(shop)
    material = take(shop, signer, key)
    assert [one.hostname for one in material.assets] == sorted(["web01", "db01"], key=lambda name: shop.assets[name].id)
    for one in material.assets:
        blob = access.certificate_blob(one.certificate)
        assert signed_by(blob, str(signer.status()["entry_ca"]))
        bound = access.grant_for_certificate(blob)
        assert bound is not None
        assert (bound.id, bound.asset, bound.serial) == (one.grant, one.asset, one.serial)
        assert bound.valid_until == one.valid_until <= bound.window_until
        assert f"Host {one.hostname}\n" in material.ssh_config
        assert one.file_name in material.ssh_config
    assert material.known_hosts_line.startswith("quarterdeck-gate ecdsa-sha2-nistp256 ")


def test_only_some_of_the_assets(shop: Shop, signer: NearSigner, key: str) -> None:
    open_ticket(shop)
    material = take(shop, signer, key, assets=[shop.asset])
    assert [one.hostname for one in material.assets] == ["web01"]
    assert codes(lambda: take(shop, signer, key, assets=["as_elsewhere"])) == ("access.not_in_ticket",)


def test_an_inventory_for_ansible_where_the_folder_is_absolute(shop: Shop, signer: NearSigner, key: str) -> None:
    open_ticket(shop)
    assert take(shop, signer, key).ansible_inventory == ""
    inventory = take(shop, signer, key, folder="/home/sam/.config/quarterdeck/x").ansible_inventory
    assert "web01\n" in inventory
    assert "db01\n" in inventory
    assert 'ansible_ssh_common_args=-F "/home/sam/.config/quarterdeck/x/config"\n' in inventory


@pytest.mark.parametrize("path", ["C:\\Users\\sam", "relative", "/home/o'neil", "/home/x\ny", "/home/\u00e9", ""])
def test_a_path_that_can_not_be_written_is_refused_before_anything_is_granted(
    shop: Shop, signer: NearSigner, key: str, path: str
) -> None:
    open_ticket(shop)
    assert codes(lambda: take(shop, signer, key, folder=path)) == ("access.bad_path",)
    assert codes(lambda: take(shop, signer, key, identity_file=path)) == ("access.bad_path",)
    assert access.grants(ticket=shop.ticket) == []


def test_too_early_too_late_and_not_named(shop: Shop, signer: NearSigner, key: str, clock: StillClock) -> None:
    approved_ticket(shop)
    assert codes(lambda: take(shop, signer, key)) == ("ticket.not_open",)
    assert refusals(shop) == [["ticket.not_open"]]
    assert access.grants(ticket=shop.ticket) == []
    assert codes(lambda: take(shop, signer, key, ticket="MT-2026-09999")) == ("ticket.unknown",)
    assert codes(lambda: take(shop, signer, key, ticket="--help")) == ("access.no_ticket_number",)


def test_nobody_takes_access_for_another(shop: Shop, signer: NearSigner, key: str) -> None:
    open_ticket(shop)
    assert codes(lambda: take(shop, signer, key, actor=OPERATOR)) == ("access.not_the_person",)
    assert codes(lambda: take(shop, signer, key, actor=shop.actor("iris"))) == ("access.no_key",)
    iris_key = fresh_key()
    personnel.register_key(shop.people["iris"], iris_key, actor=shop.actor("iris"), clock=shop.clock)
    assert codes(lambda: take(shop, signer, key, actor=shop.actor("iris"))) == ("access.key_not_registered",)
    assert "ticket.not_yours" in codes(lambda: take(shop, signer, iris_key, actor=shop.actor("iris")))


def test_without_a_fresh_second_factor_nothing_is_given(
    shop: Shop, signer: NearSigner, key: str, clock: StillClock
) -> None:
    open_ticket(shop)
    stale = shop.actor("sam")
    clock.advance(minutes=11)
    assert codes(lambda: take(shop, signer, key, actor=stale)) == ("access.step_up",)
    never = Actor(shop.people["sam"], ActorKind.PERSON, "password", None)
    assert codes(lambda: take(shop, signer, key, actor=never)) == ("access.step_up",)


@pytest.mark.parametrize("rubbish", ["", "ssh-ed25519", "ssh-dss AAAAB3NzaC1kc3M=", "x y"])
def test_an_unusable_key_is_a_sentence(shop: Shop, signer: NearSigner, key: str, rubbish: str) -> None:
    open_ticket(shop)
    assert codes(lambda: take(shop, signer, rubbish)) == ("access.bad_key",)


def test_without_a_signer_what_was_given_is_taken_back(shop: Shop, key: str, tmp_path: Path) -> None:
    open_ticket(shop)
    assert codes(lambda: take(shop, SignerClient(tmp_path / "nobody.sock"), key)) == ("signer.gone",)
    given = access.grants(ticket=shop.ticket)
    assert {(one.state, one.end_reason, one.serial) for one in given} == {
        (access.GrantState.REVOKED, "signer.refused", None)
    }
    assert refusals(shop)[-1] == ["signer.gone"]


def test_taking_it_again_gives_another_certificate(shop: Shop, signer: NearSigner, key: str) -> None:
    open_ticket(shop)
    first, second = take(shop, signer, key), take(shop, signer, key)
    serials = {one.serial for one in (*first.assets, *second.assets)}
    assert len(serials) == 4


def test_a_vendors_pool_is_bound_to_whom_takes_access(shop: Shop, signer: NearSigner) -> None:
    agreement, pool = vendor_pool(shop)
    number = approved_ticket(shop, technicians=(), pool_id=pool, agreement_id=agreement)
    with act(shop.actor("iris"), shop.clock) as current:
        tickets.open_ticket(current, number)
    key = fresh_key()
    personnel.register_key(shop.people["max"], key, actor=shop.actor("max"), clock=shop.clock)
    material = take(shop, signer, key, actor=shop.actor("max"), assets=[shop.asset])
    assert access.grant(material.assets[0].grant).person == shop.people["max"]
    personnel.change_pool(pool, [], actor=shop.actor("iris"), clock=shop.clock)
    assert "ticket.not_yours" in codes(lambda: take(shop, signer, key, actor=shop.actor("max")))
