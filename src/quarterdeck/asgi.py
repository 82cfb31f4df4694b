"""ASGI application for uvicorn."""

import os
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, cast

import django
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http.response import HttpResponseBase, StreamingHttpResponse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")


class Application(ASGIHandler):
    """Django's handler, with files sent piece by piece: Django itself reads the whole file into memory, and warns."""

    async def send_response(self, response: HttpResponseBase, send: Any) -> None:  # noqa: ANN401  the ASGI callable
        """Send the response."""
        if isinstance(response, StreamingHttpResponse) and not response.is_async:
            response.streaming_content = _in_pieces(cast("Iterable[bytes]", response.streaming_content))
        await super().send_response(response, send)


def _next(left: Iterator[bytes]) -> bytes | None:
    return next(left, None)


async def _in_pieces(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    left = iter(parts)
    while (part := await sync_to_async(_next)(left)) is not None:
        yield part


django.setup(set_prefix=False)
application = Application()
