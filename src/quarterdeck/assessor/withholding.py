"""What stays here when a package leaves: recordings without the CUI owner's consent, what was disposed of."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from quarterdeck.assessor.cui import cui_assets, handles_cui
from quarterdeck.assessor.slices import Slice
from quarterdeck.assessor.terms import CONSENT_ROLES, Envelope, Recipient
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Entry, NamedUse
from quarterdeck.tickets import api as tickets

# Artifacts of entries that are no ticket's: the import of a whole inventory is not the ticket's business.
OF_THE_ORGANISATION = frozenset({"key_rotation", "key_replacement", "redacted_copy"})
# Only an entry says that a file was given up: the row's column alone would hide whatever somebody wants hidden.
_GIVEN_UP = {"artifact.redacted": "redacted", "artifact.disposed": "disposed"}
ENCRYPTED = "encrypted"
REASONS = {
    ENCRYPTED: "It is in the package, encrypted to whom the package is for; see encrypted/README.txt.",
    "no_recipient": "The CUI owner has consented, but nobody was named to whom the package is encrypted.",
    "no_consent": "The CUI owner has not consented that recordings of this ticket leave.",
    "not_in_scope": "It belongs to the organisation as a whole, not to a ticket of this package.",
    "missing": "The evidence store does not know it. Ask why.",
    "lost": "The evidence store should hold it and does not. Ask why.",
    "redacted": "It was redacted; a redacted derivative may stand beside it.",
    "disposed": "It was disposed of after its retention by two people; the ledger keeps its hash.",
}


def withheld(cut: Slice, recipient: Recipient) -> dict[str, str]:
    """Return the SHA-256 of each artifact of the slice that does not leave as it is, with the code of the reason."""
    sealable = recipient.envelope is not Envelope.NONE
    cui = cui_assets()
    # The row's mark alone does not decide: whoever takes it off by hand, or off the asset, takes nothing out.
    about_cui = {view.number for view in cut.tickets if handles_cui(view, cui)}
    uses = evidence.artifact_index().uses
    reasons: dict[str, str] = {}
    free: set[str] = set()
    for entry in cut.entries:
        for item in entry.artifacts:
            sha256 = str(item["sha256"])
            # The bytes of a recording stay one under another name, attached to another ticket: its own is asked.
            named = str(item["role"]) in CONSENT_ROLES
            of = {entry.ticket or ""} if named else _recorded_in(uses.get(sha256, ()))
            reason = _reason(
                entry,
                sha256,
                str(item["role"]),
                shows=bool(of),
                consented=of <= cut.consented,
                cui=any(one in about_cui or (not named and _is_about_cui(one, cui)) for one in of),
                supporting=entry.event_id in cut.supporting,
                sealable=sealable,
            )
            if reason:
                reasons.setdefault(sha256, reason)
            else:
                free.add(sha256)
    # The same bytes may be named twice; where one naming is free the other hides nothing, except for want of consent.
    return {sha256: why for sha256, why in reasons.items() if why != "not_in_scope" or sha256 not in free}


def _recorded_in(uses: Iterable[NamedUse]) -> set[str]:
    """Return the tickets whose recordings, or what else shows a screen, these bytes are."""
    return {use.ticket for use in uses if use.ticket is not None and use.role in CONSENT_ROLES}


def _is_about_cui(number: str, cui: AbstractSet[str]) -> bool:
    return handles_cui(tickets.ticket(number), cui)


def _reason(
    entry: Entry, sha256: str, role: str, *, shows: bool, consented: bool, cui: bool, supporting: bool, sealable: bool
) -> str:
    found = evidence.artifact(sha256)
    if found is None:
        return "missing"
    given_up = evidence.given_up(sha256)
    if given_up is not None:
        return _GIVEN_UP[given_up.event]
    if not evidence.artifact_is_there(sha256):
        return "lost"
    if entry.ticket is None and role not in OF_THE_ORGANISATION and not supporting:
        return "not_in_scope"
    if not shows or not (cui or found.may_contain_cui):
        return ""
    if not consented:
        return "no_consent"
    return ENCRYPTED if sealable else "no_recipient"
