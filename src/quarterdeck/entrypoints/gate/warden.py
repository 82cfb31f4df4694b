"""The warden: the loop that joins `sshd`, forker, children and the admission desk.

It owns the decisions and no byte of a session. Database work runs in worker threads and in the watcher, so that a
slow disk delays an answer but never a deadline; two seconds without a good read of the database end every session.
"""

import base64
import contextlib
import logging
import os
import selectors
import signal
import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity

from quarterdeck.entrypoints.gate.answers import pack_admitted, pack_decision
from quarterdeck.entrypoints.gate.connections import Connection, Connections
from quarterdeck.entrypoints.gate.denials import Denials
from quarterdeck.entrypoints.gate.floor import Floor
from quarterdeck.entrypoints.gate.heads import HeadSender
from quarterdeck.entrypoints.gate.lines import ChildLine, Inbox
from quarterdeck.entrypoints.gate.processes import ProcessHandle, handle
from quarterdeck.entrypoints.gate.prompt_sockets import Haste, lend, send_at_once
from quarterdeck.entrypoints.gate.revoked import RevokedKeeper
from quarterdeck.entrypoints.gate.sshd import accepted, connects, listens
from quarterdeck.entrypoints.gate.sshd_log import SshdLog
from quarterdeck.entrypoints.gate.watcher import Asked, Told, Watcher
from quarterdeck.entrypoints.gate.wire import MESSAGE_LIMIT, Message, ProtocolError, decode, receive_with_descriptors
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Decision, Refused, refuse
from quarterdeck.sessions.ports import AdmissionDesk, HeadKeeper
from quarterdeck.sessions.terms import Admitted, EndReason, Presented, Protocol, Work

BLIND_SECONDS = 2.0
TICK_SECONDS = 0.25
HURRIED_SECONDS = 0.05
TICKS_APART = 0.01
HASTE_EVERY = 0.003
HASTE_SECONDS = 0.15
STOP_SECONDS = 12.0
# They share one interpreter with the watcher, whose reading must never be late; more of them decide no faster.
WORKERS = 2
_LOG = logging.getLogger(__name__)
UNAVAILABLE = refuse(
    "gate.unavailable",
    "The gate can't decide on your access right now, so there is no session.",
    "Ask the IT lead to run `qd doctor`.",
)
STRANGER = refuse(
    "gate.stranger", "This request did not come through the gate's own login.", "Log in with `qd access` and `ssh`."
)
CONTRADICTION = refuse(
    "gate.certificate_contradiction",
    "The certificate presented is not the one that opened this connection.",
    "Close the connection, run `qd access` again and log in anew.",
)
STOPPING = refuse("gate.stopping", "The gate is stopping.", "Log in again when it is back.")


@dataclass(frozen=True, slots=True)
class Parts:
    """What the warden joins: the started `sshd` (pid and log pipe), the forker's line, folders, ports."""

    desk: AdmissionDesk
    keeper: HeadKeeper
    clock: Clock
    recordings: Path
    connections_file: Path
    revoked_file: Path
    sshd: int
    sshd_log: int
    forker: socket.socket
    between: Callable[[], None]


class Warden:
    """Runs until told to stop, or until `sshd` or the forker ends."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._desk = parts.desk
        self._selector = selectors.DefaultSelector()
        self._inbox = Inbox()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="desk")
        self._floor = Floor(parts.desk, parts.clock, parts.recordings, self._submit)
        self._floor.connections = Connections(
            parts.sshd, parts.clock, self._selector, parts.connections_file, self._connection_gone
        )
        self._watcher = Watcher(parts.desk, parts.clock, self._watched, parts.between)
        self._heads = HeadSender(parts.keeper)
        self._revoked = RevokedKeeper(parts.desk, parts.revoked_file, parts.clock, parts.between)
        self._denials = Denials(parts.desk, parts.clock, self._submit)
        self._log = SshdLog(parts.sshd_log)
        self._haste = Haste(HASTE_SECONDS)
        self._ticked_at = 0.0
        self._good_at = parts.clock.boot()
        self._stopping_since: float | None = None
        self._failed = False

    def run(self) -> int:
        """Serve; return 0 after an orderly stop and 1 when a part failed."""
        os.set_blocking(self._parts.sshd_log, False)
        signal.set_wakeup_fd(self._inbox.wakeup_descriptor, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        register = self._selector.register
        register(self._inbox, selectors.EVENT_READ, self._inbox.run)
        register(self._parts.sshd_log, selectors.EVENT_READ, self._read_log)
        sshd = ProcessHandle(self._parts.sshd)
        register(sshd, selectors.EVENT_READ, lambda: self._sshd_ended(sshd))
        register(self._parts.forker, selectors.EVENT_READ, self._hear_forker)
        self._watcher.start()
        self._heads.start()
        self._revoked.start()
        while not self._over():
            for key, _ in self._selector.select(self._pause()):
                key.data()
            self._turn(self._clock.boot())
        self._watcher.stop()
        self._heads.stop()
        self._revoked.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)
        return 1 if self._failed else 0

    def _pause(self) -> float:
        if self._haste.under_way:
            return HASTE_EVERY
        return HURRIED_SECONDS if self._floor.hurried else TICK_SECONDS

    def _turn(self, boot: float) -> None:
        self._haste.press(boot)
        if boot - self._ticked_at >= TICKS_APART:
            self._ticked_at = boot
            self._tick()

    def _over(self) -> bool:
        if self._stopping_since is None:
            return False
        done = self._floor.empty and not list(self._floor.connections)
        return done or self._clock.boot() - self._stopping_since > STOP_SECONDS

    def _stop(self) -> None:
        if self._stopping_since is None:
            self._stopping_since = self._clock.boot()
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._parts.sshd, signal.SIGTERM)

    def _fail(self, part: str) -> None:
        if self._stopping_since is None:
            _LOG.error("%s has ended; the gate stops", part)
            self._failed = True
        self._stop()

    def _tick(self) -> None:
        self._floor.connections.scan()
        if self._stopping_since is not None:
            self._floor.end_all(EndReason.GATE_STOPPED)
        elif self._clock.boot() - self._good_at > BLIND_SECONDS:
            self._floor.end_all(EndReason.DATABASE_UNAVAILABLE)
        self._floor.tick()
        self._watcher.watch(Asked(self._floor.serials, self._floor.sessions))

    def _watched(self, boot: float, asked: Asked, told: Told | None) -> None:
        def apply() -> None:
            self._good_at = boot
            if told is not None:
                self._floor.apply(asked.serials, told.standing)
                self._floor.oversee(told.supervision)

        self._inbox.put(apply)

    def _submit(self, work: Callable[[], Any], then: Callable[[Any, BaseException | None], None]) -> None:
        def done(future: "Future[Any]") -> None:
            if future.cancelled():
                return
            error = future.exception()
            result = None if error else future.result()
            self._inbox.put(lambda: then(result, error))

        def run() -> Any:  # noqa: ANN401
            self._parts.between()
            try:
                return work()
            finally:
                self._parts.between()

        self._pool.submit(run).add_done_callback(done)

    def _read_log(self) -> None:
        """Take what `sshd` has logged: repeat it for the operator, note the logins."""
        for text in self._log.read():
            _LOG.info("sshd: %s", text)
            if listens(text):
                hasten_listener(self._parts.sshd)
            if connects(text):
                self._hasten_login()
            login = accepted(text)
            if login is not None:
                self._floor.connections.note_login(login)
            self._denials.hear(text, lambda: self._floor.holders)
        if not self._log.open:
            self._selector.unregister(self._parts.sshd_log)

    def _connection_gone(self, connection: Connection) -> None:
        self._haste.end(connection.pid)
        self._floor.connection_gone(connection)

    def _hasten_login(self) -> None:
        """Somebody has connected: the small packets of the login are acknowledged at once."""
        for connection in self._floor.connections.scan():
            self._haste.begin(connection.pid, self._clock.boot())

    def _hear_forker(self) -> None:
        data, descriptors = receive_with_descriptors(self._parts.forker, MESSAGE_LIMIT, 1)
        if not data or len(descriptors) != 1:
            self._selector.unregister(self._parts.forker)
            self._fail("the forker")
            return
        message = decode(data)
        line = ChildLine(socket.socket(fileno=descriptors[0]), handle(message["pid"]), message["peer"])
        self._selector.register(line, selectors.EVENT_READ, lambda: self._hear_child(line))

    def _hear_child(self, line: ChildLine) -> None:
        try:
            message = line.receive()
        except ProtocolError:
            message = None
        if message is None:
            self._selector.unregister(line)
            line.close()
            if line.session:
                self._floor.child_gone(line.session)
        elif message:
            self._do(line, message)

    def _do(self, line: ChildLine, message: Message) -> None:
        op = message.get("op")
        if op == "admit" and not line.session:
            self._admit(line, message)
        elif op == "extend" and not line.session:
            self._extend(line, message)
        elif op == "recheck" and line.session:
            self._ask(line, op, lambda: pack_decision(self._desk.recheck(line.session)), "refused")
        elif op == "certify" and line.session:
            self._ask(line, op, lambda: self._desk.certify(line.session, message["public_key"]), "certificate")
        elif op == "progress" and line.session:
            self._heads.send(line.session, message["lines"], message["head"])
        elif op == "ended" and line.session:
            self._floor.report(line.session, message)

    def _ask(self, line: ChildLine, op: str, question: Callable[[], Any], field: str) -> None:
        def then(result: Any, error: BaseException | None) -> None:  # noqa: ANN401
            if error is not None:
                line.send({"answer": op, "refused": pack_decision(_decision(error))})
            else:
                line.send({"answer": op, field: result})

        self._submit(question, then)

    def _admit(self, line: ChildLine, message: Message) -> None:
        connection = self._known(line, message, "admit")
        if connection is None:
            return
        presented = Presented(
            certificate=base64.b64decode(message["certificate"]),
            source=message["connection"].split(" ")[0],
            work=Work(message["work"]),
            command_sha256=message["command_sha256"],
            protocol=Protocol(message["protocol"]) if message["protocol"] else None,
        )

        def then(result: Admitted | None, error: BaseException | None) -> None:
            if result is None:
                line.send({"answer": "admit", "refused": pack_decision(_decision(error))})
                return
            self._floor.begin(line, connection, result)
            if line.closed:
                self._floor.child_gone(result.session)
            else:
                line.send({"answer": "admit", "admitted": pack_admitted(result)})

        self._submit(lambda: self._desk.admit(presented), then)

    def _extend(self, line: ChildLine, message: Message) -> None:
        """Ask for more time in the name of whoever opened the connection."""
        if self._known(line, message, "extend") is None:
            return
        certificate = base64.b64decode(message["certificate"])
        minutes, reason = message["minutes"], message["reason"]
        self._ask(line, "extend", lambda: self._desk.extend(certificate, minutes, reason), "told")

    def _sshd_ended(self, process: ProcessHandle) -> None:
        self._selector.unregister(process)
        process.close()
        self._fail("sshd")

    def _known(self, line: ChildLine, message: Message, op: str) -> Connection | None:
        """Return the launcher's connection; None after the refusal was sent."""
        if self._log.open:
            self._read_log()
        connection, decision = self._identify(line, message)
        if connection is not None and decision.allowed:
            return connection
        line.send({"answer": op, "refused": pack_decision(decision)})
        return None

    def _identify(self, line: ChildLine, message: Message) -> tuple[Connection | None, Decision]:
        """Return the launcher's connection; refuse a stranger and a certificate that the log contradicts."""
        if self._stopping_since is not None:
            return None, STOPPING
        if self._clock.boot() - self._good_at > BLIND_SECONDS:
            return None, UNAVAILABLE
        connection = self._floor.connections.of_launcher(line.peer)
        if connection is None:
            return None, STRANGER
        address, port = message["connection"].split(" ")[:2]
        login = self._floor.connections.login_at(address, int(port))
        if login is None or login.serial != certificate_serial(message["certificate"]):
            return None, CONTRADICTION
        if connection.login not in (None, login):
            return None, CONTRADICTION
        connection.login = login
        connection.busy_at = self._clock.boot()
        return connection, Decision()


def hasten_listener(sshd: int) -> None:
    """Have small packets of every login sent at once: accepted sockets inherit it of the listening one."""
    for one in lend(sshd):
        send_at_once(one)
        one.close()


def certificate_serial(text: str) -> int:
    """Return the serial of a certificate given as base64; -1 when it is none."""
    try:
        blob = base64.b64decode(text, validate=True)
        kind = blob[4 : 4 + int.from_bytes(blob[:4], "big")]
        identity = load_ssh_public_identity(kind + b" " + text.encode("ascii"))
    except ValueError:
        return -1
    return identity.serial if isinstance(identity, SSHCertificate) else -1


def _decision(error: BaseException | None) -> Decision:
    if isinstance(error, Refused):
        return error.decision
    _LOG.error("the admission desk failed", exc_info=error)
    return UNAVAILABLE
