"""Evidence: the ledger's head, checkpoints with their anchors, what is not anchored yet, and packages."""

from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import OrderState, OrderView
from quarterdeck.config.api import load
from quarterdeck.entrypoints.web import anchor_holders, checkpoints, ledger_check, lists, store_panel, zones
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.package_contents import PACKAGERS, PeriodForm, kept_back
from quarterdeck.entrypoints.web.package_orders import AssessmentForm, RecipientForm, kind_words
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.tags import bytes_words
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.decision import Refused
from quarterdeck.retention import api as retention
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import export_package
from quarterdeck.workflows.store_state import store_state

SHOWN_CHECKPOINTS = 12
SHOWN_ORDERS = 10


@page()
def evidence_page(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """What is sealed, what left the server, what has not yet; and the packages for those who may make them."""
    head = evidence.head()
    anchored = evidence.anchored_size()
    names = Names()
    may_package = seen.has(*PACKAGERS)
    made = [_order(order, seen, names) for order in assessor.orders()[:SHOWN_ORDERS]] if may_package else []
    kept = checkpoints.rows(names)
    context: dict[str, Any] = {
        "head": head,
        "anchored": anchored,
        "waiting": max(0, head.size - anchored),
        "oldest": evidence.oldest_unanchored(),
        "line": checkpoints.line(kept, head.size, anchored),
        "checkpoints": kept[:SHOWN_CHECKPOINTS],
        "more_checkpoints": max(0, len(kept) - SHOWN_CHECKPOINTS),
        "origin": load().ledger_origin,
        "anchors": anchor_holders.card(seen, names),
        "may_package": may_package,
        "may_keep": seen.has(*retention.READERS),
        "orders": made,
        "live": any(one["live"] for one in made),
        "form": PeriodForm(zone=zones.zone_of(request), now=seen.now),
        "assessment": AssessmentForm(zone=zones.zone_of(request), now=seen.now),
        "recipient": RecipientForm(),
        "tickets": [
            {"number": one.number, "title": one.title, "state": one.state.value}
            for one in tickets.tickets(person_id=seen.person.id, at=seen.now)
        ] if may_package else [],
        "chosen": request.GET.get("ticket", ""),
        "check": ledger_check.panel(seen, names) if seen.has(*ledger_check.READERS) else None,
        "store": store_panel.panel(seen, store_state(), names) if may_package else None,
    }  # fmt: skip
    return render(request, "evidence/page.html", context)


_LOOKS = {
    OrderState.WAITING: ("pending", "Waiting"),
    OrderState.RUNNING: ("running_job", "Being made"),
    OrderState.DONE: ("passed", "Ready"),
    OrderState.FAILED: ("failed", "Failed"),
}


def _state_word(code: str) -> str:
    """Return the word of a state as it stands in an address; somebody may write anything there."""
    return _LOOKS[OrderState(code)][1] if code in set(OrderState) else code


def _order(order: OrderView, seen: Visitor, names: Names) -> dict[str, Any]:
    code, word = _LOOKS[order.state]
    return {
        "id": order.id,
        "name": order.file_name,
        "what": kind_words(order.scope),
        "by": names.person(order.ordered_by),
        "at": order.ordered_at,
        "code": code,
        "word": word,
        "live": order.state in (OrderState.WAITING, OrderState.RUNNING),
        "ready": order.state is OrderState.DONE,
        "message": order.message,
        "size": order.size,
        "sha256": order.sha256,
        "count": order.withheld,
        "withheld": kept_back(order, seen, names),
        "cancelling": order.cancel_asked,
    }


@page(*PACKAGERS)
def order_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """The newest packages alone, asked for while one is being made."""
    names = Names()
    found = [_order(order, seen, names) for order in assessor.orders()[:SHOWN_ORDERS]]
    return render(request, "evidence/orders.html", {"orders": found, "live": any(one["live"] for one in found)})


@page(*PACKAGERS)
def order_archive(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Every package that was ordered, as a list."""
    names = Names()
    listing = lists.Listing[OrderView](
        name="packages",
        noun="packages",
        columns=[
            lists.Column("name", "Package", lambda row: lists.text(row.file_name, sub=kind_words(row.scope))),
            lists.Column("state", "State", lambda row: lists.state(_LOOKS[row.state][0], _LOOKS[row.state][1])),
            lists.Column("by", "Ordered by", lambda row: lists.text(names.person(row.ordered_by))),
            lists.Column("at", "Ordered", lambda row: lists.moment(row.ordered_at), lambda row: row.ordered_at),
            lists.Column("size", "Size", lambda row: lists.text(bytes_words(row.size)), lambda row: row.size),
            lists.Column("withheld", "Withheld", lambda row: lists.text(row.withheld), lambda row: row.withheld),
            lists.Column("sha256", "SHA-256", lambda row: lists.mono(row.sha256), shown=False),
        ],
        row_url=lambda row: reverse("package", args=[row.id]) if row.state is OrderState.DONE else "",
        empty=lists.Empty("No package yet", "A package holds entries, files and proofs of a ticket or a period.",
                          "package", "Make the first one", reverse("evidence")),
        filters=[
            lists.Filter("state", "State", lambda row: row.state.value, _state_word),
            lists.Filter("kind", "Of", lambda row: row.kind.value, lambda code: f"a {code}"),
        ],
        sort="-at",
    )  # fmt: skip
    shown = lists.build(request, listing, assessor.orders())
    if isinstance(shown, HttpResponse):
        return shown
    lead = "Whatever left this server for an assessor; each export is an entry that names the hashes of its views."
    return render(request, "list_page.html", {"list": shown, "title": "Packages", "lead": lead, "crumbs": _CRUMBS})


@page()
def checkpoint_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Every checkpoint with whom it reached, as a list."""
    shown = lists.build(request, checkpoints.listing(), checkpoints.rows(Names()))
    if isinstance(shown, HttpResponse):
        return shown
    lead = "Each is a signed size and root of the ledger. The holders outside can show that nothing before it changed."
    return render(request, "list_page.html", {"list": shown, "title": "Checkpoints", "lead": lead, "crumbs": _CRUMBS})


_CRUMBS = (("Evidence", "evidence"),)


@page(*PACKAGERS)
@require_POST
def order_cancel(request: HttpRequest, seen: Visitor, order_id: str) -> HttpResponse:
    """Stop the making of a package at its next step."""
    export_package.cancel_package(seen.actor, CLOCK, order_id)
    messages.info(request, "It stops at its next step.")
    return redirect("evidence")


@page(*PACKAGERS)
def package_file(request: HttpRequest, seen: Visitor, order_id: str) -> HttpResponseBase:
    """Download a finished package."""
    try:
        order, path = export_package.take_package(seen.actor, CLOCK, order_id)
    except Refused as refused:
        if refused.decision.codes in (("package.unknown",), ("package.not_ready",)):
            raise Http404 from refused
        raise
    return FileResponse(path.open("rb"), as_attachment=True, filename=order.file_name, content_type="application/zip")


@page()
def checkpoint_file(request: HttpRequest, seen: Visitor, size: int, kind: str) -> HttpResponse:
    """Download a checkpoint's three lines, its signature or its note."""
    found = evidence.checkpoint(size)
    parts = (
        {}
        if found is None
        else {"checkpoint": found.body, "checkpoint.sig": found.sshsig, "checkpoint.note": found.note}
    )
    if kind not in parts:
        raise Http404
    headers = {"Content-Disposition": f'attachment; filename="{size}-{kind}"'}
    return HttpResponse(parts[kind], content_type="application/octet-stream", headers=headers)
