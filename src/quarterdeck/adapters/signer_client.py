"""Asks the signer for certificates over its unix socket: one JSON line out, one in, a deadline for both."""

import base64
import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quarterdeck.access import api as access
from quarterdeck.kernel.clock import parse_rfc3339
from quarterdeck.kernel.decision import Decision, Reason, Refused, refuse

_LONGEST_ANSWER = 4 * 1024 * 1024
_GONE = refuse(
    "signer.gone",
    "The signer does not answer, so nobody gets a certificate.",
    "Start it (`qd up`), then try again; `qd doctor` says what is wrong.",
)


@dataclass(frozen=True, slots=True)
class SignerClient:
    """One signer, by the path of its socket; every call is a connection of its own. Raises Refused with reasons."""

    socket_path: Path
    timeout: float = 10.0

    def entry(self, grant: str) -> str:
        """Return the technician's certificate (one OpenSSH line) for this work grant."""
        return self._certificate({"op": "entry", "grant": grant})

    def target(self, grant: str, session: str, public_key: str) -> str:
        """Return the gate's certificate for one session's own key: 90 s, one account of one target."""
        return self._certificate({"op": "target", "grant": grant, "session": session, "public_key": public_key})

    def measure(self, grant: str, public_key: str, arguments: list[str]) -> str:
        """Return the certificate whose only command is the collector with these arguments."""
        return self._certificate({"op": "measure", "grant": grant, "public_key": public_key, "arguments": arguments})

    def monitor(self, grant: str, public_key: str, arguments: list[str]) -> str:
        """Return the certificate whose only command is the collector, for a grant under a monitoring plan."""
        return self._certificate({"op": "monitor", "grant": grant, "public_key": public_key, "arguments": arguments})

    def host(self, order: str) -> str:
        """Return the host certificate for this sealed order of the IT lead."""
        return self._certificate({"op": "host", "order": order})

    def revoked(self, whose: Literal["entry", "target"]) -> tuple[bytes, tuple[int, ...]]:
        """Return the revocation list for the gate (`entry`) or for targets, and the serials that it names."""
        found = self._ask({"op": "revocations"}).get(whose)
        if not isinstance(found, dict):
            raise Refused(_GONE)
        return base64.b64decode(str(found.get("list", ""))), tuple(int(one) for one in found.get("serials", ()))

    def elevate(self, grant: str, public_key: str, action: str) -> access.SignedOrder:
        """Return the certificate whose only command places (`allow`) or takes away (`withdraw`) the ticket's rule."""
        answer = self._ask({"op": "elevate", "grant": grant, "public_key": public_key, "action": action})
        texts = {name: answer.get(name) for name in ("certificate", "until", "rule")}
        if not all(isinstance(text, str) for text in texts.values()):
            raise Refused(_GONE)
        until = parse_rfc3339(str(texts["until"]))
        return access.SignedOrder(str(texts["certificate"]), until, str(texts["rule"]))

    def status(self) -> dict[str, object]:
        """Return both authorities' public keys, the entry principal, how many were signed and whether it is ready."""
        return self._ask({"op": "status"})

    def reconcile(self) -> list[dict[str, object]]:
        """Return the certificates of the serial log that no ledger entry explains."""
        found = self._ask({"op": "reconcile"}).get("unexplained")
        return [line for line in found if isinstance(line, dict)] if isinstance(found, list) else []

    def _certificate(self, request: dict[str, object]) -> str:
        answer = self._ask(request).get("certificate")
        if not isinstance(answer, str):
            raise Refused(_GONE)
        return answer

    def _ask(self, request: dict[str, object]) -> dict[str, object]:
        try:
            raw = self._exchange(json.dumps(request).encode() + b"\n")
            answer = json.loads(raw)
        except (OSError, ValueError) as error:
            raise Refused(_GONE) from error
        if not isinstance(answer, dict):
            raise Refused(_GONE)
        if "refused" in answer:
            raise Refused(_decision(answer["refused"]))
        return answer

    def _exchange(self, line: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self.timeout)
            connection.connect(str(self.socket_path))
            connection.sendall(line)
            answer = bytearray()
            while not answer.endswith(b"\n") and len(answer) < _LONGEST_ANSWER:
                piece = connection.recv(65_536)
                if not piece:
                    break
                answer += piece
        return bytes(answer)


def _decision(reasons: object) -> Decision:
    """Return the signer's reasons as a decision; an unreadable refusal is a refusal too."""
    if not isinstance(reasons, list) or not reasons:
        return _GONE
    return Decision(
        tuple(
            Reason(str(r.get("code", "signer.refused")), str(r.get("sentence", "")), str(r.get("next_step", "")))
            for r in reasons
            if isinstance(r, dict)
        )
        or _GONE.reasons
    )
