"""A seeded share of the fuzz: no traceback, no wrong INTACT; `bench/fuzz.py` runs a million cases."""

import pytest
from tests.property import fuzzing

pytestmark = pytest.mark.filterwarnings("ignore:Duplicate name")


@pytest.mark.parametrize("seed", range(4))
def test_a_share_of_the_fuzz(seed, tmp_path):
    broken: list[str] = []
    ran = fuzzing.run(seed, 1_500, tmp_path, 0.1, lambda found: broken.append(f"{found}: {found.data[:200]!r}"))
    assert broken == []
    assert sum(ran.values()) == 1_500
    assert set(fuzzing.TARGETS) <= set(ran)


@pytest.mark.parametrize("name", fuzzing.TARGETS)
def test_every_parser_begins_with_something_that_it_takes(name):
    """Else the fuzz would only ever see the first line of a parser."""
    for seed in fuzzing.TARGETS[name].seeds:
        if seed is not fuzzing.EMPTY_STATEMENT:
            fuzzing.TARGETS[name].call(seed)


def test_the_fuzz_would_notice(tmp_path, monkeypatch):
    """A parser that breaks, and a verifier that calls everything INTACT, are told."""
    monkeypatch.setitem(fuzzing.TARGETS, "manifest", fuzzing.Target(lambda data: 1 // 0, (b"x",)))
    monkeypatch.setattr(fuzzing, "UNRECORDED", frozenset())
    monkeypatch.setattr(fuzzing.Packages, "_changed", lambda self, chance: self._members | {"VERIFY.txt": b"changed"})
    broken: list[str] = []
    fuzzing.run(1, 600, tmp_path, 0.3, lambda found: broken.append(str(found)))
    assert any("ZeroDivisionError" in one for one in broken)
    assert any("_signed was called INTACT" in one for one in broken)
