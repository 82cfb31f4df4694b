"""Telling people: written in the act, shown in the app at once, sent by mail after the commit where mail is set up."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.evidence.api import Act
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets.models import MaintenanceTicket, TicketNotice
from quarterdeck.tickets.rows import find


@dataclass(frozen=True, slots=True)
class TicketNoticeView:
    """A message to one person; `seen_at` is None until it was opened."""

    id: int
    ticket: str
    person: str
    address: str
    subject: str
    text: str
    at: datetime
    seen_at: datetime | None


def tell(act: Act, row: MaintenanceTicket, people: Iterable[str], subject: str, text: str) -> None:
    """Write one message for each of these people about the ticket, inside the act that it tells of."""
    TicketNotice.objects.bulk_create(
        TicketNotice(ticket=row, person_id=person, subject=f"{row.number}: {subject}"[:200], text=text, at=act.at)
        for person in dict.fromkeys(people)
    )


def tell_people(act: Act, number: str, people: Iterable[str], subject: str, text: str) -> None:
    """Write such a message about the ticket of this number; Refused(ticket.unknown)."""
    tell(act, find(number), people, subject, text)


def scheduled_words(window: Window) -> tuple[str, str]:
    """Return subject and text by which people are told of scheduled work; no plan, which can hold CUI."""
    return (
        f"work from {window.from_:%Y-%m-%d %H:%M} to {window.until:%H:%M} UTC",
        f"Maintenance is approved from {window.from_:%Y-%m-%d %H:%M} to {window.until:%Y-%m-%d %H:%M} UTC.\n"
        "What is done, on which assets and with which impact stands on the ticket's page; it is not mailed, since it "
        "can hold CUI.\n",
    )


def _view(row: TicketNotice) -> TicketNoticeView:
    address = personnel.person(row.person_id).email
    return TicketNoticeView(row.pk, row.ticket_id, row.person_id, address, row.subject, row.text, row.at, row.seen_at)


def notices(person: str, limit: int = 100) -> list[TicketNoticeView]:
    """Return the newest messages to a person."""
    return [_view(row) for row in TicketNotice.objects.filter(person_id=person).order_by("-at", "-pk")[:limit]]


def unsent_notices(limit: int = 100) -> list[TicketNoticeView]:
    """Return the oldest messages that were not mailed yet."""
    return [_view(row) for row in TicketNotice.objects.filter(sent_at__isnull=True).order_by("pk")[:limit]]


def mark_notice_sent(notice: int, at: datetime) -> None:
    """Note that a message was mailed."""
    TicketNotice.objects.filter(pk=notice, sent_at__isnull=True).update(sent_at=at)


def mark_notices_seen(person: str, at: datetime) -> None:
    """Note that a person looked at the own messages."""
    TicketNotice.objects.filter(person_id=person, seen_at__isnull=True).update(seen_at=at)
