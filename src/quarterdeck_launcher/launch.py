"""Forced command of the gate's `sshd`: `python -I -S -E launch.py SOCKET_DIRECTORY`.

It decides nothing and reads no byte of the session. It tells the gate what `sshd` says about the login (the file of
ExposeAuthInfo, the requested command, the addresses), passes descriptors 0, 1 and 2, repeats window-size changes and
ends with the status that the gate sends. `_socket` instead of its public wrapper saves some milliseconds a channel.
"""

import _socket
import os
import signal
import sys
from types import FrameType

SOCKET_NAME = "launcher.sock"
SIZE_CHANGED = b"W"
EXIT = b"X"
UNAVAILABLE = 255
FORWARDED = ("SSH_ORIGINAL_COMMAND", "SSH_CONNECTION", "SSH_TTY", "TERM", "LANG", "LC_ALL")
AUTH_LIMIT = 65536


def login_facts() -> bytes:
    """Return the hello body: `name=value` fields separated by NUL, `auth` being the whole ExposeAuthInfo file."""
    fields = [name.encode() + b"=" + os.fsencode(os.environ[name]) for name in FORWARDED if name in os.environ]
    descriptor = os.open(os.environ["SSH_USER_AUTH"], os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    fields.append(b"auth=" + os.read(descriptor, AUTH_LIMIT))
    os.close(descriptor)
    return b"\0".join(fields)


def connect(directory: str) -> "_socket.socket":
    """Return a stream connected to the gate's socket; the path may be longer than a socket address allows."""
    folder = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    stream = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    stream.connect(f"/proc/self/fd/{folder}/{SOCKET_NAME}")
    os.close(folder)
    return stream


def hand_over(stream: "_socket.socket", body: bytes) -> None:
    """Send the length of the hello with descriptors 0, 1 and 2, then the hello itself."""
    rights = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    stream.sendmsg([len(body).to_bytes(4, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
    stream.sendall(body)


def wait_for_status(stream: "_socket.socket") -> int:
    """Return the exit status that the gate sends, or 255 when the gate goes away first; the person is told then."""
    received = b""
    while len(received) < 2:
        part = stream.recv(2 - len(received))
        if not part:
            os.write(2, b"Quarterdeck: the gate ended this session without a reason. ")
            os.write(2, b"Ask the IT lead to run `qd doctor`.\r\n")
            return UNAVAILABLE
        received += part
    return received[1] if received[:1] == EXIT else UNAVAILABLE


def main(directory: str) -> int:
    """Hand the session over and return its exit status."""
    os.umask(0o077)
    try:
        stream = connect(directory)
        body = login_facts()

        def size_changed(number: int, frame: FrameType | None) -> None:
            stream.send(SIZE_CHANGED, _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL)

        hand_over(stream, body)
        signal.signal(signal.SIGWINCH, size_changed)
        return wait_for_status(stream)
    except (OSError, KeyError):
        os.write(2, b"Quarterdeck: the gate is not running or has stopped, so no session is possible. ")
        os.write(2, b"Ask the IT lead to run `qd doctor`.\r\n")
        return UNAVAILABLE


if __name__ == "__main__":
    os._exit(main(sys.argv[1]))
