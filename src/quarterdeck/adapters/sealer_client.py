"""Client of the sealer's unix socket: one JSON line out, one back; refusals come back as `Refused`."""

import base64
import json
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from quarterdeck.kernel.clock import parse_rfc3339
from quarterdeck.kernel.decision import Decision, Reason, Refused, refuse
from quarterdeck.workflows.keep_witness import WitnessAnswer, WitnessedLog, WitnessStatus
from quarterdeck.workflows.seal_checkpoint import KeyChange, SealerStatus, SealingKey, SignedHead

TIMEOUT = 30.0


class SealerClient:
    """Fulfils workflows.seal_checkpoint.Sealer, and what the gate and the assessor ask of the sealer."""

    def __init__(self, socket_path: Path, timeout: float = TIMEOUT) -> None:
        self._path = socket_path
        self._timeout = timeout

    def status(self, size: int | None = None) -> SealerStatus:
        """Return what the sealer signed last; `size` asks from which entry on a ledger of that size can be restored."""
        told = self._ask({"op": "status"} if size is None else {"op": "status", "size": size})
        return SealerStatus(
            origin=str(told["origin"]),
            size=int(str(told["size"])),
            root=str(told["root"]),
            epoch=int(str(told["epoch"])),
            restorable_from=int(str(told["restorable_from"])),
            key=str(told["key"]),
            key_id=str(told["key_id"]),
            allowed_signers=str(told["allowed_signers"]),
            key_place=str(told["key_place"]),
            remembers=told["remembers"] is True,
            keys=_keys(told["keys"]),
            log_key=str(told["witness_key"]),
        )

    def seal(self, start: int, bodies: Sequence[bytes], root: str, reason: str) -> SignedHead:
        """Return the signed head after these entries; Refused when they do not continue what was signed."""
        told = self._ask({"op": "seal", "from": start, "entries": _encoded(bodies), "root": root, "reason": reason})
        return SignedHead(
            size=int(str(told["size"])),
            root=bytes.fromhex(str(told["root"])),
            body=str(told["body"]).encode(),
            sshsig=str(told["sshsig"]).encode(),
            note=str(told["note"]).encode(),
            key_id=str(told["key_id"]),
            reason=str(told["reason"]),
            at=parse_rfc3339(str(told["at"])),
        )

    def states(self) -> list[tuple[int, str]]:
        """Return (size, root) of what was signed, newest first."""
        told = self._ask({"op": "states"})["states"]
        return [(int(size), str(root)) for size, root in told] if isinstance(told, list) else []

    def restore(self, base: tuple[int, str], size: int, bodies: Sequence[bytes], root: str) -> tuple[KeyChange, ...]:
        """Have a restored ledger accepted that continues the signed `base`; returns the changes to record anew."""
        told = self._ask(
            {"op": "restore", "from": base[0], "base_root": base[1], "size": size, "entries": _encoded(bodies),
             "root": root}
        )  # fmt: skip
        return _changes(told["changes"])

    def adopt(self, start: int, bodies: Sequence[bytes], root: str, *, last: bool) -> tuple[KeyChange, ...]:
        """Have a sealer without memory take the ledger, batch by batch; the last one says which change to record."""
        told = self._ask({"op": "adopt", "from": start, "entries": _encoded(bodies), "root": root, "last": last})
        return _changes(told["changes"])

    def rotate(self, *, public: str = "", name: str = "") -> KeyChange:
        """Return the change to a new key that old and new signed: one of the agent, a named file, or a fresh file."""
        return _change(self._ask({"op": "rotate", "public": public, "name": name}))

    def replace_lost(self, *, public: str = "", name: str = "") -> KeyChange:
        """Return the change to a new key that the lost one could not sign; Refused while the old one signs."""
        return _change(self._ask({"op": "replace", "public": public, "name": name}))

    def add_checkpoint(self, request: bytes) -> WitnessAnswer:
        """Hand an add-checkpoint request of another log to our witness and return what it answers."""
        told = self._ask({"op": "witness_add", "request": base64.b64encode(request).decode()})
        return WitnessAnswer(int(str(told["status"])), base64.b64decode(str(told["body"])), str(told["type"]))

    def cosigned_note(self, origin_sha256: str) -> str | None:
        """Return the latest note of another log that our witness cosigned, None when there is none."""
        told = self._ask({"op": "witness_latest", "origin_sha256": origin_sha256})["note"]
        return None if told is None else str(told)

    def witness(self) -> WitnessStatus:
        """Return our witness's key and what it saw of each log that it knows."""
        told = self._ask({"op": "witness_seen"})
        logs = told["logs"] if isinstance(told["logs"], list) else []
        return WitnessStatus(str(told["key"]), tuple(WitnessedLog(**item) for item in logs))

    def forget_log(self, origin: str) -> tuple[int, str]:
        """Have our witness set aside what it saw of a log; returns (size, root) of that."""
        told = self._ask({"op": "witness_forget", "origin": origin})
        return int(str(told["size"])), str(told["root"])

    def sign_package(self, manifest: bytes) -> bytes:
        """Return the armored SSHSIG of a package's tag manifest, namespace quarterdeck-package."""
        told = self._ask({"op": "sign_package", "manifest": base64.b64encode(manifest).decode()})
        return str(told["sshsig"]).encode()

    def keep_head(self, session: str, count: int, head: str) -> None:
        """Keep the head (hex SHA-256) of a recording after `count` records; Refused when it rewinds the recording."""
        self._ask({"op": "head", "session": session, "count": count, "head": head})

    def last_head(self, session: str) -> tuple[int, str] | None:
        """Return (count, head) last kept for this session."""
        told = self._ask({"op": "last_head", "session": session})
        return None if told["head"] is None else (int(str(told["count"])), str(told["head"]))

    def _ask(self, request: Mapping[str, object]) -> dict[str, object]:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(self._timeout)
                connection.connect(str(self._path))
                connection.sendall(json.dumps(request).encode() + b"\n")
                with connection.makefile("rb") as stream:
                    line = stream.readline()
            reply = json.loads(line)
        except (OSError, ValueError) as error:
            raise Refused(
                refuse("sealer.unreachable", "The sealer does not answer.", "Start it: `qd up` runs it with the rest.")
            ) from error
        if "refused" in reply:
            reasons = tuple(Reason(item["code"], item["sentence"], item["next_step"]) for item in reply["refused"])
            raise Refused(Decision(reasons))
        return dict(reply)


def _encoded(bodies: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(body).decode() for body in bodies]


def _keys(told: object) -> tuple[SealingKey, ...]:
    return tuple(SealingKey(**item) for item in told) if isinstance(told, list) else ()


def _change(told: object) -> KeyChange:
    if not isinstance(told, dict):
        raise TypeError("the sealer's answer is no change of keys")
    return KeyChange(str(told["event"]), str(told["sha256"]), str(told["public"]), str(told["statement"]).encode())


def _changes(told: object) -> tuple[KeyChange, ...]:
    return tuple(_change(item) for item in told) if isinstance(told, list) else ()
