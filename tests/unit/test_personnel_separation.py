"""Separation of duties: single cases in words, then every roster of up to six people against a plain search."""

from collections.abc import Iterator
from itertools import combinations_with_replacement, product

import pytest

from quarterdeck.personnel.separation import (
    DutyNeeds,
    Member,
    duties_are_separate,
    duties_satisfiable,
    may_decide,
)
from quarterdeck.personnel.terms import Role

A, O, E = Role.APPROVER, Role.CUI_OWNER, Role.ESCORT  # noqa: E741
IRIS = Member("iris", frozenset({Role.IT_LEAD}), "Iris")
MAX = Member("max", frozenset({Role.TECHNICIAN}), "Max")
AVERY = Member("avery", frozenset({A}), "Avery")
CASEY = Member("casey", frozenset({O}), "Casey")
ERIN = Member("erin", frozenset({E}), "Erin")
BOTH = Member("both", frozenset({A, O}), "Bo")
PLAIN, CUI = DutyNeeds(cui=False), DutyNeeds(cui=True)
ESCORTED = DutyNeeds(cui=True, escort=True)
LENIENT = DutyNeeds(cui=True, one_person_may_hold_both=True)


def ask(*roster: Member, requester: str = "iris", technicians: tuple[str, ...] = ("max",), escort: str = "",
        needs: DutyNeeds = CUI):
    return duties_satisfiable(roster, requester=requester, technicians=technicians, escort=escort, needs=needs)


def test_the_shop_can_maintain_a_cui_asset() -> None:
    plan = ask(IRIS, MAX, AVERY, CASEY)
    assert plan.decision.allowed
    assert (plan.example.approver, plan.example.cui_owner, plan.approvers, plan.cui_owners) == (
        "avery", "casey", ("avery",), ("casey",))


def test_the_requester_may_be_the_technician() -> None:
    assert ask(IRIS, AVERY, CASEY, requester="iris", technicians=("iris",)).decision.allowed


@pytest.mark.parametrize("part", ["requester", "technician", "escort"])
def test_nobody_decides_on_work_they_take_part_in(part: str) -> None:
    plan = duties_satisfiable(
        (AVERY, CASEY), requester="avery" if part == "requester" else "iris",
        technicians=("avery",) if part == "technician" else ("max",), escort="avery" if part == "escort" else "",
        needs=CUI,
    )
    assert "duties.no_approver" in plan.decision.codes
    assert "Avery is " in plan.decision.reasons[-1].sentence
    assert "deputy" in plan.decision.reasons[-1].next_step


def test_the_message_names_each_missing_duty() -> None:
    assert ask(IRIS, MAX, needs=ESCORTED).decision.codes == (
        "duties.no_approver", "duties.no_cui_owner", "duties.no_escort")


def test_a_plain_asset_needs_no_cui_owner() -> None:
    assert ask(AVERY, needs=PLAIN).decision.allowed


def test_one_person_can_not_hold_both_duties() -> None:
    plan = ask(BOTH)
    assert plan.decision.codes == ("duties.one_person_two_duties",)
    assert "Bo" in plan.decision.reasons[0].sentence


def test_policy_may_let_one_independent_person_hold_both_and_the_plan_says_so() -> None:
    plan = ask(BOTH, needs=LENIENT)
    assert plan.decision.allowed
    assert plan.example.one_person_holds_both


def test_two_people_are_preferred_even_where_one_may_hold_both() -> None:
    plan = ask(BOTH, AVERY, needs=LENIENT)
    assert not plan.example.one_person_holds_both


def test_one_person_for_both_must_still_be_independent() -> None:
    assert not ask(BOTH, requester="both", needs=LENIENT).decision.allowed


def test_an_escort_is_found_apart_from_the_deciders() -> None:
    plan = ask(AVERY, CASEY, ERIN, needs=ESCORTED)
    assert plan.escorts == ("erin",)


def test_a_decider_who_is_the_only_escort_makes_it_unsatisfiable() -> None:
    double = Member("avery", frozenset({A, E}), "Avery")
    assert ask(double, CASEY, needs=ESCORTED).decision.codes == ("duties.one_person_two_duties",)


def test_the_requester_may_escort() -> None:
    host = Member("iris", frozenset({E}), "Iris")
    assert ask(host, AVERY, CASEY, needs=ESCORTED).decision.allowed


def test_a_named_escort_needs_the_role_and_no_tool_in_hand() -> None:
    assert ask(AVERY, CASEY, escort="max", needs=ESCORTED).decision.codes == (
        "duties.escort_without_role", "duties.escort_is_technician")


@pytest.mark.parametrize(
    ("person", "kwargs", "code"),
    [
        (AVERY, {"requester": "avery"}, "duties.is_requester"),
        (AVERY, {"technicians": ("avery",)}, "duties.is_technician"),
        (AVERY, {"escort": "avery"}, "duties.is_escort"),
        (CASEY, {}, "duties.role_missing"),
        (AVERY, {"decided": {O: "avery"}}, "duties.same_person"),
    ],
)
def test_who_may_not_decide(person: Member, kwargs: dict, code: str) -> None:
    terms = {"requester": "iris", "technicians": ("max",), "escort": "", "decided": {}} | kwargs
    assert may_decide(person, A, **terms).codes == (code,)


def test_deciding_again_in_the_same_duty_is_no_clash() -> None:
    assert may_decide(AVERY, A, requester="iris", technicians=("max",), decided={A: "avery"}).allowed


def test_policy_lets_one_person_decide_in_both() -> None:
    assert may_decide(BOTH, O, requester="iris", technicians=(), decided={A: "both"},
                      one_person_may_hold_both=True).allowed


def test_a_role_that_decides_nothing_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="decides nothing"):
        may_decide(AVERY, E, requester="iris", technicians=(), decided={})


@pytest.mark.parametrize(
    ("kwargs", "code"),
    [
        ({"technicians": ("avery",)}, "duties.decider_works"),
        ({"requester": "casey"}, "duties.decider_works"),
        ({"escort": "casey"}, "duties.decider_works"),
        ({"escort": "max"}, "duties.escort_is_technician"),
        ({"cui_owner": ""}, "duties.no_cui_owner"),
        ({"cui_owner": "avery"}, "duties.same_person"),
    ],
)
def test_filled_duties_are_checked_again_when_somebody_is_bound(kwargs: dict, code: str) -> None:
    filled = {"approver": "avery", "cui_owner": "casey", "requester": "iris", "technicians": ("max",), "escort": "erin"}
    assert duties_are_separate(**filled, needs=CUI).allowed
    assert duties_are_separate(**(filled | kwargs), needs=CUI).codes == (code,)


# --- every roster of up to six people ------------------------------------------------------------------------------
# People are interchangeable, so a roster is a multiset of kinds of people; ids say nothing to the rule.

Kind = tuple[frozenset[Role], bool]
DECIDING = [frozenset(), frozenset({A}), frozenset({O}), frozenset({A, O})]
ANY_ROLES = [roles | extra for roles in DECIDING for extra in (frozenset(), frozenset({E}))]


def kinds(roles: list[frozenset[Role]]) -> list[Kind]:
    return list(product(roles, (False, True)))


def rosters(size: int, others: list[Kind], *, named_escort: bool) -> Iterator[tuple[list[Member], set[str], str]]:
    """Each with its technicians and escort; the requester is always `p0`, the named escort `p0` or the last."""
    escorts = ["p0", *([f"p{size - 1}"] if size > 1 else [])] if named_escort else [""]
    for escort in escorts:
        special = [0] if escort in ("", "p0") else [0, size - 1]
        pools = [kinds(ANY_ROLES) for _ in special]
        for chosen in product(*pools):
            for rest in combinations_with_replacement(others, size - len(special)):
                people = [chosen[0], *rest, *chosen[1:]]
                members = [Member(f"p{i}", roles) for i, (roles, _) in enumerate(people)]
                yield members, {f"p{i}" for i, (_, works) in enumerate(people) if works}, escort


def can_be_filled(members: list[Member], technicians: set[str], escort: str, needs: DutyNeeds) -> bool:
    """The rule again as plain search over triples, sharing no code with it."""
    held = {member.person_id: member.roles for member in members}
    if escort and (E not in held[escort] or escort in technicians):
        return False
    guides = [escort] if escort or not needs.escort else [i for i in held if E in held[i] and i not in technicians]
    for guide in guides:
        busy = technicians | {"p0", guide}
        approvers = [i for i in held if A in held[i] and i not in busy]
        owners = [i for i in held if O in held[i] and i not in busy] if needs.cui else [None]
        if any(needs.one_person_may_hold_both or a != o for a in approvers for o in owners):
            return True
    return False


def check(members: list[Member], technicians: set[str], escort: str, needs: DutyNeeds) -> None:
    plan = duties_satisfiable(members, requester="p0", technicians=technicians, escort=escort, needs=needs)
    assert plan.decision.allowed is can_be_filled(members, technicians, escort, needs), (members, technicians, escort)
    if plan.example is None:
        assert plan.decision.reasons
        return
    way, working = plan.example, technicians | {"p0"}
    assert way.approver not in working
    assert not needs.cui or way.cui_owner not in working
    assert not needs.cui or needs.one_person_may_hold_both or way.approver != way.cui_owner
    assert way.escort not in {way.approver, way.cui_owner or "-"}
    assert duties_are_separate(
        approver=way.approver, cui_owner=way.cui_owner, requester="p0", technicians=technicians, escort=way.escort,
        needs=needs,
    ).allowed


NEEDS = [DutyNeeds(cui, False, both) for cui, both in product((False, True), repeat=2)]


@pytest.mark.parametrize("size", range(1, 7))
def test_every_roster_without_escort(size: int) -> None:
    for members, technicians, escort in rosters(size, kinds(DECIDING), named_escort=False):
        for needs in NEEDS:
            check(members, technicians, escort, needs)


@pytest.mark.parametrize("size", range(1, 7))
def test_every_roster_with_a_named_escort(size: int) -> None:
    for members, technicians, escort in rosters(size, kinds(DECIDING), named_escort=True):
        for needs in NEEDS:
            check(members, technicians, escort, needs)


@pytest.mark.slow
@pytest.mark.parametrize("size", range(1, 7))
def test_every_roster_that_must_find_its_escort(size: int) -> None:
    needs = [DutyNeeds(True, True, both) for both in (False, True)]
    for members, technicians, escort in rosters(size, kinds(ANY_ROLES), named_escort=False):
        for need in needs:
            check(members, technicians, escort, need)
