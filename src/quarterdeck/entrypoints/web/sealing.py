"""Sealing: the keys that this log has had, a change that waits to be acknowledged, and how the sealer is."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from quarterdeck import wiring
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.kernel.clock import parse_rfc3339
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.workflows import change_key, keep_witness
from quarterdeck.workflows.change_key import ACKNOWLEDGERS
from quarterdeck.workflows.keep_witness import WitnessedLog
from quarterdeck.workflows.seal_checkpoint import SealingKey
from quarterdeck_verify.signers import parse_public_key

PATH_READERS = (Role.IT_LEAD, Role.ASSESSOR, *ACKNOWLEDGERS)


@page()
def sealing_page(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Where the key lives, which keys signed when, and what an approver or CUI owner has to acknowledge."""
    context: dict[str, Any] = {"may_acknowledge": seen.has(*ACKNOWLEDGERS)}
    try:
        status, witness = wiring.sealer().status(), wiring.sealer().witness()
    except Refused as refused:
        context["unreachable"] = refused.decision.reasons[0]
    else:
        paths = seen.has(*PATH_READERS)
        keys = [_shown(key, current=key.sha256 == status.key_id, path=paths) for key in reversed(status.keys)]
        context |= {"status": status, "keys": keys, "signers": status.allowed_signers}
        context |= {"witness": witness, "witnessed": [_log(one) for one in witness.logs]}
    context["witnesses"] = keep_witness.holders(wiring.witnesses())
    return render(request, "evidence/sealing.html", context)


@page(*ACKNOWLEDGERS)
@require_POST
def acknowledge_key(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Say that the new key's fingerprint was compared with the paper."""
    change_key.acknowledge(seen.actor, CLOCK, request.POST.get("sha256", ""))
    messages.success(request, "Acknowledged. The ledger says who compared the new fingerprint.")
    return redirect("sealing_keys")


def _log(one: WitnessedLog) -> dict[str, Any]:
    return {"origin": one.origin, "size": one.size, "at": parse_rfc3339(one.at) if one.at else None,
            "refused": one.refused}  # fmt: skip


def _shown(key: SealingKey, *, current: bool, path: bool) -> dict[str, Any]:
    words = {"rotated": "Rotated away", "lost": "Lost"}
    code, word = ("passed", "Signs") if current else ("revoked", words.get(key.ended, "Retired"))
    if key.pending:
        code, word = "pending", "Not in the ledger yet"
    return {
        "sha256": key.sha256,
        "fingerprint": parse_public_key(key.public).fingerprint if key.public else "",
        "kind": key.public.partition(" ")[0],
        "place": key.place if path else key.kind_of_place,
        "since": parse_rfc3339(key.since) if key.since else None,
        "until": parse_rfc3339(key.until) if key.until else None,
        "code": code,
        "word": word,
    }
