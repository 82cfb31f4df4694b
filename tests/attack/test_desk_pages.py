"""Pages of the desk and of evidence against what somebody wrote into the database, or into an address."""

from collections.abc import Iterator

import pytest
from tests.append_only import database_in_hand
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.web_shop_floor import RealClock, closed, floor
from tests.web_visitor import sign_in, text_of

from quarterdeck.evidence import api as evidence
from quarterdeck.workflows import export_package
from quarterdeck.workflows.export_package import Press

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(tmp_path, settings) -> Iterator[PackageShop]:
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "sealer", RealClock()) as sealer:
        yield floor(sealer)


def test_the_web_hands_out_no_file_that_a_finished_order_was_pointed_at_by_hand(shop) -> None:
    number = closed(shop)
    order = export_package.order_package(shop.yard.actor("iris"), shop.clock, numbers=[number])
    export_package.make_next_package(shop.clock, lambda: Press(shop.sealer, {}))
    iris = sign_in(shop.yard.shop, "iris")
    taken = iris.get(f"/evidence/packages/{order.id}/")
    assert b"".join(taken.streaming_content).startswith(b"PK")
    looks = [look.object.id for look in evidence.entries(events=["evidence.viewed"])]
    assert looks == [order.id]
    (export_package.packages_dir().parent / "secret.zip").write_bytes(b"not yours")
    with database_in_hand() as cursor:
        cursor.execute("UPDATE assessor_packageorder SET base = '../secret'")
    answer = iris.get(f"/evidence/packages/{order.id}/")
    assert answer.status_code == 409
    assert "not what the ledger says" in text_of(answer)


@pytest.mark.parametrize("value", ["x", "%00", "done%FF"])
def test_a_state_that_no_package_has_is_no_error_of_the_server(shop, value) -> None:
    closed(shop)
    export_package.order_package(
        shop.yard.actor("iris"), shop.clock, numbers=[evidence.last_entry(["ticket.closed"]).ticket]
    )
    quinn = sign_in(shop.yard.shop, "quinn")
    answer = quinn.get(f"/evidence/packages/all/?state={value}&state=waiting")
    assert answer.status_code == 200
