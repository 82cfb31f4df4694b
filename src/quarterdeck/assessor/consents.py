"""Consent of the CUI owner that recordings of a ticket leave in packages (design section 6): asked, given, refused."""

from quarterdeck.assessor.cui import cui_assets, handles_cui
from quarterdeck.assessor.models import RecordingConsent
from quarterdeck.assessor.rules import usable_text
from quarterdeck.assessor.terms import CONSENT_ROLES, ConsentState, ConsentView
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, Entry, ObjectRef
from quarterdeck.kernel.decision import Decision, all_of, require_that
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Reading

_EVENTS = {
    "recording.consent_asked": ConsentState.ASKED,
    "recording.consented": ConsentState.GIVEN,
    "recording.consent_refused": ConsentState.REFUSED,
    "recording.consent_withdrawn": ConsentState.WITHDRAWN,
}


def ask_consent(act: Act, number: str) -> None:
    """Ask the CUI owner for a decision; whoever may make packages asks."""
    tickets.reading_of(number, act.actor.id, act.at, Reading.PACKAGE).require()
    standing = consent_of(number)
    all_of(
        [
            require_that(
                standing.recordings > 0,
                "consent.nothing",
                f"{number} has no recording of an asset that handles CUI.",
                "Make the package: nothing is withheld for want of consent.",
            ),
            require_that(
                standing.state not in (ConsentState.ASKED, ConsentState.GIVEN),
                "consent.asked_already",
                "The CUI owner was asked already, or has consented.",
                "Wait for the decision; it shows on the ticket's page.",
            ),
        ]
    ).require()
    act.record("recording.consent_asked", ObjectRef("ticket", number))


def give_consent(act: Act, number: str) -> None:
    """Let the recordings of this ticket leave in packages; only a CUI owner may, with a fresh second factor."""
    all_of([_owner(act), tickets.stepped_up(act.actor, act.at)]).require()
    tickets.ticket(number)
    require_that(
        not RecordingConsent.objects.filter(ticket_id=number, withdrawn_at__isnull=True).exists(),
        "consent.given_already",
        "The consent for this ticket stands already.",
        "Nothing is to be done.",
    ).require()
    entry = act.record("recording.consented", ObjectRef("ticket", number))
    RecordingConsent.objects.create(ticket_id=number, person_id=act.actor.id, given_at=act.at, entry=entry)


def refuse_consent(act: Act, number: str, reason: str) -> None:
    """Refuse that the recordings leave, with a reason; a consent that stood ends. Only a CUI owner may."""
    all_of([_owner(act), usable_text(reason, "reason")]).require()
    tickets.ticket(number)
    RecordingConsent.objects.filter(ticket_id=number, withdrawn_at__isnull=True).update(withdrawn_at=act.at)
    act.record("recording.consent_refused", ObjectRef("ticket", number), data={"reason": act.commitment(reason)})


def withdraw_consent(act: Act, number: str) -> None:
    """Withdraw the consent; packages made before keep what they hold."""
    _owner(act).require()
    changed = RecordingConsent.objects.filter(ticket_id=number, withdrawn_at__isnull=True).update(withdrawn_at=act.at)
    require_that(
        changed == 1, "consent.none", "There is no consent for this ticket.", "Nothing is to be done."
    ).require()
    act.record("recording.consent_withdrawn", ObjectRef("ticket", number))


def _owner(act: Act) -> Decision:
    return tickets.has_role(act.actor, [Role.CUI_OWNER], act.at)


def consents(number: str) -> bool:
    """True while a CUI owner's consent stands that a sealed entry carries."""
    row = RecordingConsent.objects.filter(ticket_id=number, withdrawn_at__isnull=True).first()
    if row is None:
        return False
    sealed = _last(number)
    # Asking once more takes no consent back; a refusal or a withdrawal does.
    return sealed is not None and sealed.event == "recording.consented" and sealed.actor_id == row.person_id


def _last(number: str) -> Entry | None:
    return evidence.last_entry(list(_EVENTS), object=ObjectRef("ticket", number))


def consent_of(number: str) -> ConsentView:
    """Return how the consent of a ticket stands, by whom and since when, and how many recordings it is about."""
    named = {
        str(item["sha256"]) for entry in evidence.entries(ticket=number) for item in entry.artifacts
        if item["role"] in CONSENT_ROLES
    }  # fmt: skip
    about_cui = bool(named) and handles_cui(tickets.ticket(number), cui_assets())
    recordings = sum(1 for sha256 in named if about_cui or _may_contain_cui(sha256))
    last = _last(number)
    if last is None:
        return ConsentView(number, ConsentState.UNDECIDED, "", None, recordings)
    state = _EVENTS[last.event]
    if state is ConsentState.GIVEN and not consents(number):
        state = ConsentState.UNDECIDED
    return ConsentView(number, state, last.actor_id, last.at, recordings)


def consents_asked() -> list[str]:
    """Return the numbers of the tickets of which a decision was asked for and not given yet."""
    last: dict[str, str] = {}
    for entry in evidence.entries(events=list(_EVENTS)):
        last[entry.object.id] = entry.event
    return sorted(number for number, event in last.items() if event == "recording.consent_asked")


def _may_contain_cui(sha256: str) -> bool:
    found = evidence.artifact(sha256)
    return found is not None and found.may_contain_cui
