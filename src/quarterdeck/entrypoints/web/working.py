"""Start work: the certificates that work only here and now, the commands, what is recorded, and the countdown."""

from dataclasses import asdict
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck import wiring
from quarterdeck.access import api as access
from quarterdeck.access.api import GrantState, Purpose
from quarterdeck.entrypoints.web import extending, session_words, stepup, without_qd
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.entrypoints.web.without_qd import Kept
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Decision, Reason, Refused, all_of
from quarterdeck.personnel import api as personnel
from quarterdeck.sessions import api as sessions
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import State, TicketView
from quarterdeck.workflows.take_access import take_access

_KEPT = "access_material"
_LONGEST_FILE = 4096


class KeyForm(forms.Form):
    """The public half of the person's own SSH key, pasted or as the file."""

    public_key = forms.CharField(
        label="Your SSH public key", max_length=2000, required=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"}),
        help_text="One line of ~/.ssh/id_ecdsa.pub or id_ecdsa_sk.pub. It becomes yours alone.",
    )  # fmt: skip
    file = forms.FileField(label="Or its file, the one that ends in .pub", required=False)
    needed: ClassVar = {"public_key": "paste it or choose its file"}

    def clean(self) -> dict[str, Any]:
        """Take the text of the file where nothing was pasted."""
        given: dict[str, Any] = super().clean() or {}
        file = given.get("file")
        if not given.get("public_key") and file is not None:
            given["public_key"] = file.read(_LONGEST_FILE).decode("ascii", "replace")
        if not given.get("public_key"):
            self.add_error("public_key", "Paste the key, or choose its file.")
        return given


class IdentityForm(forms.Form):
    """Where the private half lies on the person's own computer: only the name, for the configuration."""

    identity_file = forms.RegexField(
        r"(?a)\A(?:~|/)[A-Za-z0-9._/@+-]{1,200}\Z", label="Where its private half is on your computer",
        error_messages={"invalid": "Write it like ~/.ssh/id_ecdsa, on Windows too; without spaces."},
        help_text="Only its name is used. In an agent or on a token? Then the .pub file beside this name is enough.",
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
    usual = without_qd.usual_identity(key.public_key if key else "")
    refused = _admission(seen, ticket)
    live = {
        grant.serial: grant
        for grant in access.grants(ticket=number, person=seen.person.id, purpose=Purpose.WORK, state=GrantState.ACTIVE)
        if seen.now < grant.valid_until
    }
    kept = _kept(request, number)
    mine = [one for one in kept.certificates if one["serial"] in live] if kept else []
    return {
        "ticket": ticket,
        "may_end": ticket.state is State.OPEN,
        "may_take": refused.allowed,
        "not_yet": refused.reasons,
        "more_time": extending.waiting_words(ticket, seen, request),
        "certificates": [_certificate(number, one, live[int(one["serial"])].valid_until) for one in mine],
        "elsewhere": len(live) - len(mine),
        **(_by_hand(request, number, kept) if kept and mine else {}),
        "key": key,
        "access_form": KeyForm() if key is None else None,
        "identity_form": IdentityForm(initial={"identity_file": usual}),
        "code_form": stepup.code_form(request, seen),
        "escort": names.person(ticket.escort) if ticket.escort else "",
        "running": _running(number, seen),
        "roots": sorted({root for named in ticket.assets for root in _roots(named)}),
    }


def _kept(request: HttpRequest, number: str) -> Kept | None:
    return without_qd.from_session(request.session.get(_KEPT, {}).get(number))


def _by_hand(request: HttpRequest, number: str, kept: Kept) -> dict[str, Any]:
    """Return what the page says to a person without `qd`; their own system's part is open."""
    names = (without_qd.CONFIG, without_qd.KNOWN_HOSTS)
    return {
        "kept": kept,
        "files": [(name, reverse("ticket_certificate", args=[number, name])) for name in names],
        "is_windows": "Windows" in request.headers.get("User-Agent", ""),
        "posix": without_qd.posix_block(kept),
        "posix_removal": without_qd.posix_removal(kept),
        "windows": without_qd.windows_block(kept),
        "windows_removal": without_qd.windows_removal(kept),
    }


def _running(number: str, seen: Visitor) -> list[dict[str, str]]:
    """Return this person's running sessions of the ticket with who watches each: nobody is watched in secret."""
    mine = [one for one in sessions.running() if one.ticket == number and one.person == seen.person.id]
    told = sessions.supervision([one.id for one in mine], seen.now)
    return [
        {"work": one.work, "held": session_words.watched(held.watchers, sessions.paused_by(held.orders))}
        for one in mine
        if (held := told.get(one.id)) is not None
    ]


def _roots(named: tickets.TicketAsset) -> tuple[str, ...]:
    link = inventory.connection(named.connection_id) if named.connection_id else None
    return link.watched_roots if link else ()


def _admission(seen: Visitor, ticket: TicketView) -> Decision:
    """Ask the rules that the gate asks: is this person let in on any of the assets now."""
    decisions = [
        tickets.may_admit(ticket.number, seen.person.id, named.asset_id, seen.now)
        for named in ticket.assets
        if named.connection_id
    ]
    if any(decision.allowed for decision in decisions):
        return access.not_revoked(seen.person.id, ticket.number)
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
    form = KeyForm(request.POST, request.FILES) if key is None else None
    where = IdentityForm(request.POST) if "identity_file" in request.POST else None
    extra: dict[str, Any] = {"code_form": code, "access_form": form} | ({"identity_form": where} if where else {})
    if (form is None or form.is_valid()) and (where is None or where.is_valid()) and code is None:
        try:
            if form is not None:
                line = form.cleaned_data["public_key"]
                key = personnel.register_key(seen.person.id, line, actor=seen.actor, clock=CLOCK)
            _take(request, seen, number, key.public_key if key else "", where)
            messages.success(
                request, "Your certificate is ready. It works only for this ticket, and only until its window ends."
            )
            return redirect("ticket_start", number)
        except Refused as refused:
            extra |= {"refused": refused.decision, "form": KeyForm()}
    return render(request, "tickets/start.html", _context(request, seen, ticket) | extra)


def _take(request: HttpRequest, seen: Visitor, number: str, public_key: str, where: IdentityForm | None) -> None:
    """Take access and keep it in the browser session: it is public, and worth nothing without the private key."""
    identity = where.cleaned_data["identity_file"] if where else without_qd.usual_identity(public_key)
    material = take_access(
        seen.actor,
        CLOCK,
        policy=wiring.key_policy(),
        ticket=number,
        public_key=public_key,
        signer=wiring.signer(),
        door=wiring.gate_door(),
        identity_file=identity,
        folder=without_qd.folder_of(number),
    )
    kept = dict(request.session.get(_KEPT, {}))
    kept[number] = asdict(without_qd.kept(material, identity))
    request.session[_KEPT] = kept


@page(*STAFF_AT_WORK)
def certificate(request: HttpRequest, seen: Visitor, number: str, name: str) -> HttpResponse:
    """Download a certificate or one of the files beside it that this browser session was given."""
    ticket_for(seen, number)
    kept = _kept(request, number)
    if kept is None or name not in kept.files:
        raise Http404
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(kept.files[name], content_type="text/plain; charset=utf-8", headers=headers)
