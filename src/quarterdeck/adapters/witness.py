"""Anchor by witness: another instance checks that our log only grew and cosigns its checkpoint (C2SP tlog-witness).

The receipt is the cosignature line, verified against the witness's configured key. What the witness saw last it says
itself (409), so nothing is remembered here and nothing goes wrong when two of us ask at once.
"""

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from quarterdeck.evidence.api import AnchorGrade
from quarterdeck.workflows.anchor_checkpoints import Anchor, AnchorContradicts, AnchorFailed
from quarterdeck_verify import cosignature
from quarterdeck_verify.cosignature import VerifierKey

TIMEOUT = 8.0
TRIES = 3
MAX_ANSWER = 100_000
SIZE = "text/x.tlog.size"
_SAID = {
    403: "does not know the key of our log: give it the verifier key that `qd sealing show` prints",
    404: "does not witness our log: it has to name our verifier key in QD_WITNESSED_LOGS",
    422: "says that our ledger does not continue what it saw: entries were changed or removed, or an older database "
    "was restored. After a recorded restoration its administrator lets our log begin anew (`qd ledger witness-forget`)",
}


@dataclass(frozen=True, slots=True)
class WitnessAnchor:
    """Fulfils anchor_checkpoints.AnchorChannel for one witness; `prove` gives the proof from one size of our log on."""

    url: str
    key: VerifierKey
    grade: AnchorGrade
    prove: Callable[[int, int], list[bytes]]
    channel: str = "witness"

    @property
    def target(self) -> str:
        """Return the witness's name."""
        return self.key.name[:200]

    def send(self, anchor: Anchor) -> str:
        """Have the checkpoint cosigned and return the cosignature line; AnchorFailed when it was not."""
        checkpoint, old = anchor.checkpoint, 0
        try:
            with httpx.Client(timeout=TIMEOUT, follow_redirects=False) as client:
                for _ in range(TRIES):
                    answer = self._ask(client, old, checkpoint.size, checkpoint.note)
                    if answer.status_code != httpx.codes.CONFLICT:
                        return self._receipt(answer, checkpoint.note)
                    old = self._seen_size(answer, checkpoint.size)
        except httpx.HTTPError as error:
            raise AnchorFailed(f"the witness {self.target} at {self.url} does not answer: {error}") from error
        raise AnchorFailed(f"the witness {self.target} names another size each time; is somebody else asking for us?")

    def _ask(self, client: httpx.Client, old: int, size: int, note: bytes) -> httpx.Response:
        proof = self.prove(old, size) if 0 < old < size else []
        return client.post(
            f"{self.url}/add-checkpoint",
            content=cosignature.make_request(old, proof, note),
            headers={"Content-Type": "text/plain; charset=utf-8"},
        )

    def _seen_size(self, answer: httpx.Response, size: int) -> int:
        text = answer.text.removesuffix("\n")
        if answer.headers.get("Content-Type", "").partition(";")[0].strip() != SIZE or not text.isdecimal():
            raise AnchorFailed(f"the witness {self.target} answered 409 without the size that it saw")
        if int(text) > size:
            raise AnchorContradicts(
                f"the witness {self.target} has seen {text} entries of our log, here are {size}: this ledger is older "
                "than what others hold of it"
            )
        return int(text)

    def _receipt(self, answer: httpx.Response, note: bytes) -> str:
        if answer.status_code != httpx.codes.OK:
            said = _SAID.get(answer.status_code, f"answered {answer.status_code}: {answer.text[:200].strip()}")
            failed = AnchorContradicts if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY else AnchorFailed
            raise failed(f"the witness {self.target} {said}")
        try:
            text, _ = cosignature.split_note(note)
            for line in cosignature.parse_lines(answer.content[:MAX_ANSWER]):
                at = cosignature.cosigned_at(line, self.key, text)
                if at is not None:
                    return cosignature.cosignature_line(self.key, at, line.signature[8:]).rstrip("\n")
        except ValueError as error:
            raise AnchorFailed(f"what the witness {self.target} answered does not hold: {error}") from error
        raise AnchorFailed(f"the witness {self.target} answered without a cosignature by the key configured for it")
