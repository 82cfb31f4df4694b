"""Messages between launcher, child, forker and warden: framing, limits and the grammar of what a launcher may say."""

import array
import contextlib
import json
import os
import re
import socket
from dataclasses import dataclass
from typing import Any

HELLO_LIMIT = 400_000
MESSAGE_LIMIT = 131_072
SFTP_MARKER = "quarterdeck-subsystem-sftp"
_CONNECTION = re.compile(r"[0-9A-Fa-f.:%a-z]{2,64} \d{1,5} [0-9A-Fa-f.:%a-z]{2,64} \d{1,5}", re.ASCII)
_CERTIFICATE_LINE = re.compile(r"publickey ([a-z0-9@.-]+-cert-v01@openssh\.com) ([A-Za-z0-9+/]+={0,2})", re.ASCII)
_SAFE_VALUE = re.compile(r"[A-Za-z0-9._:@-]{1,64}", re.ASCII)

Message = dict[str, Any]


class ProtocolError(Exception):
    """The other side of a socket said something it never says."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What a launcher reports about its channel; `certificate` is the text of the one presented certificate."""

    certificate: str
    connection: str
    command: bytes | None
    tty: bool
    environment: dict[str, str]

    @property
    def source(self) -> str:
        """Address of the person's machine as `sshd` saw it."""
        return self.connection.split(" ")[0]


def parse_hello(body: bytes) -> Hello:
    """Return the checked hello; ProtocolError unless exactly one certificate opened the connection."""
    fields = dict(part.partition(b"=")[::2] for part in body.split(b"\0"))
    lines = fields.get(b"auth", b"").decode("ascii", "replace").strip().split("\n")
    match = _CERTIFICATE_LINE.fullmatch(lines[0])
    if len(lines) != 1 or match is None:
        raise ProtocolError("the connection was not opened by exactly one certificate")
    connection = fields.get(b"SSH_CONNECTION", b"").decode("ascii", "replace")
    if _CONNECTION.fullmatch(connection) is None:
        raise ProtocolError("no address of the connection")
    return Hello(
        certificate=match[2],
        connection=connection,
        command=fields.get(b"SSH_ORIGINAL_COMMAND"),
        tty=b"SSH_TTY" in fields,
        environment=safe_environment(fields),
    )


def safe_environment(fields: dict[bytes, bytes]) -> dict[str, str]:
    """Return TERM, LANG and LC_ALL where their values are plain words; anything else is dropped (attacks.md row 25)."""
    kept = {}
    for name in ("TERM", "LANG", "LC_ALL"):
        value = fields.get(name.encode(), b"").decode("ascii", "replace")
        if _SAFE_VALUE.fullmatch(value):
            kept[name] = value
    return kept


def receive_hello(stream: socket.socket) -> tuple[Hello, list[int]]:
    """Return the hello and the three descriptors; the caller owns the descriptors."""
    prefix, descriptors = receive_with_descriptors(stream, 4, 3)
    try:
        size = int.from_bytes(prefix, "big")
        if len(prefix) != 4 or len(descriptors) != 3 or not 0 < size <= HELLO_LIMIT:
            raise ProtocolError("a launcher's hello is not whole")
        body = bytearray()
        while len(body) < size:
            part = stream.recv(size - len(body))
            if not part:
                raise ProtocolError("a launcher went away in its hello")
            body += part
        return parse_hello(bytes(body)), descriptors
    except (ProtocolError, OSError):
        close_all(descriptors)
        raise


def receive_with_descriptors(stream: socket.socket, size: int, most: int) -> tuple[bytes, list[int]]:
    """Return up to `size` bytes and up to `most` descriptors of one message; the caller owns the descriptors."""
    data, ancillary, _, _ = stream.recvmsg(size, socket.CMSG_SPACE(most * 4), socket.MSG_CMSG_CLOEXEC)
    descriptors = array.array("i")
    for level, kind, payload in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
    return data, list(descriptors)


def send_with_descriptor(stream: socket.socket, message: Message, descriptor: int) -> None:
    """Send one message with one descriptor; the descriptor stays open on this side."""
    rights = array.array("i", [descriptor]).tobytes()
    stream.sendmsg([encode(message)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def encode(message: Message) -> bytes:
    """Return the bytes of one message for a packet socket; ProtocolError when it is too long."""
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > MESSAGE_LIMIT:
        raise ProtocolError("a message is too long")
    return body


def decode(body: bytes) -> Message:
    """Return the message that these bytes hold; ProtocolError when they are no JSON object."""
    try:
        message = json.loads(body)
    except ValueError as error:
        raise ProtocolError("a message is no JSON") from error
    if not isinstance(message, dict):
        raise ProtocolError("a message is no object")
    return message


def close_all(descriptors: list[int]) -> None:
    """Close every descriptor."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
