"""Monitoring in the browser: proposing, one view of all that is approved, my work, findings and their settling."""

from pathlib import Path

import pytest
from tests.append_only import database_in_hand
from tests.measuring import LocalMonitorChannel
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import hidden, sign_in, text_of

from quarterdeck.access import api as access
from quarterdeck.access.api import PlanState, PlanView
from quarterdeck.baselines import api as baselines
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.tickets.api import ApprovalRole, Verdict
from quarterdeck.workflows import keep_plans, run_plans

pytestmark = pytest.mark.django_db(transaction=True)
TICKER = system("ticker")
WHY = "Changes without a ticket have to be seen."
REASON = {"reason": "The folders are the right ones."}


@pytest.fixture
def yard(settings: object, tmp_path: Path) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    made = build_yard(SystemClock())  # type: ignore[arg-type]
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "site.conf").write_text("listen 80\n")
    made.tree = tree  # type: ignore[attr-defined]
    move(made, watched_roots=(str(tree),))
    return made


def move(yard: Yard, **changes: object) -> None:
    before = inventory.connection(yard.connection).fields
    fields = {name: getattr(before, name) for name in before.__dataclass_fields__} | changes
    inventory.set_connection(
        yard.server, inventory.ConnectionFields(**fields), actor=yard.actor("iris"), clock=yard.clock,
        connection_id=yard.connection,
    )  # fmt: skip


def proposed(yard: Yard) -> PlanView:
    form = {"connection": yard.connection, "cadence_hours": "24", "valid_until": "+26w", "reason": WHY}
    answer = sign_in(yard.shop, "iris").post(f"/assets/{yard.server}/monitoring/", form, follow=True)
    assert "Two other people decide" in text_of(answer)
    return access.plans()[0]


def approved(yard: Yard) -> PlanView:
    plan = proposed(yard)
    for key, role in (("avery", ApprovalRole.APPROVER), ("casey", ApprovalRole.CUI_OWNER)):
        plan = keep_plans.decide(
            yard.actor(key), yard.clock, plan.id, role=role, verdict=Verdict.APPROVED,
            content_hash=plan.content_hash, reason="Fine as it is.",
        )  # fmt: skip
    return plan


def found(yard: Yard) -> baselines.DriftView:
    plan, channel = approved(yard), LocalMonitorChannel()
    run_plans.run_plan(TICKER, yard.clock, plan, channel)
    (yard.tree / "site.conf").write_text("listen 8080\n")  # type: ignore[attr-defined]
    run_plans.run_plan(TICKER, yard.clock, plan, channel)
    return next(one for one in baselines.findings() if any(item.source == "file" for item in one.items))


def test_a_plan_from_the_assets_page_to_two_decisions(yard):
    asset = f"/assets/{yard.server}/"
    iris = sign_in(yard.shop, "iris")
    assert "Not measured between tickets" in text_of(iris.get(asset))
    assert "Measured over" in text_of(iris.get(f"{asset}monitoring/"))
    plan = proposed(yard)
    page = f"/monitoring/{plan.id}/"
    own = text_of(iris.get(page))
    assert "You can't decide: you proposed it" in own
    assert "Waits for Approver: Avery Approver" in own
    assert "Approver" in text_of(iris.get("/"))
    avery = sign_in(yard.shop, "avery")
    assert "Approve monitoring plan as approver" in text_of(avery.get("/"))
    shown = avery.get(page)
    text = text_of(shown)
    for said in (
        WHY, "maint@127.0.0.1, port 2200", "Sudo", str(yard.tree), baselines.collector_sha256(), plan.content_hash,
        "CUI asset",
    ):  # fmt: skip
        assert said.lower() in text.lower(), said
    form = {"content_hash": hidden(shown, "content_hash"), "role": "approver", **REASON}
    decided = avery.post(page, form, follow=True)
    assert "It takes a second person" in text_of(decided)
    assert "Approve monitoring plan" not in text_of(avery.get("/"))
    casey = sign_in(yard.shop, "casey")
    shown = casey.get(page)
    casey.post(page, {"content_hash": hidden(shown, "content_hash"), "role": "cui_owner", **REASON})
    assert access.plan(plan.id).state is PlanState.APPROVED
    block = text_of(casey.get(asset))
    assert "In force" in block
    assert "Not measured yet" in block


def test_a_stale_page_is_answered_with_409_and_the_difference(yard):
    plan = proposed(yard)
    page, avery = f"/monitoring/{plan.id}/", sign_in(yard.shop, "avery")
    stale = avery.post(page, {"content_hash": "ab" * 32, "role": "approver", **REASON})
    assert stale.status_code == 409
    assert "not what you were shown" in text_of(stale)
    move(yard, address="127.0.0.2")
    moved = avery.post(page, {"content_hash": plan.content_hash, "role": "approver", **REASON})
    assert moved.status_code == 409
    assert "127.0.0.2" in text_of(moved)
    assert access.plan(plan.id).decisions == ()
    keep_plans.look_after_plans(TICKER, yard.clock)
    assert "is not monitored any more" in text_of(avery.get("/"))
    assert "Propose anew" in text_of(sign_in(yard.shop, "iris").get(page))


def test_refusing_and_ending(yard):
    plan = proposed(yard)
    page, avery = f"/monitoring/{plan.id}/", sign_in(yard.shop, "avery")
    avery.post(page, {"content_hash": plan.content_hash, "role": "approver", "verdict": "refused", **REASON})
    assert access.plan(plan.id).state is PlanState.REJECTED
    again = approved(yard)
    assert sign_in(yard.shop, "max").post(f"/monitoring/{again.id}/end/", REASON).status_code == 403
    ended = sign_in(yard.shop, "casey").post(f"/monitoring/{again.id}/end/", {"reason": "Replaced."}, follow=True)
    assert "Nothing is measured under it any more" in text_of(ended)
    assert access.plan(again.id).state is PlanState.ENDED


def test_a_finding_waits_is_read_and_settled(yard):
    seen = found(yard)
    avery = sign_in(yard.shop, "avery")
    assert "Explain drift found on fs01.example.test" in text_of(avery.get("/"))
    assert "unexplained" in text_of(avery.get("/findings/"))
    page = text_of(avery.get(f"/findings/{seen.id}/"))
    assert str(yard.tree / "site.conf") in page
    assert "No ticket worked on this asset in between" in page
    settle = f"/findings/{seen.id}/settle/"
    assert "Nothing was chosen" in text_of(avery.post(settle, {"reason": WHY}, follow=True))
    chosen = [str(item.id) for item in seen.items]
    wrong = avery.post(settle, {"items": chosen, "reason": WHY, "ticket": "mt-2026-00099"}, follow=True)
    assert "MT-2026-00099 does not explain it" in text_of(wrong)
    done = avery.post(settle, {"items": chosen, "reason": WHY, "how": "reverted"}, follow=True)
    assert "All explained" in text_of(done)
    assert "Avery Approver" in text_of(done)
    assert seen.id not in {one.id for one in baselines.findings(open_only=True)}
    file = avery.get(f"/findings/{seen.id}/changes.json")
    assert b"site.conf" in b"".join(file.streaming_content)
    assert evidence.last_entry(["evidence.viewed"]).object.id == seen.document_sha256


def test_who_may_not_read_findings_sees_none(yard):
    seen = found(yard)
    for key in ("max", "erin"):
        client = sign_in(yard.shop, key)
        assert client.get("/findings/").status_code == 403
        assert client.get(f"/findings/{seen.id}/").status_code == 403
        assert client.get(f"/findings/{seen.id}/changes.json").status_code == 403
        assert "Drift found" not in text_of(client.get(f"/assets/{yard.server}/"))
        assert "Findings" not in text_of(client.get(f"/monitoring/{seen.plan}/"))
    quinn = sign_in(yard.shop, "quinn")
    assert str(yard.tree / "site.conf") in text_of(quinn.get(f"/findings/{seen.id}/"))
    assert quinn.post(f"/findings/{seen.id}/settle/", {"items": ["1"], "reason": WHY}).status_code == 403


def test_nothing_there_and_nothing_inline(yard):
    seen, iris = found(yard), sign_in(yard.shop, "iris")
    for address in ("/monitoring/mo_nothing/", "/findings/999999/", "/findings/99999999999999999999999/"):
        assert iris.get(address).status_code == 404, address
    for address in (f"/monitoring/{seen.plan}/", f"/findings/{seen.id}/", "/findings/", f"/assets/{yard.server}/"):
        answer = iris.get(address)
        assert answer.status_code == 200
        assert answer["Cache-Control"] == "no-store"
        assert " style=" not in answer.content.decode()


def test_a_plan_that_the_ledger_does_not_know_says_so(yard):
    plan = approved(yard)
    with database_in_hand() as cursor:
        cursor.execute("UPDATE access_monitoringplan SET cadence_hours = 4 WHERE id = %s", [plan.id])
    iris = sign_in(yard.shop, "iris")
    for address in ("/", f"/monitoring/{plan.id}/", f"/assets/{yard.server}/"):
        assert "ledger" in text_of(iris.get(address)), address
