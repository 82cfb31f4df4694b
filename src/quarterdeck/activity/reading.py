"""Rows of activity as values, and whether they are what the ledger says."""

from datetime import datetime

from quarterdeck.activity import rules
from quarterdeck.activity.models import BreakGlass, LogReading, SessionCommands, UnticketedLogin
from quarterdeck.activity.terms import (
    BreakGlassView,
    CommandsView,
    Gap,
    How,
    LoginView,
    ReadingView,
    SealState,
    Verdict,
)
from quarterdeck.evidence.api import JsonValue, ObjectRef, last_entry, row_digest
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse

LOGIN_EVENTS = ("login.found", "login.explained")
SEAL_EVENTS = ("break_glass.sealed", "break_glass.used", "break_glass.rotated", "break_glass.retired",
               "break_glass.verified", "break_glass.ticketed")  # fmt: skip


def reading_view(row: LogReading) -> ReadingView:
    """Return a reading as a value."""
    return ReadingView(
        id=row.id,
        asset=row.asset,
        ticket=row.ticket_id or "",
        plan=row.plan,
        since=row.since,
        until=row.until,
        source=row.source,
        gap=Gap(row.gap),
        said=row.said,
        logins=row.logins,
        findings=row.findings,
        document=row.document_sha256,
        entry=row.entry,
    )


def login_view(row: UnticketedLogin) -> LoginView:
    """Return a login as a value."""
    return LoginView(
        id=row.id,
        asset=row.asset,
        ticket=row.reading.ticket_id or "",
        plan=row.reading.plan,
        at=row.at,
        how=How(row.how),
        verdict=Verdict(row.verdict),
        account=row.account,
        source=row.source,
        text=row.text,
        break_glass=row.break_glass,
        explained_by=row.explained_by,
        explained_at=row.explained_at,
        explained_ticket=row.explained_ticket,
        reason_sha256=row.reason_sha256,
        entry=row.entry,
    )


def break_glass_view(row: BreakGlass) -> BreakGlassView:
    """Return a sealed account as a value."""
    return BreakGlassView(
        id=row.id,
        asset=row.asset_id,
        account=row.account,
        place=row.place,
        state=SealState(row.state),
        sealed_by=row.sealed_by,
        sealed_at=row.sealed_at,
        used_at=row.used_at,
        due_at=row.due_at,
        verified=row.verified,
        entry=row.entry,
        ticket=row.ticket,
    )


def readings(*, asset: str = "", ticket: str = "", plan: str = "", limit: int = 0) -> list[ReadingView]:
    """Return readings, newest first."""
    rows = LogReading.objects.order_by("-until", "-id")
    for name, value in (("asset", asset), ("ticket_id", ticket), ("plan", plan)):
        rows = rows.filter(**{name: value}) if value else rows
    return [reading_view(row) for row in (rows[:limit] if limit else rows)]


def logins(*, asset: str = "", open_only: bool = False) -> list[LoginView]:
    """Return logins without a ticket, newest first; only those that nobody explained where asked."""
    rows = UnticketedLogin.objects.select_related("reading").order_by("-at", "-pk")
    rows = rows.filter(asset=asset) if asset else rows
    rows = rows.filter(explained_by="") if open_only else rows
    return [login_view(row) for row in rows]


def login(login_id: str) -> LoginView:
    """Return one login; Refused(login.unknown)."""
    return login_view(find_login(login_id))


def find_login(login_id: str, *, lock: bool = False) -> UnticketedLogin:
    """Return the row, locked for the act where asked; Refused(login.unknown)."""
    rows = UnticketedLogin.objects.select_related("reading")
    rows = UnticketedLogin.objects.select_for_update() if lock else rows
    row = rows.filter(id=login_id).first()
    if row is None:
        raise Refused(refuse("login.unknown", "There is no such login.", "See the list of logins."))
    return row


def commands_of(session: str) -> CommandsView | None:
    """Return what is known of a session's commands, None before the target's log was read."""
    row = SessionCommands.objects.filter(session=session).first()
    if row is None:
        return None
    return CommandsView(
        session=row.session,
        ticket=row.ticket_id,
        sources=tuple(row.sources),
        count=row.count,
        exact=row.exact,
        said=row.said,
        document=row.document_sha256,
        at=row.at,
        entry=row.entry,
        attached=row.attached,
    )


def check_commands(seen: CommandsView) -> Decision:
    """Return whether the row about a session's commands is what the ledger says."""
    sealed = last_entry(["session.witnessed"], object=ObjectRef("session", seen.session))
    return rules.row_is_sealed(commands_digest(seen), None if sealed is None else sealed.data.get("row"))


def commands_digest(seen: CommandsView) -> str:
    """Return the digest of what is known of a session's commands."""
    return row_digest(
        {
            "session": seen.session,
            "ticket": seen.ticket,
            "sources": list(seen.sources),
            "count": seen.count,
            "exact": seen.exact,
            "said": seen.said,
            "document": seen.document,
            **({"attached": True} if seen.attached else {}),
        }
    )


def login_digest(seen: LoginView) -> str:
    """Return the digest of a login's fields, its explanation included."""
    fields: dict[str, JsonValue] = {
        name: getattr(seen, name)
        for name in ("asset", "account", "source", "text", "break_glass", "explained_by", "explained_ticket",
                     "reason_sha256")
    }  # fmt: skip
    return row_digest(fields | {"at": rfc3339(seen.at), "how": seen.how.value, "verdict": seen.verdict.value})


def check_logins(asset: str) -> Decision:
    """Return whether every login of the asset is what its newest entry says."""
    return all_of(check_login(one) for one in logins(asset=asset))


def check_login(seen: LoginView) -> Decision:
    """Return whether one login is what its newest entry says."""
    sealed = last_entry(LOGIN_EVENTS, object=ObjectRef("login", seen.id))
    return rules.row_is_sealed(login_digest(seen), None if sealed is None else sealed.data.get("row"))


def sealed_accounts(asset: str) -> dict[str, str]:
    """Return the break-glass accounts of an asset by name."""
    return {one.account: one.id for one in break_glasses(asset)}


def break_glasses(asset: str = "", *, retired: bool = False) -> list[BreakGlassView]:
    """Return sealed accounts, of one asset or all; retired ones only where asked."""
    rows = BreakGlass.objects.order_by("asset_id", "sealed_at")
    rows = rows.filter(asset_id=asset) if asset else rows
    rows = rows if retired else rows.exclude(state=SealState.RETIRED.value)
    return [break_glass_view(row) for row in rows]


def break_glass(seal_id: str) -> BreakGlassView:
    """Return one sealed account; Refused(break_glass.unknown)."""
    return break_glass_view(find_seal(seal_id))


def find_seal(seal_id: str, *, lock: bool = False) -> BreakGlass:
    """Return the row, locked for the act where asked; Refused(break_glass.unknown)."""
    rows = BreakGlass.objects.select_for_update() if lock else BreakGlass.objects.all()
    row = rows.filter(id=seal_id).first()
    if row is None:
        raise Refused(refuse("break_glass.unknown", "There is no such sealed account.", "See the asset's page."))
    return row


def seal_digest(seen: BreakGlassView) -> str:
    """Return the digest of a sealed account's fields."""
    moments: dict[str, JsonValue] = {
        name: None if (at := getattr(seen, name)) is None else rfc3339(at)
        for name in ("sealed_at", "used_at", "due_at")
    }
    plain = {name: getattr(seen, name) for name in ("id", "asset", "account", "place", "sealed_by", "verified")}
    ticket: dict[str, JsonValue] = {"ticket": seen.ticket} if seen.ticket else {}  # rows of before keep their digest
    return row_digest({**moments, **plain, **ticket, "state": seen.state.value})


def check_seal(seen: BreakGlassView) -> Decision:
    """Return whether a sealed account is what its newest entry says."""
    sealed = last_entry(SEAL_EVENTS, object=ObjectRef("break_glass", seen.id))
    return rules.row_is_sealed(seal_digest(seen), None if sealed is None else sealed.data.get("row"))


def last_read_until(asset: str) -> datetime | None:
    """Return until when the asset's log was last read without its being missing altogether."""
    unread = [Gap.NOT_READ.value, Gap.NO_LOG.value, Gap.SHIPPED.value]
    rows = LogReading.objects.filter(asset=asset).exclude(gap__in=unread)
    newest = rows.order_by("-until").first()
    return None if newest is None else newest.until
