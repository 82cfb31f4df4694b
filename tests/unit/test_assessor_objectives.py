"""What is proposed for an objective: counted from facts, with gaps named, and never a word of MET."""

from datetime import UTC, datetime, timedelta

from quarterdeck.assessor.objectives import Gap, Proposal, maintenance_first, propose
from quarterdeck.controls.api import MA_OBJECTIVES, OBJECTIVES, PoamRule
from quarterdeck.evidence.terms import Fact, Grade, Outcome

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
ENDED = "MA.L2-3.7.5[b]"


def fact(
    kind: str,
    outcome: Outcome = Outcome.PASSED,
    *,
    days: int = 1,
    grade: Grade = Grade.CAPTURED,
    ticket: str = "MT-2026-00001",
) -> Fact:
    return Fact(kind, ticket, None, NOW - timedelta(days=days), None, outcome, grade, f"ev_{kind}_{days}", {})


def of(objective_id: str, facts: list[Fact], gaps: list[tuple[str, Gap]] | None = None):
    return next(row for row in propose(facts, gaps or [], NOW) if row.id == objective_id)


def test_every_objective_has_a_row_and_the_ten_stand_first():
    rows = propose([], [], NOW)
    assert [row.id for row in rows] == [one.id for one in OBJECTIVES]
    ours, related = maintenance_first(rows)
    assert [row.id for row in ours] == [one.id for one in MA_OBJECTIVES]
    assert len(ours) == 10
    assert len(ours) + len(related) == len(rows)


def test_without_facts_there_is_no_evidence_and_a_first_step():
    for row in propose([], [], NOW)[:10]:
        assert row.proposal is Proposal.NONE
        assert [gap.code for gap in row.gaps] == ["evidence.none"]
        assert row.gaps[0].next_step


def test_an_objective_that_nothing_here_speaks_to_says_so():
    row = next(row for row in propose([], [], NOW) if not row.kinds)
    assert [gap.code for gap in row.gaps] == ["evidence.elsewhere"]


def test_passed_facts_are_evidence_newest_first():
    row = of(ENDED, [fact("session.ended", days=3), fact("network.terminated"), fact("mfa.used")])
    assert row.proposal is Proposal.EVIDENCE
    assert [one.kind for one in row.evidence] == ["network.terminated", "session.ended"]
    assert (row.captured, row.attached, row.tickets) == (2, 0, ("MT-2026-00001",))
    assert row.newest == NOW - timedelta(days=1)


def test_a_failed_newest_fact_is_a_gap_of_its_ticket():
    row = of(ENDED, [fact("session.ended"), fact("network.terminated", Outcome.FAILED, ticket="MT-2026-00002")])
    assert row.proposal is Proposal.GAPS
    assert [(gap.code, gap.ticket) for gap in row.gaps] == [("fact.failed", "MT-2026-00002")]


def test_a_failure_put_right_is_no_gap_any_more():
    row = of(ENDED, [fact("network.terminated", Outcome.FAILED, days=2), fact("network.terminated")])
    assert (row.proposal, row.gaps) == (Proposal.EVIDENCE, ())


def test_unknown_is_no_evidence():
    row = of("CM.L2-3.4.1[a]", [fact("baseline.before", Outcome.UNKNOWN)])
    assert row.proposal is Proposal.NONE
    assert {gap.code for gap in row.gaps} == {"fact.unknown", "evidence.none"}


def test_evidence_older_than_a_year_is_stale():
    row = of(ENDED, [fact("session.ended", days=366)])
    assert (row.proposal, [gap.code for gap in row.gaps]) == (Proposal.GAPS, ["evidence.stale"])
    assert of(ENDED, [fact("session.ended", days=365)]).proposal is Proposal.EVIDENCE


def test_gaps_from_registers_count_and_are_told_once():
    gap = Gap("mfa.gap", "The portal asks for no second factor.", "Turn it on.")
    row = of("MA.L2-3.7.5[a]", [fact("mfa.used")], [("MA.L2-3.7.5[a]", gap), ("MA.L2-3.7.5[a]", gap)])
    assert (row.proposal, row.gaps) == (Proposal.GAPS, (gap,))


def test_what_a_person_attached_is_counted_apart():
    row = of("MA.L2-3.7.4[a]", [fact("media.scanned", grade=Grade.ATTACHED)])
    assert (row.captured, row.attached) == (0, 1)


def test_points_and_poam_follow_the_rule():
    rows = {row.id: row for row in propose([], [], NOW)}
    assert (rows[ENDED].objective.points, rows[ENDED].poam) == (5, PoamRule.NO)
    assert (rows["MA.L2-3.7.6[a]"].objective.points, rows["MA.L2-3.7.6[a]"].poam) == (1, PoamRule.YES)
    assert [row.id for row in rows.values() if row.objective.on_site] == ["MA.L2-3.7.2[d]", "CM.L2-3.4.5[d]"]


def test_no_proposal_says_met():
    assert not any("met" in word.value.lower().split() for word in Proposal)
