"""The gate's desk: admission in one locking transaction, recheck, certificate, standing, sealing of recordings.

The presented certificate is the only claim that is believed: whole, signed by the entry authority, serial and hash
those of a grant whose row its sealed entry vouches for (attacks.md rows 9, 17, 28). Serves 3.1.12[c][d], 3.7.5[b].
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.access import api as access
from quarterdeck.access.api import GrantState, GrantView
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, ArtifactRef, act
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor, ActorKind, system
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse
from quarterdeck.personnel import api as personnel
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import Admitted, Denied, Ending, EndReason, Presented, Standing, Supervision
from quarterdeck.sessions.ports import TargetSigner
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ExtensionState, State
from quarterdeck.workflows.extend_window import extend
from quarterdeck.workflows.supervise import escort_demanded, note_lapse

GATE = system("gate")
_STRANGER = refuse(
    "gate.unknown_certificate",
    "The gate issued no such certificate, or it was replaced.",
    "Take access again: qd access and the ticket's number.",
)
_DENIED = {
    Denied.FORWARDING: refuse(
        "gate.forwarding", "The gate forwards no ports and no tunnels.", "Work on the target through a session."
    ),
    Denied.SUBSYSTEM: refuse("gate.subsystem", "The gate has no such subsystem, only sftp.", "Use sftp, or a command."),
    Denied.CHANNELS: refuse("gate.channels", "One connection has at most 32 channels.", "Open another connection."),
}
_MAY_STAY = frozenset({State.OPEN, State.VERIFYING})


@dataclass(frozen=True, slots=True)
class GateDesk:
    """Fulfils sessions.ports.AdmissionDesk on the database.

    `is_ours` tells certificates of the entry authority; `room` says why nothing can be recorded now.
    """

    clock: Clock
    signer: TargetSigner
    is_ours: Callable[[bytes], bool]
    room: Callable[[], Decision]

    def admit(self, presented: Presented) -> Admitted:
        """Begin a session: decide and record in one transaction that locks the ticket; Refused is recorded too."""
        grant = access.grant_for_certificate(presented.certificate) if self.is_ours(presented.certificate) else None
        person = GATE if grant is None else Actor(grant.person, ActorKind.PERSON, "certificate")
        try:
            if grant is None:
                raise Refused(_STRANGER)
            self.room().require()
            with act(person, self.clock) as current:
                return self._begin(current, grant, presented)
        except Refused as refusal:
            self._note(person, refusal.decision, None if grant is None else grant.ticket)
            raise

    def _begin(self, current: Act, grant: GrantView, presented: Presented) -> Admitted:
        access.is_for_a_person(grant).require()
        tickets.lock(current, grant.ticket)
        admissible = access.admit(grant.id, current.at)
        terms = tickets.admission_terms(grant.ticket, grant.person)
        sessions.may_begin(terms.allowance, presented.work, presented.protocol).require()
        begun = sessions.begin(
            current,
            ticket=grant.ticket,
            person=grant.person,
            asset=grant.asset,
            grant=grant.id,
            serial=grant.serial or 0,
            work=presented.work,
            source=presented.source,
            command_sha256=presented.command_sha256,
            protocol=presented.protocol,
        )
        place, escort = admissible.destination, escort_demanded(begun)
        cui = inventory.asset(grant.asset).handles_cui
        return Admitted(
            session=begun.id,
            ticket=grant.ticket,
            person=grant.person,
            asset=place.hostname,
            address=place.address,
            port=place.port,
            account=place.account,
            host_identity=place.host_identity,
            revoked_host_keys=place.revoked_keys,
            serial=grant.serial or 0,
            at=current.at,
            window_until=terms.window.until,
            grace_seconds=int(terms.grace.total_seconds()),
            allowance=terms.allowance,
            handles_cui=cui,
            escort=escort,
            idle_seconds=int(terms.idle.total_seconds()),
            # An escort watches through the recording, so supervision (3.7.6[a]) outranks the wish for no picture.
            screen=terms.screens or not cui or bool(escort),
        )

    def extend(self, certificate: bytes, minutes: int, reason: str) -> str:
        """Ask for more time as the holder of a certificate that opens something now; return what became of it."""
        grant = access.grant_for_certificate(certificate) if self.is_ours(certificate) else None
        if grant is None:
            raise Refused(_STRANGER)
        person = Actor(grant.person, ActorKind.PERSON, tickets.CERTIFICATE)
        usable = all_of((access.is_for_a_person(grant), access.may_use(grant, self.clock.now())))
        if not usable.allowed:
            self._note(person, usable, grant.ticket, "ticket.extend")
            raise Refused(usable)
        asked = extend(person, self.clock, grant.ticket, minutes=minutes, reason=reason)
        until = f"{asked.until:%Y-%m-%d %H:%M} UTC"
        if asked.state is ExtensionState.GRANTED:
            return f"Granted: the window of {grant.ticket} ends {until}. New connections take `qd access` again."
        decides = tickets.who_decides(grant.ticket)
        return f"Asked for: {grant.ticket} until {until}. {decides}; the window has not moved yet."

    def _note(self, actor: Actor, decision: Decision, ticket: str | None, rule: str = "gate.admit") -> None:
        if "clock.behind" not in decision.codes:
            evidence.record_refusal(actor, self.clock, decision, rule=rule, ticket=ticket)

    def recheck(self, session: str) -> Decision:
        """Ask the same questions again, after the dial and before the first byte; nothing is written."""
        try:
            access.admit(sessions.session(session).grant, self.clock.now())
        except Refused as refusal:
            return refusal.decision
        return Decision()

    def certify(self, session: str, public_key: str) -> str:
        """Return the target certificate for the session's own key, its serial explained by an entry."""
        grant = sessions.session(session).grant
        line = self.signer.target(grant, session, public_key)
        blob = access.certificate_blob(line)
        with act(GATE, self.clock) as current:
            access.record_serial(
                current, grant, access.read_certificate(blob).serial, hashlib.sha256(blob).hexdigest(), session=session
            )
        return line

    def change_counter(self) -> int:
        """Return the ledger's size: whatever grants or takes away access is an entry."""
        return evidence.head().size

    def revocation_mark(self) -> object:
        """Return the newest entry that took access away: most entries do not, and the signer has other work."""
        newest = evidence.last_entry(access.TAKING_EVENTS)
        return None if newest is None else newest.event_id

    def revoked(self) -> tuple[bytes, tuple[int, ...]]:
        """Return what `sshd` refuses before anybody asks us; the signer knows, also what a restore has forgotten."""
        return self.signer.revoked("entry")

    def standing(self, serials: Collection[int]) -> Mapping[int, Standing]:
        """Return for each known entry certificate whether its holder may stay now, and until when."""
        found: dict[int, Standing] = {}
        for serial in serials:
            grant = access.grant_of_serial(serial)
            if grant is not None:
                found[serial] = self._standing(grant, self.clock.now())
        return found

    def _standing(self, grant: GrantView, now: datetime) -> Standing:
        try:
            terms = tickets.admission_terms(grant.ticket, grant.person)
            stays = self._stays(grant)
        except Refused as refusal:
            return Standing(False, now, 0, EndReason.REVOKED, str(refusal))
        grace = int(terms.grace.total_seconds()) if stays.allowed else 0
        sentence = " ".join(reason.sentence for reason in stays.reasons)
        return Standing(stays.allowed, terms.window.until, grace, EndReason.REVOKED, sentence)

    def _stays(self, grant: GrantView) -> Decision:
        """A running session stays while grant, person and ticket stand; the window's end has its own grace."""
        stopped = access.not_revoked(grant.person, grant.ticket)
        if not stopped.allowed:
            return stopped
        if grant.state is not GrantState.ACTIVE:
            return refuse("access.withdrawn", "Your access was withdrawn.", "Ask the requester of the ticket.")
        for sound in (access.check_row(grant), access.check_epoch()):
            if not sound.allowed:
                return sound
        if grant.epoch != access.current_epoch():
            return refuse("access.epoch", "Access given before a restore is void.", "Take access again.")
        if not personnel.is_standing(grant.person):
            return refuse("person.inactive", "Your login was deactivated.", "Ask the IT lead.")
        if tickets.ticket(grant.ticket).state not in _MAY_STAY:
            return refuse("ticket.not_open", f"{grant.ticket} is not open any more.", "See its page.")
        return Decision()

    def supervision(self, sessions_: Collection[str]) -> Mapping[str, Supervision]:
        """Return for each running session its orders, watchers and escort; an unknown one is left out."""
        return sessions.supervision(sessions_, self.clock.now())

    def escort_left(self, session: str) -> None:
        """Record that the escort's presence at this session has lapsed; repeating it changes nothing."""
        note_lapse(GATE, self.clock, session)

    def seal(self, ending: Ending) -> None:
        """Store the recording, then record the end; repeating it changes nothing.

        Only the ledger says that a session is over: a row that somebody ended by hand still gets its recording.
        """
        if not sessions.runs(ending.session):
            return
        recording = self._stored(ending)
        with act(GATE, self.clock) as current:
            sessions.end(current, ending, recording)
        if ending.recording is not None:
            ending.recording.unlink(missing_ok=True)

    def _stored(self, ending: Ending) -> ArtifactRef | None:
        if ending.recording is None or not ending.recording.is_file():
            return None
        seen = sessions.session(ending.session)
        return evidence.store_artifact(
            ending.recording,
            media_type="application/x-asciicast",
            role="recording",
            name=f"{seen.ticket}-{ending.session}.cast",
            may_contain_cui=inventory.asset(seen.asset).handles_cui,
        )

    def disconnected(self, sessions_: Sequence[str], at: datetime) -> None:
        """Record that the network connections of ended sessions are proven gone."""
        with act(GATE, self.clock) as current:
            sessions.disconnect(current, sessions_, at)

    def denied(self, what: Denied, serial: int) -> None:
        """Record what `sshd` refused inside a connection; serial 0 when nobody can tell who asked."""
        grant = access.grant_of_serial(serial)
        actor = GATE if grant is None else Actor(grant.person, ActorKind.PERSON, "certificate")
        self._note(actor, _DENIED[what], None if grant is None else grant.ticket, rule="gate.request")

    def orphans(self) -> Sequence[str]:
        """Return gate sessions that began and whose end no entry tells."""
        return sessions.unended()

    def still_connected(self) -> Sequence[str]:
        """Return ended gate sessions whose connection nobody saw go."""
        return sessions.still_connected()
