"""Start work: the certificates that work only here and now, the commands, what is recorded, and the countdown."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck import wiring
from quarterdeck.access import api as access
from quarterdeck.access.api import GrantState, Purpose
from quarterdeck.entrypoints.web import stepup
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Decision, Reason, Refused, all_of
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import State, TicketView
from quarterdeck.workflows.take_access import AccessMaterial, take_access

_KEPT = "access_material"


class KeyForm(forms.Form):
    """The public half of the person's own SSH key."""

    public_key = forms.CharField(
        label="Your SSH public key", max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"}),
        help_text="One line of ~/.ssh/id_ecdsa.pub or id_ecdsa_sk.pub. It becomes yours alone.",
    )  # fmt: skip


@page(*STAFF_AT_WORK)
def start(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """The technician's page beside the terminal."""
    ticket = ticket_for(seen, number)
    return render(request, "tickets/start.html", _context(request, seen, ticket))


def _context(request: HttpRequest, seen: Visitor, ticket: TicketView) -> dict[str, Any]:
    names = Names()
    number = ticket.number
    key = personnel.key_of(seen.person.id)
    refused = _admission(seen, ticket)
    live = {
        grant.serial: grant
        for grant in access.grants(ticket=number, person=seen.person.id, purpose=Purpose.WORK, state=GrantState.ACTIVE)
        if seen.now < grant.valid_until
    }
    kept = [one for one in request.session.get(_KEPT, {}).get(number, []) if one["serial"] in live]
    return {
        "ticket": ticket,
        "may_end": ticket.state is State.OPEN,
        "may_take": refused.allowed,
        "not_yet": refused.reasons,
        "certificates": [_certificate(number, one, live[one["serial"]].valid_until) for one in kept],
        "snippet": request.session.get(_KEPT, {}).get(f"{number}-config", ""),
        "elsewhere": len(live) - len(kept),
        "key": key,
        "access_form": KeyForm() if key is None else None,
        "code_form": stepup.code_form(request, seen),
        "escort": names.person(ticket.escort) if ticket.escort else "",
        "roots": sorted({root for named in ticket.assets for root in _roots(named)}),
    }


def _roots(named: tickets.TicketAsset) -> tuple[str, ...]:
    link = inventory.connection(named.connection_id) if named.connection_id else None
    return link.watched_roots if link else ()


def _admission(seen: Visitor, ticket: TicketView) -> Decision:
    """Ask the rule that the gate asks: is this person let in on any of the assets now."""
    decisions = [
        tickets.may_admit(ticket.number, seen.person.id, named.asset_id, seen.now)
        for named in ticket.assets
        if named.connection_id
    ]
    if any(decision.allowed for decision in decisions):
        return Decision()
    reasons: tuple[Reason, ...] = all_of(decisions).reasons
    return Decision(tuple(dict.fromkeys(reasons)))


def _certificate(number: str, kept: dict[str, Any], valid_until: Any) -> dict[str, Any]:  # noqa: ANN401  a datetime
    host = kept["hostname"]
    return {
        "asset": host,
        "serial": kept["serial"],
        "valid_until": valid_until,
        "state": "active",
        "file": kept["file"],
        "url": reverse("ticket_certificate", args=[number, kept["file"]]),
        "commands": [
            ("Terminal", f"ssh {host}"),
            ("One command", f"ssh {host} 'systemctl status nginx'"),
            ("Playbook", f"ansible-playbook -i {host}, site.yml"),
        ],
    }


@page(*STAFF_AT_WORK)
@require_POST
def take(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Register the key where there is none yet, and give access until the window ends."""
    ticket = ticket_for(seen, number)
    code = stepup.code_form(request, seen)
    key = personnel.key_of(seen.person.id)
    form = KeyForm(request.POST) if key is None else None
    extra: dict[str, Any] = {"code_form": code, "access_form": form}
    if (form is None or form.is_valid()) and code is None:
        try:
            if form is not None:
                line = form.cleaned_data["public_key"]
                key = personnel.register_key(seen.person.id, line, actor=seen.actor, clock=CLOCK)
            material = take_access(
                seen.actor,
                CLOCK,
                policy=wiring.key_policy(),
                ticket=number,
                public_key=key.public_key if key else "",
                signer=wiring.signer(),
                door=wiring.gate_door(),
            )
            _keep(request, number, material)
            messages.success(
                request, "Your certificate is ready. It works only for this ticket, and only until its window ends."
            )
            return redirect("ticket_start", number)
        except Refused as refused:
            extra |= {"refused": refused.decision, "form": KeyForm()}
    return render(request, "tickets/start.html", _context(request, seen, ticket) | extra)


def _keep(request: HttpRequest, number: str, material: AccessMaterial) -> None:
    """Keep the certificates in the browser session: they are public, and worth nothing without the private key."""
    kept = dict(request.session.get(_KEPT, {}))
    kept[number] = [
        {"hostname": one.hostname, "serial": one.serial, "file": one.file_name, "line": one.certificate}
        for one in material.assets
    ]
    kept[f"{number}-config"] = material.ssh_config + f"\n# known_hosts: {material.known_hosts_line}\n"
    request.session[_KEPT] = kept


@page(*STAFF_AT_WORK)
def certificate(request: HttpRequest, seen: Visitor, number: str, name: str) -> HttpResponse:
    """Download a certificate that this browser session was given."""
    ticket_for(seen, number)
    for one in request.session.get(_KEPT, {}).get(number, []):
        if one["file"] == name:
            headers = {"Content-Disposition": f'attachment; filename="{name}"'}
            return HttpResponse(one["line"] + "\n", content_type="text/plain; charset=utf-8", headers=headers)
    raise Http404
