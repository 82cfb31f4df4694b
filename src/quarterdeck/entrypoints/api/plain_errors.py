"""Errors of the API in one shape: what the framework answers by itself (404, 405, 400) becomes a refusal too.

And the bodies it reads: JSON of text that a database and a reader can keep.
"""

import json
from collections.abc import Callable
from typing import Any, cast

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from ninja.parser import Parser

from quarterdeck.kernel.decision import Reason

_SENTENCES = {
    400: ("request.malformed", "The server could not read this call.", "Send JSON as /api/v1/openapi.json says."),
    404: ("address.unknown", "There is nothing at this address.", "See /api/v1/openapi.json."),
    405: ("method.unknown", "This address does not take that method.", "See /api/v1/openapi.json."),
    413: ("request.too_large", "The call is larger than this server takes.", "Send less at a time."),
}
_OTHER = ("request.refused", "The server refused this call.", "Tell the IT lead if your work needs it.")


def said(status: int) -> Reason:
    """Return the reason that stands for a bare HTTP status."""
    return Reason(*_SENTENCES.get(status, _OTHER))


class RefusalsInJson:
    """Middleware: an error under /api/ that is not JSON yet is answered as every other refusal is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request."""
        response = self.get_response(request)
        kind = response.headers.get("Content-Type", "")
        if response.status_code < 400 or not request.path.startswith("/api/") or kind.startswith("application/json"):
            return response
        answer = JsonResponse({"refused": [said(response.status_code).as_dict()]}, status=response.status_code)
        answer["Cache-Control"] = "no-store"
        if "Allow" in response.headers:
            answer["Allow"] = response.headers["Allow"]
        return answer


class ReadableJson(Parser):
    """Reads a body; ValueError for broken JSON and for text with NUL or half of a surrogate pair."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """Return the body's document."""
        found = json.loads(request.body)
        left = [found]
        while left:
            value = left.pop()
            if isinstance(value, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value):
                raise ValueError("unreadable text")
            if isinstance(value, dict):
                left += [*value, *value.values()]
            elif isinstance(value, list):
                left += value
        return cast("dict[str, Any]", found)
