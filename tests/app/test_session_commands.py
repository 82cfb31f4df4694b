"""The commands of a session as the target's own log holds them: on its page, over the wire, and for whom."""

import io
import json
import subprocess
import sys
from datetime import timedelta

import pytest
from tests.access_signer import fresh_key
from tests.api_caller import Caller, codes
from tests.app.test_web_session_files import kept
from tests.shop import FAST_HASHER, password_of
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import sign_in, text_of

from quarterdeck import wiring
from quarterdeck.activity import api as activity
from quarterdeck.activity.api import Gap, SeenCommand, Witnessed
from quarterdeck.activity.models import SessionCommands
from quarterdeck.attachments.api import Told
from quarterdeck.entrypoints.cli import token_file
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import act
from quarterdeck.evidence.guard import open_guard
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.personnel import api as personnel
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import EndReason, Work
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Reading
from quarterdeck.workflows import attach_evidence, explain_logins, keep_break_glass
from quarterdeck.workflows.match_target_log import match_target_log
from quarterdeck.workflows.read_target_logs import commands_bytes

pytestmark = pytest.mark.django_db(transaction=True)
EVIL = "\\x1b[2J</td><script>alert(1)</script>"


@pytest.fixture
def yard(settings: object) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(SystemClock())  # type: ignore[arg-type]


def witnessed(yard: Yard, session: str, *words: tuple[str, ...], exact: bool = True, said: str = "") -> None:
    """Record what the target's log told of a session, as the end of the work does."""
    at = yard.clock.now() - timedelta(minutes=1)
    commands = tuple(SeenCommand(at, "sudo", one, "root", "/", "pts/0", 0) for one in words)
    told = Witnessed(session, commands, () if said else ("sudo",), exact, said)
    document = None
    if not said:
        document = evidence.store_artifact(
            commands_bytes(told), media_type="application/json", role="commands", name="commands.json",
            may_contain_cui=True,
        )  # fmt: skip
    with act(system("ticker"), yard.clock) as current:
        activity.record_witnessed(current, sessions.session(session).ticket, told, document)


def test_the_page_lists_them_and_lets_no_word_act(yard: Yard) -> None:
    session = kept(yard, Work.TERMINAL, [])
    lead = sign_in(yard.shop, "iris")
    page = text_of(lead.get(f"/sessions/{session}/"))
    assert "Not available: The target's logs are read when the work ends." in page
    witnessed(yard, session, ("systemctl", "restart", "smbd"), ("sh", "-c", EVIL), exact=False)
    html = lead.get(f"/sessions/{session}/").content.decode()
    assert "systemctl restart smbd" in html
    assert "<script>alert(1)" not in html
    assert "Several sessions of this account ran at once" in html
    witnessed(yard, session, said="auditd: EACCES")
    assert "systemctl restart smbd" in lead.get(f"/sessions/{session}/").content.decode(), "what is known stays known"


def test_where_the_log_was_read_the_reason_is_another_than_that_it_will_be(yard: Yard) -> None:
    """3.7.5[b]: a reader is told what is so, not what comes, of work that is over."""
    lead, session = sign_in(yard.shop, "iris"), kept(yard, Work.TERMINAL, [])
    known = sessions.session(session)

    def said(session: str) -> str:
        return text_of(lead.get(f"/sessions/{session}/"))

    for gap, told in ((Gap.NOT_READ, "The target's logs were not read: no route"), (Gap.NONE, "tells of no command")):
        assert told not in said(session)
        with act(system("ticker"), yard.clock) as current:
            activity.record_reading(
                current, asset=known.asset, since=known.began_at, judged=(), source="journal", gap=gap,
                said="no route", document=None, ticket=known.ticket,
            )  # fmt: skip
        assert told in said(session)
        assert "when the work ends" not in said(session)


@pytest.mark.parametrize(
    ("work", "end", "told"),
    [
        (Work.TRANSFER, EndReason.COMPLETED, "Files were copied, no command was given"),
        (Work.TERMINAL, EndReason.NOT_ALLOWED, "before anything ran on the target"),
    ],
)
def test_a_session_without_commands_says_that_it_had_none(yard: Yard, work: Work, end: EndReason, told: str) -> None:
    page = text_of(sign_in(yard.shop, "iris").get(f"/sessions/{kept(yard, work, [], end=end)}/"))
    assert told in page
    assert "when the work ends" not in page


def test_they_are_read_like_the_recording_and_reading_is_recorded(yard: Yard) -> None:
    session = kept(yard, Work.TERMINAL, [])
    witnessed(yard, session, ("id",))
    quinn = Caller(yard.shop, "quinn")
    before = len(list(evidence.entries(events=["evidence.viewed"])))
    told = quinn.call("get", f"/sessions/{session}/commands").json()
    assert [one["argv"] for one in told["commands"]] == [["id"]]
    assert (told["sources"], told["exact"], told["said"]) == (["sudo"], True, "")
    assert len(list(evidence.entries(events=["evidence.viewed"]))) == before + 1
    ticket = sessions.session(session).ticket
    for key in ("max", "avery"):
        may = tickets.reading_of(ticket, yard.shop.ids[key], yard.clock.now(), Reading.RECORDING).allowed
        answer = Caller(yard.shop, key).call("get", f"/sessions/{session}/commands")
        assert answer.status_code == (200 if may else 403)
    assert quinn.call("get", "/sessions/se_none/commands").status_code == 404
    shown = quinn.call("get", f"/sessions/{session}").json()
    assert shown["gaps"] == []


def test_a_row_written_by_hand_is_not_shown(yard: Yard) -> None:
    """attacks.md row 28."""
    session = kept(yard, Work.TERMINAL, [])
    witnessed(yard, session, ("rm", "-rf", "/"))
    with open_guard():
        SessionCommands.objects.filter(session=session).update(document_sha256="", sources=[], said="nothing ran")
    seen = activity.commands_of(session)
    assert seen is not None
    assert not activity.check_commands(seen).allowed
    assert "nothing ran" not in text_of(sign_in(yard.shop, "iris").get(f"/sessions/{session}/"))


def test_nothing_of_them_is_in_the_ledger(yard: Yard) -> None:
    session = kept(yard, Work.TERMINAL, [])
    witnessed(yard, session, ("cat", "/srv/drawing-77"))
    entry = evidence.last_entry(["session.witnessed"])
    assert entry is not None
    assert b"drawing" not in entry.body
    kept_file = json.loads(evidence.read_artifact(entry.artifacts[0]["sha256"]))
    assert kept_file["commands"][0]["argv"] == ["cat", "/srv/drawing-77"]


def test_the_whole_log_is_for_those_who_explain_logins_and_not_for_who_took_part(yard: Yard) -> None:
    number = yard.scheduled().number
    document = evidence.store_artifact(
        b'{"auth": {}}', media_type="application/json", role="target-log", name="target-log.json", may_contain_cui=True
    )
    with act(system("ticker"), yard.clock) as current:
        activity.record_reading(
            current, asset=yard.server, since=yard.clock.now(), judged=(), source="x", gap=Gap.NONE, said="",
            document=document, ticket=number,
        )  # fmt: skip
    path = f"/tickets/{number}/files/{document.sha256}/"
    assert sign_in(yard.shop, "max").get(path).status_code == 403
    answer = sign_in(yard.shop, "iris").get(path)
    assert b"".join(answer.streaming_content) == b'{"auth": {}}'
    answer.close()


def handed_in(yard: Yard, number: str, asset: str, *lines: str) -> str:
    """Attach a log that the target shipped and return its SHA-256."""
    told = Told("target_log", "The log of the syslog server.", asset)
    file = io.BytesIO(("\n".join(lines) + "\n").encode())
    return attach_evidence.attach_file(yard.actor("max"), yard.clock, number, told, name="fs01.log", file=file).sha256


def sudo_line(yard: Yard, session: str, command: str) -> str:
    seen = sessions.session(session)
    account = inventory.connection(tickets.ticket(seen.ticket).assets[0].connection_id).target_account
    at = (seen.began_at + timedelta(milliseconds=10)).isoformat()
    return f"{at} fs01 sudo: {account} : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND={command}"


def test_a_shipped_log_is_matched_and_graded_attached(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "target_authority", fresh_key)
    session = kept(yard, Work.TERMINAL, [])
    seen = sessions.session(session)
    number, line = seen.ticket, sudo_line(yard, session, "/bin/systemctl restart x")
    sha256 = handed_in(yard, number, seen.asset, line, line.replace("fs01", "db09"), "what?")
    max_ = Caller(yard.shop, "max")
    path = f"/tickets/{number}/attachments/{sha256}/match"
    assert codes(max_.call("post", path, {"zone": "Moon/Crater"})) == ["target_log.zone"]
    assert codes(max_.call("post", path.replace(sha256, "0" * 64), {})) == ["target_log.unknown"]
    assert codes(Caller(yard.shop, "quinn").call("post", path, {})) == ["ticket.not_yours"]
    told = max_.call("post", path, {"zone": "Europe/Berlin"}).json()
    assert told["sessions"] == [{"session": session, "commands": 1, "exact": True}]
    assert told["remarks"] == ["1 line(s) are of other hosts.", "1 line(s) are not understood."]
    known = activity.commands_of(session)
    assert known is not None
    assert known.attached
    assert activity.check_commands(known).allowed
    fact = evidence.facts(ticket=number, kinds=["commands.witnessed"])[-1]
    assert fact.grade is evidence.Grade.ATTACHED
    lead = sign_in(yard.shop, "iris")
    page = text_of(lead.get(f"/sessions/{session}/"))
    assert "/bin/systemctl restart x" in page
    assert "from a file that a person handed in" in page
    assert Caller(yard.shop, "avery").call("get", f"/sessions/{session}/commands").json()["grade"] == "attached"
    assert "Match its commands" in text_of(lead.get(f"/tickets/{number}/files/{sha256}/look/"))
    said = lead.post(f"/tickets/{number}/files/{sha256}/match/", {"zone": "UTC", "host": ""}, follow=True)
    assert "1 command matched to 1 session(s)." in text_of(said)


def test_what_was_read_from_the_target_is_not_replaced(yard: Yard) -> None:
    session = kept(yard, Work.TERMINAL, [])
    seen = sessions.session(session)
    witnessed(yard, session, ("id",))
    sha256 = handed_in(yard, seen.ticket, seen.asset, sudo_line(yard, session, "/bin/sh"))
    found = match_target_log(yard.actor("max"), yard.clock, seen.ticket, sha256, authority=fresh_key)
    assert (found.sessions, found.remarks) == ((), ("1 session(s) keep what was read from the target itself.",))
    known = activity.commands_of(session)
    assert known is not None
    assert not known.attached
    witnessed(yard, session, ("whoami",))
    assert "whoami" in text_of(sign_in(yard.shop, "iris").get(f"/sessions/{session}/"))


def test_its_logins_without_a_ticket_are_findings_and_a_sealed_account_gets_its_ticket(yard: Yard) -> None:
    """Issue: read over SSH or from syslog; what a file does not show is not known."""
    session = kept(yard, Work.TERMINAL, [])
    seen = sessions.session(session)
    now = yard.clock.now()
    keep_break_glass.seal(
        yard.actor("iris"), yard.clock, asset=seen.asset, account="rescue", place="Safe in room 12",
        due_at=now + timedelta(days=90),
    )  # fmt: skip
    at = yard.clock.now().isoformat()
    old = (now - timedelta(days=40)).isoformat()
    line = "fs01 sshd[9]: Accepted password for {} from 203.0.113.9 port 40122 ssh2"
    sha256 = handed_in(
        yard, seen.ticket, seen.asset, f"{at} {line.format('root')}", f"{old} {line.format('root')}",
        f"{at} fs01 login[5]: LOGIN ON tty1 BY rescue",
    )  # fmt: skip
    found = match_target_log(yard.actor("max"), yard.clock, seen.ticket, sha256, authority=fresh_key)
    assert found.remarks[0] == "2 login(s) match no ticket; see the findings."
    assert sorted(one.account for one in activity.logins(open_only=True)) == ["rescue", "root"]
    assert activity.last_read_until(seen.asset) is None, "a file that was handed in is no reading of the target"
    fact = evidence.facts(asset=seen.asset, kinds=["logins.ticketed"])[-1]
    assert (fact.outcome, fact.grade) == (evidence.Outcome.FAILED, evidence.Grade.ATTACHED)
    (sealed,) = activity.break_glasses(seen.asset)
    assert tickets.is_of_break_glass(sealed.ticket)
    again = match_target_log(yard.actor("max"), yard.clock, seen.ticket, sha256, authority=fresh_key)
    assert "login(s)" not in " ".join(again.remarks)
    for one in activity.logins(open_only=True):
        explain_logins.explain_login(
            yard.actor("avery"), yard.clock, one.id, reason="Casey at the console, seen by me."
        )
    assert evidence.facts(asset=seen.asset, kinds=["logins.ticketed"])[-1].outcome is evidence.Outcome.UNKNOWN


def test_matching_and_showing_at_the_terminal(yard: Yard, live_server, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(wiring, "target_authority", fresh_key)
    session = kept(yard, Work.TERMINAL, [])
    seen = sessions.session(session)
    sha256 = handed_in(yard, seen.ticket, seen.asset, sudo_line(yard, session, "/bin/systemctl restart x"))
    secret, _ = personnel.issue_token("max@example.test", password_of("max"), yard.shop.totp("max"), clock=yard.clock)
    for name, value in (("HOME", tmp_path), ("XDG_CONFIG_HOME", tmp_path / "config"), ("QD_URL", live_server.url)):
        monkeypatch.setenv(name, str(value))
    token_file.write(token_file.Token(live_server.url, "max@example.test", secret, "2099-01-01T00:00:00Z"))

    def qd(*words: str) -> tuple[int, str]:
        argv = [sys.executable, "-m", "quarterdeck.entrypoints.cli", *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    code, said = qd("match-log", seen.ticket, "short")
    assert (code, "That is no SHA-256" in said) == (1, True), said
    code, said = qd("match-log", seen.ticket, sha256, "--zone", "UTC")
    assert (code, session in said) == (0, True), said
    strange = handed_in(yard, seen.ticket, seen.asset, "Nov 28 10:00:00 fs01 cron[1]: nothing of ours")
    code, said = qd("match-log", seen.ticket, strange, "--zone", "UTC")
    assert (code, said.count("No command"), "No session" in said) == (0, 1, False), said
    code, said = qd("session", "show", session)
    assert (code, "from a file that a person handed in" in said) == (0, True), said
    code, said = qd("session", "show", session, "--json")
    assert json.loads(said)["happenings"] == []
