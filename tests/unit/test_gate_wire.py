"""What a launcher may say: exactly one certificate, an address, plain environment values; anything else is refused."""

import os
import socket

import pytest

from quarterdeck.entrypoints.gate.person import Person
from quarterdeck.entrypoints.gate.wire import (
    SFTP_MARKER,
    ProtocolError,
    decode,
    encode,
    parse_hello,
    receive_hello,
    safe_environment,
)
from quarterdeck.sessions.terms import Work

AUTH = b"publickey ecdsa-sha2-nistp256-cert-v01@openssh.com QUJD\n"
CONNECTION = b"192.0.2.1 50000 192.0.2.2 22"


def body(**fields):
    values = {"auth": AUTH, "SSH_CONNECTION": CONNECTION, **fields}
    return b"\0".join(name.encode() + b"=" + value for name, value in values.items() if value is not None)


def test_a_whole_hello():
    hello = parse_hello(body(SSH_ORIGINAL_COMMAND=b"echo a=b \xff", SSH_TTY=b"/dev/pts/1", TERM=b"xterm"))
    assert (hello.certificate, hello.source, hello.tty) == ("QUJD", "192.0.2.1", True)
    assert hello.command == b"echo a=b \xff"
    assert hello.environment == {"TERM": "xterm"}


@pytest.mark.parametrize(
    "auth",
    [
        b"",
        b"publickey ssh-ed25519 QUJD\n",
        b"password\n",
        AUTH + AUTH,
        AUTH + b"publickey ssh-ed25519 QUJD\n",
        b"publickey ecdsa-sha2-nistp256-cert-v01@openssh.com QUJD extra\n",
        b"hostbased ecdsa-sha2-nistp256-cert-v01@openssh.com QUJD\n",
    ],
)
def test_anything_but_one_certificate_is_refused(auth):
    with pytest.raises(ProtocolError):
        parse_hello(body(auth=auth))


@pytest.mark.parametrize("connection", [None, b"", b"x", b"1.2.3.4 5 6.7.8.9", b"1.2.3.4 5 6.7.8.9 22 more"])
def test_a_malformed_address_is_refused(connection):
    with pytest.raises(ProtocolError):
        parse_hello(body(SSH_CONNECTION=connection))


@pytest.mark.parametrize("value", [b"$(id)", b"a b", b"../../etc", b"x;y", b"\x1b[0m", b"() { :; }", b"x" * 65])
def test_values_that_are_no_plain_words_are_dropped(value):
    assert safe_environment({b"LANG": value, b"TERM": b"xterm-256color", b"LD_PRELOAD": b"x"}) == {
        "TERM": "xterm-256color"
    }


@pytest.mark.parametrize(
    ("fields", "work"),
    [
        ({"SSH_TTY": b"/dev/pts/1"}, Work.TERMINAL),
        ({"SSH_TTY": b"/dev/pts/1", "SSH_ORIGINAL_COMMAND": b"top"}, Work.TERMINAL),
        ({"SSH_ORIGINAL_COMMAND": b"id"}, Work.COMMAND),
        ({}, Work.COMMAND),
        ({"SSH_ORIGINAL_COMMAND": SFTP_MARKER.encode()}, Work.TRANSFER),
    ],
)
def test_what_was_asked_for(fields, work):
    assert Person(parse_hello(body(**fields)), [0, 1, 2]).work is work


def test_hello_comes_with_three_descriptors():
    launcher, gate = socket.socketpair()
    hello = body()
    with launcher, gate:
        socket.send_fds(launcher, [len(hello).to_bytes(4, "big")], [0, 1, 2])
        launcher.sendall(hello)
        received, descriptors = receive_hello(gate)
    assert received.certificate == "QUJD"
    assert len(descriptors) == 3
    for descriptor in descriptors:
        os.close(descriptor)


@pytest.mark.parametrize("size", [0, 400_001, 2**32 - 1])
def test_hello_of_a_wrong_size_leaks_no_descriptor(size):
    launcher, gate = socket.socketpair()
    before = len(os.listdir("/proc/self/fd"))
    with launcher, gate:
        socket.send_fds(launcher, [size.to_bytes(4, "big")], [0, 1, 2])
        with pytest.raises(ProtocolError):
            receive_hello(gate)
        assert len(os.listdir("/proc/self/fd")) == before


def test_hello_without_descriptors_and_cut_off():
    for prefix, rest in ((b"\0\0\0\5", b"abcde"), (b"\0\0\1\0", b"short")):
        launcher, gate = socket.socketpair()
        with gate, launcher:
            launcher.sendall(prefix + rest)
            launcher.shutdown(socket.SHUT_WR)
            with pytest.raises(ProtocolError):
                receive_hello(gate)


def test_messages_between_our_processes():
    assert decode(encode({"op": "admit", "n": 1})) == {"op": "admit", "n": 1}
    for rubbish in (b"", b"[]", b"{", b"\xff"):
        with pytest.raises(ProtocolError):
            decode(rubbish)
    with pytest.raises(ProtocolError):
        encode({"x": "y" * 200_000})
