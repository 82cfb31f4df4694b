"""The roster and its roles through the app's verbs: founding, two people, cool-down, deputies, revocation."""

from datetime import timedelta

import pytest
from tests.cast import AVERY, CASEY, IRIS, MAX
from tests.clock import StillClock
from tests.shop import Shop, found_shop, founding_member

from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import OPERATOR, system
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import FoundingMember, GrantState, PersonKind, Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(clock: StillClock) -> Shop:
    return found_shop(clock)


def codes_of(call, *args, **kwargs) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        call(*args, **kwargs)
    assert all(reason.sentence for reason in refused.value.decision.reasons)
    return refused.value.decision.codes


def by(shop: Shop, key: str) -> dict:
    return {"actor": shop.actor(key), "clock": shop.clock}


def make_approver(shop: Shop, clock: StillClock, name: str = "Pat") -> str:
    pat = shop.add(name)
    grant = personnel.grant_role(pat, Role.APPROVER, **by(shop, "iris"))
    personnel.confirm_role(grant.id, **by(shop, "casey"))
    return grant.id


# --- the founding roster


def test_the_founding_roster_counts_at_once(shop: Shop, clock: StillClock) -> None:
    for member in (IRIS, MAX, AVERY, CASEY):
        assert personnel.roles_of(shop.ids[member.key], clock.now()) == frozenset(map(Role, member.roles))
    assert personnel.holders(Role.APPROVER, clock.now()) == (shop.ids["avery"],)


def test_it_is_one_entry_that_carries_the_digest_of_every_row(shop: Shop) -> None:
    founded = list(evidence.entries(events=["roster.founded"]))
    assert len(founded) == 1
    rows = founded[0].data["rows"]
    assert set(rows) == {"person", "role_grant", "enrolment"}
    assert set(rows["person"]) == set(shop.ids.values())
    assert founded[0].actor_id == "operator"
    assert "Avery" not in founded[0].body.decode()
    assert "@" not in founded[0].body.decode()


def test_it_happens_once(shop: Shop, clock: StillClock) -> None:
    member = FoundingMember("Mallory", "mallory@example.test", frozenset({Role.IT_LEAD, Role.APPROVER}))
    assert codes_of(personnel.found_roster, [member], actor=OPERATOR, clock=clock) == ("founding.done",)


def test_it_is_over_once_a_ticket_exists(clock: StillClock) -> None:
    with evidence.act(system("ticker"), clock) as act:
        act.record("ticket.requested", evidence.ObjectRef("ticket", "MT-2026-00001"), ticket="MT-2026-00001")
    assert codes_of(personnel.found_roster, [founding_member(IRIS)], actor=OPERATOR, clock=clock) == (
        "founding.too_late",)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ([], "founding.size"),
        ([founding_member(AVERY)], "founding.no_it_lead"),
        ([founding_member(IRIS), founding_member(IRIS)], "person.email_taken"),
        ([FoundingMember("Q", "q@example.test", frozenset({Role.ASSESSOR, Role.IT_LEAD}))], "role.assessor_apart"),
        ([FoundingMember("I", "no mail", frozenset({Role.IT_LEAD}))], "person.email_malformed"),
        ([FoundingMember(" ", "i@example.test", frozenset({Role.IT_LEAD}))], "person.name_malformed"),
        ([FoundingMember("a\x1b[2J", "i@example.test", frozenset({Role.IT_LEAD}))], "person.name_malformed"),
    ],
)
def test_rosters_that_are_refused(members: list[FoundingMember], code: str, clock: StillClock) -> None:
    assert code in codes_of(personnel.found_roster, members, actor=OPERATOR, clock=clock)
    assert personnel.people() == []


def test_only_the_operator_founds(shop: Shop, clock: StillClock) -> None:
    assert "founding.not_operator" in codes_of(
        personnel.found_roster, [founding_member(IRIS)], actor=shop.actor("iris"), clock=clock)


def test_lost_first_codes_are_renewed_until_the_first_ticket(shop: Shop, clock: StillClock) -> None:
    fresh = personnel.renew_founding_codes(actor=OPERATOR, clock=clock)
    assert {code.person_id for code in fresh} == set(shop.ids.values())
    assert codes_of(personnel.enrol, shop.codes["iris"], "iris walks the quarterdeck", clock=clock) == (
        "enrolment.refused",)
    with evidence.act(system("ticker"), clock) as act:
        act.record("ticket.requested", evidence.ObjectRef("ticket", "MT-2026-00001"), ticket="MT-2026-00001")
    assert codes_of(personnel.renew_founding_codes, actor=OPERATOR, clock=clock) == ("founding.too_late",)
    assert "founding.not_operator" in codes_of(personnel.renew_founding_codes, **by(shop, "iris"))


# --- adding people


def test_people_are_added_by_the_it_lead(shop: Shop) -> None:
    pat = shop.add("Pat", kind=PersonKind.EXTERNAL, organisation="vCISO Ltd")
    view = personnel.person(pat)
    assert (view.name, view.kind, view.active, view.mfa_enrolled) == ("Pat", PersonKind.EXTERNAL, True, False)
    assert personnel.find_by_email(" PAT@Example.Test ") == view
    assert evidence.last_entry(["person.added"], object=evidence.ObjectRef("person", pat)) is not None


@pytest.mark.parametrize("key", ["max", "avery", "casey", "quinn", "erin"])
def test_nobody_else_adds_people(shop: Shop, key: str) -> None:
    assert codes_of(personnel.add_person, "Pat", "pat@example.test", **by(shop, key)) == ("role.missing",)


def test_a_refusal_is_an_entry_and_nothing_else_happened(shop: Shop) -> None:
    before = evidence.head().size
    codes_of(personnel.add_person, "Pat", "pat@example.test", **by(shop, "max"))
    refused = evidence.last_entry(["act.refused"])
    assert evidence.head().size == before + 1
    assert (refused.object.id, refused.data["codes"], refused.actor_id) == (
        "personnel.add_person", ["role.missing"], shop.ids["max"])
    assert personnel.find_by_email("pat@example.test") is None


def test_an_old_second_factor_is_not_enough(shop: Shop, clock: StillClock) -> None:
    assert codes_of(
        personnel.add_person, "Pat", "pat@example.test", actor=shop.stale("iris"), clock=clock
    ) == ("step_up.needed",)


def test_a_mail_address_is_one_persons(shop: Shop) -> None:
    assert codes_of(personnel.add_person, "Eve", "AVERY@example.test", **by(shop, "iris")) == ("person.email_taken",)


def test_an_unknown_person_is_a_refusal(shop: Shop) -> None:
    assert codes_of(personnel.person, "pe_nobody") == ("person.unknown",)
    assert codes_of(personnel.grant_role, "pe_nobody", Role.ESCORT, **by(shop, "iris")) == ("person.unknown",)


# --- roles


@pytest.mark.parametrize("role", [Role.REQUESTER, Role.TECHNICIAN, Role.ESCORT, Role.ASSESSOR])
def test_plain_roles_count_at_once(shop: Shop, clock: StillClock, role: Role) -> None:
    pat = shop.add("Pat")
    grant = personnel.grant_role(pat, role, **by(shop, "iris"))
    assert (grant.state, grant.sealed) == (GrantState.ACTIVE, True)
    assert personnel.roles_of(pat, clock.now()) == {role}


@pytest.mark.parametrize("role", [Role.APPROVER, Role.CUI_OWNER, Role.IT_LEAD])
def test_guarded_roles_take_two_people_and_a_day(shop: Shop, clock: StillClock, role: Role) -> None:
    pat = shop.add("Pat")
    grant = personnel.grant_role(pat, role, **by(shop, "iris"))
    assert grant.state is GrantState.PENDING
    assert personnel.roles_of(pat, clock.now() + timedelta(days=30)) == frozenset()
    confirmed = personnel.confirm_role(grant.id, **by(shop, "casey"))
    assert confirmed.effective_at == clock.now() + timedelta(hours=24)
    assert personnel.roles_of(pat, clock.now() + timedelta(hours=23, minutes=59)) == frozenset()
    assert personnel.roles_of(pat, clock.now() + timedelta(hours=24)) == {role}
    entry = evidence.last_entry(["role.granted"], object=evidence.ObjectRef("role_grant", grant.id))
    assert (entry.data["requested_by"], entry.data["confirmed_by"]) == (shop.ids["iris"], shop.ids["casey"])


@pytest.mark.parametrize(
    ("key", "code"),
    [("iris", "two_people.same_person"), ("max", "role.missing"), ("quinn", "role.missing")],
)
def test_who_may_not_confirm(shop: Shop, key: str, code: str) -> None:
    grant = personnel.grant_role(shop.add("Pat"), Role.APPROVER, **by(shop, "iris"))
    assert code in codes_of(personnel.confirm_role, grant.id, **by(shop, key))


def test_two_it_leads_can_not_make_an_approver_while_another_decider_is_there(shop: Shop, clock: StillClock) -> None:
    ivan = shop.add("Ivan")
    lead = personnel.grant_role(ivan, Role.IT_LEAD, **by(shop, "iris"))
    personnel.confirm_role(lead.id, **by(shop, "avery"))
    clock.advance(hours=24)
    grant = personnel.grant_role(shop.add("Pat"), Role.APPROVER, **by(shop, "iris"))
    assert codes_of(personnel.confirm_role, grant.id, **by(shop, "ivan")) == ("two_people.not_entitled",)


def test_nobody_confirms_twice_or_a_revoked_request(shop: Shop, clock: StillClock) -> None:
    grant_id = make_approver(shop, clock)
    assert codes_of(personnel.confirm_role, grant_id, **by(shop, "avery")) == ("role.not_pending",)
    personnel.revoke_role(grant_id, **by(shop, "iris"))
    assert codes_of(personnel.confirm_role, grant_id, **by(shop, "avery")) == ("role.not_pending",)
    assert codes_of(personnel.revoke_role, grant_id, **by(shop, "iris")) == ("role.revoked",)


def test_a_role_is_asked_for_once(shop: Shop) -> None:
    pat = shop.add("Pat")
    personnel.grant_role(pat, Role.APPROVER, **by(shop, "iris"))
    assert codes_of(personnel.grant_role, pat, Role.APPROVER, **by(shop, "iris")) == ("role.held",)


def test_everybody_concerned_is_told_and_may_stop_it(shop: Shop, clock: StillClock) -> None:
    grant_id = make_approver(shop, clock)
    for key in ("pat", "avery", "casey"):
        subjects = [notice.subject for notice in personnel.notices_for(shop.ids[key])]
        assert any("become approver" in subject or "becomes approver" in subject for subject in subjects), key
    personnel.revoke_role(grant_id, **by(shop, "avery"))
    assert personnel.roles_of(shop.ids["pat"], clock.now() + timedelta(days=2)) == frozenset()


def test_once_it_counts_only_the_it_lead_or_the_person_ends_it(shop: Shop, clock: StillClock) -> None:
    grant_id = make_approver(shop, clock)
    clock.advance(hours=25)
    assert codes_of(personnel.revoke_role, grant_id, **by(shop, "avery")) == ("role.missing",)
    personnel.revoke_role(grant_id, **by(shop, "pat"))
    assert personnel.roles_of(shop.ids["pat"], clock.now()) == frozenset()


def test_notices_leave_once(shop: Shop, clock: StillClock) -> None:
    make_approver(shop, clock)
    waiting = personnel.unsent_notices()
    assert waiting
    assert all(notice.address.endswith("@example.test") and "Ledger entry: ev_" in notice.text for notice in waiting)
    personnel.mark_notice_sent(waiting[0].id, clock.now())
    assert waiting[0].id not in {notice.id for notice in personnel.unsent_notices()}


def test_the_list_of_grants_tells_who_made_each_approver(shop: Shop, clock: StillClock) -> None:
    make_approver(shop, clock)
    grant = personnel.role_grants(shop.ids["pat"])[0]
    assert (grant.requested_by, grant.confirmed_by, grant.founding) == (shop.ids["iris"], shop.ids["casey"], False)
    assert all(grant.founding for grant in personnel.role_grants(shop.ids["avery"]))


# --- deputies


def name_deputy(shop: Shop, clock: StillClock, role: Role = Role.APPROVER, principal: str = "avery", **days: int):
    pat = shop.ids.get("pat") or shop.add("Pat")
    start = clock.now() + timedelta(days=days.get("start", 2))
    return personnel.name_deputy(
        shop.ids[principal], pat, role, start, start + timedelta(days=days.get("length", 7)), **by(shop, principal)
    )


def test_a_deputy_is_dated_and_for_guarded_roles_confirmed(shop: Shop, clock: StillClock) -> None:
    grant = name_deputy(shop, clock)
    assert grant.state is GrantState.PENDING
    personnel.confirm_role(grant.id, **by(shop, "casey"))
    at = clock.now()
    assert personnel.roles_of(shop.ids["pat"], at + timedelta(days=1)) == frozenset()
    assert personnel.roles_of(shop.ids["pat"], at + timedelta(days=3)) == {Role.APPROVER}
    assert personnel.roles_of(shop.ids["pat"], at + timedelta(days=9)) == frozenset()


def test_a_deputy_of_an_escort_needs_no_second_person(shop: Shop, clock: StillClock) -> None:
    assert name_deputy(shop, clock, Role.ESCORT, "erin").state is GrantState.ACTIVE


def test_a_deputyship_ends_with_the_role_stood_in_for(shop: Shop, clock: StillClock) -> None:
    grant = name_deputy(shop, clock)
    personnel.confirm_role(grant.id, **by(shop, "casey"))
    clock.advance(days=3)
    own = next(grant for grant in personnel.role_grants(shop.ids["avery"]) if grant.role is Role.APPROVER)
    personnel.revoke_role(own.id, **by(shop, "iris"))
    assert personnel.roles_of(shop.ids["pat"], clock.now()) == frozenset()


def test_a_deputy_has_no_deputy(shop: Shop, clock: StillClock) -> None:
    grant = name_deputy(shop, clock)
    personnel.confirm_role(grant.id, **by(shop, "casey"))
    clock.advance(days=3)
    zoe = shop.add("Zoe")
    assert "deputy.principal_without_role" in codes_of(
        personnel.name_deputy, shop.ids["pat"], zoe, Role.APPROVER, clock.now(), clock.now() + timedelta(days=1),
        **by(shop, "pat"))


def test_strangers_name_no_deputies(shop: Shop, clock: StillClock) -> None:
    pat = shop.add("Pat")
    assert codes_of(
        personnel.name_deputy, shop.ids["avery"], pat, Role.APPROVER, clock.now(), clock.now() + timedelta(days=1),
        **by(shop, "max")) == ("role.missing",)


# --- leaving


def test_a_deactivated_person_keeps_nothing(shop: Shop, clock: StillClock) -> None:
    view = personnel.deactivate_person(shop.ids["avery"], **by(shop, "iris"))
    assert not view.active
    assert personnel.roles_of(shop.ids["avery"], clock.now()) == frozenset()
    assert personnel.holders(Role.APPROVER, clock.now()) == ()
    assert codes_of(personnel.deactivate_person, shop.ids["avery"], **by(shop, "iris")) == ("person.inactive",)


def test_nobody_deactivates_themselves(shop: Shop) -> None:
    assert codes_of(personnel.deactivate_person, shop.ids["iris"], **by(shop, "iris")) == ("person.own_deactivation",)


def test_a_deactivated_person_does_nothing_more(shop: Shop, clock: StillClock) -> None:
    ivan = shop.add("Ivan")
    lead = personnel.grant_role(ivan, Role.IT_LEAD, **by(shop, "iris"))
    personnel.confirm_role(lead.id, **by(shop, "avery"))
    clock.advance(hours=24)
    personnel.deactivate_person(ivan, **by(shop, "iris"))
    assert "role.missing" in codes_of(personnel.add_person, "Pat", "pat@example.test", **by(shop, "ivan"))


def test_the_roster_answers_for_duties(shop: Shop, clock: StillClock) -> None:
    terms = {"requester": shop.ids["iris"], "technicians": [shop.ids["max"]], "at": clock.now()}
    plan = personnel.duties(**terms, needs=personnel.DutyNeeds(cui=True, escort=True))
    assert plan.decision.allowed
    assert (plan.approvers, plan.cui_owners, plan.escorts) == tuple(
        (shop.ids[key],) for key in ("avery", "casey", "erin"))
    personnel.deactivate_person(shop.ids["casey"], **by(shop, "iris"))
    refused = personnel.duties(**terms, needs=personnel.DutyNeeds(cui=True)).decision
    assert refused.codes == ("duties.no_cui_owner",)


def test_the_ledger_verifies_after_all_this(shop: Shop, clock: StillClock) -> None:
    make_approver(shop, clock)
    name_deputy(shop, clock, Role.ESCORT, "erin")
    personnel.deactivate_person(shop.ids["quinn"], **by(shop, "iris"))
    assert evidence.verify_ledger().problems == []


# --- an assessor is a guest


def test_an_assessors_role_ends_by_itself(shop: Shop, clock: StillClock) -> None:
    robin = shop.add("Robin")
    until = clock.now() + timedelta(days=30)
    personnel.grant_role(robin, Role.ASSESSOR, valid_until=until, **by(shop, "iris"))
    assert robin in personnel.holders(Role.ASSESSOR, until - timedelta(seconds=1))
    assert robin not in personnel.holders(Role.ASSESSOR, until)
    assert personnel.roles_of(robin, until) == frozenset()


def test_no_other_role_ends_by_date_and_no_end_lies_in_the_past(shop: Shop, clock: StillClock) -> None:
    pat, later = shop.add("Pat"), clock.now() + timedelta(days=30)
    for role in (Role.TECHNICIAN, Role.APPROVER):
        assert codes_of(personnel.grant_role, pat, role, valid_until=later, **by(shop, "iris")) == ("role.dated",)
    past = clock.now() - timedelta(days=1)
    asked = codes_of(personnel.grant_role, pat, Role.ASSESSOR, valid_until=past, **by(shop, "iris"))
    assert asked == ("role.end_past",)
