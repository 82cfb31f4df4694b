"""People, roles, authorisations, agreements, logins: the only module of this app that others import.

Verbs take `actor` and `clock`, open one act each, record their entry and raise Refused with every reason. What grants
something is answered from rows that the ledger vouches for. Serves 3.7.2[d], 3.7.6, 3.5.3, 3.1.4.
"""

from quarterdeck.personnel.authorisations import (
    agreement_covers,
    authorisation,
    authorisations,
    authorise,
    may_maintain,
    withdraw_authorisation,
)
from quarterdeck.personnel.changes import (
    apply_due_changes,
    cancel_change,
    change_email,
    confirm_email_change,
    confirm_factor_reset,
    request_factor_reset,
)
from quarterdeck.personnel.enrolment import confirm_enrolment, enrol, issue_enrolment, revoke_tokens
from quarterdeck.personnel.factor_secrets import make_factor_key
from quarterdeck.personnel.keys import register_key
from quarterdeck.personnel.notices import mark_notice_sent, notices_for, unsent_notices
from quarterdeck.personnel.people import (
    add_person,
    deactivate_person,
    deactivate_person_in,
    found_roster,
    renew_founding_codes,
)
from quarterdeck.personnel.reading import (
    changes,
    duties,
    find_by_email,
    has_account,
    has_second_factor,
    holders,
    is_standing,
    key_of,
    people,
    person,
    role_grants,
    roles_of,
    roster,
    stands_in,
)
from quarterdeck.personnel.roles import confirm_role, grant_role, name_deputy, revoke_role
from quarterdeck.personnel.second_factor import renew_recovery_codes
from quarterdeck.personnel.separation import (
    Assignment,
    DutyNeeds,
    DutyPlan,
    Member,
    duties_are_separate,
    duties_satisfiable,
    may_decide,
)
from quarterdeck.personnel.terms import (
    COOL_DOWN,
    DECIDING_ROLES,
    GUARDED_ROLES,
    AgreedHoursView,
    AgreementView,
    AuthorisationView,
    ChangeKind,
    ChangeState,
    ChangeView,
    Enrolled,
    FoundingMember,
    GrantState,
    Identity,
    IssuedCode,
    KeyView,
    NoticeView,
    PersonKind,
    PersonView,
    PoolView,
    Provisioning,
    Role,
    RoleGrantView,
    ScopeKind,
    TokenView,
)
from quarterdeck.personnel.tokens import (
    actor_for_token,
    change_password,
    identify,
    issue_token,
    revoke_token,
    step_up,
    tokens_of,
)
from quarterdeck.personnel.vendors import (
    add_agreement,
    add_pool,
    agreement,
    agreements,
    change_pool,
    end_agreement,
    pool,
    pools,
)
from quarterdeck.personnel.web_login import CODE_NOT_ACCEPTED, actor_for_request, step_up_session

__all__ = [
    "CODE_NOT_ACCEPTED",
    "COOL_DOWN", "DECIDING_ROLES", "GUARDED_ROLES", "AgreedHoursView", "AgreementView", "Assignment",
    "AuthorisationView", "ChangeKind", "ChangeState", "ChangeView", "DutyNeeds", "DutyPlan", "Enrolled",
    "FoundingMember", "GrantState", "Identity", "IssuedCode", "KeyView", "Member", "NoticeView", "PersonKind",
    "PersonView", "PoolView", "Provisioning", "Role", "RoleGrantView", "ScopeKind", "TokenView", "actor_for_request",
    "actor_for_token", "add_agreement", "add_person", "add_pool", "agreement", "agreement_covers", "agreements",
    "apply_due_changes", "authorisation", "authorisations", "authorise", "cancel_change", "change_email",
    "change_password", "change_pool", "changes", "confirm_email_change", "confirm_enrolment", "confirm_factor_reset",
    "confirm_role", "deactivate_person", "deactivate_person_in", "duties", "duties_are_separate",
    "duties_satisfiable", "end_agreement", "enrol", "find_by_email", "found_roster", "grant_role", "has_account",
    "has_second_factor", "holders", "identify", "is_standing", "issue_enrolment", "issue_token", "key_of",
    "make_factor_key", "mark_notice_sent", "may_decide", "may_maintain", "name_deputy", "notices_for", "people",
    "person", "pool", "pools", "register_key", "renew_founding_codes", "renew_recovery_codes", "request_factor_reset",
    "revoke_role", "revoke_token", "revoke_tokens", "role_grants", "roles_of", "roster", "stands_in", "step_up",
    "step_up_session", "tokens_of", "unsent_notices", "withdraw_authorisation",
]  # fmt: skip
