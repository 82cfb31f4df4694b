"""The rules file of drift: what is noise, what is expected, what is forbidden, with severities. Pure.

A rule only ever adds judgement: it never hides a gain of power, nothing unreadable and nothing in a sensitive place,
so that a bad rule can make more work and never less evidence. The file's SHA-256 stands in each comparison's entry.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Any

from quarterdeck.baselines.patterns import PATTERN, matches
from quarterdeck.kernel.decision import Decision, Reason, Refused

MOST_RULES = 200
LONGEST_FILE = 64_000
_KINDS = frozenset({"added", "removed", "changed"})
_FACT = re.compile(r"[a-z0-9._]{1,60}", re.ASCII)


class Meaning(StrEnum):
    """What a rule says of the differences that it fits."""

    NOISE = "noise"
    EXPECTED = "expected"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: which differences it fits, what it means, how severe that is, and why somebody said so."""

    name: str
    meaning: Meaning
    paths: tuple[str, ...]
    severity: str
    because: str
    kinds: frozenset[str] = _KINDS
    only: frozenset[str] = frozenset()
    any_of: frozenset[str] = frozenset()
    cui: bool = False

    def fits(self, path: str, kind: str, facts: frozenset[str], *, cui: bool) -> bool:
        """True when the rule is about this difference."""
        return (
            kind in self.kinds
            and (cui or not self.cui)
            and (not self.only or facts <= self.only)
            and (not self.any_of or bool(facts & self.any_of) or kind != "changed")
            and any(matches(pattern, path) for pattern in self.paths)
        )


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules in force: in the file's order, the first that fits counts; `sha256` is the file's."""

    rules: tuple[Rule, ...] = ()
    sha256: str = ""
    version: int = 0

    def fitting(self, path: str, kind: str, facts: Sequence[str], *, cui: bool = False) -> Rule | None:
        """Return the first rule that fits, a forbidding one before all others."""
        found = [rule for rule in self.rules if rule.fits(path, kind, frozenset(facts), cui=cui)]
        return next((rule for rule in found if rule.meaning is Meaning.FORBIDDEN), found[0] if found else None)


def default_text() -> str:
    """Return the rules file that is in force until an organisation adopts its own."""
    return files("quarterdeck.baselines").joinpath("drift_rules.toml").read_text("utf-8")


def rule_book(text: str, version: int = 0) -> RuleBook:
    """Return the rules of a file; Refused(drift_rules.*) with every reason that stands against it."""
    found, reasons = _read(text)
    if reasons:
        raise Refused(Decision(tuple(reasons)))
    return RuleBook(tuple(found), hashlib.sha256(text.encode()).hexdigest(), version)


def _read(text: str) -> tuple[list[Rule], list[Reason]]:
    if len(text) > LONGEST_FILE:
        return [], [Reason("drift_rules.long", "The rules file is too long.", "Say it in fewer rules.")]
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return [], [Reason("drift_rules.toml", f"The file is not TOML: {str(error)[:120]}.", "Mend that line.")]
    tables = document.get("rule", [])
    if set(document) - {"rule"} or not isinstance(tables, list) or len(tables) > MOST_RULES:
        sentence = f"The file holds at most {MOST_RULES} tables named [[rule]] and nothing else."
        return [], [Reason("drift_rules.tables", sentence, "Leave out what is not a rule.")]
    reasons = [reason for number, table in enumerate(tables, 1) for reason in _wrong(number, table)]
    return ([] if reasons else [_rule(table) for table in tables]), reasons


def _wrong(number: int, table: Any) -> Iterator[Reason]:  # noqa: ANN401
    where = f"Rule {number}"
    if not isinstance(table, dict):
        yield Reason("drift_rules.table", f"{where} is not a table.", "Begin each rule with [[rule]].")
        return
    known = {"name", "meaning", "paths", "severity", "because", "kinds", "only", "any_of", "cui"}
    if set(table) - known:
        yield Reason("drift_rules.unknown", f"{where} says {sorted(set(table) - known)[0][:40]!r}.", "Leave it out.")
    if table.get("meaning") not in set(Meaning):
        yield Reason("drift_rules.meaning", f"{where} means nothing known.", "Say noise, expected or forbidden.")
    if not all(isinstance(table.get(name), str) and table[name].strip() for name in ("name", "because")):
        yield Reason("drift_rules.because", f"{where} has no name or does not say because of what.", "Say both.")
    wanted = {"forbidden", "sensitive"} if table.get("meaning") == "forbidden" else {"ordinary", "sensitive"}
    if table.get("severity", "sensitive") not in wanted:
        yield Reason("drift_rules.severity", f"{where} has another severity.", f"Say {' or '.join(sorted(wanted))}.")
    paths = table.get("paths")
    if not isinstance(paths, list) or not paths or not all(_is_pattern(path) for path in paths):
        sentence = f"{where} does not name paths like /var/log/** whose first folder is spelled out."
        yield Reason("drift_rules.paths", sentence, "Name folders or files with * and **.")
    if not _are_words(table.get("kinds", []), _KINDS):
        yield Reason("drift_rules.kinds", f"{where} is about other kinds.", "Say added, removed or changed.")
    if not all(_are_words(table.get(name, [])) for name in ("only", "any_of")) or not isinstance(
        table.get("cui", False), bool
    ):
        yield Reason("drift_rules.facts", f"{where} names no facts.", "Name facts such as mode, uid or time.")


def _is_pattern(path: object) -> bool:
    return (
        isinstance(path, str)
        and PATTERN.fullmatch(path) is not None
        and ".." not in path.split("/")
        and not re.search(r"[*?]", path.split("/")[1])
        and len(re.findall(r"[*?]", path)) <= 20
    )


def _are_words(words: object, of: frozenset[str] | None = None) -> bool:
    return isinstance(words, list) and all(
        isinstance(word, str) and (word in of if of is not None else _FACT.fullmatch(word) is not None)
        for word in words
    )


def _rule(table: Mapping[str, Any]) -> Rule:
    meaning = Meaning(table["meaning"])
    return Rule(
        name=table["name"].strip(),
        meaning=meaning,
        paths=tuple(table["paths"]),
        severity=table.get("severity", "forbidden" if meaning is Meaning.FORBIDDEN else "ordinary"),
        because=table["because"].strip(),
        kinds=frozenset(table.get("kinds") or _KINDS),
        only=frozenset(table.get("only", [])),
        any_of=frozenset(table.get("any_of", [])),
        cui=table.get("cui", False),
    )
