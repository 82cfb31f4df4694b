"""What a reading of a target's log leaves behind: reading, logins without a ticket, commands of sessions.

Row and entry in one act; what the log said lies in artifacts that were stored before, entries hold counts and hashes.
"""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime

from quarterdeck.activity import rules
from quarterdeck.activity.models import LogReading, SessionCommands, UnticketedLogin
from quarterdeck.activity.reading import (
    check_logins,
    commands_digest,
    commands_of,
    find_login,
    login_digest,
    login_view,
    logins,
    reading_view,
)
from quarterdeck.activity.sealing import note_use
from quarterdeck.activity.terms import Gap, Judged, LoginView, ReadingView, Verdict, Witnessed
from quarterdeck.evidence.api import Act, ArtifactRef, Grade, ObjectRef, Outcome
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.ids import new_id
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets


def record_reading(
    act: Act,
    *,
    asset: str,
    since: datetime,
    judged: Sequence[Judged],
    source: str,
    gap: Gap,
    said: str,
    document: ArtifactRef | None,
    ticket: str = "",
    plan: str = "",
) -> ReadingView:
    """Record a reading with its new findings; the fact says whether every login of the asset is explained.

    A login that was told before, or is ticketed, is no new finding. The fact is *unknown* while the log has a gap, and
    graded attached where the log is a file that a person handed in: what that does not show may have happened.
    """
    row = LogReading(
        id=new_id("lr"),
        asset=asset,
        ticket_id=ticket or None,
        plan=plan,
        since=since,
        until=act.at,
        source=source,
        gap=gap.value,
        said=said[:1000],
        logins=len(judged),
        document_sha256="" if document is None else document.sha256,
    )
    new = _new_findings(asset, judged)
    row.findings = len(new)
    _record_read(act, row, document)
    for fingerprint, one in new.items():
        _found(act, row, fingerprint, one)
    _tell(act, asset, row.entry, gap, ticket)
    return reading_view(row)


def _whole(asset: str) -> Gap:
    """Return the gap of the asset's newest reading by ourselves."""
    newest = LogReading.objects.filter(asset=asset).exclude(gap=Gap.SHIPPED.value).order_by("-until", "-id").first()
    return Gap.SHIPPED if newest is None else Gap(newest.gap)


def _record_read(act: Act, row: LogReading, document: ArtifactRef | None) -> None:
    row.entry = act.record(
        "target_log.read",
        ObjectRef("target_log", row.id),
        ticket=row.ticket_id,
        data={
            "asset": row.asset,
            "plan": row.plan,
            "since": rfc3339(row.since),
            "gap": row.gap,
            "logins": row.logins,
            "findings": row.findings,
        },
        artifacts=() if document is None else (document,),
    )
    row.save(force_insert=True)


def _new_findings(asset: str, judged: Sequence[Judged]) -> dict[str, Judged]:
    """Findings by fingerprint, without those that were told before; use of a sealed account always counts."""
    found = {_fingerprint(one): one for one in judged if one.verdict is not Verdict.TICKETED or one.break_glass}
    told = UnticketedLogin.objects.filter(asset=asset, fingerprint__in=list(found)).values_list(
        "fingerprint", flat=True
    )
    return {fingerprint: one for fingerprint, one in found.items() if fingerprint not in set(told)}


def _fingerprint(one: Judged) -> str:
    login = one.login
    return hashlib.sha256(f"{login.at.timestamp():.0f}|{login.pid}|{login.text}".encode()).hexdigest()


def _found(act: Act, reading: LogReading, fingerprint: str, one: Judged) -> None:
    login = one.login
    row = UnticketedLogin(
        id=new_id("lo"),
        reading=reading,
        asset=reading.asset,
        fingerprint=fingerprint,
        at=login.at,
        how=login.how.value,
        verdict=one.verdict.value,
        account=login.account,
        source=login.source,
        text=login.text,
        break_glass=one.break_glass,
    )
    row.entry = act.record(
        "login.found",
        ObjectRef("login", row.id),
        ticket=reading.ticket_id,
        data={
            "asset": row.asset,
            "at": rfc3339(row.at),
            "how": row.how,
            "verdict": row.verdict,
            "break_glass": row.break_glass,
            "reading": reading.id,
            "row": login_digest(login_view(row)),
        },
    )
    row.save(force_insert=True)
    if one.break_glass:
        note_use(act, one.break_glass, login.at)


def _tell(act: Act, asset: str, entry: str, gap: Gap, ticket: str) -> None:
    waiting = len(logins(asset=asset, open_only=True))
    known = Outcome.PASSED if gap is Gap.NONE else Outcome.UNKNOWN
    act.fact(
        "logins.ticketed",
        entry=entry,
        outcome=Outcome.FAILED if waiting else known,
        grade=Grade.ATTACHED if gap is Gap.SHIPPED else Grade.CAPTURED,
        ticket=ticket or None,
        asset=asset,
        detail={"open": waiting, "gap": gap.value},
    )


def explain_login(
    act: Act, login_id: str, *, reason: str, document: ArtifactRef, workers: Collection[str], ticket: str = ""
) -> LoginView:
    """Explain a login in a person's words, stored before as `document`, perhaps by naming the ticket it belongs to.

    `workers` are those who worked on the asset at that time: they explain nothing (3.1.4). Refused with every reason.
    """
    row = find_login(login_id, lock=True)
    rules.may_explain(
        act.actor.id,
        personnel.roles_of(act.actor.id, act.at),
        workers,
        is_person=act.actor.is_person,
        is_open=not row.explained_by,
        reason=reason,
    ).require()
    check_logins(row.asset).require()
    if ticket:
        tickets.ticket(ticket)
    row.explained_by, row.explained_at, row.explained_ticket = act.actor.id, act.at, ticket
    row.reason_sha256 = document.sha256
    entry = act.record(
        "login.explained",
        ObjectRef("login", row.id),
        data={"asset": row.asset, "ticket": ticket, "row": login_digest(login_view(row))},
        artifacts=(document,),
    )
    row.save()
    _tell(act, row.asset, entry, _whole(row.asset), "")
    return login_view(row)


def record_witnessed(
    act: Act, ticket: str, told: Witnessed, document: ArtifactRef | None, *, shipped: str = ""
) -> bool:
    """Record what the target's log says of a session; what was known before is never replaced by *not available*.

    `shipped` is the SHA-256 of a log file that a person handed in: graded attached, and it never replaces what was read
    from the target itself. Returns whether it was recorded.
    """
    row = SessionCommands.objects.filter(session=told.session).first()
    if row is not None and row.sources and (not told.available or (shipped and not row.attached)):
        return False
    row = row or SessionCommands(session=told.session)
    row.ticket_id, row.sources, row.count = ticket, list(told.sources), len(told.commands)
    row.exact, row.said, row.at = told.exact, told.said[:1000], act.at
    row.document_sha256 = "" if document is None else document.sha256
    row.attached, row.entry = bool(shipped), ""
    row.save()
    seen = commands_of(told.session)
    assert seen is not None  # noqa: S101  it was saved above
    row.entry = act.record(
        "session.witnessed",
        ObjectRef("session", told.session),
        ticket=ticket,
        data={
            "sources": list(told.sources),
            "commands": row.count,
            "exact": row.exact,
            **({"shipped": shipped} if shipped else {}),
            "row": commands_digest(seen),
        },
        artifacts=() if document is None else (document,),
    )
    row.save(update_fields=["entry"])
    act.fact(
        "commands.witnessed",
        entry=row.entry,
        outcome=Outcome.PASSED if told.available else Outcome.UNKNOWN,
        grade=Grade.ATTACHED if shipped else Grade.CAPTURED,
        ticket=ticket,
        detail={"session": told.session, "commands": row.count},
    )
    return True
