"""Vendors: agreements with what they permit until when, pools of people, and what expires next."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from quarterdeck.entrypoints.web import stepup, zones
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_forms import AgreementForm, PoolForm
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.words import called
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import AgreementView, Role


@page()
def vendor_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Every vendor in one record."""
    names = Names()
    by_vendor: dict[str, list[AgreementView]] = {}
    for terms in personnel.agreements():
        by_vendor.setdefault(terms.vendor, []).append(terms)
    vendors = [
        {
            "name": vendor,
            "agreements": [_agreement(terms, seen) for terms in several],
            "people": [person for person in names.people.values() if person.organisation == vendor and person.active],
            "pools": [
                {"name": pool.name, "members": [names.person(member) for member in pool.members]}
                for pool in personnel.pools()
                if pool.agreement_id in {terms.id for terms in several}
            ],
        }
        for vendor, several in sorted(by_vendor.items())
    ]
    return render(request, "people/vendors.html", {"vendors": vendors, "is_lead": seen.has(Role.IT_LEAD)})


def _agreement(terms: AgreementView, seen: Visitor) -> dict[str, Any]:
    whole = (terms.valid_until - terms.valid_from).total_seconds() or 1
    gone = (min(max(seen.now, terms.valid_from), terms.valid_until) - terms.valid_from).total_seconds()
    return {
        "id": terms.id,
        "number": terms.number,
        "actions": ", ".join(map(called, terms.permitted_actions)),
        "methods": ", ".join(map(called, terms.methods)),
        "nda": terms.nda,
        "no_cui_offsite": terms.no_cui_offsite,
        "from_": terms.valid_from,
        "until": terms.valid_until,
        "gone": round(100 * gone / whole, 1),
        "state": "active" if terms.in_date(seen.now) else "inactive",
        "word": "In force" if terms.in_date(seen.now) else "Ended" if terms.ended_at else "Out of date",
        "may_end": seen.has(Role.IT_LEAD) and terms.ended_at is None,
    }


@page(Role.IT_LEAD)
def agreement_add(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Add an agreement; a renewed one is added, never changed."""
    zone = zones.zone_of(request)
    form = AgreementForm(posted(request), zone=zone, now=seen.now)
    refused = None
    if request.method == "POST" and form.is_valid() and seen.stepped_up:
        try:
            made = personnel.add_agreement(**form.cleaned_data, time_zone=zone.key, actor=seen.actor, clock=CLOCK)
            messages.success(request, f"Agreement {made.number} of {made.vendor} is added.")
            return redirect("vendors")
        except Refused as error:
            refused = error.decision
    context = {"form": form, "heading": "Add a vendor agreement", "button": "Add", "refused": refused,
               "code_form": stepup.code_form(request, seen),
               "lead": "What the vendor's people may do, by which ways, until when."}  # fmt: skip
    return render(request, "people/form.html", context)


@page(Role.IT_LEAD)
def pool_add(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Add a pool."""
    form = PoolForm(posted(request))
    refused = None
    if request.method == "POST" and form.is_valid() and seen.stepped_up:
        said = form.cleaned_data
        try:
            personnel.add_pool(said["name"], said["agreement"], said["members"], actor=seen.actor, clock=CLOCK)
            messages.success(request, "The pool is added.")
            return redirect("vendors")
        except Refused as error:
            refused = error.decision
    context = {"form": form, "heading": "Add a pool", "button": "Add", "refused": refused,
               "code_form": stepup.code_form(request, seen),
               "lead": "A ticket may name the pool; the person is bound when access is taken."}  # fmt: skip
    return render(request, "people/form.html", context)


@page(Role.IT_LEAD)
@require_POST
def agreement_end(request: HttpRequest, seen: Visitor, agreement_id: str) -> HttpResponse:
    """End an agreement now."""
    ended = personnel.end_agreement(agreement_id, actor=seen.actor, clock=CLOCK)
    messages.success(request, f"Agreement {ended.number} is ended; authorisations under it count no more.")
    return redirect("vendors")
