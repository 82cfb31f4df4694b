"""Checks on their pages: the register, one form for each kind, changing, taking out of use; and on the ticket's tab."""

import pytest
from tests.measuring import LocalChannel
from tests.shop import FAST_HASHER
from tests.ticket_steps import TICKER
from tests.ticket_yard import Yard, build_yard
from tests.web_shop_floor import RealClock
from tests.web_visitor import sign_in, text_of

from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import CheckKind
from quarterdeck.workflows.run_checks import check_before

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def yard(settings) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER
    return build_yard(RealClock())


def test_every_kind_has_its_form_and_what_is_wrong_is_named(yard: Yard) -> None:
    iris = sign_in(yard.shop, "iris")
    kinds = iris.get("/registers/checks/kinds/").content.decode()
    for kind in CheckKind:
        assert f"/registers/checks/define/{kind}/" in kinds
        assert iris.get(f"/registers/checks/define/{kind}/").status_code == 200, kind
    wrong = {"name": "Room", "phase": "both", "path": "/srv/../etc", "least_mb": "1", "assets": [yard.server]}
    answer = iris.post("/registers/checks/define/disk/", wrong)
    assert "The value path of a disk check is not usable" in text_of(answer)
    assert inventory.checks() == []
    assert sign_in(yard.shop, "max").get("/registers/checks/define/disk/").status_code == 403


def test_a_check_is_defined_changed_made_shown_and_taken_out_of_use(yard: Yard) -> None:
    iris = sign_in(yard.shop, "iris")
    said = {"name": "Room for the dump", "phase": "before", "path": "/", "least_mb": "1", "assets": [yard.server]}
    assert iris.post("/registers/checks/define/disk/", said).status_code == 302
    (made,) = inventory.checks()
    assert "Room for the dump" in text_of(iris.get("/registers/checks/"))
    assert iris.post(f"/registers/checks/{made.id}/", said | {"least_mb": "9999999"}).status_code == 302
    assert inventory.check(made.id).values["least_mb"] == "9999999"
    number = yard.scheduled().number
    check_before(
        TICKER, yard.clock, ticket=number, asset_id=yard.server, connection_id=yard.connection, channel=LocalChannel()
    )
    assert "9999999 are wanted" in text_of(iris.get(f"/tickets/{number}/?tab=checks"))
    assert iris.post(f"/registers/checks/{made.id}/withdraw/").status_code == 302
    assert inventory.checks() == []
