"""Runbooks and runs in the browser and over the API: ordered, read by who may, hostile words tamed."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.access_signer import near_signer
from tests.api_caller import Caller, codes
from tests.run_room import Repository, ToldProgram, approved, do, result, stats
from tests.shop import FAST_HASHER
from tests.ticket_steps import BEFORE_OPEN, bring
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import hidden, sign_in, text_of

from quarterdeck import wiring
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.windows import Window
from quarterdeck.runs import api as runs
from quarterdeck.workflows import open_window

pytestmark = pytest.mark.django_db(transaction=True)
HOSTILE = "<script>alert(1)</script>\x1b]52;c;x\x07\u202e{{ 7*7 }}"
READERS = {"iris", "avery", "casey", "quinn", "max"}


@pytest.fixture
def yard(settings: object) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(SystemClock())  # type: ignore[arg-type]


@pytest.fixture
def book(yard: Yard, tmp_path: Path) -> runs.RunbookView:
    repository = Repository(tmp_path / "books")
    return approved(yard, repository, repository.commit(), by="max")  # type: ignore[arg-type]


@pytest.fixture
def number(yard: Yard, book: runs.RunbookView) -> str:
    now = yard.clock.now()
    window = Window(now - timedelta(minutes=1), now + timedelta(hours=1))
    number = yard.scheduled(escort="", window=window, items=(yard.tool, book.item)).number
    bring(yard, number, BEFORE_OPEN)
    open_window.open_ticket(yard.actor("max"), yard.clock, number)
    return number


def play(yard: Yard, folder: Path, *events: dict[str, object]) -> None:
    program = ToldProgram(wiring.run_room(), list(events))
    assert do(yard, near_signer(folder / "signer", yard.clock), program)  # type: ignore[arg-type]


def test_ordered_in_the_browser_and_read_by_who_may(
    yard: Yard, number: str, book: runs.RunbookView, tmp_path: Path
) -> None:
    worker = sign_in(yard.shop, "max")
    assert "Run a runbook" in text_of(worker.get(f"/tickets/{number}/?tab=runs"))
    form = {"runbook": book.id, "how": "real", "assets": [yard.server]}
    refused = worker.post(f"/tickets/{number}/runs/order/", form)
    assert "No run in check mode comes before this one" in text_of(refused)
    done = worker.post(f"/tickets/{number}/runs/order/", form | {"how": "check"}, follow=True)
    [run] = runs.runs(number)
    assert "Waits" in text_of(done)
    assert f"/runs/{run.id}/lines/" in done.content.decode()
    assert worker.get(f"/runs/{run.id}/lines/").status_code == 200
    diff = {"before": "limit=10\n", "after": f"limit=20\n{HOSTILE}\n"}
    play(
        yard,
        tmp_path,
        result("runner_on_ok", "fs01.example.test", HOSTILE, changed=True, diff=diff),
        stats(ok={"fs01.example.test": 1}, changed={"fs01.example.test": 1}),
    )
    assert worker.get(f"/runs/{run.id}/lines/").status_code == 286
    for who in ("iris", "avery", "casey", "quinn", "erin"):
        client = sign_in(yard.shop, who)
        page = client.get(f"/runs/{run.id}/")
        shown = page.content.decode()
        if who in READERS:
            assert "+limit=20" in text_of(page)
            assert "<script>alert" not in shown
            assert not set("\x1b\x07\u202e") & set(shown)
            assert "no-store" in page["Cache-Control"]
        else:
            assert page.status_code == 403 or "Not for you to see" in text_of(page)
            assert "limit=20" not in shown
    looks = [one.actor_id for one in evidence.entries(events=["evidence.viewed"]) if one.object.id == run.id]
    assert {yard.shop.ids[who] for who in ("iris", "avery", "casey", "quinn")} <= set(looks)
    files = text_of(worker.get(f"/tickets/{number}/?tab=files"))
    assert "Every event of a run" in files


def test_the_same_over_the_api(yard: Yard, number: str, book: runs.RunbookView, tmp_path: Path) -> None:
    worker, lead = Caller(yard.shop, "max"), Caller(yard.shop, "iris")
    assert codes(worker.call("post", f"/tickets/{number}/runs", {"runbook": book.id, "mode": "real"})) == [
        "run.check_first"
    ]
    assert "ticket.not_yours" in codes(lead.call("post", f"/tickets/{number}/runs", {"runbook": book.id}))
    [made] = worker.call("post", f"/tickets/{number}/runs", {"runbook": book.id}).json()
    assert (made["mode"], made["state"]) == ("check", "waiting")
    play(yard, tmp_path, result("runner_on_ok", "fs01.example.test"), stats(ok={"fs01.example.test": 1}))
    told = lead.call("get", f"/runs/{made['id']}").json()
    assert (told["state"], told["counts"]["fs01.example.test"]["ok"]) == ("passed", 1)
    [line] = lead.call("get", f"/runs/{made['id']}/lines").json()
    assert (line["status"], line["host"]) == ("ok", "fs01.example.test")
    assert codes(Caller(yard.shop, "erin").call("get", f"/runs/{made['id']}/lines")) in (
        ["reading.denied"], ["run.unknown"]
    )  # fmt: skip
    assert codes(worker.call("post", f"/runs/{made['id']}/cancel")) == ["run.over"]
    assert [one["id"] for one in lead.call("get", f"/tickets/{number}/runs").json()] == [made["id"]]


def test_lists_and_proposing_in_the_browser(yard: Yard, tmp_path: Path) -> None:
    lead = sign_in(yard.shop, "iris")
    assert "No runbook yet" in text_of(lead.get("/registers/runbooks/"))
    repository = Repository(tmp_path / "more")
    form = {"name": "Patch", "repository": str(repository.folder), "commit": "main", "playbook": "patch.yml"}
    assert "pinned to a commit, not to a branch" in text_of(lead.post("/registers/runbooks/propose/", form))
    form["commit"] = repository.commit()
    page = lead.post("/registers/runbooks/propose/", form, follow=True)
    assert "Waits for an approver" in text_of(page)
    assert "Your decision" not in text_of(page)
    assert "Patch" in text_of(lead.get("/registers/runbooks/"))
    [made] = runs.runbooks()
    approver = sign_in(yard.shop, "avery")
    page = approver.get(f"/registers/runbooks/{made.id}/")
    assert made.commit in text_of(page)
    form = {"sha256": hidden(page, "sha256"), "reason": "Read line by line.", "verdict": "approved"}
    assert approver.post(f"/registers/runbooks/{made.id}/", form | {"sha256": "0" * 64}).status_code == 409
    assert "Its entry among the mechanisms" in text_of(
        approver.post(f"/registers/runbooks/{made.id}/", form, follow=True)
    )


def test_proposed_and_decided_over_the_api(yard: Yard, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "far")
    told = {"name": "P", "repository": str(repository.folder), "commit": repository.commit(), "playbook": "patch.yml"}
    worker, approver = Caller(yard.shop, "max"), Caller(yard.shop, "avery")
    made = worker.call("post", "/runbooks", told).json()
    said = {"sha256": made["sha256"], "reason": "Read line by line."}
    assert "role.missing" in codes(worker.call("post", f"/runbooks/{made['id']}/approve", said))
    assert approver.call("post", f"/runbooks/{made['id']}/reject", said).json()["state"] == "rejected"
    assert approver.call("get", f"/runbooks/{made['id']}").json()["item"] == ""
    assert [one["id"] for one in approver.call("get", "/runbooks").json()] == [made["id"]]
