"""The child's line to the warden: one question at a time, and orders that may come at any moment."""

import select
import socket
from collections import deque

from quarterdeck.entrypoints.gate.wire import MESSAGE_LIMIT, Message, decode, encode


class LinkLost(Exception):
    """The warden is gone; nothing may go on."""


class Link:
    """A packet socket to the warden; `orders` collects what was not an answer."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self.orders: deque[Message] = deque()

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._stream.fileno()

    def ask(self, op: str, seconds: float, **fields: object) -> Message:
        """Return the warden's answer; raises LinkLost when none comes in time."""
        self.tell(op, **fields)
        waiter = select.poll()
        waiter.register(self._stream, select.POLLIN)
        while waiter.poll(seconds * 1000):
            message = self._receive()
            if message.get("answer") == op:
                return message
            self.orders.append(message)
        raise LinkLost(f"no answer to {op}")

    def tell(self, op: str, **fields: object) -> None:
        """Send a message that wants no answer."""
        try:
            self._stream.send(encode({"op": op, **fields}))
        except OSError as error:
            raise LinkLost(op) from error

    def take_order(self) -> None:
        """Receive one message into `orders`; call when the descriptor is readable."""
        self.orders.append(self._receive())

    def _receive(self) -> Message:
        try:
            body = self._stream.recv(MESSAGE_LIMIT)
        except OSError as error:
            raise LinkLost("the warden is gone") from error
        if not body:
            raise LinkLost("the warden is gone")
        return decode(body)
