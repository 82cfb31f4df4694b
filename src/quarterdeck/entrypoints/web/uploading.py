"""Uploads in chunks for the page's own script: start, how far, chunk, finish, cancel. Answers are JSON."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from quarterdeck.attachments import api as attachments
from quarterdeck.attachments.api import UploadView
from quarterdeck.entrypoints.web.attaching import form_for
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.kernel.decision import Reason, Refused
from quarterdeck.workflows import attach_evidence


def _answering(view: Callable[..., UploadView]) -> Callable[..., HttpResponseBase]:
    """Answer with the upload as JSON, or 409 with the reasons."""

    @wraps(view)
    def answered(request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponseBase:  # noqa: ANN401
        try:
            return JsonResponse(_told(view(request, *arguments, **named)))
        except Refused as refused:
            return JsonResponse({"refused": [one.as_dict() for one in refused.decision.reasons]}, status=409)
        except _Malformed as malformed:
            return JsonResponse({"refused": [one.as_dict() for one in malformed.reasons]}, status=422)

    return answered


class _Malformed(Exception):
    """The form does not say what it must."""

    def __init__(self, reasons: list[Reason]) -> None:
        super().__init__()
        self.reasons = reasons


def _told(upload: UploadView) -> dict[str, object]:
    return {
        "id": upload.id,
        "name": upload.name,
        "size": upload.size,
        "offset": upload.offset,
        "chunk": attachments.CHUNK,
        "state": upload.state.value,
        "sha256": upload.sha256,
        "url": reverse("upload", args=[upload.id]),
        "finish": reverse("upload_finish", args=[upload.id]),
        "then": reverse("ticket_attached", args=[upload.ticket]),
    }


@page(*STAFF_AT_WORK)
@require_http_methods(["POST"])
@_answering
def start(request: HttpRequest, seen: Visitor, number: str) -> UploadView:
    """Begin an upload of a file that the form describes; name and size are told beside it."""
    ticket = ticket_for(seen, number)
    form = form_for(request, ticket, with_file=False)
    form.fields["file"].required = False
    form.fields.pop("target")
    form.is_valid()
    wrong = [
        Reason("input.malformed", f"{form.fields[name].label}: {errors[0]}", "Correct this field and send it again.")
        for name, errors in form.errors.items()
        if name not in {"file", "__all__"}
    ]
    size = request.POST.get("size", "")
    if wrong or not size.isdecimal() or len(size) > 15:
        raise _Malformed(wrong or [Reason("input.malformed", "The size is missing.", "Load the page again.")])
    return attach_evidence.start_upload(
        seen.actor, CLOCK, number, form.told(), name=request.POST.get("name", ""), size=int(size)
    )


@page(*STAFF_AT_WORK)
@require_http_methods(["GET", "PUT", "DELETE"])
@_answering
def upload(request: HttpRequest, seen: Visitor, upload_id: str) -> UploadView:
    """Tell how far an own upload is, take its next chunk, or give it up."""
    if request.method == "DELETE":
        return attachments.cancel(seen.actor, CLOCK, upload_id)
    if request.method == "GET":
        return _mine(seen, upload_id)
    offset, length = request.GET.get("offset", ""), request.headers.get("Content-Length", "")
    numbers = [int(one) if one.isdecimal() and len(one) < 16 else -1 for one in (offset, length)]
    return attachments.take_chunk(
        seen.actor,
        CLOCK,
        upload_id,
        offset=numbers[0],
        length=numbers[1],
        sha256=request.headers.get("X-Chunk-SHA256", ""),
        body=request,
    )


@page(*STAFF_AT_WORK)
@require_http_methods(["POST"])
@_answering
def finish(request: HttpRequest, seen: Visitor, upload_id: str) -> UploadView:
    """Check, hash and attach what arrived."""
    return attach_evidence.finish_upload(seen.actor, CLOCK, upload_id)


def _mine(seen: Visitor, upload_id: str) -> UploadView:
    found = attachments.upload(upload_id)
    if found.by != seen.person.id:
        return attachments.upload("up_0")  # refused like one that never was
    return found
