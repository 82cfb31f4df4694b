"""The bytes of one session: upstream client, streams, window size, orders of the warden, and how it ended."""

import contextlib
import math
import os
import select
import signal
import socket
from dataclasses import dataclass, field

from quarterdeck.entrypoints.gate.agent import OneKeyAgent
from quarterdeck.entrypoints.gate.audits import Audit, BrokenProtocol
from quarterdeck.entrypoints.gate.brake import SPOKEN, Brake, speak
from quarterdeck.entrypoints.gate.capture import Capture
from quarterdeck.entrypoints.gate.idleness import NEVER, Idleness
from quarterdeck.entrypoints.gate.joining import joined
from quarterdeck.entrypoints.gate.link import Link
from quarterdeck.entrypoints.gate.person import Person
from quarterdeck.entrypoints.gate.prompt_sockets import Haste
from quarterdeck.entrypoints.gate.recorder import SYNC_EVERY, Recorder
from quarterdeck.entrypoints.gate.starting import on_pipes, on_terminal
from quarterdeck.entrypoints.gate.streams import Drain, Stream
from quarterdeck.entrypoints.gate.transfers import follower
from quarterdeck.entrypoints.gate.upstream import (
    Dial,
    arguments,
    connection_lost,
    explain_failure,
    logged_in,
)
from quarterdeck.entrypoints.gate.wire import Message
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused
from quarterdeck.sessions.terms import Admitted, EndReason, StreamSum

PROGRESS_EVERY = 10.0
KILL_AFTER = 0.3
PROMPT_SECONDS = 0.2
PROMPT_EVERY = 0.002
NOT_FOLLOWED = (
    "The gate can't follow this transfer, so it has ended: {}. Use sftp, scp or rsync of OpenSSH, or ask the IT lead."
)
NO_SFTP = "{} offers no SFTP. Copy with `scp -O`, or ask the IT lead to add the subsystem to its sshd."
PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a session ended: reason, exit status to pass on (None for our own 255), sentence for the person."""

    reason: EndReason
    status: int | None
    sentence: str
    streams: dict[str, StreamSum] = field(default_factory=dict)


class Traffic:
    """Owns the upstream client and the streams of one session."""

    def __init__(self, person: Person, admitted: Admitted, dial: Dial, agent: OneKeyAgent, brake: Brake) -> None:
        self._person, self._admitted, self._brake = person, admitted, brake
        self._dial, self._agent = dial, agent
        self._recorder: Recorder
        self._ends: tuple[int, int, int]
        self._streams: dict[str, Stream] = {}
        self._drains: list[Drain] = []
        self._terminal = -1
        self._size = (0, 0)
        self._pid, self._pidfd = 0, -1
        self._exited: int | None = None
        self._outcome: Outcome | None = None
        self._audit: Audit | None = None
        self._progressed, self._told, self._looked = 0.0, 0, 0.0
        self._haste = Haste(PROMPT_SECONDS)
        self._waiter = select.poll()
        self._movers: list[Stream | Drain] = []
        self._waited_for: tuple[object, ...] = ()
        self._idle = Idleness(NEVER, 0.0)

    @property
    def _may_send(self) -> bool:
        """True while the person's bytes may pass: the target let us in, and nothing holds them."""
        return self._agent.signed and not self._brake.held

    def start(self) -> None:
        """Start the upstream client; bytes of the person wait until it is logged in."""
        person = self._person
        argv = arguments(self._admitted, self._dial, self._agent.path, person.asked, person.hello.command)
        environment = {"PATH": PATH, **person.hello.environment}
        self._size = person.size()
        started = on_terminal(person, argv, environment) if person.terminal else on_pipes(argv, environment)
        self._pid, self._ends, self._terminal = started.pid, started.ends, started.terminal
        self._pidfd = os.pidfd_open(self._pid)

    def _open_streams(self, recorder: Recorder) -> None:
        """Join the person's descriptors and the client's; output is kept in the recording before it is forwarded."""
        self._recorder = recorder
        if not self._person.terminal:
            self._audit = follower(self._person.asked, self._admitted.allowance, recorder.file)
        keep = Capture(recorder, self._person.work, screen=self._admitted.screen).keep
        self._streams, self._drains = joined(self._person, self._ends, keep, self._audit)
        self._movers = [*self._streams.values(), *self._drains]

    def run(self, recorder: Recorder, connection: socket.socket, link: Link, clock: Clock) -> Outcome:
        """Move bytes until the upstream client, the person or the warden ends the session; may raise RecorderFailed."""
        self._open_streams(recorder)
        self._idle = Idleness(self._admitted.idle_seconds if self._person.terminal else NEVER, clock.boot())
        try:
            while self._outcome is None:
                self._turn(connection, link, clock)
        except BrokenProtocol as broken:
            self._outcome = self._end(EndReason.BROKEN_PROTOCOL, None, NOT_FOLLOWED.format(broken))
        return self._followed(self._outcome)

    def _followed(self, outcome: Outcome) -> Outcome:
        """Say farewell in the client's protocol, and record which files the end cut off."""
        self._person.was_heard = self._streams["stdin"].sum.size > 0
        if self._audit is not None:
            self._person.was_answered = self._audit.was_answered
            if outcome.sentence and self._streams["stdout"].is_idle:
                self._person.answer(self._audit.farewell(outcome.sentence))
            self._audit.finish(complete=outcome.status == 0)
        return outcome

    def _turn(self, connection: socket.socket, link: Link, clock: Clock) -> None:
        """Wait for something to do and do it. A key and its echo are a turn each: the clock is read twice in one."""
        self._housekeeping(link, clock.boot())
        interests = self._interests()
        ready = self._wait(connection, link, interests)
        boot = clock.boot()
        if self._agent.fileno() in ready and not self._agent.signed:
            self._serve_agent(boot)
        if self._haste.under_way:
            self._hasten(boot)
        if link.fileno() in ready:
            link.take_order()
        if connection.fileno() in ready:
            self._idle.heard(boot)
            self._hear_launcher(connection)
        for mover, interest in zip(self._movers, interests, strict=True):
            # What another stream brought in this turn may have taken the interest away.
            if interest is not None and interest[0] in ready and mover.interest() is not None:
                mover.move()
                self._exchange()
        while link.orders and self._outcome is None:
            self._obey(link.orders.popleft())
        self._notice_exit(ready)
        self._look_for_idleness(boot)

    def _look_for_idleness(self, boot: float) -> None:
        """A terminal at which nobody types is warned, then ended: unattended, it is open to whoever comes by."""
        if self._brake.held:  # whoever is held may not type, and is not to be ended for it
            self._idle.heard(boot)
            return
        warning, farewell = self._idle.look(self._streams["stdin"].size, boot)
        if warning:
            self._tell(warning)
        if farewell and self._outcome is None:
            self._outcome = self._end(EndReason.IDLE, None, farewell)

    def _serve_agent(self, boot: float) -> None:
        """Answer the client, which has reached the target; its small packets need not wait for the target's word."""
        self._haste.begin(self._pid, boot)
        self._agent.serve()
        if self._agent.signed:
            self._dial.vanish()

    def _hasten(self, boot: float) -> None:
        """Acknowledge what the target says of the login at once, until it has said something of the session."""
        if any(stream.size for name, stream in self._streams.items() if name != "stdin"):
            self._haste.end(self._pid)
        self._haste.press(boot)

    def _exchange(self) -> None:
        """Pass on what the follower held back, and its own answers, behind what waits for each side."""
        if self._audit is None:
            return
        ways = (("stdout", self._audit.for_client), ("stdin", self._audit.for_target))
        for stream, waiting in ((self._streams[name], waiting) for name, waiting in ways):
            # Our own word to the target would push out what the person sent before it was held.
            held = self._brake.held and stream is self._streams["stdin"]
            data = waiting() if stream.has_room and not held else b""
            if data:
                stream.inject(data)

    def stop(self) -> None:
        """End the upstream client, gently for 0.3 s."""
        self._haste.end(self._pid)
        if self._pid and self._exited is None:
            waiter = select.poll()
            waiter.register(self._pidfd, select.POLLIN)
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._pid, number)
                if waiter.poll(KILL_AFTER * 1000):
                    break
            os.waitpid(self._pid, 0)
            self._exited = 255

    def _housekeeping(self, link: Link, boot: float) -> None:
        self._looked = boot
        self._recorder.sync()
        if boot - self._progressed >= PROGRESS_EVERY and self._recorder.count != self._told:
            self._progressed, self._told = boot, self._recorder.count
            link.tell("progress", lines=self._recorder.count, head=self._recorder.head)

    def _interests(self) -> list[tuple[int, int] | None]:
        """Return what each mover waits for; nothing of the person's while it may not pass."""
        found = [mover.interest() for mover in self._movers]
        if not self._may_send:
            held = self._streams["stdin"]
            found = [None if one is held else wish for one, wish in zip(self._movers, found, strict=True)]
        return found

    def _wait(self, connection: socket.socket, link: Link, interests: list[tuple[int, int] | None]) -> set[int]:
        wanted = (self._exited is None, -1 if self._agent.signed else self._agent.fileno(), *interests)
        if wanted != self._waited_for:
            self._waited_for = wanted
            self._waiter = self._awaiting(connection, link, interests)
        seconds = self._idle.wait(self._looked, SYNC_EVERY if self._recorder.dirty else PROGRESS_EVERY)
        if self._haste.under_way:
            seconds = min(seconds, PROMPT_EVERY)
        return {descriptor for descriptor, _ in self._waiter.poll(math.ceil(seconds * 1000))}

    def _awaiting(self, connection: socket.socket, link: Link, interests: list[tuple[int, int] | None]) -> select.poll:
        events = {link.fileno(): select.POLLIN, connection.fileno(): select.POLLIN}
        if self._exited is None:
            events[self._pidfd] = select.POLLIN
        if not self._agent.signed:
            events[self._agent.fileno()] = select.POLLIN
        for interest in interests:
            if interest is not None:
                events[interest[0]] = events.get(interest[0], 0) | interest[1]
        waiter = select.poll()
        for descriptor, event in events.items():
            waiter.register(descriptor, event)
        return waiter

    def _hear_launcher(self, connection: socket.socket) -> None:
        try:
            heard = connection.recv(256)
        except OSError:
            heard = b""
        if not heard:
            self._outcome = self._end(EndReason.DISCONNECTED, None, "")
        elif self._terminal >= 0 and self._person.size() != self._size:
            self._size = self._person.copy_size(self._terminal)
            self._recorder.resize(*self._size)

    def _obey(self, order: Message) -> None:
        if order.get("op") == "end":
            self._outcome = self._end(EndReason(order["reason"]), None, order["sentence"])
            return
        self._brake.obey(order)
        if order.get("op") in SPOKEN:
            speak(order, self._person, self._recorder, self._streams)

    def _tell(self, sentence: str) -> None:
        """Show a sentence in the terminal, else on standard error; never in a stream that a program reads."""
        speak({"op": "notice", "text": sentence}, self._person, self._recorder, self._streams)

    def _notice_exit(self, ready: set[int]) -> None:
        """Once the client has exited and all its output was forwarded, tell how it ended."""
        if self._pidfd in ready and self._exited is None:
            _, status = os.waitpid(self._pid, 0)
            self._exited = os.waitstatus_to_exitcode(status) & 0xFF
        if self._exited is None:
            return
        outputs = [stream for name, stream in self._streams.items() if name != "stdin"]
        if self._outcome or not all(stream.finished for stream in outputs):
            return
        log = self._dial.log_text()
        if not logged_in(log):
            self._outcome = self._not_entered(log)
        elif self._exited == 255 and connection_lost(log):
            sentence = f"The connection to {self._admitted.asset} was lost. Log in again when the host answers."
            self._outcome = self._end(EndReason.TARGET_UNREACHABLE, None, sentence)
        elif self._audit is not None and self._streams["stdin"].sum.size and not self._audit.was_answered:
            self._outcome = self._end(EndReason.TARGET_REFUSED, None, NO_SFTP.format(self._admitted.asset))
        else:
            self._outcome = self._end(EndReason.COMPLETED, self._exited, "")

    def _not_entered(self, log: str) -> Outcome:
        failure = self._agent.failure
        if isinstance(failure, Refused):
            return self._end(EndReason.ADMISSION_WITHDRAWN, None, str(failure))
        if failure is not None:
            raise failure
        reason, sentence, next_step = explain_failure(log, self._admitted)
        return self._end(reason, None, f"{sentence} {next_step}")

    def _end(self, reason: EndReason, status: int | None, sentence: str) -> Outcome:
        sums = {name: stream.sum for name, stream in self._streams.items()}
        if self._person.terminal:
            sums.pop("stdin", None)
        return Outcome(reason, status, sentence, sums)
