"""Defined checks that ask over a network: a port and a page of this machine, through the real collector."""

import io
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from tests.measuring import collect

from quarterdeck.baselines.bootstrap import collector_sha256
from quarterdeck.baselines.receiver import receive
from quarterdeck.evidence.api import Outcome
from quarterdeck.inventory.check_rules import check_definition, completed
from quarterdeck.inventory.check_terms import CheckFields, CheckKind, CheckPhase, CheckView
from quarterdeck.workflows.ask_target import Answers
from quarterdeck.workflows.judge_checks import judge

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def view(kind: str, **values: str) -> CheckView:
    fields = completed(CheckFields(kind, "It", values=values))
    assert check_definition(fields).allowed, check_definition(fields).reasons
    return CheckView("ck_1", CheckKind(kind), "It", CheckPhase.BOTH, fields.values, ("as_1",), True, 1, NOW)


def asked(check: CheckView) -> tuple[Outcome, str]:
    """Put the check's question to this machine through the collector, and judge the answer."""
    arguments = ["checks", *check.questions()]
    received = receive(io.BytesIO(collect(arguments)), io.BytesIO(), arguments=arguments, sha256=collector_sha256())
    found = judge(check, Answers(NOW, NOW, received.document, 0), NOW)
    return found.outcome, found.sentence


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 302)
        self.send_header("Location", "/health")
        self.end_headers()
        self.wfile.write(b"all well")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_ports_and_pages_are_asked_from_the_target(port: int) -> None:
    assert asked(view("tcp", host="127.0.0.1", port=str(port)))[0] is Outcome.PASSED
    assert asked(view("http", url=f"http://127.0.0.1:{port}/health", contains="well"))[0] is Outcome.PASSED
    assert asked(view("http", url=f"http://127.0.0.1:{port}/health", contains="ill"))[0] is Outcome.FAILED
    outcome, sentence = asked(view("http", url=f"http://127.0.0.1:{port}/moved"))
    assert (outcome, "302" in sentence) == (Outcome.FAILED, True)


def test_a_closed_port_has_failed_and_is_not_unknown(port: int) -> None:
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        closed = server.server_address[1]
    assert asked(view("tcp", host="127.0.0.1", port=str(closed)))[0] is Outcome.FAILED
