"""The policy changed: settings and rows, by the IT lead alone, with a reason, through API, terminal and pages; its
history; and what the setting about screens does to an admission.
"""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.access_shop import Place, authorise, make_shop, open_ticket
from tests.access_signer import near_signer
from tests.api_caller import Caller, codes
from tests.app.test_sessions_admission import Gate
from tests.shop import FAST_HASHER, password_of
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import hidden, sign_in, text_of

from quarterdeck import wiring
from quarterdeck.entrypoints.cli import token_file
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.guard import open_guard
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.models import PolicyVersion
from quarterdeck.workflows import keep_policy
from quarterdeck.workflows import request as requesting

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.api_urls")]
SCREENS = "record_screens_of_cui_assets"
WHY = "The CUI owner wants no picture of drawings."


@pytest.fixture
def yard(clock, settings, monkeypatch) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER
    made = build_yard(clock)
    monkeypatch.setattr(wiring, "clock", lambda: clock)
    return made


def row_of(hold_point: str) -> tickets.PolicyRow:
    return next(row for row in tickets.policy().rows if row.hold_point == hold_point)


def test_a_setting_is_changed_by_the_it_lead_and_is_an_entry(yard: Yard) -> None:
    iris, max_ = Caller(yard.shop, "iris"), Caller(yard.shop, "max")
    assert max_.call("get", "/policy").json()["settings"][SCREENS] is True
    assert codes(max_.call("post", f"/policy/{SCREENS}", {"value": False, "reason": WHY})) == ["role.missing"]
    told = iris.call("post", f"/policy/{SCREENS}", {"value": False, "reason": WHY}).json()
    assert (told["version"], told["settings"][SCREENS]) == (2, False)
    assert (told["freeze_anew"], told["no_new_sessions"]) == ([], [])
    assert tickets.policy().rows == tickets.DEFAULT_ROWS
    sealed = evidence.last_entry(["policy.adopted"])
    assert sealed is not None
    assert sealed.actor_id == yard.shop.ids["iris"]
    assert WHY not in str(sealed.data), "free text stays out of entries"
    number = yard.submitted().number
    assert not tickets.admission_terms(number, yard.shop.ids["max"]).screens


def test_a_change_answers_which_tickets_are_to_be_frozen_anew(yard: Yard) -> None:
    draft = requesting.request(yard.actor("iris"), yard.clock, yard.content())
    scheduled, waits = yard.scheduled(), yard.submitted()
    iris = Caller(yard.shop, "iris")
    told = iris.call("post", "/policy/rows/HP-BACKUP", {"deferrable": True, "reason": WHY}).json()
    assert told["freeze_anew"] == sorted([waits.number, scheduled.number])
    assert draft.number not in str(told)
    assert iris.call("post", f"/tickets/{waits.number}/freeze").status_code == 200
    told = iris.call("post", "/policy/rows/HP-BACKUP", {"deferrable": False, "reason": WHY}).json()
    assert told["freeze_anew"] == sorted([waits.number, scheduled.number])


def test_a_change_without_reason_or_without_difference_is_refused(yard: Yard) -> None:
    iris = Caller(yard.shop, "iris")
    assert codes(iris.call("post", f"/policy/{SCREENS}", {"value": False, "reason": " "})) == ["reason.missing"]
    assert codes(iris.call("post", f"/policy/{SCREENS}", {"value": True, "reason": WHY})) == ["policy.same"]
    same = {"deferrable": False, "reason": WHY}
    assert codes(iris.call("post", "/policy/rows/HP-BACKUP", same)) == ["policy.same"]
    assert codes(iris.call("post", "/policy/rows/HP-BACKUP", {"reason": WHY})) == ["policy.nothing"]
    assert iris.call("post", f"/policy/{SCREENS}", {"value": False}).status_code == 422
    assert tickets.policy().version == 1


@pytest.mark.parametrize(("name", "value"), [("unknown", True), (SCREENS, 1), ("idle_minutes_terminal", True)])
def test_a_setting_that_is_none_or_does_not_fit_is_refused(yard: Yard, name: str, value: object) -> None:
    answer = Caller(yard.shop, "iris").call("post", f"/policy/{name}", {"value": value, "reason": WHY})
    assert codes(answer) == ["policy.setting"]


def test_a_row_is_changed_alone_and_its_history_says_what(yard: Yard) -> None:
    iris = Caller(yard.shop, "iris")
    asked = {"maximum_age_minutes": 120, "minimum_grade": "captured", "asset_class": "cui", "reason": WHY}
    told = iris.call("post", "/policy/rows/HP-BACKUP", asked).json()
    assert told["version"] == 2
    before = next(row for row in tickets.DEFAULT_ROWS if row.hold_point == "HP-BACKUP")
    wanted = replace(before, maximum_age=timedelta(hours=2), minimum_grade="captured", asset_class="cui")
    assert row_of("HP-BACKUP") == wanted
    assert [row for row in tickets.policy().rows if row.hold_point != "HP-BACKUP"] == [
        row for row in tickets.DEFAULT_ROWS if row.hold_point != "HP-BACKUP"
    ]
    assert iris.call("post", "/policy/rows/HP-BACKUP", {"maximum_age_minutes": 0, "reason": WHY}).status_code == 200
    newest, middle, first = Caller(yard.shop, "quinn").call("get", "/policy/history").json()
    assert [one["version"] for one in (newest, middle, first)] == [3, 2, 1]
    assert (middle["reason"], middle["sealed"], middle["by"]) == (WHY, True, yard.shop.ids["iris"])
    assert {(it["term"], it["before"], it["after"]) for it in middle["changes"]} == {
        ("maximum_age_seconds", "", "7200"), ("minimum_grade", "attached", "captured"),
        ("asset_class", "cui_server", "cui"),
    }  # fmt: skip
    assert [(it["before"], it["after"]) for it in newest["changes"]] == [("7200", "")]
    assert first["changes"] == []


@pytest.mark.parametrize(
    ("hold_point", "said", "code"),
    [
        ("HP-NONE", {"deferrable": True}, "policy.row"),
        ("HP-APPROVED", {"deferrable": True}, "policy.never_deferrable"),
        ("HP-RECORDER", {"flag_only": True}, "policy.never_deferrable"),
        ("HP-WINDOW", {"risks": ["high"]}, "policy.narrowed"),
        ("HP-BACKUP", {"asset_class": "printers"}, "policy.unknown_asset_class"),
        ("HP-BACKUP", {"minimum_grade": "believed"}, "policy.unknown_grade"),
        ("HP-BACKUP", {"methods": ["telnet"]}, "policy.unknown_methods"),
        ("HP-BACKUP", {"maximum_age_minutes": 527_041}, ""),
    ],
)
def test_a_row_that_may_not_be_so_is_refused(yard: Yard, hold_point: str, said: dict[str, object], code: str) -> None:
    answer = Caller(yard.shop, "iris").call("post", f"/policy/rows/{hold_point}", said | {"reason": WHY})
    if code:
        assert codes(answer) == [code]
    assert answer.status_code in {403, 409, 422}
    assert tickets.policy().version == 1


def test_a_change_of_what_somebody_else_changed_meanwhile_is_refused(yard: Yard) -> None:
    actor = yard.actor("iris")
    keep_policy.change_setting(actor, yard.clock, SCREENS, False, reason=WHY, seen=1)
    with pytest.raises(Refused) as refused:
        keep_policy.change_setting(actor, yard.clock, "idle_minutes_terminal", 5, reason=WHY, seen=1)
    assert refused.value.decision.codes == ("policy.moved",)


def test_history_says_which_version_was_altered(yard: Yard) -> None:
    keep_policy.change_setting(yard.actor("iris"), yard.clock, SCREENS, False, reason=WHY)
    with open_guard():
        PolicyVersion.objects.filter(version=1).update(settings={"grace_minutes_staff": 600})
    assert [one.sealed for one in tickets.policy_history()] == [True, False]


def test_without_cui_the_screen_is_recorded_whatever_policy_says(clock, tmp_path: Path) -> None:
    shop = make_shop(clock, {"web01": Place()})
    keep_policy.change_setting(shop.actor("iris"), clock, SCREENS, False, reason=WHY)
    authorise(shop, "sam")
    open_ticket(shop)
    gate = Gate(shop, near_signer(tmp_path / "signer", clock))
    assert not tickets.admission_terms(shop.ticket, shop.people["sam"]).screens
    assert gate.admit().screen


@pytest.fixture
def living(settings) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER
    settings.ROOT_URLCONF = "quarterdeck.urls"
    return build_yard(SystemClock())  # type: ignore[arg-type]


@pytest.mark.urls("quarterdeck.urls")
def test_the_page_changes_a_setting_and_shows_who_when_and_why(living: Yard) -> None:
    number = living.scheduled().number
    iris, max_ = sign_in(living.shop, "iris"), sign_in(living.shop, "max")
    assert "Record screens of CUI assets" in text_of(max_.get("/policy/"))
    address = f"/policy/settings/{SCREENS}/"
    assert "Change" not in text_of(max_.get("/policy/"))
    assert max_.get(address).status_code == 403
    shown = iris.get(address)
    assert number in text_of(shown), "whose approvals will be void"
    assert "Please fill this in" in text_of(iris.post(address, {"version": hidden(shown, "version"), "value": "no"}))
    send = {"version": hidden(shown, "version"), "value": "no", "reason": WHY}
    done = text_of(iris.post(address, send, follow=True))
    assert "version 2 of the policy is in force" in done
    assert f"Record screens of CUI assets: yes → no {WHY}" in done
    again = text_of(iris.post(address, send | {"value": "yes"}))
    assert "The policy was changed meanwhile: version 2 is in force." in again
    assert iris.get("/policy/settings/none/").status_code == 404


@pytest.mark.urls("quarterdeck.urls")
def test_every_fault_of_a_form_is_told_in_one_turn_in_our_words(living: Yard) -> None:
    iris = sign_in(living.shop, "iris")
    for value in ("1441", "-1", "ten"):
        said = text_of(
            iris.post("/policy/settings/idle_minutes_terminal/", {"version": "1", "value": value, "reason": "x"})
        )
        assert "from 0 to 1,440 (one day)" in said
        assert "A reason of 3 to 4,000 characters is wanted." in said
        assert "Ensure" not in said
    send = {"version": "1", "asset_class": "any", "minimum_grade": "captured", "reason": "x"}
    for age, unit in (("0", "60"), ("367", "1440"), ("9999999", "1")):
        said = text_of(iris.post("/policy/rows/HP-PRECHECK/", send | {"age": age, "age_unit": unit}))
        assert "at most 366 days; leave it empty for no limit" in said
        assert "A reason of 3 to 4,000 characters is wanted." in said
        assert "Ensure" not in said
    assert tickets.policy().version == 1


@pytest.mark.urls("quarterdeck.urls")
def test_the_page_changes_a_row(living: Yard) -> None:
    iris = sign_in(living.shop, "iris")
    address = "/policy/rows/HP-PRECHECK/"
    shown = iris.get(address)
    assert "Assets that handle CUI" in text_of(shown)
    assert "CUI servers" in text_of(shown)
    row = row_of("HP-PRECHECK")
    send = {
        "version": hidden(shown, "version"), "asset_class": "any", "work_classes": list(row.work_classes),
        "methods": ["ssh"], "age": "30", "age_unit": "1", "minimum_grade": "captured", "reason": WHY,
    }  # fmt: skip
    done = text_of(iris.post(address, send, follow=True))
    assert "Pre-checks passed, maximum age: 4 h → 30 min" in done
    assert "Pre-checks passed, can be deferred: yes → no" in done
    assert row_of("HP-PRECHECK") == replace(row, maximum_age=timedelta(minutes=30), deferrable=False)
    core = "/policy/rows/HP-APPROVED/"
    refused = iris.post(core, {"version": "2", "asset_class": "any", "flag_only": "on", "reason": WHY})
    assert "made deferrable" in text_of(refused)
    assert "Maximum age" not in text_of(iris.get(core))
    assert iris.get("/policy/rows/HP-NONE/").status_code == 404


@pytest.mark.urls("quarterdeck.urls")
@pytest.mark.django_db(transaction=True)
def test_the_terminal_changes_a_row_and_tells_the_history(
    living: Yard, live_server, tmp_path: Path, monkeypatch
) -> None:
    clock = SystemClock()
    secret, _ = personnel.issue_token("iris@example.test", password_of("iris"), living.shop.totp("iris"), clock=clock)
    for name, value in (("HOME", tmp_path), ("XDG_CONFIG_HOME", tmp_path / "config"), ("QD_URL", live_server.url)):
        monkeypatch.setenv(name, str(value))
    token_file.write(token_file.Token(live_server.url, "iris@example.test", secret, "2099-01-01T00:00:00Z"))

    def qd(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "quarterdeck.entrypoints.cli", *words]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)

    number = living.scheduled().number
    done = qd("policy", "row", "HP-PRECHECK", "--maximum-age", "30min", "--deferrable", "no", "--reason", WHY)
    assert (done.returncode, "Policy v2" in done.stdout) == (0, True), done.stderr
    assert f"freeze each anew and it is asked for again:\n  qd ticket freeze {number}\n" in done.stdout
    told = qd("policy", "history").stdout
    assert "HP-PRECHECK maximum age: 4 h -> 30 min" in told
    assert f"  {personnel.person(living.shop.ids['iris']).name}\n" in told
    assert living.shop.ids["iris"] not in told
    assert f"because: {WHY}" in told
    for words, code, sentence in (
        (("row", "HP-PRECHECK", "--reason", WHY), 1, "Nothing is said that shall change"),
        (("row", "HP-PRECHECK", "--maximum-age", "soon", "--reason", WHY), 1, "30min, 4h or 7d"),
        (("row", "HP-PRECHECK", "--deferrable", "perhaps", "--reason", WHY), 1, "--deferrable is yes or no"),
        (("row", "HP-PRECHECK", "--deferrable", "yes"), 2, "--reason"),
        (("row", "HP-APPROVED", "--deferrable", "yes", "--reason", WHY), 1, "can't be made deferrable"),
        (("set", SCREENS, "maybe", "--reason", WHY), 1, "yes, no, or a number of minutes"),
        (("set", "../tickets", "yes", "--reason", WHY), 1, ""),
    ):
        failed = qd("policy", *words)
        assert (failed.returncode, sentence in failed.stderr) == (code, True), failed.stderr
        assert "Traceback" not in failed.stderr
    assert tickets.policy().version == 2
