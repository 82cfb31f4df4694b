"""Monitoring plans and findings over the wire, and the verbs of `qd` on the real API."""

import json
from pathlib import Path

import pytest
from tests.api_caller import Caller, codes
from tests.clock import StillClock
from tests.measuring import LocalMonitorChannel
from tests.shop import FAST_HASHER, password_of
from tests.ticket_yard import Yard, build_yard

from quarterdeck import wiring
from quarterdeck.access import api as access
from quarterdeck.entrypoints.cli import token_file
from quarterdeck.entrypoints.cli.main import main
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import system
from quarterdeck.personnel import api as personnel
from quarterdeck.workflows import run_plans

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.api_urls")]
TICKER = system("ticker")
WHY = "Changes without a ticket have to be seen."


@pytest.fixture
def yard(clock: StillClock, settings, monkeypatch, tmp_path: Path) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER
    monkeypatch.setattr(wiring, "clock", lambda: clock)
    made = build_yard(clock)
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "site.conf").write_text("listen 80\n")
    before = inventory.connection(made.connection).fields
    fields = {name: getattr(before, name) for name in before.__dataclass_fields__} | {"watched_roots": (str(tree),)}
    inventory.set_connection(
        made.server, inventory.ConnectionFields(**fields), actor=made.actor("iris"), clock=clock,
        connection_id=made.connection,
    )  # fmt: skip
    made.tree = tree  # type: ignore[attr-defined]
    return made


def caller(yard: Yard, key: str) -> Caller:
    yard.clock.advance(minutes=1)  # a code of the authenticator works once
    return Caller(yard.shop, key)


def body(yard: Yard, **changes: object) -> dict[str, object]:
    return {
        "asset": yard.server, "connection": yard.connection, "cadence_hours": 24, "valid_until": "2027-06-01",
        "reason": WHY, **changes,
    }  # fmt: skip


def decision(plan: dict, role: str = "approver", **changes: object) -> dict[str, object]:
    return {"role": role, "content_hash": plan["content_hash"], "reason": "The folders are right.", **changes}


def approved(yard: Yard) -> dict:
    plan = caller(yard, "iris").call("post", "/monitoring-plans", body(yard)).json()
    for key, role in (("avery", "approver"), ("casey", "cui_owner")):
        answer = caller(yard, key).call("post", f"/monitoring-plans/{plan['id']}/approve", decision(plan, role))
        assert answer.status_code == 200, answer.content
    return answer.json()


def run(yard: Yard) -> None:
    channel = LocalMonitorChannel()
    assert run_plans.run_next_plan(TICKER, yard.clock, lambda: channel)


def found(yard: Yard) -> None:
    """Measure, change a file by hand, measure again."""
    run(yard)
    (yard.tree / "site.conf").write_text("listen 8080\n")  # type: ignore[attr-defined]
    yard.clock.advance(days=1)
    run(yard)


def test_propose_show_decide_end(yard):
    iris = caller(yard, "iris")
    made = iris.call("post", "/monitoring-plans", body(yard)).json()
    assert (made["state"], made["cadence_hours"], made["valid_until"]) == ("proposed", 24, "2027-06-01T00:00:00Z")
    page = iris.call("get", f"/monitoring-plans/{made['id']}").json()
    assert page["frozen"]["asset"]["hostname"] == "fs01.example.test"
    assert page["waiting_for"] == {
        "approver": [yard.shop.ids["avery"]], "cui_owner": [yard.shop.ids["casey"]],
    }  # fmt: skip
    assert (page["genuine"], page["due_at"], page["runs"]) == (True, None, [])
    path = f"/monitoring-plans/{made['id']}"
    stale = caller(yard, "avery").call("post", f"{path}/approve", decision(made, content_hash="ab" * 32))
    assert (stale.status_code, codes(stale)) == (409, ["content.moved"])
    assert codes(iris.call("post", f"{path}/approve", decision(made))) == [
        "duties.role_missing", "duties.is_requester",
    ]  # fmt: skip
    one = caller(yard, "avery").call("post", f"{path}/approve", decision(made)).json()
    assert one["state"] == "proposed"
    two = caller(yard, "casey").call("post", f"{path}/approve", decision(made, "cui_owner")).json()
    assert two["state"] == "approved"
    assert [item["verdict"] for item in two["decisions"]] == ["approved", "approved"]
    assert iris.call("get", path).json()["due_at"] == two["state_at"]
    assert [item["id"] for item in iris.call("get", "/monitoring-plans?state=approved").json()] == [made["id"]]
    assert iris.call("get", "/monitoring-plans?asset=as_none").json() == []
    over = caller(yard, "casey").call("post", f"{path}/end", {"reason": "The server is replaced."}).json()
    assert (over["state"], over["end_reason"]) == ("ended", "The server is replaced.")


def test_a_refused_plan_and_what_is_not_there(yard):
    made = caller(yard, "iris").call("post", "/monitoring-plans", body(yard)).json()
    answer = caller(yard, "casey").call("post", f"/monitoring-plans/{made['id']}/refuse", decision(made, "cui_owner"))
    assert answer.json()["state"] == "rejected"
    iris = caller(yard, "iris")
    assert iris.call("get", "/monitoring-plans/mo_nothing").status_code == 404
    assert iris.call("get", "/monitoring-plans/mo%00x").status_code in {400, 404}
    assert iris.call("get", "/findings/77").status_code == 404
    assert iris.call("get", f"/findings/{10**30}").status_code == 404
    for wrong in ({"cadence_hours": 1}, {"valid_until": "never"}, {"asset": 5}):
        assert iris.call("post", "/monitoring-plans", body(yard, **wrong)).status_code == 422
    assert codes(iris.call("post", "/monitoring-plans", body(yard, asset="as_none"))) == ["asset.unknown"]
    assert codes(iris.call("post", "/monitoring-plans", body(yard, connection="co_none"))) == ["connection.unknown"]
    assert codes(iris.call("post", "/monitoring-plans", body(yard, valid_until="2028-06-01"))) == ["plan.too_long"]


def test_who_may_do_what(yard):
    technician = caller(yard, "max")
    assert technician.call("post", "/monitoring-plans", body(yard)).status_code == 403
    plan = approved(yard)
    found(yard)
    technician = caller(yard, "max")
    assert technician.call("get", f"/monitoring-plans/{plan['id']}").json()["findings"] == []
    assert technician.call("get", "/findings").status_code == 403
    assert technician.call("post", f"/monitoring-plans/{plan['id']}/end", {"reason": "Go away."}).status_code == 403
    quinn = caller(yard, "quinn")
    (seen,) = quinn.call("get", "/findings").json()
    assert quinn.call("get", f"/monitoring-plans/{plan['id']}").json()["findings"] == [seen]
    chosen = {"items": [item["id"] for item in seen["items"]], "reason": "It was me, I think."}
    assert codes(quinn.call("post", f"/findings/{seen['id']}/settle", chosen)) == ["drift.role"]


def test_a_finding_is_read_and_settled(yard):
    approved(yard)
    found(yard)
    avery = caller(yard, "avery")
    (seen,) = avery.call("get", "/findings").json()
    item = next(one for one in seen["items"] if one["path"].endswith("site.conf"))
    assert (item["drift_class"], item["kind"], item["explained_by"]) == ("unexplained", "changed", "")
    path = f"/findings/{seen['id']}"
    assert avery.call("get", path).json()["tickets_in_between"] == []
    reason = "Changed by hand for the audit; put back."
    assert codes(avery.call("post", f"{path}/settle", {"items": [10**30], "reason": reason})) == ["drift.choice"]
    wrong = {"items": [item["id"]], "reason": reason, "ticket": "MT-2026-00009"}
    assert codes(avery.call("post", f"{path}/settle", wrong)) == ["drift.ticket_does_not_fit"]
    chosen = [one["id"] for one in seen["items"]]
    after = avery.call("post", f"{path}/settle", {"items": chosen, "reason": reason, "disposition": "reverted"})
    assert after.json()["open_items"] == 0
    assert avery.call("get", "/findings").json() == []
    assert [one["id"] for one in avery.call("get", "/findings?open_only=false").json()] == [seen["id"]]


@pytest.fixture
def qd(yard, live_server, monkeypatch, tmp_path, capsys):
    """Run a verb as somebody and return what it printed."""
    monkeypatch.setenv("QD_URL", live_server.url)
    monkeypatch.setenv("QD_TOKEN_FILE", str(tmp_path / "token"))

    def run_verb(who: str, *words: str, fails: bool = False) -> str:
        yard.clock.advance(minutes=1)
        secret, _ = personnel.issue_token(
            f"{who}@example.test", password_of(who), yard.shop.totp(who), clock=yard.clock
        )
        token_file.write(token_file.Token(live_server.url, f"{who}@example.test", secret, "2027-01-01T00:00:00Z"))
        assert main(list(words)) == (1 if fails else 0), capsys.readouterr()
        told = capsys.readouterr()
        return told.err if fails else told.out

    return run_verb


# `qd` is a process of its own, which leaves its connections to its end.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_command_line_from_proposal_to_settling(yard, qd):
    assert "No asset is monitored" in qd("iris", "monitoring-plans")
    made = qd("iris", "monitoring-plan", "propose", yard.server, "--until", "2027-06-01", "--reason", WHY)
    plan = made.split()[0]
    assert made == f"{plan} is proposed.\n"
    shown = qd("avery", "monitoring-plan", "show", plan)
    assert "handles CUI                yes" in shown
    assert "No runs yet." in shown
    said = access.plan(plan).content_hash
    assert said in shown
    as_approver = ("monitoring-plan", "approve", plan, "--role", "approver", "--reason", "Right folders.")
    assert "give the --hash" in qd("avery", *as_approver, fails=True)
    assert "has changed since" in qd("avery", *as_approver, "--hash", "ab" * 32, fails=True)
    assert "is proposed" in qd("avery", *as_approver, "--hash", said)
    words = ("monitoring-plan", "approve", plan, "--role", "cui_owner", "--reason", "Right folders.", "--hash", said)
    assert "is approved" in qd("casey", *words)
    found(yard)
    assert "measured" in qd("avery", "monitoring-plan", "show", plan)
    listed = json.loads(qd("avery", "findings", "--json"))
    number = str(listed[0]["id"])
    assert "No ticket worked on it in between." in qd("avery", "finding", "show", number)
    words = ("finding", "settle", number, "--all-open", "--reason", "Put back by hand.", "--how", "reverted")
    settled = qd("avery", *words)
    assert settled.endswith("settled, 0 left.\n")
    assert "Nothing waits" in qd("avery", "findings")
    assert "is ended" in qd("casey", "monitoring-plan", "end", plan, "--reason", "The server is replaced.")
    assert "ended" in qd("casey", "monitoring-plans")
    assert "no id" in qd("casey", "monitoring-plan", "show", "../login", fails=True)
