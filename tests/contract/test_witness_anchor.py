"""Our log asks a real witness over HTTP: first meeting, growth, a rolled back ledger, a fork, a stranger, rubbish."""

import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.clock import StillClock
from tests.unit.test_witness import NAME, OtherLog

from quarterdeck.adapters.witness import WitnessAnchor
from quarterdeck.entrypoints.sealer.witness import Answer, Witness
from quarterdeck.evidence.api import AnchorGrade, CheckpointView
from quarterdeck.workflows.anchor_checkpoints import Anchor, AnchorContradicts, AnchorFailed
from quarterdeck_verify import cosignature
from quarterdeck_verify.merkle import consistency_proof, leaf_nodes

AT = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


@contextmanager
def served(answer):
    """Serve `answer(body) -> Answer` at /witness/add-checkpoint and yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.path == "/witness/add-checkpoint"
            told = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(told.status)
            self.send_header("Content-Type", told.media_type)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/witness"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.fixture
def log():
    return OtherLog(5)


@pytest.fixture
def witness(tmp_path, log):
    return Witness(tmp_path, NAME, [log.verifier], StillClock())


def anchor(log):
    checkpoint = CheckpointView(len(log.leaves), "", log.text(), b"", log.note(), "ab" * 32, "news", AT)
    return Anchor("Example Organisation", checkpoint, "")


def channel(url, witness, log):
    prove = lambda old, size: consistency_proof(leaf_nodes(log.leaves.__getitem__), old, size)  # noqa: E731
    return WitnessAnchor(url, witness.key, AnchorGrade.INDEPENDENT, prove)


def sentence(one, log, kind=AnchorFailed):
    with pytest.raises(kind) as caught:
        one.send(anchor(log))
    return str(caught.value)


def test_the_receipt_is_the_cosignature_and_the_proof_follows_what_the_witness_saw(witness, log):
    with served(witness.add_checkpoint) as url:
        one = channel(url, witness, log)
        for step in (1, 7, 300, 0):
            receipt = one.send(anchor(log))
            (line,) = cosignature.parse_lines(receipt.encode() + b"\n")
            assert cosignature.cosigned_at(line, witness.key, log.text())
            assert witness.logs()[0].size == len(log.leaves)
            log.grow(step)
    assert (one.channel, one.target) == ("witness", NAME)


def test_a_rolled_back_log_is_told_that_others_hold_more(witness, log):
    with served(witness.add_checkpoint) as url:
        channel(url, witness, log).send(anchor(log))
        log.leaves = log.leaves[:3]
        assert "this ledger is older" in sentence(channel(url, witness, log), log, AnchorContradicts)


def test_a_rewritten_log_is_told_that_it_does_not_continue(witness, log):
    with served(witness.add_checkpoint) as url:
        channel(url, witness, log).send(anchor(log))
        fork = log.fork(keep=2)
        fork.grow(9)
        assert "does not continue what it saw" in sentence(channel(url, witness, fork), fork, AnchorContradicts)


def test_a_witness_that_does_not_know_us_says_what_to_do(tmp_path, witness, log):
    stranger = OtherLog(3, origin="stranger.example/log")
    wrong_key = OtherLog(3)
    with served(witness.add_checkpoint) as url:
        assert "QD_WITNESSED_LOGS" in sentence(channel(url, witness, stranger), stranger)
        assert "does not know the key" in sentence(channel(url, witness, wrong_key), wrong_key)


def test_only_the_configured_key_counts(tmp_path, witness, log):
    (tmp_path / "other").mkdir()
    other = Witness(tmp_path / "other", NAME, [log.verifier], StillClock())
    with served(other.add_checkpoint) as url:
        assert "without a cosignature by the key" in sentence(channel(url, witness, log), log)


def test_a_cosignature_of_something_else_is_no_receipt(tmp_path, witness, log):
    good = witness.add_checkpoint(log.request(0))
    log.grow(1)
    with served(lambda body: good) as url:
        assert "does not hold" in sentence(channel(url, witness, log), log)


@pytest.mark.parametrize(
    "answer",
    [Answer(500, b"broken"), Answer(200, b""), Answer(200, b"\xff\n"), Answer(409, b"5\n"), Answer(302, b""),
     Answer(409, b"five\n", "text/x.tlog.size"), Answer(409, b"5\n", "text/x.tlog.size"), Answer(200, b"<html>\n")],
)  # fmt: skip
def test_rubbish_is_a_sentence(witness, log, answer):
    with served(lambda body: answer) as url:
        assert NAME in sentence(channel(url, witness, log), log)


def test_nobody_there_is_a_sentence(witness, log):
    with served(witness.add_checkpoint) as url:
        gone = url
    assert "does not answer" in sentence(channel(gone, witness, log), log)
