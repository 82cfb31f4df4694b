"""The files of the CMMC hashing guide beside a package, and the log of DoD's own script held against it."""

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from quarterdeck.entrypoints.web.package_contents import PACKAGERS
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.kernel.decision import Refused
from quarterdeck.workflows import export_package, hash_artifacts

SHOWN = 200
_NOT_THERE = {("package.unknown",), ("package.not_ready",), ("package.file",)}


class LogForm(forms.Form):
    """The log that DoD's script wrote."""

    log = forms.FileField(label="CMMCAssessmentArtifacts.log", help_text="As ArtifactHash.ps1 wrote it, any folder.")


@page(*PACKAGERS)
def package_hashes(request: HttpRequest, seen: Visitor, order_id: str) -> HttpResponse:
    """The three files, how to make the log again with DoD's script, and what a log that comes back says."""
    try:
        order = export_package.finished_package(seen.actor, CLOCK, order_id)
    except Refused as refused:
        if refused.decision.codes in _NOT_THERE:
            raise Http404 from refused
        raise
    form = LogForm(posted(request), request.FILES or None)
    context: dict[str, object] = {"order": order, "form": form, "files": hash_artifacts.FILES}
    if request.method == "POST" and form.is_valid():
        try:
            found = hash_artifacts.compare_log(seen.actor, CLOCK, order_id, form.cleaned_data["log"].read())
        except Refused as refused:
            context["refused"] = refused.decision
        else:
            more = max(0, len(found.differences) - SHOWN)
            context |= {"found": found, "shown": found.differences[:SHOWN], "more": more}
    return render(request, "evidence/hashes.html", context)


@page(*PACKAGERS)
def package_hash_file(request: HttpRequest, seen: Visitor, order_id: str, name: str) -> HttpResponseBase:
    """Download one of the three files; that somebody took it is recorded."""
    try:
        file = hash_artifacts.hashed_file(seen.actor, CLOCK, order_id, name)
    except Refused as refused:
        if refused.decision.codes in _NOT_THERE:
            raise Http404 from refused
        raise
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"', "Content-Length": str(file.size)}
    return StreamingHttpResponse(file.chunks, content_type="application/octet-stream", headers=headers)
