"""The bulk acts of the lists: withdraw tickets, package them, one ticket for several assets, retire, deactivate."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck import wiring
from quarterdeck.assessor import api as assessor
from quarterdeck.entrypoints.web.bulk import MOST, Bulk, Line, Said, each, serve
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.package_contents import contents_shown
from quarterdeck.entrypoints.web.package_orders import RecipientForm, asked_of
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.ticket_forms import ReasonForm
from quarterdeck.entrypoints.web.words import status
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Decision, Refused, all_of, require_that
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tools import api as tools
from quarterdeck.tools.api import ItemState
from quarterdeck.workflows import export_package, keep_inventory, keep_tools
from quarterdeck.workflows import request as requesting
from quarterdeck.workflows.offboard_person import offboard_person

WITHDRAWERS = (Role.REQUESTER, Role.TECHNICIAN, Role.IT_LEAD)
PACKAGERS = (Role.IT_LEAD, Role.ASSESSOR)


@page(*WITHDRAWERS)
@require_POST
def tickets_withdraw(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Withdraw tickets that never opened."""
    readable = {one.number: one for one in tickets.tickets(person_id=seen.person.id, at=seen.now)}

    def look(number: str) -> Line | None:
        one = readable.get(number)
        if one is None:
            return None
        mine = require_that(
            one.requester == seen.person.id or seen.has(Role.IT_LEAD),
            "ticket.not_own",
            "Only its requester or the IT lead withdraws a ticket.",
            "Ask one of them.",
        )
        decision = all_of([tickets.may_move("withdraw", one.state), mine])
        return Line(number, number, f"{one.title} · {status(one.state.value).word}", "Will be withdrawn", decision)

    def do(who: Visitor, number: str, said: Said) -> None:
        requesting.withdraw(who.actor, CLOCK, number, str(said["reason"]))

    lead = "They stay in the history and can't be taken up again. The reason is sealed with each."
    return serve(
        request,
        seen,
        Bulk("Withdraw tickets", lead, "Withdraw", "tickets", look, each(do, "withdrawn"), ReasonForm, danger=True),
    )


@page(*PACKAGERS)
@require_POST
def tickets_package(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """One package of the chosen tickets."""
    readable = {one.number: one for one in tickets.tickets(person_id=seen.person.id, at=seen.now)}

    def look(number: str) -> Line | None:
        one = readable.get(number)
        if one is None:
            return None
        return Line(number, number, f"{one.title} · {status(one.state.value).word}", "Goes into the package")

    def act(who: Visitor, numbers: Sequence[str], said: Said) -> str | HttpResponse:
        recipient, passphrase = export_package.address(wiring.locksmith(), asked_of(said))
        made = export_package.order_package(who.actor, CLOCK, numbers=numbers, recipient=recipient)
        if passphrase:
            return render(request, "evidence/passphrase.html", {"order": made, "passphrase": passphrase})
        return f"{made.base} is being made. It shows under Evidence when it is ready."

    def more(numbers: Sequence[str]) -> dict[str, Any]:
        found = assessor.contents(assessor.Scope(tuple(numbers)), assessor.Recipient(), seen.now)
        return {"contents": contents_shown(found, seen, Names())}

    lead = "Their whole chains, files and proofs, and a report. What stays here is listed below and in the package."
    bulk = Bulk("Package of chosen tickets", lead, "Make it of", "tickets", look, act, form=RecipientForm, more=more)
    return serve(request, seen, bulk)


@page(*WITHDRAWERS)
@require_POST
def assets_ticket(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """One new ticket for the chosen assets: the form is the preview."""
    chosen = request.POST.getlist("chosen")[:MOST]
    if not chosen:
        messages.info(request, "Nothing was chosen: tick the assets first.")
        return redirect("assets")
    return redirect(f"{reverse('ticket_new')}?{urlencode([('asset', one) for one in chosen])}")


@page(Role.IT_LEAD)
@require_POST
def assets_retire(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Take assets out of use."""
    known = {one.id: one for one in inventory.assets(include_retired=True)}
    chosen = set(request.POST.getlist("chosen"))

    def look(asset_id: str) -> Line | None:
        one = known.get(asset_id)
        if one is None:
            return None
        needed = [other.hostname for other in inventory.dependants(asset_id) if other.id not in chosen]
        live = [ticket.number for ticket in tickets.live_tickets_of_asset(asset_id)]
        decision = all_of([
            require_that(one.active, "asset.retired", "It is retired already.", "Nothing is to be done."),
            require_that(not needed, "asset.depended_on", f"{', '.join(needed[:5])} depends on it.",
                         "Change that dependency first."),
            require_that(not live, "asset.in_use", f"{', '.join(live[:5])} names it and is not over.",
                         "Close or withdraw the ticket first."),
        ])  # fmt: skip
        return Line(asset_id, one.hostname, one.title, "Will be retired", decision)

    def do(who: Visitor, asset_id: str, said: Said) -> None:
        keep_inventory.retire_asset(who.actor, CLOCK, asset_id)

    lead = "Their connections end with them. History, tickets and evidence stay."
    return serve(request, seen, Bulk("Retire assets", lead, "Retire", "assets", look, each(do, "retired"), danger=True))


@page(Role.IT_LEAD)
@require_POST
def items_withdraw(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Withdraw tools, techniques or mechanisms."""

    def look(item_id: str) -> Line | None:
        try:
            item = tools.item(item_id)
        except Refused:
            return None
        listed = require_that(
            item.state is ItemState.LISTED, "item.withdrawn", "It is withdrawn already.", "Nothing is to be done."
        )
        return Line(item_id, f"{item.name} {item.version}", item.kind.value, "Will be withdrawn", listed)

    def do(who: Visitor, item_id: str, said: Said) -> None:
        keep_tools.withdraw_item(who.actor, CLOCK, item_id)

    lead = "Tickets that name one of them do not open any more. The entries and hashes stay."
    return serve(
        request, seen, Bulk("Withdraw items", lead, "Withdraw", "registers", look, each(do, "withdrawn"), danger=True)
    )


@page(Role.IT_LEAD)
@require_POST
def people_deactivate(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """End the logins, roles, authorisations and access of people who leave."""
    known = {one.id: one for one in personnel.people()}

    def look(person_id: str) -> Line | None:
        one = known.get(person_id)
        if one is None:
            return None
        decision: Decision = all_of([
            require_that(one.active, "person.inactive", "Inactive already.", "Nothing is to be done."),
            require_that(person_id != seen.person.id, "person.self", "That is you.", "Ask the other IT lead."),
        ])  # fmt: skip
        return Line(person_id, one.name, one.organisation, "Will be deactivated", decision)

    def do(who: Visitor, person_id: str, said: Said) -> None:
        offboard_person(who.actor, CLOCK, person_id)

    lead = "Login, roles, authorisations and every access end at once; running sessions are ended. The history stays."
    return serve(
        request,
        seen,
        Bulk(
            "Deactivate people",
            lead,
            "Deactivate",
            "people",
            look,
            each(do, "deactivated"),
            danger=True,
            with_code=True,
        ),
    )
