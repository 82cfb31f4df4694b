"""What is going on at the gate: running sessions, their deadlines, how they are ended and when they are sealed.

Runs in the warden's loop only; it blocks on nothing. What touches the database goes through `submit`.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from quarterdeck.entrypoints.gate.connections import Connection, Connections
from quarterdeck.entrypoints.gate.deadlines import (
    Deadline,
    deadline,
    due_notice,
    moved_words,
    must_end,
    renewed,
    window_over,
)
from quarterdeck.entrypoints.gate.lines import ChildLine
from quarterdeck.entrypoints.gate.oversight import Oversight
from quarterdeck.entrypoints.gate.recorder import recorded, tallied
from quarterdeck.kernel.clock import Clock
from quarterdeck.sessions.ports import AdmissionDesk
from quarterdeck.sessions.terms import (
    Admitted,
    Ending,
    EndReason,
    FileTally,
    SessionState,
    Standing,
    StreamSum,
    Supervision,
)

TELL_SECONDS = 0.4
LONGEST_TELL_SECONDS = 1.0
CHILD_SECONDS = 1.5
LINGER_SECONDS = 1.5
PROOF_SECONDS = 10.0
RETRY_SECONDS = 2.0
NAMELESS_SECONDS = 30.0
SENTENCES = {
    EndReason.WINDOW_ENDED: "The window has ended, so this session has ended. Ask for a new window to go on.",
    EndReason.REVOKED: "Your access was revoked, so this session has ended. Look at the ticket for the reason.",
    EndReason.GATE_STOPPED: "The gate is stopping, so this session has ended. Log in again when it is back.",
    EndReason.DATABASE_UNAVAILABLE: "The gate can't read its database, so this session has ended. "
    "Ask the IT lead to run `qd doctor`.",
}
_STAYS_CONNECTED = frozenset(
    {
        EndReason.COMPLETED,
        EndReason.DISCONNECTED,
        EndReason.TARGET_UNREACHABLE,
        EndReason.TARGET_REFUSED,
        EndReason.HOST_IDENTITY,
        EndReason.BROKEN_PROTOCOL,
        EndReason.NOT_ALLOWED,
        EndReason.IDLE,
    }
)
_LOG = logging.getLogger(__name__)
Submit = Callable[[Callable[[], Any], Callable[[Any, BaseException | None], None]], None]


@dataclass(slots=True)
class Running:
    """One admitted session until it is sealed."""

    admitted: Admitted
    line: ChildLine
    connection: Connection
    oversight: Oversight
    told: set[int] = field(default_factory=set)
    ordered_at: float | None = None
    ordered: EndReason | None = None
    report: dict[str, Any] | None = None
    terminated: datetime | None = None
    disconnected: datetime | None = None
    reason: EndReason = EndReason.INTERRUPTED
    seal_at: float = 0.0
    sealing: bool = False
    failed: bool = False


class Floor:
    """Owns the running sessions; `connections` is set by the warden once its `sshd` runs."""

    connections: Connections

    def __init__(self, desk: AdmissionDesk, clock: Clock, recordings: Path, submit: Submit) -> None:
        self._desk, self._clock = desk, clock
        self._recordings, self._submit = recordings, submit
        self._running: dict[str, Running] = {}
        self._cut_at: dict[int, float] = {}
        self._unrecorded: set[tuple[tuple[str, ...], datetime]] = set()
        self._retried_at = clock.boot()

    @property
    def empty(self) -> bool:
        """True when every session is sealed and every connection's end recorded."""
        return not self._running and not self._unrecorded

    @property
    def hurried(self) -> bool:
        """True while something is being ended."""
        return bool(self._cut_at) or any(one.terminated for one in self._running.values())

    @property
    def serials(self) -> frozenset[int]:
        """The entry certificates whose holders are here."""
        return frozenset(connection.login.serial for connection in self.connections if connection.login)

    @property
    def holders(self) -> frozenset[int]:
        """The same, and those whose login the log reported and no connection bears yet."""
        return self.serials | {login.serial for login in self.connections.unmatched()}

    @property
    def sessions(self) -> frozenset[str]:
        """The sessions that have not ended."""
        return frozenset(session for session, one in self._running.items() if not one.terminated)

    def begin(self, line: ChildLine, connection: Connection, admitted: Admitted) -> None:
        """Take an admitted session in."""
        if connection.limit is None:
            now, boot = self._clock.now(), self._clock.boot()
            connection.limit = deadline(admitted.window_until, admitted.grace_seconds, now=now, boot=boot)
        running = Running(admitted, line, connection, Oversight(admitted.escort))
        self._running[admitted.session] = running
        line.session = admitted.session
        if connection.gone:
            self.connection_gone(connection)

    def report(self, session: str, message: dict[str, Any]) -> None:
        """Take a child's account of how its session ended."""
        if session in self._running:
            self._running[session].report = message

    def child_gone(self, session: str) -> None:
        """A child's line has closed: its session has ended, whatever it said before."""
        running = self._running.get(session)
        if running is None or running.terminated:
            return
        boot = self._clock.boot()
        running.terminated = self._clock.now()
        running.reason = _reason(running)
        running.connection.busy_at = boot
        if running.reason in _STAYS_CONNECTED:
            running.seal_at = boot + LINGER_SECONDS
        else:
            running.seal_at = boot + PROOF_SECONDS
            self._cut_at.setdefault(running.connection.pid, boot + TELL_SECONDS)

    def connection_gone(self, connection: Connection) -> None:
        """All processes of a connection are absent: that is the proof, for running and for sealed sessions."""
        now, boot = self._clock.now(), self._clock.boot()
        self._cut_at.pop(connection.pid, None)
        for running in self._of(connection):
            running.disconnected = now
            if running.ordered_at is None:
                running.ordered_at = boot
                running.line.send({"op": "end", "reason": EndReason.DISCONNECTED, "sentence": ""})
        if connection.waiting:
            sealed, connection.waiting = list(connection.waiting), []
            self._record_gone(sealed, now)

    def _record_gone(self, sealed: list[str], at: datetime) -> None:
        """Have it recorded that the connection of these sealed sessions is gone; try again until it is."""
        self._unrecorded.discard((tuple(sealed), at))

        def then(_: object, error: BaseException | None) -> None:
            if error is not None:
                _LOG.error("the end of a connection can't be recorded yet: %s", error)
                self._unrecorded.add((tuple(sealed), at))

        self._submit(lambda: self._desk.disconnected(sealed, at), then)

    def apply(self, asked: frozenset[int], standing: Mapping[int, Standing]) -> None:
        """Take the answer of the books about the certificates in `asked`: who may not stay is ended."""
        now, boot = self._clock.now(), self._clock.boot()
        for connection in self.connections:
            if connection.login is None or connection.login.serial not in asked:
                continue
            found = standing.get(connection.login.serial)
            if found is None or not found.may_stay:
                reason = found.reason if found else EndReason.REVOKED
                self.end(connection, reason, found.sentence if found else "")
            elif connection.limit is None:
                connection.limit = deadline(found.until, found.grace_seconds, now=now, boot=boot)
            else:
                self._renew(connection, renewed(connection.limit, found.until, found.grace_seconds), now, boot)
        ended = {serial for serial in asked if serial not in standing or not standing[serial].may_stay}
        if any(login.serial in ended for login in self.connections.unmatched()):
            self._end_nameless(0.0)

    def oversee(self, told: Mapping[str, Supervision]) -> None:
        """Take what the books say of orders, watchers and escorts: each is passed on once (3.7.6[a])."""
        for session, supervision in told.items():
            running = self._running.get(session)
            if running is None or running.terminated or running.ordered is not None:
                continue
            before = running.oversight.present
            messages, ending = running.oversight.news(supervision)
            for message in messages:
                running.line.send(message)
            if ending is not None:
                self.end(running.connection, EndReason.ENDED_BY_PERSON, ending)
            if before and not running.oversight.present:
                self._submit(partial(self._desk.escort_left, session), self._noted)

    @staticmethod
    def _noted(_: object, error: BaseException | None) -> None:
        if error is not None:
            _LOG.error("that an escort left can't be recorded: %s", error)

    def _renew(self, connection: Connection, limit: Deadline, now: datetime, boot: float) -> None:
        """Keep a connection's deadline; where the window moved its sessions are told, and warned anew."""
        old, connection.limit = connection.limit, limit
        words = "" if old is None else moved_words(old, limit, now=now, boot=boot)
        for running in self._of(connection) if words else []:
            running.told.clear()
            running.line.send({"op": "notice", "text": words})

    def end(self, connection: Connection, reason: EndReason, sentence: str = "") -> None:
        """End a connection and its sessions; each person is told why first."""
        boot = self._clock.boot()
        living = [running for running in self._of(connection) if running.ordered is None]
        for running in living:
            running.ordered, running.ordered_at = reason, boot
            running.line.send({"op": "end", "reason": reason, "sentence": sentence or SENTENCES.get(reason, "")})
        self._cut_at.setdefault(connection.pid, boot + TELL_SECONDS if living else boot)

    def end_all(self, reason: EndReason) -> None:
        """End every connection; one whose login is not known yet only when the gate stops."""
        for connection in self.connections:
            if connection.login is not None or reason is EndReason.GATE_STOPPED:
                self.end(connection, reason)

    def tick(self) -> None:
        """Do what is due: warnings, deadlines, cuts, kills, seals."""
        now, boot = self._clock.now(), self._clock.boot()
        for connection in self.connections:
            self._check_deadline(connection, now, boot)
            if self._is_due(connection, boot):
                self.connections.end(connection, boot)
        self._end_nameless(NAMELESS_SECONDS)
        self.connections.press(boot)
        for running in list(self._running.values()):
            if running.ordered_at and not running.terminated and boot - running.ordered_at > CHILD_SECONDS:
                running.line.kill()
            if running.terminated and not running.sealing and self._is_ready(running, boot):
                self._seal(running)
        if boot - self._retried_at >= RETRY_SECONDS:
            self._retried_at = boot
            for sealed, at in list(self._unrecorded):
                self._record_gone(list(sealed), at)

    def _is_ready(self, running: Running, boot: float) -> bool:
        """True when a session can be sealed: its connection is gone, or was given its time; after a failure, later."""
        return boot >= running.seal_at or (running.disconnected is not None and not running.failed)

    def _is_due(self, connection: Connection, boot: float) -> bool:
        """True when a connection is to be cut: a refusal just given gets its moment to arrive, at most one second."""
        cut_at = self._cut_at.get(connection.pid)
        if cut_at is None:
            return False
        return boot >= max(cut_at, min(connection.busy_at + TELL_SECONDS, cut_at + LONGEST_TELL_SECONDS))

    def _check_deadline(self, connection: Connection, now: datetime, boot: float) -> None:
        limit = connection.limit
        if limit is None or connection.pid in self._cut_at:
            return
        living = [running for running in self._of(connection) if not running.terminated]
        if must_end(limit, now=now, boot=boot) or (not living and window_over(limit, now=now, boot=boot)):
            self.end(connection, EndReason.WINDOW_ENDED)
            return
        for running in living:
            notice = due_notice(limit, frozenset(running.told), now=now, boot=boot)
            if notice is not None:
                running.told.add(notice[0])
                running.line.send({"op": "notice", "text": notice[1]})

    def _end_nameless(self, age: float) -> None:
        boot = self._clock.boot()
        for connection in self.connections:
            if connection.login is None and boot - connection.seen_at >= age:
                self._cut_at.setdefault(connection.pid, boot)

    def _of(self, connection: Connection) -> list[Running]:
        return [running for running in self._running.values() if running.connection is connection]

    def _seal(self, running: Running) -> None:
        running.sealing = True
        if running.disconnected is None:
            running.connection.waiting.append(running.admitted.session)
        self._submit(lambda: self._desk.seal(self._ending(running)), lambda _, error: self._sealed(running, error))

    def _ending(self, running: Running) -> Ending:
        session = running.admitted.session
        path = self._recordings / f"{session}.cast"
        report = running.report or {}
        there = path.exists()
        lines, head = recorded(path, session) if there else (0, "")
        return Ending(
            session=session,
            reason=running.reason,
            state=SessionState.ENDED if running.report else SessionState.INTERRUPTED,
            session_terminated=running.terminated,
            network_terminated=running.disconnected,
            exit_status=report.get("exit_status"),
            recording=path if there else None,
            lines=lines,
            head=head,
            streams={name: StreamSum(**value) for name, value in report.get("streams", {}).items()},
            files=tallied(path) if there else FileTally(),
        )

    def _sealed(self, running: Running, error: BaseException | None) -> None:
        session = running.admitted.session
        if error is None:
            del self._running[session]
            return
        _LOG.error("session %s can't be sealed yet: %s", session, error)
        running.sealing, running.failed = False, True
        running.seal_at = self._clock.boot() + RETRY_SECONDS
        if session in running.connection.waiting:
            running.connection.waiting.remove(session)


def _reason(running: Running) -> EndReason:
    if running.report is not None:
        return EndReason(running.report["reason"])
    if running.ordered is not None:
        return running.ordered
    return EndReason.DISCONNECTED if running.disconnected else EndReason.INTERRUPTED
