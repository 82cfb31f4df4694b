"""Attacks on the way from the ledger to the package: holes, forged rows, forged views, a ledger changed underneath."""

import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from django.apps import apps
from tests.append_only import database_in_hand
from tests.clock import StillClock
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard

from quarterdeck.adapters.envelopes import Envelopes
from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import OrderState, Recipient
from quarterdeck.attachments.api import Told
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import ObjectRef
from quarterdeck.kernel.actors import system
from quarterdeck.workflows import attach_evidence, export_package
from quarterdeck.workflows.export_package import Press
from quarterdeck_verify.verification import Verdict

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(clock: StillClock, tmp_path, settings) -> Iterator[PackageShop]:
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        yield PackageShop(build_yard(clock), sealer)


def made(shop: PackageShop, number: str) -> assessor.OrderView:
    order = export_package.order_package(shop.yard.actor("iris"), shop.clock, numbers=[number])
    export_package.make_next_package(shop.clock, lambda: Press(shop.sealer, {}))
    return assessor.order(order.id)


def consents_row(number: str, person: str, entry: str) -> None:
    """Write a consent into the table, as somebody with the database file can."""
    table = apps.get_model("assessor", "RecordingConsent")._meta.db_table
    with database_in_hand() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (ticket_id, person_id, given_at, entry) VALUES (%s, %s, '2026-11-23', %s)",  # noqa: S608
            [number, person, entry],
        )


def test_a_consent_that_nobody_recorded_releases_nothing(shop: PackageShop) -> None:
    number = shop.closed()
    consents_row(number, shop.yard.shop.ids["casey"], "ev_invented")
    assert not assessor.consents(number)
    assert made(shop, number).withheld == 1


def test_a_consent_withdrawn_does_not_come_back_with_its_old_entry(shop: PackageShop) -> None:
    number = shop.closed()
    casey = shop.yard.actor("casey")
    export_package.consent(casey, shop.clock, number)
    entry = next(e.event_id for e in evidence.entries(events=["recording.consented"]))
    export_package.withdraw_consent(casey, shop.clock, number)
    consents_row(number, casey.id, entry)
    assert not assessor.consents(number)


class Withdrawing(Envelopes):
    """A locksmith at whose first file the CUI owner thinks better of it."""

    def __init__(self, shop: PackageShop, number: str) -> None:
        self.shop, self.number, self.sealed = shop, number, 0

    def seal(self, recipient: Recipient, content: BinaryIO, path: Path) -> None:
        super().seal(recipient, content, path)
        self.sealed += 1
        if self.sealed == 1:
            export_package.withdraw_consent(self.shop.yard.actor("casey"), self.shop.clock, self.number)


def test_a_consent_withdrawn_while_the_package_is_made_keeps_the_recording_here(shop: PackageShop) -> None:
    number = shop.closed()
    export_package.consent(shop.yard.actor("casey"), shop.clock, number)
    locksmith = Withdrawing(shop, number)
    order = export_package.order_package(
        shop.yard.actor("iris"), shop.clock, numbers=[number], recipient=locksmith.passphrase()[0]
    )
    export_package.make_next_package(shop.clock, lambda: Press(shop.sealer, {}, locksmith))
    assert assessor.order(order.id).state is OrderState.DONE
    assert locksmith.sealed == 1, "made anew without it"
    kept = export_package.kept_back(assessor.order(order.id))
    assert [one.reason for one in kept if one.ticket] == ["no_consent"]


def test_a_recording_attached_to_another_ticket_under_another_name_stays_here(shop: PackageShop) -> None:
    first = shop.closed()
    (item,) = [
        item for entry in evidence.entries(ticket=first) for item in entry.artifacts if item["role"] == "recording"
    ]  # fmt: skip
    second = shop.yard.submitted().number
    attach_evidence.attach_file(
        shop.yard.actor("max"), shop.clock, second, Told("document", "The vendor's handbook.", may_contain_cui=False),
        name="handbook.pdf", file=io.BytesIO(evidence.read_artifact(str(item["sha256"]))),
    )  # fmt: skip
    kept = export_package.kept_back(made(shop, second))
    assert [(one.sha256, one.reason) for one in kept if one.ticket] == [(item["sha256"], "no_consent")]
    export_package.consent(shop.yard.actor("casey"), shop.clock, second)
    kept = export_package.kept_back(made(shop, second))
    assert [one.reason for one in kept if one.ticket] == ["no_consent"], "the recording's own ticket has none"


def test_a_consent_turned_to_another_ticket_does_not_count(shop: PackageShop) -> None:
    first = shop.closed()
    shop.clock.advance(hours=3)
    second = shop.closed()
    export_package.consent(shop.yard.actor("casey"), shop.clock, first)
    table = apps.get_model("assessor", "RecordingConsent")._meta.db_table
    with database_in_hand() as cursor:
        cursor.execute(f"UPDATE {table} SET ticket_id = %s", [second])  # noqa: S608
    assert not assessor.consents(second)


@pytest.mark.parametrize("event", ["act.refused", "approval.recorded", "ticket.closed"])
def test_an_exporter_that_leaves_an_entry_out_is_found(shop: PackageShop, monkeypatch, event: str) -> None:
    number = shop.closed()
    with evidence.act(system("ticker"), shop.clock) as act:
        act.record("act.refused", ObjectRef("rule", "ticket.open"), ticket=number, data={"codes": ["window.before"]})
        act.record("ticket.noted", ObjectRef("ticket", number), ticket=number)
    shop.anchor()
    honest = assessor.cut

    def dishonest(scope: assessor.Scope) -> assessor.Slice:
        whole = honest(scope)
        return dataclasses.replace(whole, entries=tuple(entry for entry in whole.entries if entry.event != event))

    monkeypatch.setattr(assessor, "cut", dishonest)
    report = shop.verify(export_package.package_path(made(shop, number)))
    assert report.verdict is Verdict.ALTERED
    assert {finding.code for finding in report.findings} & {"ticket.hole", "ticket.chain"}


def test_a_report_forged_after_its_hash_was_recorded_is_found(shop: PackageShop, monkeypatch) -> None:
    number = shop.closed()
    shop.anchor()
    record = export_package._record

    def forging(actor, clock, order, cut, prepared) -> bytes:
        body = record(actor, clock, order, cut, prepared)
        prepared.views["data/report.html"] = b"<!doctype html><p>All is well."
        return body

    monkeypatch.setattr(export_package, "_record", forging)
    report = shop.verify(export_package.package_path(made(shop, number)))
    assert report.verdict is Verdict.ALTERED
    assert "view.forged" in {finding.code for finding in report.findings}


def test_a_ledger_changed_underneath_gives_no_package(shop: PackageShop) -> None:
    number = shop.closed()
    shop.anchor()
    with database_in_hand() as cursor:
        cursor.execute("SELECT seq, body FROM evidence_ledgerentry WHERE ticket = %s ORDER BY seq", [number])
        seq, body = cursor.fetchall()[3]
        cursor.execute(
            "UPDATE evidence_ledgerentry SET body = %s WHERE seq = %s",
            [bytes(body).replace(b"T14:", b"T13:", 1), seq],
        )
    order = made(shop, number)
    if order.state is OrderState.DONE:
        assert shop.verify(export_package.package_path(order)).verdict is Verdict.ALTERED
    else:
        assert order.message


def test_a_file_changed_in_the_store_gives_no_package(shop: PackageShop) -> None:
    number = shop.closed()
    summary = next(e for e in evidence.entries(ticket=number, events=["ticket.closed"])).artifacts[0]["sha256"]
    path = evidence.object_path(summary)
    path.chmod(0o600)
    path.write_bytes(b"The fix is out.")
    order = export_package.order_package(shop.yard.actor("iris"), shop.clock, numbers=[number])
    export_package.make_next_package(shop.clock, lambda: Press(shop.sealer, {}))
    told = assessor.order(order.id)
    assert told.state is OrderState.FAILED
    assert "is not the one that was sealed" in told.message
    assert [child.name for child in export_package.packages_dir().iterdir()] == []


def test_a_ticket_that_goes_on_meanwhile_is_cut_again(shop: PackageShop, monkeypatch) -> None:
    number = shop.opened()
    shop.anchor()
    derive, times = assessor.derive_views, []

    def slow(*args: object, **more: object) -> dict[str, bytes]:
        views = derive(*args, **more)
        if len(times) < 2:
            times.append(1)
            shop.facts(number, ("mfa.used",))
        return views

    monkeypatch.setattr(assessor, "derive_views", slow)
    report = shop.verify(export_package.package_path(made(shop, number)))
    assert report.verdict is Verdict.INTACT
    assert len(list(evidence.entries(events=["package.exported"]))) == 1
    times.clear()
    monkeypatch.setattr(assessor, "derive_views", lambda *args, **more: (times.clear(), slow(*args, **more))[1])
    order = made(shop, number)
    assert (order.state, "faster than it could be made" in order.message) == (OrderState.FAILED, True)
