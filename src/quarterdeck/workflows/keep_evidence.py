"""Keeping and ending evidence: policy, legal holds, disposal and redaction by two people, and what goes after them."""

import os
from collections.abc import Sequence
from datetime import date, datetime
from typing import BinaryIO

from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import AssessmentKind, AssessmentView
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import ArtifactRef, act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import require_that
from quarterdeck.retention import api as retention
from quarterdeck.retention.api import REDACTED_ROLE, EndKind, Hold, HoldScope, Proposal, ProposalState, Rule
from quarterdeck.workflows.attach_evidence import safe_name
from quarterdeck.workflows.refusals import refusals_recorded

MOST_COPY = 2 * 10**9
_AT_ONCE = 500


def adopt_policy(actor: Actor, clock: Clock, rules: Sequence[Rule]) -> None:
    """Adopt how long each class is kept; Refused is recorded too."""
    with refusals_recorded(actor, clock, "retention.adopt"), act(actor, clock) as current:
        retention.adopt(current, rules)


def place_hold(actor: Actor, clock: Clock, scope: HoldScope, of: str, reason: str) -> Hold:
    """Place a legal hold; Refused is recorded too."""
    evidence.artifact_index()
    with refusals_recorded(actor, clock, "hold.place"), act(actor, clock) as current:
        hold_id = retention.place_hold(current, scope, of, reason)
    return retention.hold(hold_id)


def release_hold(actor: Actor, clock: Clock, hold_id: str, reason: str) -> Hold:
    """Release a legal hold; Refused is recorded too."""
    with refusals_recorded(actor, clock, "hold.release"), act(actor, clock) as current:
        retention.release_hold(current, hold_id, reason)
    return retention.hold(hold_id)


def propose_disposal(actor: Actor, clock: Clock, files: Sequence[str], reason: str) -> Proposal:
    """Propose that files which are due are disposed of; Refused is recorded too."""
    evidence.artifact_index()
    with refusals_recorded(actor, clock, "disposal.propose"), act(actor, clock) as current:
        proposal_id = retention.propose(current, EndKind.DISPOSAL, files, reason)
    return retention.proposal(proposal_id, clock.now())


def propose_redaction(actor: Actor, clock: Clock, sha256: str, copy: BinaryIO, *, name: str, reason: str) -> Proposal:
    """Propose that a copy without what must not be kept takes the place of a file; Refused is recorded too."""
    with refusals_recorded(actor, clock, "redaction.propose"):
        kept = retention.kept_file(sha256, clock.now())
        size = copy.seek(0, os.SEEK_END)
        require_that(
            0 < size <= MOST_COPY,
            "redaction.copy",
            "The redacted copy is empty or larger than 2 GB.",
            "Give the file without what has to go.",
        ).require()
        copy.seek(0)
        known = evidence.artifact(sha256)
        ref = evidence.store_artifact(
            copy,
            media_type="application/octet-stream" if known is None else known.media_type,
            role=REDACTED_ROLE,
            name=safe_name("redacted", name),
            may_contain_cui=kept.may_contain_cui,
        )
        require_that(
            ref.sha256 != sha256, "redaction.same", "The copy is the very same file.", "Take out what has to go."
        ).require()
        with act(actor, clock) as current:
            proposal_id = retention.propose(current, EndKind.REDACTION, [sha256], reason, ref)
    return retention.proposal(proposal_id, clock.now())


def confirm_end(actor: Actor, clock: Clock, proposal_id: str) -> Proposal:
    """Confirm what another person proposed; the bytes go after the act. Refused is recorded too."""
    evidence.artifact_index()
    with refusals_recorded(actor, clock, "disposal.confirm"):
        found = retention.proposal(proposal_id, clock.now())
        copy = _copy_of(found)
        with act(actor, clock) as current:
            retention.confirm(current, found, copy)
    for sha256 in found.files:
        evidence.destroy_file(sha256, clock.now())
    return retention.proposal(proposal_id, clock.now())


def _copy_of(proposal: Proposal) -> ArtifactRef | None:
    if not proposal.copy:
        return None
    use = evidence.artifact_index().uses[proposal.copy][0]
    known = evidence.artifact(proposal.copy)
    return ArtifactRef(
        proposal.copy,
        use.size,
        REDACTED_ROLE,
        use.name,
        "application/octet-stream" if known is None else known.media_type,
        known is None or known.may_contain_cui,
    )


def what_is_left(files: Sequence[str], now: datetime) -> str:
    """Say what the store still has of files that two people gave up; empty when nothing is left of them."""
    found = [known for known in evidence.locks_of(files) if known.wanted_gone]
    waiting = [known for known in found if not known.gone]
    if waiting:
        of = "A file is" if len(waiting) == 1 else f"{len(waiting)} files are"
        return f"{of} not removed yet: {waiting[0].message or 'it is tried again by itself.'}"
    kept = [known.until for known in found if known.until is not None and known.until > now]
    if not kept:
        return ""
    return (
        f"The keys are destroyed. Until {max(kept):%Y-%m-%d} at the latest the store is bound to keep encrypted bytes "
        "that nobody can read; they are removed after that."
    )


def refuse_end(actor: Actor, clock: Clock, proposal_id: str, reason: str) -> Proposal:
    """Refuse what another person proposed; Refused is recorded too."""
    with refusals_recorded(actor, clock, "disposal.refuse"), act(actor, clock) as current:
        retention.refuse_proposal(current, proposal_id, reason)
    return retention.proposal(proposal_id, clock.now())


def finish_ends(actor: Actor, clock: Clock) -> int:
    """End what a confirmed proposal left behind because its process ended in between; return how many files.

    What the store keeps until a date is left to `evidence.settle`, which waits for it. Also moves the projected end of
    keeping of every file later where it has become later; never earlier. Asks the store, so it may take its time.
    """
    _extend(actor, clock)
    gone = 0
    now = clock.now()
    for proposal in retention.proposals(now):
        if proposal.state is not ProposalState.CONFIRMED:
            continue
        for sha256 in proposal.files:
            if evidence.given_up(sha256) is not None and not evidence.is_ended(sha256):
                gone += evidence.destroy_file(sha256, now)
    return gone


def _extend(actor: Actor, clock: Clock) -> None:
    stored, until = evidence.stored_marks(), dict[str, datetime]()
    for one in retention.kept_files(clock.now()):
        _cui, before = stored.get(one.sha256, (True, one.until))
        if one.until is not None and (before is None or before < one.until):
            until[one.sha256] = one.until
    moving = sorted(until.items())
    for first in range(0, len(moving), _AT_ONCE):
        with act(actor, clock) as current:
            evidence.extend_retention(current, dict(moving[first : first + _AT_ONCE]))


def record_assessment(
    actor: Actor,
    clock: Clock,
    kind: AssessmentKind,
    *,
    packages: Sequence[str] = (),
    numbers: Sequence[str] = (),
    status_at: date | None = None,
) -> AssessmentView:
    """Record an assessment with the packages and tickets that it used; Refused is recorded too."""
    with refusals_recorded(actor, clock, "assessment.record"), act(actor, clock) as current:
        found = assessor.record_assessment(current, kind, packages=packages, numbers=numbers, status_at=status_at)
    return assessor.assessment(found)


def date_assessment(actor: Actor, clock: Clock, assessment_id: str, status_at: date) -> AssessmentView:
    """Tell the CMMC status date of an assessment; Refused is recorded too."""
    with refusals_recorded(actor, clock, "assessment.date"), act(actor, clock) as current:
        assessor.date_assessment(current, assessment_id, status_at)
    return assessor.assessment(assessment_id)
