"""Checks against what the verifying person holds: pinned signers and checkpoints kept outside the package.

Keys, anchors and receipts inside the package never count. A key that follows a pinned one by a recorded rotation,
signed by both, counts like the pinned one; the key it replaced no longer does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from quarterdeck_verify import checkpoint, entry, merkle, package, sshsig
from quarterdeck_verify.checkpoint import Checkpoint
from quarterdeck_verify.ledgerslice import Slice
from quarterdeck_verify.members import MAX_TINY, Members
from quarterdeck_verify.signers import Signer, parse_public_key
from quarterdeck_verify.sshsig import PublicKey
from quarterdeck_verify.succession import Replacement, Succession

_ROTATION_FIELDS = {"at", "log", "new_key", "old_key", "signature_new", "signature_old"}


@dataclass(frozen=True, slots=True)
class Anchor:
    """A file that the verifying person kept, the checkpoints in it, and the keys whose signatures over them hold."""

    source: str
    checkpoints: tuple[Checkpoint, ...]
    signers: tuple[PublicKey, ...] = ()


@dataclass(slots=True)
class Anchoring:
    """How far outside anchors reach: entries below `covered` are theirs; `notes` say why an anchor did not help.

    `unproven` is the largest size that somebody outside saw and that this package does not show to be its own: a ledger
    that was set back, or rewritten since, looks the same as one that merely went on.
    """

    covered: int = 0
    unproven: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Signed:
    """A valid signature inside the package: the member that carries it, its namespace and its key."""

    member: str
    namespace: str
    key: PublicKey


def read_checkpoint(members: Members) -> Checkpoint | None:
    """Return the package's checkpoint, None with a finding when it is malformed; checks the note's body too."""
    body = members.read(package.CHECKPOINT, MAX_TINY)
    try:
        found = checkpoint.parse(body)
    except ValueError as problem:
        members.findings.add("checkpoint.malformed", package.CHECKPOINT, f"It cannot be used: {problem}.")
        return None
    if package.CHECKPOINT_NOTE in members.measured:
        try:
            noted, _ = checkpoint.parse_note(members.read(package.CHECKPOINT_NOTE, MAX_TINY))
        except ValueError as problem:
            members.findings.add("checkpoint.note", package.CHECKPOINT_NOTE, f"It cannot be used: {problem}.")
        else:
            if noted != found:
                members.findings.add("checkpoint.note", package.CHECKPOINT_NOTE, "It is of another checkpoint.")
    return found


def check_signatures(members: Members) -> list[Signed]:
    """Check both signatures by the keys that they carry; returns those that are valid."""
    pairs = (
        (package.SIGNATURE, package.TAG_MANIFEST, package.PACKAGE_NAMESPACE),
        (package.CHECKPOINT_SIGNATURE, package.CHECKPOINT, package.CHECKPOINT_NAMESPACE),
    )
    found = []
    for member, message, namespace in pairs:
        try:
            signature = sshsig.parse(members.read(member, MAX_TINY))
        except ValueError as problem:
            members.findings.add("signature.malformed", member, f"It cannot be used: {problem}.")
            continue
        if sshsig.verify(signature, members.read(message), namespace):
            found.append(Signed(member, namespace, signature.key))
        else:
            members.findings.add("signature.wrong", member, f"It does not sign {message}.")
    return found


def read_succession(members: Members, found: Slice, origin: str, replaced: Sequence[Replacement]) -> Succession:
    """Return the changes of keys that the slice records, each checked by the signatures of both keys."""
    known = Succession()
    for one in replaced:
        known.replace(one)
    for seq, sha256 in found.rotations:
        use = found.artifacts[sha256]
        try:
            known.add(seq, *parse_rotation(members.read(use.path, MAX_TINY), origin))
        except ValueError as problem:
            members.findings.add("rotation.wrong", f"entry {seq}", f"The change of keys does not hold: {problem}.")
    return known


def check_pins(
    members: Members, signed: Sequence[Signed], pins: Sequence[Signer], known: Succession, at: datetime | None
) -> list[str]:
    """Hold the signatures' keys against the pinned signers at the claimed time; returns who signed, in words."""
    names = []
    for item in signed:
        lines, steps = known.pinned(item.key, pins)
        if not lines:
            sentence = f"It is by {item.key.fingerprint}, a key that is not among the pinned signers."
            members.findings.add("signer.unpinned", item.member, sentence)
        elif not any(line.admits(item.namespace) and (steps or line.valid_at(at)) for line in lines):
            sentence = f"The pinned signer {item.key.fingerprint} may not sign {item.namespace} at that time."
            members.findings.add("signer.not_valid", item.member, sentence)
        else:
            changes = "1 recorded change" if steps == 1 else f"{steps} recorded changes"
            after = f" ({changes} of keys after the pinned one)" if steps else ""
            names.append(f"{','.join(lines[0].principals)} {item.key.fingerprint}{after}")
    return list(dict.fromkeys(names))


def by_own_word(
    members: Members, signed: Sequence[Signed], pins: Sequence[Signer], known: Succession, covered: int
) -> dict[Signed, str]:
    """Return the signatures by keys that follow a lost pinned one by their own word, and that in words.

    Anybody can write that a key was lost. It is a finding unless somebody outside holds a checkpoint above that entry.
    """
    found = {}
    for item in signed:
        one = known.own_word(item.key, pins)
        if one is None:
            continue
        why = f"which by its own word (entry {one.seq}) follows a pinned key that was lost"
        found[item] = f"{item.key.fingerprint}, {why}"
        if one.seq >= covered:
            sentence = f"It is by {found[item]}, and no checkpoint from outside covers that entry."
            members.findings.add("signer.replaced", item.member, sentence)
    return found


def check_ended(members: Members, signed: Sequence[Signed], known: Succession, size: int) -> None:
    """Refuse signatures under a ledger of `size` entries by a key that one of these entries ended."""
    for item in signed:
        seq = known.ended(item.key)
        if seq is not None and seq < size:
            members.findings.add("signer.retired", item.member, f"Its key was {known.end_words(item.key)}.")


def check_consistency(members: Members, head: Checkpoint) -> dict[int, package.ConsistencyStep]:
    """Check the package's own consistency proofs and kept checkpoints; returns the proofs by size."""
    try:
        steps = package.parse_consistency(members.read(package.CONSISTENCY))
    except ValueError as problem:
        members.findings.add("member.malformed", package.CONSISTENCY, f"It cannot be used: {problem}.")
        return {}
    for step in steps:
        if not merkle.verify_consistency(step.size, head.size, step.proof, step.root, head.root):
            sentence = f"Its proof from {step.size} entries to {head.size} does not hold."
            members.findings.add("consistency.wrong", package.CONSISTENCY, sentence)
    known = {step.size: step for step in steps}
    for name in members.measured:
        if name.startswith(package.ANCHORS) and name.endswith(".checkpoint"):
            _check_own_anchor(members, name, head, known)
        elif name.startswith(package.ANCHORS) and name.endswith(".checkpoint.sig"):
            _check_own_signature(members, name)
    return known


def check_anchors(
    members: Members,
    head: Checkpoint,
    anchors: Sequence[Anchor],
    steps: dict[int, package.ConsistencyStep],
    history: tuple[Succession, Sequence[Signer]],
) -> Anchoring:
    """Hold the ledger against checkpoints that were kept outside; says how many entries they cover."""
    result = Anchoring()
    for anchor in anchors:
        for kept in anchor.checkpoints:
            ended, origin = signer_words(anchor, kept.size, *history)
            _check_anchor(members, head, (anchor, kept, ended, origin), steps, result)
    return result


def signer_words(anchor: Anchor, size: int, known: Succession, pins: Sequence[Signer]) -> tuple[bool, str]:
    """Return whether an anchor of `size` entries is signed only by keys that had ended by then, and by whom it is.

    Who plants a wrong anchor makes a good package look forged, so a contradiction says whose signature it bears.
    """
    if not anchor.signers:
        return False, "The anchor carries no signature: make sure that it is the one that was sent."
    told, ended = [], []
    for key in sorted(set(anchor.signers), key=lambda one: one.fingerprint):
        seq = known.ended(key)
        ended.append(seq is not None and seq < size)
        if ended[-1]:
            told.append(f"{key.fingerprint}, a key that was {known.end_words(key)}, before it")
        elif known.vouched(key, pins):
            later = "" if seq is None else f", in use until entry {seq}"
            told.append(f"{key.fingerprint}, a pinned signer's key{later}")
        else:
            told.append(f"{key.fingerprint}, which is not pinned" if pins else key.fingerprint)
    return all(ended), f"The anchor is signed by {'; '.join(told)}."


def read_anchor(source: str, data: bytes) -> Anchor:
    """Return the checkpoints in a kept file or mail, and who signed them; ValueError when it holds none."""
    found = checkpoint.find(data)
    if not found:
        raise ValueError(f"{source} holds no checkpoint: three lines of origin, size and root, one after the other")
    texts = [checkpoint.body(kept.origin, kept.size, kept.root) for kept in found]
    signers = [
        signature.key
        for signature in sshsig.find(b"\n".join(checkpoint.texts(data)))
        if any(sshsig.verify(signature, text, package.CHECKPOINT_NAMESPACE) for text in texts)
    ]
    return Anchor(source, tuple(found), tuple(signers))


def rotation_message(log: str, at: str, old_key: str, new_key: str) -> bytes:
    """Return the bytes that both keys sign, in the namespace `quarterdeck-rotation`, when one follows the other."""
    return entry.canonical({"at": at, "log": log, "new_key": new_key, "old_key": old_key})


def rotation_statement(log: str, at: str, old_key: str, new_key: str, signatures: tuple[bytes, bytes]) -> bytes:
    """Return the artifact of a `key.rotated` entry; `signatures` are armored, by the old key and by the new one."""
    old, new = (signature.decode("ascii") for signature in signatures)
    return entry.canonical(
        {"at": at, "log": log, "new_key": new_key, "old_key": old_key, "signature_new": new, "signature_old": old}
    )


def parse_rotation(data: bytes, origin: str) -> tuple[PublicKey, PublicKey]:
    """Return old and new key of the artifact of a `key.rotated` entry; ValueError unless both keys signed it."""
    value = entry.parse_canonical(data)
    if not isinstance(value, dict) or set(value) != _ROTATION_FIELDS:
        raise ValueError("the statement is not one of a change of keys")
    if not all(isinstance(item, str) for item in value.values()) or value["log"] != origin:
        raise ValueError("the statement is of another log")
    message = rotation_message(origin, value["at"], value["old_key"], value["new_key"])
    keys = []
    for which in ("old", "new"):
        key = parse_public_key(value[f"{which}_key"])
        signature = sshsig.parse(value[f"signature_{which}"].encode("utf-8"))
        if signature.key != key or not sshsig.verify(signature, message, package.ROTATION_NAMESPACE):
            raise ValueError(f"the {which} key did not sign it")
        keys.append(key)
    return keys[0], keys[1]


def _check_own_anchor(members: Members, name: str, head: Checkpoint, known: dict[int, package.ConsistencyStep]) -> None:
    try:
        kept = checkpoint.parse(members.read(name, MAX_TINY))
    except ValueError as problem:
        members.findings.add("member.malformed", name, f"It cannot be used: {problem}.")
        return
    same = kept == head
    step = known.get(kept.size)
    if name != f"{package.ANCHORS}{kept.size}.checkpoint" or kept.origin != head.origin:
        members.findings.add("anchor.inside", name, "Its name or origin is not that of the checkpoint in it.")
    elif not same and (step is None or step.root != kept.root):
        members.findings.add("anchor.inside", name, "The ledger of this package does not continue this checkpoint.")


def _check_own_signature(members: Members, name: str) -> None:
    signed = members.read(name.removesuffix(".sig"), MAX_TINY)
    try:
        holds = sshsig.verify(sshsig.parse(members.read(name, MAX_TINY)), signed, package.CHECKPOINT_NAMESPACE)
    except ValueError:
        holds = False
    if not holds:
        members.findings.add("anchor.signature", name, "It does not sign the checkpoint beside it.")


def _check_anchor(
    members: Members,
    head: Checkpoint,
    told: tuple[Anchor, Checkpoint, bool, str],
    steps: dict[int, package.ConsistencyStep],
    result: Anchoring,
) -> None:
    anchor, kept, ended, origin = told
    place = f"{anchor.source}: checkpoint of {kept.size} entries"
    if kept.origin != head.origin:
        result.notes.append(f"{place} is of another log ({kept.origin}).")
    elif kept.size > head.size:
        result.notes.append(f"{place} is newer than the package; ask for a package exported after it.")
        result.unproven = max(result.unproven, kept.size)
    elif kept.size == 0:
        result.notes.append(f"{place} covers nothing.")
    elif kept.size < head.size and kept.size not in steps:
        result.notes.append(f"{place}: the package has no proof from that size; ask for one that names it.")
        result.unproven = max(result.unproven, kept.size)
    elif not _continues(head, kept, steps):
        sentence = "The ledger of this package does not continue the one that this anchor saw: it was rewritten."
        members.findings.add("anchor.contradicts", place, f"{sentence} {origin}")
    elif ended:
        result.notes.append(f"{place} does not count. {origin}")
    else:
        result.covered = max(result.covered, kept.size)


def _continues(head: Checkpoint, kept: Checkpoint, steps: dict[int, package.ConsistencyStep]) -> bool:
    if kept.size == head.size:
        return kept.root == head.root
    return merkle.verify_consistency(kept.size, head.size, steps[kept.size].proof, kept.root, head.root)
