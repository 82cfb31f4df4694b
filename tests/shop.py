"""The cast as rows: the founding roster entered by the operator, logins enrolled the way people do it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from tests.cast import CAST, Member
from tests.clock import StillClock

from quarterdeck.config.api import load
from quarterdeck.kernel.actors import OPERATOR, Actor, ActorKind
from quarterdeck.kernel.clock import Clock
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.totp import code_of, counter_at

FAST_HASHER = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@dataclass
class Shop:
    """Ids, codes and secrets of the founded people, by their key in the cast."""

    clock: Clock
    ids: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    recovery: dict[str, tuple[str, ...]] = field(default_factory=dict)
    last_step: dict[str, int] = field(default_factory=dict)

    def actor(self, key: str) -> Actor:
        """The person, with a second factor shown just now."""
        now = self.clock.now()
        return Actor(self.ids[key], ActorKind.PERSON, "mfa", now)

    def stale(self, key: str) -> Actor:
        """The person, whose last second factor is eleven minutes old."""
        return Actor(self.ids[key], ActorKind.PERSON, "token", self.clock.now() - timedelta(minutes=11))

    def enrol(self, *keys: str) -> None:
        """Redeem the codes of these people: own password, own second factor."""
        for key in keys:
            secret = personnel.enrol(self.codes[key], password_of(key), clock=self.clock).secret
            self.secrets[key] = secret
            step = counter_at(self.clock.now())
            enrolled = personnel.confirm_enrolment(self.codes[key], code_of(secret, step), clock=self.clock)
            self.recovery[key] = enrolled.recovery_codes
            self.last_step[key] = step

    def totp(self, key: str) -> str:
        """The next code of the person's app that was not used yet; three logins fit into one half minute."""
        step = max(self.last_step.get(key, 0) + 1, counter_at(self.clock.now()) - 1)
        self.last_step[key] = step
        return code_of(self.secrets[key], step)

    def add(self, name: str, *, kind: personnel.PersonKind = personnel.PersonKind.STAFF, organisation: str = "") -> str:
        """Iris adds a person without roles; returns the id, which `ids` then knows under the lower-case name."""
        view = personnel.add_person(
            name, f"{name.lower()}@example.test", actor=self.actor("iris"), clock=self.clock, kind=kind,
            organisation=organisation,
        )
        self.ids[name.lower()] = view.id
        return view.id


def password_of(key: str) -> str:
    return f"{key} walks the quarterdeck"


def founding_member(member: Member) -> personnel.FoundingMember:
    return personnel.FoundingMember(
        member.name, member.email, frozenset(personnel.Role(role) for role in member.roles), member.organisation,
        personnel.PersonKind(member.kind),
    )


def found_shop(clock: StillClock | Clock, members: Iterable[Member] = CAST) -> Shop:
    """Enter the cast as the founding roster; nobody has a login yet (`Shop.enrol`)."""
    chosen = list(members)
    personnel.make_factor_key(load().factor_key_file)
    issued = personnel.found_roster([founding_member(member) for member in chosen], actor=OPERATOR, clock=clock)
    shop = Shop(clock)
    for member, code in zip(chosen, issued, strict=True):
        shop.ids[member.key], shop.codes[member.key] = code.person_id, code.code
    return shop
