"""Whatever people do with roles, in any order: nobody decides whom two other people did not make decide."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from tests.cast import AVERY, CASEY, IRIS, MAX
from tests.clock import StillClock
from tests.shop import Shop, found_shop

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.watch import forget
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import GUARDED_ROLES, Role

ACTORS = ("iris", "max", "avery", "casey", "pat", "zoe")
ROLES = st.sampled_from([Role.APPROVER, Role.CUI_OWNER, Role.IT_LEAD, Role.TECHNICIAN])
PEOPLE = st.sampled_from(ACTORS)


class RoleActs(RuleBasedStateMachine):
    """Six people who ask, confirm, revoke, stand in and leave while the clock moves."""

    def __init__(self) -> None:
        super().__init__()
        # Each run of the machine is undone; an act may own a durable transaction only inside a test's own block.
        self.undone = transaction.atomic()
        self.undone._from_testcase = True
        self.undone.__enter__()
        self.clock = StillClock()
        self.shop: Shop = found_shop(self.clock, (IRIS, MAX, AVERY, CASEY))
        self.shop.add("Pat")
        self.shop.add("Zoe")

    def teardown(self) -> None:
        self.check()
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)
        forget()

    def by(self, key: str) -> dict:
        return {"actor": self.shop.actor(key), "clock": self.clock}

    def attempt(self, verb, *args, **kwargs) -> None:
        with suppress(Refused):
            verb(*args, **kwargs)

    @initialize(asks=PEOPLE, confirms=PEOPLE, role=ROLES)
    def pat_is_to_decide(self, asks: str, confirms: str, role: Role) -> None:
        self.attempt(personnel.grant_role, self.shop.ids["pat"], role, **self.by(asks))
        self.attempt(personnel.grant_role, self.shop.ids["pat"], role, **self.by("iris"))
        self.confirm_what_waits(confirms)
        self.wait(25)

    @rule(asks=PEOPLE, who=PEOPLE, role=ROLES)
    def ask(self, asks: str, who: str, role: Role) -> None:
        self.attempt(personnel.grant_role, self.shop.ids[who], role, **self.by(asks))

    @rule(who=st.sampled_from(["max", "pat", "zoe"]), role=st.sampled_from(sorted(GUARDED_ROLES)))
    def the_lead_asks(self, who: str, role: Role) -> None:
        self.attempt(personnel.grant_role, self.shop.ids[who], role, **self.by("iris"))

    @rule(confirms=PEOPLE)
    def confirm_what_waits(self, confirms: str) -> None:
        for grant in personnel.role_grants():
            self.attempt(personnel.confirm_role, grant.id, **self.by(confirms))

    @rule(revokes=PEOPLE, number=st.integers(0, 20))
    def revoke(self, revokes: str, number: int) -> None:
        grants = personnel.role_grants()
        self.attempt(personnel.revoke_role, grants[number % len(grants)].id, **self.by(revokes))

    @rule(names=PEOPLE, principal=PEOPLE, deputy=PEOPLE, role=ROLES, days=st.integers(-1, 3))
    def stand_in(self, names: str, principal: str, deputy: str, role: Role, days: int) -> None:
        start = self.clock.now() + timedelta(days=days)
        self.attempt(
            personnel.name_deputy, self.shop.ids[principal], self.shop.ids[deputy], role, start,
            start + timedelta(days=2), **self.by(names))

    @rule(who=st.sampled_from(["max", "pat", "zoe", "casey"]))
    def leave(self, who: str) -> None:
        self.attempt(personnel.deactivate_person, self.shop.ids[who], **self.by("iris"))

    @rule(hours=st.sampled_from([1, 23, 25]))
    def wait(self, hours: int) -> None:
        self.clock.advance(hours=hours)
        self.check()

    def check(self) -> None:
        self.two_other_people_made_everybody_who_decides()
        self.nobody_who_left_holds_anything()
        self.every_grant_is_what_the_ledger_says()

    def counting(self) -> Iterator[tuple[str, Role]]:
        for key in ACTORS:
            for role in personnel.roles_of(self.shop.ids[key], self.clock.now()) & GUARDED_ROLES:
                yield self.shop.ids[key], role

    def two_other_people_made_everybody_who_decides(self) -> None:
        founding = {(grant.person_id, grant.role) for grant in personnel.role_grants() if grant.founding}
        told = list(evidence.entries(events=["role.granted"]))
        for person, role in self.counting():
            if (person, role) in founding:
                continue
            made = [e.data for e in told if (e.data["person"], e.data["role"]) == (person, role)]
            assert any(
                data["requested_by"] and data["confirmed_by"]
                and len({data["requested_by"], data["confirmed_by"], person}) == 3
                and data["effective_at"] <= self.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
                for data in made
            ), (person, role, made)

    def nobody_who_left_holds_anything(self) -> None:
        for view in personnel.people():
            assert view.active or not personnel.roles_of(view.id, self.clock.now())

    def every_grant_is_what_the_ledger_says(self) -> None:
        assert all(grant.sealed for grant in personnel.role_grants())


@pytest.mark.slow
@pytest.mark.django_db
def test_any_sequence_of_role_acts() -> None:
    run_state_machine_as_test(RoleActs, settings=settings(
        max_examples=15, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)))
