"""A start takes only free ports, and takes only its own processes for ready."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from quarterdeck.adapters.own_ports import START_HEADER, bind_trouble, gate_answers, web_answers
from quarterdeck.entrypoints.demo.stage import DemoFailed, set_up


class _Web(BaseHTTPRequestHandler):
    """The web of a start whose token is "ours"."""

    def do_GET(self):
        self.send_response(404)
        self.send_header(START_HEADER, "ours")
        self.end_headers()

    def log_message(self, *words):
        pass


def test_only_the_web_of_this_start_counts_as_ready():
    with HTTPServer(("127.0.0.1", 0), _Web) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port
        assert web_answers("127.0.0.1", port, "ours")
        assert not web_answers("127.0.0.1", port, "another start's")
        server.shutdown()
    assert not web_answers("127.0.0.1", port, "ours")


def test_a_port_that_listens_is_taken_and_a_stranger_there_is_no_gate(tmp_path):
    (tmp_path / "host_key.pub").write_text("ecdsa-sha2-nistp256 AAAA gate")
    with HTTPServer(("127.0.0.1", 0), _Web) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert bind_trouble("127.0.0.1", server.server_port) == "is in use"
        assert not gate_answers("127.0.0.1", server.server_port, tmp_path / "host_key.pub")
        with (
            pytest.raises(DemoFailed, match=r"in use; choose another \(--port\)"),
            set_up(tmp_path, server.server_port),
        ):
            pass
        server.shutdown()
    assert bind_trouble("127.0.0.1", server.server_port) == ""
