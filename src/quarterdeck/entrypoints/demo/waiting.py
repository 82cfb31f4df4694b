"""What the demo leaves to try when it goes on serving: one ticket that waits for two decisions, one for tomorrow."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from quarterdeck.entrypoints.demo.shop import Shop


def leave_work(shop: Shop) -> str:
    """Make both tickets through the API, as people would, and say what waits for whom."""
    for key in ("iris", "avery", "casey"):
        shop.api(key).step_up()
    planned = _tomorrows(shop)
    waiting = _undecided(shop)
    return f"{waiting} waits for Avery's and Casey's decision; {planned} is scheduled for tomorrow."


def _tomorrows(shop: Shop) -> str:
    """A preventive ticket that both have approved: its window opens tomorrow evening, a day's notice is given."""
    now = datetime.now(UTC)  # noqa: TID251  the demo is a client with a wall clock of its own
    opens = datetime.combine(now.date() + timedelta(days=1), time(20, 0), tzinfo=UTC)
    if opens - now < timedelta(hours=25):
        opens = now + timedelta(hours=25)
    made = _submitted(shop, opens, {
        "title": "Monthly clean-up of old share logs",
        "maintenance_type": "preventive",
        "plan": "Set 'log level' in share.conf to 0 for the clean-up, remove logs older than 90 days, set it back.",
        "impact": "None: shares stay open; the log is silent for a few minutes.",
        "rollback": "Put share.conf back from the restic backup of the same day.",
    })  # fmt: skip
    for key, role, reason in (
        ("avery", "approver", "Routine, after working hours, with a fresh backup."),
        ("casey", "cui_owner", "Logs only; no drawing is touched."),
    ):
        body = {"role": role, "content_hash": made["content_hash"], "reason": reason}
        shop.api(key).call("POST", f"/tickets/{made['number']}/approve", body)
    return str(made["number"])


def _undecided(shop: Shop) -> str:
    """A corrective ticket in front of its approvers: the window is long enough for anybody to read it first."""
    now = datetime.now(UTC)  # noqa: TID251  the demo is a client with a wall clock of its own
    made = _submitted(shop, now + timedelta(hours=2), {
        "title": "Let Dana into the share of drawings",
        "maintenance_type": "corrective",
        "plan": "Add 'dana' to users.allow, as asked for in writing, and note the change in CHANGES.",
        "impact": "One more person reads the drawings; nobody else notices.",
        "rollback": "Take the line out again.",
        "expected_paths": [f"{shop.stage.tree}/users.allow"],
    })  # fmt: skip
    return str(made["number"])


def _submitted(shop: Shop, opens: datetime, words: dict[str, Any]) -> dict[str, Any]:
    usual = {
        "action": "configure",
        "method": "ssh",
        "window_from": opens.isoformat(),
        "window_until": (opens + timedelta(hours=2)).isoformat(),
        "assets": [{"asset": shop.server_id, "connection": shop.connection}],
        "technicians": [shop.people["max"].id],
        "agreement": shop.agreement,
        "items": [shop.technique],
        "expected_paths": [f"{shop.stage.tree}/share.conf"],
    }
    iris = shop.api("iris")
    number = iris.call("POST", "/tickets", usual | words)["number"]
    told: dict[str, Any] = iris.call("POST", f"/tickets/{number}/submit")
    return told
