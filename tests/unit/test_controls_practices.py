"""Practices, objectives and points against the tables of 32 CFR 170.24, 170.21 and SP 800-171A."""

import pytest

from quarterdeck.controls.api import (
    MA_OBJECTIVES,
    MA_PRACTICES,
    OBJECTIVES,
    POAM_BARRED,
    PRACTICES,
    R3_DETERMINATIONS,
    PoamRule,
    objective,
    practice,
)

# practice -> (points, objectives, POA&M), written from the regulation, not from the code under test.
MAINTENANCE = {
    "MA.L2-3.7.1": (3, "a", PoamRule.NO),
    "MA.L2-3.7.2": (5, "abcd", PoamRule.NO),
    "MA.L2-3.7.3": (1, "a", PoamRule.YES),
    "MA.L2-3.7.4": (3, "a", PoamRule.NO),
    "MA.L2-3.7.5": (5, "ab", PoamRule.NO),
    "MA.L2-3.7.6": (1, "a", PoamRule.YES),
}
RELATED = {
    "CM.L2-3.4.1": (5, 6, PoamRule.NO),
    "CM.L2-3.4.3": (1, 4, PoamRule.YES),
    "CM.L2-3.4.4": (1, 1, PoamRule.YES),
    "CM.L2-3.4.5": (5, 8, PoamRule.NO),
    "AU.L2-3.3.1": (5, 6, PoamRule.NO),
    "AU.L2-3.3.2": (3, 2, PoamRule.NO),
    "AU.L2-3.3.5": (5, 2, PoamRule.NO),
    "AU.L2-3.3.7": (1, 3, PoamRule.YES),
    "AU.L2-3.3.8": (1, 6, PoamRule.YES),
    "AU.L2-3.3.9": (1, 2, PoamRule.YES),
    "IA.L2-3.5.3": (5, 4, PoamRule.NO),
    "IA.L2-3.5.4": (1, 1, PoamRule.YES),
    "AC.L2-3.1.4": (1, 3, PoamRule.YES),
    "AC.L2-3.1.5": (3, 4, PoamRule.NO),
    "AC.L2-3.1.7": (1, 4, PoamRule.YES),
    "AC.L2-3.1.12": (5, 4, PoamRule.NO),
    "AC.L2-3.1.13": (5, 2, PoamRule.NO),
    "AC.L2-3.1.14": (1, 2, PoamRule.YES),
    "AC.L2-3.1.15": (1, 4, PoamRule.YES),
    "MP.L2-3.8.9": (1, 1, PoamRule.YES),
    "SC.L2-3.13.8": (3, 3, PoamRule.NO),
    "SC.L2-3.13.10": (1, 2, PoamRule.YES),
    "SC.L2-3.13.11": (5, 1, PoamRule.CONDITIONAL),
    "SC.L2-3.13.15": (5, 1, PoamRule.NO),
    "SC.L2-3.13.16": (1, 1, PoamRule.YES),
    "SI.L2-3.14.1": (5, 6, PoamRule.NO),
    "CA.L2-3.12.2": (3, 3, PoamRule.NO),
    "CA.L2-3.12.4": (None, 8, PoamRule.NO),
}


def test_the_maintenance_family_has_ten_objectives_and_eighteen_points():
    assert len(MA_OBJECTIVES) == 10
    assert sum(p.points for p in MA_PRACTICES) == 18


@pytest.mark.parametrize(("name", "expected"), MAINTENANCE.items())
def test_maintenance_practice_is_as_the_rule_says(name, expected):
    found = practice(name)
    assert (found.points, "".join(o.letter for o in found.objectives), found.poam) == expected


@pytest.mark.parametrize(("name", "expected"), RELATED.items())
def test_related_practice_is_as_the_rule_says(name, expected):
    found = practice(name)
    assert (found.points, len(found.objectives), found.poam) == expected


def test_nothing_else_is_in_the_catalogue():
    assert {p.id for p in PRACTICES} == MAINTENANCE.keys() | RELATED.keys()


def test_letters_run_from_a_without_a_hole():
    for found in PRACTICES:
        letters = [o.letter for o in found.objectives]
        assert letters == [chr(ord("a") + i) for i in range(len(letters))], found.id


def test_ids_are_unique_and_carry_practice_and_letter():
    assert len({o.id for o in OBJECTIVES}) == len(OBJECTIVES)
    assert objective("MA.L2-3.7.2[d]").practice == "MA.L2-3.7.2"
    assert objective("MA.L2-3.7.2[d]").letter == "d"


def test_token_stays_in_the_alphabet_of_ledger_strings():
    assert objective("MA.L2-3.7.2[d]").token == "MA.L2-3.7.2.d"


def test_oscal_id_is_the_part_id_of_the_catalogue():
    assert objective("AC.L2-3.1.12[c]").oscal_id == "r2_3.1.12_obj.c"


def test_objectives_inherit_points_and_eligibility_of_their_practice():
    assert objective("MA.L2-3.7.5[b]").points == 5
    assert not objective("MA.L2-3.7.5[b]").poam_eligible
    assert objective("MA.L2-3.7.6[a]").poam_eligible
    assert not objective("SC.L2-3.13.11[a]").poam_eligible


def test_only_the_two_named_objectives_want_an_on_site_look():
    assert {o.id for o in OBJECTIVES if o.on_site} == {"MA.L2-3.7.2[d]", "CM.L2-3.4.5[d]"}


def test_partial_deduction_exists_for_second_factor_and_validated_encryption_only():
    assert {p.id: p.partial_points for p in PRACTICES if p.partial_points} == {"IA.L2-3.5.3": 3, "SC.L2-3.13.11": 3}


def test_revision_three_of_the_family():
    assert {p.requirement: p.r3 for p in MA_PRACTICES} == {
        "3.7.1": (),
        "3.7.2": ("03.07.04", "03.07.06"),
        "3.7.3": ("03.08.03",),
        "3.7.4": ("03.07.04",),
        "3.7.5": ("03.07.05",),
        "3.7.6": ("03.07.06",),
    }


def test_every_determination_of_revision_three_is_asked_by_some_objective():
    asked = {name for o in OBJECTIVES for name in o.r3}
    assert asked == {d.id for d in R3_DETERMINATIONS}
    assert len(R3_DETERMINATIONS) == 16


def test_session_and_network_end_stay_apart_for_revision_three():
    assert objective("MA.L2-3.7.5[b]").r3 == ("A.03.07.05.c[01]", "A.03.07.05.c[02]")


def test_the_barred_practices_are_those_of_the_rule():
    assert sorted(POAM_BARRED) == ["3.1.20", "3.1.22", "3.10.3", "3.10.4", "3.10.5", "3.12.4"]


def test_an_unknown_id_is_a_key_error():
    with pytest.raises(KeyError):
        objective("MA.L2-3.7.7[a]")
    with pytest.raises(KeyError):
        practice("3.7.1")
