"""Logins without a ticket and sealed accounts: found, told, explained, changed; rows, API, `qd` and pages."""

import json
from datetime import timedelta

import pytest
from tests.api_caller import Caller, codes
from tests.clock import StillClock
from tests.shop import FAST_HASHER, password_of
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import sign_in, text_of

from quarterdeck import wiring
from quarterdeck.activity import api as activity
from quarterdeck.activity.api import BreakGlassView, Gap, How, LoginView, SealState, SeenLogin, Verdict
from quarterdeck.activity.models import UnticketedLogin
from quarterdeck.entrypoints.api.activity_schemas import SealIn
from quarterdeck.entrypoints.cli import token_file
from quarterdeck.entrypoints.cli.main import main
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Outcome, act
from quarterdeck.evidence.guard import open_guard
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.clock import Clock, SystemClock
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.sessions.api import SessionKind
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, Before, State
from quarterdeck.workflows import approve, close_ticket, explain_logins, keep_break_glass, keep_sessions
from quarterdeck.workflows.account_for_use import make_tickets

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.api_urls")]
TICKER = system("ticker")
WHY = "I looked after the fan, at the console, with the manager."


@pytest.fixture
def yard(clock: StillClock, settings, monkeypatch) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER
    monkeypatch.setattr(wiring, "clock", lambda: clock)
    return build_yard(clock)


def login(yard: Yard, account: str = "root", **changes: object) -> SeenLogin:
    fields = {"at": yard.clock.now(), "how": How.PASSWORD, "account": account, "source": "203.0.113.9", "pid": 4,
              "text": "Accepted password for root from 203.0.113.9 port 4 ssh2"}  # fmt: skip
    return SeenLogin(**{**fields, **changes})  # type: ignore[arg-type]


def read(yard: Yard, *logins: SeenLogin, gap: Gap = Gap.NONE) -> activity.ReadingView:
    """Record a reading as the ticker does, judged by the rules."""
    judged = activity.judge(
        logins, {}, asset=yard.server, authority="SHA256:x", offset=timedelta(0),
        sealed_accounts=activity.sealed_accounts(yard.server),
    )  # fmt: skip
    with act(TICKER, yard.clock) as current:
        seen = activity.record_reading(
            current, asset=yard.server, since=yard.clock.now() - timedelta(hours=1), judged=judged,
            source="/var/log/auth.log", gap=gap, said="The log begins late." if gap else "", document=None, plan="mp_x",
        )  # fmt: skip
        make_tickets(current, yard.server)
    return seen


def found(yard: Yard) -> LoginView:
    read(yard, login(yard))
    (one,) = activity.logins(asset=yard.server, open_only=True)
    return one


def sealed(yard: Yard, clock: Clock | None = None) -> BreakGlassView:
    clock = clock or yard.clock
    return keep_break_glass.seal(
        yard.actor("iris"), clock, asset=yard.server, account="rescue", place="Safe in room 12",
        due_at=clock.now() + timedelta(days=180),
    )  # fmt: skip


def said(yard: Yard) -> Outcome:
    return evidence.facts(asset=yard.server, kinds=["logins.ticketed"])[-1].outcome


def test_a_finding_is_told_once_until_somebody_explains_it(yard: Yard) -> None:
    one = found(yard)
    assert said(yard) is Outcome.FAILED
    assert read(yard, login(yard)).findings == 0
    explain_logins.explain_login(yard.actor("avery"), yard.clock, one.id, reason=WHY)
    assert activity.logins(open_only=True) == []
    assert said(yard) is Outcome.PASSED
    assert activity.check_logins(yard.server).allowed
    everything = b" ".join(entry.body for entry in evidence.entries())
    for secret in (b"203.0.113.9", b"Accepted", b"looked after"):
        assert secret not in everything


def test_a_gap_is_never_good_news(yard: Yard) -> None:
    read(yard, gap=Gap.BEGINS_LATE)
    assert said(yard) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("who", "reason", "code"),
    [("max", WHY, "login.role"), ("quinn", WHY, "login.role"), ("avery", "fine", "drift.reason")],
)
def test_who_explains(yard: Yard, who: str, reason: str, code: str) -> None:
    one = found(yard)
    with pytest.raises(Refused) as refused:
        explain_logins.explain_login(yard.actor(who), yard.clock, one.id, reason=reason)
    assert code in refused.value.decision.codes
    with pytest.raises(Refused):
        explain_logins.explain_login(TICKER, yard.clock, one.id, reason=WHY)
    assert activity.login(one.id).is_open


def test_a_row_that_was_made_quiet_by_hand_shows(yard: Yard) -> None:
    """attacks.md row 28."""
    one = found(yard)
    with open_guard():
        UnticketedLogin.objects.filter(id=one.id).update(account="maint")
    assert not activity.check_logins(yard.server).allowed
    with pytest.raises(Refused) as refused:
        explain_logins.explain_login(yard.actor("avery"), yard.clock, one.id, reason=WHY)
    assert "activity.unsealed" in refused.value.decision.codes


def test_a_sealed_account_from_envelope_to_rotation(yard: Yard) -> None:
    seal = sealed(yard)
    yard.clock.advance(days=3)
    read(yard, login(yard, "rescue", how=How.CONSOLE, source="tty1", text="LOGIN ON tty1 BY rescue"))
    used = activity.break_glass(seal.id)
    assert (used.state, used.due_at) == (SealState.USED, yard.clock.now() + timedelta(days=1))
    (one,) = activity.logins(open_only=True)
    assert (one.break_glass, one.verdict) == (seal.id, Verdict.CONSOLE)
    with pytest.raises(Refused) as refused:
        keep_break_glass.retire(yard.actor("iris"), yard.clock, seal.id)
    assert refused.value.decision.codes == ("break_glass.not_sealed",)
    yard.clock.advance(days=2)
    assert activity.break_glass(seal.id).is_overdue(yard.clock.now())
    again = keep_break_glass.rotate(
        yard.actor("avery"), yard.clock, seal.id, place="Safe in room 14", how="passwd rescue, Casey watched.",
        due_at=yard.clock.now() + timedelta(days=200),
    )  # fmt: skip
    assert (again.state, again.verified) == (SealState.SEALED, False)
    day = int(yard.clock.now().timestamp() // 86400)
    with act(TICKER, yard.clock) as current:
        assert not activity.verify_rotation(current, seal.id, day - 30)
    with act(TICKER, yard.clock) as current:
        assert activity.verify_rotation(current, seal.id, day)
    assert activity.break_glass(seal.id).verified
    assert activity.check_seal(activity.break_glass(seal.id)).allowed
    read(yard, login(yard, "rescue", how=How.CONSOLE, at=used.used_at))
    assert activity.break_glass(seal.id).state is SealState.SEALED, "the same use is not a new one"
    assert keep_break_glass.retire(yard.actor("iris"), yard.clock, seal.id).state is SealState.RETIRED
    everything = b" ".join(entry.body for entry in evidence.entries())
    assert b"room 12" not in everything


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"account": "maint"}, "break_glass.way_in"),
        ({"account": "a b"}, "break_glass.account"),
        ({"place": ""}, "break_glass.place"),
        ({"due": 400}, "break_glass.due"),
        ({"who": "avery"}, "role.missing"),
    ],
)
def test_what_may_be_sealed(yard: Yard, changes: dict[str, object], code: str) -> None:
    told = {"account": "rescue", "place": "Safe in room 12", "due": 90, "who": "iris", **changes}
    with pytest.raises(Refused) as refused:
        keep_break_glass.seal(
            yard.actor(str(told["who"])), yard.clock, asset=yard.server, account=str(told["account"]),
            place=str(told["place"]), due_at=yard.clock.now() + timedelta(days=int(str(told["due"]))),
        )  # fmt: skip
    assert code in refused.value.decision.codes


def caller(yard: Yard, key: str) -> Caller:
    yard.clock.advance(minutes=1)
    return Caller(yard.shop, key)


def test_over_the_wire(yard: Yard) -> None:
    one = found(yard)
    technician = caller(yard, "max")
    for path in ("/logins", "/logins/readings", f"/logins/{one.id}", "/break-glass"):
        assert technician.call("get", path).status_code == 403
    avery = caller(yard, "avery")
    (told,) = avery.call("get", "/logins").json()
    assert (told["id"], told["how"], told["verdict"]) == (one.id, "password", "no_certificate")
    assert avery.call("get", "/logins/readings").json()[0]["gap"] == ""
    assert avery.call("get", "/logins/lo_none").status_code == 404
    assert codes(technician.call("post", f"/logins/{one.id}/explain", {"reason": WHY})) == ["login.role"]
    after = avery.call("post", f"/logins/{one.id}/explain", {"reason": WHY}).json()
    assert after["explained_by"] == yard.shop.ids["avery"]
    assert codes(avery.call("post", f"/logins/{one.id}/explain", {"reason": WHY})) == ["login.explained"]
    iris = caller(yard, "iris")
    body = {"asset": yard.server, "account": "rescue", "place": "Safe in room 12", "due_at": "2027-01-05T12:00:00Z"}
    refused = iris.call("post", "/break-glass", body | {"due_at": "2027-01-05"})
    assert "a moment with its offset" in refused.content.decode()
    made = iris.call("post", "/break-glass", body).json()
    assert made["state"] == "sealed"
    assert codes(iris.call("post", "/break-glass", body)) == ["break_glass.twice"]
    changed = {"place": "Safe in room 14", "due_at": "2027-02-05T12:00:00Z", "how": "passwd rescue, Casey watched."}
    again = avery.call("post", f"/break-glass/{made['id']}/rotate", changed).json()
    assert again["place"] == "Safe in room 14"
    assert avery.call("post", f"/break-glass/{made['id']}/retire", {}).status_code == 403
    assert iris.call("post", f"/break-glass/{made['id']}/retire", {}).json()["state"] == "retired"


def test_the_pages(settings) -> None:
    settings.PASSWORD_HASHERS = FAST_HASHER
    settings.ROOT_URLCONF = "quarterdeck.urls"
    yard = build_yard(SystemClock())  # type: ignore[arg-type]
    one = found(yard)
    seal = sealed(yard)
    read(yard, login(yard, "rescue", how=How.CONSOLE, text="LOGIN ON tty1 BY <script>alert(1)</script>"))
    avery = sign_in(yard.shop, "avery")
    work = text_of(avery.get("/"))
    assert "Explain a login on fs01.example.test" in work
    assert "Change the sealed credential" in work
    asset = text_of(avery.get(f"/assets/{yard.server}/"))
    assert "Used: change the credential" in asset
    assert "Safe in room 12" in asset
    assert "Not by a certificate of ours" in text_of(avery.get("/logins/"))
    (broken,) = [shown for shown in activity.logins() if shown.break_glass]
    page = avery.get(f"/logins/{broken.id}/")
    made = activity.break_glass(seal.id).ticket
    assert f"{made} was made of its use" in text_of(page)
    assert made in text_of(avery.get(f"/assets/{yard.server}/"))
    assert "Ratify" in work
    ticket = text_of(avery.get(f"/tickets/{made}/"))
    assert "Break glass on fs01.example.test: rescue was used" in ticket
    assert "The credential of the sealed account that was used is not changed yet" in ticket
    assert b"<script>alert(1)" not in page.content
    assert "The sealed account was used" in text_of(page)
    answer = avery.post(f"/logins/{one.id}/explain/", {"reason": WHY}, follow=True)
    assert "Explained." in text_of(answer)
    form = {"place": "Safe in room 14", "due_at": "+26w", "how": "passwd rescue, Casey watched."}
    answer = avery.post(f"/assets/{yard.server}/break-glass/{seal.id}/", form, follow=True)
    assert "Recorded as your word" in text_of(answer)
    technician = sign_in(yard.shop, "max")
    assert technician.get("/logins/").status_code == 403
    assert technician.get(f"/logins/{one.id}/").status_code == 403
    assert "Safe in room" not in text_of(technician.get(f"/assets/{yard.server}/"))
    iris = sign_in(yard.shop, "iris")
    assert "Retired" in text_of(iris.post(f"/assets/{yard.server}/break-glass/{seal.id}/retire/", follow=True))
    answer = iris.post(
        f"/assets/{yard.server}/break-glass/", {"account": "rescue2", "place": "Safe", "due_at": "+10w"}, follow=True
    )
    assert "Registered." in text_of(answer)


# `qd` is a process of its own, which leaves its connections to its end.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_at_the_terminal(yard: Yard, live_server, monkeypatch, tmp_path, capsys) -> None:
    one = found(yard)
    yard.clock.advance(minutes=1)
    secret, _ = personnel.issue_token(
        "avery@example.test", password_of("avery"), yard.shop.totp("avery"), clock=yard.clock
    )
    monkeypatch.setenv("QD_URL", live_server.url)
    monkeypatch.setenv("QD_TOKEN_FILE", str(tmp_path / "token"))
    token_file.write(token_file.Token(live_server.url, "avery@example.test", secret, "2027-01-01T00:00:00Z"))
    assert main(["target-logins"]) == 0
    assert one.id in capsys.readouterr().out
    assert main(["target-login", "show", one.id]) == 0
    assert "203.0.113.9" in capsys.readouterr().out
    assert main(["target-login", "explain", one.id, "--reason", WHY]) == 0
    assert main(["target-logins", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.split("explained.\n")[-1]) == []
    assert main(["breakglass", "list"]) == 0
    assert "No asset has a sealed account" in capsys.readouterr().out
    assert main(["breakglass", "seal", "as_x", "--account", "rescue", "--place", "Safe", "--due", "in May"]) == 1
    assert "is no day; write it like 2027-05-31." in capsys.readouterr().err


def used(yard: Yard) -> tuple[BreakGlassView, str]:
    """Seal, use at the console, read: the sealed account and the ticket that was made of its use."""
    seal = sealed(yard)
    yard.clock.advance(hours=3)
    read(yard, login(yard, "rescue", how=How.CONSOLE, source="tty1", text="LOGIN ON tty1 BY rescue"))
    return seal, activity.break_glass(seal.id).ticket


def write_down(yard: Yard, number: str, person: str) -> None:
    now = yard.clock.now()
    keep_sessions.write_down(
        yard.actor("iris"), yard.clock, ticket=number, kind=SessionKind.ON_SITE, asset=yard.server,
        person=yard.shop.ids[person], began_at=now - timedelta(minutes=20), ended_at=now,
        account="The fan stood still; the envelope was opened.", how_ended="Logged out, screen locked.",
    )  # fmt: skip


def ratify(yard: Yard, who: str, number: str) -> tuple[str, ...]:
    roles = {"avery": ApprovalRole.APPROVER, "casey": ApprovalRole.CUI_OWNER}
    try:
        approve.ratify(yard.actor(who), yard.clock, number, role=roles[who], approve_it=True, reason="It was right.")
    except Refused as refused:
        return refused.decision.codes
    return ()


def codes_before_closing(yard: Yard, number: str) -> tuple[str, ...]:
    holds = [one for one in tickets.hold_points(number, yard.clock.now()) if one.before is Before.CLOSE]
    return tuple(code for one in holds for code in one.codes)


def test_the_use_makes_one_emergency_ticket_that_is_due_for_ratification(yard: Yard) -> None:
    """Design section 4: its use is detected, makes a ticket, and its credential is rotated."""
    seal, number = used(yard)
    seen = tickets.ticket(number)
    assert (seen.state, seen.emergency, seen.requester) == (State.VERIFYING, True, yard.shop.ids["iris"])
    assert [one.asset_id for one in seen.assets] == [yard.server]
    assert seen.ratify_until is not None
    assert timedelta(days=2) <= seen.ratify_until - yard.clock.now() <= timedelta(days=4)
    assert activity.check_seal(activity.break_glass(seal.id)).allowed
    assert tickets.is_sealed(number)
    for who in ("iris", "avery", "casey"):
        assert "sealed account was used" in tickets.notices(yard.shop.ids[who])[0].subject
    yard.clock.advance(minutes=5)
    read(yard, login(yard, "rescue", how=How.CONSOLE, source="tty1", text="LOGIN ON tty1 BY rescue again"))
    assert activity.break_glass(seal.id).ticket == number, "one ticket until the credential is changed"
    assert b"rescue" not in b" ".join(entry.body for entry in evidence.entries(ticket=number))


def test_it_is_written_down_ratified_by_others_and_closes_when_the_credential_is_changed(yard: Yard) -> None:
    seal, number = used(yard)
    assert ratify(yard, "avery", number) == ("break_glass.not_written_down",)
    write_down(yard, number, "avery")
    assert ratify(yard, "avery", number) == ("approval.own_work",)
    write_down(yard, number, "max")
    assert ratify(yard, "casey", number) == ()
    with pytest.raises(Refused) as refused:
        close_ticket.close(yard.actor("iris"), yard.clock, number, summary="The fan was changed.")
    assert {"ratification.no_approver"} <= set(refused.value.decision.codes)
    assert "not changed yet" in str(refused.value)
    one = next(one for one in activity.logins(open_only=True))
    with pytest.raises(Refused) as refused:
        explain_logins.explain_login(yard.actor("avery"), yard.clock, one.id, reason=WHY)
    assert "login.own_work" in refused.value.decision.codes
    assert explain_logins.explain_login(yard.actor("casey"), yard.clock, one.id, reason=WHY).explained_ticket == number
    keep_break_glass.rotate(
        yard.actor("iris"), yard.clock, seal.id, place="Safe in room 14", how="passwd rescue, Casey watched.",
        due_at=yard.clock.now() + timedelta(days=200),
    )  # fmt: skip
    assert activity.check_seal(activity.break_glass(seal.id)).allowed
    assert codes_before_closing(yard, number) == ("ratification.no_approver",)
    yard.clock.advance(hours=1)
    read(yard, login(yard, "rescue", how=How.CONSOLE, source="tty1", text="LOGIN ON tty1 BY rescue, another day"))
    assert activity.break_glass(seal.id).ticket not in ("", number), "another use, another ticket"


def test_a_login_said_to_be_of_next_year_hides_no_use_of_today(yard: Yard) -> None:
    """A clock that runs ahead, or a line that somebody wrote into a log that was handed in."""
    seal = sealed(yard)
    yard.clock.advance(hours=3)
    console = {"how": How.CONSOLE, "source": "tty1"}
    read(yard, login(yard, "rescue", **console, at=yard.clock.now() + timedelta(days=400), text="LOGIN ON tty1"))
    first = activity.break_glass(seal.id)
    assert (first.state, first.used_at) == (SealState.USED, yard.clock.now())
    keep_break_glass.rotate(
        yard.actor("iris"), yard.clock, seal.id, place="Safe in room 14", how="passwd rescue, Casey watched.",
        due_at=yard.clock.now() + timedelta(days=200),
    )  # fmt: skip
    yard.clock.advance(hours=1)
    read(yard, login(yard, "rescue", **console, text="LOGIN ON tty1 BY rescue"))
    second = activity.break_glass(seal.id)
    assert second.state is SealState.USED
    assert second.ticket not in ("", first.ticket), "another use, another ticket"


@pytest.mark.parametrize("due", ["2027-01-31", "2027-01-31T00:00:00", "31 Jan 2027", 1800000000])
def test_a_day_alone_is_no_moment(yard: Yard, due: object) -> None:
    with pytest.raises(ValueError, match="offset"):
        SealIn(asset=yard.server, account="rescue", place="Safe in room 12", due_at=due)
    said = SealIn(asset=yard.server, account="rescue", place="Safe", due_at="2027-01-31T12:00:00-05:00")
    assert said.due_at.utcoffset() == timedelta(hours=-5)


def test_the_ticket_of_a_use_closes_like_any_emergency(yard: Yard) -> None:
    seal, number = used(yard)
    write_down(yard, number, "max")
    assert ratify(yard, "avery", number) == ratify(yard, "casey", number) == ()
    assert codes_before_closing(yard, number) == ("credentials.not_rotated",)
    keep_break_glass.rotate(
        yard.actor("iris"), yard.clock, seal.id, place="Safe in room 14", how="passwd rescue, Casey watched.",
        due_at=yard.clock.now() + timedelta(days=200),
    )  # fmt: skip
    done = close_ticket.close(yard.actor("iris"), yard.clock, number, summary="The fan was changed.")
    assert done.state is State.CLOSED
    keep_break_glass.retire(yard.actor("iris"), yard.clock, seal.id)
    assert evidence.verify_ledger().problems == []
