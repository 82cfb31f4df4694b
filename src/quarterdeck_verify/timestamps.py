"""The time stamps that a package holds, and what they prove: that entries existed when an authority says so.

A stamp by a root that came from outside counts; one by a root inside the package only shows that it holds in itself.
A stamp is no anchor: an authority keeps nothing and stamps every version that it is sent, so a stamp does not show that
there is no other version, nor that nothing newer was hidden. The report says how long after the time that an entry
claims it was stamped, which shows writing back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from quarterdeck_verify import checkpoint, openssl, package
from quarterdeck_verify.checkpoint import Checkpoint
from quarterdeck_verify.ledgerslice import Slice
from quarterdeck_verify.members import MAX_TINY, Members
from quarterdeck_verify.openssl import Authority

MAX_STAMPS = 400
# A stamp that comes later than this says nothing of the time that an entry claims. It covers a daily stamp and a
# weekend without the authority.
TIMELY = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Stamped:
    """The ledger's first `size` entries existed `at` this time, by an authority's word."""

    size: int
    at: datetime


@dataclass(slots=True)
class Stamps:
    """The stamps that hold: by a root from `outside`, or only by the one `inside`; and what could not be checked."""

    outside: list[Stamped] = field(default_factory=list)
    inside: list[Stamped] = field(default_factory=list)
    unchecked: int = 0
    why: str = ""


def check_stamps(
    members: Members, head: Checkpoint, steps: Mapping[int, package.ConsistencyStep], roots: Sequence[Path]
) -> Stamps:
    """Check every token of the package against the checkpoint that it stamps."""
    result = Stamps()
    with TemporaryDirectory(prefix="quarterdeck-roots-") as folder:
        inside = _root_inside(members, Path(folder))
        for count, (name, size, data) in enumerate(_tokens(members, head, steps)):
            token = members.read(name, MAX_TINY)
            if not openssl.speaks_of(token, data):
                members.findings.add("stamp.other", name, "It stamps other bytes than the checkpoint beside it.")
            elif openssl.program() is None:
                result.unchecked, result.why = result.unchecked + 1, "there is no openssl on this machine"
            elif count >= MAX_STAMPS:
                result.unchecked, result.why = result.unchecked + 1, f"only the first {MAX_STAMPS} were"
            else:
                _check_token(members, name, (size, token, data), (roots, inside), result)
    return result


def delays(stamps: Sequence[Stamped], found: Slice) -> dict[int, timedelta]:
    """Return how long after the time that it claims each entry of the slice was first stamped, if it was."""
    firsts: list[Stamped] = []  # each covers more entries than those before it, and came later
    for stamp in sorted(stamps, key=lambda one: one.at):
        if not firsts or stamp.size > firsts[-1].size:
            firsts.append(stamp)
    result, place = dict[int, timedelta](), 0
    for seq, ts in sorted(zip(found.seqs, found.times, strict=True)):
        while place < len(firsts) and firsts[place].size <= seq:
            place += 1
        if place < len(firsts):
            result[seq] = firsts[place].at - datetime.fromisoformat(ts)
    return result


def _check_token(
    members: Members,
    name: str,
    stamp: tuple[int, bytes, bytes],
    authorities: tuple[Sequence[Path], Path | None],
    result: Stamps,
) -> None:
    size, token, data = stamp
    roots, inside = authorities
    for root in roots:
        at = openssl.stamped_at(token, data, Authority(root, inside))
        if at is not None:
            result.outside.append(Stamped(size, at))
            return
    if inside is None:
        result.unchecked += 1
        result.why = "no root certificate was given with --tsa-root" if not roots else "another authority made them"
        return
    at = openssl.stamped_at(token, data, Authority(inside, inside))
    if at is None:
        members.findings.add("stamp.wrong", name, f"It does not hold, not even by {package.TSA_ROOT} of the package.")
    else:
        result.inside.append(Stamped(size, at))


def _tokens(
    members: Members, head: Checkpoint, steps: Mapping[int, package.ConsistencyStep]
) -> list[tuple[str, int, bytes]]:
    """Return (member, size, stamped bytes) of every token; the size is 0 where it stamps no checkpoint of this log."""
    found = []
    for name in sorted(members.measured):
        if name in (package.STAMP, package.CHECKPOINT_STAMP):
            data = members.read(package.TAG_MANIFEST if name == package.STAMP else package.CHECKPOINT)
            found.append((name, head.size, data))
        elif name.startswith(package.ANCHORS) and name.endswith(".tsr"):
            size = name.removeprefix(package.ANCHORS).partition(".")[0]
            beside = members.read(f"{package.ANCHORS}{size}.checkpoint", MAX_TINY)
            found.append((name, _proven_size(beside, head, steps), beside))
    return found


def _proven_size(data: bytes, head: Checkpoint, steps: Mapping[int, package.ConsistencyStep]) -> int:
    """Return the size of a checkpoint that the package proves to be its ledger's own; `trust` names the others."""
    try:
        kept = checkpoint.parse(data)
    except ValueError:
        return 0
    step = steps.get(kept.size)
    proven = kept == head or (kept.origin == head.origin and step is not None and step.root == kept.root)
    return kept.size if proven else 0


def _root_inside(members: Members, folder: Path) -> Path | None:
    if package.TSA_ROOT not in members.measured:
        return None
    path = folder / "tsa-root.pem"
    path.write_bytes(members.read(package.TSA_ROOT, MAX_TINY))
    return path
