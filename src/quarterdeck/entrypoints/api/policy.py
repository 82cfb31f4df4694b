"""The policy over the wire: read by all, changed by the IT lead with a reason and a fresh second factor."""

from datetime import datetime, timedelta

from django.http import HttpRequest
from ninja import Field, Router, Schema
from pydantic import StrictBool, StrictInt

from quarterdeck import wiring
from quarterdeck.entrypoints.api.callers import actor_of
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import PolicyRow, RowTerms
from quarterdeck.workflows import keep_policy

router = Router(tags=["policy"])
ANSWERS = {401: RefusedOut, 403: RefusedOut, 409: RefusedOut, 422: RefusedOut}
_MOST_MINUTES = 527_040


class RowOut(Schema):
    """One row: a hold point, the work and assets that it is about, and what it asks for."""

    hold_point: str
    label: str
    before: str
    asset_class: str
    work_classes: list[str]
    maintenance_types: list[str]
    methods: list[str]
    risks: list[str]
    fact_kinds: list[str]
    maximum_age_minutes: int | None
    minimum_grade: str
    deferrable: bool
    flag_only: bool


class PolicyOut(Schema):
    """Version, settings and rows in force."""

    version: int
    settings: dict[str, bool | int]
    rows: list[RowOut]


class PolicyNowOut(PolicyOut):
    """The version that was just adopted, the tickets to freeze anew, and open work that admits no new session."""

    freeze_anew: list[str]
    no_new_sessions: list[str]


class ChangeOut(Schema):
    """One difference to the version before; `term` is empty for a setting."""

    about: str
    term: str
    before: str
    after: str


class AdoptedOut(Schema):
    """One version: who adopted it when and why; `sealed` is false when its row is not what the ledger says."""

    version: int
    at: datetime
    by: str
    reason: str
    changes: list[ChangeOut]
    sealed: bool


class SettingIn(Schema):
    """The value that a setting shall have, and why; `seen` is the version that was looked at, where one was."""

    value: StrictBool | StrictInt
    reason: str = Field(max_length=4_000)
    seen: int | None = None


class RowIn(Schema):
    """What shall be said anew of a row, and why; what is left out stays, an empty list means all, age 0 no limit."""

    asset_class: str | None = None
    work_classes: list[str] | None = None
    maintenance_types: list[str] | None = None
    methods: list[str] | None = None
    risks: list[str] | None = None
    maximum_age_minutes: int | None = Field(default=None, ge=0, le=_MOST_MINUTES)
    minimum_grade: str | None = None
    deferrable: bool | None = None
    flag_only: bool | None = None
    reason: str = Field(max_length=4_000)
    seen: int | None = None

    def terms(self) -> RowTerms:
        """Return the terms that are to change."""
        age = self.maximum_age_minutes
        return RowTerms(
            asset_class=self.asset_class,
            work_classes=_words(self.work_classes),
            maintenance_types=_words(self.maintenance_types),
            methods=_words(self.methods),
            risks=_words(self.risks),
            maximum_age=None if age is None else timedelta(minutes=age),
            minimum_grade=self.minimum_grade,
            deferrable=self.deferrable,
            flag_only=self.flag_only,
        )


def _words(said: list[str] | None) -> tuple[str, ...] | None:
    return None if said is None else tuple(said)


def _in_force() -> PolicyOut:
    found = tickets.policy()
    told = {**tickets.DEFAULT_SETTINGS, **found.settings}
    settings = {name: value for name, value in told.items() if isinstance(value, bool | int)}
    return PolicyOut(version=found.version, settings=settings, rows=[_row(row) for row in found.rows])


def _adopted() -> PolicyNowOut:
    hit = keep_policy.hit_by_change()
    told = _in_force().model_dump()
    return PolicyNowOut(**told, freeze_anew=hit.freeze_anew, no_new_sessions=hit.no_new_sessions)


def _row(row: PolicyRow) -> RowOut:
    point = tickets.HOLD_POINTS[row.hold_point]
    age = row.maximum_age
    return RowOut(
        hold_point=row.hold_point,
        label=point.label,
        before=point.before.value,
        asset_class=row.asset_class,
        work_classes=list(row.work_classes),
        maintenance_types=list(row.maintenance_types),
        methods=list(row.methods),
        risks=list(row.risks),
        fact_kinds=list(row.fact_kinds),
        maximum_age_minutes=None if age is None else int(age.total_seconds()) // 60,
        minimum_grade=row.minimum_grade,
        deferrable=row.deferrable,
        flag_only=row.flag_only,
    )


@router.get("", response={200: PolicyOut, **ANSWERS})
def show_policy(request: HttpRequest) -> PolicyOut:
    """Return the settings and rows in force."""
    actor_of(request)
    return _in_force()


@router.get("/history", response={200: list[AdoptedOut], **ANSWERS})
def policy_history(request: HttpRequest) -> list[AdoptedOut]:
    """Return every version, newest first, with its reason and what it changed."""
    actor_of(request)
    return [
        AdoptedOut(
            version=one.version,
            at=one.at,
            by=one.by,
            reason=one.reason,
            changes=[
                ChangeOut(about=it.about, term=it.term, before=_plain(it.before), after=_plain(it.after))
                for it in one.changes
            ],
            sealed=one.sealed,
        )
        for one in tickets.policy_history()
    ]


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


@router.post("/rows/{hold_point}", response={200: PolicyNowOut, **ANSWERS})
def change_row(request: HttpRequest, hold_point: str, body: RowIn) -> PolicyNowOut:
    """Adopt the policy with one hold point's row changed; returns the tickets whose approvals are void now."""
    actor = actor_of(request, "write")
    keep_policy.change_row(actor, wiring.clock(), hold_point, body.terms(), reason=body.reason, seen=body.seen)
    return _adopted()


@router.post("/{name}", response={200: PolicyNowOut, **ANSWERS})
def change_setting(request: HttpRequest, name: str, body: SettingIn) -> PolicyNowOut:
    """Adopt the policy with one setting changed; returns the tickets whose approvals are void now."""
    actor = actor_of(request, "write")
    keep_policy.change_setting(actor, wiring.clock(), name, body.value, reason=body.reason, seen=body.seen)
    return _adopted()
