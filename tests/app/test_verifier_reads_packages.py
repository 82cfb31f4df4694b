"""What the verifier reads from packages that the product itself made: approvals, sessions, certificates, witnesses."""

from collections.abc import Iterator

import pytest
from tests.attack.package_fixture import Key, codes
from tests.clock import StillClock
from tests.package_scene import Scene
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard

from quarterdeck.access import api as access
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import system
from quarterdeck.sessions import api as sessions
from quarterdeck_verify import report

OTHER_KEY = Key.p256().line
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(clock: StillClock, tmp_path, settings) -> Iterator[PackageShop]:
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        yield PackageShop(build_yard(clock), sealer)


def test_a_whole_ticket_has_two_recorded_approvals_and_no_gap(shop: PackageShop, tmp_path) -> None:
    number = Scene(shop, tmp_path / "tree").play()
    shop.anchor()
    found = shop.verify(shop.package(numbers=[number]))
    assert codes(found) == set()
    given = [(one.approval.role, one.approval.verdict, one.signed) for one in found.approvals]
    assert given == [("approver", "approved", False), ("cui_owner", "approved", False)]
    assert {one.by for one in found.approvals} == {"recorded approval"}
    assert [(gap.code, gap.sentence) for gap in found.gaps] == []
    assert "Approvals without a signature of the person's own" in report.as_text(found, "x")


def test_what_the_product_leaves_without_recording_or_session_is_named(shop: PackageShop, tmp_path) -> None:
    scene = Scene(shop, tmp_path / "tree")
    number = scene.play(closes=False)
    yard, clock = shop.yard, shop.clock
    with evidence.act(yard.actor("max"), clock) as act:
        grant = access.create_grant(
            act, ticket=number, person=yard.shop.ids["max"], asset=yard.server, connection=yard.connection,
            purpose=access.Purpose.WORK, public_key=OTHER_KEY, valid_from=clock.now(),
            valid_until=access.grants(ticket=number)[0].valid_until,
        )  # fmt: skip
    with evidence.act(system("signer"), clock) as act:
        access.bind_certificate(act, grant.id, 4712, "ef" * 32)
    with evidence.act(system("gate"), clock) as act:
        began = sessions.begin(
            act, ticket=number, person=yard.shop.ids["max"], asset=yard.server, grant=grant.id, serial=4713,
            work=sessions.Work.TERMINAL, source="203.0.113.9",
        )  # fmt: skip
    shop.anchor()
    found = shop.verify(shop.package(numbers=[number]))
    assert codes(found) == set()
    told = {gap.code: gap.sentence for gap in found.gaps}
    assert "Certificate 4712 was given out, and no session used it." in told["certificate.unused"]
    assert "has no end here" in told["session.open"]
    assert any(began.id in gap.where for gap in found.gaps)
