"""What is proposed for each objective: counted from facts and gaps, never typed, never MET. Pure.

A fact speaks to an objective (controls.fact_kinds); whether the objective is met is for the assessor to say.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from quarterdeck.controls.api import (
    MA_OBJECTIVES,
    OBJECTIVES,
    PERIODICALLY_MAX_DAYS,
    FactKind,
    Objective,
    PoamRule,
    kinds_for,
    practice,
)
from quarterdeck.evidence.terms import Fact, Grade, Outcome

STALE = timedelta(days=PERIODICALLY_MAX_DAYS)


class Proposal(StrEnum):
    """The word that stands beside an objective; there is no word for MET."""

    EVIDENCE = "evidence present"
    GAPS = "gaps"
    NONE = "no evidence"


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that stands against an objective, with the ticket it belongs to (or none) and the next step."""

    code: str
    sentence: str
    next_step: str
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class ObjectiveStatus:
    """One objective as proposed; `evidence` are the facts that speak to it and passed, newest first."""

    objective: Objective
    practice_label: str
    poam: PoamRule
    kinds: tuple[FactKind, ...]
    proposal: Proposal
    evidence: tuple[Fact, ...]
    gaps: tuple[Gap, ...]

    @property
    def id(self) -> str:
        """The objective's id, such as `MA.L2-3.7.5[a]`."""
        return self.objective.id

    @property
    def newest(self) -> datetime | None:
        """When the newest evidence was captured or attached."""
        return self.evidence[0].at if self.evidence else None

    @property
    def captured(self) -> int:
        """How much of the evidence the system captured itself."""
        return sum(fact.grade is Grade.CAPTURED for fact in self.evidence)

    @property
    def attached(self) -> int:
        """How much of the evidence a person attached."""
        return len(self.evidence) - self.captured

    @property
    def tickets(self) -> tuple[str, ...]:
        """The tickets whose facts speak to it."""
        return tuple(sorted({fact.ticket for fact in self.evidence if fact.ticket}))


# What to do when nothing speaks to an objective yet; only for family MA, which this product is about.
_FIRST_STEP = {
    "MA.L2-3.7.1[a]": "Do the next piece of maintenance under a ticket; closing it is the evidence.",
    "MA.L2-3.7.2[a]": "List the maintenance tools with version and hash in the register of tools.",
    "MA.L2-3.7.2[b]": "List the maintenance procedures in the register of techniques.",
    "MA.L2-3.7.2[c]": "List scripts, playbooks and scheduled jobs in the register of mechanisms.",
    "MA.L2-3.7.2[d]": "Authorise the people who maintain, and enter every other way in.",
    "MA.L2-3.7.3[a]": "When equipment leaves for repair, record its sanitisation; if none left, say so.",
    "MA.L2-3.7.4[a]": "Scan diagnostic media before use and attach the result to the ticket.",
    "MA.L2-3.7.5[a]": "Open the next ticket with a second factor; that is recorded by itself.",
    "MA.L2-3.7.5[b]": "End the work of the next ticket through the gate; both ends are recorded.",
    "MA.L2-3.7.6[a]": "Name an escort for people without access authorisation; the escort confirms on the ticket.",
}


# What to do about facts of no ticket that did not pass.
_NEXT_STEP = {
    "drift.monitored": "Explain what waits under Findings between tickets.",
    "baseline.monitored": "See on the asset's page why it was not measured; it is tried again by itself.",
}


def propose(
    facts: Iterable[Fact], gaps: Iterable[tuple[str, Gap]], at: datetime, objectives: Sequence[Objective] = OBJECTIVES
) -> list[ObjectiveStatus]:
    """Return every objective as proposed at `at`, family MA first; `gaps` are pairs of objective id and gap."""
    by_kind: dict[str, list[Fact]] = {}
    for fact in facts:
        by_kind.setdefault(fact.kind, []).append(fact)
    given: dict[str, list[Gap]] = {}
    for objective_id, gap in gaps:
        given.setdefault(objective_id, []).append(gap)
    return [_propose_one(one, by_kind, given.get(one.id, []), at) for one in objectives]


def _propose_one(one: Objective, by_kind: dict[str, list[Fact]], given: list[Gap], at: datetime) -> ObjectiveStatus:
    kinds = kinds_for(one.id)
    speaking = [fact for kind in kinds for fact in by_kind.get(kind.code, ())]
    evidence = sorted((f for f in speaking if f.outcome is Outcome.PASSED), key=lambda f: f.at, reverse=True)
    found = [*given, *_failed(kinds, by_kind)]
    if evidence and at - evidence[0].at > STALE:
        found.append(
            Gap(
                "evidence.stale",
                f"The newest evidence is of {evidence[0].at:%Y-%m-%d}, more than a year old.",
                _FIRST_STEP.get(one.id, "Capture it anew."),
            )
        )
    if not evidence:
        proposal = Proposal.NONE
        found.append(_nothing(one, kinds))
    else:
        proposal = Proposal.GAPS if found else Proposal.EVIDENCE
    named = practice(one.practice)
    gaps = tuple(dict.fromkeys(found))
    return ObjectiveStatus(one, named.label, named.poam, kinds, proposal, tuple(evidence), gaps)


def _failed(kinds: Iterable[FactKind], by_kind: dict[str, list[Fact]]) -> Iterable[Gap]:
    """The newest fact of each kind about each ticket and asset, where it did not pass."""
    for kind in kinds:
        newest = {(fact.ticket, fact.asset): fact for fact in by_kind.get(kind.code, ())}
        for fact in newest.values():
            if fact.outcome is Outcome.PASSED:
                continue
            said = "failed" if fact.outcome is Outcome.FAILED else "could not be found out"
            where = f" in {fact.ticket}" if fact.ticket else ""
            yield Gap(
                f"fact.{fact.outcome.value}",
                f"{kind.label}: {said}{where} on {fact.at:%Y-%m-%d}.",
                f"Open {fact.ticket} and see what it says."
                if fact.ticket
                else _NEXT_STEP.get(kind.code, "Put it right and capture it anew."),
                fact.ticket or "",
            )


def _nothing(one: Objective, kinds: Sequence[FactKind]) -> Gap:
    if not kinds:
        return Gap(
            "evidence.elsewhere",
            "Nothing that Quarterdeck captures speaks to this objective.",
            "Its evidence comes from elsewhere: policy, system security plan, other tools.",
        )
    wanted = ", ".join(kind.label.lower() for kind in kinds)
    step = _FIRST_STEP.get(one.id, "Work under tickets captures it.")
    return Gap("evidence.none", f"No evidence yet; it would be: {wanted}.", step)


def maintenance_first(rows: Iterable[ObjectiveStatus]) -> tuple[list[ObjectiveStatus], list[ObjectiveStatus]]:
    """Return the rows of the ten MA objectives, and the related ones."""
    ours = {one.id for one in MA_OBJECTIVES}
    listed = list(rows)
    return [row for row in listed if row.id in ours], [row for row in listed if row.id not in ours]
