"""What may stand in the registers of tools, techniques and mechanisms, and what may be used."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from quarterdeck.kernel.actors import OPERATOR
from quarterdeck.tools.rules import check_item, has_hash, may_keep, may_use
from quarterdeck.tools.terms import InspectionOutcome, InspectionView, ItemFields, ItemKind, ItemState, ItemView

TODAY = date(2026, 11, 23)
HASH = "ab" * 32
SOP = ItemFields("technique", "Patch procedure", "3", HASH, owner="pe_iris", review_due=date(2027, 6, 1))


@pytest.mark.parametrize("kind", list(ItemKind))
def test_a_complete_item_may_be_listed(kind):
    assert check_item(replace(SOP, kind=kind), TODAY).allowed


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kind": "weapon"}, "kind.choice"),
        ({"name": ""}, "name.missing"),
        ({"version": ""}, "version.missing"),
        ({"name": "a\u202eb"}, "name.characters"),
        ({"source": "a\nb"}, "source.characters"),
        ({"licence": " x"}, "licence.characters"),
        ({"source": "x" * 301}, "source.long"),
        ({"sha256": "AB" * 32}, "sha256.grammar"),
        ({"sha256": "ab"}, "sha256.grammar"),
        ({"sha256": ""}, "sha256.missing"),
        ({"owner": ""}, "owner.missing"),
        ({"owner": "Iris"}, "owner.grammar"),
        ({"review_due": None}, "review_due.missing"),
        ({"review_due": date(2026, 11, 22)}, "review_due.range"),
        ({"review_due": date(2027, 11, 24)}, "review_due.range"),
    ],
)
def test_an_item_that_may_not_be_listed(change, code):
    decision = check_item(replace(SOP, **change), TODAY)
    assert code in decision.codes
    assert all(reason.next_step for reason in decision.reasons)


def test_a_device_needs_no_hash():
    assert check_item(replace(SOP, kind="tool", sha256=""), TODAY).allowed


def item(**change):
    view = ItemView(
        "it_1", ItemKind.TOOL, "Scanner", "2", HASH, "", "", "pe_iris", True, date(2027, 1, 1), ItemState.LISTED,
        "pe_iris", datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    return replace(view, **change)


def inspected(outcome):
    return InspectionView("in_1", "it_1", datetime(2026, 2, 1, tzinfo=UTC), "pe_iris", outcome, "")


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({}, ()),
        ({"review_due": TODAY}, ()),
        ({"review_due": date(2026, 11, 22)}, ("item.review_overdue",)),
        ({"review_due": None}, ("item.review_overdue",)),
        ({"state": ItemState.WITHDRAWN}, ("item.withdrawn",)),
        ({"last_inspection": inspected(InspectionOutcome.PASSED)}, ()),
        ({"last_inspection": inspected(InspectionOutcome.FAILED)}, ("item.failed_inspection",)),
    ],
)
def test_what_may_be_used(change, codes):
    assert may_use(item(**change), TODAY).codes == codes


def test_the_file_at_hand_is_the_listed_one():
    assert has_hash(item(), HASH).allowed
    assert has_hash(item(), "cd" * 32).codes == ("item.other_hash",)
    assert has_hash(item(sha256=""), "").codes == ("item.no_hash",)


def test_the_operator_keeps_no_register():
    assert may_keep(OPERATOR).codes == ("actor.not_a_person",)
