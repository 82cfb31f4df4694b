"""Kinds of fact: unique, and speaking only to objectives that exist."""

import re
from pathlib import Path

import pytest

from quarterdeck.controls.api import (
    FACT_KINDS,
    MA_OBJECTIVES,
    OBJECTIVES,
    fact_kind,
    is_fact_kind,
    kinds_for,
    objectives_page,
)

REPOSITORY = Path(__file__).resolve().parents[2]


def test_codes_are_unique_and_in_the_alphabet_of_ledger_strings():
    codes = [kind.code for kind in FACT_KINDS]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z_]+\.[a-z_]+", code) for code in codes)


def test_a_kind_speaks_only_to_objectives_that_exist():
    known = {o.id for o in OBJECTIVES}
    assert {name for kind in FACT_KINDS for name in kind.objectives} <= known


@pytest.mark.parametrize("found", MA_OBJECTIVES, ids=lambda o: o.id)
def test_every_maintenance_objective_has_a_fact_that_speaks_to_it(found):
    assert kinds_for(found.id)


def test_backups_claim_no_requirement_of_the_maintenance_family():
    for code in ("backup.verified", "backup.encrypted", "snapshot.taken", "restore.drilled"):
        assert not any(name.startswith("MA.") for name in fact_kind(code).objectives)


def test_impact_before_the_change_speaks_to_impact_analysis():
    assert fact_kind("impact.analysed").objectives == ("CM.L2-3.4.4[a]",)


def test_an_unknown_kind_is_said_to_be_unknown():
    assert not is_fact_kind("backup.imagined")
    with pytest.raises(KeyError):
        fact_kind("backup.imagined")


def test_the_reference_page_is_what_the_tables_say():
    page = REPOSITORY / "docs" / "reference" / "objectives.md"
    assert page.read_text(encoding="utf-8") == objectives_page(), "write objectives_page() to the file again"
