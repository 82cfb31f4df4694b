"""Host certificates on the asset's page: ordered with a fresh second factor, shown, downloaded, refused with reason."""


import pytest
from tests.access_signer import near_signer
from tests.package_shop import PackageShop
from tests.shop import FAST_HASHER
from tests.web_shop_floor import floor
from tests.web_visitor import sign_in, text_of

from quarterdeck import wiring
from quarterdeck.access import api as access
from quarterdeck.inventory import api as inventory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(settings, tmp_path, monkeypatch):
    settings.PASSWORD_HASHERS = FAST_HASHER
    made = floor()
    signer = near_signer(tmp_path / "signer", made.clock)
    monkeypatch.setattr(wiring, "signer", lambda: signer)
    return made


def pages(shop: PackageShop) -> tuple[str, str]:
    asset = shop.yard.server
    return f"/assets/{asset}/", f"/assets/{asset}/connections/{inventory.asset(asset).connections[0].id}/certify/"


def test_the_it_lead_certifies_the_pinned_key_and_downloads_the_file(shop: PackageShop) -> None:
    iris = sign_in(shop.yard.shop, "iris")
    asset, certify = pages(shop)
    assert "The gate pins the host key itself" in text_of(iris.get(asset))
    assert "Certifies the host key" in text_of(iris.get(certify))
    done = text_of(iris.post(certify, {"host_key": ""}))
    assert "@cert-authority ecdsa-sha2-nistp256" in done
    (made,) = access.host_certificates(shop.yard.server)
    assert made.fingerprint[:20] in text_of(iris.get(asset))
    file = iris.get(f"{asset}host-certificates/{made.id}")
    assert file.content.decode().strip() == made.certificate
    assert "attachment" in file["Content-Disposition"]


def test_a_key_is_given_up_by_its_button(shop):
    iris = sign_in(shop.yard.shop, "iris")
    asset, certify = pages(shop)
    iris.post(certify, {"host_key": ""})
    (made,) = access.host_certificates(shop.yard.server)
    said = text_of(iris.post(f"{asset}host-certificates/{made.id}/give-up/", follow=True))
    assert "no more" in said
    assert "Key given up" in said
    assert access.revoked_host_keys(shop.yard.server) == (made.host_key,)


def test_another_key_is_refused_with_its_next_step(shop: PackageShop) -> None:
    iris = sign_in(shop.yard.shop, "iris")
    _, certify = pages(shop)
    said = text_of(iris.post(certify, {"host_key": "ecdsa-sha2-nistp256 AAAA"}))
    assert "This is no usable host key" in said
    assert access.host_certificates() == []


def test_nobody_else_certifies(shop: PackageShop) -> None:
    _, certify = pages(shop)
    for name in ("max", "avery", "casey"):
        assert sign_in(shop.yard.shop, name).post(certify, {"host_key": ""}).status_code == 403
    assert access.host_certificates() == []
