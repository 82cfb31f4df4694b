"""The report in words for people and as JSON for programs; all of it printable ASCII."""

import json
from collections.abc import Sequence

from quarterdeck_verify.contents import Completeness
from quarterdeck_verify.findings import Findings, plain
from quarterdeck_verify.package import Withheld
from quarterdeck_verify.verification import Report, State, Verdict

MAX_LISTED = 20
# Without its bytes nothing that rests on a file can be checked: each such check fails for this one reason.
_CAUSES = frozenset({"member.unreadable"})
_OF_THEIR_OWN = ("member.changed", "member.unexpected", "member.unlisted", "signer.", "anchor.contradicts")

_LABELS = {
    "intact": "Intact",
    "signed": "Signed by a pinned key",
    "anchored": "Outside anchor",
    "witnessed": "Witnesses",
    "time": "Time proven",
}
_MARKS = {State.PASSED: "yes", State.FAILED: "NO", State.NOT_CHECKED: "not checked"}
_MEANING = {
    Verdict.INTACT: "nothing was changed since the outside anchor and the pinned signature.",
    Verdict.UNANCHORED: "nothing contradicts itself, and nothing from outside confirms it.",
    Verdict.ALTERED: "the package is not what was exported.",
}


def as_text(report: Report, path: str) -> str:
    """Return the report for people, with a final line feed."""
    lines = [f"Package: {plain(path)}", ""]
    for name, label in _LABELS.items():
        check = report.checks[name]
        lines.append(f"{label + ':':24}{_MARKS[check.state]}. {plain(check.sentence, 2000)}")
    if report.tickets is not None:
        lines.append(f"{'Tickets:':24}{_tickets(report.tickets)}")
    lines += _absent("Withheld files:", report.withheld)
    lines += _absent("Encrypted files:", report.encrypted, " encrypted to the reader, not opened here")
    lines += _told_of(report)
    lines.append("Not checked:")
    lines += [f"  - {plain(note, 400)}" for note in report.not_checked]
    if report.findings:
        lines += ["", *_wrong(report.findings)]
    lines += ["", f"{report.verdict}: {_MEANING[report.verdict]}"]
    return "\n".join(lines) + "\n"


def _absent(label: str, rows: Sequence[Withheld], words: str = "") -> list[str]:
    """Return the files that an entry names and that stand nowhere in the open, with the reason."""
    if not rows:
        return []
    told = [f"{plain(row.name)} ({plain(row.ticket or 'no ticket')}): {plain(row.reason)}" for row in rows]
    return [f"{label:24}{len(rows)}{words}", *(f"  - {line}" for line in told[:MAX_LISTED])]


def _told_of(report: Report) -> list[str]:
    """Return how the approvals were given, and what is missing though nothing was altered."""
    lines = []
    if report.approvals:
        signed = [one for one in report.approvals if one.signed]
        lines.append(f"{'Approvals:':24}{len(signed)} signed, {len(report.approvals) - len(signed)} recorded only")
        for one in report.approvals[:MAX_LISTED]:
            told = f"{one.approval.ticket} entry {one.approval.seq}: {one.approval.role} {one.approval.verdict}"
            lines.append(f"  - {plain(told)} by {plain(one.approval.person)}: {plain(one.by, 300)}")
    if report.gaps:
        lines.append(f"{'Missing:':24}{len(report.gaps)} that the entries let expect")
        lines += [f"  - {plain(gap.where)}: {plain(gap.sentence, 300)}" for gap in report.gaps[:MAX_LISTED]]
        hidden = len(report.gaps) - MAX_LISTED
        lines += [f"  - and {hidden} more; --json lists them"] if hidden > 0 else []
    return lines


def _wrong(findings: Findings) -> list[str]:
    """Return what is wrong, the cause first: what only follows from a file that can't be read is counted."""
    kept = list(findings)
    causes = [finding for finding in kept if finding.code in _CAUSES]
    if not causes:
        named, follows = kept, 0
    else:
        unread = {finding.where for finding in causes}
        named = causes + [f for f in kept if f.code.startswith(_OF_THEIR_OWN) and f.where not in unread]
        follows = len(kept) - len(named)
    lines = [f"What is wrong ({findings.total}):" if not follows else "What is wrong:"]
    lines += [f"  - {finding.where}: {finding.sentence}" for finding in named]
    if follows:
        lines.append(f"  - {follows} further checks fail, which may follow from this; --json lists them.")
    hidden = findings.total - len(kept)
    return [*lines, *([f"  - and {hidden} more"] if hidden else [])]


def as_json(report: Report, path: str) -> str:
    """Return the report for programs: one JSON document with a final line feed."""
    tickets = report.tickets
    document = {
        "verdict": report.verdict.value,
        "exit_code": report.exit_code,
        "package": path,
        "name": report.base,
        "files": report.files,
        "entries": report.entries,
        "checks": {name: {"state": c.state.value, "sentence": c.sentence} for name, c in report.checks.items()},
        "findings": [{"code": f.code, "where": f.where, "sentence": f.sentence} for f in report.findings],
        "findings_total": report.findings.total,
        "tickets": None
        if tickets is None
        else {
            "included": list(tickets.included),
            "not_included": list(tickets.missing),
            "known": tickets.known,
            "unsealed_months": list(tickets.unsealed),
        },
        "withheld": [_row(row) for row in report.withheld],
        "encrypted": [_row(row) for row in report.encrypted],
        "approvals": [
            {
                "entry": one.approval.seq,
                "ticket": one.approval.ticket,
                "person": one.approval.person,
                "role": one.approval.role,
                "verdict": one.approval.verdict,
                "signed": one.signed,
                "by": one.by,
            }
            for one in report.approvals
        ],
        "gaps": [{"code": gap.code, "where": gap.where, "sentence": gap.sentence} for gap in report.gaps],
        "not_checked": report.not_checked,
    }
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


def _row(row: Withheld) -> dict[str, str | int]:
    return {"sha256": row.sha256, "entry": row.seq, "ticket": row.ticket, "name": row.name, "reason": row.reason}


def _tickets(tickets: Completeness) -> str:
    included, missing = len(tickets.included), len(tickets.missing)
    if not tickets.known:
        return f"{included} included; the package does not say how many there are."
    head = f"{included} of {included + missing} tickets of the period"
    if not missing:
        return f"{head}, none left out."
    names = ", ".join(tickets.missing[:MAX_LISTED]) + (", ..." if missing > MAX_LISTED else "")
    return f"{head}, {missing} not included: {names}."
