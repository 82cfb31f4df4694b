"""Guarded rows and the ledger entries that vouch for them: a row counts only while its newest entry has its digest.

A row written by hand, or set back to an older state, matches no entry and grants nothing (attacks.md rows 2 and 28).
"""

import logging
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db.models import Model

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, JsonMap, JsonValue, ObjectRef
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import require_that
from quarterdeck.kernel.ids import new_id
from quarterdeck.personnel.models import (
    Account,
    ApiToken,
    Authorisation,
    EnrolmentCode,
    FactorDigest,
    PendingChange,
    Person,
    PersonKey,
    Pool,
    RoleGrant,
    SealedRow,
    VendorAgreement,
)

_log = logging.getLogger(__name__)
Guarded = SealedRow | Account
Row = TypeVar("Row", bound=Guarded)
ROSTER = ObjectRef("roster", "founding")


@dataclass(frozen=True, slots=True)
class Seal:
    """How rows of one kind stand in the ledger: object type, id prefix, events that carry the digest."""

    type: str
    prefix: str
    events: tuple[str, ...]
    left_out: frozenset[str] = frozenset()


SEALS: Mapping[type[Model], Seal] = {
    Person: Seal("person", "pe", ("person.added", "person.deactivated", "email.changed")),
    Account: Seal(
        "account", "ac", ("account.opened", "account.renewed", "account.closed", "password.changed", "login.renamed")
    ),
    RoleGrant: Seal("role_grant", "rg", ("role.requested", "role.granted", "role.revoked", "deputy.named")),
    VendorAgreement: Seal("agreement", "va", ("agreement.added", "agreement.ended")),
    Pool: Seal("pool", "po", ("pool.changed",)),
    Authorisation: Seal("authorisation", "au", ("authorisation.granted", "authorisation.withdrawn")),
    PersonKey: Seal("key", "pk", ("key.registered", "key.replaced")),
    ApiToken: Seal("token", "to", ("token.issued", "token.stepped_up", "token.revoked")),
    FactorDigest: Seal("factor", "fa", ("factor.enrolled", "factor.removed")),
    EnrolmentCode: Seal(
        "enrolment", "en", ("enrolment.issued", "enrolment.closed"), frozenset({"pending_password", "pending_secret"})
    ),
    PendingChange: Seal(
        "change",
        "ch",
        ("factor.reset_requested", "factor.reset_confirmed", "factor.reset", "email.change_requested",
         "email.change_confirmed", "email.change_applied", "change.cancelled"),
    ),
}
_FOUNDED: frozenset[type[Model]] = frozenset({Person, RoleGrant, EnrolmentCode})


def new_row(kind: type[Row], /, **fields: object) -> Row:
    """Return an unsaved row with a fresh id and salt."""
    return kind(id=new_id(SEALS[kind].prefix), salt=secrets.token_hex(16), **fields)


def ref(row: Guarded) -> ObjectRef:
    """Return how entries name this row."""
    return ObjectRef(SEALS[row.__class__].type, row.pk)


def digest_of(row: Guarded) -> str:
    """Return the digest of everything that the row says, its random salt included."""
    left_out = SEALS[row.__class__].left_out
    fields: dict[str, JsonValue] = {
        field.attname: _plain(getattr(row, field.attname))
        for field in row._meta.concrete_fields
        if field.attname not in left_out
    }
    if isinstance(row, Pool):
        fields["members"] = list(row.memberships.order_by("person_id").values_list("person_id", flat=True))
    return evidence.row_digest(fields)


def _plain(value: object) -> JsonValue:
    if isinstance(value, datetime):
        return rfc3339(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value)


def save_sealed(act: Act, event: str, row: Guarded, data: JsonMap | None = None) -> str:
    """Save the row and record the entry with its digest; returns the event id."""
    if event not in SEALS[row.__class__].events:
        raise ValueError(f"{event} does not seal a row of {row.__class__.__name__}")
    row.save(force_insert=row._state.adding)
    return act.record(event, ref(row), data={**(data or {}), "row_digest": digest_of(row)})


class FoundingDigests:
    """The row digests of the founding roster, read once and only when a row needs them."""

    def __init__(self) -> None:
        self._rows: JsonMap | None = None

    def of(self, row: Guarded) -> JsonValue:
        """Return the digest that `roster.founded` carries for this row, None for one that wasn't there."""
        if row.__class__ not in _FOUNDED:
            return None
        if self._rows is None:
            founded = founding_entry()
            rows = founded.data.get("rows") if founded is not None else None
            self._rows = rows if isinstance(rows, dict) else {}
        of_kind = self._rows.get(SEALS[row.__class__].type)
        return of_kind.get(row.pk) if isinstance(of_kind, dict) else None


def is_sealed(row: Guarded, founding: FoundingDigests | None = None) -> bool:
    """True when the newest entry about this row carries exactly this state of it; a mismatch is logged.

    Who asks about many rows hands in one `FoundingDigests`, so that the founding entry is read once.
    """
    found = evidence.last_entry(SEALS[row.__class__].events, object=ref(row))
    told = (founding or FoundingDigests()).of(row) if found is None else found.data.get("row_digest")
    if told is not None and secrets.compare_digest(str(told), digest_of(row)):
        return True
    _log.error("%s %s matches no ledger entry and was ignored", SEALS[row.__class__].type, row.pk)
    return False


def sealed(rows: Iterable[Row]) -> list[Row]:
    """Return those of these rows that the ledger vouches for."""
    founding = FoundingDigests()
    return [row for row in rows if is_sealed(row, founding)]


def founding_entry() -> evidence.Entry | None:
    """Return the entry of the founding roster; the first one counts, whatever was appended later."""
    return next(evidence.entries(events=("roster.founded",), object=ROSTER), None)


def require_sealed(row: Guarded) -> None:
    """Raise Refused(row.unsealed) when the row is not what the ledger says."""
    require_that(
        is_sealed(row), "row.unsealed", "This record isn't what the ledger says: the database was changed by hand.",
        "Run `qd ledger verify`, restore the record from a backup, and look into who changed it.",
    ).require()


def fetch(kind: type[Row], row_id: str, *, locked: bool = False) -> Row:
    """Return the sealed row with this id, locked until the act ends on request; Refused when unknown or unsealed."""
    rows = kind._default_manager.filter(pk=row_id if row_id.isidentifier() else "")
    row: Model | None = (rows.select_for_update() if locked else rows).first()
    word = SEALS[kind].type
    require_that(
        row is not None, f"{word}.unknown", f"There is no {word.replace('_', ' ')} with this id.",
        "Look it up under People & vendors.",
    ).require()
    assert isinstance(row, kind)  # noqa: S101  narrowed by the line above
    require_sealed(row)
    return row
