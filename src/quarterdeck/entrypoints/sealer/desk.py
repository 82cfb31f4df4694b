"""The sealer's acts, one request at a time: status, seal, restore, sign a package, keep a recording's head."""

import base64
import binascii
import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from quarterdeck.adapters.note_signature import NoteSigner
from quarterdeck.adapters.ssh_signature import CHECKPOINT_NAMESPACE, PACKAGE_NAMESPACE, SigningFailed, SshKeygenSigner
from quarterdeck.entrypoints.sealer.heads import HeadsLog
from quarterdeck.entrypoints.sealer.memory import Memory, MemoryFile, append_durably, extend
from quarterdeck.kernel.clock import Clock, rfc3339
from quarterdeck.kernel.decision import Decision, Refused, refuse
from quarterdeck_verify import checkpoint as checkpoint_format

Request = Mapping[str, object]
Reply = dict[str, object]
KEY_NAME = "sealing_key"


class Desk:
    """One sealer: its key, its memory, its log of recordings' heads; every act holds the lock."""

    def __init__(self, folder: Path, origin: str, clock: Clock) -> None:
        self._clock = clock
        self._folder = folder
        self._lock = threading.Lock()
        self._file = MemoryFile(folder, origin)
        self._signer = _signer(folder, self._file.memory)
        self._notes = NoteSigner(folder / "note_key", origin)
        self._heads = HeadsLog(folder / "heads.jsonl")
        self._acts: dict[str, Callable[[Request], Reply]] = {
            "status": self._status,
            "seal": self._seal,
            "restore": self._restore,
            "sign_package": self._sign_package,
            "head": self._head,
            "last_head": self._last_head,
        }

    def answer(self, request: Request) -> Reply:
        """Do what `op` names and return the reply; refusals come back as `refused` with their reasons."""
        act = self._acts.get(str(request.get("op")))
        try:
            if act is None:
                raise Refused(refuse("sealer.unknown", f"The sealer knows no {request.get('op')!r}.", "Update both."))
            with self._lock:
                return act(request)
        except Refused as refused:
            return _refusal(refused.decision)
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            return _refusal(refuse("sealer.malformed", f"The request is malformed: {error}.", "Update both sides."))
        except SigningFailed as error:
            return _refusal(refuse("sealer.signing", f"Nothing was signed: {error}.", "Mend that, then try again."))
        except OSError as error:
            sentence = f"The sealer's folder did not take the write ({error.strerror})."
            return _refusal(refuse("sealer.disk", sentence, "Make room there; nothing was signed."))

    def _status(self, request: Request) -> Reply:
        memory = self._file.memory
        size = int(str(request.get("size", memory.size)))
        return {
            "origin": memory.origin,
            "size": memory.size,
            "root": memory.root,
            "epoch": memory.epoch,
            "at": memory.at,
            "restorable_from": self._file.signed_at_most(size).size if size < memory.size else memory.size,
            "key": self._signer.public_line(),
            "key_id": self._signer.fingerprint(),
            "allowed_signers": self._signer.allowed_signers_line(memory.origin),
            "witness_key": self._notes.verifier_line(),
        }

    def _seal(self, request: Request) -> Reply:
        memory = extend(self._file.memory, int(str(request["from"])), _bodies(request), str(request["root"]))
        if memory.size == self._file.memory.size and memory.body:
            return self._signed(memory)
        body = checkpoint_format.body(memory.origin, memory.size, bytes.fromhex(memory.root))
        signed = replace(
            memory,
            body=body.decode(),
            sshsig=self._signer.sign(body, CHECKPOINT_NAMESPACE).decode(),
            note=self._notes.note(body).decode(),
            reason=str(request["reason"]),
            at=rfc3339(self._clock.now()),
        )
        self._file.keep(signed)
        return self._signed(signed)

    def _signed(self, memory: Memory) -> Reply:
        return {
            "size": memory.size,
            "root": memory.root,
            "body": memory.body,
            "sshsig": memory.sshsig,
            "note": memory.note,
            "reason": memory.reason,
            "at": memory.at,
            "key_id": self._signer.fingerprint(),
        }

    def _restore(self, request: Request) -> Reply:
        before = self._file.memory
        size = int(str(request["size"]))
        memory = self._file.go_back(size, _bodies(request), str(request["root"]))
        return {"epoch": memory.epoch, "abandoned_size": before.size, "abandoned_root": before.root, "size": size}

    def _sign_package(self, request: Request) -> Reply:
        manifest = base64.b64decode(str(request["manifest"]), validate=True)
        digest = hashlib.sha256(manifest).hexdigest()
        signature = self._signer.sign(manifest, PACKAGE_NAMESPACE)
        append_durably(self._folder / "packages.log", f"{rfc3339(self._clock.now())} {digest}")
        return {"sshsig": signature.decode(), "key_id": self._signer.fingerprint()}

    def _head(self, request: Request) -> Reply:
        at = rfc3339(self._clock.now())
        self._heads.append(str(request["session"]), int(str(request["count"])), str(request["head"]), at)
        return {"ok": True}

    def _last_head(self, request: Request) -> Reply:
        last = self._heads.last(str(request["session"]))
        return {"head": None} if last is None else {"count": last[0], "head": last[1]}


def _refusal(decision: Decision) -> Reply:
    return {"refused": [reason.as_dict() for reason in decision.reasons]}


def _bodies(request: Request) -> list[bytes]:
    entries = request["entries"]
    if not isinstance(entries, list):
        raise ValueError("entries is no list")
    return [base64.b64decode(str(item), validate=True) for item in entries]


def _signer(folder: Path, memory: Memory) -> SshKeygenSigner:
    key = folder / KEY_NAME
    if key.exists():
        return SshKeygenSigner(key)
    if memory.size:
        raise Refused(
            refuse(
                "sealer.key_missing",
                f"The sealer remembers {memory.size} sealed entries, but {key} is gone.",
                "Put the key back from its encrypted backup; a new key here cannot continue the old log.",
            )
        )
    return SshKeygenSigner.create(key, memory.origin)
