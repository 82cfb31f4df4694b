"""Compare two baselines of an asset, and tell what is different: expected, unexplained or unreadable."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import groupby
from os.path import commonpath

from quarterdeck.baselines import posture_rules, rules
from quarterdeck.baselines.diff import Change, ChangeKind, NotComparable, compare, posture_changes, settle
from quarterdeck.baselines.drift_rules import RuleBook
from quarterdeck.baselines.fallback import fallback_sha256
from quarterdeck.baselines.manifest import Reader, display
from quarterdeck.baselines.recording import newest
from quarterdeck.baselines.rule_versions import rules_in_force
from quarterdeck.baselines.rules import DriftClass, Phase, Scope, Severity
from quarterdeck.baselines.terms import BaselineView, Comparison, DriftLine
from quarterdeck.evidence.api import open_artifact, read_artifact
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.tickets import api as tickets

FILE, POSTURE, PACKAGE, FOLDER = "file", "posture", "package", "folder"
_WORST = (Severity.FORBIDDEN, Severity.SENSITIVE, Severity.ORDINARY)
Facts = Mapping[str, object]
_NO_RULES = RuleBook()
_RPM_NAME = re.compile(r"[^:]+\.(?:noarch|x86_64|i686|aarch64|ppc64le|s390x|\(none\))")


def compare_baselines(ticket: str, asset: str) -> Comparison:
    """Return the difference between the newest before and after baselines of a ticket's asset; reads, writes nothing.

    Raises Refused when one of them is missing, its row is not what the ledger says, or they watch other folders.
    """
    before, after = newest(ticket, asset, Phase.BEFORE), newest(ticket, asset, Phase.AFTER)
    if before is None or after is None:
        raise Refused(
            refuse(
                "drift.baseline_missing",
                "A difference needs a baseline from before and one from after the work.",
                "Take the missing baseline; where there is none from before, the ticket says so.",
            )
        )
    return compare_two(before, after, rules.scope(tickets.ticket(ticket).content.expected_paths))


def compare_two(before: BaselineView, after: BaselineView, declared: Scope) -> Comparison:
    """Return the difference between two baselines of one asset, judged by what was declared and the rules in force.

    Raises Refused(drift.other_folders) when they watch other folders, Refused(drift.other_collector) when one of them
    was measured without Python: the facts that it lacks would all look taken away, and hide those that were.
    """
    shell = fallback_sha256()
    rules.measured_alike(before.collector_sha256 == shell, after.collector_sha256 == shell).require()
    changes = _changes(before.manifest_sha256, after.manifest_sha256)
    postures = _posture(before.posture_sha256), _posture(after.posture_sha256)
    owners, book = package_owners(postures[1]), rules_in_force()
    cui = inventory.asset(after.asset).handles_cui
    touched = sum(change.kind is ChangeKind.TOUCHED for change in changes)
    lines = [
        file_line(change, declared, owners, book, cui=cui)
        for change in changes
        if change.kind is not ChangeKind.TOUCHED
    ]
    lines += posture_lines(*postures, declared)
    return Comparison(
        before=before,
        after=after,
        lines=tuple(collapse(lines)),
        touched=touched,
        posture={
            "access": posture_outcome(*postures, rules.ACCESS_POSTURE),
            "encryption": posture_outcome(*postures, rules.ENCRYPTION_POSTURE),
        },
        document=_document(changes, lines, *postures, book),
        rules_sha256=book.sha256,
    )


def _changes(before: str, after: str) -> list[Change]:
    try:
        with open_artifact(before) as one, open_artifact(after) as other:
            return settle(compare(Reader(one), Reader(other)))
    except NotComparable as error:
        raise Refused(
            refuse(
                "drift.other_folders",
                f"No difference can be told: {error}.",
                "Take both baselines with the watched folders that were approved.",
            )
        ) from error


def _posture(sha256: str) -> Facts:
    found = json.loads(read_artifact(sha256))
    return found if isinstance(found, dict) else {}


def package_owners(posture: Facts) -> dict[bytes, str]:
    """Return path -> package of the packages that the target installed or upgraded since the first baseline."""
    owners: dict[bytes, str] = {}
    # dpkg and rpm name the files of a package; of Windows, updates are named by their KB number.
    for kind in ("update_files", "package_files"):
        fact = posture.get(kind)
        lists = fact.get("value") if isinstance(fact, dict) else None
        for name, paths in lists.items() if isinstance(lists, dict) else ():
            for path in paths if isinstance(paths, list) else ():
                owners[str(path).encode("utf-8", "surrogateescape")] = str(name).partition(":")[0]
    return owners


def changed_packages(before: Facts, after: Facts) -> set[str]:
    """Return the names of packages that came, went or changed version."""
    lists: list[set[str]] = []
    for posture in (before, after):
        facts = [posture.get(name) for name in ("packages", "hotfixes")]
        values = [fact.get("value") for fact in facts if isinstance(fact, dict)]
        lists.append({str(line) for value in values if isinstance(value, list) for line in value})
    names = (line.partition(" ")[0] for line in lists[0] ^ lists[1])
    return {name.rpartition(".")[0] if _RPM_NAME.fullmatch(name) else name.partition(":")[0] for name in names}


def posture_lines(before: Facts, after: Facts, declared: Scope) -> list[DriftLine]:
    """Return one line for each posture fact that changed, of a fact with keys one for each key."""
    packages = changed_packages(before, after)
    return [
        _posture_line(
            part, values, rules.judge_posture(name, declared, packages, posture_rules.codes(before, after, part))
        )
        for name in posture_changes(before, after)
        for part, values in _parts(before, after, name).items()
    ]


def _parts(before: Facts, after: Facts, name: str) -> dict[str, tuple[object, object]]:
    """Return the differences within one fact with both sides: the whole fact where it has no keys."""
    keyed = posture_rules.by_key(before, after, name)
    return {part: (before.get(name), after.get(name)) if part == name else both for part, both in keyed.items()}


def _posture_line(name: str, values: tuple[object, object], judged: rules.Judgement) -> DriftLine:
    print_ = _fingerprint(json.dumps([name, *values], sort_keys=True).encode())
    path = name.encode("utf-8", "surrogatepass")
    return DriftLine(
        POSTURE, path, ChangeKind.CHANGED, judged.drift_class, judged.severity, judged.codes, "", 1, print_
    )


def posture_outcome(before: Facts, after: Facts, names: Iterable[str]) -> str:
    """Return `passed` when these facts are as before, `failed` when one changed, `unknown` when one can't be read."""
    # A fact that one of two collectors was not asked for is not known; one that neither knows is of another system.
    asked = [name for name in sorted(names) if name in before or name in after]
    both = [(before[name], after[name]) for name in asked if name in before and name in after]
    if any(one != other for one, other in both):
        return "failed"
    blind = [fact for _, fact in both if not isinstance(fact, dict) or fact.get("error") in ("EACCES", "EPERM")]
    return "unknown" if blind or not both or len(both) < len(asked) else "passed"


def file_line(
    change: Change, declared: Scope, owners: Mapping[bytes, str], book: RuleBook = _NO_RULES, *, cui: bool = False
) -> DriftLine:
    """Return the line of one changed object."""
    package = owners.get(change.path, "")
    path = change.path.decode("utf-8", "surrogateescape")
    judged = rules.judge(change, declared, package, book.fitting(path, change.kind.value, change.facts, cui=cui))
    facts = b"\0".join(
        b" ".join(name.encode() + b"=" + value for name, value in sorted((side or {}).items()) if name != "inode")
        for side in (change.before, change.after)
    )
    return DriftLine(
        FILE, change.path, change.kind, judged.drift_class, judged.severity, judged.codes, package, 1,
        _fingerprint(change.path + b"\0" + facts),
    )  # fmt: skip


def _fingerprint(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def collapse(lines: list[DriftLine], most: int = rules.MOST_ROWS) -> list[DriftLine]:
    """Return about `most` lines: a package is one, the noise of rules is one, then whole folders are.

    A gain of power and what could not be read never hide in such a line.
    """
    found: list[DriftLine] = []
    for key, members in groupby(sorted(lines, key=_folds_into), key=_folds_into):
        several = list(members)
        if key[0] == PACKAGE and (len(several) > 1 or several[0].drift_class is DriftClass.EXPECTED):
            found.append(replace(_together(several, b""), source=PACKAGE, package=several[0].package))
        elif key[0] == FOLDER and len(several) > 1:
            found.append(_together(several, commonpath([line.path for line in several])))
        else:
            found += several
    for depth in range(8, 0, -1):
        if len(found) <= most:
            break
        found = _by_folder(found, depth)
    return found


def _folds_into(line: DriftLine) -> tuple[str, str, str]:
    """Return what a line may be told with: its package, or the noise of the rules file; empty for alone."""
    if line.drift_class is DriftClass.UNREADABLE or line.severity is Severity.FORBIDDEN:
        return ("", "", "")
    if line.package:
        return (PACKAGE, line.package, line.drift_class.value)
    if "rule_noise" in line.codes and line.drift_class is DriftClass.EXPECTED:
        return (FOLDER, "", "")
    return ("", "", "")


def _by_folder(lines: list[DriftLine], depth: int) -> list[DriftLine]:
    kept = [line for line in lines if line.source not in (FILE, FOLDER) or line.severity is Severity.FORBIDDEN]
    rest = [line for line in lines if line.source in (FILE, FOLDER) and line.severity is not Severity.FORBIDDEN]

    def group(line: DriftLine) -> tuple[bytes, str]:
        return b"/".join(line.path.split(b"/")[: depth + 1]), line.drift_class.value

    for (folder, _), members in groupby(sorted(rest, key=group), key=group):
        several = list(members)
        kept.append(several[0] if len(several) == 1 else replace(_together(several, folder), source=FOLDER))
    return kept


def _together(lines: list[DriftLine], path: bytes) -> DriftLine:
    severity = next(severity for severity in _WORST if any(line.severity is severity for line in lines))
    kinds = {line.kind for line in lines}
    return DriftLine(
        FOLDER,
        path,
        kinds.pop() if len(kinds) == 1 else ChangeKind.CHANGED,
        lines[0].drift_class,
        severity,
        tuple(sorted({code for line in lines for code in line.codes})),
        "",
        sum(line.count for line in lines),
        _fingerprint("".join(sorted(line.fingerprint for line in lines)).encode()),
    )


def _document(changes: list[Change], lines: list[DriftLine], before: Facts, after: Facts, book: RuleBook) -> bytes:
    judged = {line.path: line for line in lines if line.source == FILE}
    told_apart = {
        part: posture_difference(*values)
        for name in posture_changes(before, after)
        for part, values in _parts(before, after, name).items()
    }
    told: list[dict[str, object]] = []
    for change in changes:
        line = judged.get(change.path)
        told.append(
            {
                "path": display(change.path),
                "kind": change.kind.value,
                "facts": list(change.facts),
                "before": _texts(change.before),
                "after": _texts(change.after),
                "class": line.drift_class.value if line else "",
                "severity": line.severity.value if line else "",
                "codes": list(line.codes) if line else [],
                "package": line.package if line else "",
            }
        )
    postures = [
        {
            "fact": display(line.path),
            "class": line.drift_class.value,
            "severity": line.severity.value,
            "codes": list(line.codes),
            **told_apart[line.path.decode("utf-8", "surrogatepass")],
        }
        for line in lines
        if line.source == POSTURE
    ]
    return json.dumps(
        {"v": 1, "rules": book.sha256, "files": told, "posture": postures}, sort_keys=True, indent=1
    ).encode()


def posture_difference(before: object, after: object) -> dict[str, object]:
    """Return what went and what came in a posture fact: items of a list and keys apart, otherwise whole values."""
    told = []
    for fact in (before, after):
        value = fact.get("value", fact.get("error")) if isinstance(fact, dict) else fact
        if isinstance(value, dict):
            value = [f"{key} {text}" for key, text in value.items()]
        told.append([str(item) for item in value] if isinstance(value, list) else [] if value is None else [str(value)])
    return {"gone": sorted(set(told[0]) - set(told[1])), "come": sorted(set(told[1]) - set(told[0]))}


def _texts(facts: Mapping[str, bytes] | None) -> dict[str, str] | None:
    return None if facts is None else {name: value.decode("ascii") for name, value in facts.items()}
