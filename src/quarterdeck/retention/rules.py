"""How long a file is kept, and who may end it. Pure: dates and roles in, dates and decisions out."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta

from quarterdeck.kernel.decision import Decision, all_of, require_that
from quarterdeck.retention.terms import EndKind, Kept, KeptClass, Proposal, ProposalState, Rule, Standing

ASSESSMENT_YEARS = 6
LEAST_CLOSING_YEARS = 6
MOST_FILES = 500
PROPOSAL_LASTS = timedelta(days=30)
DEFAULT_RULES = tuple(Rule(kept, days=365 if kept is KeptClass.LOG else 0) for kept in KeptClass)


def years_later(at: datetime, years: int) -> datetime:
    """Return the same day `years` later; from 29 February the day after 28 February, which is the later one."""
    try:
        return at.replace(year=at.year + years)
    except ValueError:
        return at.replace(year=at.year + years, month=3, day=1)


def kept_until(
    kept: KeptClass,
    arrived: datetime,
    *,
    endings: Sequence[datetime | None],
    status_dates: Sequence[datetime | None],
    rules: Iterable[Rule],
) -> tuple[datetime | None, str]:
    """Return until when a file of this class is kept and what says so; None while nobody can say.

    `endings` are those of the tickets that name it, None while one is not over; `status_dates` the CMMC status dates of
    the assessments that used it, None while one has none (32 CFR 170.16(c)(4), 170.17(c)(4)); `rules` are those of
    every policy that was in force since it arrived, whatever their class. The latest wins, so more of anything never
    makes it earlier.
    """
    if kept is KeptClass.ORGANISATION:
        return None, "organisation"
    if any(ending is None for ending in endings):
        return None, "ticket"
    if any(status is None for status in status_dates):
        return None, "assessment"
    mine = [rule for rule in rules if rule.kept is kept]
    years = max([LEAST_CLOSING_YEARS, *(rule.closing_years for rule in mine)])
    dates = [(arrived, "arrival")]
    dates += [(years_later(ending, years), "closing") for ending in endings if ending is not None]
    dates += [(years_later(status, ASSESSMENT_YEARS), "status_date") for status in status_dates if status is not None]
    dates += [(arrived + timedelta(days=rule.days), "policy") for rule in mine]
    dates += [
        (datetime.combine(rule.contract_until, time.max, UTC), "contract")
        for rule in mine
        if rule.contract_until is not None
    ]
    return max(dates)


def latest(found: Sequence[tuple[datetime | None, str]]) -> tuple[datetime | None, str]:
    """Return the latest of several, where None (nobody can say) is later than every date."""
    endless = [one for one in found if one[0] is None]
    return endless[0] if endless else max(found, key=lambda one: one[0] or datetime.max.replace(tzinfo=UTC))


def usable_rule(rule: Rule) -> Decision:
    """Decide on a rule of a policy: nothing below six years from closing, nothing absurd."""
    return all_of(
        [
            require_that(
                LEAST_CLOSING_YEARS <= rule.closing_years <= 100,
                "retention.years",
                f"Evidence is kept at least {LEAST_CLOSING_YEARS} years from closing.",
                "Give 6 to 100 years.",
            ),
            require_that(
                0 <= rule.days <= 36_525,
                "retention.days",
                "Log retention is given in days, at most 100 years.",
                "Give 0 to 36,525 days.",
            ),
        ]
    )


def may_end(kept: Kept, kind: EndKind, now: datetime) -> Decision:
    """Decide whether a file may be disposed of (after its time) or redacted (at any time); a hold outranks both."""
    ended = kept.standing in (Standing.DISPOSED, Standing.REDACTED)
    return all_of(
        [
            require_that(
                not kept.holds,
                "retention.held",
                f"{kept.name} is under legal hold.",
                "Whoever may release holds decides first; see Holds.",
            ),
            require_that(not ended, "retention.ended", f"{kept.name} is gone already.", "Nothing is to be done."),
            require_that(
                kind is EndKind.REDACTION or (kept.until is not None and kept.until <= now),
                "retention.not_due",
                f"{kept.name} is kept "
                + ("without an end so far." if kept.until is None else f"until {kept.until:%Y-%m-%d}."),
                "Wait until it is due. What must not be kept at all is redacted, not disposed of.",
            ),
        ]
    )


def may_confirm(proposal: Proposal, person: str) -> Decision:
    """Decide whether this person may decide on a proposal: another than who made it, while it waits."""
    return all_of(
        [
            require_that(
                proposal.state is ProposalState.WAITING,
                "disposal.decided",
                f"This proposal is {proposal.state.value}.",
                "Nothing is to be done, or propose it again.",
            ),
            require_that(
                proposal.by != person,
                "disposal.same_person",
                "Two people dispose of evidence: you made this proposal.",
                "Ask another approver, CUI owner or IT lead.",
            ),
        ]
    )
