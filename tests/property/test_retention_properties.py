"""How long a file is kept: the latest date wins, and nothing that is added ever makes it earlier."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.retention.rules import DEFAULT_RULES, kept_until, years_later
from quarterdeck.retention.terms import KeptClass, Rule

_SECONDS = st.integers(0, 40 * 365 * 86_400)
MOMENTS = _SECONDS.map(lambda seconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
RULES = st.lists(
    st.builds(
        Rule, st.sampled_from(KeptClass), st.integers(0, 36_525), st.integers(6, 100),
        st.none() | st.dates(date(2020, 1, 1), date(2090, 1, 1)),
    ),
    max_size=6,
)  # fmt: skip
OVER = st.sampled_from([KeptClass.LOG, KeptClass.RECORDING, KeptClass.TICKET])
LAST = datetime.max.replace(tzinfo=UTC)


def until(kept, arrived, endings, status, rules) -> datetime:
    found, why = kept_until(kept, arrived, endings=endings, status_dates=status, rules=(*DEFAULT_RULES, *rules))
    assert why
    return found or LAST


@given(OVER, MOMENTS, st.lists(MOMENTS), st.lists(MOMENTS), RULES)
def test_every_date_is_a_lower_bound(kept, arrived, endings, status, rules) -> None:
    end = until(kept, arrived, endings, status, rules)
    assert end >= arrived
    assert all(end >= years_later(one, 6) for one in (*endings, *status))
    for rule in rules:
        if rule.kept is kept:
            assert end >= arrived + timedelta(days=rule.days)
            assert all(end >= years_later(one, rule.closing_years) for one in endings)
            assert rule.contract_until is None or end.date() >= rule.contract_until


@given(OVER, MOMENTS, st.lists(MOMENTS | st.none()), st.lists(MOMENTS | st.none()), RULES, MOMENTS, RULES)
def test_nothing_that_is_added_makes_it_earlier(kept, arrived, endings, status, rules, more, policy) -> None:
    end = until(kept, arrived, endings, status, rules)
    for longer in (
        until(kept, arrived, [*endings, more], status, rules),
        until(kept, arrived, endings, [*status, more], rules),
        until(kept, arrived, [*endings, None], status, rules),
        until(kept, arrived, endings, status, [*rules, *policy]),
    ):
        assert longer >= end


@given(OVER, MOMENTS, st.lists(MOMENTS), RULES)
def test_what_is_under_way_has_no_end(kept, arrived, endings, rules) -> None:
    assert kept_until(kept, arrived, endings=[*endings, None], status_dates=[], rules=rules) == (None, "ticket")
    assert kept_until(kept, arrived, endings=endings, status_dates=[None], rules=rules) == (None, "assessment")
    organisation = KeptClass.ORGANISATION
    assert kept_until(organisation, arrived, endings=[], status_dates=[], rules=rules) == (None, "organisation")


def test_six_years_from_a_leap_day_end_on_the_later_day() -> None:
    assert years_later(datetime(2024, 2, 29, tzinfo=UTC), 6) == datetime(2030, 3, 1, tzinfo=UTC)
