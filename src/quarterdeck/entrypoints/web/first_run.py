"""First run: five steps with a live checklist; each step is read from what is there, nothing is ticked by hand."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from quarterdeck.config.api import load
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Outcome
from quarterdeck.inventory import api as inventory
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tools import api as tools

_NEEDED = (Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER, Role.TECHNICIAN)


@page(Role.IT_LEAD)
def first_run(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """The checklist."""
    steps = [_organisation(), _people(seen), _assets(), _policy(), _target(seen)]
    first = next((step for step in steps if not step["done"]), None)
    tickets_seen = len(tickets.tickets())
    context = {
        "steps": steps,
        "first": first,
        "done": sum(step["done"] for step in steps),
        "tickets": tickets_seen,
        "rows": [(row, tickets.HOLD_POINTS[row.hold_point]) for row in tickets.policy().rows],
    }
    return render(request, "setup/first_run.html", context)


def _step(name: str, done: bool, say: str, missing: list[str], act: str, url: str) -> dict[str, Any]:
    return {"name": name, "done": done, "say": say, "missing": missing, "act": act, "url": url}


def _organisation() -> dict[str, Any]:
    config = load()
    named = config.organisation != "Example Organisation"
    missing = (
        []
        if named
        else ["Set QD_ORGANISATION and QD_TIME_ZONE, or the same in the file that QD_CONFIG names; then restart."]
    )
    anchored = bool(config.smtp_host or config.syslog_address)
    if not anchored:
        missing.append("Set QD_SMTP_HOST or QD_SYSLOG_ADDRESS: without a way out nothing is anchored outside.")
    say = f"{config.organisation}, {config.time_zone}. Ledger {config.ledger_origin}."
    return _step(
        "Organisation, time zone, a way out for anchors",
        not missing,
        say,
        missing,
        "See the evidence page",
        reverse("evidence"),
    )


def _people(seen: Visitor) -> dict[str, Any]:
    missing = [
        f"Nobody is {role.value.replace('_', ' ')} yet." for role in _NEEDED if not personnel.holders(role, seen.now)
    ]
    unready = [person.name for person in personnel.people() if person.active and not person.mfa_enrolled]
    if unready:
        missing.append(f"Without a second factor: {', '.join(unready)}. Each uses the enrolment code at /enrol/.")
    say = f"{len(personnel.people())} people. Nobody approves a ticket that they request, work on or escort."
    return _step("People and second factors", not missing, say, missing, "Go to people", reverse("people"))


def _assets() -> dict[str, Any]:
    found = inventory.assets()
    missing = [] if found else ["The inventory is empty."]
    ownerless = [one.hostname for one in found if not one.owner]
    if ownerless:
        missing.append(f"Without an owner: {', '.join(ownerless[:8])}{' and more' if len(ownerless) > 8 else ''}.")
    reached = sum(bool(one.connections) for one in found)
    if found and not reached:
        missing.append("No asset has a connection: address, account and host key.")
    say = (
        f"{len(found)} assets, {reached} reached through the gate, {sum(one.handles_cui for one in found)} handle CUI."
    )
    return _step("Assets", not missing, say, missing, "Import a CSV", reverse("asset_import"))


def _policy() -> dict[str, Any]:
    registered = tools.items()
    missing = [] if registered else ["No tool, technique or mechanism is registered: a ticket names at least one."]
    say = "The defaults suit twenty people. They are listed below; a change of policy is an entry of the ledger."
    return _step("Policy and registers", not missing, say, missing, "Register an item", reverse("register_add"))


def _target(seen: Visitor) -> dict[str, Any]:
    proven = [fact for fact in evidence.facts(kinds=["sole_path.proven"]) if fact.outcome is Outcome.PASSED]
    todo = "On the target's console run what `qd gate target-setup HOST` prints; preparing a first ticket tests it."
    missing = [] if proven else [todo]
    say = f"{len({fact.asset for fact in proven})} targets with the gate as the only proven way in."
    return _step("A target prepared", bool(proven), say, missing, "Request a first ticket", reverse("ticket_new"))
