"""How admission's answers travel between the warden and a child as JSON, and back."""

from dataclasses import asdict
from typing import Any

from quarterdeck.entrypoints.gate.wire import Message
from quarterdeck.kernel.clock import parse_rfc3339, rfc3339
from quarterdeck.kernel.decision import Decision, Reason
from quarterdeck.sessions.terms import Admitted, Allowance


def pack_admitted(admitted: Admitted) -> Message:
    """Return the JSON object of an admission."""
    fields = asdict(admitted)
    return {**fields, "at": rfc3339(admitted.at), "window_until": rfc3339(admitted.window_until)}


def unpack_admitted(fields: dict[str, Any]) -> Admitted:
    """Return the admission that `pack_admitted` packed."""
    moments = {name: parse_rfc3339(fields[name]) for name in ("at", "window_until")}
    keys = {"revoked_host_keys": tuple(fields["revoked_host_keys"])}
    return Admitted(**{**fields, **moments, **keys, "allowance": Allowance(**fields["allowance"])})


def pack_decision(decision: Decision) -> list[dict[str, str]]:
    """Return the reasons as JSON objects; an empty list allows."""
    return [reason.as_dict() for reason in decision.reasons]


def unpack_decision(reasons: list[dict[str, str]]) -> Decision:
    """Return the decision that `pack_decision` packed."""
    return Decision(tuple(Reason(r["code"], r["sentence"], r["next_step"]) for r in reasons))
