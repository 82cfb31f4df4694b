"""The witness's door: C2SP tlog-witness over HTTP. Whoever asks proves by the log's signature alone, so no login."""

import re

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from quarterdeck import wiring
from quarterdeck.entrypoints.web.pages import public
from quarterdeck.kernel.decision import Refused

MAX_REQUEST = 256 * 1024
TEXT = "text/plain; charset=utf-8"
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


@public
@csrf_exempt
@require_POST
def add_checkpoint(request: HttpRequest) -> HttpResponse:
    """Cosign a checkpoint of a log that we know, when it continues what we saw of it."""
    length = request.headers.get("Content-Length", "")
    if not length.isdecimal() or int(length) > MAX_REQUEST:
        return HttpResponse("the request is too large or does not say how large it is\n", TEXT, status=413)
    try:
        answer = wiring.sealer().add_checkpoint(request.read(MAX_REQUEST + 1))
    except Refused:
        return HttpResponse("the witness cannot answer now\n", TEXT, status=503)
    return HttpResponse(answer.body, answer.media_type, status=answer.status)


@public
@require_GET
def cosigned_checkpoint(request: HttpRequest, origin_sha256: str) -> HttpResponse:
    """Return the latest checkpoint of a log that we cosigned, by the SHA-256 of its origin."""
    try:
        note = wiring.sealer().cosigned_note(origin_sha256) if _HASH.fullmatch(origin_sha256) else None
    except Refused:
        return HttpResponse("the witness cannot answer now\n", TEXT, status=503)
    return HttpResponse("nothing\n", TEXT, status=404) if note is None else HttpResponse(note, TEXT)
