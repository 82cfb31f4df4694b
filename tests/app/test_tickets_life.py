"""The life of a ticket through its api: request, freeze, approve, hold points, open, end, close."""

import pytest
from tests.clock import StillClock
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard

from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, Before, HoldState, State
from quarterdeck.workflows import approve, open_window, request

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick_passwords(settings) -> None:
    """The strength of the hash is not under test here."""
    settings.PASSWORD_HASHERS = FAST_HASHER


@pytest.fixture
def yard(clock: StillClock) -> Yard:
    return build_yard(clock)


def refused(call, *args: object, **kwargs: object) -> tuple[str, ...]:
    with pytest.raises(Refused) as refusal:
        call(*args, **kwargs)
    return refusal.value.decision.codes


def test_two_approvals_schedule_a_cui_ticket(yard: Yard) -> None:
    view = yard.submitted()
    assert tickets.waiting_for(view.number, yard.clock.now()) == {
        ApprovalRole.APPROVER: (yard.shop.ids["avery"],),
        ApprovalRole.CUI_OWNER: (yard.shop.ids["casey"],),
    }


def test_the_last_approval_schedules(yard: Yard) -> None:
    assert yard.scheduled().state is State.SCHEDULED


def test_numbers_are_contiguous(yard: Yard) -> None:
    numbers = [yard.submitted(title=f"Work {n}", conflicts_with=()).number for n in range(3)]
    assert numbers == ["MT-2026-00001", "MT-2026-00002", "MT-2026-00003"]


def test_the_hash_shown_must_be_the_hash_now(yard: Yard) -> None:
    view = yard.submitted()
    changed = yard.content(plan="Something else.")
    request.edit(yard.actor("iris"), yard.clock, view.number, changed, version=view.version)
    codes = refused(
        approve.approve, yard.actor("avery"), yard.clock, view.number, role=ApprovalRole.APPROVER,
        content_hash=view.content_hash, reason="As shown.",
    )
    assert codes == ("content.moved",)


def test_an_edit_voids_approvals_and_shows_the_difference(yard: Yard) -> None:
    view = yard.scheduled()
    edited = request.edit(
        yard.actor("iris"), yard.clock, view.number, yard.content(rollback="Restore the backup."), version=view.version
    )
    assert edited.state is State.SUBMITTED
    assert all(a.void_at for a in edited.approvals)


def test_two_people_editing_lose_nothing(yard: Yard) -> None:
    view = yard.submitted()
    request.edit(yard.actor("iris"), yard.clock, view.number, yard.content(title="First"), version=view.version)
    codes = refused(request.edit, yard.actor("max"), yard.clock, view.number, yard.content(title="Second"),
                    version=view.version)  # fmt: skip
    assert codes == ("ticket.edited_meanwhile",)
    assert tickets.ticket(view.number).title == "First"


def test_opening_names_every_hold_point_that_fails(yard: Yard) -> None:
    view = yard.scheduled()
    codes = refused(open_window.open_ticket, yard.actor("max"), yard.clock, view.number)
    assert "window.before" in codes
    assert "backup.verified.missing" in codes
    holds = {h.id: h for h in tickets.hold_points(view.number, yard.clock.now())}
    assert holds["HP-APPROVED"].state is HoldState.PASSED
    assert holds["HP-BACKUP"].state is HoldState.FAILED
    assert holds["HP-BACKUP"].before is Before.OPEN


def test_a_register_changed_after_approval_holds_the_ticket(yard: Yard) -> None:
    view = yard.scheduled()
    connection = inventory.connection(yard.connection)
    inventory.set_connection(
        yard.server, inventory.ConnectionFields(**{**_plain(connection.fields), "address": "127.0.0.9"}),
        actor=yard.actor("iris"), clock=yard.clock, connection_id=yard.connection,
    )  # fmt: skip
    holds = {h.id: h for h in tickets.hold_points(view.number, yard.clock.now())}
    assert "content.changed" in holds["HP-APPROVED"].codes
    assert [d["field"] for d in tickets.changes_since_frozen(view.number)]


def _plain(fields):
    return {name: getattr(fields, name) for name in fields.__dataclass_fields__}
