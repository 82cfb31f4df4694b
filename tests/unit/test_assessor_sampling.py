"""Drawing a sample: anybody with a shell gets the same, and the order of the list changes nothing."""

import subprocess

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.assessor.rules import may_draw, pick

NUMBERS = tuple(f"MT-2026-{number:05d}" for number in range(1, 24))
RECIPE = 'while read n; do echo "$(printf %s:%s SEED "$n" | sha256sum | cut -c1-64) $n"; done | sort | head -5'


def test_the_recipe_of_the_documentation_draws_the_same():
    said = subprocess.run(
        ["/bin/sh", "-c", RECIPE], input="\n".join(NUMBERS) + "\n", capture_output=True, text=True, check=True
    )
    assert sorted(line.split()[1] for line in said.stdout.splitlines()) == list(pick(NUMBERS, "SEED", 5))


@given(st.permutations(NUMBERS), st.text(min_size=1, max_size=12), st.integers(1, len(NUMBERS)))
def test_a_sample_is_of_the_population_of_its_size_and_without_order(shuffled, seed, size):
    drawn = pick(shuffled, seed, size)
    assert drawn == pick(NUMBERS, seed, size)
    assert len(set(drawn)) == size
    assert set(drawn) <= set(NUMBERS)


def test_a_longer_sample_holds_the_shorter_one():
    assert set(pick(NUMBERS, "a", 3)) < set(pick(NUMBERS, "a", 5))


def test_nothing_to_draw_from_is_no_sample():
    assert not may_draw((), 5, "a").allowed
