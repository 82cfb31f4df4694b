"""RFC 3161 anchors against a real authority (openssl): what is kept verifies, all else is a sentence and a retry."""

import base64
import subprocess

import pytest
from tests.certificates import Authority, openssl
from tests.contract.test_anchor_channels import ANCHOR, BODY
from tests.ports import free_port
from tests.sealer_process import running_sealer
from tests.time_stamping import StampingAuthority

from quarterdeck.adapters.time_stamp import TimeStampAnchor
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import AnchorGrade, ObjectRef
from quarterdeck.kernel.actors import system
from quarterdeck.workflows import seal_checkpoint as sealing
from quarterdeck.workflows.anchor_checkpoints import AnchorFailed, AnchorQueue, Route
from quarterdeck.workflows.cadence import Reach

INDEPENDENT = AnchorGrade.INDEPENDENT


@pytest.fixture
def stamping(tmp_path):
    with StampingAuthority(tmp_path) as authority:
        yield authority


def channel(stamping, **words):
    return TimeStampAnchor(stamping.url, INDEPENDENT, words.pop("ca_file", stamping.root), **words)


def failure(one):
    with pytest.raises(AnchorFailed) as caught:
        one.send(ANCHOR)
    return str(caught.value)


def test_the_receipt_is_an_answer_that_openssl_verifies_over_the_three_lines(stamping, tmp_path):
    token = base64.b64decode(channel(stamping).send(ANCHOR), validate=True)
    (tmp_path / "42.tsr").write_bytes(token)
    (tmp_path / "checkpoint").write_bytes(BODY)
    told = openssl(
        "ts", "-verify", "-data", tmp_path / "checkpoint", "-in", tmp_path / "42.tsr", "-CAfile", stamping.root
    )
    assert b"Verification: OK" in told
    (tmp_path / "checkpoint").write_bytes(BODY + b"\n")
    with pytest.raises(subprocess.CalledProcessError):
        openssl("ts", "-verify", "-data", tmp_path / "checkpoint", "-in", tmp_path / "42.tsr", "-CAfile", stamping.root)


def test_over_https_the_server_is_checked(tmp_path):
    web = Authority(tmp_path / "web")
    with StampingAuthority(tmp_path, web=web.issue("tsa.example.test")) as stamping:
        assert channel(stamping, tls_ca_file=web.root).send(ANCHOR)
        assert "it is not reached: [SSL: CERTIFICATE_VERIFY_FAILED]" in failure(channel(stamping))


@pytest.mark.parametrize(
    ("mood", "sentence"),
    [
        ("other_bytes", "it stamped other bytes than ours"),
        ("other_request", "it answers another request"),
        ("error", "it answered 500 Internal Server Error"),
        ("redirect", "it answered 302 Found"),
        ("rubbish", "what it sent is no time stamp"),
        ("huge", "its answer has more than 100000 bytes"),
        ("slow", "it did not answer within 1 s"),
        ("dripping", "it did not answer within 1 s"),
        ("refusing", "it refused: Rejected."),
    ],
)
def test_a_bad_answer_is_a_sentence(stamping, mood, sentence):
    stamping.mood = mood
    told = failure(channel(stamping, seconds=1.0 if mood in ("slow", "dripping") else 20.0))
    assert told.startswith(f"the time-stamping authority {stamping.url}: {sentence}")


def test_an_authority_that_we_do_not_know_is_a_sentence(stamping, tmp_path):
    other = Authority(tmp_path / "others")
    assert "is not by an authority of QD_TSA_CA_FILE" in failure(channel(stamping, ca_file=other.root))


def test_an_expired_certificate_is_a_sentence(tmp_path):
    with StampingAuthority(tmp_path, days=0) as stamping:
        assert failure(channel(stamping)).endswith("its certificate has expired")


def test_without_roots_nothing_is_sent(stamping, tmp_path):
    assert "QD_TSA_CA_FILE names no readable file" in failure(channel(stamping, ca_file=None))
    assert "QD_TSA_CA_FILE names no readable file" in failure(channel(stamping, ca_file=tmp_path / "none.pem"))
    assert stamping.asked == 0


@pytest.mark.parametrize(
    "url", ["ftp://tsa.example.test/", "https://", "https://user:word@tsa.example.test/", "nonsense"]
)
def test_an_address_that_is_none_is_a_sentence(stamping, url):
    assert "its address is none" in failure(TimeStampAnchor(url, INDEPENDENT, stamping.root))


def test_nobody_there_is_a_sentence(stamping):
    assert "it is not reached" in failure(
        TimeStampAnchor(f"http://127.0.0.1:{free_port()}/", INDEPENDENT, stamping.root)
    )


@pytest.mark.django_db
def test_closings_exports_and_days_are_stamped_and_a_bad_answer_is_tried_again(stamping, tmp_path, clock):
    queue, routes = AnchorQueue("Example Organisation", ""), [Route(channel(stamping), Reach.STAMPS)]
    with running_sealer(tmp_path / "sealer", clock) as sealer:

        def sealed(reason):
            with evidence.act(system("ticker"), clock) as act:
                act.record("thing.done", ObjectRef("thing", "th_1"))
            sealing.seal(sealer, reason=reason)
            return queue.send_due(routes, clock=clock)

        assert [sealed(reason) for reason in ("news", "approval", "open")] == [0, 0, 0]
        stamping.mood = "other_bytes"
        assert sealed("close") == 0
        assert "it stamped other bytes than ours" in evidence.anchor_routes()[0].sentence
        assert evidence.receipts() == []
        stamping.mood = "honest"
        clock.advance(seconds=15)
        assert queue.send_due(routes, clock=clock) == 1
        assert [sealed(reason) for reason in ("export", "news")] == [1, 0]
        clock.advance(hours=24)
        assert queue.send_due(routes, clock=clock) == 1
    assert [(one.size, one.channel) for one in evidence.receipts()] == [(6, "rfc3161"), (5, "rfc3161"), (4, "rfc3161")]
