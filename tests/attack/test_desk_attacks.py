"""What an assessor is shown, by somebody who writes into the database: samples, periods, snapshots, what stays here.

attacks.md rows 6, 8, 19 and 28: the desk and the packages believe the ledger, not the rows beside it.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.append_only import database_in_hand
from tests.clock import StillClock
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard

from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import OrderState, Population
from quarterdeck.evidence import api as evidence
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import export_package
from quarterdeck.workflows.export_package import Press

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(clock: StillClock, tmp_path, settings) -> Iterator[PackageShop]:
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        yield PackageShop(build_yard(clock), sealer)


def by_hand(*statements: str) -> None:
    """Write into the database as somebody with its file does."""
    with database_in_hand() as cursor:
        for statement in statements:
            cursor.execute("PRAGMA foreign_keys = OFF") if cursor.db.vendor == "sqlite" else None
            cursor.execute(statement)
            assert cursor.rowcount > 0, statement
            cursor.execute("PRAGMA foreign_keys = ON") if cursor.db.vendor == "sqlite" else None


def made(shop: PackageShop, **scope: object) -> assessor.OrderView:
    order = export_package.order_package(shop.yard.actor("iris"), shop.clock, **scope)  # type: ignore[arg-type]
    export_package.make_next_package(shop.clock, lambda: Press(shop.sealer, {}))
    return assessor.order(order.id)


@pytest.mark.parametrize("population", [Population.CLOSED, Population.CLOSED_CUI])
@pytest.mark.parametrize("change", ["state = 'open'", "state = 'withdrawn'", "number = 'MT-2031-00001'"])
def test_a_closed_ticket_hidden_by_hand_is_drawn_from_all_the_same(shop, population, change) -> None:
    number = shop.closed()
    by_hand(f"UPDATE tickets_maintenanceticket SET {change}")  # noqa: S608
    assert assessor.population_of(population) == (number,)


def test_an_emergency_that_is_called_none_by_hand_is_drawn_from_all_the_same(shop) -> None:
    number = shop.closed()
    assert assessor.population_of(Population.EMERGENCY) == ()
    by_hand("UPDATE tickets_maintenanceticket SET risk = 'high'")
    assert assessor.population_of(Population.EMERGENCY) == (number,), "nobody can show any more that it was none"


@pytest.mark.parametrize("change", ["created_at = '2031-01-01 00:00:00'", "number = 'MT-2031-00001'"])
def test_a_ticket_moved_out_of_the_period_by_hand_is_missed(shop, change) -> None:
    since = shop.clock.now() - timedelta(hours=1)
    shop.closed()
    shop.clock.advance(hours=3)
    number = shop.closed()
    by_hand(f"UPDATE tickets_maintenanceticket SET {change} WHERE number = '{number}'")  # noqa: S608
    order = made(shop, since=since, until=shop.clock.now())
    if order.state is OrderState.DONE:
        assert number in assessor.cut(order.scope).heads
    else:
        assert number in order.message or "no such ticket" in order.message.lower()


def test_a_ticket_changed_by_hand_gives_no_package(shop) -> None:
    number = shop.closed()
    by_hand("UPDATE tickets_maintenanceticket SET title = 'Nothing to see'")
    order = made(shop, numbers=[number])
    assert order.state is OrderState.FAILED
    assert "not what the ledger says" in order.message


def test_another_snapshot_put_under_a_ticket_is_not_shown_as_what_was_frozen(shop) -> None:
    number = shop.closed()
    other = evidence.store_artifact(
        b'{"assets":[],"plan":"harmless"}', media_type="application/json", role="snapshot", name="x.json",
        may_contain_cui=False,
    )  # fmt: skip
    told = tickets.frozen_snapshot(number)
    by_hand(f"UPDATE tickets_maintenanceticket SET snapshot_sha256 = '{other.sha256}'")  # noqa: S608
    assert tickets.frozen_snapshot(number) == told


def test_a_recording_called_free_of_cui_by_hand_does_not_leave_without_consent(shop) -> None:
    number = shop.closed()
    by_hand("UPDATE evidence_artifact SET may_contain_cui = false")
    assert assessor.consent_of(number).recordings == 1
    assert made(shop, numbers=[number]).withheld == 1


@pytest.mark.parametrize("state", ["disposed", "redacted", "x"])
def test_a_file_called_disposed_of_by_hand_is_not_said_to_be(shop, state) -> None:
    number = shop.closed()
    export_package.consent(shop.yard.actor("casey"), shop.clock, number)
    by_hand(f"UPDATE evidence_artifact SET state = '{state}'")  # noqa: S608
    order = made(shop, numbers=[number])
    kept = [row.reason for row in export_package.kept_back(order)]
    assert (order.state, kept) == (OrderState.DONE, ["no_recipient"])


def test_bytes_that_were_seen_elsewhere_first_keep_the_mark_of_the_stricter_place(shop) -> None:
    free = evidence.store_artifact(b"log", media_type="text/plain", role="note", name="a.txt", may_contain_cui=False)
    strict = evidence.store_artifact(b"log", media_type="text/plain", role="note", name="a.txt", may_contain_cui=True)
    for ref in (free, strict, free):
        with evidence.act(shop.yard.actor("iris"), shop.clock) as act:
            act.record("note.kept", evidence.ObjectRef("note", "n"), artifacts=[ref])
    found = evidence.artifact(free.sha256)
    assert found is not None
    assert found.may_contain_cui


def test_a_ticket_taken_out_of_the_database_stands_against_its_objective(shop) -> None:
    number = shop.closed()
    by_hand("UPDATE tickets_maintenanceticket SET number = 'MT-2031-00001'")
    told = [gap for row in assessor.objective_status(shop.clock.now()) for gap in row.gaps]
    assert ("ticket.unsealed", number) in {(gap.code, gap.ticket) for gap in told}
