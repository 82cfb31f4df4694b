"""The commands of a session as the target's own log holds them: on its page, over the wire, and for whom."""

import json
from datetime import timedelta

import pytest
from tests.api_caller import Caller
from tests.app.test_web_session_files import kept
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import sign_in, text_of

from quarterdeck.activity import api as activity
from quarterdeck.activity.api import Gap, SeenCommand, Witnessed
from quarterdeck.activity.models import SessionCommands
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import act
from quarterdeck.evidence.guard import open_guard
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import Work
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Reading
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
