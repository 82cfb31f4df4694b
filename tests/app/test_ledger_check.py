"""The whole ledger checked in the background: what it lacks on the page, over REST, by `qd`, and who may see it."""

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest
from tests.api_caller import Caller, codes
from tests.append_only import database_in_hand
from tests.shop import FAST_HASHER, password_of
from tests.web_shop_floor import floor
from tests.web_visitor import sign_in, text_of

from quarterdeck.config.api import load
from quarterdeck.entrypoints.cli import token_file
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import DirectoryStore, JobKind, JobState, ObjectRef
from quarterdeck.kernel.actors import system
from quarterdeck.personnel import api as personnel
from quarterdeck.workflows import check_ledger, keep_store

pytestmark = pytest.mark.django_db(transaction=True)
TICKER = system("ticker")


@pytest.fixture
def shop(settings):
    settings.PASSWORD_HASHERS = FAST_HASHER
    return floor()


def checked(shop):
    """Order the check and do it as the ticker does."""
    keep_store.order_check(shop.yard.actor("iris"), shop.clock)
    return keep_store.do_next_job(TICKER, shop.clock, DirectoryStore(load().objects_dir))


def lacking(shop) -> str:
    """A session without recording, and a ticket number of which no entry is there; returns the session's ticket."""
    number = shop.yard.submitted().number
    later = f"{number[:8]}{int(number[8:]) + 2:05d}"
    with evidence.act(TICKER, shop.clock) as act:
        act.record("session.began", ObjectRef("session", "se_lacking"), ticket=number, data={"serial": 7})
        act.record("session.ended", ObjectRef("session", "se_lacking"), ticket=number)
        act.record("session.began", ObjectRef("session", "se_running"), ticket=number, data={"serial": 8})
        act.record("ticket.drafted", ObjectRef("ticket", later), ticket=later)
    return number


def test_what_is_missing_stands_on_the_page_with_links(shop):
    iris = sign_in(shop.yard.shop, "iris")
    assert "Not checked yet; it is done every night." in text_of(iris.get("/evidence/"))
    number = lacking(shop)
    assert "It goes on when you leave this page." in text_of(iris.post("/evidence/ledger-check/begin/", follow=True))
    assert 'hx-trigger="every 2s"' in iris.get("/evidence/ledger-check/").content.decode()
    keep_store.do_next_job(TICKER, shop.clock, DirectoryStore(load().objects_dir))
    card = iris.get("/evidence/ledger-check/")
    assert "Missing: 2." in text_of(card)
    assert f"{number[:8]}{int(number[8:]) + 1:05d} Later numbers were given out" in text_of(card)
    assert "has no recording" in text_of(card)
    assert 'href="/sessions/se_lacking/"' in card.content.decode()
    assert "every 2s" not in card.content.decode()
    told = evidence.last_entry(["ledger.checked"])
    assert (told.data["problems"], told.data["missing"]) == (0, 2)


def test_what_runs_is_missing_only_after_a_day(shop):
    lacking(shop)
    now = shop.clock.now()
    assert [gap.code for gap in check_ledger.missing_around_sessions(now)] == ["session.unrecorded"]
    later = check_ledger.missing_around_sessions(now + timedelta(hours=25))
    assert [gap.code for gap in later] == ["session.unrecorded", "session.open"]


def test_a_contradiction_is_red_on_the_page_and_on_the_first_one(shop):
    shop.yard.submitted()
    evidence.save_checkpoint(
        size=2, root=b"\1" * 32, body=b"x", sshsig=b"x", note=b"", key_id="", reason="close", at=shop.clock.now()
    )
    checked(shop)
    assert "checkpoint 2 does not fit the entries before it" in check_ledger.last_check().problems
    iris = sign_in(shop.yard.shop, "iris")
    assert "The ledger contradicts itself." in text_of(iris.get("/evidence/ledger-check/"))
    assert "The ledger is not whole" in text_of(iris.get("/"))


def test_an_entry_that_was_altered_is_named(shop):
    shop.yard.submitted()
    keep_store.order_check(shop.yard.actor("iris"), shop.clock)
    with database_in_hand() as cursor:
        cursor.execute("UPDATE evidence_ledgerentry SET body = %s WHERE seq = 3", [b"{}"])
    keep_store.do_next_job(TICKER, shop.clock, DirectoryStore(load().objects_dir))
    assert any(problem.startswith("entry 3: ") for problem in check_ledger.last_check().problems)


@pytest.mark.parametrize("hidden", ["emptied", "said to be newer", "taken away"])
def test_what_was_found_is_not_hidden_by_writing_over_its_row(shop, hidden):
    lacking(shop)
    checked(shop)
    with database_in_hand() as cursor:
        if hidden == "taken away":
            cursor.execute("DELETE FROM evidence_storenote WHERE name = %s", [check_ledger.NOTE])
        else:
            nothing = json.dumps({"size": 4, "problems": [], "missing": [], "missing_total": 0})
            at = shop.clock.now() + timedelta(days=hidden == "said to be newer")
            cursor.execute(
                "UPDATE evidence_storenote SET value = %s, at = %s WHERE name = %s", [nothing, at, check_ledger.NOTE]
            )
    (problem,) = check_ledger.last_check().problems
    assert problem.endswith("written over in the database; the ledger says 0 contradictions and 2 missing.")
    assert "The ledger is not whole" in text_of(sign_in(shop.yard.shop, "iris").get("/"))
    checked(shop)
    assert check_ledger.last_check().problems == ()


def test_the_it_lead_stops_it_and_the_last_result_stands(shop):
    lacking(shop)
    checked(shop)
    before = check_ledger.last_check()
    job = keep_store.order_check(shop.yard.actor("iris"), shop.clock)
    evidence.cancel_job(job.id)
    assert keep_store.do_next_job(TICKER, shop.clock, DirectoryStore(load().objects_dir)) is None
    assert evidence.last_job(JobKind.LEDGER).state is JobState.CANCELLED
    with pytest.raises(evidence.Cancelled):
        check_ledger.check(TICKER, shop.clock, lambda done, total, found: False)
    assert check_ledger.last_check() == before


def test_every_night_it_is_ordered_once(shop):
    kinds = [job.kind for job in keep_store.order_nightly(TICKER, shop.clock)]
    assert kinds == [JobKind.SCRUB, JobKind.COLLECT, JobKind.LEDGER]
    assert keep_store.order_nightly(TICKER, shop.clock) == []


@pytest.mark.parametrize(("who", "sees"), [("iris", True), ("quinn", True), ("max", False), ("avery", False)])
def test_only_readers_of_the_ledger_see_it(shop, who, sees):
    lacking(shop)
    checked(shop)
    browser = sign_in(shop.yard.shop, who)
    assert browser.get("/evidence/ledger-check/").status_code == (200 if sees else 403)
    assert ("What the ledger lacks" in text_of(browser.get("/evidence/"))) == sees


@pytest.mark.parametrize(("who", "sees"), [("iris", True), ("quinn", True), ("max", False), ("avery", False)])
def test_over_rest_too(shop, who, sees):
    lacking(shop)
    checked(shop)
    caller = Caller(shop.yard.shop, who)
    answer = caller.call("get", "/ledger-check")
    if not sees:
        assert codes(answer) == ["reading.denied"]
    else:
        assert (answer.json()["missing_total"], answer.json()["problems"]) == (2, [])
    ordered = caller.call("post", "/ledger-check", {})
    assert ordered.status_code == (200 if who == "iris" else 403)


def test_qd_gaps_shows_and_orders_it(shop, live_server, tmp_path, monkeypatch):
    for name, value in (("HOME", tmp_path), ("XDG_CONFIG_HOME", tmp_path / "config"), ("QD_URL", live_server.url)):
        monkeypatch.setenv(name, str(value))
    yard = shop.yard.shop
    secret, _ = personnel.issue_token("iris@example.test", password_of("iris"), yard.totp("iris"), clock=yard.clock)
    token_file.write(token_file.Token(live_server.url, "iris@example.test", secret, "2099-01-01T00:00:00Z"))

    def qd(*words):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        argv = [sys.executable, "-m", "quarterdeck.entrypoints.cli", *words]
        ran = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, env=environment)
        return ran.returncode, ran.stdout + ran.stderr

    assert qd("gaps") == (0, "Not checked yet; it is done every night, or now with --check.\n")
    lacking(shop)
    code, said = qd("gaps", "--check")
    assert (code, "The whole ledger is read again (sj_" in said) == (0, True)
    keep_store.do_next_job(TICKER, shop.clock, DirectoryStore(load().objects_dir))
    code, said = qd("gaps")
    assert code == 0
    assert "session.unrecorded" in said
    assert "2 missing." in said
    assert json.loads(qd("gaps", "--json")[1])["missing_total"] == 2
