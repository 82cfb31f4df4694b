"""Consent of the CUI owner that recordings of a ticket leave in packages (design section 6)."""

from quarterdeck.assessor.models import RecordingConsent
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act
from quarterdeck.kernel.decision import all_of, require_that
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets


def give_consent(act: Act, number: str) -> None:
    """Let the recordings of this ticket leave in packages; only a CUI owner may, with a fresh second factor."""
    all_of([tickets.has_role(act.actor, [Role.CUI_OWNER], act.at), tickets.stepped_up(act.actor, act.at)]).require()
    tickets.ticket(number)
    require_that(
        not RecordingConsent.objects.filter(ticket_id=number, withdrawn_at__isnull=True).exists(),
        "consent.given_already",
        "The consent for this ticket stands already.",
        "Nothing is to be done.",
    ).require()
    entry = act.record("recording.consented", evidence.ObjectRef("ticket", number))
    RecordingConsent.objects.create(ticket_id=number, person_id=act.actor.id, given_at=act.at, entry=entry)


def withdraw_consent(act: Act, number: str) -> None:
    """Withdraw the consent; packages made before keep what they hold."""
    tickets.has_role(act.actor, [Role.CUI_OWNER], act.at).require()
    changed = RecordingConsent.objects.filter(ticket_id=number, withdrawn_at__isnull=True).update(withdrawn_at=act.at)
    require_that(
        changed == 1, "consent.none", "There is no consent for this ticket.", "Nothing is to be done."
    ).require()
    act.record("recording.consent_withdrawn", evidence.ObjectRef("ticket", number))


def consents(number: str) -> bool:
    """True while a CUI owner's consent stands that a sealed entry carries."""
    row = RecordingConsent.objects.filter(ticket_id=number, withdrawn_at__isnull=True).first()
    if row is None:
        return False
    events = ["recording.consented", "recording.consent_withdrawn"]
    sealed = evidence.last_entry(events, object=evidence.ObjectRef("ticket", number))
    return sealed is not None and sealed.event == events[0] and sealed.actor_id == row.person_id
