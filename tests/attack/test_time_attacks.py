"""Somebody wins time or access that nobody gave: by writing rows, with an old certificate, by an end that was moved.

attacks.md rows 1, 10 and 28, on extensions and revocations.
"""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from tests.access_shop import Place, authorise, make_shop, open_ticket
from tests.access_signer import fresh_key, near_signer
from tests.append_only import database_in_hand
from tests.clock import StillClock

from quarterdeck.access import api as access
from quarterdeck.access.api import Scope
from quarterdeck.adapters.certificate_signature import signed_by
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import ALLOWED, Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.sessions.api import Presented, Work
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, ExtensionState, Verdict
from quarterdeck.workflows.admission import GateDesk
from quarterdeck.workflows.extend_window import decide, extend
from quarterdeck.workflows.revoke_access import revoke
from quarterdeck.workflows.take_access import take_access

pytestmark = pytest.mark.django_db
DOOR = access.GateDoor("127.0.0.1", 8622, "quarterdeck", " ".join(fresh_key().split()[:2]))
WHY = "The index is still being built."


def by_hand(statement: str, *values: object) -> None:
    with database_in_hand() as cursor:
        cursor.execute(statement, list(values))
        assert cursor.rowcount > 0


def codes(call, *args: object, **named: object) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        call(*args, **named)
    return caught.value.decision.codes


class Scene:
    """Sam works on web01, which handles no CUI, through a real desk and signer."""

    def __init__(self, clock: StillClock, folder: Path) -> None:
        self.clock = clock
        self.shop = make_shop(clock, {"web01": Place()})
        authorise(self.shop, "sam")
        open_ticket(self.shop)
        self.number = self.shop.ticket
        self.signer = near_signer(folder, clock)
        ours = partial(signed_by, authority_line=str(self.signer.status()["entry_ca"]))
        self.desk = GateDesk(clock, self.signer, ours, lambda: ALLOWED)
        self.key = fresh_key()
        personnel.register_key(self.shop.people["sam"], self.key, actor=self.shop.actor("sam"), clock=clock)
        self.blob = self.take()

    def take(self) -> bytes:
        taken = take_access(
            self.shop.actor("sam"), self.clock, ticket=self.number, public_key=self.key, signer=self.signer, door=DOOR
        )
        return access.certificate_blob(taken.assets[0].certificate)

    def enter(self) -> str:
        return self.desk.admit(Presented(self.blob, "192.0.2.77", Work.COMMAND)).session

    def standing(self):
        serial = access.read_certificate(self.blob).serial
        return self.desk.standing([serial])[serial]

    def past_the_old_end(self) -> None:
        old = tickets.ticket(self.number).content.window.until
        self.clock.advance(seconds=(old - self.clock.now()).total_seconds() + 60)


@pytest.fixture
def scene(clock: StillClock, tmp_path: Path) -> Scene:
    return Scene(clock, tmp_path / "signer")


def test_an_end_written_by_hand_ends_who_is_there(scene: Scene) -> None:
    scene.enter()
    assert scene.standing().may_stay
    later = tickets.ticket(scene.number).window.until + timedelta(hours=3)
    by_hand("UPDATE tickets_maintenanceticket SET extended_until = %s", later)
    told = scene.standing()
    assert (told.may_stay, told.until) == (False, scene.clock.now())
    assert "ticket.unsealed" in codes(scene.enter)
    assert "ticket.unsealed" in codes(scene.take)


def test_the_certificate_of_the_old_window_does_not_outlive_it(scene: Scene) -> None:
    scene.enter()
    extend(scene.shop.actor("sam"), scene.clock, scene.number, minutes=30, reason=WHY)
    scene.past_the_old_end()
    assert scene.standing().may_stay
    assert codes(scene.enter) == ("access.expired",)
    assert codes(scene.desk.extend, scene.blob, 10, WHY) == ("access.expired",)
    scene.blob = scene.take()
    assert scene.enter()


def test_a_decision_written_by_hand_counts_for_nothing(scene: Scene) -> None:
    asked = extend(scene.shop.actor("iris"), scene.clock, scene.number, minutes=60, reason=WHY)
    by_hand(
        "INSERT INTO tickets_extensiondecision (role, verdict, reason, at, entry, extension_id, person_id)"
        " VALUES ('approver', 'approved', 'So be it.', %s, 'ev_invented', %s, %s)",
        scene.clock.now(), asked.id, scene.shop.people["avery"],
    )  # fmt: skip
    told = tickets.extensions(scene.number)[0]
    assert (told.state, told.decisions) == (ExtensionState.WAITING, ())
    assert tickets.extension_waits_for(scene.number, scene.clock.now())[ApprovalRole.APPROVER]
    scene.past_the_old_end()
    assert "window.outside" in codes(scene.enter)


def test_a_request_written_by_hand_is_not_there(scene: Scene) -> None:
    until = tickets.ticket(scene.number).window.until
    by_hand(
        "INSERT INTO tickets_extension (id, until_before, until, reason, at, by_terminal, person_id, ticket_id)"
        " VALUES ('ex_invented', %s, %s, 'More.', %s, 0, %s, %s)",
        until, until + timedelta(hours=2), scene.clock.now(), scene.shop.people["sam"], scene.number,
    )  # fmt: skip
    assert tickets.extensions(scene.number) == []
    assert codes(
        decide, scene.shop.actor("avery"), scene.clock, scene.number, "ex_invented", role=ApprovalRole.APPROVER,
        verdict=Verdict.APPROVED, reason="Fine.",
    ) == ("extension.moved",)  # fmt: skip


def test_who_asked_under_another_name_decides_nothing(scene: Scene) -> None:
    """The row names somebody else than the entry: it is not what was asked."""
    asked = extend(scene.shop.actor("iris"), scene.clock, scene.number, minutes=60, reason=WHY)
    by_hand("UPDATE tickets_extension SET person_id = %s", scene.shop.people["sam"])
    assert codes(
        decide, scene.shop.actor("avery"), scene.clock, scene.number, asked.id, role=ApprovalRole.APPROVER,
        verdict=Verdict.APPROVED, reason="Fine.",
    ) == ("row.altered",)  # fmt: skip


@pytest.mark.parametrize("scope", [Scope.PERSON, Scope.TICKET, Scope.EVERYTHING])
def test_no_row_lifts_a_revocation(scene: Scene, scope: Scope) -> None:
    target = {Scope.PERSON: scene.shop.people["sam"], Scope.TICKET: scene.number}.get(scope, "")
    revoke(scene.shop.actor("avery"), scene.clock, scope, target, WHY)
    by_hand("UPDATE access_accessgrant SET state = 'active', ended_at = NULL, end_reason = ''")
    assert {"access.stopped", "row.altered"} <= set(codes(scene.enter))
    assert not scene.standing().may_stay
    assert "access.stopped" in codes(scene.take)


def test_an_end_that_is_written_into_the_grant_opens_nothing(scene: Scene) -> None:
    later = rfc3339(scene.clock.now() + timedelta(hours=8))
    by_hand("UPDATE access_accessgrant SET valid_until = %s, window_until = %s", later, later)
    assert "row.altered" in codes(scene.enter)


def test_twenty_requests_are_enough(scene: Scene) -> None:
    for minutes in range(31, 51):
        extend(scene.shop.actor("iris"), scene.clock, scene.number, minutes=minutes, reason=WHY)
    assert codes(extend, scene.shop.actor("iris"), scene.clock, scene.number, minutes=60, reason=WHY) == (
        "extension.many",
    )
