"""Who gets through which door of checks, rules of drift, rollback, staging, texts, exports, backups, snapshots, drills,
reimage plans, runbooks and runs: every address of the web and of the API, tried as everybody; whoever may not leaves
nothing behind but the refusal.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tests.api_caller import Caller
from tests.run_room import Repository, approved
from tests.shop import FAST_HASHER, password_of
from tests.ticket_steps import BEFORE_OPEN, bring
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import sign_in

from quarterdeck.backups import api as backups
from quarterdeck.backups.api import Against, Product, ReimagePlan, Source
from quarterdeck.baselines import api as baselines
from quarterdeck.entrypoints.api import backup_logs as wire_backup_logs
from quarterdeck.entrypoints.api import backups as wire_backups
from quarterdeck.entrypoints.api import captures, checks, drift_rules, rolling_back, runs
from quarterdeck.entrypoints.web import (
    backup_logs,
    check_pages,
    drift_text,
    drifting,
    drills,
    reimaging,
    runbooks,
    snapshots,
    urls,
)
from quarterdeck.entrypoints.web import backups as backup_pages
from quarterdeck.entrypoints.web import drift_rules as drift_rule_pages
from quarterdeck.entrypoints.web import rolling_back as rollback_pages
from quarterdeck.entrypoints.web import runs as run_pages
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.runs.api import Mode
from quarterdeck.wiring import run_room
from quarterdeck.workflows import (
    drill_restore,
    keep_backup_source,
    keep_checks,
    keep_reimage_plans,
    open_window,
    order_runs,
)

pytestmark = pytest.mark.django_db(transaction=True)
# Iris leads IT and asked for the ticket, Max does its work, Avery and Casey approved it; Erin escorts nobody here.
PEOPLE = ("iris", "avery", "casey", "quinn", "max", "erin")
ALL, LEAD, WORKER = frozenset(PEOPLE), frozenset({"iris"}), frozenset({"max"})
READERS = ALL - {"erin"}
WORKING = frozenset({"iris", "max"})
NOBODY: frozenset[str] = frozenset()
# What reading and refusing leave in the ledger; anything else is an act.
HARMLESS = frozenset({"evidence.viewed", "act.refused", "login.succeeded", "token.issued", "second_factor.shown"})
DENIED = frozenset(
    {"role.missing", "reading.denied", "ticket.not_yours", "token.scope", "runbook.own", "rollback.not_yours"}
)
STEPS = "Boot from the share, choose the image, join the domain; data lives in the file share only."


@dataclass(frozen=True)
class Door:
    """An address, who gets through it, and what is sent."""

    path: str
    may: frozenset[str]
    body: object = None
    file: bool = False
    # Who may leave an act, where whoever reads the ticket first hears what is wrong with the thing that is named.
    does: frozenset[str] | None = None

    @property
    def doers(self) -> frozenset[str]:
        """Return who may leave more than a refusal."""
        return self.may if self.does is None else self.does


API = {
    "GET /checks": Door("/checks", ALL),
    "POST /checks": Door("/checks", LEAD, {"kind": "reboot", "name": "Answers"}),
    "PATCH /checks/{check_id}": Door("/checks/{check}", LEAD, {"name": "Answers still"}),
    "DELETE /checks/{check_id}": Door("/checks/{check}", LEAD),
    "GET /tickets/{number}/checks": Door("/tickets/{number}/checks", READERS),
    "GET /drift-rules": Door("/drift-rules", ALL),
    "POST /drift-rules": Door("/drift-rules", LEAD, {"text": "{rules}", "reason": "As we agreed last week."}),
    "GET /tickets/{number}/rollback": Door("/tickets/{number}/rollback", READERS),
    "POST /tickets/{number}/rollback": Door("/tickets/{number}/rollback", WORKING, {"reason": "It went wrong."}),
    "POST /tickets/{number}/rollback/steps/{step}": Door(
        "/tickets/{number}/rollback/steps/1", READERS, {"done": True, "said": "Put back."}, does=WORKING
    ),
    "POST /tickets/{number}/rollback/again": Door("/tickets/{number}/rollback/again", WORKING),
    "POST /tickets/{number}/rollback/stop": Door("/tickets/{number}/rollback/stop", WORKING),
    "POST /tickets/{number}/staging": Door("/tickets/{number}/staging", WORKING, {"ticket": "{number}"}),
    "GET /runbooks": Door("/runbooks", ALL),
    "POST /runbooks": Door(
        "/runbooks", WORKING,
        {"name": "Other", "repository": "{repository}", "commit": "{commit}", "playbook": "patch.yml"},
    ),
    "GET /runbooks/{runbook}": Door("/runbooks/{runbook}", ALL),
    "POST /runbooks/{runbook}/approve": Door(
        "/runbooks/{runbook}/approve", frozenset({"avery"}), {"sha256": "{archive}", "reason": "Read it."}
    ),
    "POST /runbooks/{runbook}/reject": Door(
        "/runbooks/{runbook}/reject", frozenset({"avery"}), {"sha256": "{archive}", "reason": "Read it."}
    ),
    "GET /tickets/{number}/runs": Door("/tickets/{number}/runs", READERS),
    "POST /tickets/{number}/runs": Door("/tickets/{number}/runs", WORKER, {"runbook": "{runbook}"}),
    "GET /runs/{run}": Door("/runs/{run}", READERS),
    "GET /runs/{run}/lines": Door("/runs/{run}/lines", READERS),
    "POST /runs/{run}/cancel": Door("/runs/{run}/cancel", WORKING),
    "GET /tickets/{number}/baselines": Door("/tickets/{number}/baselines", READERS),
    "GET /tickets/{number}/baselines/{sha256}/{form}": Door(
        "/tickets/{number}/baselines/" + "0" * 64 + "/mtree", READERS
    ),
    "GET /tickets/{number}/drift": Door("/tickets/{number}/drift", READERS),
    "POST /tickets/{number}/drift": Door(
        "/tickets/{number}/drift", READERS, {"items": [1], "disposition": "explained", "reason": "It was me."},
        does=WORKING,
    ),
    "PUT /assets/{asset}/backup-source": Door(
        "/assets/{asset}/backup-source", LEAD, {"product": "files", "repository": "{folder}", "credential_file": ""}
    ),
    "GET /tickets/{number}/backup-proofs": Door("/tickets/{number}/backup-proofs", READERS),
    "GET /tickets/{number}/snapshots": Door("/tickets/{number}/snapshots", READERS),
    "POST /tickets/{number}/snapshots": Door("/tickets/{number}/snapshots", WORKING, {"asset": "{asset}"}),
    "POST /tickets/{number}/snapshots/{snapshot}/look": Door("/tickets/{number}/snapshots/sn_x/look", WORKING),
    "GET /drill-plans": Door("/drill-plans", ALL),
    "POST /drill-plans": Door("/drill-plans", LEAD, {"asset": "{asset}", "scratch": "{scratch}"}),
    "POST /drill-plans/{plan}/ask": Door("/drill-plans/{plan}/ask", LEAD),
    "POST /drill-plans/{plan}/end": Door("/drill-plans/{plan}/end", LEAD),
    "GET /drills": Door("/drills", ALL),
    "POST /tickets/{number}/backup-logs": Door(
        "/tickets/{number}/backup-logs", WORKING,
        {"asset": "{asset}", "product": "other", "ended_at": "2026-11-23T02:00:00Z"}, file=True,
    ),
    "GET /reimage-plans": Door("/reimage-plans", ALL),
    "POST /reimage-plans": Door(
        "/reimage-plans", LEAD,
        {"image": "Other", "version": "1", "owner": "{owner}", "tested_at": "{past}", "review_by": "{future}",
         "assets": ["{workstation}"], "steps": STEPS},
    ),
    "POST /reimage-plans/{plan}/end": Door("/reimage-plans/{reimage}/end", LEAD),
}  # fmt: skip
_RUN = {"runbook": "{runbook}", "how": "check", "assets": "{asset}"}
_REASON = {"reason": "It went wrong."}
_SOURCE = {"product": "files", "repository": "{folder}", "depth": "all", "max_age_hours": "24", "offline_days": "0",
           "contract_days": "0"}  # fmt: skip
_DRILL = {"scratch": "{scratch}", "against": "source", "every_days": "91"}
_PLAN = {"image": "Other", "version": "1", "owner": "{owner}", "tested_at": "{day}", "review_by": "+26w",
         "assets": "{workstation}", "steps": STEPS}  # fmt: skip
# Pages are looked at by `may`; where something is sent, only `may` leaves an act.
WEB = {
    "checks": Door("/registers/checks/", ALL),
    "check_kinds": Door("/registers/checks/kinds/", LEAD),
    "check_define": Door("/registers/checks/define/reboot/", LEAD, {"name": "Answers", "phase": "both"}),
    "check": Door("/registers/checks/{check}/", LEAD, {"name": "Answers yet", "phase": "both"}),
    "check_withdraw": Door("/registers/checks/{check}/withdraw/", LEAD, {}),
    "drift_rules": Door("/registers/drift-rules/", LEAD, {"text": "{rules}", "reason": "As we agreed."}),
    "rollback_begin": Door("/tickets/{number}/rollback/", WORKING, _REASON),
    "rollback_step": Door("/tickets/{number}/rollback/steps/1/", WORKING, {"became": "done", "said": "Put back."}),
    "rollback_again": Door("/tickets/{number}/rollback/again/", WORKING, {}),
    "rollback_stop": Door("/tickets/{number}/rollback/stop/", WORKING, {}),
    "rollback_card": Door("/tickets/{number}/rollback/card/", READERS),
    "ticket_staging": Door("/tickets/{number}/staging/", WORKING, {"ticket": "{number}"}),
    "drift_text": Door("/tickets/{number}/drift/1/text/", READERS),
    "ticket_explain": Door(
        "/tickets/{number}/drift/{asset}/", WORKING, {"items": "1", "how": "explained", "reason": "It was me."}
    ),
    "ticket_baseline": Door("/tickets/{number}/baselines/" + "0" * 64 + "/mtree/", READERS),
    "runbooks": Door("/registers/runbooks/", ALL),
    "runbook_propose": Door(
        "/registers/runbooks/propose/", WORKING,
        {"name": "Third", "repository": "{repository}", "commit": "{commit}", "playbook": "patch.yml"},
    ),
    "runbook": Door("/registers/runbooks/{runbook}/", frozenset({"avery"}), {"decision": "approve", "reason": "Read."}),
    "run_order": Door("/tickets/{number}/runs/order/", WORKER, _RUN),
    "run": Door("/runs/{run}/", READERS),
    "run_lines": Door("/runs/{run}/lines/", READERS),
    "run_cancel": Door("/runs/{run}/cancel/", WORKING, {}),
    "snapshots": Door("/tickets/{number}/snapshots/", WORKING, {"do": "look", "snapshot": "sn_x"}),
    "backups": Door("/backups/", ALL),
    "drills": Door("/backups/drills/", ALL),
    "drill_plan": Door("/backups/drills/{plan}/", ALL),
    "drill_ask": Door("/backups/drills/{plan}/ask/", LEAD, {}),
    "drill_end": Door("/backups/drills/{plan}/end/", LEAD, {}),
    "drill_set": Door("/assets/{asset}/drills/", LEAD, _DRILL),
    "backup_source_set": Door("/assets/{asset}/backup-source/", LEAD, _SOURCE),
    "ticket_backups": Door("/tickets/{number}/backups/", READERS),
    "backup_log": Door(
        "/tickets/{number}/backups/log/", WORKING,
        {"asset": "{asset}", "maker": "other", "ended_at": "{day}"}, file=True,
    ),
    "reimage_plans": Door("/backups/reimage/", ALL),
    "reimage_plan": Door("/backups/reimage/{reimage}/", ALL),
    "reimage_set": Door("/backups/reimage/set/", LEAD, _PLAN),
    "reimage_end": Door("/backups/reimage/{reimage}/end/", LEAD, {}),
}  # fmt: skip
# Pages that everybody who reads may look at though only some may send.
LOOKED_AT = {
    "drift_rules": ALL, "runbook": ALL, "rollback_begin": READERS - {"quinn"}, "rollback_again": READERS - {"quinn"},
    "ticket_staging": READERS - {"quinn"},
    "run_order": READERS - {"quinn"}, "snapshots": READERS - {"quinn"}, "backup_log": READERS - {"quinn"},
}  # fmt: skip
WIRE = {"": (captures, checks, wire_backups, wire_backup_logs, runs), "/drift-rules": (drift_rules,),
        "/tickets": (rolling_back,)}  # fmt: skip
PAGES = (backup_logs, backup_pages, check_pages, drift_rule_pages, drift_text, drifting, drills, reimaging,
         rollback_pages, run_pages, runbooks, snapshots)  # fmt: skip


def test_every_address_stands_in_the_table() -> None:
    wire = {
        f"{method} {prefix}{path}"
        for prefix, modules in WIRE.items()
        for module in modules
        for path, view in module.router.path_operations.items()
        for operation in view.operations
        for method in operation.methods
    }
    assert wire == set(API)
    modules = {module.__name__ for module in PAGES}
    assert {one.name for one in urls.urlpatterns if getattr(one.callback, "__module__", "") in modules} == set(WEB)


@dataclass
class Place:
    """An open ticket with a waiting run, a check, a drill plan, a reimage plan, a runbook that waits for its word."""

    yard: Yard
    words: dict[str, str] = field(default_factory=dict)

    def filled(self, value: object) -> object:
        """Return what is sent with the names of this place in it."""
        if isinstance(value, str):
            for name, word in self.words.items():
                value = value.replace("{" + name + "}", word)
            return value
        if isinstance(value, dict):
            return {name: self.filled(one) for name, one in value.items()}
        return [self.filled(one) for one in value] if isinstance(value, list) else value

    def acts(self, who: str, before: int) -> list[str]:
        """Return what this person did since, by the ledger."""
        found = [one.event for one in evidence.entries(from_seq=before) if one.actor_id == self.yard.shop.ids[who]]
        return [event for event in found if event not in HARMLESS]


@pytest.fixture
def place(settings, tmp_path: Path) -> Place:
    settings.PASSWORD_HASHERS = FAST_HASHER
    yard = build_yard(SystemClock())  # type: ignore[arg-type]
    lead, now = yard.actor("iris"), yard.clock.now()
    repository = Repository(tmp_path / "books")
    book = approved(yard, repository, repository.commit(), by="max")  # type: ignore[arg-type]
    window = Window(now - timedelta(minutes=1), now + timedelta(hours=1))
    number = yard.scheduled(escort="", window=window, items=(yard.tool, book.item)).number
    bring(yard, number, BEFORE_OPEN)
    open_window.open_ticket(yard.actor("max"), yard.clock, number)
    wanted = order_runs.Wanted(book.id, Mode.CHECK, False, (yard.server,))
    [run] = order_runs.order_runs(yard.actor("max"), yard.clock, number, wanted, run_room())
    copies, scratch = tmp_path / "copies", tmp_path / "scratch"
    for folder in (copies, scratch):
        folder.mkdir()
    (copies / "a").write_text("a\n")
    (copies / "SHA256SUMS").write_text(f"{hashlib.sha256(b'a').hexdigest()}  a\n")
    source = Source("", yard.server, Product.FILES, str(copies), "", timedelta(hours=24), path=str(copies))
    keep_backup_source.keep(lead, yard.clock, source)
    plan = drill_restore.set_plan(lead, yard.clock, asset=yard.server, scratch=str(scratch), against=Against.SOURCE)
    fields = keep_checks.CheckFields(kind="reboot", name="Up", phase="both", values={}, assets=())
    check = keep_checks.define(lead, yard.clock, fields)
    ws = inventory.add_asset(
        inventory.AssetFields(
            hostname="ws07", category="contractor_risk_managed", owner=yard.shop.ids["casey"], asset_kind="workstation"
        ),
        actor=lead, clock=yard.clock,
    ).id  # fmt: skip
    past, future = yard.clock.now() - timedelta(days=3), yard.clock.now() + timedelta(days=60)
    image = ReimagePlan("", "Windows 11", "24H2", yard.shop.ids["casey"], past, future, "", (ws,))
    reimage = keep_reimage_plans.set_plan(lead, yard.clock, image, STEPS)
    return Place(yard, {
        "number": number, "run": run.id, "runbook": book.id, "archive": book.sha256, "check": check.id,
        "plan": plan.id, "asset": yard.server, "folder": str(copies), "scratch": str(scratch), "workstation": ws,
        "reimage": reimage.id, "owner": yard.shop.ids["casey"], "past": past.isoformat(),
        "future": future.isoformat(), "repository": str(repository.folder), "commit": repository.commit(),
        "day": f"{past:%Y-%m-%d %H:%M}", "rules": baselines.rules_history()[0].text,
    })  # fmt: skip


def send_wire(place: Place, caller: Caller, name: str, door: Door):
    method = name.partition(" ")[0].lower()
    path, body = str(place.filled(door.path)), place.filled(door.body)
    if door.file:
        assert isinstance(body, dict)
        form = body | {"file": SimpleUploadedFile("job.log", b"no log", "text/plain")}
        return caller.client.post(f"/api/v1{path}", form, headers=caller.headers)
    return caller.call(method, path, body)


def codes(answer) -> set[str]:
    if answer.status_code not in {403, 404, 409}:
        return set()
    return {one["code"] for one in answer.json()["refused"]}


@pytest.mark.urls("tests.api_urls")
def test_every_call_as_everybody(place: Place) -> None:
    callers = {who: Caller(place.yard.shop, who) for who in PEOPLE}
    wrong = []
    for name, door in API.items():
        for who in sorted(PEOPLE, key=lambda one: one in door.may):
            before = evidence.head().size
            answer = send_wire(place, callers[who], name, door)
            let_in = answer.status_code in {200, 409, 404, 403} and not codes(answer) & DENIED
            done = place.acts(who, before)
            if let_in != (who in door.may) or (done and who not in door.doers):
                wrong.append(f"{name} as {who}: {answer.status_code} {codes(answer)} {done}")
    assert wrong == []


@pytest.mark.urls("tests.api_urls")
def test_no_call_without_a_token_and_none_that_acts_with_one_for_reading(place: Place, client) -> None:
    secret, _ = personnel.issue_token(
        "iris@example.test", password_of("iris"), place.yard.shop.totp("iris"), clock=place.yard.clock, scopes=["read"]
    )
    reader = Caller(place.yard.shop, "max")
    reader.headers = {"authorization": f"Bearer {secret}"}
    nobody = Caller(place.yard.shop, "avery")
    nobody.headers = {}
    before = evidence.head().size
    for name, door in API.items():
        assert send_wire(place, nobody, name, door).status_code == 401, name
        if not name.startswith("GET"):
            answer = send_wire(place, reader, name, door)
            assert (answer.status_code, codes(answer)) == (403, {"token.scope"}), name
    assert place.acts("iris", before) == []


def test_every_page_as_everybody(place: Place) -> None:
    clients = {who: sign_in(place.yard.shop, who) for who in PEOPLE}
    wrong = []
    for name, door in WEB.items():
        path = str(place.filled(door.path))
        for who in sorted(PEOPLE, key=lambda one: one in door.may):
            before = evidence.head().size
            status = clients[who].get(path).status_code
            looks = LOOKED_AT.get(name, door.may)
            # 405: only sent to. 404: what is named is not there, said to those who may read.
            if status not in {405, 404} and (status in {200, 302}) != (who in looks):
                wrong.append(f"look at {name} as {who}: {status}")
            if status == 404 and who not in looks and "0" * 64 not in path and "/drift/" not in path:
                wrong.append(f"look at {name} as {who}: {status}")
            if place.acts(who, before):
                wrong.append(f"look at {name} as {who} did {place.acts(who, before)}")
            if door.body is None:
                continue
            body = place.filled(door.body)
            assert isinstance(body, dict)
            files = {"file": SimpleUploadedFile("job.log", b"no log", "text/plain")} if door.file else {}
            answer = clients[who].post(path, body | files)
            done = place.acts(who, before)
            if done and who not in door.may:
                wrong.append(f"send to {name} as {who}: {answer.status_code} {done}")
            if who in door.may and answer.status_code not in {200, 302}:
                wrong.append(f"send to {name} as {who}: {answer.status_code}")
    assert wrong == []


def test_no_page_for_a_stranger(place: Place, client) -> None:
    before = evidence.head().size
    for name, door in WEB.items():
        path = str(place.filled(door.path))
        for answer in (client.get(path), client.post(path, {})):
            assert answer.status_code == 302, name
            assert "/accounts/login/" in answer["Location"], name
    assert evidence.head().size == before
    assert backups.register(place.yard.clock.now()) != []
