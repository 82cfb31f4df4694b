"""My work: what waits for this person, whom they wait for, today's windows, what is at risk."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck.baselines import api as baselines
from quarterdeck.entrypoints.web import (
    consents,
    extending,
    keeping,
    ledger_check,
    live_sessions,
    questions,
    store_panel,
    target_words,
    voids,
    watching,
    zones,
)
from quarterdeck.entrypoints.web.calendar import line
from quarterdeck.entrypoints.web.first_run import steps_done
from quarterdeck.entrypoints.web.frame import WAITING, remember_waiting
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.next_act import lacks
from quarterdeck.entrypoints.web.pages import EVERYONE, Visitor, page
from quarterdeck.entrypoints.web.tickets import MAY_REQUEST, ticket_url
from quarterdeck.entrypoints.web.words import called
from quarterdeck.evidence import api as evidence
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import GUARDED_ROLES, GrantState, Role
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import SessionState
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalKind, HoldState, State, TicketView

LIVE = (State.DRAFT, State.SUBMITTED, State.APPROVED, State.SCHEDULED, State.OPEN, State.VERIFYING)
_SOON = timedelta(days=30)
_NEXT = 5
_ASKS = "waits for your decision"
_UNANCHORED_TOO_LONG = timedelta(hours=24)


@page(*EVERYONE)
def live(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """The corner of the top bar that stays true while a page is open: sessions, anchors, what waits."""
    rows = tickets.tickets(person_id=seen.person.id, at=seen.now, states=LIVE)
    count = len(waiting(seen, rows, Names()))
    return remember_waiting(render(request, "parts/live.html", {WAITING: count}), seen, count)


@page(*EVERYONE)
def my_work(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """The first page of everybody but the assessor, whose first page is the desk."""
    if seen.roles == {Role.ASSESSOR}:
        return redirect("desk")
    names = Names()
    at_work = tickets.tickets(person_id=seen.person.id, at=seen.now, states=LIVE)
    zone, mine = zones.zone_of(request), waiting(seen, at_work, names)
    today, later = _windows(seen, at_work, names, zone)
    context = {
        WAITING: len(mine),
        "waiting": mine,
        "waiting_for": _waiting_for(seen, at_work, names) + watching.waited_for(seen, names),
        "today": today,
        "later": later,
        "risks": [
            *_risks(seen, at_work, names),
            *voids.risks(seen, at_work),
            *watching.risks(seen, names),
            *target_words.risks(seen, names),
            *store_panel.risks(seen),
            *ledger_check.risks(seen),
        ],
        "told": _told(seen),
        "set_up": steps_done(request, seen) if seen.has(Role.IT_LEAD) and not (at_work or tickets.tickets()) else None,
        "may_request": seen.has(*MAY_REQUEST),
        "may_log": seen.has(Role.TECHNICIAN, Role.IT_LEAD),
    }
    return remember_waiting(render(request, "work/my_work.html", context), seen, len(mine))


def _windows(
    seen: Visitor, live: list[TicketView], names: Names, zone: ZoneInfo
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the windows of this person's day, decided or not, and the next ones after it."""
    ahead = [
        ticket
        for ticket in sorted(live, key=lambda one: one.window.from_)
        if ticket.state is not State.DRAFT and ticket.window.until > seen.now
    ]
    tomorrow = seen.now.astimezone(zone).date() + timedelta(days=1)
    now = [ticket for ticket in ahead if ticket.window.from_.astimezone(zone).date() < tomorrow]
    later = ahead[len(now) :][:_NEXT]
    return [line(ticket, names, seen) for ticket in now], [line(ticket, names, seen) for ticket in later]


def _told(seen: Visitor) -> list[tickets.TicketNoticeView]:
    """Return what the person was told and has not put away; what waits for them stands above already."""
    found = [one for one in tickets.notices(seen.person.id, 20) if one.seen_at is None]
    return [one for one in found if not one.subject.endswith(_ASKS)]


@page(*EVERYONE)
@require_POST
def told(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Put the messages away: they were read."""
    tickets.mark_notices_seen(seen.person.id, seen.now)
    return redirect("my_work")


def waiting(seen: Visitor, live: list[TicketView], names: Names) -> list[dict[str, Any]]:
    """Return everything that waits for this person, the soonest due first."""
    found = [item for ticket in live for item in _of_ticket(ticket, seen, names)] + _of_people(seen, names)
    found += watching.waiting(seen, names) + target_words.waiting(seen, names) + live_sessions.waiting(seen, names)
    found += consents.waiting(seen) + questions.waiting(seen) + keeping.waiting(seen, names)
    far = datetime.max.replace(tzinfo=seen.now.tzinfo)
    return sorted(found, key=lambda item: item["due"] or far)


def _item(ticket: TicketView, act: str, button: str, icon: str, names: Names, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "act": act,
        "about": f"{ticket.number} · {ticket.title} · {names.hosts(ticket)}",
        "url": more.get("url", ticket_url(ticket)),
        "button": button,
        "icon": icon,
        "due": more.get("due"),
        "late": more.get("late", False),
    }


def _of_ticket(ticket: TicketView, seen: Visitor, names: Names) -> list[dict[str, Any]]:
    if voids.has_moved(ticket):
        return _of_moved(ticket, seen, names)
    me, number = seen.person.id, ticket.number
    if ticket.state is State.SUBMITTED:
        roles = [role for role, people in tickets.waiting_for(number, seen.now).items() if me in people]
        found = [_to_decide(ticket, role.value, seen, names) for role in roles]
        return found or _to_complete(ticket, seen, names)
    if ticket.state is State.DRAFT and me == ticket.requester:
        return [_item(ticket, "Finish your draft", "Open", "pencil", names)]
    found = _to_ratify(ticket, seen, names)
    if ticket.state is State.SCHEDULED:
        found += _before_opening(ticket, seen, names)
    if me in ticket.technicians and ticket.state is State.OPEN:
        url = reverse("ticket_start", args=[number])
        found.append(_item(ticket, "Work", "Start", "terminal-2", names, due=ticket.window.until, url=url))
    if ticket.state is State.OPEN:
        more = extending.to_decide(ticket, seen)
        found += [more] if more else []
    if ticket.state is State.VERIFYING:
        found += _to_close(ticket, seen, names)
    return found


def _of_moved(ticket: TicketView, seen: Visitor, names: Names) -> list[dict[str, Any]]:
    """Return what is due before anything else: nobody can approve it or open it as it was frozen."""
    me = seen.person.id
    waiting = tickets.waiting_for(ticket.number, seen.now) if ticket.state is State.SUBMITTED else {}
    found = [_to_decide(ticket, role.value, seen, names) for role, people in waiting.items() if me in people]
    for item in found:
        item["about"] += " · can't be approved before it is frozen anew"
    found += _to_ratify(ticket, seen, names)
    if not voids.may_freeze(ticket, seen, names):
        return found
    given = any(one.void_at is None for one in ticket.approvals)
    freeze = _item(
        ticket, f"Freeze {ticket.number} anew{': approvals given are void' if given else ''}", "Open", "refresh", names,
        due=ticket.window.from_, url=f"{ticket_url(ticket)}#changes",
    )  # fmt: skip
    return [freeze, *found]


def _to_decide(ticket: TicketView, role: str, seen: Visitor, names: Names) -> dict[str, Any]:
    """Return the decision that waits: due before the window begins, then before it ends."""
    begun = ticket.window.from_ <= seen.now
    item = _item(
        ticket, f"Decide as {called(role)}", "Decide", "eye-check", names,
        due=ticket.window.until if begun else ticket.window.from_, url=reverse("ticket_approve", args=[ticket.number]),
        late=begun and ticket.window.until <= seen.now,
    )  # fmt: skip
    item["due_word"] = "its window ends in " if begun else "its window opens in "
    item["due_done"] = "its window is over" if begun else "its window opens now"
    if lacks(tickets.hold_points(ticket.number, seen.now)):
        item["about"] += " · can't be approved yet, its requester has more to do"
    return item


def _to_complete(ticket: TicketView, seen: Visitor, names: Names) -> list[dict[str, Any]]:
    """Return what the requester still owes a submitted ticket before anybody can approve it."""
    if seen.person.id != ticket.requester or not lacks(tickets.hold_points(ticket.number, seen.now)):
        return []
    return [_item(ticket, "Complete your request: it can't be approved yet", "Open", "pencil", names)]


def _before_opening(ticket: TicketView, seen: Visitor, names: Names) -> list[dict[str, Any]]:
    me = seen.person.id
    if me == ticket.escort:
        absent = any(
            hold.id == "HP-ESCORT" and hold.state is HoldState.FAILED
            for hold in tickets.hold_points(ticket.number, seen.now)
        )
        return (
            [
                _item(
                    ticket,
                    "Confirm that you are present as escort",
                    "Confirm",
                    "user-check",
                    names,
                    due=ticket.window.from_,
                )
            ]
            if absent
            else []
        )
    if me in ticket.technicians or me == ticket.requester:
        return [_item(ticket, "Prepare and open", "Open", "lock-open", names, due=ticket.window.from_)]
    return []


def _to_ratify(ticket: TicketView, seen: Visitor, names: Names) -> list[dict[str, Any]]:
    if not ticket.emergency or ticket.ratify_until is None or ticket.finding:
        return []
    given = {one.person for one in ticket.approvals if one.kind is ApprovalKind.RATIFICATION}
    part = {ticket.requester, ticket.escort, *ticket.technicians}
    if seen.person.id in given | part or not seen.has(Role.APPROVER, Role.CUI_OWNER):
        return []
    url = reverse("ticket_ratify", args=[ticket.number])
    late = ticket.ratify_until < seen.now
    return [
        _item(ticket, "Ratify the emergency", "Decide", "urgent", names, due=ticket.ratify_until, late=late, url=url)
    ]


def _to_close(ticket: TicketView, seen: Visitor, names: Names) -> list[dict[str, Any]]:
    me, left = seen.person.id, sum(len(one.open_items) for one in baselines.drift(ticket.number))
    if left and me not in ticket.technicians and seen.has(Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER):
        url = f"{ticket_url(ticket)}?tab=drift#tabs"
        return [
            _item(
                ticket,
                f"Explain {left} {'difference' if left == 1 else 'differences'}",
                "Explain",
                "arrows-diff",
                names,
                url=url,
            )
        ]
    if not left and (me in ticket.technicians or me == ticket.requester):
        return [_item(ticket, "Close the ticket", "Close", "lock", names)]
    return []


def _of_people(seen: Visitor, names: Names) -> list[dict[str, Any]]:
    """Return guarded roles and resets that wait for a second person, when this person can be that one."""
    if not seen.has(*GUARDED_ROLES):
        return []
    me, found = seen.person.id, []
    for grant in personnel.role_grants():
        if grant.state is GrantState.PENDING and me not in (grant.requested_by, grant.person_id):
            act = f"Confirm {called(grant.role.value)} for {names.person(grant.person_id)}"
            found.append(_of_person(grant.person_id, act, f"asked for by {names.person(grant.requested_by)}"))
    for change in personnel.changes():
        if change.state == "pending" and change.two_people and me not in (change.requested_by, change.subject_id):
            act = f"Confirm the {change.kind.value.replace('_', ' ')} of {names.person(change.subject_id)}"
            found.append(_of_person(change.subject_id, act, f"asked for by {names.person(change.requested_by)}"))
    return found


def _of_person(person_id: str, act: str, about: str) -> dict[str, Any]:
    url = reverse("person", args=[person_id])
    return {"act": act, "about": about, "url": url, "button": "Look", "icon": "user-check", "due": None, "late": False}


def _waiting_for(seen: Visitor, live: list[TicketView], names: Names) -> list[dict[str, Any]]:
    """Return the tickets of this person that others decide on: who, and since when, one line a ticket."""
    found = []
    for ticket in live:
        if ticket.state is not State.SUBMITTED or seen.person.id not in {ticket.requester, *ticket.technicians}:
            continue
        said = []
        for role, people in tickets.waiting_for(ticket.number, seen.now).items():
            who = (
                " or ".join(names.person(person) for person in people)
                or "nobody can: name a deputy or an external approver"
            )
            said.append(f"{called(role.value)}: {who}")
        if said:
            found.append({
                "what": f"{ticket.number} {ticket.title}", "who": " · ".join(said), "since": ticket.state_at,
                "url": ticket_url(ticket),
            })  # fmt: skip
    return found


def _risks(seen: Visitor, live: list[TicketView], names: Names) -> list[dict[str, str]]:
    found = []
    for ticket in live:
        if ticket.ratify_until and ticket.ratify_until < seen.now and not ticket.finding:
            found.append(
                {
                    "what": f"{ticket.number} is not ratified",
                    "why": "The emergency's deadline is over.",
                    "url": ticket_url(ticket),
                }
            )
        for one in sessions.sessions(ticket.number):
            if one.state is SessionState.INTERRUPTED and not one.explained:
                url = reverse("session", args=[one.id])
                found.append(
                    {
                        "what": f"Interrupted session in {ticket.number}",
                        "why": "Its end was not observed; explain it.",
                        "url": url,
                    }
                )
    for terms in personnel.agreements():
        if terms.ended_at is None and seen.now <= terms.valid_until < seen.now + _SOON:
            why = f"Agreement {terms.number} ends {zones.distance(terms.valid_until, seen.now)}."
            found.append({"what": f"{terms.vendor}: agreement ends soon", "why": why, "url": reverse("vendors")})
    oldest = evidence.oldest_unanchored()
    if oldest is not None and seen.now - oldest.at > _UNANCHORED_TOO_LONG:
        why = f"The oldest is from {zones.distance(oldest.at, seen.now)}; nobody outside could show that it was there."
        found.append({"what": "Evidence without an outside anchor", "why": why, "url": reverse("evidence")})
    return found
