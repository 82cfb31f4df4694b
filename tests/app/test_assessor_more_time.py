"""A package shows more time: who asked, who decided, what was approved before it; and it still verifies."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.app.test_assessor_report import members, package
from tests.clock import StillClock
from tests.package_scene import Scene
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard

from quarterdeck.tickets.api import ApprovalRole, Verdict
from quarterdeck.workflows import extend_window
from quarterdeck_verify.verification import Verdict as Verified

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(clock: StillClock, tmp_path: Path, settings: object) -> Iterator[Scene]:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        yield Scene(PackageShop(build_yard(clock), sealer), tmp_path / "tree")


def test_the_report_tells_of_more_time(scene: Scene) -> None:
    shop = scene.shop
    number, yard = shop.opened(), shop.yard
    first = extend_window.extend(yard.actor("max"), shop.clock, number, minutes=60, reason="It is slow.")
    extend_window.decide(
        yard.actor("avery"), shop.clock, number, first.id, role=ApprovalRole.APPROVER, verdict=Verdict.REFUSED,
        reason="The office opens.",
    )  # fmt: skip
    asked = extend_window.extend(yard.actor("max"), shop.clock, number, minutes=45, reason="One disk is slow.")
    for key, role in (("avery", ApprovalRole.APPROVER), ("casey", ApprovalRole.CUI_OWNER)):
        extend_window.decide(
            yard.actor(key), shop.clock, number, asked.id, role=role, verdict=Verdict.APPROVED, reason="Until then.",
        )  # fmt: skip
    shop.anchor()
    path = package(scene, numbers=[number])
    assert shop.verify(path).verdict is Verified.INTACT
    html = members(path)["report.html"].decode()
    for wanted in (
        "extended; approved until", "One disk is slow.", "Avery Approver approved as Approver: Until then.",
        "Casey Owner approved as CUI owner: Until then.", "Avery Approver refused as Approver: The office opens.",
        "Ticket extended", "Extension asked", "Extension decided", "Extension refused",
    ):  # fmt: skip
        assert wanted in html, wanted
