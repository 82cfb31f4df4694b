"""The witness as the sealer's socket offers it: add a checkpoint, the latest one, what was seen, forget a log."""

import base64
from collections.abc import Callable, Mapping

from quarterdeck.entrypoints.sealer.witness import Witness
from quarterdeck.kernel.decision import Refused, refuse

Request = Mapping[str, object]
Reply = dict[str, object]


class WitnessWindow:
    """The acts of one witness by their names; each takes a request and returns a reply, both JSON."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self.acts: dict[str, Callable[[Request], Reply]] = {
            "witness_add": self._add,
            "witness_latest": self._latest,
            "witness_seen": self._seen,
            "witness_forget": self._forget,
        }

    def _add(self, request: Request) -> Reply:
        answer = self._witness.add_checkpoint(base64.b64decode(str(request["request"]), validate=True))
        return {"status": answer.status, "type": answer.media_type, "body": base64.b64encode(answer.body).decode()}

    def _latest(self, request: Request) -> Reply:
        note = self._witness.latest(str(request["origin_sha256"]))
        return {"note": None if note is None else note.decode()}

    def _seen(self, request: Request) -> Reply:
        refused = self._witness.refused()
        return {
            "key": self._witness.key.text,
            "logs": [
                {
                    "origin": seen.origin,
                    "size": seen.size,
                    "root": seen.root,
                    "at": seen.at,
                    "refused": sum(item["origin"] == seen.origin for item in refused),
                }
                for seen in self._witness.logs()
            ],
        }

    def _forget(self, request: Request) -> Reply:
        origin = str(request["origin"])
        try:
            seen = self._witness.forget(origin)
        except KeyError as error:
            sentence = f"Nothing was witnessed of the log {origin}."
            raise Refused(refuse("witness.unknown", sentence, "See Evidence, Sealing, for the logs.")) from error
        return {"size": seen.size, "root": seen.root}
