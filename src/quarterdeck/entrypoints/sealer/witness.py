"""The witness: cosigns checkpoints of other logs that continue what it saw of them (C2SP tlog-witness).

Its key and what it saw lie in the sealer's folder, outside the database: a restored database forgets no log. One
request at a time is checked, kept durably and only then answered, so that two racing requests never roll it back.
Nothing of it is an entry: two instances that witness each other would else make checkpoints for ever.
"""

import base64
import binascii
import hashlib
import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from quarterdeck.adapters.note_signature import Cosigner, is_signed
from quarterdeck.entrypoints.sealer.memory import append_durably, write_durably
from quarterdeck.kernel.clock import Clock, rfc3339
from quarterdeck_verify import cosignature
from quarterdeck_verify.checkpoint import Checkpoint, NoteSignature
from quarterdeck_verify.cosignature import VerifierKey
from quarterdeck_verify.merkle import EMPTY_ROOT, verify_consistency

MAX_REQUEST = 256 * 1024
MAX_PROOF = 63
MAX_REFUSED = 5_000_000
TEXT, SIZE = "text/plain; charset=utf-8", "text/x.tlog.size"
_OLD = re.compile(rb"old (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back over HTTP."""

    status: int
    body: bytes
    media_type: str = TEXT


@dataclass(frozen=True, slots=True)
class Seen:
    """The latest checkpoint of a log that was cosigned: its note ends with our line."""

    origin: str
    size: int = 0
    root: str = EMPTY_ROOT.hex()
    note: str = ""
    at: str = ""


class _Answered(Exception):
    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.answer = Answer(status, f"{sentence}\n".encode())


class Witness:
    """One witness: its key, the logs that it knows by origin, and the latest checkpoint of each."""

    def __init__(self, folder: Path, name: str, logs: Sequence[VerifierKey], clock: Clock) -> None:
        self._folder = folder / "witness"
        self._folder.mkdir(exist_ok=True, mode=0o700)
        self._cosigner = Cosigner(folder / "witness_key", name)
        self._logs: dict[str, list[VerifierKey]] = {}
        for key in logs:
            self._logs.setdefault(key.name, []).append(key)
        self._clock = clock
        self._lock = threading.Lock()

    @property
    def key(self) -> VerifierKey:
        """Return our key, as the logs that we witness configure it."""
        return self._cosigner.key

    def add_checkpoint(self, request: bytes) -> Answer:
        """Answer one add-checkpoint request; OSError when what was seen cannot be kept: then nothing was cosigned."""
        try:
            old, proof, text, head, signatures = _parse(request)
            keys = self._logs.get(head.origin)
            if not keys:
                raise _Answered(404, "this log is not witnessed here")
            _require_signature(keys, text, signatures)
            with self._lock:
                return self._cosign(old, proof, text, head, request)
        except _Answered as answered:
            return answered.answer

    def latest(self, origin_hash: str) -> bytes | None:
        """Return the latest cosigned note of the log whose origin has this SHA-256, None when there is none."""
        for origin in self._logs:
            if hashlib.sha256(origin.encode()).hexdigest() == origin_hash:
                return self._seen(origin).note.encode() or None
        return None

    def logs(self) -> list[Seen]:
        """Return what was seen of each log that we witness, size 0 where nothing was."""
        return [self._seen(origin) for origin in sorted(self._logs)]

    def refused(self) -> list[dict[str, str]]:
        """Return the refused checkpoints that a known log had signed: each may be proof of a fork."""
        path = self._folder / "refused.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def forget(self, origin: str) -> Seen:
        """Set aside what was seen of a log, which may then begin anew; KeyError for one that nothing was seen of."""
        with self._lock:
            seen, path = self._seen(origin), self._path(origin)
            if not path.exists():
                raise KeyError(origin)
            number = 1
            while (aside := path.with_suffix(f".forgotten-{number}")).exists():
                number += 1
            path.rename(aside)
            return seen

    def _cosign(self, old: int, proof: list[bytes], text: bytes, head: Checkpoint, request: bytes) -> Answer:
        seen = self._seen(head.origin)
        if old > head.size:
            raise _Answered(400, "the old size is larger than the checkpoint's")
        if old != seen.size:
            return Answer(409, b"%d\n" % seen.size, SIZE)
        if not _continues(seen, proof, head):
            self._keep_refused(head, request)
            raise _Answered(422, "the proof does not lead from the checkpoint seen last to this one")
        now = self._clock.now()
        line = self._cosigner.cosign(text, int(now.timestamp()))
        note = request[request.index(b"\n\n") + 2 :].decode() + line
        kept = Seen(head.origin, head.size, head.root.hex(), note, rfc3339(now))
        write_durably(self._path(head.origin), json.dumps(asdict(kept), indent=1).encode())
        return Answer(200, line.encode())

    def _keep_refused(self, head: Checkpoint, request: bytes) -> None:
        path = self._folder / "refused.jsonl"
        if path.exists() and path.stat().st_size > MAX_REFUSED:
            return
        told = {"at": rfc3339(self._clock.now()), "origin": head.origin, "size": str(head.size)}
        told["request"] = base64.b64encode(request[:20_000]).decode()
        append_durably(path, json.dumps(told))

    def _seen(self, origin: str) -> Seen:
        path = self._path(origin)
        return Seen(**json.loads(path.read_text())) if path.exists() else Seen(origin)

    def _path(self, origin: str) -> Path:
        return self._folder / f"{hashlib.sha256(origin.encode()).hexdigest()}.json"


def _parse(request: bytes) -> tuple[int, list[bytes], bytes, Checkpoint, list[NoteSignature]]:
    head, blank, note = request.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    old = _OLD.fullmatch(first)
    if old is None or not blank or len(request) > MAX_REQUEST or len(lines) > MAX_PROOF:
        raise _Answered(400, "the request is not: old N, at most 63 lines of proof, an empty line, a checkpoint")
    try:
        proof = [base64.b64decode(line, validate=True) for line in lines]
        text, signatures = cosignature.split_note(note)
        checkpoint = cosignature.parse_text(text)
    except (binascii.Error, ValueError) as error:
        raise _Answered(400, f"the request is malformed: {error}") from error
    if any(len(step) != 32 for step in proof):
        raise _Answered(400, "a line of the proof is no hash")
    return int(old[1]), proof, text, checkpoint, signatures


def _require_signature(keys: Sequence[VerifierKey], text: bytes, signatures: Sequence[NoteSignature]) -> None:
    known: Mapping[tuple[str, bytes], VerifierKey] = {(key.name, key.id): key for key in keys}
    found = False
    for item in signatures:
        key = known.get((item.name, item.key_id))
        if key is None:
            continue
        if not is_signed(key, text, item.signature):
            raise _Answered(403, "a signature by the log's key does not hold")
        found = True
    if not found:
        raise _Answered(403, "the log's key has not signed this checkpoint")


def _continues(seen: Seen, proof: list[bytes], head: Checkpoint) -> bool:
    if head.size == 0 and head.root != EMPTY_ROOT:
        return False
    if seen.size == 0:
        return not proof
    root = bytes.fromhex(seen.root)
    if seen.size == head.size:
        return not proof and head.root == root
    return verify_consistency(seen.size, head.size, proof, root, head.root)
