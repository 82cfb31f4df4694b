"""Differences before and after as the ticket's tab shows them, and the form that settles them."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import Disposition, DriftClass, DriftItemView, DriftView, Severity
from quarterdeck.entrypoints.web import drift_facts
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets.api import Reading, TicketView
from quarterdeck.workflows.disposition_drift import disposition_drift
from quarterdeck.workflows.export_baseline import Form, export_baseline

_ORDER_OF_SEVERITY = [one.value for one in (Severity.FORBIDDEN, Severity.SENSITIVE, Severity.ORDINARY)]
_SEVERITY_WORDS = {"forbidden": "Forbidden", "sensitive": "Sensitive", "ordinary": "Ordinary"}
HOW = {
    Disposition.EXPLAINED: "Explained: it belongs to the work",
    Disposition.REVERTED: "Put back: it is as it was before",
    Disposition.FINDING: "Keep as a finding",
}

FORMS = {Form.MANIFEST: "manifest", Form.MTREE: "mtree", Form.SHA256SUMS: "SHA256SUMS", Form.POSTURE: "posture"}


def shown(drift: DriftView, seen: Visitor, ticket: TicketView, names: Names, zone: ZoneInfo) -> dict[str, Any]:
    """Return one asset's comparison: counts, packages in one line each, unexplained first, posture in its own block."""
    left = len(drift.open_items)
    found = drift_facts.document_of(drift, zone)
    items = sorted(drift.items, key=lambda item: (not item.is_open, item.drift_class is DriftClass.EXPECTED))
    return {
        "id": drift.asset,
        "asset": names.asset(drift.asset),
        "before_at": drift.before.finished_at,
        "after_at": drift.after.finished_at,
        "open": left,
        "open_words": f"{left} unexplained",
        "counts": [
            {"n": drift.after.entries, "label": "paths watched"},
            {"n": sum(item.count for item in drift.items), "label": "differences"},
            {"n": sum(item.count for item in drift.items if item.drift_class is DriftClass.EXPECTED),
             "label": "expected"},
            {"n": left, "label": "unexplained"},
            {"n": drift.after.unreadable, "label": "unreadable"},
        ],
        "severities": _severities(drift),
        "packages": _packages(drift, drift_facts.versions(found)),
        "groups": _groups([_item(item, names, found) for item in items if item.source != "posture"]),
        "posture": [_item(item, names, found) for item in items if item.source == "posture"],
        "readable": found.readable,
        "texts": not inventory.asset(drift.asset).handles_cui,
        "may_explain": not ticket.is_final
        and seen.person.id not in ticket.technicians
        and bool(seen.roles & STAFF_AT_WORK),
        "how": [(how.value, said) for how, said in HOW.items()],
        "exports": [
            {"when": when, "forms": [(reverse("ticket_baseline", args=[ticket.number, one.manifest_sha256, form.value]),
                                      said) for form, said in FORMS.items()]}
            for when, one in (("before", drift.before), ("after", drift.after))
        ],
    }  # fmt: skip


def _severities(drift: DriftView) -> list[dict[str, Any]]:
    """Return how many differences are of each severity, the worst first, and how many of them are open."""
    found = []
    for severity in (Severity.FORBIDDEN, Severity.SENSITIVE, Severity.ORDINARY):
        mine = [item for item in drift.items if item.severity is severity]
        if mine:
            found.append({"code": severity.value, "count": sum(item.count for item in mine),
                          "open": sum(item.is_open for item in mine)})  # fmt: skip
    return found


def _packages(drift: DriftView, versions: Mapping[str, str]) -> list[dict[str, str]]:
    """Return each package whose files changed as declared: `openssl 3.0.18 → 3.0.19: 214 files, expected`."""
    counts: dict[str, int] = {}
    for item in drift.items:
        if item.package and item.drift_class is DriftClass.EXPECTED:
            counts[item.package] = counts.get(item.package, 0) + item.count
    return [
        {"name": name, "version": versions.get(name, ""), "said": f"{count} file{'' if count == 1 else 's'}, expected"}
        for name, count in counts.items()
    ]


def _groups(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the differences in groups that people look for: by package, then by severity, the worst first."""
    groups: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for item in items:
        worst = _ORDER_OF_SEVERITY.index(item["severity"])
        key = (len(_ORDER_OF_SEVERITY), item["package"]) if item["package"] and not item["open"] else (worst, "")
        groups.setdefault(key, []).append(item)
    return [
        {
            "title": f"Package {package}" if package else _SEVERITY_WORDS[_ORDER_OF_SEVERITY[place]],
            "open": sum(one["open"] for one in mine),
            "count": sum(one["count"] for one in mine),
            "items": sorted(mine, key=lambda one: (not one["open"], one["path"])),
        }
        for (place, package), mine in sorted(groups.items())
    ]


def _item(item: DriftItemView, names: Names, found: drift_facts.Document) -> dict[str, Any]:
    judged = item.disposition.value if item.disposition else item.drift_class.value
    posture = item.source == "posture"
    return {
        "id": item.id,
        "path": drift_facts.posture_name(item.path)
        if posture
        else item.package
        if item.source == "package"
        else item.path,
        "change": item.kind.value.replace("_", " "),
        "why": ", ".join(code.replace("_", " ") for code in item.codes if code != "posture_changed"),
        "facts": [] if posture else found.files.get(item.path, []),
        "moved": found.posture.get(item.path) if posture else None,
        "severity": item.severity.value,
        "package": item.package,
        "count": item.count,
        "open": item.is_open,
        "judgement": judged,
        "text": item.source == "file"
        and any(fact["name"] == "content" and fact["old"] for fact in found.files.get(item.path, [])),
        "by": names.person(item.disposed_by) if item.disposed_by else "",
        "at": item.disposed_at,
        "reason": item.reason_sha256,
    }


@page(*STAFF_AT_WORK)
@require_POST
def explain(request: HttpRequest, seen: Visitor, number: str, asset: str) -> HttpResponse:
    """Settle the ticked differences of one asset with one reason."""
    ticket_for(seen, number, Reading.BASELINE)
    mine = {item.id for one in baselines.drift(number, asset) for item in one.items}
    chosen = [int(value) for value in request.POST.getlist("items") if value.isdecimal() and int(value) in mine]
    back = HttpResponseRedirect(f"{reverse('ticket', args=[number])}?tab=drift#tabs")
    if not chosen:
        messages.error(request, "Nothing was chosen: tick the differences that your reason explains.")
        return back
    wanted = request.POST.get("how", "")
    how = Disposition(wanted) if wanted in set(Disposition) else Disposition.EXPLAINED
    try:
        disposition_drift(chosen, how=how, reason=request.POST.get("reason", ""), actor=seen.actor, clock=CLOCK)
    except Refused as refused:
        messages.error(request, str(refused))
        return back
    messages.success(request, f"{len(chosen)} {'difference' if len(chosen) == 1 else 'differences'} settled.")
    return back


@page()
def baseline(request: HttpRequest, seen: Visitor, number: str, sha256: str, form: str) -> HttpResponseBase:
    """Download a baseline of the ticket in one of the forms that other programs read."""
    ticket_for(seen, number, Reading.BASELINE)
    if form not in set(Form):
        raise Http404
    try:
        name, file = export_baseline(seen.actor, CLOCK, number, sha256, Form(form))
    except Refused as refused:
        raise Http404(str(refused)) from refused
    response = FileResponse(file, as_attachment=True, filename=name, content_type="application/octet-stream")
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "no-store"
    return response
