"""Admission on the database: what begins a session, what refuses one, who may stay, how it is sealed."""

import hashlib
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from tests.access_shop import Place, Shop, authorise, make_shop, open_ticket
from tests.access_signer import NearSigner, fresh_key, near_signer
from tests.clock import StillClock

from quarterdeck.access import api as access
from quarterdeck.access.models import AccessGrant
from quarterdeck.adapters.certificate_signature import signed_by
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import act
from quarterdeck.evidence.guard import open_guard
from quarterdeck.kernel.decision import ALLOWED, Decision, Refused, refuse
from quarterdeck.personnel import api as personnel
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import Ending, EndReason, Presented, SessionState, StreamSum, Work
from quarterdeck.sessions.models import MaintenanceSession
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.admission import GateDesk
from quarterdeck.workflows.take_access import take_access

pytestmark = pytest.mark.django_db
DOOR = access.GateDoor("127.0.0.1", 8622, "quarterdeck", " ".join(fresh_key().split()[:2]))


class Gate:
    """A desk with a real signer beside it, and one certificate that Sam took."""

    def __init__(self, shop: Shop, signer: NearSigner) -> None:
        self.shop, self.signer = shop, signer
        self.room = ALLOWED
        ours = partial(signed_by, authority_line=str(signer.status()["entry_ca"]))
        self.desk = GateDesk(shop.clock, signer, ours, self.has_room)
        self.blob = self.take()
        self.serial = access.read_certificate(self.blob).serial

    def has_room(self) -> Decision:
        return self.room

    def take(self) -> bytes:
        key = fresh_key()
        personnel.register_key(self.shop.people["sam"], key, actor=self.shop.actor("sam"), clock=self.shop.clock)
        material = take_access(
            self.shop.actor("sam"), self.shop.clock, ticket=self.shop.ticket, public_key=key, signer=self.signer,
            door=DOOR, assets=[self.shop.asset],
        )  # fmt: skip
        return access.certificate_blob(material.assets[0].certificate)

    def admit(self, blob: bytes | None = None, command: str = "") -> sessions.Admitted:
        digest = hashlib.sha256(command.encode()).hexdigest() if command else ""
        return self.desk.admit(Presented(self.blob if blob is None else blob, "192.0.2.77", Work.COMMAND, digest))

    def refusal(self, blob: bytes | None = None) -> tuple[str, ...]:
        with pytest.raises(Refused) as caught:
            self.admit(blob)
        return caught.value.decision.codes


@pytest.fixture
def gate(clock: StillClock, tmp_path: Path) -> Gate:
    shop = make_shop(clock, {"web01": Place(), "db01": Place(address="192.0.2.11")})
    authorise(shop, "sam")
    open_ticket(shop)
    return Gate(shop, near_signer(tmp_path / "signer", clock))


def test_admission_begins_a_session_and_says_where_to(gate: Gate, clock: StillClock) -> None:
    admitted = gate.admit(command="systemctl reload nginx")
    assert (admitted.asset, admitted.address, admitted.port, admitted.account) == ("web01", "192.0.2.10", 22, "maint")
    assert (admitted.serial, admitted.grace_seconds) == (gate.serial, 30 * 60)
    assert admitted.window_until == tickets.ticket(gate.shop.ticket).window.until
    seen = sessions.session(admitted.session)
    assert (seen.state, seen.person, seen.source) == (SessionState.RUNNING, gate.shop.people["sam"], "192.0.2.77")
    entry = evidence.last_entry(["session.began"])
    assert entry is not None
    assert (entry.ticket, entry.actor_id, entry.actor_auth) == (gate.shop.ticket, seen.person, "certificate")
    assert b"nginx" not in entry.body
    assert (
        evidence.openings([entry.data["command"]])[entry.data["command"]][1]
        == hashlib.sha256(b"systemctl reload nginx").hexdigest()
    )
    assert sessions.check_row(seen).allowed


def test_every_channel_is_a_session_of_its_own(gate: Gate) -> None:
    assert gate.admit().session != gate.admit().session
    assert len(sessions.running()) == 2


def test_certificate_of_another_authority(gate: Gate, tmp_path: Path, clock: StillClock) -> None:
    stranger = near_signer(tmp_path / "other", clock)
    given = access.grants(ticket=gate.shop.ticket)[0]
    forged = access.certificate_blob(stranger.entry(access_grant_without_certificate(gate, given.asset)))
    assert gate.refusal(forged) == ("gate.unknown_certificate",)
    assert gate.refusal(b"") == ("gate.unknown_certificate",)
    assert gate.refusal(gate.blob[:-1]) == ("gate.unknown_certificate",)
    assert sessions.running() == []


def access_grant_without_certificate(gate: Gate, asset: str) -> str:
    shop = gate.shop
    registered = personnel.key_of(shop.people["sam"])
    assert registered is not None
    now = shop.clock.now()
    with act(shop.actor("sam"), shop.clock) as current:
        return access.create_grant(
            current, ticket=shop.ticket, person=shop.people["sam"], asset=asset, connection=shop.connection,
            purpose=access.Purpose.WORK, public_key=registered.public_key, valid_from=now,
            valid_until=now + timedelta(hours=1),
        ).id  # fmt: skip


def test_revoked_grant_is_refused_and_recorded(gate: Gate) -> None:
    grant = access.grant_for_certificate(gate.blob)
    assert grant is not None
    with act(gate.shop.actor("iris"), gate.shop.clock) as current:
        access.revoke(current, grant.id, "person.left")
    assert gate.refusal() == ("access.revoked",)
    entry = evidence.last_entry(["act.refused"])
    assert entry is not None
    assert (entry.ticket, entry.object.id) == (gate.shop.ticket, "gate.admit")


def test_after_the_window_and_after_the_work(gate: Gate, clock: StillClock) -> None:
    with act(gate.shop.actor("sam"), clock) as current:
        tickets.end_work(current, gate.shop.ticket)
    assert "ticket.not_open" in gate.refusal()
    clock.advance(hours=5)
    assert "window.outside" in gate.refusal()


def test_full_disk_means_no_session(gate: Gate) -> None:
    gate.room = refuse("recorder.no_room", "There is no room.", "Make room.")
    assert gate.refusal() == ("recorder.no_room",)
    assert sessions.running() == []


def test_hand_written_row_opens_nothing(gate: Gate) -> None:
    """A longer grant written past the ledger is refused, and ends a session that runs (attacks.md row 28)."""
    admitted = gate.admit()
    later = gate.shop.clock.now() + timedelta(minutes=1)
    with open_guard():
        AccessGrant.objects.filter(serial=gate.serial).update(valid_from=later)
    assert "row.altered" in gate.refusal()
    assert not gate.desk.recheck(admitted.session).allowed
    assert not gate.desk.standing([gate.serial])[gate.serial].may_stay


def test_recheck_and_certificate_of_the_target(gate: Gate) -> None:
    admitted = gate.admit()
    assert gate.desk.recheck(admitted.session).allowed
    line = gate.desk.certify(admitted.session, fresh_key())
    fields = access.read_certificate(access.certificate_blob(line))
    entry = evidence.last_entry(["access.certificate_used"])
    assert entry is not None
    assert (entry.data["serial"], entry.data["session"]) == (fields.serial, admitted.session)
    assert not signed_by(access.certificate_blob(line), str(gate.signer.status()["entry_ca"]))
    assert signed_by(access.certificate_blob(line), str(gate.signer.status()["target_ca"]))


def test_window_that_closes_during_the_dial(gate: Gate, clock: StillClock) -> None:
    admitted = gate.admit()
    clock.advance(hours=4)
    assert "window.outside" in gate.desk.recheck(admitted.session).codes
    with pytest.raises(Refused):
        gate.desk.certify(admitted.session, fresh_key())


def test_standing_follows_window_grace_and_revocation(gate: Gate, clock: StillClock) -> None:
    before = gate.desk.change_counter()
    gate.admit()
    assert gate.desk.change_counter() > before
    standing = gate.desk.standing([gate.serial, 4711])
    assert set(standing) == {gate.serial}
    assert (standing[gate.serial].may_stay, standing[gate.serial].grace_seconds) == (True, 1800)
    clock.advance(hours=4, minutes=1)
    assert gate.desk.standing([gate.serial])[gate.serial].may_stay
    with act(gate.shop.actor("iris"), clock) as current:
        access.revoke_for(current, ticket=gate.shop.ticket, reason="work.ended")
    ended = gate.desk.standing([gate.serial])[gate.serial]
    assert (ended.may_stay, ended.grace_seconds, ended.reason) == (False, 0, EndReason.REVOKED)
    assert ended.sentence


def test_sealing_stores_the_recording_once(gate: Gate, clock: StillClock, tmp_path: Path) -> None:
    admitted = gate.admit()
    recording = tmp_path / f"{admitted.session}.cast"
    recording.write_bytes(b'{"version":2}\n')
    clock.advance(minutes=3)
    ending = Ending(
        session=admitted.session,
        reason=EndReason.COMPLETED,
        state=SessionState.ENDED,
        session_terminated=clock.now(),
        network_terminated=None,
        exit_status=3,
        recording=recording,
        lines=1,
        head="ab" * 32,
        streams={"stdout": StreamSum(5, "cd" * 32)},
    )
    gate.desk.seal(ending)
    size = evidence.head().size
    gate.desk.seal(ending)
    assert evidence.head().size == size
    seen = sessions.session(admitted.session)
    assert (seen.state, seen.end_reason, seen.exit_status) == (SessionState.ENDED, "completed", 3)
    assert (seen.session_terminated, seen.network_terminated) == (True, False)
    assert evidence.read_artifact(seen.recording) == b'{"version":2}\n'
    assert not recording.exists()
    entry = evidence.last_entry(["session.ended"])
    assert entry is not None
    assert entry.artifacts[0]["sha256"] == seen.recording
    assert b"cd" * 32 not in entry.body
    assert list(gate.desk.still_connected()) == [admitted.session]
    gate.desk.disconnected([admitted.session, "se_unknown"], clock.now())
    assert sessions.session(admitted.session).network_terminated
    assert gate.desk.still_connected() == []
    assert sessions.check_row(sessions.session(admitted.session)).allowed


def test_orphans_are_sealed_as_interrupted_and_explained_by_another(gate: Gate, clock: StillClock) -> None:
    admitted = gate.admit()
    assert list(gate.desk.orphans()) == [admitted.session]
    gate.desk.seal(Ending(admitted.session, EndReason.INTERRUPTED, SessionState.INTERRUPTED, clock.now(), clock.now()))
    assert gate.desk.orphans() == []
    assert evidence.last_entry(["session.interrupted"]) is not None
    with pytest.raises(Refused) as caught, act(gate.shop.actor("sam"), clock) as current:
        sessions.explain(current, admitted.session, "the power failed")
    assert "role.missing" in caught.value.decision.codes
    with act(gate.shop.actor("avery"), clock) as current:
        sessions.explain(current, admitted.session, "the power failed, the UPS log shows it")
    seen = sessions.session(admitted.session)
    assert (seen.state, seen.explained, seen.explained_by) == (
        SessionState.INTERRUPTED, True, gate.shop.people["avery"],
    )  # fmt: skip
    with pytest.raises(Refused), act(gate.shop.actor("avery"), clock) as current:
        sessions.explain(current, admitted.session, "again")


def test_what_sshd_refused_is_recorded_for_its_person_or_for_nobody(gate: Gate) -> None:
    gate.desk.denied(sessions.Denied.FORWARDING, gate.serial)
    gate.desk.denied(sessions.Denied.FORWARDING, gate.serial)
    gate.desk.denied(sessions.Denied.SUBSYSTEM, 0)
    found = [entry for entry in evidence.entries(events=["act.refused"]) if entry.object.id == "gate.request"]
    assert [(entry.actor_id, entry.ticket, entry.data["codes"]) for entry in found] == [
        (gate.shop.people["sam"], gate.shop.ticket, ["gate.forwarding"]),
        ("gate", None, ["gate.subsystem"]),
    ]


def cast_of(gate: Gate, session: str, tmp_path: Path) -> Ending:
    recording = tmp_path / f"{session}.cast"
    recording.write_bytes(b'{"version":2}\n')
    now = gate.shop.clock.now()
    return Ending(
        session, EndReason.COMPLETED, SessionState.ENDED, now, now, 0, recording=recording, lines=1, head="ab" * 32
    )


def test_a_row_ended_by_hand_still_gets_its_recording_and_is_red(gate: Gate, clock: StillClock, tmp_path: Path) -> None:
    """Only the ledger says that a session is over (attacks.md row 28)."""
    admitted = gate.admit()
    with open_guard():
        MaintenanceSession.objects.filter(id=admitted.session).update(
            state="ended", ended_at=clock.now(), end_reason="completed", serial=7, source="203.0.113.9"
        )
    assert list(gate.desk.orphans()) == [admitted.session], "a gate that starts anew finds it too"
    gate.desk.disconnected([admitted.session], clock.now())
    clock.advance(minutes=3)
    ending = cast_of(gate, admitted.session, tmp_path)
    gate.desk.seal(ending)
    size = evidence.head().size
    gate.desk.seal(ending)
    assert evidence.head().size == size
    seen = sessions.session(admitted.session)
    assert evidence.read_artifact(seen.recording) == b'{"version":2}\n'
    assert (seen.head, seen.lines, seen.serial, seen.source) == ("ab" * 32, 1, admitted.serial, "192.0.2.77")
    assert (seen.state, seen.end_reason, seen.network_terminated) == (SessionState.INTERRUPTED, "row_altered", True)
    assert sessions.lacks(seen) == ["its row was written by hand while it ran"]
    assert sessions.check_row(seen).allowed
    entry = evidence.last_entry(["session.interrupted"])
    assert entry is not None
    assert (entry.data["reason"], entry.data["observed"]) == ("row_altered", "completed")
    assert entry.artifacts[0]["sha256"] == seen.recording
    assert gate.desk.orphans() == []
    with act(gate.shop.actor("avery"), clock) as current:
        sessions.explain(current, admitted.session, "A repair by hand, told in the change log.")


def test_a_running_row_that_was_altered_is_put_right_and_told(gate: Gate, clock: StillClock, tmp_path: Path) -> None:
    admitted = gate.admit()
    with open_guard():
        MaintenanceSession.objects.filter(id=admitted.session).update(person=gate.shop.people["iris"])
    gate.desk.seal(cast_of(gate, admitted.session, tmp_path))
    seen = sessions.session(admitted.session)
    assert (seen.person, seen.end_reason) == (gate.shop.people["sam"], "row_altered")
