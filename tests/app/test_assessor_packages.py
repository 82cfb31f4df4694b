"""Packages from order to verdict: closed tickets, a real sealer, the stranger's verifier."""

import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.apps import apps
from tests.clock import StillClock
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard

from quarterdeck.assessor import api as assessor
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import OPERATOR, system
from quarterdeck.kernel.decision import Refused
from quarterdeck.workflows import export_package, seal_period
from quarterdeck.workflows.export_package import Press
from quarterdeck_verify.package import parse_scope, parse_withheld
from quarterdeck_verify.verification import Verdict

pytestmark = pytest.mark.django_db
NOVEMBER = (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


@pytest.fixture
def shop(clock: StillClock, tmp_path, settings) -> Iterator[PackageShop]:
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        yield PackageShop(build_yard(clock), sealer)


def refused(call, *args: object, **kwargs: object) -> tuple[str, ...]:
    with pytest.raises(Refused) as refusal:
        call(*args, **kwargs)
    return refusal.value.decision.codes


def members(path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def test_the_package_of_a_closed_ticket_is_intact_to_a_stranger(shop: PackageShop) -> None:
    number = shop.closed()
    shop.anchor()
    path = shop.package(numbers=[number])
    report = shop.verify(path)
    assert list(report.findings) == []
    assert report.verdict is Verdict.INTACT
    assert report.tickets is not None
    assert report.tickets.included == (number,)
    assert len(path.stem) <= 50
    assert path.stat().st_mode & 0o777 == 0o600


def test_without_pin_or_anchor_it_is_unanchored(shop: PackageShop) -> None:
    number = shop.closed()
    shop.anchor()
    path = shop.package(numbers=[number])
    assert shop.verify(path, anchored=False).verdict is Verdict.UNANCHORED
    assert shop.verify(path, pinned=False).verdict is Verdict.UNANCHORED


def test_an_anchor_older_than_the_ticket_does_not_count(shop: PackageShop) -> None:
    shop.anchor()
    path = shop.package(numbers=[shop.closed()])
    assert shop.verify(path).verdict is Verdict.UNANCHORED


def test_one_changed_byte_of_a_view_or_an_entry_is_altered(shop: PackageShop) -> None:
    number = shop.closed()
    shop.anchor()
    whole = shop.package(numbers=[number]).read_bytes()
    for needle in (b"<!doctype html>", b"package.exported", b"The fix is in.", b'"content_hash"'):
        place = whole.index(needle)
        path = export_package.packages_dir() / "mutant.zip"
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        report = shop.verify(path)
        assert report.verdict is Verdict.ALTERED, needle
        assert list(report.findings)


def test_a_recording_leaves_only_with_the_cui_owners_consent(shop: PackageShop) -> None:
    number = shop.closed()
    shop.anchor()
    path = shop.package(numbers=[number])
    rows = parse_withheld(members(path)["data/withheld.csv"])
    assert [(row.role, row.reason) for row in rows if row.ticket] == [("recording", "no_consent")]
    assert refused(export_package.consent, shop.yard.actor("iris"), shop.clock, number) == ("role.missing",)
    export_package.consent(shop.yard.actor("casey"), shop.clock, number)
    rows = parse_withheld(members(shop.package(numbers=[number]))["data/withheld.csv"])
    assert [row.reason for row in rows if row.ticket] == ["no_recipient"]
    again = shop.package(numbers=[number], to="passphrase")
    assert any(name.endswith(f"_{number}.cast.cms") for name in members(again))
    assert shop.verify(again).verdict is Verdict.INTACT
    export_package.withdraw_consent(shop.yard.actor("casey"), shop.clock, number)
    assert not any(".cast" in name for name in members(shop.package(numbers=[number], to="passphrase")))


def test_a_disposed_artifact_is_listed_with_its_reason(shop: PackageShop) -> None:
    number = shop.closed()
    shop.anchor()
    summary = next(e for e in evidence.entries(ticket=number, events=["ticket.closed"])).artifacts[0]["sha256"]
    dispose(shop, summary)
    path = shop.package(numbers=[number])
    rows = {row.sha256: row.reason for row in parse_withheld(members(path)["data/withheld.csv"])}
    assert rows[summary] == "disposed"
    assert shop.verify(path).verdict is Verdict.INTACT


def dispose(shop: PackageShop, sha256: str) -> None:
    """Leave a tombstone, as disposal by two people will."""
    with evidence.act(system("ticker"), shop.clock) as act:
        act.record("artifact.disposed", evidence.ObjectRef("artifact", sha256))
        apps.get_model("evidence", "Artifact").objects.filter(sha256=sha256).update(state="disposed")
    evidence.object_path(sha256).unlink()


def test_a_file_lost_from_the_store_is_said_and_stops_nothing(shop: PackageShop) -> None:
    number = shop.closed()
    summary = next(e for e in evidence.entries(ticket=number, events=["ticket.closed"])).artifacts[0]["sha256"]
    evidence.object_path(summary).unlink()
    listed = members(shop.package(numbers=[number]))["data/withheld.csv"]
    rows = {row.sha256: row.reason for row in parse_withheld(listed)}
    assert rows[summary] == "lost"


def test_a_period_holds_all_its_tickets_and_says_so(shop: PackageShop) -> None:
    numbers = [shop.closed(), shop.closed()]
    shop.yard.submitted(title="Never opened")
    shop.anchor()
    path = shop.package(since=NOVEMBER[0], until=NOVEMBER[1])
    report = shop.verify(path)
    assert report.verdict is Verdict.INTACT
    assert report.tickets is not None
    assert report.tickets.included == (*numbers, "MT-2026-00003")
    assert report.tickets.missing == ()
    assert report.tickets.unsealed == ("2026-11",)


def test_a_choice_from_a_period_says_what_it_leaves_out(shop: PackageShop) -> None:
    numbers = [shop.closed() for _ in range(3)]
    shop.anchor()
    path = shop.package(numbers=[numbers[1]], since=NOVEMBER[0], until=NOVEMBER[1])
    report = shop.verify(path)
    assert report.verdict is Verdict.INTACT
    assert report.tickets is not None
    assert report.tickets.missing == (numbers[0], numbers[2])
    assert parse_scope(members(path)["data/scope.json"]).ranges == ((numbers[0], numbers[2]),)


def test_a_sealed_month_names_the_ticket_that_a_package_leaves_out(shop: PackageShop) -> None:
    numbers = [shop.closed(), shop.closed()]
    shop.clock.set_wall(datetime(2026, 12, 1, 0, 2, tzinfo=UTC))
    assert seal_period.seal_due_periods(system("ticker"), shop.clock) == ["2026-11"]
    shop.anchor()
    whole = shop.verify(shop.package(since=NOVEMBER[0], until=NOVEMBER[1]))
    assert (whole.verdict, whole.tickets and whole.tickets.unsealed) == (Verdict.INTACT, ())
    part = shop.verify(shop.package(numbers=[numbers[0]], since=NOVEMBER[0], until=NOVEMBER[1]))
    assert part.tickets is not None
    assert part.tickets.missing == (numbers[1],)


def test_only_readers_of_packages_order_and_take_them(shop: PackageShop) -> None:
    number = shop.closed()
    for who in ("max", "avery", "casey", "erin"):
        codes = refused(export_package.order_package, shop.yard.actor(who), shop.clock, numbers=[number])
        assert codes == ("reading.denied",)
    codes = refused(export_package.order_package, OPERATOR, shop.clock, numbers=[number])
    assert codes == ("package.person", "reading.denied")
    shop.package(numbers=[number])
    order = assessor.orders()[0]
    assert refused(export_package.take_package, shop.yard.actor("max"), shop.clock, order.id) == ("reading.denied",)


def test_taking_a_package_is_an_entry_once_in_ten_minutes(shop: PackageShop) -> None:
    shop.package(numbers=[shop.closed()])
    order = assessor.orders()[0]
    for _ in range(3):
        assert export_package.take_package(shop.yard.actor("quinn"), shop.clock, order.id)[0].id == order.id
    looks = list(evidence.entries(events=["evidence.viewed"]))
    assert [(look.actor_id, look.object.id) for look in looks] == [(shop.yard.shop.ids["quinn"], order.id)]
    shop.clock.advance(minutes=11)
    export_package.take_package(shop.yard.actor("quinn"), shop.clock, order.id)
    assert len(list(evidence.entries(events=["evidence.viewed"]))) == 2


@pytest.mark.parametrize(
    ("scope", "code"),
    [
        ({}, "package.scope"),
        ({"numbers": ["MT-2026-00009"]}, "ticket.unknown"),
        ({"since": NOVEMBER[0]}, "package.scope"),
        ({"since": NOVEMBER[1], "until": NOVEMBER[0]}, "package.period_backwards"),
        ({"since": NOVEMBER[1], "until": datetime(2027, 1, 1, tzinfo=UTC)}, "package.period_ahead"),
        ({"since": datetime(2000, 1, 1, tzinfo=UTC), "until": NOVEMBER[0]}, "package.period_long"),
    ],
)
def test_a_scope_that_makes_no_sense_is_a_sentence(shop: PackageShop, scope: dict[str, object], code: str) -> None:
    assert code in refused(export_package.order_package, shop.yard.actor("iris"), shop.clock, **scope)
    assert [e.object.id for e in evidence.entries(events=["act.refused"])] == ["package.order"]


def test_a_cancelled_order_makes_no_package(shop: PackageShop) -> None:
    number = shop.closed()
    order = export_package.order_package(shop.yard.actor("iris"), shop.clock, numbers=[number])
    export_package.cancel_package(shop.yard.actor("iris"), shop.clock, order.id)
    export_package.make_next_package(shop.clock, lambda: Press(shop.sealer, {}))
    assert assessor.order(order.id).state is assessor.OrderState.FAILED
    assert not list(evidence.entries(events=["package.exported"]))


def test_an_order_whose_maker_died_is_made_by_the_next(shop: PackageShop) -> None:
    number = shop.closed()
    order = export_package.order_package(shop.yard.actor("iris"), shop.clock, numbers=[number])
    assert assessor.take_order(shop.clock) is not None
    assert not export_package.make_next_package(shop.clock, lambda: Press(shop.sealer, {}))
    shop.clock.advance(minutes=6)
    assert export_package.make_next_package(shop.clock, lambda: Press(shop.sealer, {}))
    assert assessor.order(order.id).state is assessor.OrderState.DONE
