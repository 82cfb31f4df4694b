"""Keeping and ending evidence: dates, holds, two people, redaction; tombstones verify in the ledger and the package."""

import io
from datetime import date, timedelta

import pytest
from tests.clock import StillClock
from tests.evidence_files import mail, png
from tests.package_shop import PackageShop
from tests.ticket_yard import build_yard

from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import AssessmentKind
from quarterdeck.attachments.api import Told
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import ObjectRef
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.decision import Refused
from quarterdeck.retention import api as retention
from quarterdeck.retention.api import EndKind, HoldScope, KeptClass, ProposalState, Rule, Standing
from quarterdeck.workflows import attach_evidence, keep_evidence, request

pytestmark = pytest.mark.django_db(transaction=True)
WHY = "Its time is over and nobody needs it."


@pytest.fixture
def shop(clock: StillClock) -> PackageShop:
    return PackageShop(build_yard(clock), None)  # type: ignore[arg-type]


def attached(shop: PackageShop, number: str, data: bytes, kind: str = "mail") -> str:
    yard = shop.yard
    kept = attach_evidence.attach_file(
        yard.actor("max"), yard.clock, number, Told(kind, "What was seen."), name="file", file=io.BytesIO(data)
    )
    return kept.sha256


def closed_with(shop: PackageShop, data: bytes) -> tuple[str, str]:
    """Return a ticket that was withdrawn, which ends it, and the file attached to it before."""
    number = shop.yard.submitted().number
    sha256 = attached(shop, number, data)
    request.withdraw(shop.yard.actor("iris"), shop.yard.clock, number, "Not needed any more.")
    return number, sha256


def standing(shop: PackageShop, sha256: str) -> Standing:
    return retention.kept_file(sha256, shop.yard.clock.now()).standing


def refused(call, *codes: str) -> None:
    with pytest.raises(Refused) as found:
        call()
    assert found.value.decision.codes == codes


def test_a_file_is_kept_six_years_from_the_end_of_the_last_ticket_that_names_it(shop: PackageShop) -> None:
    clock = shop.yard.clock
    number, sha256 = closed_with(shop, mail())
    ended = evidence.artifact_index().endings[number]
    kept = retention.kept_file(sha256, clock.now())
    assert (kept.until, kept.because) == (ended.replace(year=ended.year + 6), "closing")
    assert (kept.classes, kept.tickets) == ((KeptClass.TICKET,), (number,))
    other = shop.yard.submitted().number
    attached(shop, other, mail())
    assert retention.kept_file(sha256, clock.now()).because == "ticket"
    assert standing(shop, sha256) is Standing.ENDLESS


def test_an_assessment_keeps_longer_and_a_shorter_policy_shortens_nothing(shop: PackageShop) -> None:
    clock, iris = shop.yard.clock, shop.yard.actor("iris")
    number, sha256 = closed_with(shop, mail())
    before = retention.kept_file(sha256, clock.now()).until
    found = keep_evidence.record_assessment(iris, clock, AssessmentKind.C3PAO, numbers=[number])
    assert standing(shop, sha256) is Standing.ENDLESS
    clock.advance(days=400)
    keep_evidence.date_assessment(shop.yard.actor("iris"), clock, found.id, clock.now().date())
    assert retention.kept_file(sha256, clock.now()).until > before
    assert retention.kept_file(sha256, clock.now()).because == "status_date"
    earlier = keep_evidence.date_assessment(shop.yard.actor("iris"), clock, found.id, date(2026, 1, 1))
    assert len(earlier.status_dates) == 2
    assert retention.kept_file(sha256, clock.now()).until > before
    long = [Rule(kept, 0, 30, date(2080, 1, 1)) for kept in KeptClass]
    keep_evidence.adopt_policy(shop.yard.actor("iris"), clock, long)
    assert retention.kept_file(sha256, clock.now()).until.year == 2080
    keep_evidence.adopt_policy(shop.yard.actor("iris"), clock, retention.DEFAULT_RULES)
    assert retention.kept_file(sha256, clock.now()).until.year == 2080
    short = [Rule(kept, 0, 5) for kept in KeptClass]
    refused(lambda: keep_evidence.adopt_policy(shop.yard.actor("iris"), clock, short), *["retention.years"] * 4)
    refused(lambda: keep_evidence.adopt_policy(shop.yard.actor("max"), clock, long), "role.missing")
    refused(lambda: keep_evidence.adopt_policy(shop.yard.shop.stale("iris"), clock, long), "step_up.needed")
    future = clock.now().date() + timedelta(days=2)
    refused(
        lambda: keep_evidence.date_assessment(shop.yard.actor("iris"), clock, found.id, future), "assessment.future"
    )


def test_two_people_dispose_and_a_tombstone_stays(shop: PackageShop) -> None:
    clock, actor = shop.yard.clock, shop.yard.actor
    number, sha256 = closed_with(shop, mail())
    refused(lambda: keep_evidence.propose_disposal(actor("iris"), clock, [sha256], WHY), "retention.not_due")
    clock.advance(days=6 * 366)
    assert standing(shop, sha256) is Standing.DUE
    refused(lambda: keep_evidence.propose_disposal(actor("max"), clock, [sha256], WHY), "role.missing")
    proposal = keep_evidence.propose_disposal(actor("iris"), clock, [sha256], WHY)
    assert standing(shop, sha256) is Standing.PROPOSED
    refused(lambda: keep_evidence.confirm_end(actor("iris"), clock, proposal.id), "disposal.same_person")
    refused(lambda: keep_evidence.confirm_end(actor("max"), clock, proposal.id), "role.missing")
    refused(lambda: keep_evidence.confirm_end(shop.yard.shop.stale("avery"), clock, proposal.id), "step_up.needed")
    assert evidence.object_path(sha256).is_file()
    done = keep_evidence.confirm_end(actor("avery"), clock, proposal.id)
    assert (done.state, done.decided_by) == (ProposalState.CONFIRMED, shop.yard.shop.ids["avery"])
    assert not evidence.object_path(sha256).exists()
    assert standing(shop, sha256) is Standing.DISPOSED
    assert evidence.artifact(sha256).state == "disposed"
    tomb = evidence.given_up(sha256)
    assert (tomb.event, tomb.data["proposed_by"]) == ("artifact.disposed", shop.yard.shop.ids["iris"])
    assert evidence.verify_ledger().problems == []
    refused(
        lambda: keep_evidence.confirm_end(actor("casey"), clock, proposal.id), "disposal.decided", "retention.ended"
    )
    # The entry that named it is still there, and so is its hash.
    assert sha256 in {item["sha256"] for entry in evidence.entries(ticket=number) for item in entry.artifacts}


def test_a_hold_outranks_every_date_until_another_person_releases_it(shop: PackageShop) -> None:
    clock, actor = shop.yard.clock, shop.yard.actor
    number, sha256 = closed_with(shop, mail())
    clock.advance(days=6 * 366)
    proposal = keep_evidence.propose_disposal(actor("iris"), clock, [sha256], WHY)
    hold = keep_evidence.place_hold(actor("casey"), clock, HoldScope.TICKET, number, "Counsel asked for it.")
    assert standing(shop, sha256) is Standing.HELD
    refused(lambda: keep_evidence.confirm_end(actor("avery"), clock, proposal.id), "retention.held")
    refused(
        lambda: keep_evidence.propose_redaction(
            actor("iris"), clock, sha256, io.BytesIO(b"less"), name="a", reason="Names in it."
        ),
        "retention.held",
    )
    refused(lambda: keep_evidence.release_hold(actor("casey"), clock, hold.id, "It is over."), "hold.same_person")
    released = keep_evidence.release_hold(actor("iris"), clock, hold.id, "The matter is settled.")
    assert (released.stands, released.released_because) == (False, "The matter is settled.")
    assert standing(shop, sha256) is Standing.PROPOSED
    everything = keep_evidence.place_hold(actor("iris"), clock, HoldScope.EVERYTHING, "", "Counsel asked for all.")
    assert standing(shop, sha256) is Standing.HELD
    assert retention.hold(everything.id).placed_by == shop.yard.shop.ids["iris"]
    refused(lambda: keep_evidence.place_hold(actor("iris"), clock, HoldScope.FILE, "ab" * 32, "Why not."), "hold.of")


def test_redaction_leaves_a_copy_and_takes_the_bytes_at_any_time(shop: PackageShop) -> None:
    clock, actor = shop.yard.clock, shop.yard.actor
    number = shop.yard.submitted().number
    sha256 = attached(shop, number, png(), "screenshot")
    proposal = keep_evidence.propose_redaction(
        actor("iris"), clock, sha256, io.BytesIO(b"blackened"), name="shot.png", reason="A drawing is on it."
    )
    assert proposal.kind is EndKind.REDACTION
    keep_evidence.confirm_end(actor("casey"), clock, proposal.id)
    assert not evidence.object_path(sha256).exists()
    assert evidence.read_artifact(proposal.copy) == b"blackened"
    assert standing(shop, sha256) is Standing.REDACTED
    copy = retention.kept_file(proposal.copy, clock.now())
    assert (copy.because, copy.tickets) == ("ticket", (number,))
    entry = evidence.last_entry(["artifact.redacted"], object=ObjectRef("artifact", sha256))
    assert [item["role"] for item in entry.artifacts] == ["redacted_copy"]
    # What must not be kept does not come back.
    refused(lambda: attached(shop, number, png(), "screenshot"), "attachment.redacted")
    assert not evidence.object_path(sha256).exists()


def test_a_refused_or_old_proposal_ends_nothing(shop: PackageShop) -> None:
    clock, actor = shop.yard.clock, shop.yard.actor
    _number, sha256 = closed_with(shop, mail())
    clock.advance(days=6 * 366)
    first = keep_evidence.propose_disposal(actor("iris"), clock, [sha256], WHY)
    refused(lambda: keep_evidence.refuse_end(actor("iris"), clock, first.id, "Changed it."), "disposal.same_person")
    assert keep_evidence.refuse_end(actor("casey"), clock, first.id, "We want it.").state is ProposalState.REFUSED
    refused(lambda: keep_evidence.confirm_end(actor("avery"), clock, first.id), "disposal.decided")
    second = keep_evidence.propose_disposal(actor("iris"), clock, [sha256], WHY)
    clock.advance(days=31)
    refused(lambda: keep_evidence.confirm_end(actor("avery"), clock, second.id), "disposal.decided")
    assert evidence.object_path(sha256).is_file()


def test_a_process_that_ended_in_between_leaves_nothing_and_rows_move_later_only(shop: PackageShop) -> None:
    clock, actor, ticker = shop.yard.clock, shop.yard.actor, system("ticker")
    _number, sha256 = closed_with(shop, mail())
    keep_evidence.finish_ends(ticker, clock)
    until = evidence.artifact(sha256).retain_until
    assert until == retention.kept_file(sha256, clock.now()).until
    with evidence.act(ticker, clock) as act:
        assert evidence.extend_retention(act, {sha256: until - timedelta(days=1)}) == 0
        assert evidence.extend_retention(act, {sha256: until + timedelta(days=1)}) == 1
    keep_evidence.finish_ends(ticker, clock)
    assert evidence.artifact(sha256).retain_until == until + timedelta(days=1)
    clock.advance(days=6 * 366)
    data = evidence.read_artifact(sha256)
    proposal = keep_evidence.propose_disposal(actor("iris"), clock, [sha256], WHY)
    keep_evidence.confirm_end(actor("avery"), clock, proposal.id)
    evidence.object_path(sha256).write_bytes(data)
    assert keep_evidence.finish_ends(ticker, clock) == 1
    assert not evidence.object_path(sha256).exists()
    refused(lambda: evidence.destroy_file("ab" * 32, clock.now()), "artifact.stands")


def test_only_keepers_and_assessors_see_how_long_things_are_kept() -> None:
    roles = {role: retention.may_read(frozenset({role})).allowed for role in (*retention.READERS, "technician")}
    assert roles == {**dict.fromkeys(retention.READERS, True), "technician": False}
    assert assessor.assessments() == []
