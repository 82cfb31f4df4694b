"""Backups, drills and snapshots in the browser, over the wire and at the terminal, with the real FileCopies product."""

import hashlib
import json
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tests.api_caller import Caller, codes
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import sign_in, text_of

from quarterdeck import wiring
from quarterdeck.backups import api as backups
from quarterdeck.backups.api import Product
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.workflows import drill_restore

pytestmark = pytest.mark.django_db(transaction=True)
TICKER = system("ticker")


@pytest.fixture
def yard(settings: object, tmp_path: Path) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    made = build_yard(SystemClock())  # type: ignore[arg-type]
    data, copies, scratch = tmp_path / "data", tmp_path / "copies", tmp_path / "scratch"
    for folder in (data, copies, scratch):
        folder.mkdir()
    for number in range(3):
        (data / f"plan{number}").write_text(f"drawing {number}\n")
        (copies / f"plan{number}").write_text(f"drawing {number}\n")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in sorted(copies.iterdir())]
    (copies / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    made.folder = tmp_path  # type: ignore[attr-defined]
    return made


def source_form(yard: Yard, **changes: object) -> dict[str, object]:
    folder = yard.folder  # type: ignore[attr-defined]
    return {
        "product": "files", "repository": str(folder / "copies"), "path": str(folder / "data"), "depth": "all",
        "max_age_hours": "24", "offline": "tape in the safe", "offline_days": "365", "contract_days": "180",
    } | changes  # fmt: skip


def planned(yard: Yard):
    iris = sign_in(yard.shop, "iris")
    answer = iris.post(f"/assets/{yard.server}/backup-source/", source_form(yard), follow=True)
    assert "Preparing a ticket asks it" in text_of(answer), text_of(answer)[:900]
    form = {"scratch": str(yard.folder / "scratch"), "against": "source", "every_days": "91"}  # type: ignore[attr-defined]
    answer = iris.post(f"/assets/{yard.server}/drills/", form, follow=True)
    assert "The first drill is due now" in text_of(answer), text_of(answer)[:900]
    return iris


def beat(yard: Yard) -> bool:
    return drill_restore.run_next_drill(TICKER, yard.clock, wiring.backup_products(), wiring.restorers())


def test_the_it_lead_names_a_source_plans_drills_and_reads_the_register(yard: Yard):
    iris = planned(yard)
    found = backups.source(yard.server)
    assert found is not None
    assert (found.product, found.offline_days, found.contract_days) == (Product.FILES, 365, 180)
    assert "Never tried" in text_of(iris.get("/backups/drills/"))
    assert beat(yard)
    told = text_of(iris.get("/backups/drills/"))
    assert "Came back whole" in told
    assert "In time" in told
    plan = backups.register(yard.clock.now())[0].plan
    told = text_of(iris.get(f"/backups/drills/{plan.id}/"))
    assert "Came back whole" in told
    assert "Tried" in text_of(iris.get("/backups/"))
    iris.post(f"/backups/drills/{plan.id}/ask/")
    assert beat(yard)
    iris.post(f"/backups/drills/{plan.id}/end/")
    assert "No restore is drilled yet" in text_of(iris.get("/backups/drills/"))


def test_a_form_that_is_refused_says_why(yard: Yard):
    iris = sign_in(yard.shop, "iris")
    answer = iris.post(f"/assets/{yard.server}/backup-source/", source_form(yard, repository="copies here"))
    assert "This is no place of files backups" in text_of(answer)
    answer = iris.post(f"/assets/{yard.server}/drills/", {"scratch": "/tmp", "against": "source", "every_days": "91"})
    assert "this asset names none of them" in text_of(answer)


def test_others_read_the_register_and_change_nothing(yard: Yard):
    planned(yard)
    plan = backups.register(yard.clock.now())[0].plan
    quinn = sign_in(yard.shop, "quinn")
    assert quinn.get("/backups/drills/").status_code == 200
    assert "Drill now" not in text_of(quinn.get(f"/backups/drills/{plan.id}/"))
    for path in (f"/backups/drills/{plan.id}/ask/", f"/backups/drills/{plan.id}/end/"):
        assert quinn.post(path).status_code == 403
    assert quinn.get(f"/assets/{yard.server}/drills/").status_code == 403
    assert quinn.get(f"/assets/{yard.server}/backup-source/").status_code == 403


def test_the_page_of_snapshots_says_that_nobody_named_a_product(yard: Yard):
    number = yard.scheduled().number
    max_ = sign_in(yard.shop, "max")
    assert "None yet" in text_of(max_.get(f"/tickets/{number}/snapshots/"))
    answer = max_.post(f"/tickets/{number}/snapshots/", {"do": "take", "asset": yard.server})
    assert "Nobody has said how a snapshot of this asset is made" in text_of(answer)
    answer = max_.post(f"/tickets/{number}/snapshots/", {"do": "look", "snapshot": "sn_x"})
    assert "There is no such snapshot" in text_of(answer)


def test_the_same_over_the_wire(yard: Yard):
    iris, max_ = Caller(yard.shop, "iris"), Caller(yard.shop, "max")
    form = source_form(yard)
    body = form | {name: int(str(form[name])) for name in ("max_age_hours", "offline_days", "contract_days")}
    body |= {"credential_file": ""}
    assert codes(max_.call("put", f"/assets/{yard.server}/backup-source", body))
    assert iris.call("put", f"/assets/{yard.server}/backup-source", body).json()["product"] == "files"
    plan = {"asset": yard.server, "scratch": str(yard.folder / "scratch")}  # type: ignore[attr-defined]
    assert codes(max_.call("post", "/drill-plans", plan))
    made = iris.call("post", "/drill-plans", plan).json()
    assert (made["every_days"], made["overdue"], made["newest"]) == (91, False, None)
    assert beat(yard)
    (drill,) = iris.call("get", f"/drills?asset={yard.server}").json()
    assert (drill["passed"], drill["same"]) == (True, 3)
    assert codes(max_.call("post", f"/drill-plans/{made['id']}/ask"))
    assert iris.call("post", f"/drill-plans/{made['id']}/ask").status_code == 200
    assert iris.call("post", f"/drill-plans/{made['id']}/end").status_code == 200
    assert iris.call("get", "/drill-plans").json() == []
    assert codes(iris.call("post", f"/drill-plans/{made['id']}/ask")) == ["drill.no_plan"]
    number = yard.scheduled().number
    assert max_.call("get", f"/tickets/{number}/snapshots").json() == []
    assert max_.call("get", f"/tickets/{number}/backup-proofs").json() == []
    path = f"/tickets/{number}/snapshots"
    assert codes(max_.call("post", path, {"asset": yard.server})) == ["snapshot.no_source"]
    assert max_.call("post", f"{path}/sn_x/revert").status_code == 404, "only a rollback goes back"
    assert codes(max_.call("post", f"{path}/sn_x/look")) == ["snapshot.unknown"]


def test_a_job_log_over_the_wire_and_in_the_browser(yard: Yard):
    number, now = yard.scheduled().number, yard.clock.now()
    host = inventory.asset(yard.server).hostname
    row = {"product": "Other", "result": "success", "ended_at": now.isoformat(), "verified": True, "host": host}
    max_ = Caller(yard.shop, "max")

    def hand_in(**changes: object):
        file = SimpleUploadedFile("job.json", json.dumps(row | changes).encode(), "application/json")
        form = {"asset": yard.server, "product": "other", "ended_at": now.isoformat(), "file": file}
        return max_.client.post(f"/api/v1/tickets/{number}/backup-logs", form, headers=max_.headers)

    assert codes(hand_in(result="failed")) == ["backup.log_refused"]
    assert codes(hand_in(host="elsewhere")) == ["backup.log_host"]
    assert hand_in().json()["proof"]["verified"] is True
    browser = sign_in(yard.shop, "iris")
    file = SimpleUploadedFile("job.json", json.dumps(row | {"verified": False}).encode(), "application/json")
    form = {"asset": yard.server, "maker": "other", "ended_at": "now", "file": file}
    told = text_of(browser.post(f"/tickets/{number}/backups/log/", form, follow=True))
    assert "it does not count" in told
    assert "Fresh and verified" in told
    assert "handed in" in told
