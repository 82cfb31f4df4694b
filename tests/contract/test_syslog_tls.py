"""Collectors that misbehave over TLS: all but an orderly end is a failure, within the deadline."""

import socket
import ssl
import threading
import time
from contextlib import contextmanager

import pytest
from tests.certificates import Authority, openssl
from tests.contract.test_anchor_channels import ANCHOR

from quarterdeck.adapters.syslog_line import SyslogAnchor
from quarterdeck.adapters.syslog_tls import TlsEnd
from quarterdeck.evidence.api import AnchorGrade
from quarterdeck.workflows.anchor_checkpoints import AnchorFailed

COLLECTOR = "log.example.test"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def own(authority):
    return authority.issue(COLLECTOR)


@contextmanager
def collector(own, behave, version=None):
    """Serve TLS connections one after another; `behave(connection, ended)` gets each after its handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.pem, own.key)
    if version is not None:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = version
    ended = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while not ended.is_set():
            try:
                raw, _ = server.accept()
            except OSError:
                return
            raw.settimeout(10)
            try:
                with context.wrap_socket(raw, server_side=True) as connection:
                    behave(connection, ended)
            except OSError:
                raw.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        ended.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(20)


def channel(port, authority, seconds=10.0):
    end = TlsEnd(authority.root, server_name=COLLECTOR)
    return SyslogAnchor(f"tls:127.0.0.1:{port}", AnchorGrade.INDEPENDENT, end, seconds)


def failure(one):
    with pytest.raises(AnchorFailed) as caught:
        one.send(ANCHOR)
    return str(caught.value)


def test_an_orderly_end_is_a_receipt_and_the_line_is_whole(authority, own):
    taken = []

    def behave(connection, ended):
        taken.append(connection.recv(65_536))
        connection.unwrap()

    with collector(own, behave) as port:
        assert channel(port, authority).send(ANCHOR).startswith("read by the collector over tls: <109>1 ")
    count, _, line = taken[0].partition(b" ")
    assert int(count) == len(line)


def test_an_end_without_close_notify_is_a_failure(authority, own):
    def behave(connection, ended):
        connection.recv(65_536)
        connection.shutdown(socket.SHUT_RDWR)

    with collector(own, behave) as port:
        assert "did not take it" in failure(channel(port, authority))


def test_silence_is_a_failure_within_the_deadline(authority, own):
    def behave(connection, ended):
        connection.recv(65_536)
        ended.wait(60)

    with collector(own, behave) as port:
        began = time.monotonic()
        assert failure(channel(port, authority, 1.0)).endswith("it did not answer in time")
        assert time.monotonic() - began < 5


def test_a_byte_now_and_then_does_not_stretch_the_deadline(authority, own):
    def behave(connection, ended):
        while not ended.wait(0.2):
            connection.send(b".")

    with collector(own, behave) as port:
        began = time.monotonic()
        assert failure(channel(port, authority, 1.0)).endswith("it did not answer in time")
        assert time.monotonic() - began < 5


def test_a_collector_that_talks_without_end_is_a_failure(authority, own):
    def behave(connection, ended):
        for _ in range(1000):
            connection.send(bytes(16_384))

    with collector(own, behave) as port:
        assert "more than a collector has to say" in failure(channel(port, authority))


def test_who_speaks_no_tls_is_a_failure(authority):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            for _ in range(2):  # a connection that breaks without a word is tried once more
                connection, _ = server.accept()
                with connection:
                    connection.sendall(b"220 mail.example.test ESMTP\r\n")
                    connection.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        assert "the TLS connection broke" in failure(channel(server.getsockname()[1], authority))
        thread.join(10)


def test_files_that_are_none_are_a_sentence(authority, tmp_path):
    missing = TlsEnd(authority.root, tmp_path / "none.pem", tmp_path / "none.key", COLLECTOR)
    one = SyslogAnchor("tls:127.0.0.1:6514", AnchorGrade.INDEPENDENT, missing)
    assert "our own certificate, key or CA file can't be read" in failure(one)


def test_a_key_with_a_password_is_a_sentence_and_asks_nobody(authority, own, tmp_path):
    locked = tmp_path / "locked.key"
    openssl("ec", "-in", own.key, "-aes256", "-passout", "pass:secret", "-out", locked)
    one = SyslogAnchor(
        "tls:127.0.0.1:6514", AnchorGrade.INDEPENDENT, TlsEnd(authority.root, own.pem, locked, COLLECTOR)
    )
    assert "the key has a password" in failure(one)
