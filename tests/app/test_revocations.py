"""Revocation: who may, what it ends at once, what it keeps shut until it is lifted, and by whom."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from tests.access_shop import Place, Shop, authorise, make_shop, open_ticket
from tests.access_signer import NearSigner, fresh_key, near_signer
from tests.clock import StillClock

from quarterdeck.access import api as access
from quarterdeck.access.api import GrantState, Scope
from quarterdeck.access.models import AccessGrant
from quarterdeck.adapters.certificate_signature import signed_by
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.guard import open_guard
from quarterdeck.kernel.actors import OPERATOR, Actor, ActorKind, system
from quarterdeck.kernel.decision import ALLOWED, Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.sessions.api import Presented, Work
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import State
from quarterdeck.tickets.models import MaintenanceTicket
from quarterdeck.workflows import close_ticket, open_window
from quarterdeck.workflows.admission import GateDesk
from quarterdeck.workflows.revoke_access import lift, preview, revoke
from quarterdeck.workflows.take_access import take_access

pytestmark = pytest.mark.django_db
WHY = "Seen doing something else."
DOOR = access.GateDoor("127.0.0.1", 8622, "quarterdeck", " ".join(fresh_key().split()[:2]))


class Scene:
    """Sam works on web01 through a real desk and signer."""

    def __init__(self, shop: Shop, signer: NearSigner) -> None:
        self.shop, self.signer, self.clock = shop, signer, shop.clock
        ours = partial(signed_by, authority_line=str(signer.status()["entry_ca"]))
        self.desk = GateDesk(shop.clock, signer, ours, lambda: ALLOWED)
        self.blob = self.take()
        self.serial = access.read_certificate(self.blob).serial
        self.sam = shop.people["sam"]

    def actor(self, name: str) -> Actor:
        return self.shop.actor(name)

    def take(self) -> bytes:
        key = fresh_key()
        personnel.register_key(self.shop.people["sam"], key, actor=self.actor("sam"), clock=self.clock)
        material = take_access(
            self.actor("sam"), self.clock, ticket=self.shop.ticket, public_key=key, signer=self.signer, door=DOOR
        )
        return access.certificate_blob(material.assets[0].certificate)

    def enter(self) -> str:
        return self.desk.admit(Presented(self.blob, "192.0.2.77", Work.COMMAND)).session

    def stays(self) -> bool:
        return self.desk.standing([self.serial])[self.serial].may_stay

    def refused(self, call, *args: object) -> tuple[str, ...]:
        with pytest.raises(Refused) as refusal:
            call(*args)
        assert all(one.sentence and one.next_step for one in refusal.value.decision.reasons)
        return refusal.value.decision.codes


@pytest.fixture
def scene(clock: StillClock, tmp_path: Path) -> Scene:
    shop = make_shop(clock, {"web01": Place()})
    authorise(shop, "sam")
    open_ticket(shop)
    return Scene(shop, near_signer(tmp_path / "signer", clock))


def target_of(scene: Scene, scope: Scope) -> str:
    given = access.grants(ticket=scene.shop.ticket)[0]
    return {
        Scope.PERSON: scene.sam, Scope.TICKET: scene.shop.ticket, Scope.GRANT: given.id,
        Scope.CERTIFICATE: str(scene.serial), Scope.EVERYTHING: "",
    }[scope]  # fmt: skip


SCOPES = (Scope.PERSON, Scope.TICKET, Scope.GRANT, Scope.CERTIFICATE, Scope.EVERYTHING)


@pytest.mark.parametrize("scope", SCOPES)
def test_it_is_foretold_ends_what_runs_and_lets_nobody_in(scene: Scene, scope: Scope) -> None:
    session = scene.enter()
    assert scene.stays()
    target = target_of(scene, scope)
    told = preview(scope, target)
    assert ([one.id for one in told.sessions], len(told.grants)) == ([session], 1)
    assert scene.stays()
    done = revoke(scene.actor("avery"), scene.clock, scope, target, WHY)
    assert [one.state for one in done.grants] == [GrantState.REVOKED]
    ending = scene.desk.standing([scene.serial])[scene.serial]
    assert (ending.may_stay, ending.grace_seconds) == (False, 0)
    assert "access.revoked" in scene.refused(scene.enter)
    assert any("access was revoked" in one.subject for one in tickets.notices(scene.sam))


@pytest.mark.parametrize("scope", [Scope.GRANT, Scope.CERTIFICATE])
def test_one_grant_alone_can_be_taken_anew(scene: Scene, scope: Scope) -> None:
    revoke(scene.actor("iris"), scene.clock, scope, target_of(scene, scope), WHY)
    assert scene.take()
    assert access.revocations() == []


@pytest.mark.parametrize("scope", [Scope.PERSON, Scope.EVERYTHING])
def test_what_stands_gives_no_new_access_until_it_is_lifted(scene: Scene, scope: Scope) -> None:
    target = target_of(scene, scope)
    revoke(scene.actor("iris"), scene.clock, scope, target, WHY)
    assert "access.stopped" in scene.refused(scene.take)
    standing = access.revocations()
    assert [(one.scope, one.reason) for one in standing] == [(scope, WHY)]
    lift(scene.actor("avery"), scene.clock, scope, target, "Looked at it with Sam.")
    assert access.revocations() == []
    scene.blob = scene.take()
    assert scene.enter()


def test_a_grant_from_before_is_shut_as_well(scene: Scene) -> None:
    """The revocation is asked for itself: a grant that a race or a hand left active opens nothing."""
    given = access.grants(ticket=scene.shop.ticket)[0]
    revoke(scene.actor("iris"), scene.clock, Scope.EVERYTHING, "", WHY)
    with open_guard():
        AccessGrant.objects.filter(id=given.id).update(state="active", ended_at=None, end_reason="")
    refused = scene.refused(scene.enter)
    assert {"access.stopped", "row.altered"} <= set(refused)
    assert not scene.stays()


def test_a_vendor_is_its_people(scene: Scene) -> None:
    vendor = personnel.person(scene.shop.people["max"]).organisation
    revoke(scene.actor("iris"), scene.clock, Scope.VENDOR, vendor, WHY)
    assert access.not_revoked(scene.shop.people["max"], scene.shop.ticket).codes == ("access.stopped",)
    assert access.not_revoked(scene.sam, scene.shop.ticket).allowed
    assert [one.target for one in access.revocations()] == [vendor]
    entry = evidence.last_entry(["revocation.ordered"])
    assert entry is not None
    assert vendor.encode() not in entry.body
    assert scene.refused(preview, Scope.VENDOR, "Nobody Ltd") == ("vendor.unknown",)


def test_the_work_of_a_revoked_ticket_is_over_and_not_reopened(scene: Scene) -> None:
    number = scene.shop.ticket
    done = revoke(scene.actor("avery"), scene.clock, Scope.TICKET, number, WHY)
    assert done.ends_work == (number,)
    assert tickets.ticket(number).state is State.VERIFYING
    assert [job.kind for job in tickets.jobs(number)] == ["verify"]
    reopen = partial(open_window.reopen, scene.actor("sam"), scene.clock)
    assert scene.refused(reopen, number) == ("access.stopped",)
    lift(scene.actor("avery"), scene.clock, Scope.TICKET, number, "A mistake.")
    assert open_window.reopen(scene.actor("sam"), scene.clock, number).state is State.OPEN


def test_a_ticket_whose_work_ended_meanwhile_is_revoked_all_the_same(scene: Scene) -> None:
    """What a revocation ends is asked under the ticket's lock, not before the act."""
    number = scene.shop.ticket
    shown = preview(Scope.TICKET, number)
    close_ticket.end_work(scene.actor("sam"), scene.clock, number)
    done = revoke(scene.actor("avery"), scene.clock, Scope.TICKET, number, WHY)
    assert (shown.ends_work, done.ends_work) == ((number,), ())
    assert tickets.ticket(number).state is State.VERIFYING
    assert not scene.stays()


def test_a_row_written_by_hand_does_not_keep_its_access(scene: Scene) -> None:
    number = scene.shop.ticket
    with open_guard():
        MaintenanceTicket.objects.filter(number=number).update(title="Another")
    done = revoke(scene.actor("avery"), scene.clock, Scope.TICKET, number, WHY)
    assert (len(done.grants), done.ends_work) == (1, ())
    assert [one.target for one in access.revocations()] == [number]
    assert not scene.stays()


def test_everything_leaves_tickets_open_and_takes_two_to_come_back(scene: Scene) -> None:
    revoke(scene.actor("avery"), scene.clock, Scope.EVERYTHING, "", WHY)
    assert tickets.ticket(scene.shop.ticket).state is State.OPEN
    assert scene.refused(lift, scene.actor("avery"), scene.clock, Scope.EVERYTHING, "", WHY) == (
        "revocation.same_person",
    )
    lift(scene.actor("iris"), scene.clock, Scope.EVERYTHING, "", "Nothing was found.")
    assert scene.refused(lift, scene.actor("iris"), scene.clock, Scope.EVERYTHING, "", WHY) == ("revocation.none",)


def test_nobody_lifts_what_is_about_the_own_access(scene: Scene) -> None:
    revoke(scene.actor("avery"), scene.clock, Scope.PERSON, scene.shop.people["iris"], WHY)
    iris = scene.shop.people["iris"]
    assert scene.refused(lift, scene.actor("iris"), scene.clock, Scope.PERSON, iris, WHY) == ("revocation.own",)


def test_who_works_on_a_ticket_does_not_lift_its_revocation(scene: Scene) -> None:
    revoke(scene.actor("avery"), scene.clock, Scope.TICKET, scene.shop.ticket, WHY)
    asked = personnel.grant_role(scene.sam, personnel.Role.APPROVER, actor=scene.actor("iris"), clock=scene.clock)
    personnel.confirm_role(asked.id, actor=scene.actor("avery"), clock=scene.clock)
    scene.clock.advance(hours=25)
    given = (scene.actor("sam"), scene.clock, Scope.TICKET, scene.shop.ticket, WHY)
    assert scene.refused(lift, *given) == ("revocation.own",)


def test_who_may_not_revoke_learns_nothing_of_what_there_is(scene: Scene) -> None:
    for scope, target in ((Scope.VENDOR, "No such vendor"), (Scope.TICKET, "MT-2026-99999"), (Scope.PERSON, "pe_no")):
        assert "role.missing" in scene.refused(revoke, scene.actor("sam"), scene.clock, scope, target, WHY)


@pytest.mark.parametrize("scope", SCOPES)
def test_who_may_revoke(scene: Scene, scope: Scope) -> None:
    target = target_of(scene, scope)
    for actor in (scene.actor("sam"), scene.actor("max")):
        assert "role.missing" in scene.refused(revoke, actor, scene.clock, scope, target, WHY)
    for machine in (OPERATOR, system("web")):
        assert "actor.not_a_person" in scene.refused(revoke, machine, scene.clock, scope, target, WHY)
    stale = Actor(scene.shop.people["iris"], ActorKind.PERSON, "token", scene.clock.now() - timedelta(minutes=11))
    assert "step_up.needed" in scene.refused(revoke, stale, scene.clock, scope, target, WHY)
    assert "reason.missing" in scene.refused(revoke, scene.actor("iris"), scene.clock, scope, target, "")
    if scope is Scope.EVERYTHING:
        assert "role.missing" in scene.refused(revoke, scene.actor("casey"), scene.clock, scope, target, WHY)
    assert scene.enter()


@pytest.mark.parametrize(
    ("scope", "target", "code"),
    [
        (Scope.PERSON, "pe_nobody", "person.unknown"),
        (Scope.TICKET, "MT-2026-99999", "ticket.unknown"),
        (Scope.GRANT, "ag_none", "access.unknown_grant"),
        (Scope.CERTIFICATE, "12x", "certificate.unknown"),
        (Scope.CERTIFICATE, "7", "certificate.unknown"),
    ],
)
def test_what_is_not_there_is_not_revoked(scene: Scene, scope: Scope, target: str, code: str) -> None:
    assert scene.refused(revoke, scene.actor("iris"), scene.clock, scope, target, WHY) == (code,)
