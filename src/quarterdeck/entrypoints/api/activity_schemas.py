"""What logins, readings and sealed accounts look like on the wire."""

from datetime import datetime

from ninja import Schema

from quarterdeck.activity.api import BreakGlassView, LoginView, ReadingView
from quarterdeck.entrypoints.api.moments import MomentWithZone


class LoginOut(Schema):
    """A login that matches no ticket; `text` is the log's line with odd characters spelled out."""

    id: str
    asset: str
    ticket: str
    plan: str
    at: datetime
    how: str
    verdict: str
    account: str
    source: str
    text: str
    break_glass: str
    explained_by: str
    explained_at: datetime | None
    explained_ticket: str

    @classmethod
    def of(cls, view: LoginView) -> "LoginOut":
        """Return the wire form of a login."""
        return cls(**{name: getattr(view, name) for name in cls.model_fields})


class ReadingOut(Schema):
    """One reading of a target's log; a `gap` says why it does not tell everything."""

    id: str
    asset: str
    ticket: str
    plan: str
    since: datetime
    until: datetime
    source: str
    gap: str
    said: str
    logins: int
    findings: int

    @classmethod
    def of(cls, view: ReadingView) -> "ReadingOut":
        """Return the wire form of a reading."""
        return cls(**{name: getattr(view, name) for name in cls.model_fields})


class ExplainLoginIn(Schema):
    """Who logged in and why; perhaps the ticket to which it belongs."""

    reason: str
    ticket: str = ""


class BreakGlassOut(Schema):
    """A sealed account of an asset; `ticket` was made of its newest use."""

    id: str
    asset: str
    account: str
    place: str
    state: str
    sealed_by: str
    sealed_at: datetime
    used_at: datetime | None
    due_at: datetime
    overdue: bool
    verified: bool
    ticket: str

    @classmethod
    def of(cls, view: BreakGlassView, at: datetime) -> "BreakGlassOut":
        """Return the wire form of a sealed account."""
        names = [name for name in cls.model_fields if name != "overdue"]
        return cls(**{name: getattr(view, name) for name in names}, overdue=view.is_overdue(at))


class SealIn(Schema):
    """A sealed account to register; never its secret."""

    asset: str
    account: str
    place: str
    due_at: MomentWithZone
    sealed_by: str = ""


class RotateIn(Schema):
    """That a credential was changed and sealed anew: how, where it lies now, when it is changed next."""

    place: str
    due_at: MomentWithZone
    how: str
    sealed_by: str = ""


class SudoRuleOut(Schema):
    """A ticket's sudo rule on one asset; `standing` are rules without an end that sudo lists there."""

    asset: str
    account: str
    state: str
    until: datetime | None
    standing: list[str]
    said: str
