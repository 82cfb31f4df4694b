"""The act: one durable transaction that changes rows and appends the entries that tell of it, entries last."""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import transaction

from quarterdeck.evidence.guard import act_is_open, open_guard
from quarterdeck.evidence.ledger import Draft, flush, refuse_backward_clock
from quarterdeck.evidence.models import Commitment, RefusalTally
from quarterdeck.evidence.reading import read_entry
from quarterdeck.evidence.terms import ArtifactRef, Entry, Grade, JsonMap, JsonValue, ObjectRef, Outcome
from quarterdeck.evidence.turn import take_turn
from quarterdeck.evidence.watch import LedgerWatch, Written, ledger_in_turn
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock, rfc3339
from quarterdeck.kernel.decision import Decision

FOLD_REFUSALS = timedelta(minutes=1)
_EVENT = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9._:+=@-]{0,200}", re.ASCII)


class NestedAct(RuntimeError):
    """An act inside an act: a workflow opens one and hands it down."""


class Act:
    """An open act: rows may change, entries and their facts are collected and flushed at its end."""

    def __init__(self, actor: Actor, clock: Clock, at: datetime, log: LedgerWatch) -> None:
        self.actor = actor
        self.clock = clock
        self.at = at
        self._log = log
        self._drafts: list[Draft] = []
        self.written: list[Written] = []

    @property
    def entries(self) -> list[Entry]:
        """The entries that the act wrote, once it has ended."""
        return [read_entry(written.body) for written in self.written]

    def record(
        self,
        event: str,
        object: ObjectRef,  # noqa: A002  the field's name in an entry
        *,
        ticket: str | None = None,
        data: JsonMap | None = None,
        artifacts: Sequence[ArtifactRef] = (),
        event_id: str | None = None,
        closes_ticket: bool = False,
    ) -> str:
        """Collect one entry and return its event id; ValueError for free text, which belongs into an artifact.

        An entry that closes its ticket gets the ticket's count and head before it into its data at the flush.
        """
        if not _EVENT.fullmatch(event):
            raise ValueError(f"an event is noun.past_tense in lower case, not {event!r}")
        checked = dict(data or {})
        _refuse_free_text(checked)
        draft = Draft(
            event_id or "ev_" + secrets.token_hex(16), event, object, ticket, checked, tuple(artifacts), closes_ticket
        )
        self._drafts.append(draft)
        return draft.event_id

    def fact(
        self,
        kind: str,
        *,
        entry: str,
        outcome: Outcome,
        grade: Grade,
        ticket: str | None = None,
        asset: str | None = None,
        valid_until: datetime | None = None,
        detail: JsonMap | None = None,
    ) -> None:
        """Collect a fact that the entry `entry` of this act carries in its data."""
        draft = next((draft for draft in self._drafts if draft.event_id == entry), None)
        if draft is None:
            raise ValueError("a fact belongs to an entry of the same act")
        told = dict(detail or {})
        _refuse_free_text(told)
        carried = draft.data.setdefault("facts", [])
        if not isinstance(carried, list):
            raise TypeError("data.facts is reserved for facts")
        carried.append(fact_document(kind, ticket, asset, valid_until, outcome, grade, told))

    def commitment(self, value: str) -> str:
        """Keep `value` with a fresh salt in a side table and return the hash that an entry may carry."""
        salt = secrets.token_bytes(16)
        digest = hashlib.sha256(salt + value.encode()).hexdigest()
        Commitment.objects.create(digest=digest, salt=salt, value=value)
        return digest

    def after_commit(self, call: Callable[[], None]) -> None:
        """Run `call` once the act is committed: mail, nudges and other effects outside."""
        transaction.on_commit(call)

    def finish(self) -> None:
        """Write the entries, as the last statements of the transaction."""
        if self._drafts:
            self.written = flush(self._log, self.actor, self.at, self._drafts)


def fact_document(
    kind: str,
    ticket: str | None,
    asset: str | None,
    valid_until: datetime | None,
    outcome: Outcome,
    grade: Grade,
    detail: Mapping[str, JsonValue],
) -> dict[str, JsonValue]:
    """Return a fact as the data of its entry carries it."""
    return {
        "kind": kind,
        "ticket": ticket,
        "asset": asset,
        "valid_until": None if valid_until is None else rfc3339(valid_until),
        "outcome": outcome.value,
        "grade": grade.value,
        "detail": dict(detail),
    }


@contextmanager
def act(actor: Actor, clock: Clock) -> Iterator[Act]:
    """Own one durable transaction; entries are flushed at its exit, nothing is written when the body raises.

    Raises NestedAct inside another act, Refused(clock.behind) when the clock is behind the ledger, and
    Refused(ledger.altered) when the ledger is not what this process has read.
    """
    if act_is_open.get():
        raise NestedAct("an act is open already; hand it down instead of opening another")
    with transaction.atomic(durable=True), open_guard():
        take_turn()
        log = ledger_in_turn()
        first, at = log.size, clock.now()
        refuse_backward_clock(at, log.last_at)
        current = Act(actor, clock, at, log)
        yield current
        current.finish()
    log.appended(first, current.written)


def record_refusal(actor: Actor, clock: Clock, decision: Decision, *, rule: str, ticket: str | None = None) -> None:
    """Record that `rule` refused `actor`, in an act of its own; the same refusal within a minute only counts up."""
    with act(actor, clock) as current:
        tally, is_new = RefusalTally.objects.select_for_update().get_or_create(
            actor_id=actor.id, rule=rule, ticket=ticket or "", defaults={"recorded_at": current.at}
        )
        if not is_new and current.at - tally.recorded_at < FOLD_REFUSALS:
            tally.folded += 1
            tally.save(update_fields=["folded"])
            return
        codes: list[JsonValue] = list(decision.codes)
        current.record(
            "act.refused",
            ObjectRef("rule", rule),
            ticket=ticket,
            data={"codes": codes, "folded_before": tally.folded},
        )
        tally.recorded_at, tally.folded = current.at, 0
        tally.save(update_fields=["recorded_at", "folded"])


def openings(digests: Collection[str]) -> dict[str, tuple[bytes, str]]:
    """Return salt and value of these commitments, as far as their openings were not disposed of."""
    found: dict[str, tuple[bytes, str]] = {}
    wanted = sorted(set(digests))
    for start in range(0, len(wanted), 500):
        for row in Commitment.objects.filter(digest__in=wanted[start : start + 500]):
            found[row.digest] = (bytes(row.salt), row.value)
    return found


def row_digest(fields: JsonMap) -> str:
    """Return the SHA-256 (hex) of these fields in canonical form: what an entry says of a guarded row."""
    return hashlib.sha256(encode_fields(fields)).hexdigest()


def encode_fields(fields: JsonMap) -> bytes:
    """Return the canonical bytes of a flat or nested map; free text allowed, since only its hash leaves."""
    return json.dumps(dict(fields), sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _refuse_free_text(value: JsonValue) -> None:
    if isinstance(value, str):
        if not _PLAIN.fullmatch(value):
            raise ValueError(f"an entry carries no free text, no path and no name: {value[:40]!r}")
    elif isinstance(value, list):
        for item in value:
            _refuse_free_text(item)
    elif isinstance(value, dict):
        for item in value.values():
            _refuse_free_text(item)


def parse_fields(content: bytes) -> dict[str, JsonValue]:
    """Return the map that `encode_fields` wrote; ValueError for anything else."""
    value = json.loads(content)
    if not isinstance(value, dict):
        raise TypeError("not a map of fields")
    return value
