"""Importing the inventory from a CSV: choose the file, map its columns, look at the difference, then import."""

import base64
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from quarterdeck.entrypoints.web import stepup
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import COLUMNS, ImportPlan, ImportResult, RowKind
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.workflows import import_inventory

SHOWN_ROWS = 200


@page(Role.IT_LEAD)
def asset_import(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """One page for all steps; the file travels with the form, signed, so that what was shown is what is imported."""
    context: dict[str, Any] = {"columns_known": COLUMNS, "most_bytes": inventory.MAX_BYTES}
    if request.method != "POST":
        return render(request, "assets/import.html", context)
    try:
        data, name = _file(request)
        if not data:
            context["no_file"] = True
            return render(request, "assets/import.html", context)
        skip = request.POST.get("skip_bad_rows") == "yes"
        mapping, token = _mapping(request), request.POST.get("token", "")
        plan = import_inventory.plan(data, mapping, skip_bad_rows=skip)
        context |= _shown(plan, data, name)
        context["code_form"] = stepup.code_form(request, seen)
        if request.POST.get("do") == "import" and token == plan.token and seen.stepped_up:
            done = import_inventory.apply(seen.actor, CLOCK, data, mapping, token=token, skip_bad_rows=skip)
            return _imported(request, done)
        context["stale"] = request.POST.get("do") == "import" and token != plan.token
    except Refused as refused:
        context["refused"] = refused.decision
    return render(request, "assets/import.html", context)


def _file(request: HttpRequest) -> tuple[bytes, str]:
    uploaded = request.FILES.get("file")
    if uploaded is not None:
        return uploaded.read(inventory.MAX_BYTES + 1), str(uploaded.name)
    kept = request.POST.get("kept", "")
    if not kept:
        return b"", ""
    try:
        said = signing.loads(kept, salt="inventory-import", max_age=3600)
    except signing.BadSignature:
        return b"", ""
    return base64.b64decode(said["data"]), str(said["name"])


def _mapping(request: HttpRequest) -> Mapping[str, str] | None:
    headers, fields = request.POST.getlist("header"), request.POST.getlist("field")
    return dict(zip(headers, fields, strict=False)) or None


def _shown(plan: ImportPlan, data: bytes, name: str) -> dict[str, Any]:
    changing = [row for row in plan.rows if row.kind is not RowKind.UNCHANGED]
    return {
        "plan": plan,
        "name": name,
        "kept": signing.dumps(
            {"data": base64.b64encode(data).decode(), "name": name}, salt="inventory-import", compress=True
        ),
        "adds": plan.count(RowKind.ADD),
        "changes": plan.count(RowKind.CHANGE),
        "same": plan.count(RowKind.UNCHANGED),
        "rows": changing[:SHOWN_ROWS],
        "more_rows": max(0, len(changing) - SHOWN_ROWS),
        "errors": plan.errors[:SHOWN_ROWS],
        "more_errors": max(0, len(plan.errors) - SHOWN_ROWS),
        "bad": len(plan.bad_lines),
        "can_import": bool(changing) and (not plan.errors or plan.skip_bad_rows),
    }


def _imported(request: HttpRequest, done: ImportResult) -> HttpResponse:
    said = f"{done.added} added, {done.changed} changed, {done.unchanged} as they were"
    left = f", {done.skipped} rows left out" if done.skipped else ""
    messages.success(request, f"Imported: {said}{left}. The file is kept as evidence.")
    return redirect("assets")


@page()
def asset_export(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """The inventory as a CSV that can be imported again and changes nothing."""
    headers = {"Content-Disposition": 'attachment; filename="inventory.csv"'}
    return HttpResponse(import_inventory.export(), content_type="text/csv; charset=utf-8", headers=headers)
