"""Says to an SFTP client why there is no session: `sshd` drops what a subsystem writes to standard error.

The client's greeting is answered, and its first request gets *permission denied* with the sentence.
"""

import os
import select
import time

from quarterdeck.entrypoints.gate import sftp_packets as wire
from quarterdeck.entrypoints.gate.audits import BrokenProtocol
from quarterdeck.entrypoints.gate.sftp_packets import Framer, Kind, Status

PATIENCE = 2.0


_VERSION = wire.packet(Kind.VERSION, wire.number(3))


def excuse(source: int, sink: int, sentence: str, *, greeted: bool = False) -> None:
    """Speak with the client until its first request is answered, it goes away, or two seconds have passed.

    `greeted` says that its greeting was read already and nobody has answered it.
    """
    if greeted:
        try:
            os.write(sink, _VERSION)
        except OSError:
            return
    deadline = time.monotonic() + PATIENCE
    framer, waiter = Framer(), select.poll()
    waiter.register(source, select.POLLIN)
    while waiter.poll(max(0.0, deadline - time.monotonic()) * 1000):
        try:
            chunk = os.read(source, wire.LONGEST)
            answers = [_answer(body, sentence) for body in framer.feed(chunk)[1]]
            os.write(sink, b"".join(data for data, _ in answers))
        except (OSError, BrokenProtocol):
            return
        if not chunk or any(last for _, last in answers):
            return


def _answer(body: memoryview, sentence: str) -> tuple[bytes, bool]:
    """Return the answer to one packet and whether it is the last."""
    if body[0] == Kind.INIT:
        return _VERSION, False
    return wire.status(wire.Fields(body).number(), Status.PERMISSION_DENIED, sentence), True
