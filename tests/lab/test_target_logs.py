"""What a real target's logs say: sshd through a real rsyslogd, sudo's I/O log, read by the real collector."""

import json
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from tests.access_signer import fresh_key
from tests.lab.loopback_sshd import GATE, Lab, lab_folder
from tests.lab.raised_shop import CLOCK, TICKER, Raised
from tests.lab.raised_target import ACCOUNT, ISO, TRADITIONAL, RaisedTarget, needs_sudo_lab, raised_target

from quarterdeck.access import api as access
from quarterdeck.access.api import RuleState
from quarterdeck.activity import api as activity
from quarterdeck.activity.api import Gap, How, Verdict
from quarterdeck.adapters import target_sshd
from quarterdeck.adapters.certificate_signature import signed_by
from quarterdeck.adapters.measure_channel import SshMeasureChannel, SshMonitorChannel
from quarterdeck.adapters.openssh_ca import new_private_key, target_order
from quarterdeck.adapters.openssh_client import Credential, credential_files, upstream_argv
from quarterdeck.evidence.api import Outcome, entries, facts, read_artifact
from quarterdeck.kernel.decision import Decision
from quarterdeck.personnel import api as personnel
from quarterdeck.sessions.api import Ending, EndReason, Presented, SessionState, Work
from quarterdeck.tickets.api import ApprovalRole
from quarterdeck.tickets.api import Verdict as Approved
from quarterdeck.workflows import keep_break_glass, keep_plans
from quarterdeck.workflows.admission import GateDesk
from quarterdeck.workflows.close_ticket import verify_ticket
from quarterdeck.workflows.keep_elevation import keep_rules
from quarterdeck.workflows.prepare_ticket import Instruments
from quarterdeck.workflows.prove_sole_path import GateView
from quarterdeck.workflows.read_target_logs import read_for_plan, read_for_ticket
from quarterdeck.workflows.take_access import take_access

pytestmark = [pytest.mark.django_db, needs_sudo_lab]


@pytest.fixture
def lab() -> Iterator[Lab]:
    with lab_folder() as made:
        yield made


@pytest.fixture(params=[TRADITIONAL, ISO], ids=["traditional", "iso"])
def target(request: pytest.FixtureRequest, lab: Lab) -> Iterator[RaisedTarget]:
    with raised_target(lab, syslog=request.param) as made:
        yield made


class Witness(Raised):
    """The ticket, with sessions as the gate's desk admits, certifies and seals them."""

    def __init__(self, target: RaisedTarget) -> None:
        super().__init__(target)
        self.authority = str(self.signer.status()["target_ca"])
        self.measuring = SshMeasureChannel(self.signer, actor=TICKER, clock=CLOCK)
        entry_ca = str(self.signer.status()["entry_ca"])
        self.desk = GateDesk(CLOCK, self.signer, partial(signed_by, authority_line=entry_ca), Decision)
        sam, key = self.shop.actor("sam"), fresh_key()
        personnel.register_key(self.shop.people["sam"], key, actor=sam, clock=CLOCK)
        door = access.GateDoor("127.0.0.1", 2222, "gate", "ecdsa-sha2-nistp256 " + "A" * 100)
        taken = take_access(
            self.shop.actor("sam"), CLOCK, ticket=self.shop.ticket, public_key=key, signer=self.signer, door=door
        )
        self.entry = access.certificate_blob(taken.assets[0].certificate)

    def session(self, command: str) -> str:
        """One session through the gate's own admission and certificate; returns its id."""
        admitted = self.desk.admit(Presented(self.entry, "127.0.0.1", Work.COMMAND, "ab" * 32))
        private, public = new_private_key()
        self.ssh(Credential(private, self.desk.certify(admitted.session, public)), command)
        at = CLOCK.now()
        self.desk.seal(Ending(admitted.session, EndReason.COMPLETED, SessionState.ENDED, at, at, 0))
        return admitted.session

    def ssh(self, credential: Credential, command: str) -> subprocess.CompletedProcess[bytes]:
        with credential_files(self.target.server.destination, credential) as files:
            argv = upstream_argv(self.target.server.destination, files, command=command)
            return subprocess.run(argv, capture_output=True, check=False, timeout=30, stdin=subprocess.DEVNULL)

    def read(self) -> list[str]:
        return read_for_ticket(TICKER, CLOCK, self.shop.ticket, self.measuring, self.authority)

    def reading(self) -> activity.ReadingView:
        return activity.readings(asset=self.shop.asset)[0]


def backdate(target: RaisedTarget) -> None:
    """Let the log begin before it was asked for, as that of a machine that has run for a while does."""
    target.inside(
        "sh", "-c", "{ echo '2026-01-01T00:00:00+00:00 vm systemd[1]: Up.'; cat /var/log/auth.log; } > /tmp/a.$$ "
        "&& cat /tmp/a.$$ > /var/log/auth.log; rm /tmp/a.$$",
    )  # fmt: skip


def test_a_sessions_commands_are_the_targets_word(target: RaisedTarget) -> None:
    raised = Witness(target)
    keep_rules(TICKER, CLOCK, raised.channel)
    session = raised.session("sudo -n id -u; sudo -n sh -c 'exit 3'")
    backdate(target)
    assert raised.read() == []
    seen = activity.commands_of(session)
    assert seen is not None
    assert (seen.sources, seen.count, seen.exact) == (("sudo",), 2, True)
    told = json.loads(read_artifact(seen.document))
    assert [one["argv"] for one in told["commands"]] == [["id", "-u"], ["sh", "-c", "exit 3"]]
    assert {one["run_as"] for one in told["commands"]} == {"root"}
    assert activity.check_commands(seen).allowed
    reading = raised.reading()
    assert (reading.gap, reading.findings, reading.source) == (Gap.NONE, 0, "/var/log/auth.log")
    assert reading.logins >= 3, "the session, the rule, the reading itself"
    outcomes = {one.kind: one.outcome for one in facts(ticket=raised.shop.ticket)}
    assert outcomes["logins.ticketed"] is Outcome.PASSED
    assert outcomes["commands.witnessed"] is Outcome.PASSED
    everything = json.dumps([entry.data for entry in entries(ticket=raised.shop.ticket)])
    assert "exit 3" not in everything
    assert "id -u" not in everything


def foreign_certificate(raised: Witness, lab: Lab, *, serial: int, key_id: str) -> Credential:
    """A certificate of our own authority that no entry explains, as a stolen key would make it."""
    private, public = new_private_key()
    principal = raised.target.server.destination.principal
    order = target_order(
        access.read_public_key(public), serial=serial, key_id=key_id, principal=principal, source_address="127.0.0.1",
        now=CLOCK.now(),
    )  # fmt: skip
    return Credential(private, lab.target.mint(order).line)


def test_logins_without_a_ticket_are_found_and_explained(lab: Lab) -> None:
    with raised_target(lab, syslog=ISO) as target:
        raised = Witness(target)
        stolen = foreign_certificate(raised, lab, serial=4242, key_id=f"{raised.shop.ticket}:pe_x:ag_x")
        assert raised.ssh(stolen, "true").returncode == 0
        target.inside("su", ACCOUNT, "-c", "true")
        target.inside("logger", "-p", "auth.info", "-t", "sshd", "-i", "Failed password for invalid user Accepted "
                      "publickey for root from 1.2.3.4 port 22 ssh2 from 10.0.0.1 port 1 ssh2")  # fmt: skip
        backdate(target)
        remarks = raised.read()
        assert "match no ticket" in remarks[0]
        found = {one.verdict: one for one in activity.logins(asset=raised.shop.asset)}
        assert set(found) == {Verdict.UNKNOWN_SERIAL, Verdict.CHANGED_USER}
        login = found[Verdict.UNKNOWN_SERIAL]
        assert (login.how, login.account, login.source) == (How.CERTIFICATE, ACCOUNT, "127.0.0.1")
        assert raised.read() == [], "nothing is told twice"
        assert len(activity.logins(asset=raised.shop.asset)) == 2
        outcomes = {one.kind: one.outcome for one in facts(ticket=raised.shop.ticket)}
        assert outcomes["logins.ticketed"] is Outcome.FAILED
        assert activity.check_logins(raised.shop.asset).allowed
        everything = json.dumps([entry.data for entry in entries(ticket=raised.shop.ticket)])
        assert "127.0.0.1" not in everything


def test_a_log_that_shows_less_than_it_should_is_a_gap(lab: Lab) -> None:
    with raised_target(lab, syslog=TRADITIONAL) as target:
        raised = Witness(target)
        raised.session("true")
        raised.read()
        assert raised.reading().gap is Gap.BEGINS_LATE
        backdate(target)
        raised.read()
        assert raised.reading().gap is Gap.NONE
        target.inside("sed", "-i", "/Accepted/d", "/var/log/auth.log")
        raised.read()
        assert raised.reading().gap in (Gap.SESSION_MISSING, Gap.NOT_ITSELF)
        target.inside("rm", "/var/log/auth.log")
        raised.read()
        assert raised.reading().gap is not Gap.NONE
        outcomes = {one.kind: one.outcome for one in facts(ticket=raised.shop.ticket)}
        assert outcomes["logins.ticketed"] is Outcome.UNKNOWN


def test_without_sudo_log_and_audit_the_commands_are_not_available(lab: Lab) -> None:
    with raised_target(lab, syslog=ISO) as target:
        raised = Witness(target)
        session = raised.session("true")
        raised.read()
        seen = activity.commands_of(session)
        assert seen is not None
        assert seen.sources == ()
        assert "auditd" in seen.said


def test_a_monitoring_plan_reads_the_log_between_tickets(lab: Lab) -> None:
    with raised_target(lab, syslog=ISO) as target:
        raised = Raised(target, opened=False)
        seal = keep_break_glass.seal(
            raised.shop.actor("iris"), CLOCK, asset=raised.shop.asset, account="rescue", place="Safe in room 12",
            due_at=CLOCK.now() + timedelta(days=100),
        )  # fmt: skip
        plan = keep_plans.propose(
            raised.shop.actor("iris"), CLOCK, asset=raised.shop.asset, connection=raised.shop.connection,
            cadence_hours=4, valid_until=CLOCK.now() + timedelta(days=30), reason="Logins without a ticket are seen.",
        )  # fmt: skip
        for who, role in (("avery", ApprovalRole.APPROVER), ("casey", ApprovalRole.CUI_OWNER)):
            plan = keep_plans.decide(
                raised.shop.actor(who), CLOCK, plan.id, role=role, verdict=Approved.APPROVED,
                content_hash=plan.content_hash, reason="The folders are the right ones.",
            )  # fmt: skip
        target.inside("logger", "-p", "auth.info", "-t", "login", "-i", "LOGIN ON tty1 BY rescue")
        backdate(target)
        channel = SshMonitorChannel(raised.signer, actor=TICKER, clock=CLOCK)
        read_for_plan(TICKER, CLOCK, plan, channel, lambda: str(raised.signer.status()["target_ca"]))
        reading = activity.readings(asset=raised.shop.asset)[0]
        assert (reading.plan, reading.gap, reading.findings) == (plan.id, Gap.NONE, 1)
        (found,) = activity.logins(asset=raised.shop.asset)
        assert (found.break_glass, found.account, found.how) == (seal.id, "rescue", How.CONSOLE)
        assert activity.break_glass(seal.id).state is activity.SealState.USED


class Healthy:
    """A gate that records."""

    def health(self) -> Decision:
        """Say that nothing is wrong."""
        return Decision()


def test_the_end_of_work_reads_takes_away_and_measures(lab: Lab) -> None:
    """Also after the window has ended: what is left then could otherwise be neither measured nor taken away."""
    with raised_target(lab, syslog=ISO) as target:
        raised = Witness(target)
        keep_rules(TICKER, CLOCK, raised.channel)
        session = raised.session("sudo -n id -u")
        backdate(target)
        raised.end()
        raised.desk.disconnected([session], CLOCK.now())
        instruments = Instruments(
            raised.measuring, target_sshd, GateView(GATE, raised.authority), {}, Healthy(), raised.channel
        )
        verify_ticket(TICKER, CLOCK, raised.shop.ticket, instruments)
        seen = activity.commands_of(session)
        assert seen is not None
        assert (seen.sources, seen.count) == (("sudo",), 1)
        assert raised.rule().state is RuleState.WITHDRAWN
        assert target.rule(raised.name) == ""
        told = {one.kind: one.outcome for one in facts(ticket=raised.shop.ticket)}
        assert told["baseline.after"] is Outcome.PASSED
        assert told["logins.ticketed"] is Outcome.PASSED
