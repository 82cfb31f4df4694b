"""Points lost, POA&M and conditional status after 32 CFR 170.21 and 170.24."""

import pytest

from quarterdeck.controls.api import MA_PRACTICES, deduction, may_be_conditional, may_stand_on_poam


def test_losing_the_whole_family_costs_eighteen():
    assert sum(deduction(p.id) for p in MA_PRACTICES) == 18


def test_partly_done_costs_less_only_where_the_rule_says_so():
    assert (deduction("IA.L2-3.5.3"), deduction("IA.L2-3.5.3", partly=True)) == (5, 3)
    assert deduction("MA.L2-3.7.5", partly=True) == 5


def test_a_practice_without_value_has_no_deduction():
    with pytest.raises(ValueError, match="cannot be completed"):
        deduction("CA.L2-3.12.4")


@pytest.mark.parametrize("name", ["MA.L2-3.7.1", "MA.L2-3.7.2", "MA.L2-3.7.4", "MA.L2-3.7.5", "IA.L2-3.5.3"])
def test_practices_of_more_than_a_point_stay_off_the_poam(name):
    assert may_stand_on_poam(name).codes == ("poam.too_many_points",)


@pytest.mark.parametrize("name", ["MA.L2-3.7.3", "MA.L2-3.7.6", "MP.L2-3.8.9"])
def test_practices_of_one_point_may_stand_on_it(name):
    assert may_stand_on_poam(name).allowed


def test_the_system_security_plan_is_barred():
    assert may_stand_on_poam("CA.L2-3.12.4").codes == ("poam.barred",)


def test_encryption_may_wait_only_when_it_is_in_use():
    assert may_stand_on_poam("SC.L2-3.13.11").codes == ("poam.not_encrypted",)
    assert may_stand_on_poam("SC.L2-3.13.11", partly=True).allowed


def test_every_refusal_has_a_sentence_and_a_next_step():
    for name in ("MA.L2-3.7.5", "CA.L2-3.12.4", "SC.L2-3.13.11"):
        reason = may_stand_on_poam(name).reasons[0]
        assert reason.sentence.endswith(".")
        assert reason.next_step.endswith(".")


@pytest.mark.parametrize(
    ("score", "practices", "codes"),
    [
        (88, (), ()),
        (87, (), ("score.too_low",)),
        (109, ("MA.L2-3.7.6",), ()),
        (105, ("MA.L2-3.7.5",), ("poam.too_many_points",)),
        (107, ("SC.L2-3.13.11",), ()),
        (70, ("MA.L2-3.7.1", "MA.L2-3.7.3"), ("score.too_low", "poam.too_many_points")),
    ],
)
def test_conditional_status(score, practices, codes):
    assert may_be_conditional(score, practices).codes == codes
