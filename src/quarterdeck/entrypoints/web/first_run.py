"""First run: five steps with a live checklist; each step is read from what is there, nothing is ticked by hand."""

import shlex
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck import wiring
from quarterdeck.config.api import load
from quarterdeck.entrypoints.web import zones
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.words import called
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Outcome
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import AssetView, ConnectionView
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tools import api as tools
from quarterdeck.workflows.try_doors import try_doors

_NEEDED = (Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER, Role.TECHNICIAN)
UNNAMED = "Example Organisation"
STEPS = 5


@page(Role.IT_LEAD)
def first_run(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """The checklist."""
    steps = [_organisation(request), _people(seen), _assets(), _policy(), _target(request)]
    context = {
        "steps": steps,
        "first": next((step for step in steps if not step["done"]), None),
        "done": sum(step["done"] for step in steps),
        "tickets": len(tickets.tickets()),
        "rules": _rules(),
        "most_bytes": inventory.MAX_BYTES,
    }
    return render(request, "setup/first_run.html", context)


def steps_done(request: HttpRequest, seen: Visitor) -> int:
    """Return how many of the five steps are done."""
    return sum(step["done"] for step in (
        _organisation(request), _people(seen), _assets(), _policy(), _target(request)
    ))  # fmt: skip


def _step(key: str, name: str, done: bool, say: str, missing: list[str], **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"key": key, "name": name, "done": done, "say": say, "missing": missing} | more


def _organisation(request: HttpRequest) -> dict[str, Any]:
    config = load()
    named = config.organisation != UNNAMED
    anchored = bool(config.smtp_host or config.syslog_address or config.checkpoints_place or config.witness_list)
    lines, missing = [], []
    if not named:
        missing.append("The organisation has no name yet.")
        lines += ['QD_ORGANISATION="Your Company Inc."', f"QD_TIME_ZONE={zones.zone_of(request).key}"]
    if not anchored:
        missing.append("Nothing leaves this server yet: what nobody outside holds can be rewritten unseen.")
        lines += ["QD_SMTP_HOST=mail.example.com", "QD_MAIL_FROM=quarterdeck@example.com"]
    say = f"{config.organisation}, {config.time_zone}. The ledger calls itself {config.ledger_origin}."
    name = "Organisation, time zone, a way out for anchors"
    return _step("organisation", name, not missing, say, missing, lines=lines)


def _people(seen: Visitor) -> dict[str, Any]:
    everybody = [person for person in personnel.people() if person.active]
    missing = [f"Nobody is {called(role.value)} yet." for role in _NEEDED if not personnel.holders(role, seen.now)]
    if any(not person.mfa_enrolled for person in everybody):
        missing.append("Whoever has no second factor yet opens the enrolment page with the code that you hand over.")
    people = [
        {
            "name": person.name, "url": reverse("person", args=[person.id]), "mfa": person.mfa_enrolled,
            "roles": ", ".join(sorted(called(role.value) for role in personnel.roles_of(person.id, seen.now))),
        }
        for person in everybody[:12]
    ]  # fmt: skip
    say = f"{len(everybody)} people. Nobody approves a ticket that they request, work on or escort."
    address = f"{load().public_url or load().url}{reverse('enrol')}"
    more = max(0, len(everybody) - 12)
    name = "People and second factors"
    return _step("people", name, not missing, say, missing, people=people, enrol=address, more=more)


def _assets() -> dict[str, Any]:
    found = inventory.assets()
    missing = [] if found else ["The inventory is empty: drop the list that you have."]
    ownerless = [one.hostname for one in found if not one.owner]
    if ownerless:
        missing.append(f"Without an owner: {', '.join(ownerless[:8])}{' and more' if len(ownerless) > 8 else ''}.")
    reached = sum(bool(one.connections) for one in found)
    if found and not reached:
        missing.append("No asset has a way in yet: address, account and host key, on the asset's page.")
    cui = sum(one.handles_cui for one in found)
    say = f"{len(found)} in the inventory, {reached} reached through the gate, {cui} handle CUI."
    return _step("assets", "Assets", not missing, say, missing)


def _policy() -> dict[str, Any]:
    missing = [] if tools.items() else ["No tool, technique or mechanism is registered: a ticket names at least one."]
    say = f"The policy in force is version {tickets.policy().version}; a change of it is an entry of the ledger."
    return _step("policy", "Policy and registers", not missing, say, missing)


def _rules() -> list[str]:
    """Return the defaults as sentences, with the numbers of the rules that apply them."""
    policy = tickets.policy()
    both = policy.flag("one_independent_person_may_hold_both_roles")
    ages = [row.maximum_age for row in policy.rows if row.hold_point == "HP-BACKUP" and row.maximum_age]
    backup = f" not older than {zones.spoken(min(ages))}" if ages else ""
    return [
        "Nobody approves their own work: approvers are not the requester, not a technician, not the escort.",
        "Work on an asset that handles CUI takes the approver and the CUI owner, "
        + ("who may be one independent person." if both else "two different people."),
        f"Planned work is announced {zones.spoken(_day())} before its window; corrective work and emergencies at once.",
        f"A server that handles CUI opens only with a backup that was verified{backup}.",
        "A window of a vendor is 12 h at most; access ends with the window, "
        f"to finish own staff get {_minutes(policy.number('grace_minutes_staff'))}, vendors "
        f"{_minutes(policy.number('grace_minutes_vendor'))}.",
        f"Own staff lengthen an open window once by {policy.number('self_extension_minutes')} min; all other time is "
        "decided like the ticket.",
        f"A terminal at which nobody types ends after {policy.number('idle_minutes_terminal')} min.",
        *_screens(policy),
        *_keys(policy),
        "Standard work is approved in advance for 90 days.",
        "An emergency is authorised by one named person and ratified within two business days.",
        "Watched files are measured before and after; whatever was not declared is explained by somebody else.",
    ]


def _screens(policy: tickets.Policy) -> list[str]:
    if policy.flag("record_screens_of_cui_assets"):
        return []
    return ["What is shown on assets that handle CUI is not recorded, only times, sizes, files and ends."]


def _keys(policy: tickets.Policy) -> list[str]:
    everywhere, cui = (policy.flag(f"verified_keys_for_{name}_assets") for name in ("all", "cui"))
    if not (everywhere or cui):
        return []
    where = "every asset" if everywhere else "assets that handle CUI"
    return [f"Access to {where} takes a security key that asks for its PIN at every connection."]


def _minutes(count: int) -> str:
    return f"{count} min more" if count else "nothing more"


def _day() -> timedelta:
    return tickets.lead_time(tickets.MaintenanceType.PREVENTIVE, emergency=False)


def _target(request: HttpRequest) -> dict[str, Any]:
    proven = {fact.asset for fact in evidence.facts(kinds=["sole_path.proven"]) if fact.outcome is Outcome.PASSED}
    ways = [(asset, link) for asset in inventory.assets() for link in asset.connections]
    ways.sort(key=lambda way: (way[0].id in proven, way[0].hostname))
    chosen = next((way for way in ways if way[1].id == request.GET.get("target", "")), ways[0] if ways else None)
    missing = [] if proven else ["No target is proven yet: run the two lines, test, then prepare a first ticket."]
    if not ways:
        missing = ["First give an asset a way in: address, account and host key."]
    say = f"{len(proven)} target{'' if len(proven) == 1 else 's'} with the gate as the only proven way in."
    return _step(
        "target", "A target prepared", bool(proven), say, missing, lines=_lines(*chosen) if chosen else [],
        chosen=chosen[1].id if chosen else "", ways=[(link.id, _way(asset, link)) for asset, link in ways],
    )  # fmt: skip


def _way(asset: AssetView, link: ConnectionView) -> str:
    return f"{asset.hostname}: {link.target_account}@{link.address}, port {link.port}"


def _lines(asset: AssetView, link: ConnectionView) -> list[str]:
    """Return the two lines: the script made on this server, and run as root on the target."""
    host, account = shlex.quote(asset.hostname), shlex.quote(link.target_account)
    return [
        f"qd gate target-setup {host} --account {account} > setup.sh && less setup.sh",
        f"ssh -p {link.port} root@{shlex.quote(link.address)} sh -s < setup.sh",
    ]


@page(Role.IT_LEAD)
@require_POST
def target_test(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Try the doors of a target from outside, now; what is found is shown and proves nothing yet."""
    wanted = request.POST.get("target", "")
    found = [(asset, link) for asset in inventory.assets() for link in asset.connections if link.id == wanted]
    context: dict[str, Any] = {"tried": True}
    if not found:
        context["tried"] = False
        return render(request, "setup/tested.html", context)
    asset, link = found[0]
    try:
        context["doors"] = try_doors(
            seen.actor, CLOCK, asset_id=asset.id, connection_id=link.id, stranger=wiring.stranger(),
            source=load().gate_address,
        )  # fmt: skip
        context["way"] = _way(asset, link)
        context["asset_id"] = asset.id
    except Refused as refused:
        context["refused"] = refused.decision
    return render(request, "setup/tested.html", context)
