"""How it stands with the anchors, as the IT lead and the assessor see it: REST, `qd`, the evidence page and doctor."""

import socket
from datetime import timedelta

import pytest
from tests.api_caller import Caller, codes
from tests.app.test_anchor_queue import Shelf
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard
from tests.web_shop_floor import floor
from tests.web_visitor import sign_in, text_of

from quarterdeck import wiring
from quarterdeck.adapters.smtp import MailAnchor
from quarterdeck.adapters.smtp_session import MailServer
from quarterdeck.adapters.syslog_line import SyslogAnchor
from quarterdeck.config import api as config
from quarterdeck.entrypoints.supervisor.anchor_checks import anchors
from quarterdeck.entrypoints.supervisor.findings import Grade
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import AnchorGrade
from quarterdeck.workflows.anchor_checkpoints import AnchorQueue, Route
from quarterdeck.workflows.anchor_standing import look
from quarterdeck.workflows.cadence import Reach
from quarterdeck.workflows.seal_checkpoint import seal

pytestmark = [pytest.mark.django_db]
QUEUE = AnchorQueue("Example Organisation", "")
TARGET = timedelta(minutes=15)


@pytest.fixture
def collector():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        yield server.getsockname()[1]


@pytest.fixture
def shop(clock, tmp_path, settings, monkeypatch):
    settings.PASSWORD_HASHERS = FAST_HASHER
    monkeypatch.setattr(wiring, "clock", lambda: clock)
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        yield PackageShop(build_yard(clock), sealer)


@pytest.fixture
def routes(collector, monkeypatch):
    """A collector that takes everything and a mail server that is down."""
    syslog = SyslogAnchor(f"udp:127.0.0.1:{collector}", AnchorGrade.SAME_ADMINISTRATOR)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        mail = MailAnchor(
            MailServer("127.0.0.1", closed.getsockname()[1]), "avery@example.test", AnchorGrade.INDEPENDENT
        )
        made = [Route(syslog, Reach.EVERY), Route(mail, Reach.MILESTONES)]
        monkeypatch.setattr(wiring, "anchor_routes", lambda at: made)
        yield made


def caller(shop, key):
    shop.clock.advance(minutes=1)  # a code of the authenticator works once
    return Caller(shop.yard.shop, key)


@pytest.mark.urls("tests.api_urls")
def test_the_list_says_who_has_what_and_why_the_others_have_not(shop, routes):
    iris = caller(shop, "iris")
    seal(shop.sealer, reason="close")
    QUEUE.send_due(routes, clock=shop.clock)
    told = iris.call("get", "/anchors").json()
    assert (told["self_attested"], told["independent"], told["late"], told["target_minutes"]) == (
        False,
        True,
        False,
        15,
    )
    assert (told["entries"], told["anchored"], told["oldest_unanchored"]) == (told["anchored"], told["anchored"], None)
    mail, syslog = sorted(told["routes"], key=lambda row: row["channel"])
    assert (syslog["state"], syslog["grade"], syslog["reach"], syslog["backlog"], syslog["sentence"]) == (
        "reached", "same_administrator", "every", 0, "",
    )  # fmt: skip
    assert (mail["state"], mail["grade"], mail["backlog"], mail["failures"]) == ("failing", "independent", 1, 1)
    assert "did not take it" in mail["sentence"]
    assert mail["next_try"] > mail["failed_at"]


@pytest.mark.urls("tests.api_urls")
def test_receipts_are_listed_whole(shop, routes):
    iris = caller(shop, "iris")
    size = seal(shop.sealer, reason="close").size
    QUEUE.send_due(routes, clock=shop.clock)
    (receipt,) = iris.call("get", "/anchors/receipts").json()
    assert (receipt["size"], receipt["channel"], receipt["grade"]) == (size, "syslog", "same_administrator")
    assert receipt["receipt"].startswith("handed over by udp, not acknowledged: <109>1 ")
    assert iris.call("get", f"/anchors/receipts?size={size}").json() == [receipt]
    assert iris.call("get", "/anchors/receipts?size=0").json() == []
    assert iris.call("get", "/anchors/receipts?limit=0").status_code == 422


@pytest.mark.urls("tests.api_urls")
@pytest.mark.parametrize("key", ["iris", "quinn", "avery", "casey", "max", "erin"])
def test_who_may_list_and_who_may_try(shop, routes, key):
    person = caller(shop, key)
    route = evidence.anchor_route_id("mail", "avery@example.test")
    for path in ("/anchors", "/anchors/receipts"):
        answer = person.call("get", path)
        assert (answer.status_code == 200) if key in ("iris", "quinn") else codes(answer) == ["reading.denied"]
    answer = person.call("post", f"/anchors/{route}/try")
    assert (answer.status_code == 200) if key == "iris" else codes(answer) == ["role.missing"]
    asked = list(evidence.entries(events=["anchor.trial_asked"]))
    assert [one.object.id for one in asked] == ([route] if key == "iris" else [])
    refused = [one.object.id for one in evidence.entries(events=["act.refused"])]
    assert ("anchor.try" in refused) == (key != "iris")


@pytest.mark.urls("tests.api_urls")
def test_a_trial_goes_out_at_once_and_an_unknown_holder_is_told(shop, routes):
    iris = caller(shop, "iris")
    seal(shop.sealer, reason="news")
    assert QUEUE.send_due(routes, clock=shop.clock) == 1
    mail = evidence.anchor_route_id("mail", "avery@example.test")
    iris.call("post", f"/anchors/{mail}/try")
    QUEUE.send_due(routes, clock=shop.clock)
    known = evidence.known_anchor_route("mail", "avery@example.test")
    assert (known.failures, known.asked_at) == (1, None)
    assert codes(iris.call("post", "/anchors/0123456789abcdef/try")) == ["anchor.unknown"]


def test_entries_are_late_a_minute_after_the_target(shop, routes):
    oldest = evidence.oldest_unanchored()
    assert not look(routes, TARGET, oldest.at + timedelta(minutes=16)).late
    assert look(routes, TARGET, oldest.at + timedelta(minutes=16, seconds=1)).late


def grades(findings):
    return [(one.topic, one.grade) for one in findings]


def test_doctor_tells_each_holder_and_the_oldest_entry(shop, routes):
    seal(shop.sealer, reason="close")
    QUEUE.send_due(routes, clock=shop.clock)
    findings = anchors(config.load(), shop.clock)
    assert grades(findings) == [("anchor syslog", Grade.OK), ("anchor mail", Grade.WRONG), ("anchors", Grade.OK)]
    assert "(independent): failed 1 x, the mail server" in findings[1].sentence
    assert "1 checkpoint not sent. Next try 2026-" in findings[1].sentence
    assert findings[1].next_step.endswith(f"`qd anchor try {evidence.anchor_route_id('mail', 'avery@example.test')}`.")


def test_doctor_is_red_when_an_entry_waits_too_long(shop, routes):
    shop.clock.advance(hours=2)
    late = anchors(config.load(), shop.clock)[-1]
    assert (late.grade, "min old" in late.sentence) == (Grade.WRONG, True)


def test_doctor_says_when_all_holders_are_the_same_administrators(shop, routes, monkeypatch):
    monkeypatch.setattr(wiring, "anchor_routes", lambda at: routes[:1])
    assert "same administrator" in anchors(config.load(), shop.clock)[1].sentence
    assert "same administrator" in anchors(config.load(), shop.clock)[0].sentence


def test_doctor_looks_at_the_files_before_they_are_needed(shop, routes, tmp_path):
    key = tmp_path / "client.key"
    key.write_text("key")
    key.chmod(0o640)
    knobs = {"syslog_key_file": key, "smtp_ca_file": tmp_path / "none.pem", "tsa_url": "https://tsa.example.test"}
    found = [one.sentence for one in anchors(config.load().model_copy(update=knobs), shop.clock)[:3]]
    assert found == [
        f"QD_SMTP_CA_FILE names {tmp_path / 'none.pem'}, which is no file.",
        "QD_TSA_URL is set without QD_TSA_CA_FILE: no time stamp can be checked, so none is asked for.",
        f"QD_SYSLOG_KEY_FILE: others than its owner may read {key}.",
    ]


def test_without_a_channel_doctor_and_page_say_self_attested_only(shop, monkeypatch):
    monkeypatch.setattr(wiring, "anchor_routes", lambda at: [])
    (only,) = anchors(config.load(), shop.clock)
    assert (only.grade, "Self-attested only" in only.sentence) == (Grade.WRONG, True)
    for knob in ("QD_SMTP_HOST", "QD_SYSLOG_ADDRESS", "QD_TSA_URL", "QD_CHECKPOINTS_URL", "QD_WITNESSES"):
        assert knob in only.next_step
    # What was set and leads nowhere is told too.
    found = anchors(config.load().model_copy(update={"tsa_url": "https://tsa.example.test"}), shop.clock)
    assert "QD_TSA_URL is set without QD_TSA_CA_FILE" in found[0].sentence


@pytest.fixture
def stamps_alone(monkeypatch):
    """A time-stamping authority that somebody else runs, and nothing else."""
    made = [Route(Shelf("https://tsa.example.test/", "rfc3161", AnchorGrade.INDEPENDENT), Reach.STAMPS)]
    monkeypatch.setattr(wiring, "anchor_routes", lambda at: made)
    return made


def test_with_stamps_alone_all_say_self_attested_only(shop, stamps_alone):
    standing = look(stamps_alone, TARGET, shop.clock.now())
    assert (standing.self_attested, standing.independent) == (True, False)
    findings = anchors(config.load(), shop.clock)
    assert grades(findings)[-1] == ("anchors", Grade.WRONG)
    assert "nobody else holds a checkpoint" in findings[-1].sentence
    assert findings[-1].sentence.endswith("Time stamps prove a time; the authority keeps nothing.")


@pytest.fixture
def web(settings):
    settings.PASSWORD_HASHERS = FAST_HASHER
    return floor()


def test_the_page_shows_holders_and_tries_one(web, routes):
    iris = sign_in(web.yard.shop, "iris")
    said = text_of(iris.get("/evidence/"))
    assert "Held outside by Only the same" not in said
    assert "Syslog udp:127.0.0.1" in said
    assert "nothing yet" in said
    route = evidence.anchor_route_id("syslog", routes[0].channel.target)
    said = text_of(iris.post(f"/evidence/anchors/{route}/try/", follow=True))
    assert "The newest checkpoint goes out now" in said
    assert "Under way" in said
    assert [one.object.id for one in evidence.entries(events=["anchor.trial_asked"])] == [route]


def test_the_page_keeps_addresses_and_failures_from_others(web, routes):
    max_ = sign_in(web.yard.shop, "max")
    answer = max_.get("/evidence/")
    assert "udp:127.0.0.1" not in text_of(answer)
    assert "Try now" not in text_of(answer)
    route = evidence.anchor_route_id("syslog", routes[0].channel.target)
    assert max_.post(f"/evidence/anchors/{route}/try/").status_code == 403


def test_the_page_says_self_attested_only(web, monkeypatch):
    monkeypatch.setattr(wiring, "anchor_routes", lambda at: [])
    assert "Self-attested only" in text_of(sign_in(web.yard.shop, "iris").get("/evidence/"))


def test_the_page_calls_a_stamped_checkpoint_not_held(web, stamps_alone, tmp_path):
    """The authority keeps nothing: the row says what it is, and the ledger stays self-attested."""
    with running_sealer(tmp_path / "sealer", web.yard.shop.clock) as sealer:
        seal(sealer, reason="close")
    AnchorQueue("Example Organisation", "").send_due(stamps_alone, clock=web.yard.shop.clock)
    said = text_of(sign_in(web.yard.shop, "iris").get("/evidence/"))
    assert "Self-attested only" in said
    assert "Time only" in said
    assert "Independent" not in said
