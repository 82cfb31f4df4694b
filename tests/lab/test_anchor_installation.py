"""A whole installation with anchors: real processes, a real rsyslog with mutual TLS, a real time-stamping authority."""

import base64
import json

import pytest
from tests.app.test_cli_installation import Installation, ended
from tests.certificates import Authority
from tests.lab.rsyslog import MUTUAL_TLS, Rsyslog, wait_for
from tests.ports import free_port
from tests.time_stamping import StampingAuthority

pytestmark = pytest.mark.slow
COLLECTOR = "log.example.test"


@pytest.fixture
def rsyslog(tmp_path):
    authority = Authority(tmp_path / "certificates")
    own = authority.issue(COLLECTOR)
    server = Rsyslog(tmp_path, free_port(), MUTUAL_TLS, root=authority.root, pem=own.pem, key=own.key)
    server.authority = authority
    server.start()
    yield server
    server.stop()


@pytest.fixture
def installation(tmp_path, rsyslog):
    client = rsyslog.authority.issue("quarterdeck.example.test")
    (tmp_path / "stamping").mkdir()
    with StampingAuthority(tmp_path / "stamping") as stamping:
        yield Installation(
            tmp_path,
            QD_SYSLOG_ADDRESS=f"tls:127.0.0.1:{rsyslog.port}",
            QD_SYSLOG_CA_FILE=rsyslog.authority.root,
            QD_SYSLOG_CERT_FILE=client.pem,
            QD_SYSLOG_KEY_FILE=client.key,
            QD_SYSLOG_SERVER_NAME=COLLECTOR,
            QD_SYSLOG_GRADE="independent",
            QD_TSA_URL=stamping.url,
            QD_TSA_CA_FILE=stamping.root,
        )


def test_checkpoints_leave_an_outage_shows_and_a_trial_goes_out_at_once(installation, rsyslog):
    codes = installation.init()
    running = installation.up()

    def route(channel):
        code = 3 if json.loads((told := installation.qd_any("anchors", "--json")).stdout)["late"] else 0
        assert told.returncode == code
        return next(row for row in json.loads(told.stdout)["routes"] if row["channel"] == channel)

    try:
        wait_for(rsyslog.taken, "the founding's checkpoint in rsyslog's file", 60)
        code = installation.enrol(codes["iris@example.test"])
        login = ("--email", "iris@example.test", "--password-file", installation.folder / "password", "--code", code)
        installation.qd("login", *login)
        syslog = route("syslog")
        assert (syslog["state"], syslog["grade"], syslog["backlog"]) == ("reached", "independent", 0)
        assert route("rfc3161")["state"] == "untried"
        rsyslog.stop()
        installation.qd("anchor", "try", syslog["id"])
        wait_for(lambda: route("syslog")["state"] == "failing", "the failure in the list", 60)
        findings = {row["topic"]: row for row in json.loads(installation.qd("doctor", "--json", expect=1).stdout)}
        assert findings["anchor syslog"]["grade"] == "wrong"
        assert "Connection refused" in findings["anchor syslog"]["sentence"]
        rsyslog.start()
        installation.qd("anchor", "try", syslog["id"])
        wait_for(lambda: route("syslog")["state"] == "reached", "the trial's success", 60)
        installation.qd("anchor", "try", route("rfc3161")["id"])
        wait_for(lambda: route("rfc3161")["state"] == "reached", "the stamp", 60)
        kept = json.loads(installation.qd("anchor", "receipts", "--json").stdout)
        assert {row["channel"] for row in kept} == {"syslog", "rfc3161"}
        stamp = next(row for row in kept if row["channel"] == "rfc3161")
        assert base64.b64decode(stamp["receipt"], validate=True).startswith(b"\x30")
    finally:
        assert ended(running) == 0
