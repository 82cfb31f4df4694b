"""Grants as values, and whether a row is what the ledger says of it."""

import hashlib
from datetime import datetime

from quarterdeck.access import rules
from quarterdeck.access.certificates import read_certificate
from quarterdeck.access.models import AccessEpoch, AccessGrant
from quarterdeck.access.terms import ENTERING, EPOCH_EVENT, GRANT_EVENTS, GrantState, GrantView, Purpose
from quarterdeck.evidence.api import JsonValue, ObjectRef, last_entry, row_digest
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse, require_that

_UNKNOWN = refuse(
    "access.unknown_grant", "There is no such access grant.", "Take access again with `qd access` and the ticket."
)


def view(row: AccessGrant) -> GrantView:
    """Return the row as a value."""
    return GrantView(
        id=row.id,
        ticket=row.ticket_id or "",
        person=row.person,
        asset=row.asset,
        connection=row.connection,
        purpose=Purpose(row.purpose),
        public_key=row.public_key,
        fingerprint=row.fingerprint,
        serial=row.serial,
        cert_sha256=row.cert_sha256,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        window_until=row.window_until,
        state=GrantState(row.state),
        epoch=row.epoch,
        collector_sha256=row.collector_sha256,
        mfa_at=row.mfa_at,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        plan=row.plan_id or "",
    )


def grant(grant_id: str) -> GrantView:
    """Return one grant; Refused(access.unknown_grant) when there is none."""
    row = AccessGrant.objects.filter(id=grant_id).first()
    if row is None:
        raise Refused(_UNKNOWN)
    return view(row)


def grants(
    *,
    ticket: str | None = None,
    person: str | None = None,
    purpose: Purpose | None = None,
    state: GrantState | None = None,
    plan: str | None = None,
) -> list[GrantView]:
    """Return grants by ticket, person, purpose, state or monitoring plan, oldest first."""
    rows = AccessGrant.objects.order_by("valid_from", "id")
    asked = (("ticket", ticket), ("person", person), ("purpose", purpose), ("state", state), ("plan", plan))
    for name, value in asked:
        if value is not None:
            rows = rows.filter(**{name: str(value)})
    return [view(row) for row in rows]


def grant_for_certificate(blob: bytes) -> GrantView | None:
    """Return the grant to which exactly this entry certificate was bound: serial and SHA-256 match, else None.

    The certificate's own words (key id, principals, options) are not believed; the caller checks the authority.
    """
    try:
        serial = read_certificate(blob).serial
    except (ValueError, KeyError):
        return None
    if serial >= 1 << 53:
        return None
    row = AccessGrant.objects.filter(
        serial=serial, cert_sha256=hashlib.sha256(blob).hexdigest(), purpose__in=ENTERING
    ).first()
    return None if row is None else view(row)


def grant_of_serial(serial: int) -> GrantView | None:
    """Return the grant of work or run to which the entry certificate of this serial was bound."""
    if not 0 < serial < 1 << 53:
        return None
    row = AccessGrant.objects.filter(serial=serial, purpose__in=ENTERING).first()
    return None if row is None else view(row)


def sealed_fields(grant_: GrantView) -> dict[str, JsonValue]:
    """Return every field of a grant in the form whose digest its ledger entries carry."""
    under: dict[str, JsonValue] = {"plan": grant_.plan} if grant_.plan else {}
    return under | {
        "id": grant_.id,
        "ticket": grant_.ticket,
        "person": grant_.person,
        "asset": grant_.asset,
        "connection": grant_.connection,
        "purpose": grant_.purpose.value,
        "public_key": grant_.public_key,
        "fingerprint": grant_.fingerprint,
        "serial": grant_.serial,
        "cert_sha256": grant_.cert_sha256,
        "valid_from": rfc3339(grant_.valid_from),
        "valid_until": rfc3339(grant_.valid_until),
        "window_until": rfc3339(grant_.window_until),
        "state": grant_.state.value,
        "epoch": grant_.epoch,
        "collector_sha256": grant_.collector_sha256,
        "mfa_at": None if grant_.mfa_at is None else rfc3339(grant_.mfa_at),
        "ended_at": None if grant_.ended_at is None else rfc3339(grant_.ended_at),
        "end_reason": grant_.end_reason,
    }


def check_row(grant_: GrantView) -> Decision:
    """Return whether the grant is what its newest ledger entry sealed (attacks.md rows 1 and 28)."""
    sealed = last_entry(GRANT_EVENTS, object=ObjectRef("access_grant", grant_.id))
    digest = None
    if sealed is not None and sealed.object.id == grant_.id and sealed.ticket == (grant_.ticket or None):
        digest = sealed.data.get("row_digest")
    return rules.row_is_sealed("access grant", row_digest(sealed_fields(grant_)), digest)


def current_epoch() -> int:
    """Return the epoch that grants must carry to count; 0 before the first restore."""
    row = AccessEpoch.objects.filter(id=1).first()
    return 0 if row is None else row.number


def check_epoch() -> Decision:
    """Return whether the epoch's row is what the newest entry about it says."""
    sealed = last_entry([EPOCH_EVENT])
    said = 0 if sealed is None else sealed.data.get("epoch")
    return require_that(
        said == current_epoch(),
        "row.altered",
        "The epoch of access grants differs from its entry in the ledger.",
        "Stop and tell the IT lead: somebody wrote into the database.",
    )


def is_genuine_and_standing(grant_: GrantView, at: datetime) -> Decision:
    """Return whether the grant is sealed, active, of the current epoch and inside its time at `at`."""
    return all_of((check_row(grant_), check_epoch(), rules.is_standing(grant_, current_epoch(), at)))
