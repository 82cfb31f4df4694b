"""Evidence: the ledger's head, checkpoints with their anchors, what is not anchored yet, and packages."""

from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import OrderState, OrderView
from quarterdeck.config.api import load
from quarterdeck.entrypoints.web import zones
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import record_view, ticket_for
from quarterdeck.entrypoints.web.ticket_forms import MomentField, TimedForm
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import export_package

PACKAGERS = (Role.IT_LEAD, Role.ASSESSOR)
SHOWN_CHECKPOINTS = 40


class PeriodForm(TimedForm):
    """The period of a package."""

    since = MomentField(label="From", help_text="For example 1 Oct 2026.")
    until = MomentField(label="Until", initial="now")


@page()
def evidence_page(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """What is sealed, what left the server, what has not yet; and the packages for those who may make them."""
    head = evidence.head()
    anchored = evidence.anchored_size()
    receipts: dict[int, list[evidence.ReceiptView]] = {}
    for receipt in evidence.receipts():
        receipts.setdefault(receipt.size, []).append(receipt)
    may_package = seen.has(*PACKAGERS)
    made = [_order(order, Names()) for order in assessor.orders()] if may_package else []
    context: dict[str, Any] = {
        "head": head,
        "anchored": anchored,
        "waiting": max(0, head.size - anchored),
        "oldest": evidence.oldest_unanchored(),
        "anchored_width": round(100 * anchored / head.size, 1) if head.size else 0,
        "checkpoints": [
            {"view": one, "receipts": [_receipt(receipt) for receipt in receipts.get(one.size, ())]}
            for one in evidence.checkpoints(SHOWN_CHECKPOINTS)
        ],
        "origin": load().ledger_origin,
        "may_package": may_package,
        "orders": made,
        "live": any(one["live"] for one in made),
        "form": PeriodForm(zone=zones.zone_of(request), now=seen.now),
        "tickets": [
            {"number": one.number, "title": one.title, "state": one.state.value}
            for one in tickets.tickets(person_id=seen.person.id, at=seen.now)
        ] if may_package else [],
        "chosen": request.GET.get("ticket", ""),
    }  # fmt: skip
    return render(request, "evidence/page.html", context)


def _receipt(receipt: evidence.ReceiptView) -> dict[str, Any]:
    independent = receipt.grade is evidence.AnchorGrade.INDEPENDENT
    return {
        "channel": receipt.channel,
        "target": receipt.target,
        "at": receipt.sent_at,
        "independent": independent,
        "grade": "independent" if independent else "same administrator",
    }


def _order(order: OrderView, names: Names) -> dict[str, Any]:
    looks = {"waiting": "pending", "running": "open", "done": "passed", "failed": "failed"}
    named = {"waiting": "Waiting", "running": "Being made", "done": "Ready", "failed": "Failed"}
    return {
        "id": order.id,
        "name": order.file_name,
        "what": ", ".join(order.tickets) if order.tickets else f"{order.since:%d %b %Y} to {order.until:%d %b %Y}",
        "by": names.person(order.ordered_by),
        "at": order.ordered_at,
        "code": looks[order.state.value],
        "word": named[order.state.value],
        "live": order.state in (OrderState.WAITING, OrderState.RUNNING),
        "ready": order.state is OrderState.DONE,
        "message": order.message,
        "size": order.size,
        "sha256": order.sha256,
        "withheld": order.withheld,
    }


@page(*PACKAGERS)
def order_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """The packages alone, asked for while one is being made."""
    found = [_order(order, Names()) for order in assessor.orders()]
    return render(request, "evidence/orders.html", {"orders": found, "live": any(one["live"] for one in found)})


@page(*PACKAGERS)
@require_POST
def order_package(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Ask for a package of one ticket or of a period; it is made in the background."""
    number = request.POST.get("ticket", "")
    if number:
        ticket_for(seen, number)
        export_package.order_package(seen.actor, CLOCK, numbers=[number])
    else:
        form = PeriodForm(request.POST, zone=zones.zone_of(request), now=seen.now)
        if not form.is_valid():
            for field in form.errors.values():
                messages.error(request, str(field[0]))
            return redirect("evidence")
        export_package.order_package(
            seen.actor, CLOCK, since=form.cleaned_data["since"], until=form.cleaned_data["until"]
        )
    messages.success(request, "The package is being made. It goes on when you leave this page.")
    return redirect("evidence")


@page(*PACKAGERS)
@require_POST
def order_cancel(request: HttpRequest, seen: Visitor, order_id: str) -> HttpResponse:
    """Stop the making of a package at its next step."""
    assessor.cancel_order(order_id)
    messages.info(request, "It stops at its next step.")
    return redirect("evidence")


@page(*PACKAGERS)
def package_file(request: HttpRequest, seen: Visitor, order_id: str) -> HttpResponseBase:
    """Download a finished package."""
    try:
        order = assessor.order(order_id)
    except Refused as refused:
        raise Http404 from refused
    if order.state is not OrderState.DONE:
        raise Http404
    record_view(seen, "package", order.id, "")
    path = export_package.packages_dir() / order.file_name
    if not path.is_file():
        raise Http404
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
