"""Holders that never stop or answer a byte at a time: each is a failure within its time and costs others nothing."""

import gzip
import http.server
import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from tests.contract.test_anchor_channels import ANCHOR

from quarterdeck.adapters.smtp import MailAnchor
from quarterdeck.adapters.smtp_session import MailServer
from quarterdeck.adapters.syslog_line import SyslogAnchor
from quarterdeck.adapters.time_stamp import MOST, TimeStampAnchor
from quarterdeck.evidence.api import AnchorGrade
from quarterdeck.workflows.anchor_checkpoints import AnchorFailed

INDEPENDENT = AnchorGrade.INDEPENDENT


@contextmanager
def talking(piece, pause):
    """A server that sends `piece` again and again to its one guest, `pause` seconds apart."""
    ended = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        with suppress(OSError):
            guest, _ = server.accept()
            with guest:
                while not ended.wait(pause):
                    guest.sendall(piece)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        ended.set()
        server.close()
        thread.join(10)


def fails_within(seconds, channel):
    started = time.monotonic()
    with pytest.raises(AnchorFailed) as caught:
        channel.send(ANCHOR)
    assert time.monotonic() - started < seconds
    return str(caught.value)


@pytest.mark.parametrize("piece", [b"2", b"220-welcome\r\n"], ids=["a byte at a time", "a greeting without end"])
def test_a_mail_server_that_never_finishes_its_greeting(piece):
    with talking(piece, 0.05) as port:
        told = fails_within(10, MailAnchor(MailServer("127.0.0.1", port, seconds=0.5), "a@example.test", INDEPENDENT))
    assert "did not take it" in told


def test_a_mail_server_whose_handshake_never_ends():
    # A TLS record that promises 16 kB and comes a byte at a time.
    with talking(b"\x16\x03\x03\x40\x00" + b"\x02", 0.05) as port:
        server = MailServer("127.0.0.1", port, seconds=0.5, tls=True)
        assert "did not take it" in fails_within(10, MailAnchor(server, "a@example.test", INDEPENDENT))


def test_a_collector_that_talks_without_end():
    with talking(b"x" * 4096, 0.001) as port:
        told = fails_within(10, SyslogAnchor(f"tcp:127.0.0.1:{port}", INDEPENDENT, seconds=0.5))
    assert "it did not answer in time" in told


def test_a_packed_answer_is_not_unfolded(tmp_path):
    asked = []

    class Bomb(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(self.headers["Accept-Encoding"])
            body = gzip.compress(bytes(1000 * MOST))
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_):
            return

    (tmp_path / "root.pem").write_text("never looked at: what came is no time stamp")
    with http.server.HTTPServer(("127.0.0.1", 0), Bomb) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        told = fails_within(20, TimeStampAnchor(address, INDEPENDENT, tmp_path / "root.pem"))
        thread.join(10)
    assert asked == ["identity"]
    assert told.endswith("what it sent is no time stamp")
