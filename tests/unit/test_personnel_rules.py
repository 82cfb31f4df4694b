"""Who may grant, confirm and maintain: each refusal by its code."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from tests.clock import START

from quarterdeck.kernel.actors import OPERATOR, Actor, ActorKind, system
from quarterdeck.personnel import rules
from quarterdeck.personnel.rules import (
    OWN_ACTS,
    PERMITTED,
    AgreedHours,
    AgreementTerms,
    AuthorisationTerms,
    Maintainer,
    PersonnelAct,
    may_act,
    may_confirm,
    may_maintain,
    may_name_deputy,
    may_request_role,
    takes_effect_at,
    well_formed_tokens,
)
from quarterdeck.personnel.terms import COOL_DOWN, GUARDED_ROLES, Role

FRESH = Actor("pe_1", ActorKind.PERSON, "mfa", START)
LEAD, NONE = frozenset({Role.IT_LEAD}), frozenset()
DECIDER = frozenset({Role.APPROVER})


@pytest.mark.parametrize(("act", "role", "own"), list(product(PersonnelAct, Role, (False, True))))
def test_the_matrix_of_role_and_act(act: PersonnelAct, role: Role, own: bool) -> None:
    allowed = may_act(act, FRESH, frozenset({role}), own=own, at=START).allowed
    assert allowed is (role in PERMITTED[act] or (own and act in OWN_ACTS))


def test_every_act_has_its_line_and_no_line_names_technicians_or_assessors() -> None:
    assert set(PERMITTED) == set(PersonnelAct)
    assert not {Role.TECHNICIAN, Role.ASSESSOR, Role.REQUESTER, Role.ESCORT} & set().union(*PERMITTED.values())


@pytest.mark.parametrize("act", PersonnelAct)
@pytest.mark.parametrize("actor", [OPERATOR, system("gate"), Actor("operator", ActorKind.OPERATOR, "mfa", START)])
def test_operator_and_processes_may_do_nothing_here(act: PersonnelAct, actor: Actor) -> None:
    assert may_act(act, actor, frozenset(Role), own=True, at=START).codes == ("actor.not_a_person",)


@pytest.mark.parametrize(
    ("mfa_at", "allowed"),
    [
        (None, False),
        (START, True),
        (START - timedelta(minutes=10), True),
        (START - timedelta(minutes=10, seconds=1), False),
        (START + timedelta(minutes=1), False),
    ],
)
def test_every_act_needs_a_fresh_second_factor(mfa_at: datetime | None, allowed: bool) -> None:
    actor = Actor("pe_1", ActorKind.PERSON, "token", mfa_at)
    decision = may_act(PersonnelAct.AUTHORISE, actor, LEAD, own=False, at=START)
    assert decision.allowed is allowed
    assert decision.codes == (() if allowed else ("step_up.needed",))


def request(role: Role = Role.APPROVER, **terms: object):
    usual = {"requester": "iris", "requester_roles": LEAD, "beneficiary": "pat", "held": NONE,
             "leads": frozenset({"iris"})}
    return may_request_role(role, **(usual | terms))


@pytest.mark.parametrize("role", Role)
def test_the_it_lead_asks_for_any_role_of_somebody_else(role: Role) -> None:
    assert request(role).allowed


@pytest.mark.parametrize("role", Role)
def test_guarded_roles_are_never_asked_for_oneself(role: Role) -> None:
    assert request(role, beneficiary="iris").allowed is (role not in GUARDED_ROLES)


def test_others_do_not_ask() -> None:
    assert request(requester="max", requester_roles=frozenset({Role.TECHNICIAN})).codes == ("role.request_not_yours",)


def test_an_approver_asks_for_a_new_it_lead_only_where_there_is_none() -> None:
    by_approver = {"requester": "avery", "requester_roles": DECIDER}
    assert request(Role.IT_LEAD, **by_approver, leads=NONE).allowed
    assert not request(Role.IT_LEAD, **by_approver).allowed
    assert not request(Role.APPROVER, **by_approver, leads=NONE).allowed


def test_a_role_is_held_once() -> None:
    assert request(held=frozenset({Role.APPROVER})).codes == ("role.held",)


@pytest.mark.parametrize(("role", "held"), [(Role.ASSESSOR, Role.APPROVER), (Role.ESCORT, Role.ASSESSOR)])
def test_an_assessor_holds_nothing_else(role: Role, held: Role) -> None:
    assert request(role, held=frozenset({held})).codes == ("role.assessor_apart",)


def confirm(**terms: object):
    usual = {"confirmer": "avery", "confirmer_roles": DECIDER, "requested_by": "iris", "beneficiary": "pat",
             "deciders": frozenset({"avery", "casey"})}
    return may_confirm(**(usual | terms))


@pytest.mark.parametrize(
    ("terms", "codes"),
    [
        ({}, ()),
        ({"confirmer": "iris"}, ("two_people.same_person",)),
        ({"confirmer": "pat"}, ("two_people.own_benefit",)),
        ({"confirmer": "ivan", "confirmer_roles": LEAD}, ("two_people.not_entitled",)),
        ({"confirmer": "ivan", "confirmer_roles": LEAD, "deciders": NONE}, ()),
        ({"confirmer": "ivan", "confirmer_roles": LEAD, "deciders": frozenset({"pat", "iris"})}, ()),
        ({"confirmer": "max", "confirmer_roles": NONE, "deciders": NONE}, ("two_people.not_entitled",)),
        ({"confirmer": "iris", "requested_by": "iris", "beneficiary": "iris"},
         ("two_people.same_person", "two_people.own_benefit")),
    ],
)
def test_who_is_the_second_person(terms: dict, codes: tuple[str, ...]) -> None:
    assert confirm(**terms).codes == codes


@pytest.mark.parametrize("role", Role)
def test_guarded_roles_wait_a_day(role: Role) -> None:
    assert takes_effect_at(role, START) - START == (COOL_DOWN if role in GUARDED_ROLES else timedelta(0))
    assert timedelta(hours=24) == COOL_DOWN


def deputy(**terms: object):
    usual = {"principal": "avery", "deputy": "pat", "named_by": "avery", "principal_roles": DECIDER, "held": NONE,
             "valid_from": START, "valid_until": START + timedelta(days=14), "at": START}
    return may_name_deputy(Role.APPROVER, **(usual | terms))


@pytest.mark.parametrize(
    ("terms", "codes"),
    [
        ({}, ()),
        ({"principal_roles": NONE}, ("deputy.principal_without_role",)),
        ({"deputy": "avery"}, ("deputy.same_person", "role.own_benefit")),
        ({"named_by": "pat"}, ("role.own_benefit",)),
        ({"valid_until": START}, ("deputy.dates",)),
        ({"at": START + timedelta(days=15)}, ("deputy.dates",)),
        ({"held": frozenset({Role.ASSESSOR})}, ("role.assessor_apart",)),
    ],
)
def test_deputies(terms: dict, codes: tuple[str, ...]) -> None:
    assert deputy(**terms).codes == codes


STAFF = Maintainer("Max", active=True, has_account=True, mfa_enrolled=True, is_vendor=False)
VENDOR = Maintainer("Max", active=True, has_account=True, mfa_enrolled=True, is_vendor=True)
AGREED = AgreementTerms(frozenset({"patch"}), frozenset({"ssh"}), (), START, in_date=True)
GIVEN = AuthorisationTerms(covers_asset=True, actions=frozenset({"patch"}), in_date=True, agreement=AGREED)


def changed(terms, **fields):
    return type(terms)(**({name: getattr(terms, name) for name in terms.__dataclass_fields__} | fields))


@pytest.mark.parametrize(
    ("person", "given", "codes"),
    [
        (VENDOR, [GIVEN], ()),
        (STAFF, [changed(GIVEN, agreement=None)], ()),
        (VENDOR, [changed(GIVEN, agreement=None)], ("agreement.none",)),
        (changed(VENDOR, active=False), [GIVEN], ("person.inactive",)),
        (changed(VENDOR, has_account=False), [GIVEN], ("person.no_account",)),
        (changed(VENDOR, mfa_enrolled=False), [GIVEN], ("person.no_mfa",)),
        (VENDOR, [], ("authorisation.none",)),
        (VENDOR, [changed(GIVEN, in_date=False)], ("authorisation.out_of_date",)),
        (VENDOR, [changed(GIVEN, covers_asset=False)], ("authorisation.scope",)),
        (VENDOR, [changed(GIVEN, actions=frozenset({"reboot"}))], ("authorisation.action",)),
        (VENDOR, [changed(GIVEN, actions=frozenset({"any"}))], ()),
        (VENDOR, [changed(GIVEN, agreement=changed(AGREED, in_date=False))], ("agreement.out_of_date",)),
        (VENDOR, [changed(GIVEN, agreement=changed(AGREED, actions=frozenset()))], ("agreement.action",)),
        (VENDOR, [changed(GIVEN, agreement=changed(AGREED, methods=frozenset({"rdp"})))], ("agreement.method",)),
        (VENDOR, [changed(GIVEN, agreement=changed(AGREED, methods=frozenset({"any"})))], ()),
        (VENDOR, [changed(GIVEN, agreement=changed(
            AGREED, hours=(AgreedHours(frozenset({5, 6}), 0, 1439),)))], ("agreement.hours",)),
    ],
)
def test_may_maintain(person: Maintainer, given: list, codes: tuple[str, ...]) -> None:
    assert may_maintain(person, given, action="patch", method="ssh").codes == codes


def test_one_fitting_authorisation_is_enough_and_else_the_nearest_speaks() -> None:
    far = changed(GIVEN, in_date=False, covers_asset=False)
    near = changed(GIVEN, in_date=False)
    assert may_maintain(VENDOR, [far, GIVEN], action="patch", method="ssh").allowed
    assert may_maintain(VENDOR, [far, near], action="patch", method="ssh").codes == ("authorisation.out_of_date",)


def test_two_half_fitting_authorisations_do_not_add_up() -> None:
    halves = [changed(GIVEN, covers_asset=False), changed(GIVEN, actions=frozenset({"reboot"}))]
    assert not may_maintain(VENDOR, halves, action="patch", method="ssh").allowed


def local(weekday: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 23 + weekday, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "inside"),
    [(local(0, 8), True), (local(0, 7, 59), False), (local(0, 17, 59), True), (local(0, 18), False),
     (local(5, 12), False)],
)
def test_working_hours(moment: datetime, inside: bool) -> None:
    assert AgreedHours(frozenset(range(5)), 480, 1080).contains(moment) is inside


@pytest.mark.parametrize(
    ("moment", "inside"),
    [(local(0, 22), True), (local(1, 5, 59), True), (local(1, 6), False), (local(0, 5), False), (local(1, 23), False)],
)
def test_hours_over_midnight_belong_to_the_day_they_begin(moment: datetime, inside: bool) -> None:
    assert AgreedHours(frozenset({0}), 1320, 360).contains(moment) is inside


@pytest.mark.parametrize("word", ["", "Patch", "rm -rf", "a b", "x" * 41, "é", "patch\n"])
def test_actions_are_plain_words(word: str) -> None:
    assert well_formed_tokens([word], what="action").codes == ("word.malformed",)
    assert well_formed_tokens(["patch", "any", "os-upgrade_2"], what="action").allowed


def test_every_refusal_of_this_module_says_what_next() -> None:
    for decision in (request(requester_roles=NONE), confirm(confirmer="iris"), deputy(principal_roles=NONE),
                     rules.is_awaiting(rules.GrantState.ACTIVE, revoked=False)):
        assert all(reason.sentence.endswith(".") and reason.next_step for reason in decision.reasons)
