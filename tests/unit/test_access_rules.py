"""The pure decisions about grants: who may take one, how long it lasts, when it stands, whether its row is genuine."""

from datetime import UTC, datetime, timedelta

import pytest

from quarterdeck.access import rules
from quarterdeck.access.terms import GrantState, GrantView, Purpose
from quarterdeck.kernel.actors import OPERATOR, Actor, ActorKind, system
from quarterdeck.kernel.windows import Window

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(hours=1), NOW + timedelta(hours=3))


def person(name: str = "pe_sam", *, minutes: float | None = 1) -> Actor:
    return Actor(name, ActorKind.PERSON, "mfa", None if minutes is None else NOW - timedelta(minutes=minutes))


def grant(**changes: object) -> GrantView:
    values: dict[str, object] = {
        "id": "ag_a",
        "ticket": "MT-2026-00001",
        "person": "pe_sam",
        "asset": "as_a",
        "connection": "cn_a",
        "purpose": Purpose.WORK,
        "public_key": "k",
        "fingerprint": "SHA256:x",
        "serial": 1,
        "cert_sha256": "ab",
        "valid_from": NOW,
        "valid_until": NOW + timedelta(hours=1),
        "window_until": NOW + timedelta(hours=1),
        "state": GrantState.ACTIVE,
        "epoch": 0,
        "collector_sha256": "",
        "mfa_at": NOW,
        "ended_at": None,
        "end_reason": "",
    }
    return GrantView(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("actor", "codes"),
    [
        (person(), ()),
        (person(minutes=10), ()),
        (person(minutes=10.1), ("access.step_up",)),
        (person(minutes=None), ("access.step_up",)),
        (person("pe_max"), ("access.not_the_person",)),
        (OPERATOR, ("access.not_the_person",)),
        (system("gate"), ("access.not_the_person",)),
        (Actor("pe_sam", ActorKind.SYSTEM), ("access.not_the_person",)),
    ],
)
def test_only_the_person_with_a_fresh_second_factor_takes_access(actor: Actor, codes: tuple[str, ...]) -> None:
    assert rules.may_take_work(actor, "pe_sam", NOW).codes == codes


@pytest.mark.parametrize(
    ("actor", "collector", "codes"),
    [
        (system("ticker"), "ab" * 32, ()),
        (system("ticker"), "AB" * 32, ("access.collector_unnamed",)),
        (system("ticker"), "", ("access.collector_unnamed",)),
        (person(), "ab" * 32, ("access.system_only",)),
        (OPERATOR, "", ("access.system_only", "access.collector_unnamed")),
    ],
)
def test_no_person_measures(actor: Actor, collector: str, codes: tuple[str, ...]) -> None:
    assert rules.may_measure(actor, Purpose.MEASURE, collector).codes == codes


@pytest.mark.parametrize(
    ("purpose", "begin", "end", "codes"),
    [
        (Purpose.WORK, 0, 180, ()),
        (Purpose.WORK, -60, 180, ()),
        (Purpose.WORK, 0, 181, ("access.outside_window",)),
        (Purpose.WORK, -61, 60, ("access.outside_window",)),
        (Purpose.WORK, 60, 60, ("access.no_time_left",)),
        (Purpose.MEASURE, 0, 60, ()),
        (Purpose.MEASURE, -200, -170, ()),
        (Purpose.MEASURE, 0, 61, ("access.too_long",)),
        (Purpose.MONITOR, 170, 190, ("access.outside_window",)),
    ],
)
def test_a_grant_lies_in_its_window(purpose: Purpose, begin: int, end: int, codes: tuple[str, ...]) -> None:
    start, stop = NOW + timedelta(minutes=begin), NOW + timedelta(minutes=end)
    assert rules.has_allowed_span(purpose, start, stop, WINDOW).codes == codes


def test_a_work_grant_lasts_at_most_twelve_hours() -> None:
    wide = Window(NOW, NOW + timedelta(days=2))
    assert rules.has_allowed_span(Purpose.WORK, NOW, NOW + timedelta(hours=12), wide).allowed
    longer = rules.has_allowed_span(Purpose.WORK, NOW, NOW + timedelta(hours=12, seconds=1), wide)
    assert longer.codes == ("access.too_long",)


@pytest.mark.parametrize(
    ("changes", "minutes", "codes"),
    [
        ({}, 0, ()),
        ({}, 59.99, ()),
        ({}, 60, ("access.expired",)),
        ({}, -1, ("access.too_early",)),
        ({"state": GrantState.REVOKED, "end_reason": "ticket.closed"}, 1, ("access.revoked",)),
        ({"state": GrantState.ENDED, "end_reason": "measure.done"}, 1, ("access.ended",)),
        ({"epoch": 1}, 1, ("access.old_epoch",)),
    ],
)
def test_when_a_grant_stands(changes: dict[str, object], minutes: float, codes: tuple[str, ...]) -> None:
    assert rules.is_standing(grant(**changes), 0, NOW + timedelta(minutes=minutes)).codes == codes


def test_a_row_without_entry_or_with_another_digest_is_not_believed() -> None:
    assert rules.row_is_sealed("access grant", "ab", "ab").allowed
    assert rules.row_is_sealed("access grant", "ab", "cd").codes == ("row.altered",)
    assert rules.row_is_sealed("access grant", "ab", None).codes == ("row.unsealed",)


def test_serials_without_entry_are_named_once_they_are_old_enough() -> None:
    issued = {1: NOW, 2: NOW, 3: NOW + timedelta(minutes=10)}
    assert rules.unexplained_serials(issued, [2], NOW + timedelta(minutes=5)) == [1]


def test_every_refusal_is_a_sentence_with_a_next_step() -> None:
    refusals = [
        rules.may_take_work(OPERATOR, "pe_sam", NOW),
        rules.may_measure(OPERATOR, Purpose.MEASURE, ""),
        rules.has_allowed_span(Purpose.WORK, NOW, NOW, WINDOW),
        rules.key_is_theirs("a", "b"),
        rules.is_standing(grant(state=GrantState.REVOKED, end_reason="x"), 1, NOW + timedelta(days=1)),
        rules.row_is_sealed("access grant", "a", None),
        rules.names_a_ticket("../../etc"),
    ]
    for reason in [reason for decision in refusals for reason in decision.reasons]:
        assert reason.sentence.endswith((".", ")."))
        assert reason.next_step.endswith(".")
