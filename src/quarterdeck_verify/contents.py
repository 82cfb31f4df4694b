"""Checks of what was derived from the ledger: scope, views, artifacts, withheld files, and which tickets are absent."""

from dataclasses import dataclass

from quarterdeck_verify import package
from quarterdeck_verify.ledgerslice import ArtifactUse, Slice
from quarterdeck_verify.members import Members

MAX_SCOPE = 16 << 20


@dataclass(frozen=True, slots=True)
class Completeness:
    """Which tickets the package holds, and which tickets of its period it does not.

    `known` is False when the package does not say how many there are; `unsealed` are the months for which only the
    exporter says it, because no seal of the month stands in the slice.
    """

    included: tuple[str, ...]
    missing: tuple[str, ...] = ()
    known: bool = False
    unsealed: tuple[str, ...] = ()


def check_exported(members: Members, found: Slice, base: str) -> None:
    """Hold the last entry, `package.exported`, against the list of views and the slice before it."""
    findings, last = members.findings, found.last
    if last is None or last["event"] != package.EXPORTED or last["ticket"] is not None:
        findings.add("export.missing", package.ENTRIES, "Its last entry is not the record of this export.")
        return
    where, data = f"entry {last['seq']}", last["data"]
    if data.get("package") != base:
        findings.add("export.other", where, "It records the export of a package with another name.")
    if data.get("entries") != found.count - 1:
        sentence = f"It records {data.get('entries')} entries before it; the package has {found.count - 1}."
        findings.add("export.entries", where, sentence)
    elif data.get("slice_sha256") != found.digest_before_last:
        findings.add("export.entries", where, "It records other entries than those that the package has.")
    if data.get("views_sha256") != members.sha256(package.VIEWS):
        findings.add("export.views", package.VIEWS, f"It is not the list of views that {where} recorded.")


def check_views(members: Members) -> None:
    """Hold every view against the list whose hash is in the ledger."""
    try:
        listed = package.parse_manifest(members.read(package.VIEWS))
    except ValueError as problem:
        members.findings.add("member.malformed", package.VIEWS, f"It cannot be used: {problem}.")
        return
    views = {name for name in members.measured if package.is_view(name)}
    for name in sorted(views - set(listed)):
        members.findings.add("view.unrecorded", name, "The ledger does not know this view.")
    for name in sorted(set(listed) - views):
        members.findings.add("view.missing", name, "The ledger knows this view, the package lacks it.")
    for name in sorted(views & set(listed)):
        if members.sha256(name) != listed[name]:
            members.findings.add("view.forged", name, "It is not the view that was exported: its hash is another.")


def check_scope(members: Members, found: Slice, origin: str | None) -> Completeness:
    """Hold scope.json against the slice; returns which tickets of the period the package lacks."""
    try:
        scope = package.parse_scope(members.read(package.SCOPE, MAX_SCOPE))
    except ValueError as problem:
        members.findings.add("member.malformed", package.SCOPE, f"It cannot be used: {problem}.")
        return Completeness(tuple(sorted(found.tickets)))
    if origin is not None and scope.log != origin:
        members.findings.add("scope.log", package.SCOPE, "It names another log than the checkpoint.")
    _check_heads(members, scope, found)
    wanted = {
        f"{first[:8]}{number:05d}"
        for first, last in scope.ranges
        for number in package.range_numbers(first, last)
    } | found.sealed  # fmt: skip
    missing = tuple(sorted(wanted - set(found.tickets)))
    unsealed = tuple(month for month in package.months(scope) if month not in found.sealed_months)
    return Completeness(tuple(sorted(found.tickets)), missing, bool(wanted), unsealed)


def check_artifacts(members: Members, found: Slice) -> list[package.Withheld]:
    """Hold every artifact that an entry names against the files; returns those that are withheld with a reason."""
    try:
        rows = package.parse_withheld(members.read(package.WITHHELD))
    except ValueError as problem:
        members.findings.add("member.malformed", package.WITHHELD, f"It cannot be used: {problem}.")
        rows = []
    withheld = {row.sha256: row for row in rows}
    for row in rows:
        use = found.artifacts.get(row.sha256)
        if use is None or row != withheld_row(use, row.reason):
            members.findings.add("withheld.unknown", package.WITHHELD, f"No entry names the file {row.name} so.")
    expected = {use.path: use for use in found.artifacts.values() if use.sha256 not in withheld}
    for path, use in expected.items():
        _check_artifact(members, path, use)
    for name in members.measured:
        if name.startswith(package.ARTIFACTS) and name not in expected:
            members.findings.add("artifact.unknown", name, "No entry of the package names this file.")
    return rows


def withheld_row(use: ArtifactUse, reason: str) -> package.Withheld:
    """Return the row of withheld.csv for an artifact."""
    return package.Withheld(use.sha256, use.size, use.seq, use.ticket or "", use.role, use.name, reason)


def _check_artifact(members: Members, path: str, use: ArtifactUse) -> None:
    if path not in members.measured:
        sentence = f"Entry {use.seq} names this file; it is neither here nor listed as withheld."
        members.findings.add("artifact.missing", path, sentence)
    elif members.sha256(path) != use.sha256 or members.measured[path].size != use.size:
        members.findings.add("artifact.changed", path, f"It is not the file that entry {use.seq} names.")


def _check_heads(members: Members, scope: package.Scope, found: Slice) -> None:
    named = {ticket.number: ticket for ticket in scope.tickets}
    for number in sorted(set(named) ^ set(found.tickets)):
        sentence = "Its entries are here and the scope does not name it." if number not in named else "It is missing."
        members.findings.add("scope.tickets", number, sentence)
    for number in sorted(set(named) & set(found.tickets)):
        have, claim = found.tickets[number], named[number]
        if len(have) != claim.count:
            sentence = f"The scope names {claim.count} entries of it; the package has {len(have)}."
            members.findings.add("ticket.hole", number, sentence)
        elif claim.count not in have or have[claim.count].hex() != claim.head:
            members.findings.add("ticket.head", number, "Its last entry is not the one that the scope names.")
