"""The kernel: decisions, actors, clocks, ids, strict names, windows."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.kernel import names
from quarterdeck.kernel.actors import OPERATOR, Actor, ActorKind, system
from quarterdeck.kernel.clock import SystemClock, parse_rfc3339, rfc3339
from quarterdeck.kernel.decision import ALLOWED, Refused, all_of, refuse, require_that
from quarterdeck.kernel.ids import is_ticket_number, new_id, ticket_number
from quarterdeck.kernel.windows import Window

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
MOMENTS = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_reasons_add_up_in_order() -> None:
    decision = all_of([ALLOWED, refuse("a.b", "No.", "Wait."), require_that(False, "c.d", "Nor this.")])
    assert not decision.allowed
    assert decision.codes == ("a.b", "c.d")
    with pytest.raises(Refused, match=r"No\. Wait\.; Nor this\.") as refusal:
        decision.require()
    assert refusal.value.decision is decision
    assert decision.reasons[0].as_dict() == {"code": "a.b", "sentence": "No.", "next_step": "Wait."}


def test_nothing_against_it_is_allowed() -> None:
    assert all_of([]).allowed
    assert require_that(True, "a.b", "No.") is ALLOWED
    ALLOWED.require()


@pytest.mark.parametrize(
    ("age", "fresh"),
    [(0, True), (600, True), (600.001, False), (-5, True), (-5.001, False), (86_400, False)],
)
def test_a_second_factor_lasts_ten_minutes_and_is_not_from_the_future(age: float, fresh: bool) -> None:
    actor = Actor("pe_x", ActorKind.PERSON, "mfa", NOW - timedelta(seconds=age))
    assert actor.stepped_up(NOW) is fresh


def test_neither_operator_nor_process_is_a_person() -> None:
    for actor in (OPERATOR, system("ticker")):
        assert not actor.is_person
        assert not actor.stepped_up(NOW)


@given(MOMENTS)
def test_moments_survive_their_text(moment: datetime) -> None:
    assert parse_rfc3339(rfc3339(moment)) == moment
    assert rfc3339(moment.astimezone(timezone(timedelta(hours=-5)))) == rfc3339(moment)


@given(MOMENTS, MOMENTS)
def test_texts_sort_as_moments_do(one: datetime, other: datetime) -> None:
    assert (rfc3339(one) < rfc3339(other)) is (one < other)


def test_a_moment_without_zone_is_none() -> None:
    with pytest.raises(ValueError, match="time zone"):
        rfc3339(datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="time zone"):
        parse_rfc3339("2026-01-01T00:00:00")


def test_the_machines_clocks() -> None:
    clock = SystemClock()
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.boot() <= clock.boot()


def test_ids_and_numbers() -> None:
    assert len({new_id("ag") for _ in range(1000)}) == 1000
    assert ticket_number(2026, 14) == "MT-2026-00014"
    assert is_ticket_number("MT-2026-00014")
    for wrong in ("MT-2026-14", "mt-2026-00014", "MT-2026-00014\n", "MT-2026-000140", "MT-２０２６-00014", ""):
        assert not is_ticket_number(wrong)


NAMES = {
    names.is_hostname: (
        ("fs01", "a.b-c.example", "x" * 63),
        ("-oProxyCommand=id", "a b", "a\n", "A", "a..b", "a-", ".a", "x" * 64, "ä", "", "a/b", "a" * 300),
    ),
    names.is_account: (("maint", "_x", "a-b_9"), ("-l", "Root", "a b", "a;b", "9a", "", "x" * 33, "a\n")),
    names.is_address: (
        ("192.0.2.1", "2001:db8::1", "fs01.example"),
        ("fe80::1%eth0", "192.0.2.1 ", "-x", "a,b", "[::1]", ""),
    ),
    names.is_watched_root: (
        ("/", "/etc", "/opt/x@1/y.d"),
        ("etc", "/etc/..", "/a b", "/a\n", "/$(id)", "", "/" + "x" * 300, "/a'b"),
    ),
    names.is_host_identity: (
        ("ssh-ed25519 " + "A" * 68, "@cert-authority ssh-rsa " + "A" * 100 + "=="),
        ("ssh-ed25519 " + "A" * 68 + " comment", "ssh-dss " + "A" * 68, "ssh-ed25519 AAAA", "@x ssh-rsa " + "A" * 80,
         "ssh-ed25519 " + "A" * 68 + "\n"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("grammar", NAMES, ids=lambda grammar: grammar.__name__)
def test_strict_names(grammar) -> None:
    good, bad = NAMES[grammar]
    assert [text for text in good if not grammar(text)] == []
    assert [text for text in bad if grammar(text)] == []


@given(st.text())
def test_no_name_carries_an_option_space_or_control(text: str) -> None:
    for grammar in (names.is_hostname, names.is_account, names.is_address):
        if grammar(text):
            assert not text.startswith("-")
            assert text.isprintable()
            assert not set(text) & set(" '\"`$;|&<>()\\")


@given(MOMENTS, MOMENTS, MOMENTS)
def test_a_window_contains_its_start_and_not_its_end(one: datetime, other: datetime, third: datetime) -> None:
    window = Window(one, other)
    assert window.is_ordered is (one < other)
    if window.is_ordered:
        assert window.contains(one)
        assert window.contains(other - timedelta(microseconds=1))
    assert not window.contains(other)
    beside = Window(other, third)
    assert not window.overlaps(beside) or not (window.is_ordered and beside.is_ordered)


@given(MOMENTS, MOMENTS, MOMENTS, MOMENTS)
def test_overlap_is_mutual(a: datetime, b: datetime, c: datetime, d: datetime) -> None:
    one, other = Window(min(a, b), max(a, b)), Window(min(c, d), max(c, d))
    assert one.overlaps(other) is other.overlaps(one)
    assert one.in_utc() == one


def test_ports_and_windows_of_no_zone() -> None:
    assert [port for port in (0, 1, 65535, 65536) if names.is_port(port)] == [1, 65535]
    with pytest.raises(ValueError, match="time zone"):
        Window(datetime(2026, 1, 1), NOW)  # noqa: DTZ001
