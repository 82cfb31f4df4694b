"""What `qd ledger verify` holds the log against: pinned signers, checkpoints kept elsewhere, the stored files.

The log with its own checkpoints can only contradict itself, and who holds the sealing key makes it agree again (see
THREAT_MODEL.md); what is compared here comes from the person who verifies, never from the database.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.config.api import load
from quarterdeck.evidence.models import Checkpoint
from quarterdeck.evidence.store import open_artifact, read_artifact
from quarterdeck.kernel.decision import Refused
from quarterdeck_verify import replacement, sshsig, trust
from quarterdeck_verify.checkpoint import Checkpoint as KeptCheckpoint
from quarterdeck_verify.package import CHECKPOINT_NAMESPACE, KEY_REPLACED
from quarterdeck_verify.signers import Signer
from quarterdeck_verify.succession import Replacement, Succession
from quarterdeck_verify.trust import Anchor

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class KeyClaim:
    """An entry that changes the sealing key: its number, its event, and the SHA-256 of the signed statement."""

    seq: int
    event: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Outside:
    """What the log is held against: pinned signers, kept files with checkpoints, the sealer's own memory.

    `files` has every stored file read again.
    """

    pins: Sequence[Signer] = ()
    kept: Sequence[Anchor] = ()
    memory: KeptCheckpoint | None = None
    files: bool = False

    @property
    def sizes(self) -> frozenset[int]:
        """The sizes at which the log's root is asked for."""
        kept = frozenset(one.size for anchor in self.kept for one in anchor.checkpoints)
        return kept | ({self.memory.size} if self.memory else frozenset())


def read_succession(say: Say, claims: Sequence[KeyClaim]) -> Succession:
    """Return the changes of keys that the log records, each checked by the signatures that its statement needs."""
    known, origin = Succession(), load().ledger_origin
    for claim in claims:
        try:
            statement = read_artifact(claim.sha256)
            if claim.event == KEY_REPLACED:
                known.replace(Replacement(claim.seq, *replacement.parse_replacement(statement, origin)))
            else:
                known.add(claim.seq, *trust.parse_rotation(statement, origin))
        except (ValueError, Refused) as problem:
            say(f"entry {claim.seq}: the change of keys does not hold: {problem}")
    return known


def check_signatures(say: Say, notes: list[str], outside: Outside, known: Succession, covered: int) -> None:
    """Check every checkpoint's signature; with pins also that a pinned key, or one that follows it, made it.

    A key that follows a lost one by its own word is told as a note where a checkpoint from outside covers that entry,
    as a problem where none does: anybody who can write here can write that.
    """
    own: dict[str, int] = {}
    for row in Checkpoint.objects.order_by("size"):
        where = f"checkpoint {row.size}"
        try:
            signature = sshsig.parse(bytes(row.sshsig))
        except ValueError as problem:
            say(f"{where}: its signature cannot be used: {problem}")
            continue
        if not sshsig.verify(signature, bytes(row.body), CHECKPOINT_NAMESPACE):
            say(f"{where}: its signature does not sign its text")
            continue
        ended = known.ended(signature.key)
        if ended is not None and ended < row.size:
            say(f"{where}: it is signed by a key that was {known.end_words(signature.key)}")
        one = known.own_word(signature.key, outside.pins)
        if one is not None:
            own.setdefault(signature.key.fingerprint, one.seq)
        elif outside.pins:
            _check_pin(say, where, signature, outside.pins, known, row.at)
    for fingerprint, seq in own.items():
        why = f"which by its own word (entry {seq}) follows a key that was lost"
        told = f"checkpoints are signed by {fingerprint}, {why}"
        if seq >= covered:
            say(f"{told}, and no checkpoint from outside covers that entry")
        else:
            notes.append(f"{told}: have its fingerprint confirmed by another way, then pin it")


def check_kept(
    say: Say, notes: list[str], outside: Outside, size: int, roots: Mapping[int, str], known: Succession
) -> int:
    """Hold checkpoints from elsewhere against the log of `size` entries; returns how many entries they confirm."""
    covered, memory = 0, outside.memory
    if memory is not None and memory.size > size:
        say(f"the sealer signed {memory.size} entries, {size} are here: the database is older")
    elif memory is not None and memory.size and roots.get(memory.size) != memory.root.hex():
        say(f"the sealer remembers another root at {memory.size} entries than the entries here have")
    for anchor, kept in ((brought, one) for brought in outside.kept for one in brought.checkpoints):
        source = anchor.source
        ended, origin = trust.signer_words(anchor, kept.size, known, outside.pins)
        if kept.origin != load().ledger_origin:
            notes.append(f"{source}: its checkpoint is of another log ({kept.origin})")
        elif kept.size > size:
            say(f"{source}: it saw {kept.size} entries, {size} are here: entries were removed or the database is older")
        elif kept.size and roots.get(kept.size) != kept.root.hex():
            rewritten = f"{source}: the first {kept.size} entries are not those that it saw: the ledger was rewritten"
            say(f"{rewritten}. {origin}")
        elif ended:
            notes.append(f"{source}: its checkpoint of {kept.size} entries does not count. {origin}")
        else:
            covered = max(covered, kept.size)
    return covered


_OTHER = "is not the one it names"
_TROUBLES = {
    "artifact.missing": "is missing",
    "store.unreachable": "cannot be read now: the store does not answer",
    "store.unusable": "cannot be read now: the store cannot be used",
}


def check_files(say: Say, outside: Outside, files: Mapping[str, tuple[int, str]], given_up: set[str]) -> int:
    """Read every file that an entry names and that no entry says was destroyed; returns how many were whole."""
    if not outside.files:
        return 0
    whole = 0
    for sha256, (seq, name) in files.items():
        try:
            open_artifact(sha256).close()
            whole += 1
        except Refused as refused:
            if sha256 not in given_up:
                what = next((_TROUBLES[code] for code in refused.decision.codes if code in _TROUBLES), _OTHER)
                say(f"entry {seq}: its file {name} ({sha256}) {what}")
    return whole


def _check_pin(
    say: Say, where: str, signature: sshsig.Signature, pins: Sequence[Signer], known: Succession, at: datetime
) -> None:
    lines, steps = known.pinned(signature.key, pins)
    if not lines and not known.vouched(signature.key, pins):
        say(f"{where}: it is signed by {signature.key.fingerprint}, a key that is not among the pinned signers")
    elif lines and not any(line.admits(CHECKPOINT_NAMESPACE) and (steps or line.valid_at(at)) for line in lines):
        say(f"{where}: the pinned signer {signature.key.fingerprint} may not sign it at that time")
