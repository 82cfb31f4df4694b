"""Building the picture that the hold points judge, and judging it; facts come checked against their sealed entries."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.db.models.functions import Coalesce

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import JsonValue
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.decision import ALLOWED, Decision, Refused, all_of, refuse, require_that
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets.hold_points import (
    HOLD_POINTS,
    AssetPicture,
    HoldPoint,
    PersonPicture,
    Picture,
    newest_fact,
)
from quarterdeck.tickets.models import MaintenanceTicket
from quarterdeck.tickets.policies import Policy, policy, policy_when_opened
from quarterdeck.tickets.policy import PolicyRow, deferred_by_emergency
from quarterdeck.tickets.rows import view
from quarterdeck.tickets.sealing import sealed_approvals, sealed_waivers
from quarterdeck.tickets.snapshot import content_hash, snapshot
from quarterdeck.tickets.terms import (
    Before,
    Duty,
    HoldPointView,
    HoldState,
    State,
    TicketView,
)
from quarterdeck.tools import api as tools

LIVE_STATES = (State.SUBMITTED, State.APPROVED, State.SCHEDULED, State.OPEN, State.VERIFYING)
ENDED_STATES = tuple(state for state in State if state not in (State.DRAFT, *LIVE_STATES))


def picture_of(row: MaintenanceTicket, at: datetime, in_force: Policy | None = None) -> Picture:
    """Return everything about the ticket that a rule may ask at the moment `at`."""
    ticket = sealed_view(row)
    assets = tuple(_asset(named.asset_id, named.connection_id) for named in ticket.assets)
    technicians = tuple(_person(ticket, assets, person_id, at) for person_id in ticket.technicians)
    pool = tuple(_person(ticket, assets, person_id, at) for person_id in sorted(pool_members(ticket)))
    facts = tuple(evidence.facts(ticket=ticket.number)) + tuple(
        fact for asset in assets for fact in evidence.facts(asset=asset.id) if fact.ticket is None
    )
    notice = newest_fact(facts, "notice.given", "")
    content_now = content_hash(snapshot(row))
    return Picture(
        ticket=ticket,
        at=at,
        content_now=content_now,
        assets=assets,
        technicians=technicians,
        escort=_escort(ticket, at),
        duties=_duties(ticket, assets, (*technicians, *pool), at, in_force or policy()),
        agreement=agreement_covers(ticket, ticket.window),
        items=all_of(tools.usable(item_id, at) for item_id in ticket.content.items),
        conflicts=conflicts(row, ticket),
        facts=facts,
        notice_at=None if notice is None else notice.at,
        pool=pool,
        waived=sealed_waivers(row, content_now),
        working_since=_working_since(ticket),
    )


def _working_since(ticket: TicketView) -> datetime | None:
    """Return when the ticket was opened or last reopened."""
    if ticket.opened_at is None:
        return None
    opened = evidence.last_entry(["ticket.opened", "ticket.reopened"], ticket=ticket.number)
    return ticket.opened_at if opened is None else opened.at


def sealed_view(row: MaintenanceTicket) -> TicketView:
    """Return the ticket's view without approvals that no sealed entry carries."""
    ticket = view(row)
    sealed = sealed_approvals(row)
    if len(sealed) == len(ticket.approvals):
        return ticket
    return replace(ticket, approvals=tuple(a for a in ticket.approvals if a.id in sealed))


def _asset(asset_id: str, connection_id: str) -> AssetPicture:
    asset = inventory.asset(asset_id)
    return AssetPicture(
        asset.id,
        asset.hostname,
        asset.handles_cui,
        str(asset.category),
        asset.owner,
        str(asset.asset_kind),
        asset.active,
        bool(connection_id),
        any(one.target_account for one in asset.connections if one.id == connection_id),
    )


def _person(ticket: TicketView, assets: Sequence[AssetPicture], person_id: str, at: datetime) -> PersonPicture:
    person = personnel.person(person_id)
    standing: list[Decision] = []
    supervised = False
    for asset in assets:
        standing.append(
            personnel.may_maintain(
                person_id,
                asset_id=asset.id,
                action=ticket.content.action.value,
                method=ticket.content.method.value,
                at=at,
                category=asset.category,
            )
        )
        authorisation = personnel.authorisation(person_id, asset.id, at, category=asset.category)
        supervised = supervised or authorisation is None or not authorisation.access_authorised
    return PersonPicture(person.id, person.name, str(person.kind) == "vendor", supervised, all_of(standing))


def _escort(ticket: TicketView, at: datetime) -> PersonPicture | None:
    if not ticket.escort:
        return None
    person = personnel.person(ticket.escort)
    holds = personnel.Role.ESCORT in personnel.roles_of(ticket.escort, at)
    standing = (
        ALLOWED
        if holds
        else refuse("escort.role", f"{person.name} is no escort.", "Name somebody with the escort role.")
    )
    return PersonPicture(person.id, person.name, False, False, standing)


def _duties(
    ticket: TicketView,
    assets: Sequence[AssetPicture],
    people: Sequence[PersonPicture],
    at: datetime,
    in_force: Policy,
) -> Decision:
    """Decide whether approver, CUI owner and escort can be found apart from those who ask and work (3.1.4)."""
    plan = personnel.duties(
        requester=ticket.requester,
        technicians=frozenset(person.id for person in people),
        escort=ticket.escort,
        needs=personnel.DutyNeeds(
            cui=any(asset.handles_cui for asset in assets),
            escort=any(person.supervised for person in people),
            one_person_may_hold_both=in_force.flag("one_independent_person_may_hold_both_roles"),
        ),
        at=at,
    )
    return plan.decision


def workers(ticket: TicketView) -> frozenset[str]:
    """Return everybody who may do the work: the technicians named and the members of the pool."""
    return frozenset(ticket.technicians) | pool_members(ticket)


def pool_members(ticket: TicketView) -> frozenset[str]:
    """Return the people of the pool that the ticket names, none without a pool."""
    return frozenset(personnel.pool(ticket.content.pool_id).members) if ticket.content.pool_id else frozenset()


def takes_part(ticket: TicketView, actor: Actor, at: datetime) -> Decision:
    """Decide whether the person may move this ticket: its requester, one of its workers, or the IT lead."""
    involved = (
        actor.id == ticket.requester
        or personnel.Role.IT_LEAD in personnel.roles_of(actor.id, at)
        or actor.id in workers(ticket)
    )
    return require_that(
        actor.is_person and involved,
        "ticket.not_yours",
        "Only its requester, its technicians and the IT lead move this ticket.",
        "Ask one of them.",
    )


def agreement_covers(ticket: TicketView, window: Window) -> Decision:
    """Decide whether the agreement lets the vendor's people of this ticket work in this window; own staff need none."""
    content = ticket.content
    vendors = [p for p in (personnel.person(i) for i in ticket.technicians) if str(p.kind) == "vendor"]
    if not vendors and not content.pool_id:
        return ALLOWED
    if not content.agreement_id:
        return refuse(
            "agreement.none",
            "A vendor's people do this work and no agreement is named.",
            "Name the vendor's agreement that permits it.",
        )
    return personnel.agreement_covers(
        content.agreement_id,
        action=content.action.value,
        method=content.method.value,
        window=window,
    )


def conflicts(row: MaintenanceTicket, ticket: TicketView, window: Window | None = None) -> tuple[str, ...]:
    """Return the live tickets with one of these assets in an overlapping window, unless each names the other.

    The window is the ticket's own, extensions included, unless another is named.

    Work that has ended clashes with nothing: its asset may be worked on again before its window would have ended.
    """
    if ticket.state in ENDED_STATES:
        return ()
    meant = window or ticket.window
    others = (
        MaintenanceTicket.objects.annotate(ends=Coalesce("extended_until", "window_until"))
        .filter(
            state__in=[state.value for state in LIVE_STATES],
            window_from__lt=meant.until,
            ends__gt=meant.from_,
            asset_rows__asset_id__in=[named.asset_id for named in ticket.assets],
        )
        .exclude(number=row.number)
    )
    found = others.distinct().values_list("number", "conflicts_with")
    return tuple(
        sorted(
            number for number, named in found if not (row.number in named and number in ticket.content.conflicts_with)
        )
    )


def applicable(picture: Picture, in_force: Policy, before: Before) -> list[tuple[HoldPoint, PolicyRow]]:
    """Return the hold points of this place that the policy applies to this work, with their rows."""
    content = picture.ticket.content
    return [
        (HOLD_POINTS[row.hold_point], row)
        for row in in_force.rows
        if HOLD_POINTS[row.hold_point].before is before
        and row.applies_to(picture.ticket.work_class, content.maintenance_type, content.method, content.risk)
    ]


def judge(row: MaintenanceTicket, at: datetime, before: Before) -> list[HoldPointView]:
    """Return every hold point of this place with its state, failing ones first."""
    in_force = policy()
    return judged(picture_of(row, at, in_force), in_force, before)


def judged(picture: Picture, in_force: Policy, before: Before) -> list[HoldPointView]:
    """Return what the policy's hold points of this place say of this picture, failing ones first.

    Work closes as it was opened: what the policy of that day asks for still holds when a later one asks for less, or
    whoever may change the policy alone could let open work off (decision 0027).
    """
    views = [_judge_one(picture, point, row) for point, row in applicable(picture, in_force, before)]
    if before is Before.CLOSE and in_force.version > 1:
        views = _as_opened(picture, in_force, views)
    order = {HoldState.FAILED: 0, HoldState.FLAGGED: 1, HoldState.WAIVED: 2, HoldState.PASSED: 3}
    return sorted(views, key=lambda v: order.get(v.state, 4))


def _as_opened(picture: Picture, in_force: Policy, now: list[HoldPointView]) -> list[HoldPointView]:
    """Return the hold points of closing with those that fail by the policy under which the ticket was opened."""
    then = policy_when_opened(picture.ticket.number, in_force)
    if then is in_force:
        return now
    old = [_judge_one(picture, point, row) for point, row in applicable(picture, then, Before.CLOSE)]
    known = {view.id for view in now if view.state is HoldState.FAILED}
    kept = {view.id: view for view in old if view.state is HoldState.FAILED and view.id not in known}
    said = f" The policy under which this ticket was opened (version {then.version}) asks for it."
    return [
        *(view for view in now if view.id not in kept),
        *(replace(view, sentence=view.sentence + said) for view in kept.values()),
    ]


def _judge_one(picture: Picture, point: HoldPoint, row: PolicyRow) -> HoldPointView:
    try:
        decision = point.rule(picture, row)
    except Refused as refusal:
        decision = refusal.decision
    state = HoldState.PASSED
    if not decision.allowed:
        state = HoldState.FAILED
        if row.flag_only and not any(code.endswith((".missing", ".stale")) for code in decision.codes):
            state = HoldState.FLAGGED
        elif (row.deferrable and point.id in picture.waived) or (
            picture.ticket.emergency and deferred_by_emergency(point.id)
        ):
            state = HoldState.WAIVED
    facts = [
        newest_fact(picture.facts, kind, a) for kind in row.fact_kinds for a in ["", *(x.id for x in picture.assets)]
    ]
    return HoldPointView(
        id=point.id,
        before=point.before,
        label=point.label,
        state=state,
        sentence=" ".join(r.sentence for r in decision.reasons) or "Holds.",
        next_step=" ".join(dict.fromkeys(r.next_step for r in decision.reasons if r.next_step)),
        control=point.control,
        codes=decision.codes,
        evidence=tuple(dict.fromkeys(fact.entry for fact in facts if fact is not None)),
        deferrable=row.deferrable,
    )


def as_data(views: Sequence[HoldPointView]) -> list[JsonValue]:
    """Return judged hold points as the entry of the act carries them."""
    return [{"id": view.id, "state": view.state.value} for view in views]


def blocking(views: Sequence[HoldPointView]) -> Decision:
    """Return one decision over judged hold points: each failed one is a reason with its own code."""
    return all_of(
        refuse(view.codes[0] if view.codes else view.id, f"{view.id}: {view.sentence}", view.next_step)
        for view in views
        if view.state is HoldState.FAILED
    )


def is_bound(ticket: TicketView, person_id: str) -> bool:
    """True when the person may do this ticket's work: named, or a member of its pool."""
    return person_id in workers(ticket)


def duty_of(ticket: TicketView, person_id: str) -> Duty | None:
    """Return the person's duty in the ticket."""
    if person_id == ticket.escort:
        return Duty.ESCORT
    return Duty.TECHNICIAN if is_bound(ticket, person_id) else None
