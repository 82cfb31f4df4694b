"""Anchors over mutual TLS against a real rsyslog: who is refused is told so, and after an outage all is sent."""

import re

import pytest
from tests.certificates import Authority
from tests.contract.test_anchor_channels import ANCHOR
from tests.lab.rsyslog import MUTUAL_TLS, Rsyslog, wait_for
from tests.ports import free_port
from tests.sealer_process import running_sealer

from quarterdeck.adapters.syslog_line import SyslogAnchor
from quarterdeck.adapters.syslog_tls import TlsEnd
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import AnchorGrade, ObjectRef
from quarterdeck.kernel.actors import system
from quarterdeck.workflows import seal_checkpoint as sealing
from quarterdeck.workflows.anchor_checkpoints import AnchorFailed, AnchorQueue, Route
from quarterdeck.workflows.cadence import Reach

COLLECTOR = "log.example.test"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "certificates")


@pytest.fixture
def rsyslog(tmp_path, authority):
    own = authority.issue(COLLECTOR)
    server = Rsyslog(tmp_path, free_port(), MUTUAL_TLS, root=authority.root, pem=own.pem, key=own.key)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def end(authority):
    client = authority.issue("quarterdeck.example.test")
    return TlsEnd(authority.root, client.pem, client.key, COLLECTOR)


def channel(rsyslog, end):
    return SyslogAnchor(f"tls:127.0.0.1:{rsyslog.port}", AnchorGrade.INDEPENDENT, end)


def sizes(rsyslog):
    return [int(re.search(r'size="(\d+)"', line["data"])[1]) for line in rsyslog.taken()]


def refused(rsyslog, end):
    with pytest.raises(AnchorFailed) as caught:
        channel(rsyslog, end).send(ANCHOR)
    return str(caught.value)


def test_with_a_client_certificate_it_is_taken_and_the_receipt_says_read(rsyslog, end):
    receipt = channel(rsyslog, end).send(ANCHOR)
    assert receipt.startswith("read by the collector over tls: <109>1 ")
    wait_for(rsyslog.taken, "the line in rsyslog's file")
    assert sizes(rsyslog) == [42]


def test_without_a_client_certificate_it_is_refused_and_said_so(rsyslog, authority):
    for _ in range(5):
        assert "QD_SYSLOG_CERT_FILE" in refused(rsyslog, TlsEnd(authority.root, server_name=COLLECTOR))
    assert rsyslog.taken() == []


def test_a_client_certificate_of_another_authority_is_refused(rsyslog, authority, tmp_path):
    stranger = Authority(tmp_path / "strangers").issue("quarterdeck.example.test")
    told = refused(rsyslog, TlsEnd(authority.root, stranger.pem, stranger.key, COLLECTOR))
    assert "did not take it" in told
    assert rsyslog.taken() == []


def test_a_collector_of_another_authority_gets_nothing(rsyslog, end, tmp_path):
    other = Authority(tmp_path / "others")
    assert "its certificate is not accepted" in refused(
        rsyslog, TlsEnd(other.root, end.cert_file, end.key_file, COLLECTOR)
    )
    assert rsyslog.taken() == []


def test_a_collector_of_another_name_gets_nothing(rsyslog, end):
    told = refused(rsyslog, TlsEnd(end.ca_file, end.cert_file, end.key_file, "siem.example.test"))
    assert "Hostname mismatch" in told
    assert rsyslog.taken() == []


@pytest.mark.django_db
def test_an_outage_of_an_hour_loses_no_checkpoint(rsyslog, end, tmp_path, clock):
    queue = AnchorQueue("Example Organisation", "")
    routes = [Route(channel(rsyslog, end), Reach.EVERY)]
    with running_sealer(tmp_path / "sealer", clock) as sealer:

        def minute():
            with evidence.act(system("ticker"), clock) as act:
                act.record("thing.done", ObjectRef("thing", "th_1"))
            sealing.seal(sealer, reason="news")
            queue.send_due(routes, clock=clock)
            clock.advance(minutes=1)

        for _ in range(3):
            minute()
        # A busy collector breaks a handshake now and then ("wrong version number"); what it did not take comes again.
        for _ in range(30):
            if not evidence.count_owed(evidence.anchor_routes()[0]):
                break
            queue.send_due(routes, clock=clock)
            clock.advance(minutes=1)
        # Stopped when it has written what it took: one that stops right then may lose an acknowledged line (measured),
        # which no transport of RFC 5425 shows to the sender. Here it is about what was not taken.
        wait_for(lambda: {1, 2, 3} <= set(sizes(rsyslog)), "the first three in rsyslog's file")
        rsyslog.stop()
        for _ in range(60):
            minute()
        known = evidence.anchor_routes()[0]
        assert evidence.count_owed(known) >= 60
        assert "Connection refused" in known.sentence
        rsyslog.start()
        for _ in range(40):
            minute()
        assert evidence.count_owed(evidence.anchor_routes()[0]) == 0
    # The collector loses one now and then when connections follow each other this fast (measured, see syslog_tls); the
    # two deliveries after it carry it again, so only the last two of the run may lack.
    wait_for(lambda: set(sizes(rsyslog)) >= set(range(1, 102)), "every checkpoint in rsyslog's file")
    assert list(dict.fromkeys(sizes(rsyslog)))[:3] == [1, 2, 3]
