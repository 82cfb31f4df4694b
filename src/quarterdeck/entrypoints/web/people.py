"""People: the list and the page of one person: roles, authorisations, login, and the acts that take two people."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck.entrypoints.web import lists, stepup, zones
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_forms import AuthoriseForm, DeputyForm, PersonForm, RoleForm
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.words import called
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import GrantState, IssuedCode, PersonKind, PersonView, Role, ScopeKind
from quarterdeck.workflows.offboard_person import offboard_person

SEES_ALL = (Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER, Role.ASSESSOR)


@page()
def people_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Everybody, with roles and second factor."""
    roles = {person.id: personnel.roles_of(person.id, seen.now) for person in personnel.people()}
    listing = lists.Listing[PersonView](
        name="people",
        noun="people",
        single="person",
        columns=[
            lists.Column("name", "Name", lambda row: lists.text(row.name, sub=row.email)),
            lists.Column("organisation", "Organisation", lambda row: lists.text(row.organisation, sub=row.kind.value)),
            lists.Column(
                "roles",
                "Roles",
                lambda row: lists.text(", ".join(sorted(called(role.value) for role in roles[row.id]))),
            ),
            lists.Column(
                "mfa", "Second factor", lambda row: lists.state("enrolled" if row.mfa_enrolled else "not_enrolled")
            ),
            lists.Column("state", "State", lambda row: lists.state("active" if row.active else "inactive")),
        ],
        row_url=lambda row: reverse("person", args=[row.id]),
        empty=lists.Empty("Nobody yet", "The first people are entered at the first run.", "users"),
        filters=[
            lists.Filter("role", "Role", lambda row: [role.value for role in roles[row.id]], called),
            lists.Filter("kind", "Of", lambda row: row.kind.value, called),
            lists.Filter("mfa", "Second factor", lambda row: "enrolled" if row.mfa_enrolled else "not_enrolled"),
            lists.Filter("state", "State", lambda row: "active" if row.active else "inactive"),
        ],
        row_id=lambda row: row.id,
        acts=[lists.Act("Deactivate", reverse("people_deactivate"), "user-off")] if seen.has(Role.IT_LEAD) else (),
        sort="name",
    )
    shown = lists.build(request, listing, personnel.people())
    if isinstance(shown, HttpResponse):
        return shown
    acts: list[dict[str, object]] = [
        {"url": reverse("vendors"), "icon": "building-store", "label": "Vendors", "key": "v"}
    ]
    if seen.has(Role.IT_LEAD):
        acts.append(
            {"url": reverse("person_add"), "icon": "user-plus", "label": "Add a person", "key": "n", "primary": True}
        )
    lead = "Who may ask, work, decide, escort and assess."
    return render(request, "list_page.html", {"list": shown, "title": "People & vendors", "lead": lead, "acts": acts})


@page()
def person_page(request: HttpRequest, seen: Visitor, person_id: str) -> HttpResponse:
    """One person."""
    person = personnel.person(person_id)
    names = Names()
    me = seen.person.id == person_id
    full = me or seen.has(*SEES_ALL)
    context: dict[str, Any] = {
        "person": person,
        "me": me,
        "full": full,
        "may_revoke": seen.has(Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER),
        "roles": sorted(called(role.value) for role in personnel.roles_of(person_id, seen.now)),
        "grants": [_grant(grant, seen, names) for grant in personnel.role_grants(person_id)] if full else [],
        "rights": [_right(right, seen, names) for right in personnel.authorisations(person_id)],
        "changes": [_change(change, seen, names) for change in personnel.changes(person_id)] if full else [],
        "key": personnel.key_of(person_id),
        "has_account": personnel.has_account(person_id),
        "is_lead": seen.has(Role.IT_LEAD),
        "may_ask": seen.has(Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER),
        "issued": _take_issued(request, person_id),
        "zone_name": zones.zone_of(request).key,
    }
    return render(request, "people/page.html", context)


def _grant(grant: personnel.RoleGrantView, seen: Visitor, names: Names) -> dict[str, Any]:
    waits = grant.state is GrantState.ACTIVE and grant.effective_at is not None and grant.effective_at > seen.now
    return {
        "id": grant.id,
        "role": grant.role.value,
        "state": "pending" if waits else grant.state.value,
        "word": f"Counts from {grant.effective_at:%d %b %H:%M} UTC" if waits and grant.effective_at else "",
        "founding": grant.founding,
        "deputy_for": names.person(grant.deputy_for) if grant.deputy_for else "",
        "by": names.person(grant.requested_by),
        "at": grant.requested_at,
        "confirmed": names.person(grant.confirmed_by) if grant.confirmed_by else "",
        "until": grant.valid_until,
        "may_confirm": grant.state is GrantState.PENDING
        and seen.person.id not in (grant.requested_by, grant.person_id),
        "may_revoke": grant.state is not GrantState.REVOKED and seen.has(Role.IT_LEAD),
        "sealed": grant.sealed,
    }


def _right(right: personnel.AuthorisationView, seen: Visitor, names: Names) -> dict[str, Any]:
    scope = "every asset"
    if right.scope_kind is ScopeKind.ASSETS:
        scope = ", ".join(names.asset(asset_id) for asset_id in right.scope_ids)
    elif right.scope_kind is ScopeKind.CATEGORIES:
        scope = ", ".join(called(category) for category in right.scope_ids)
    terms = personnel.agreement(right.agreement_id) if right.agreement_id else None
    return {
        "id": right.id,
        "actions": ", ".join(right.actions),
        "scope": scope,
        "from_": right.valid_from,
        "until": right.valid_until,
        "state": "active" if right.in_date(seen.now) else "revoked" if right.withdrawn_at else "inactive",
        "word": "" if right.in_date(seen.now) or right.withdrawn_at else "Out of date",
        "escort": not right.access_authorised,
        "competence": right.competence,
        "agreement": f"{terms.vendor}, {terms.number}" if terms else "",
        "pool": personnel.pool(right.pool_id).name if right.pool_id else "",
        "may_withdraw": right.withdrawn_at is None and seen.has(Role.IT_LEAD),
    }


def _change(change: personnel.ChangeView, seen: Visitor, names: Names) -> dict[str, Any]:
    open_ = change.state in ("pending", "confirmed")
    return {
        "id": change.id,
        "kind": change.kind.value,
        "state": change.state.value,
        "by": names.person(change.requested_by),
        "at": change.requested_at,
        "confirmed": names.person(change.confirmed_by) if change.confirmed_by else "",
        "effective": change.effective_at,
        "may_confirm": change.state == "pending" and seen.person.id not in (change.requested_by, change.subject_id),
        "may_cancel": open_,
    }


def _may_go_on(request: HttpRequest, seen: Visitor, form: forms.Form) -> bool:
    """True when the form is right and the second factor fresh: every act of these forms wants both."""
    return request.method == "POST" and form.is_valid() and seen.stepped_up


def _form_page(
    request: HttpRequest, seen: Visitor, form: forms.Form, heading: str, lead: str, button: str, **more: object
) -> HttpResponse:
    code = stepup.code_form(request, seen)
    context = {"form": form, "heading": heading, "lead": lead, "button": button, "code_form": code}
    return render(request, "people/form.html", context | more)


@page(Role.IT_LEAD)
def person_add(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Add a person; the enrolment code is shown once."""
    form = PersonForm(posted(request))
    refused = None
    if _may_go_on(request, seen, form):
        said = form.cleaned_data
        try:
            made = personnel.add_person(
                said["name"], said["email"], organisation=said["organisation"], kind=PersonKind(said["kind"]),
                actor=seen.actor, clock=CLOCK,
            )  # fmt: skip
            _keep_issued(request, personnel.issue_enrolment(made.id, actor=seen.actor, clock=CLOCK))
            messages.success(request, f"{made.name} is added. Hand over the code below; then grant a role.")
            return redirect("person", made.id)
        except Refused as error:
            refused = error.decision
    lead = "They get no rights by being added: a login needs the code, work needs a role and an authorisation."
    return _form_page(request, seen, form, "Add a person", lead, "Add", refused=refused)


def _keep_issued(request: HttpRequest, issued: IssuedCode | None) -> None:
    """Keep a code for the one time that it is shown."""
    if issued is not None:
        request.session["issued"] = [
            issued.person_id,
            issued.code,
            issued.valid_from.isoformat(),
            issued.expires_at.isoformat(),
        ]


def _take_issued(request: HttpRequest, person_id: str) -> dict[str, str] | None:
    kept = request.session.get("issued")
    if not kept or kept[0] != person_id:
        return None
    del request.session["issued"]
    return {"code": kept[1], "from_": kept[2], "until": kept[3]}


@page(Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER)
def role_grant(request: HttpRequest, seen: Visitor, person_id: str) -> HttpResponse:
    """Grant a role, or ask for a guarded one."""
    person = personnel.person(person_id)
    form = RoleForm(posted(request), zone=zones.zone_of(request), now=seen.now)
    refused = None
    if _may_go_on(request, seen, form):
        try:
            made = personnel.grant_role(
                person_id, Role(form.cleaned_data["role"]), actor=seen.actor, clock=CLOCK,
                valid_until=form.cleaned_data["valid_until"],
            )  # fmt: skip
            waits = made.state is GrantState.PENDING
            messages.success(
                request, "A second person confirms it; it counts a day later. Both are told." if waits else "Granted."
            )
            return redirect("person", person_id)
        except Refused as error:
            refused = error.decision
    lead = "Approver, CUI owner and IT lead take a second person and a day; the others count at once."
    return _form_page(request, seen, form, f"A role for {person.name}", lead, "Grant", refused=refused, person=person)


@page(Role.IT_LEAD)
def deputy_name(request: HttpRequest, seen: Visitor, person_id: str) -> HttpResponse:
    """Name a deputy for a person's role between two dates."""
    person = personnel.person(person_id)
    form = DeputyForm(posted(request), zone=zones.zone_of(request), now=seen.now, principal=person_id)
    refused = None
    if _may_go_on(request, seen, form):
        said = form.cleaned_data
        try:
            personnel.name_deputy(
                person_id, said["deputy"], Role(said["role"]), said["valid_from"], said["valid_until"],
                actor=seen.actor, clock=CLOCK,
            )  # fmt: skip
            messages.success(request, "Named. A guarded role waits for a second person.")
            return redirect("person", said["deputy"])
        except Refused as error:
            refused = error.decision
    return _form_page(
        request,
        seen,
        form,
        f"A deputy for {person.name}",
        "Dated, and listed in every package.",
        "Name",
        refused=refused,
        person=person,
    )


@page(Role.IT_LEAD)
def authorise(request: HttpRequest, seen: Visitor, person_id: str) -> HttpResponse:
    """Authorise a person to maintain."""
    person = personnel.person(person_id)
    form = AuthoriseForm(posted(request), zone=zones.zone_of(request), now=seen.now, initial={"valid_from": "now"})
    refused = None
    if _may_go_on(request, seen, form):
        said = form.cleaned_data
        try:
            personnel.authorise(
                person_id, actions=said["actions"], valid_from=said["valid_from"], valid_until=said["valid_until"],
                scope_kind=ScopeKind(said["scope"]), scope_ids=form.scope_ids(), agreement_id=said["agreement"],
                competence=said["competence"], access_authorised=said["access_authorised"],
                actor=seen.actor, clock=CLOCK,
            )  # fmt: skip
            messages.success(request, f"{person.name} is authorised.")
            return redirect("person", person_id)
        except Refused as error:
            refused = error.decision
    lead = "What, which assets, until when. A ticket is still needed for each piece of work."
    heading = f"Authorise {person.name}"
    return _form_page(request, seen, form, heading, lead, "Authorise", refused=refused, person=person)


@page(Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER, Role.ESCORT, Role.TECHNICIAN, Role.REQUESTER)
@require_POST
def person_act(request: HttpRequest, seen: Visitor, person_id: str) -> HttpResponse:
    """One press: confirm, revoke, withdraw, reset, cancel, issue a code, deactivate."""
    target, do = request.POST.get("target", ""), request.POST.get("do", "")
    actor = seen.actor
    if do == "confirm_role":
        personnel.confirm_role(target, actor=actor, clock=CLOCK)
    elif do == "revoke_role":
        personnel.revoke_role(target, actor=actor, clock=CLOCK)
    elif do == "withdraw":
        personnel.withdraw_authorisation(target, actor=actor, clock=CLOCK)
    else:
        _login_act(request, seen, person_id, do, target)
    messages.success(request, "Done and recorded.")
    return redirect("person", person_id)


def _login_act(request: HttpRequest, seen: Visitor, person_id: str, do: str, target: str) -> None:
    actor = seen.actor
    if do == "reset_factor":
        _keep_issued(request, personnel.request_factor_reset(person_id, actor=actor, clock=CLOCK)[1])
    elif do == "confirm_reset":
        _keep_issued(request, personnel.confirm_factor_reset(target, actor=actor, clock=CLOCK)[1])
    elif do == "confirm_email":
        personnel.confirm_email_change(target, actor=actor, clock=CLOCK)
    elif do == "cancel_change":
        personnel.cancel_change(target, actor=actor, clock=CLOCK)
    elif do == "issue_code":
        _keep_issued(request, personnel.issue_enrolment(person_id, actor=actor, clock=CLOCK))
    elif do == "deactivate":
        offboard_person(actor, CLOCK, person_id)
