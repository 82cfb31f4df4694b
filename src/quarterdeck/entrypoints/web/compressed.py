"""Pages, styles and scripts go compressed over the wire; files that are evidence go byte for byte, with their length.

Django's own middleware pads each answer at random, so that its size tells nothing of what a page holds (BREACH).
"""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

_TEXTS = frozenset({"text/html", "text/css", "text/javascript", "application/javascript", "image/svg+xml"})


class Compressed(GZipMiddleware):
    """Middleware that compresses what a browser renders and leaves every download as it is."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Return the answer, compressed when it is one of the page's own texts."""
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind not in _TEXTS or "Content-Disposition" in response.headers:
            return response
        packed: HttpResponseBase = super().process_response(request, response)
        return packed
