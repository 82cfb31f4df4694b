"""The syslog anchor against a real rsyslog: the line arrives whole, its structured data parsed."""

import pytest
from tests.contract.test_anchor_channels import ANCHOR, ORIGIN
from tests.lab.rsyslog import PLAIN, Rsyslog, wait_for
from tests.ports import free_port

from quarterdeck.adapters.syslog_line import SyslogAnchor
from quarterdeck.evidence.api import AnchorGrade


@pytest.fixture
def rsyslog(tmp_path):
    server = Rsyslog(tmp_path, free_port(), PLAIN)
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_rsyslog_takes_the_checkpoint_as_structured_data(rsyslog, transport):
    SyslogAnchor(f"{transport}:127.0.0.1:{rsyslog.port}", AnchorGrade.INDEPENDENT).send(ANCHOR)
    wait_for(rsyslog.taken, "the line in rsyslog's file")
    told = rsyslog.taken()[0]
    assert told["app"] == "quarterdeck"
    assert told["priority"] == "109"
    assert f'origin="{ORIGIN}" size="42" root="' in told["data"]
    assert "checkpoint of quarterdeck.example/ledger: 42 entries" in told["text"]
