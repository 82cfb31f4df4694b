"""Messages about acts that touch somebody's role or login: those concerned are told, so that they can object."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from quarterdeck.evidence.api import Act
from quarterdeck.kernel.clock import parse_rfc3339, rfc3339
from quarterdeck.kernel.ids import new_id
from quarterdeck.personnel.models import Notice, Person
from quarterdeck.personnel.terms import NoticeView

OBJECT = "If you didn't expect this, revoke or cancel it under People & vendors and tell the others."
SENTENCES: Mapping[str, str] = {
    "role.requested": "{by} asked that {about} become {role}. A second person must confirm.",
    "deputy.named": "{by} asked that {about} become deputy as {role}. A second person must confirm.",
    "role.granted": "{by} confirmed that {about} becomes {role}. It counts from {from_}.",
    "role.revoked": "{by} revoked the role {role} of {about}.",
    "factor.reset_requested": "{by} asked to reset the second factor of {about}.",
    "factor.reset_confirmed": "{by} confirmed the reset of {about}'s second factor. It is possible from {from_}.",
    "factor.reset": "{about} has enrolled a new second factor; the old one no longer works.",
    "factor.recovery_used": "A recovery code of {about} was used to log in.",
    "email.change_requested": "{by} asked to change the mail address of {about}.",
    "email.change_confirmed": "{by} confirmed the change of {about}'s mail address. It happens at {from_}.",
    "email.changed": "The mail address of {about} was changed.",
    "change.cancelled": "{by} cancelled the reset or mail change of {about}.",
    "key.registered": "{about} registered an SSH key.",
}


def tell(
    act: Act, entry: str, event: str, about: Person, people: Iterable[str], *, role: str = "",
    from_: datetime | None = None, also_to: str = "",
) -> None:
    """Queue one message per person (and to `also_to`, an address being given up) about an entry of this act."""
    detail = {"by": act.actor.id, "role": role, "from": "" if from_ is None else rfc3339(from_)}
    known = Person.objects.filter(pk__in=set(people) | {about.id}, active=True)
    addresses = [(row, row.email) for row in known] + ([(about, also_to)] if also_to else [])
    Notice.objects.bulk_create(
        Notice(
            id=new_id("no"), person=row, address=address, event=event, about=about, detail=detail, entry=entry,
            created_at=act.at,
        )
        for row, address in addresses
    )


def unsent_notices(limit: int = 100) -> list[NoticeView]:
    """Return the oldest messages that wait to be sent."""
    rows = Notice.objects.filter(sent_at__isnull=True).select_related("about")[:limit]
    return [_view(row) for row in rows]


def notices_for(person_id: str) -> list[NoticeView]:
    """Return every message to this person, oldest first, sent or not."""
    return [_view(row) for row in Notice.objects.filter(person_id=person_id).select_related("about")]


def mark_notice_sent(notice_id: str, at: datetime) -> None:
    """Note that a message left this server; it is not sent again."""
    Notice.objects.filter(pk=notice_id, sent_at__isnull=True).update(sent_at=at)


def _view(row: Notice) -> NoticeView:
    by = Person.objects.filter(pk=row.detail["by"]).values_list("name", flat=True).first() or "The server's operator"
    moment = row.detail["from"] and parse_rfc3339(row.detail["from"]).strftime("%Y-%m-%d %H:%M UTC")
    sentence = SENTENCES[row.event].format(
        by=by, about=row.about.name, role=row.detail["role"].replace("_", " "), from_=moment
    )
    return NoticeView(
        row.id, row.person_id, row.address, "Quarterdeck: " + sentence.split(". ")[0].rstrip("."),
        f"{sentence}\n\n{OBJECT}\nLedger entry: {row.entry}\n", row.created_at,
    )
