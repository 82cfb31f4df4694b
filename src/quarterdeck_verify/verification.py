"""Verifying one package: runs every check and draws one verdict, INTACT, UNANCHORED or ALTERED.

The verdict is about integrity alone. ALTERED outranks; INTACT needs a pinned signer and a checkpoint kept outside.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from quarterdeck_verify import contents, members, package, replacement, timestamps, trust, witness
from quarterdeck_verify.approvals import Judged, check_approvals
from quarterdeck_verify.checkpoint import Checkpoint
from quarterdeck_verify.container import Container, ContainerError, open_container
from quarterdeck_verify.cosignature import VerifierKey
from quarterdeck_verify.encrypted import check_encrypted
from quarterdeck_verify.findings import Findings
from quarterdeck_verify.gaps import Gap, find_gaps
from quarterdeck_verify.ledgerslice import Slice, read_slice
from quarterdeck_verify.receipts import check_receipts
from quarterdeck_verify.signers import Signer
from quarterdeck_verify.succession import Replacement
from quarterdeck_verify.timestamps import Stamps
from quarterdeck_verify.trust import Anchor, Anchoring
from quarterdeck_verify.witness import Witnessed


class Verdict(StrEnum):
    """The verifier's word."""

    INTACT = "INTACT"
    UNANCHORED = "UNANCHORED"
    ALTERED = "ALTERED"


class State(StrEnum):
    """The state of one of the separate checks."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not_checked"


EXIT_CODES = {Verdict.INTACT: 0, Verdict.ALTERED: 1, Verdict.UNANCHORED: 3}


@dataclass(frozen=True, slots=True)
class Check:
    """One separate answer: intact, signed, anchored, time or complete."""

    state: State
    sentence: str


@dataclass(slots=True)
class Report:
    """All that a verification says."""

    findings: Findings
    checks: dict[str, Check] = field(default_factory=dict)
    verdict: Verdict = Verdict.ALTERED
    base: str = ""
    files: int = 0
    entries: int = 0
    tickets: contents.Completeness | None = None
    withheld: list[package.Withheld] = field(default_factory=list)
    encrypted: list[package.Withheld] = field(default_factory=list)
    approvals: list[Judged] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 for INTACT, 1 for ALTERED, 3 for UNANCHORED."""
        return EXIT_CODES[self.verdict]


@dataclass(slots=True)
class _Outside:
    """What the verifying person brought, and what came of it."""

    pins: Sequence[Signer] = ()
    anchors: Sequence[Anchor] = ()
    witnesses: Sequence[VerifierKey] = ()
    tsa_roots: Sequence[Path] = ()
    signers: list[str] = field(default_factory=list)
    unconfirmed: list[str] = field(default_factory=list)
    anchoring: Anchoring = field(default_factory=Anchoring)
    slice: Slice = field(default_factory=Slice)
    replaced: list[Replacement] = field(default_factory=list)
    witnessed: Witnessed = field(default_factory=Witnessed)
    stamps: Stamps = field(default_factory=Stamps)

    @property
    def covered(self) -> int:
        """Return how many entries somebody outside holds: by a kept checkpoint or a pinned witness's cosignature."""
        return max([self.anchoring.covered, *(one.size for one in self.witnessed.pinned)])


def verify(
    path: Path,
    pins: Sequence[Signer] = (),
    anchors: Sequence[Anchor] = (),
    *,
    witnesses: Sequence[VerifierKey] = (),
    tsa_roots: Sequence[Path] = (),
) -> Report:
    """Return the report on the zip or folder at `path`; OSError when there is nothing to read.

    Signers, checkpoints, witnesses' keys and roots of time-stamping authorities come from outside the package.
    """
    report, outside = Report(Findings()), _Outside(pins, anchors, witnesses, tsa_roots)
    try:
        container = open_container(path)
    except ContainerError as problem:
        report.findings.add("container", problem.member or "package", f"Not as Quarterdeck packs it: {problem}.")
        _conclude(report, outside)
        return report
    try:
        _check(container, report, outside)
    except ContainerError as problem:
        report.findings.add("member.unreadable", problem.member, f"It cannot be read: {problem}.")
        _conclude(report, outside)
    finally:
        container.close()
    return report


def _check(container: Container, report: Report, outside: _Outside) -> None:
    bag = members.check_members(container, report.findings)
    report.files = len(bag.measured)
    head = trust.read_checkpoint(bag)
    found = read_slice(bag, head)
    report.entries = found.count
    identifier = "" if head is None else f"{head.origin}@{head.size}"
    report.base = members.check_bag_info(bag, identifier)
    contents.check_exported(bag, found, report.base)
    contents.check_views(bag)
    report.tickets = contents.check_scope(bag, found, None if head is None else head.origin)
    absent = contents.check_artifacts(bag, found)
    report.encrypted = check_encrypted(bag, absent)
    report.withheld = [row for row in absent if row not in report.encrypted]
    check_receipts(bag)
    report.approvals = check_approvals(bag, found)
    report.gaps = find_gaps(found.story)
    signed = trust.check_signatures(bag)
    outside.signers = [item.key.fingerprint for item in signed]
    outside.slice = found
    if head is not None:
        _compare(bag, head, signed, outside)
    _conclude(report, outside)


def _compare(bag: members.Members, head: Checkpoint, signed: Sequence[trust.Signed], outside: _Outside) -> None:
    """Hold the package against what the verifying person brought."""
    found, pins = outside.slice, outside.pins
    outside.replaced = replacement.read_replacements(bag, found, head.origin)
    known = trust.read_succession(bag, found, head.origin, outside.replaced)
    trust.check_ended(bag, signed, known, head.size)
    steps = trust.check_consistency(bag, head)
    outside.anchoring = trust.check_anchors(bag, head, outside.anchors, steps, (known, pins))
    outside.witnessed = witness.check_cosignatures(bag, head, steps, outside.witnesses)
    outside.stamps = timestamps.check_stamps(bag, head, steps, outside.tsa_roots)
    if pins:
        told = trust.by_own_word(bag, signed, pins, known, outside.covered)
        outside.unconfirmed = list(dict.fromkeys(told.values()))
        others = [item for item in signed if item not in told]
        outside.signers = trust.check_pins(bag, others, pins, known, _claimed_time(found))


def _claimed_time(found: Slice) -> datetime | None:
    return None if found.last is None else datetime.fromisoformat(found.last["ts"])


def _conclude(report: Report, outside: _Outside) -> None:
    report.checks["intact"] = _intact(report)
    report.checks["signed"] = _signed(report, outside)
    report.checks["anchored"] = _anchored(report, outside)
    report.checks["witnessed"] = _witnessed(report, outside)
    report.checks["time"] = _time(report, outside)
    report.not_checked = [*_not_checked(report), *replacement.words(outside.replaced)]
    _judge(report)


def _judge(report: Report) -> None:
    if report.findings:
        report.verdict = Verdict.ALTERED
    elif report.checks["signed"].state is State.PASSED and report.checks["anchored"].state is State.PASSED:
        report.verdict = Verdict.INTACT
    else:
        report.verdict = Verdict.UNANCHORED


def _intact(report: Report) -> Check:
    wrong = [finding for finding in report.findings if not finding.code.startswith(("signer.", "anchor.contradicts"))]
    if wrong:
        return Check(State.FAILED, "The package is not as it was made; see what is wrong.")
    return Check(State.PASSED, f"{report.files} files and {report.entries} ledger entries agree with each other.")


def _signed(report: Report, outside: _Outside) -> Check:
    if report.findings.has("signer.") or report.findings.has("signature."):
        return Check(State.FAILED, "A signature does not hold, or is not by a pinned signer; see what is wrong.")
    shown = "; ".join(dict.fromkeys(outside.signers)) or "nobody"
    if not outside.pins:
        sentence = f"Signed by {shown}. Anybody can make such a key: pin the signer with --signers."
        return Check(State.NOT_CHECKED, sentence)
    if outside.unconfirmed:
        sentence = f"Signed by {'; '.join(outside.unconfirmed)}; a checkpoint from outside covers that entry."
        return Check(State.NOT_CHECKED, f"{sentence} Have its fingerprint confirmed by another way, then pin it.")
    if not outside.signers:
        return Check(State.FAILED, "No signature could be read.")
    return Check(State.PASSED, f"Signed by {shown}, pinned from outside the package.")


def _anchored(report: Report, outside: _Outside) -> Check:
    anchoring, found = outside.anchoring, outside.slice
    if report.findings.has("anchor.contradicts"):
        return Check(State.FAILED, "The ledger contradicts a checkpoint that was kept outside.")
    seen = outside.witnessed.pinned
    if not outside.anchors and not seen:
        sentence = "No checkpoint from outside was given: who holds the sealing key could have rewritten everything."
        stamped = " A time stamp is no such thing: an authority stamps any version." if outside.stamps.outside else ""
        return Check(State.NOT_CHECKED, f"{sentence}{stamped} Give one that was mailed with --anchor.")
    relevant = found.ticket_seqs or found.seqs
    if report.findings and not anchoring.covered and not anchoring.notes:
        return Check(State.NOT_CHECKED, "The package is damaged, so no checkpoint could be held against it.")
    covered = outside.covered
    if not any(seq < covered for seq in relevant):
        told = " ".join(anchoring.notes) or "The anchors are older than every ticket entry of this package."
        return Check(State.NOT_CHECKED, told)
    if anchoring.unproven > covered and any(seq >= covered for seq in relevant):
        sentence = f"Entries from {covered} on were seen by an anchor that this package does not answer:"
        return Check(State.NOT_CHECKED, " ".join([sentence, *anchoring.notes]))
    held = sum(seq < covered for seq in found.seqs)
    sentence = f"It covers {held} of {found.count} entries and agrees with them (checkpoint of {covered})."
    if held < found.count:
        sentence += " What is newer rests on the signature alone."
    return Check(State.PASSED, " ".join([sentence, *anchoring.notes]))


def _witnessed(report: Report, outside: _Outside) -> Check:
    told = outside.witnessed
    if report.findings.has("cosignature.") or report.findings.has("note."):
        return Check(State.FAILED, "A signature under a checkpoint does not hold; see what is wrong.")
    if told.pinned:
        newest = max(told.pinned, key=lambda one: one.size)
        names = ", ".join(sorted({one.name for one in told.pinned}))
        count = "1 cosignature" if len(told.pinned) == 1 else f"{len(told.pinned)} cosignatures"
        sentence = f"{count} by {names}; the newest saw {newest.size} entries"
        return Check(State.PASSED, f"{sentence} at {newest.at:%Y-%m-%dT%H:%M:%SZ}.")
    if told.inside:
        names = ", ".join(sorted({one.name for one in told.inside}))
        count = "1 cosignature holds" if len(told.inside) == 1 else f"{len(told.inside)} cosignatures hold"
        sentence = f"{count} by {names}, only listed by the package itself: anybody can make such a key."
        return Check(State.NOT_CHECKED, f"{sentence} Get it from the witness and give it with --witness.")
    unknown = f"{told.unknown} cosignatures are by keys that nobody named." if told.unknown else ""
    return Check(State.NOT_CHECKED, unknown or "The package holds no witness's signature.")


def _time(report: Report, outside: _Outside) -> Check:
    stamps, found = outside.stamps, outside.slice
    if report.findings.has("stamp."):
        return Check(State.FAILED, "A time stamp does not hold; see what is wrong.")
    later = f" {stamps.unchecked} were not checked: {stamps.why}." if stamps.unchecked else ""
    if not stamps.outside:
        sentence = "No time stamp of an independent authority was checked; the times are the ledger's own."
        if stamps.inside:
            sentence = f"{len(stamps.inside)} time stamps hold by a root inside the package: pin it with --tsa-root."
        return Check(State.NOT_CHECKED, sentence + later)
    delays = timestamps.delays(stamps.outside, found)
    hours = max(delay.total_seconds() for delay in delays.values()) / 3600 if delays else 0.0
    soon = sum(delay <= timestamps.TIMELY for delay in delays.values())
    sentence = f"{len(stamps.outside)} time stamps hold; {len(delays)} of {found.count} entries existed by then,"
    sentence += f" at most {max(hours, 0):.1f} hours after the time that they claim; {soon} within 72 hours of it."
    if not soon:
        sentence += " So late a stamp says nothing about the time that is claimed."
    return Check(State.PASSED if soon else State.NOT_CHECKED, sentence + later)


def _not_checked(report: Report) -> list[str]:
    notes = ["Whether the work was done well, and whether the people are who their accounts say."]
    if report.withheld:
        notes.append(f"Files that are withheld: {len(report.withheld)}.")
    if report.encrypted:
        notes.append(f"Files that are encrypted to the reader, which are not opened here: {len(report.encrypted)}.")
    if report.tickets is not None and not report.tickets.known:
        notes.append("How many tickets the period has: the package does not say.")
    elif report.tickets is not None and report.tickets.missing:
        notes.append(f"Tickets that are not included: {len(report.tickets.missing)}.")
    if report.tickets is not None and report.tickets.known and report.tickets.unsealed:
        unsealed = report.tickets.unsealed
        shown = unsealed[0] if len(unsealed) == 1 else f"{unsealed[0]} to {unsealed[-1]}"
        notes.append(f"Whether there are tickets that the exporter does not name: {shown} is not sealed in this slice.")
    notes.append("Receipts of anchors, keys and root certificates inside the package: they do not count.")
    if any(not one.signed for one in report.approvals):
        notes.append("Approvals without a signature of the person's own: the ledger says who gave them.")
    return notes
