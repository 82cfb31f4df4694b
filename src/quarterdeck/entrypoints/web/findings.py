"""Findings between tickets: the list, one finding with its differences, and the word that settles them."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import Disposition, DriftItemView, DriftView
from quarterdeck.entrypoints.web import lists
from quarterdeck.entrypoints.web.drifting import HOW
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import record_view
from quarterdeck.entrypoints.web.watching import SETTLERS
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.settle_findings import settle_finding

READERS = (*SETTLERS, Role.ASSESSOR)


def _listing(names: Names) -> lists.Listing[DriftView]:
    return lists.Listing(
        name="findings",
        noun="findings",
        columns=[
            lists.Column("asset", "Asset", lambda row: lists.text(names.asset(row.asset))),
            lists.Column(
                "state",
                "State",
                lambda row: lists.state(
                    "unexplained" if row.open_items else "explained",
                    f"{len(row.open_items)} unexplained" if row.open_items else "Explained",
                ),
            ),
            lists.Column("worst", "Severity", lambda row: lists.text(row.items[0].severity.value)),
            lists.Column("what", "Differences", lambda row: lists.text(sum(item.count for item in row.items))),
            lists.Column(
                "found", "Found", lambda row: lists.moment(row.compared_at), sort=lambda row: row.compared_at
            ),
            lists.Column(
                "since", "Unchanged until", lambda row: lists.moment(row.before.finished_at),
                sort=lambda row: row.before.finished_at,
            ),
        ],
        row_url=lambda row: reverse("finding", args=[row.id]),
        empty=lists.Empty(
            "Nothing was found",
            "Under a monitoring plan assets are measured between tickets; what no ticket explains is listed here.",
            "arrows-diff",
            "See the assets",
            reverse("assets"),
        ),
        filters=[
            lists.Filter(
                "open", "State", lambda row: "unexplained" if row.open_items else "explained", lambda code: code
            ),
            lists.Filter("asset", "Asset", lambda row: names.asset(row.asset), lambda code: code),
        ],
        sort="-found",
    )  # fmt: skip


@page(*READERS)
def finding_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """All that was found between tickets, settled or not."""
    shown = lists.build(request, _listing(Names()), baselines.findings())
    if isinstance(shown, HttpResponse):
        return shown
    lead = "What differs between two measurements and no ticket explains, until somebody says why."
    return render(request, "list_page.html", {"list": shown, "title": "Findings between tickets", "lead": lead})


@page(*READERS)
def finding_page(request: HttpRequest, seen: Visitor, finding_id: int) -> HttpResponse:
    """One finding: between which measurements, which tickets worked in between, each difference."""
    return render(request, "monitoring/finding.html", _shown(baselines.finding(finding_id), seen))


def _shown(finding: DriftView, seen: Visitor) -> dict[str, Any]:
    names, between = Names(), baselines.tickets_in_between(finding.id)
    urls = {
        one: reverse("ticket", args=[one])
        for one in between
        if tickets.reading_of(one, seen.person.id, seen.now).allowed
    }
    return {
        "finding": finding,
        "asset": names.assets.get(finding.asset),
        "left": len(finding.open_items),
        "genuine": baselines.check_findings(finding.asset).allowed,
        "between": [{"number": one, "url": urls.get(one, "")} for one in between],
        "items": [_item(item, names) for item in finding.items],
        "may_settle": bool(finding.open_items) and seen.has(*SETTLERS),
        "how": [(how.value, said) for how, said in HOW.items()],
    }


def _item(item: DriftItemView, names: Names) -> dict[str, Any]:
    return {
        "id": item.id,
        "path": item.path,
        "posture": "posture" if item.source == "posture" else "",
        "change": item.kind.value.replace("_", " "),
        "what": ", ".join(code.replace("_", " ") for code in item.codes),
        "severity": item.severity.value,
        "package": item.package,
        "count": item.count,
        "open": item.is_open,
        "judgement": item.disposition.value if item.disposition else item.drift_class.value,
        "by": names.person(item.disposed_by) if item.disposed_by else "",
        "at": item.disposed_at,
        "ticket": item.explained_by,
    }


@page(*SETTLERS)
@require_POST
def finding_settle(request: HttpRequest, seen: Visitor, finding_id: int) -> HttpResponse:
    """Settle the ticked differences with one reason, perhaps by naming the ticket that explains them."""
    mine = {item.id for item in baselines.finding(finding_id).items}
    chosen = [int(value) for value in request.POST.getlist("items") if value.isdecimal() and int(value) in mine]
    if not chosen:
        messages.error(request, "Nothing was chosen: tick the differences that your reason explains.")
        return redirect("finding", finding_id)
    wanted = request.POST.get("how", "")
    how = Disposition(wanted) if wanted in set(Disposition) else Disposition.EXPLAINED
    try:
        settle_finding(
            finding_id, chosen, how=how, reason=request.POST.get("reason", ""),
            ticket=request.POST.get("ticket", "").strip().upper(), actor=seen.actor, clock=CLOCK,
        )  # fmt: skip
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("finding", finding_id)
    messages.success(request, f"{len(chosen)} {'difference' if len(chosen) == 1 else 'differences'} settled.")
    return redirect("finding", finding_id)


@page(*READERS)
def finding_changes(request: HttpRequest, seen: Visitor, finding_id: int) -> HttpResponseBase:
    """Download the list of every change with its facts before and after; looking at it is recorded."""
    finding = baselines.finding(finding_id)
    if not baselines.check_findings(finding.asset).allowed:
        raise PermissionDenied
    record_view(seen, "artifact", finding.document_sha256, "")
    response = FileResponse(
        evidence.open_artifact(finding.document_sha256),
        as_attachment=True,
        filename=f"finding-{finding.id}.json",
        content_type="application/octet-stream",
    )
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
