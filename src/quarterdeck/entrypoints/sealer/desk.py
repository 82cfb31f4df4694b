"""The sealer's acts, one request at a time: seal, restore, adopt, change the key, sign a package, keep a head."""

import base64
import binascii
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from quarterdeck.adapters.note_signature import VERIFIER_KEYS_FILE, NoteSigner
from quarterdeck.adapters.ssh_signature import CHECKPOINT_NAMESPACE, FRESH_MARK, PACKAGE_NAMESPACE, SigningFailed
from quarterdeck.entrypoints.sealer import changing
from quarterdeck.entrypoints.sealer.adoption import Adoption
from quarterdeck.entrypoints.sealer.heads import HeadsLog
from quarterdeck.entrypoints.sealer.keyring import Custody, KeyRing
from quarterdeck.entrypoints.sealer.memory import Memory, MemoryFile, append_durably, extend, write_durably
from quarterdeck.entrypoints.sealer.witness import Witness
from quarterdeck.entrypoints.sealer.witness_window import WitnessWindow
from quarterdeck.kernel.clock import Clock, rfc3339
from quarterdeck.kernel.decision import Decision, Refused, refuse
from quarterdeck_verify import checkpoint as checkpoint_format
from quarterdeck_verify.cosignature import VerifierKey

Request = Mapping[str, object]
Reply = dict[str, object]
MOST_STATES = 5_000
FORGOT = refuse(
    "sealer.memory_lost",
    "The sealer has a key but no memory of what it signed: state.json is gone from its folder. It signs nothing.",
    "Put the folder back from its encrypted backup. If it is lost for good: `qd ledger adopt` on the server.",
)
SERVING = refuse(
    "sealer.serving",
    "The sealer of a running Quarterdeck takes no other ledger than the one that it signed.",
    "Stop `qd up`; then `qd restore` or `qd ledger adopt` on the server.",
)


class Desk:
    """One sealer; only one that was started for a restoration (`restoring`) accepts another state of the log.

    It holds the keys, the memory and the log of recordings' heads; every act but the witness's holds the lock.
    """

    def __init__(
        self,
        folder: Path,
        origin: str,
        clock: Clock,
        custody: Custody | None = None,
        witnessed: Sequence[VerifierKey] = (),
        witness_name: str = "",
        *,
        restoring: bool = False,
    ) -> None:
        self._clock = clock
        self._restoring = restoring
        self._folder = folder
        self._lock = threading.Lock()
        self._file = MemoryFile(folder, origin)
        self._ring = KeyRing(folder, origin, custody or Custody())
        fresh = folder / FRESH_MARK
        if not self._file.is_there and (fresh.exists() or self._ring.is_new):
            self._file.keep(self._file.memory)
        self._ring.begin()
        fresh.unlink(missing_ok=True)
        self._repair()
        self._notes = NoteSigner(folder / "note_key", origin)
        self._heads = HeadsLog(folder / "heads.jsonl")
        self._adoption = Adoption(self._file, self._ring)
        witness = Witness(folder, witness_name or f"{origin.partition('/')[0]}/witness", witnessed, clock)
        self._window = WitnessWindow(witness)
        keys = f"{self._notes.verifier_line()}\n{witness.key.text}\n"
        write_durably(folder / VERIFIER_KEYS_FILE, keys.encode())
        self._acts: dict[str, Callable[[Request], Reply]] = {
            "status": self._status,
            "states": self._states,
            "seal": self._seal,
            "restore": self._restore,
            "adopt": self._adopt,
            "rotate": self._rotate,
            "replace": self._replace,
            "sign_package": self._sign_package,
            "head": self._head,
            "last_head": self._last_head,
            **self._window.acts,
        }

    def answer(self, request: Request) -> Reply:
        """Do what `op` names and return the reply; refusals come back as `refused` with their reasons."""
        act = self._acts.get(str(request.get("op")))
        try:
            if act is None:
                raise Refused(refuse("sealer.unknown", f"The sealer knows no {request.get('op')!r}.", "Update both."))
            if str(request["op"]) in self._window.acts:  # strangers ask there: they must not hold up the sealing
                return act(request)
            with self._lock:
                return act(request)
        except Refused as refused:
            return refusal(refused.decision)
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            return refusal(refuse("sealer.malformed", f"The request is malformed: {error}.", "Update both sides."))
        except SigningFailed as error:
            return refusal(refuse("sealer.signing", f"Nothing was signed: {error}.", "Mend that, then try again."))
        except OSError as error:
            sentence = f"The sealer's folder did not take the write ({error.strerror})."
            return refusal(refuse("sealer.disk", sentence, "Make room there; nothing was signed."))

    def _repair(self) -> None:
        """Finish a change of keys that a power cut left between the memory and the list of keys."""
        memory = self._file.memory
        record = self._ring.current(memory.key)
        if record.pending and record.statement:
            waiting = [item for item in self._ring.records if not item.pending]
            self._ring.turned(waiting[-1].sha256, record.sha256, memory.at)

    def _status(self, request: Request) -> Reply:
        memory = self._file.memory
        key = self._ring.current(memory.key)
        size = int(str(request.get("size", memory.size)))
        return {
            "origin": memory.origin,
            "size": memory.size,
            "root": memory.root,
            "epoch": memory.epoch,
            "at": memory.at,
            "restorable_from": self._file.signed_at_most(size).size if size < memory.size else memory.size,
            "key": key.public,
            "key_id": key.sha256,
            "allowed_signers": self._ring.allowed_signers(),
            "witness_key": self._notes.verifier_line(),
            "key_place": self._ring.where(key),
            "remembers": self._file.is_there,
            "keys": [
                {"sha256": one.sha256, "public": one.public, "since": one.since, "until": one.until,
                 "ended": one.ended, "pending": one.pending, "place": self._ring.where(one)}
                for one in self._ring.records
            ],
        }  # fmt: skip

    def _states(self, request: Request) -> Reply:
        return {"states": [[size, root] for size, root in self._file.signed_states(MOST_STATES)]}

    def _seal(self, request: Request) -> Reply:
        if not self._file.is_there:
            raise Refused(FORGOT)
        bodies = _bodies(request)
        memory = extend(self._file.memory, int(str(request["from"])), bodies, str(request["root"]))
        if memory.size == self._file.memory.size and memory.body:
            return self._signed(memory)
        key, turns = changing.follow(self._ring, memory.key, changing.claims(bodies))
        self._require_all_changes(key)
        signer = self._ring.signer(self._ring.current(key))
        body = checkpoint_format.body(memory.origin, memory.size, bytes.fromhex(memory.root))
        signed = replace(
            memory,
            body=body.decode(),
            sshsig=signer.sign(body, CHECKPOINT_NAMESPACE).decode(),
            note=self._notes.note(body).decode(),
            reason=str(request["reason"]),
            at=rfc3339(self._clock.now()),
            key=key,
        )
        self._file.keep(signed)
        for old, new, at in turns:
            self._ring.turned(old, new, at)
        return self._signed(signed)

    def _require_all_changes(self, key: str) -> None:
        """A ledger that was set back before a change of keys must record it again: a retired key signs nothing."""
        if self._ring.after(key):
            raise Refused(
                refuse(
                    "sealer.change_missing",
                    "The ledger was set back to before the sealing key changed, and does not record the change again.",
                    "Finish with `qd restore` or `qd ledger adopt`: they record it.",
                )
            )

    def _signed(self, memory: Memory) -> Reply:
        return {
            "size": memory.size,
            "root": memory.root,
            "body": memory.body,
            "sshsig": memory.sshsig,
            "note": memory.note,
            "reason": memory.reason,
            "at": memory.at,
            "key_id": self._ring.current(memory.key).sha256,
        }

    def _require_restoring(self) -> None:
        """Who takes the web or the gate over can ask this socket: it must not be able to set the memory back."""
        if not self._restoring:
            raise Refused(SERVING)

    def _restore(self, request: Request) -> Reply:
        self._require_restoring()
        before = self._file.memory
        size, start = int(str(request["size"])), int(str(request["from"]))
        base = (start, str(request["base_root"]))
        bodies = _bodies(request)
        memory = self._file.go_back(base, size, bodies, str(request["root"]))
        key, turns = changing.follow(self._ring, memory.key, changing.claims(bodies))
        memory = replace(memory, key=key)
        self._file.keep(memory)
        for turn in turns:
            self._ring.turned(*turn)
        return {
            "epoch": memory.epoch,
            "abandoned_size": before.size,
            "abandoned_root": before.root,
            "size": size,
            "changes": [changing.as_change(item) for item in self._ring.after(memory.key)],
        }

    def _adopt(self, request: Request) -> Reply:
        self._require_restoring()
        start, told = int(str(request["from"])), str(request["root"])
        at = rfc3339(self._clock.now())
        return self._adoption.take(start, _bodies(request), told, last=request.get("last") is True, at=at)

    def _rotate(self, request: Request) -> Reply:
        if not self._file.is_there:
            raise Refused(FORGOT)
        return changing.as_change(changing.rotate(self._ring, *self._change(request), **_named(request)))

    def _replace(self, request: Request) -> Reply:
        return changing.as_change(changing.replace_lost(self._ring, *self._change(request), **_named(request)))

    def _change(self, request: Request) -> tuple[str, str, str]:
        memory = self._file.memory
        return memory.key, memory.origin, rfc3339(self._clock.now())

    def _sign_package(self, request: Request) -> Reply:
        if not self._file.is_there:
            raise Refused(FORGOT)
        manifest = base64.b64decode(str(request["manifest"]), validate=True)
        digest = hashlib.sha256(manifest).hexdigest()
        key = self._ring.current(self._file.memory.key)
        if self._ring.after(key.sha256):
            raise Refused(refuse("sealer.change_missing", "This key was retired; it signs no package.", ""))
        signature = self._ring.signer(key).sign(manifest, PACKAGE_NAMESPACE)
        append_durably(self._folder / "packages.log", f"{rfc3339(self._clock.now())} {digest}")
        return {"sshsig": signature.decode(), "key_id": key.sha256}

    def _head(self, request: Request) -> Reply:
        at = rfc3339(self._clock.now())
        self._heads.append(str(request["session"]), int(str(request["count"])), str(request["head"]), at)
        return {"ok": True}

    def _last_head(self, request: Request) -> Reply:
        last = self._heads.last(str(request["session"]))
        return {"head": None} if last is None else {"count": last[0], "head": last[1]}


def refusal(decision: Decision) -> Reply:
    """Return a refusal as it goes over the socket."""
    return {"refused": [reason.as_dict() for reason in decision.reasons]}


def _named(request: Request) -> dict[str, str]:
    return {"public": str(request.get("public", "")), "name": str(request.get("name", ""))}


def _bodies(request: Request) -> list[bytes]:
    entries = request["entries"]
    if not isinstance(entries, list):
        raise ValueError("entries is no list")
    return [base64.b64decode(str(item), validate=True) for item in entries]
