"""Holds a person's input: while a pause of a person stands, and while the escort whom the work demands is away.

Held means not read: the bytes stay in the buffers of `sshd` and of the person's own client, which stops sending when
they are full. Nothing is lost and nothing passes; what the target writes goes on to the person.
"""

import select
import socket
from collections.abc import Callable, Mapping

from quarterdeck.entrypoints.gate.link import Link
from quarterdeck.entrypoints.gate.oversight import ESCORT
from quarterdeck.entrypoints.gate.person import Person
from quarterdeck.entrypoints.gate.recorder import SYNC_EVERY, Recorder
from quarterdeck.entrypoints.gate.streams import Stream
from quarterdeck.entrypoints.gate.wire import Message
from quarterdeck.kernel.clock import Clock
from quarterdeck.sessions.terms import EndReason, escort_sentence

PROGRESS_EVERY = 10.0
SPOKEN = frozenset({"notice", "say", "hold", "watch"})


class Brake:
    """The causes that hold the input now; `escort` is the name of whom the work demands, empty for nobody."""

    def __init__(self, escort: str) -> None:
        self.escort = escort
        self._causes = {ESCORT} if escort else set[str]()

    @property
    def held(self) -> bool:
        """True while no input may pass."""
        return bool(self._causes)

    def obey(self, order: Message) -> None:
        """Take an order that holds or lets go; any other changes nothing."""
        if order.get("op") == "hold":
            (self._causes.add if order["on"] else self._causes.discard)(order["cause"])


def is_shown(order: Message, *, terminal: bool) -> bool:
    """True when the person is to read an order's text: in a terminal always, elsewhere only what concerns the work."""
    return terminal or order["op"] in ("say", "hold", "notice")


def speak(order: Message, person: Person, recorder: Recorder, streams: Mapping[str, Stream]) -> None:
    """Record an order's text and let the person read it between the bytes of the session."""
    recorder.mark(order["text"])
    if not is_shown(order, terminal=person.terminal):
        return
    shown = person.line(order["text"])
    if person.terminal:
        recorder.output(shown)
    stream = streams["stdout" if person.terminal else "stderr"]
    if stream.has_room:
        stream.inject(shown)


def wait(
    brake: Brake, person: Person, recorder: Recorder, lines: tuple[socket.socket, Link], clock: Clock
) -> tuple[EndReason, str] | None:
    """Wait until input may pass, before anything is dialled; None to go on, else why the session ended meanwhile."""

    def say(text: str) -> None:
        recorder.mark(text)
        person.note(text)

    connection, link = lines
    say(escort_sentence(brake.escort, present="", was_present=""))
    waiter = select.poll()
    for descriptor in (connection, link):
        waiter.register(descriptor.fileno(), select.POLLIN)
    progressed, size = 0.0, person.size()
    while brake.held:
        recorder.sync()
        if clock.boot() - progressed >= PROGRESS_EVERY:
            progressed = clock.boot()
            link.tell("progress", lines=recorder.count, head=recorder.head)
        ready = {descriptor for descriptor, _ in waiter.poll(SYNC_EVERY * 1000)}
        if link.fileno() in ready:
            link.take_order()
        ending = _obey(brake, person, link, recorder, say)
        if ending is None and connection.fileno() in ready:
            ending = _hear(connection)
            if person.size() != size:
                size = person.size()
                recorder.resize(*size)
        if ending is not None:
            return ending
    return None


def _obey(
    brake: Brake, person: Person, link: Link, recorder: Recorder, say: Callable[[str], None]
) -> tuple[EndReason, str] | None:
    while link.orders:
        order = link.orders.popleft()
        if order.get("op") == "end":
            return EndReason(order["reason"]), order["sentence"]
        brake.obey(order)
        if order.get("op") in SPOKEN and is_shown(order, terminal=person.terminal):
            say(order["text"])
        elif order.get("op") in SPOKEN:
            recorder.mark(order["text"])
    return None


def _hear(connection: socket.socket) -> tuple[EndReason, str] | None:
    """Take the launcher's word that the window may have a new size; its end is the end of the session."""
    try:
        heard = connection.recv(256)
    except OSError:
        heard = b""
    return None if heard else (EndReason.DISCONNECTED, "")
