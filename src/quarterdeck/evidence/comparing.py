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
from quarterdeck_verify import sshsig, trust
from quarterdeck_verify.checkpoint import Checkpoint as KeptCheckpoint
from quarterdeck_verify.package import CHECKPOINT_NAMESPACE
from quarterdeck_verify.signers import Signer

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outside:
    """What the log is held against: pinned signers, checkpoints by the name of their source, the sealer's own memory.

    `files` has every stored file read again.
    """

    pins: Sequence[Signer] = ()
    kept: Sequence[tuple[str, KeptCheckpoint]] = ()
    memory: KeptCheckpoint | None = None
    files: bool = False

    @property
    def sizes(self) -> frozenset[int]:
        """The sizes at which the log's root is asked for."""
        return frozenset(kept.size for _, kept in self.kept) | ({self.memory.size} if self.memory else frozenset())


def check_signatures(say: Say, outside: Outside, rotations: Sequence[tuple[int, str]]) -> None:
    """Check every kept checkpoint's signature; with pins also that a pinned key, or one that follows it, made it."""
    known = _successions(say, rotations)
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
        retired = known.retired.get(signature.key)
        if retired is not None and retired < row.size:
            say(f"{where}: it is signed by a key that entry {retired} retired")
        if outside.pins:
            _check_pin(say, where, signature, outside.pins, known, row.at)


def check_kept(say: Say, notes: list[str], outside: Outside, size: int, roots: Mapping[int, str]) -> int:
    """Hold checkpoints from elsewhere against the log of `size` entries; returns how many entries they confirm."""
    covered, memory = 0, outside.memory
    if memory is not None and memory.size > size:
        say(f"the sealer signed {memory.size} entries, {size} are here: the database is older")
    elif memory is not None and memory.size and roots.get(memory.size) != memory.root.hex():
        say(f"the sealer remembers another root at {memory.size} entries than the entries here have")
    for source, kept in outside.kept:
        if kept.origin != load().ledger_origin:
            notes.append(f"{source}: its checkpoint is of another log ({kept.origin})")
        elif kept.size > size:
            say(f"{source}: it saw {kept.size} entries, {size} are here: entries were removed or the database is older")
        elif kept.size and roots.get(kept.size) != kept.root.hex():
            say(f"{source}: the first {kept.size} entries are not those that it saw: the ledger was rewritten")
        else:
            covered = max(covered, kept.size)
    return covered


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
                what = "is missing" if "artifact.missing" in refused.decision.codes else "is not the one it names"
                say(f"entry {seq}: its file {name} ({sha256}) {what}")
    return whole


def _successions(say: Say, rotations: Sequence[tuple[int, str]]) -> trust.Rotations:
    known = trust.Rotations()
    for seq, sha256 in rotations:
        try:
            known.add(seq, *trust.parse_rotation(read_artifact(sha256), load().ledger_origin))
        except (ValueError, Refused) as problem:
            say(f"entry {seq}: the change of keys does not hold: {problem}")
    return known


def _check_pin(
    say: Say, where: str, signature: sshsig.Signature, pins: Sequence[Signer], known: trust.Rotations, at: datetime
) -> None:
    lines, steps = known.pinned(signature.key, pins)
    if not lines:
        say(f"{where}: it is signed by {signature.key.fingerprint}, a key that is not among the pinned signers")
    elif not any(line.admits(CHECKPOINT_NAMESPACE) and (steps or line.valid_at(at)) for line in lines):
        say(f"{where}: the pinned signer {signature.key.fingerprint} may not sign it at that time")
