"""Writing tickets: new and changed ones, the quick log, standard work, and what a typed time means."""

from datetime import datetime
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from quarterdeck.entrypoints.web import lists, stepup, zones
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.entrypoints.web.ticket_acts import say_submitted
from quarterdeck.entrypoints.web.ticket_forms import QuickLogForm, StandardForm, TicketForm, initial_of
from quarterdeck.entrypoints.web.typed_times import NotAMoment, read_moment
from quarterdeck.entrypoints.web.ways import told
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import State, TicketView
from quarterdeck.workflows import request as requesting

_HINTS = {
    "window_from": "As you would say it: today 18:00, Fri 6pm, 24 Nov 18:00.",
    "window_until": "A time, or a length after the start: +4h.",
}
WRITERS = (Role.REQUESTER, Role.TECHNICIAN, Role.IT_LEAD)


@page(*WRITERS)
def ticket_new(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """A new ticket: saved as draft, or submitted at once."""
    zone = zones.zone_of(request)
    initial = {"assets": request.GET.getlist("asset"), "technicians": _self_if_technician(seen)}
    form = TicketForm(posted(request), zone=zone, now=seen.now, initial=initial)
    context: dict[str, Any] = {
        "form": form,
        "heading": "New ticket",
        "lead": "Say what, where, when and who. What is still missing for approval is shown on the ticket.",
        "submit_label": "Submit for approval",
    }
    if request.method == "POST" and form.is_valid():
        try:
            made = requesting.request(seen.actor, CLOCK, form.content(), emergency=form.cleaned_data["emergency"])
            return _saved(request, seen, made)
        except Refused as refused:
            context["refused"] = refused.decision
    return render(request, "tickets/new.html", context)


def _self_if_technician(seen: Visitor) -> list[str]:
    return [seen.person.id] if seen.has(Role.TECHNICIAN) else []


def _saved(request: HttpRequest, seen: Visitor, ticket: TicketView) -> HttpResponse:
    """Submit when that was asked; a refusal leaves the draft, so that nothing typed is lost."""
    if request.POST.get("do") == "submit" and ticket.state is State.DRAFT:
        try:
            requesting.submit(seen.actor, CLOCK, ticket.number)
            say_submitted(request, seen, ticket.number)
        except Refused as refused:
            messages.error(request, f"Kept as the draft {ticket.number}, not submitted: {refused}")
    else:
        messages.success(request, f"{ticket.number} is saved.")
    return redirect("ticket", ticket.number)


@page(*WRITERS)
def ticket_edit(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Change a ticket that has not opened; approvals given so far become void."""
    ticket = ticket_for(seen, number)
    tickets.may_move("edit", ticket.state).require()
    zone = zones.zone_of(request)
    form = TicketForm(posted(request), zone=zone, now=seen.now, initial=initial_of(ticket, zone))
    form.fields.pop("emergency")
    context: dict[str, Any] = {
        "form": form,
        "ticket": ticket,
        "heading": f"Change {number}",
        "lead": "Every change is an entry; nothing is overwritten in the history.",
        "voids": any(one.void_at is None for one in ticket.approvals),
        "submit_label": "Save and submit" if ticket.state is State.DRAFT else "Save and ask for approval again",
        "is_change": ticket.state is not State.DRAFT,
    }
    if request.method == "POST" and form.is_valid():
        version = form.cleaned_data["version"] or 0
        try:
            changed = requesting.edit(seen.actor, CLOCK, number, form.content(), version=version)
            return _saved(request, seen, changed)
        except Refused as refused:
            context["refused"] = refused.decision
    return render(request, "tickets/new.html", context)


@page(Role.TECHNICIAN, Role.IT_LEAD)
def quick_log(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Half a minute on a phone: a chore that is done."""
    form = QuickLogForm(
        posted(request), zone=zones.zone_of(request), now=seen.now, initial={"asset": request.GET.get("asset", "")}
    )
    context: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        changed = form.cleaned_data["changed_configuration"]
        try:
            made = requesting.log_quick(seen.actor, CLOCK, form.content(seen.person.id), changed_configuration=changed)
            messages.success(request, f"Written down as {made.number}.")
            return redirect("ticket", made.number)
        except Refused as refused:
            context["refused"] = refused.decision
    return render(request, "tickets/quick_log.html", context)


@page(*WRITERS, Role.APPROVER, Role.CUI_OWNER)
def standard(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Standard work: pre-approved, from template to a scheduled ticket in one step."""
    names = Names()
    every = tickets.templates(seen.now)
    usable = [one for one in every if not one.withdrawn and one.approved]
    form = StandardForm(posted(request), zone=zones.zone_of(request), now=seen.now, initial={"window_from": "now"})
    choices = [(one.id, _template_words(one, names)) for one in usable]
    cast("forms.ChoiceField", form.fields["template"]).choices = choices
    code = stepup.code_form(request, seen)
    shown = lists.build(request, _templates(names), every)
    if isinstance(shown, HttpResponse):
        return shown
    context: dict[str, Any] = {"form": form, "usable": usable, "list": shown if every else None, "code_form": code}
    if request.method == "POST" and form.is_valid() and code is None:
        try:
            said = form.cleaned_data
            made = requesting.request_standard(seen.actor, CLOCK, said["template"], said["window_from"])
            messages.success(request, f"{made.number} is scheduled.")
            return redirect("ticket", made.number)
        except Refused as refused:
            context["refused"] = refused.decision
    return render(request, "tickets/standard.html", context)


def _templates(names: Names) -> lists.Listing[tickets.TemplateView]:
    def state(row: tickets.TemplateView) -> tuple[str, str]:
        if row.withdrawn:
            return "revoked", ""
        return ("active", "Approved") if row.approved else ("submitted", "")

    return lists.Listing(
        name="templates",
        noun="templates",
        columns=[
            lists.Column("name", "Standard work", lambda row: lists.text(row.name)),
            lists.Column("state", "State", lambda row: lists.state(*state(row))),
            lists.Column("assets", "Assets", lambda row: lists.text(
                ", ".join(names.asset(one.asset_id) for one in row.content.assets))),
            lists.Column("hours", "Length", lambda row: lists.text(f"{row.window_hours} h"),
                         lambda row: row.window_hours),
            lists.Column("until", "Approved until", lambda row: lists.moment(_until(row), "date"), _until),
            lists.Column("author", "Written by", lambda row: lists.text(names.person(row.author))),
        ],
        row_url=lambda row: reverse("template", args=[row.id]),
        empty=lists.Empty("No standard work yet", "It is made from a ticket, and approved in advance.", "copy"),
        filters=[lists.Filter("state", "State", lambda row: state(row)[0])],
        sort="name",
    )  # fmt: skip


def _until(row: tickets.TemplateView) -> datetime | None:
    return min((until for _, _, until in row.approved), default=None)


def _template_words(template: tickets.TemplateView, names: Names) -> str:
    hosts = ", ".join(_host_words(named, names) for named in template.content.assets)
    until = min(valid for _, _, valid in template.approved)
    return f"{template.name}: {hosts}, {template.window_hours} h. Pre-approved until {until:%d %b %Y}."


def _host_words(named: tickets.TicketAsset, names: Names) -> str:
    """Name the host, with the way in where it has several."""
    asset = names.assets.get(named.asset_id)
    if asset is None or len(asset.connections) < 2:
        return names.asset(named.asset_id)
    return f"{asset.hostname} through {told(named, asset)}"


@page(*WRITERS)
def typed_time(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Say what a typed time means, while it is typed."""
    zone, field = zones.zone_of(request), request.GET.get("field", "")
    try:
        start = read_moment(request.GET.get("window_from", ""), zone, seen.now)
        meant = start if field == "window_from" else read_moment(request.GET.get(field, ""), zone, seen.now, base=start)
    except NotAMoment as error:
        said = str(error) if request.GET.get(field) else _HINTS.get(field, "")
        return HttpResponse(said, content_type="text/plain; charset=utf-8")
    said = f"{meant.astimezone(zone):%a %d %b %Y %H:%M} {zone.key}, {zones.distance(meant, seen.now)}"
    if field == "window_until":
        said += f"; {zones.spoken(meant - start)} long" if meant > start else "; that is before the start"
    return HttpResponse(said, content_type="text/plain; charset=utf-8")


def new_ticket_url(asset_id: str) -> str:
    """Return the address of a new ticket for an asset."""
    return f"{reverse('ticket_new')}?asset={asset_id}"
