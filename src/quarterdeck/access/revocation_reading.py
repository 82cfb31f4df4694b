"""Which revocations stand, read from sealed entries alone: no row says it (attacks.md rows 1 and 28)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from quarterdeck.evidence.api import Entry, ObjectRef, entries, last_entry, openings
from quarterdeck.kernel.decision import ALLOWED, Decision, Refused, refuse
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import PersonKind

ORDERED, LIFTED = "revocation.ordered", "revocation.lifted"
EVERYTHING = "everything"


class Scope(StrEnum):
    """What is revoked; a grant and a certificate are revoked for good, the others until it is lifted."""

    PERSON = "person"
    VENDOR = "vendor"
    TICKET = "ticket"
    GRANT = "grant"
    CERTIFICATE = "certificate"
    EVERYTHING = "everything"


STANDING = frozenset({Scope.PERSON, Scope.VENDOR, Scope.TICKET, Scope.EVERYTHING})


@dataclass(frozen=True, slots=True)
class Revocation:
    """A revocation that stands: of what, since when, by whom, why."""

    scope: Scope
    target: str
    at: datetime
    by: str
    reason: str


def not_revoked(person: str, ticket: str) -> Decision:
    """Decide whether no standing revocation keeps this person out of this ticket's targets."""
    try:
        who = personnel.person(person)
    except Refused as refusal:
        return refusal.decision
    asked = [(Scope.EVERYTHING, EVERYTHING), (Scope.PERSON, person), (Scope.TICKET, ticket)]
    if who.kind is PersonKind.VENDOR and who.organisation:
        asked.append((Scope.VENDOR, who.organisation))
    found = next((scope for scope, target in asked if standing(scope, target) is not None), None)
    if found is None:
        return ALLOWED
    words = {Scope.EVERYTHING: "All access", Scope.PERSON: "Your access", Scope.TICKET: f"Access under {ticket}",
             Scope.VENDOR: f"Access of {who.organisation}"}  # fmt: skip
    return refuse("access.stopped", f"{words[found]} is revoked.", "Ask the IT lead or an approver; they can lift it.")


def revocations() -> list[Revocation]:
    """Return what is revoked now, newest first; what was lifted is told by the ledger."""
    about = dict.fromkeys(entry.object for entry in entries(events=[ORDERED]))
    found = [sealed for one in about if (sealed := _newest(one)) is not None and sealed.event == ORDERED]
    return [_view(one) for one in sorted(found, key=lambda one: one.seq, reverse=True)]


def _view(sealed: Entry) -> Revocation:
    scope = Scope(str(sealed.data["scope"]))
    target = sealed.object.id.partition(":")[2] if scope is not Scope.VENDOR else _opened(sealed, "vendor")
    return Revocation(scope, target, sealed.at, sealed.actor_id, _opened(sealed, "reason"))


def _opened(sealed: Entry, field: str) -> str:
    digest = str(sealed.data.get(field, ""))
    found = openings([digest]).get(digest)
    return found[1] if found else ""


def standing(scope: Scope, target: str) -> Entry | None:
    """Return the entry of the revocation that stands, None when none does."""
    newest = _newest(named(scope, target))
    return newest if newest is not None and newest.event == ORDERED else None


def _newest(about: ObjectRef) -> Entry | None:
    return last_entry([ORDERED, LIFTED], object=about)


def named(scope: Scope, target: str) -> ObjectRef:
    """Name what is revoked without the name of a vendor, which is free text."""
    if scope is Scope.VENDOR:
        target = hashlib.sha256(target.encode()).hexdigest()[:32]
    return ObjectRef("revocation", f"{scope.value}:{target}")


def people_of(scope: Scope, target: str) -> frozenset[str]:
    """Return whom a revocation names: a person, or everybody of a vendor."""
    if scope is Scope.PERSON:
        return frozenset({target})
    if scope is Scope.VENDOR:
        everybody: Sequence[personnel.PersonView] = personnel.people()
        return frozenset(p.id for p in everybody if p.kind is PersonKind.VENDOR and p.organisation == target)
    return frozenset()
