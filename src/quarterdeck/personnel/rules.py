"""Pure decisions about people: who may grant what, with which second person, and who may maintain what.

Serves 3.7.2[d] (personnel are controlled), 3.1.4 (separate duties), 3.5.3 (second factor). Knows no database.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.decision import ALLOWED, Decision, all_of, refuse, require_that
from quarterdeck.personnel.terms import COOL_DOWN, DECIDING_ROLES, GUARDED_ROLES, GrantState, Role


class PersonnelAct(StrEnum):
    """Every act of this app that a person asks for."""

    ADD_PERSON = "add_person"
    DEACTIVATE_PERSON = "deactivate_person"
    ISSUE_ENROLMENT = "issue_enrolment"
    REQUEST_ROLE = "request_role"
    CONFIRM_ROLE = "confirm_role"
    REVOKE_ROLE = "revoke_role"
    NAME_DEPUTY = "name_deputy"
    AUTHORISE = "authorise"
    WITHDRAW_AUTHORISATION = "withdraw_authorisation"
    ADD_AGREEMENT = "add_agreement"
    END_AGREEMENT = "end_agreement"
    CHANGE_POOL = "change_pool"
    REGISTER_KEY = "register_key"
    REQUEST_CHANGE = "request_change"
    CONFIRM_CHANGE = "confirm_change"
    CANCEL_CHANGE = "cancel_change"
    CHANGE_PASSWORD = "change_password"  # noqa: S105  the name of an act


_LEAD = frozenset({Role.IT_LEAD})
_SECOND = DECIDING_ROLES | _LEAD
PERMITTED: Mapping[PersonnelAct, frozenset[Role]] = {
    PersonnelAct.ADD_PERSON: _LEAD,
    PersonnelAct.DEACTIVATE_PERSON: _LEAD,
    PersonnelAct.ISSUE_ENROLMENT: _LEAD,
    PersonnelAct.REQUEST_ROLE: _SECOND,
    PersonnelAct.CONFIRM_ROLE: _SECOND,
    PersonnelAct.REVOKE_ROLE: _LEAD,
    PersonnelAct.NAME_DEPUTY: _LEAD,
    PersonnelAct.AUTHORISE: _LEAD,
    PersonnelAct.WITHDRAW_AUTHORISATION: _LEAD,
    PersonnelAct.ADD_AGREEMENT: _LEAD,
    PersonnelAct.END_AGREEMENT: _LEAD,
    PersonnelAct.CHANGE_POOL: _LEAD,
    PersonnelAct.REGISTER_KEY: frozenset(),
    PersonnelAct.REQUEST_CHANGE: _SECOND,
    PersonnelAct.CONFIRM_CHANGE: _SECOND,
    PersonnelAct.CANCEL_CHANGE: _SECOND,
    PersonnelAct.CHANGE_PASSWORD: frozenset(),
}
OWN_ACTS = frozenset(
    {
        PersonnelAct.REVOKE_ROLE,
        PersonnelAct.NAME_DEPUTY,
        PersonnelAct.REGISTER_KEY,
        PersonnelAct.CANCEL_CHANGE,
        PersonnelAct.CHANGE_PASSWORD,
    }
)
TOKEN = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)


def may_act(act: PersonnelAct, actor: Actor, roles: frozenset[Role], *, own: bool, at: datetime) -> Decision:
    """Return whether this actor may do this act at all; `own` says that it concerns the actor's own record."""
    if not actor.is_person:
        return refuse(
            "actor.not_a_person",
            "Only a person with an own login may do this; the server's operator and its processes can't.",
            "Log in with `qd login` or on the web and do it there.",
        )
    permitted = bool(roles & PERMITTED[act]) or (own and act in OWN_ACTS)
    needed = " or ".join(sorted(role.replace("_", " ") for role in PERMITTED[act])) or "person concerned"
    return all_of(
        (
            require_that(permitted, "role.missing", "Your roles don't cover this act.", f"Ask the {needed} to do it."),
            require_that(
                actor.stepped_up(at), "step_up.needed", "Your last second factor is older than ten minutes.",
                "Enter a fresh code from your authenticator app, then try again.",
            ),
        )
    )


def may_request_role(
    role: Role, *, requester: str, requester_roles: frozenset[Role], beneficiary: str, held: frozenset[Role],
    leads: frozenset[str],
) -> Decision:
    """Return whether the requester may ask for this role; `leads` are the people who are IT lead now."""
    leaderless = role is Role.IT_LEAD and not (leads - {beneficiary})
    entitled = Role.IT_LEAD in requester_roles or (leaderless and bool(requester_roles & DECIDING_ROLES))
    return all_of(
        (
            require_that(entitled, "role.request_not_yours", "Only the IT lead asks for roles.",
                         "Ask the IT lead; where there is none, an approver or CUI owner may ask for a new IT lead."),
            require_that(role not in GUARDED_ROLES or requester != beneficiary, "role.own_benefit",
                         "Nobody asks for this role for themselves.", "Have another IT lead or an approver ask."),
            require_that(role not in held, "role.held", "The person holds this role or it is asked for already.",
                         "Confirm or revoke the open request."),
            _assessor_stays_apart(role, held),
        )
    )


def may_end(role: Role, valid_until: datetime | None, at: datetime) -> Decision:
    """Return whether a role may be granted up to this moment: an assessor's may, ahead of now; others are revoked."""
    return all_of(
        (
            require_that(valid_until is None or role is Role.ASSESSOR, "role.dated",
                         "Only an assessor's role ends by itself.", "Grant it without an end, and revoke it in time."),
            require_that(valid_until is None or valid_until > at, "role.end_past", "The end lies in the past.",
                         "Give an end that is ahead."),
        )
    )


def _assessor_stays_apart(role: Role, held: frozenset[Role]) -> Decision:
    mixed = (role is Role.ASSESSOR and held) or (role is not Role.ASSESSOR and Role.ASSESSOR in held)
    return require_that(
        not mixed, "role.assessor_apart", "An assessor reads only and holds no other role.",
        "Revoke the other role first, or add another person as assessor.",
    )


def may_confirm(
    *, confirmer: str, confirmer_roles: frozenset[Role], requested_by: str, beneficiary: str,
    deciders: frozenset[str],
) -> Decision:
    """Return whether this is the second person of a two-person act; `deciders` hold approver or CUI owner now.

    An IT lead is the second person only where no other decider is left (attacks.md row 2).
    """
    others = deciders - {beneficiary, requested_by}
    entitled = bool(confirmer_roles & DECIDING_ROLES) or (Role.IT_LEAD in confirmer_roles and not others)
    return all_of(
        (
            require_that(confirmer != requested_by, "two_people.same_person",
                         "The person who asked can't confirm.", "Have an approver or CUI owner confirm."),
            require_that(confirmer != beneficiary, "two_people.own_benefit",
                         "The person concerned can't confirm.", "Have another approver or CUI owner confirm."),
            require_that(entitled, "two_people.not_entitled", "Only an approver or CUI owner confirms this.",
                         "Ask an approver or CUI owner; another IT lead may confirm only where there is none left."),
        )
    )


def is_awaiting(state: GrantState, *, revoked: bool) -> Decision:
    """Return whether a role request still waits for its second person."""
    return require_that(state is GrantState.PENDING and not revoked, "role.not_pending",
                        "This request doesn't wait for a confirmation.", "Look at the person's roles for its state.")


def takes_effect_at(role: Role, confirmed_at: datetime) -> datetime:
    """Return when a role counts: guarded roles a day after the second person, so that those told can object."""
    return confirmed_at + COOL_DOWN if role in GUARDED_ROLES else confirmed_at


def may_name_deputy(
    role: Role, *, principal: str, deputy: str, named_by: str, principal_roles: frozenset[Role],
    held: frozenset[Role], valid_from: datetime, valid_until: datetime, at: datetime,
) -> Decision:
    """Return whether this deputyship may be asked for; deputies are dated and stand in for a holder of the role."""
    return all_of(
        (
            require_that(role in principal_roles, "deputy.principal_without_role",
                         "The person to stand in for doesn't hold this role.", "Choose a role that the person holds."),
            require_that(principal != deputy, "deputy.same_person", "Nobody is their own deputy.",
                         "Name another person."),
            require_that(role not in GUARDED_ROLES or named_by != deputy, "role.own_benefit",
                         "Nobody asks for this role for themselves.", "Have the person you stand in for name you."),
            require_that(at < valid_until and valid_from < valid_until, "deputy.dates",
                         "A deputyship needs a beginning and a later end in the future.", "Correct the dates."),
            _assessor_stays_apart(role, held),
        )
    )


@dataclass(frozen=True, slots=True)
class AgreedHours:
    """Hours in which an agreement lets its people work: days 0 (Monday) to 6, minutes of the local day."""

    days: frozenset[int]
    from_minute: int
    until_minute: int

    def contains(self, local: datetime) -> bool:
        """True when this local moment lies inside; hours may run over midnight into the next day."""
        minute = local.hour * 60 + local.minute
        if self.from_minute <= self.until_minute:
            return local.weekday() in self.days and self.from_minute <= minute < self.until_minute
        yesterday = (local.weekday() - 1) % 7
        late = local.weekday() in self.days and minute >= self.from_minute
        return late or (yesterday in self.days and minute < self.until_minute)


@dataclass(frozen=True, slots=True)
class AgreementTerms:
    """What an agreement permits, as `may_maintain` reads it; `local` is the asked moment in its time zone."""

    actions: frozenset[str]
    methods: frozenset[str]
    hours: tuple[AgreedHours, ...]
    local: datetime
    in_date: bool


@dataclass(frozen=True, slots=True)
class AuthorisationTerms:
    """One standing authorisation as `may_maintain` reads it."""

    covers_asset: bool
    actions: frozenset[str]
    in_date: bool
    agreement: AgreementTerms | None


@dataclass(frozen=True, slots=True)
class Maintainer:
    """The person as `may_maintain` reads it."""

    name: str
    active: bool
    has_account: bool
    mfa_enrolled: bool
    is_vendor: bool


def may_maintain(
    person: Maintainer, authorisations: Iterable[AuthorisationTerms], *, action: str, method: str
) -> Decision:
    """Return whether the person may do this action by this method; reasons of the nearest authorisation otherwise."""
    tried = [_permits(person, terms, action=action, method=method) for terms in authorisations]
    nearest = min(tried, key=lambda decision: len(decision.reasons), default=None)
    return all_of(
        (
            require_that(person.active, "person.inactive", f"{person.name} is deactivated.", "Name somebody else."),
            require_that(person.has_account, "person.no_account", f"{person.name} has no personal login.",
                         "Have the IT lead issue an enrolment code; shared logins are not allowed."),
            require_that(person.mfa_enrolled, "person.no_mfa", f"{person.name} has no second factor enrolled.",
                         "The person redeems the enrolment code and scans the secret."),
            nearest if nearest is not None else refuse(
                "authorisation.none", f"{person.name} has no authorisation to maintain.",
                "Have the IT lead grant one under People & vendors.",
            ),
        )
    )


def _permits(person: Maintainer, terms: AuthorisationTerms, *, action: str, method: str) -> Decision:
    return all_of(
        (
            require_that(terms.in_date, "authorisation.out_of_date",
                         f"The authorisation of {person.name} is not in date.", "Have the IT lead renew it."),
            require_that(terms.covers_asset, "authorisation.scope",
                         f"The authorisation of {person.name} doesn't reach this asset.",
                         "Have the IT lead widen its scope or name somebody else."),
            require_that(_covers(terms.actions, action), "authorisation.action",
                         f"The authorisation of {person.name} doesn't permit the action {action!r}.",
                         "Have the IT lead add the action or name somebody else."),
            _under_agreement(person, terms.agreement, action=action, method=method),
        )
    )


def _under_agreement(person: Maintainer, terms: AgreementTerms | None, *, action: str, method: str) -> Decision:
    if terms is None:
        return require_that(not person.is_vendor, "agreement.none", f"{person.name} of a vendor has no agreement.",
                            "Add the vendor's agreement and grant the authorisation under it.")
    return agreement_permits(terms, action=action, method=method)


def agreement_permits(terms: AgreementTerms, *, action: str, method: str) -> Decision:
    """Return whether the agreement is in date and permits this action and method at the asked moment."""
    in_hours = not terms.hours or any(hours.contains(terms.local) for hours in terms.hours)
    return all_of(
        (
            require_that(terms.in_date, "agreement.out_of_date", "The vendor's agreement is not in date.",
                         "Add the renewed agreement."),
            require_that(_covers(terms.actions, action), "agreement.action",
                         f"The vendor's agreement doesn't permit the action {action!r}.",
                         "Change the agreement or do other work."),
            require_that(_covers(terms.methods, method), "agreement.method",
                         f"The vendor's agreement doesn't permit the method {method!r}.", "Use a permitted method."),
            require_that(in_hours, "agreement.hours", "This moment is outside the hours that the agreement permits.",
                         "Plan the work inside the agreed hours."),
        )
    )


def _covers(permitted: frozenset[str], asked: str) -> bool:
    return "any" in permitted or asked in permitted


def well_formed_tokens(tokens: Iterable[str], *, what: str) -> Decision:
    """Return whether these are plain lower-case words, as actions and methods are written."""
    odd = sorted(token for token in tokens if not TOKEN.fullmatch(token))
    return ALLOWED if not odd else refuse(
        "word.malformed", f"{odd[0][:40]!r} is no {what}.",
        "Use lower-case letters, digits, - and _, for example patch or ssh; `any` permits all.",
    )
