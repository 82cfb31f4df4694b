"""Orders to a running session: pause, resume, end, message. An entry first; the gate reads them from the ledger.

Entries carry no words of people, only salted commitments; the words stand in a row whose digest the entry seals. A row
that differs from its entry loses its words, never its effect.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta

from quarterdeck.evidence.api import Act, Entry, JsonValue, ObjectRef, entries, row_digest
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.ids import new_id
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.sessions import rules
from quarterdeck.sessions.models import MaintenanceSession, SessionOrder
from quarterdeck.sessions.reading import find, runs
from quarterdeck.sessions.rules import Standpoint
from quarterdeck.sessions.terms import Order, OrderKind, SessionView
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Verdict

EVENTS = {
    "session.paused": OrderKind.PAUSE,
    "session.resumed": OrderKind.RESUME,
    "session.end_ordered": OrderKind.END,
    "session.messaged": OrderKind.MESSAGE,
}
_NAMES = {kind: event for event, kind in EVENTS.items()}
_MINUTE = timedelta(minutes=1)


def standpoint(act: Act, seen: SessionView | MaintenanceSession, ticket: str) -> Standpoint:
    """Return where the act's person stands towards this session at the moment of the act."""
    view, me = tickets.ticket(ticket), act.actor.id
    approved = any(
        one.person == me and one.void_at is None and one.verdict is Verdict.APPROVED for one in view.approvals
    )
    roles = personnel.roles_of(me, act.at)
    person = seen.person if isinstance(seen, SessionView) else seen.person_id
    return Standpoint(
        is_own=person == me,
        works=me in tickets.workers(view),
        escorts=tickets.may_escort(ticket, me, act.at).allowed,
        approved=approved and bool(roles & {Role.APPROVER, Role.CUI_OWNER}),
        leads=Role.IT_LEAD in roles,
    )


def order(act: Act, session_id: str, kind: OrderKind, text: str = "") -> str:
    """Order something of a running session and return the order's id; Refused with the rule's sentence."""
    tickets.person_acts(act.actor).require()
    row = find(session_id, lock=True)
    rules.may_order(kind, running=runs(session_id), who=standpoint(act, row, row.ticket_id)).require()
    words = text.strip() if kind in (OrderKind.END, OrderKind.MESSAGE) else ""
    tickets.readable(words).require()
    lately = SessionOrder.objects.filter(session=row, kind=OrderKind.MESSAGE.value, at__gt=act.at - _MINUTE).count()
    rules.sound_order(kind, text, paused=is_paused(session_id), messages=lately).require()
    made = SessionOrder(id=new_id("or"), session=row, kind=kind.value, person_id=act.actor.id, at=act.at, text=words)
    made.save(force_insert=True)
    data: dict[str, JsonValue] = {"order": made.id, "row_digest": _digest(made)}
    if words:
        data["text"] = act.commitment(words)
    act.record(_NAMES[kind], ObjectRef("session", session_id), ticket=row.ticket_id, data=data)
    return made.id


def orders(session_id: str) -> list[Order]:
    """Return every order to this session in its sequence, as the ledger tells them."""
    told = list(entries(object=ObjectRef("session", session_id), events=tuple(EVENTS)))
    rows = {row.id: row for row in SessionOrder.objects.filter(session_id=session_id)} if told else {}
    return [_order(entry, rows.get(str(entry.data.get("order")))) for entry in told]


def orders_since(seq: int, session_ids: Collection[str]) -> dict[str, list[Order]]:
    """Return the orders to these sessions from this entry on; one reading of the ledger for all of them."""
    told = [one for one in entries(events=tuple(EVENTS), from_seq=seq) if one.object.id in session_ids]
    rows = {row.id: row for row in SessionOrder.objects.filter(session_id__in=session_ids)} if told else {}
    found: dict[str, list[Order]] = {}
    for entry in told:
        found.setdefault(entry.object.id, []).append(_order(entry, rows.get(str(entry.data.get("order")))))
    return found


def is_paused(session_id: str) -> bool:
    """True while a person's pause stands."""
    return paused_by(orders(session_id)) != ""


def paused_by(given: Sequence[Order]) -> str:
    """Return the name of who paused the session, empty while no pause stands."""
    last = next((one for one in reversed(given) if one.kind in (OrderKind.PAUSE, OrderKind.RESUME)), None)
    return last.by if last is not None and last.kind is OrderKind.PAUSE else ""


def _order(entry: Entry, row: SessionOrder | None) -> Order:
    sound = row is not None and _digest(row) == entry.data.get("row_digest")
    name = personnel.person(entry.actor_id).name
    return Order(str(entry.data["order"]), EVENTS[entry.event], name, row.text if row is not None and sound else "")


def _digest(row: SessionOrder) -> str:
    return row_digest(
        {
            "id": row.id,
            "session": row.session_id,
            "kind": row.kind,
            "person": row.person_id,
            "at": rfc3339(row.at),
            "text": row.text,
        }
    )
