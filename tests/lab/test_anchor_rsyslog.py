"""The syslog anchor against a real rsyslog: the line arrives whole, its structured data parsed."""

import json
import shutil
import socket
import subprocess
import time

import pytest
from tests.contract.test_anchor_channels import ANCHOR, ORIGIN, free_port

from quarterdeck.adapters.syslog_line import SyslogAnchor
from quarterdeck.evidence.api import AnchorGrade

CONFIGURATION = """
global(workDirectory="{folder}")
module(load="imtcp")
module(load="imudp")
input(type="imtcp" address="127.0.0.1" port="{port}")
input(type="imudp" address="127.0.0.1" port="{port}")
template(name="parts" type="list" option.jsonf="on") {{
  property(outname="data" name="structured-data" format="jsonf")
  property(outname="text" name="msg" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="priority" name="pri" format="jsonf")
}}
action(type="omfile" file="{folder}/taken.json" template="parts")
"""


def wait_for(condition, what, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.02)
    pytest.fail(f"{what} did not happen within {seconds} s")


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def rsyslog(tmp_path):
    if not shutil.which("rsyslogd", path="/usr/sbin:/usr/bin:/sbin"):
        pytest.fail("rsyslogd is missing; script/setup dev installs it")
    port = free_port()
    (tmp_path / "rsyslog.conf").write_text(CONFIGURATION.format(folder=tmp_path, port=port))
    command = ["/usr/sbin/rsyslogd", "-n", "-f", str(tmp_path / "rsyslog.conf"), "-i", str(tmp_path / "pid")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: answers(port), "rsyslog listening")
    yield port, tmp_path / "taken.json"
    process.terminate()
    process.wait(20)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_rsyslog_takes_the_checkpoint_as_structured_data(rsyslog, transport):
    port, taken = rsyslog
    SyslogAnchor(f"{transport}:127.0.0.1:{port}", AnchorGrade.INDEPENDENT).send(ANCHOR)
    wait_for(lambda: taken.exists() and taken.read_text().strip(), "the line in rsyslog's file")
    told = json.loads(taken.read_text().splitlines()[0])
    assert told["app"] == "quarterdeck"
    assert told["priority"] == "109"
    assert f'origin="{ORIGIN}" size="42" root="' in told["data"]
    assert "checkpoint of quarterdeck.example/ledger: 42 entries" in told["text"]
