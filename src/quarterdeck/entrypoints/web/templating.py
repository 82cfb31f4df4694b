"""Standard work: templates made from tickets, their approval for 90 days, their withdrawal."""

from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from quarterdeck.entrypoints.web import stepup
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.entrypoints.web.ticket_acts import Question, ask
from quarterdeck.entrypoints.web.ticket_forms import ReasonForm
from quarterdeck.entrypoints.web.ways import initial_ways, place, told, way_fields
from quarterdeck.entrypoints.web.words import called
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, Content, Method
from quarterdeck.tools import api as tools
from quarterdeck.workflows import keep_templates


class TemplateForm(forms.Form):
    """Name and length of standard work; its content is the ticket's."""

    name = forms.CharField(label="Name of the standard work", max_length=120)
    window_hours = forms.IntegerField(label="Hours that it takes", min_value=1, max_value=12, initial=2)

    def __init__(self, *arguments: Any, content: Content, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        self.written = content
        known = {one.id: one for one in inventory.assets()}
        self.places = [known[named.asset_id] for named in content.assets if named.asset_id in known]
        if content.method is Method.SSH:
            self.fields |= way_fields(self.places)
            for name, value in initial_ways(content.assets).items():
                if name in self.fields:
                    self.fields[name].initial = value

    def content(self) -> Content:
        """Return the ticket's content through the ways in that were chosen."""
        named = {one.id: place(one, self.written.method, self.cleaned_data) for one in self.places}
        return replace(self.written, assets=tuple(named.get(one.asset_id, one) for one in self.written.assets))


@page(Role.IT_LEAD)
def template_from(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Make standard work of a ticket's content."""
    ticket = ticket_for(seen, number)
    form = TemplateForm(posted(request), content=ticket.content, initial={"name": ticket.title})

    def act(fresh: Visitor, filled: forms.Form) -> str:
        said = filled.cleaned_data
        made = keep_templates.add(fresh.actor, CLOCK, said["name"], form.content(), window_hours=said["window_hours"])
        return f"“{made.name}” is registered; approver and CUI owner approve it under Standard work."

    lead = "The plan, assets, people and tools of this ticket become a template. Approved once, it lasts 90 days."
    return ask(request, seen, ticket, form, Question(f"Make {number} standard work", lead, "Register"), act)


@page(*STAFF_AT_WORK)
def template_page(request: HttpRequest, seen: Visitor, template_id: str) -> HttpResponse:
    """One template: everything that is approved, and the decision."""
    template = tickets.template(template_id, seen.now)
    names = Names()
    given = {role for role, _, _ in template.approved}
    roles = [role for role in ApprovalRole if role not in given and seen.has(Role(role.value))]
    form = ReasonForm(posted(request))
    code = stepup.code_form(request, seen)
    context: dict[str, Any] = {"refused": None}
    if request.method == "POST" and roles and form.is_valid() and code is None:
        try:
            keep_templates.approve(
                seen.actor, CLOCK, template_id, role=ApprovalRole(request.POST.get("role", roles[0].value)),
                shown_hash=request.POST.get("content_hash", ""), reason=form.cleaned_data["reason"],
            )  # fmt: skip
            messages.success(request, f"You approved “{template.name}” for 90 days.")
            return redirect("template", template_id)
        except Refused as refused:
            context["refused"] = refused.decision
    context |= {
        "template": template,
        "assets": [
            {"view": names.assets[named.asset_id], "way": told(named, names.assets[named.asset_id])}
            for named in template.content.assets
            if named.asset_id in names.assets
        ],
        "workers": ", ".join(names.person(one) for one in template.content.technicians),
        "items": [tools.item(item) for item in template.content.items],
        "author": names.person(template.author),
        "approved": [
            {"role": called(role.value), "name": names.person(who), "until": until}
            for role, who, until in template.approved
        ],
        "roles": [(role.value, called(role.value)) for role in roles] if template.author != seen.person.id else [],
        "form": form,
        "code_form": code,
        "may_withdraw": not template.withdrawn and seen.has(Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER),
    }
    return render(request, "tickets/template.html", context)


@page(Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER)
@require_POST
def template_withdraw(request: HttpRequest, seen: Visitor, template_id: str) -> HttpResponse:
    """Withdraw a template."""
    keep_templates.withdraw(seen.actor, CLOCK, template_id)
    messages.success(request, "Withdrawn. Tickets made from it stay as they are.")
    return redirect("standard")
