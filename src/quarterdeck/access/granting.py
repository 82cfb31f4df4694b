"""The acts on grants: give, bind a certificate, take away, end, begin a new epoch. Row and entry in one act."""

import hashlib
import re
from datetime import datetime, timedelta

from quarterdeck.access import rules
from quarterdeck.access.certificates import certificate_blob, read_certificate, read_public_key
from quarterdeck.access.models import AccessEpoch, AccessGrant
from quarterdeck.access.plan_reading import find as find_plan
from quarterdeck.access.plan_reading import may_monitor
from quarterdeck.access.reading import check_row, current_epoch, sealed_fields, view
from quarterdeck.access.revocation_reading import not_revoked
from quarterdeck.access.terms import ENTERING, EPOCH_EVENT, SERIAL_EVENT, GrantState, GrantView, Purpose
from quarterdeck.evidence.api import Act, Grade, JsonValue, ObjectRef, Outcome, row_digest
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse
from quarterdeck.kernel.ids import new_id
from quarterdeck.kernel.windows import Window
from quarterdeck.tickets import api as tickets

_REASON = re.compile(r"[a-z][a-z0-9_.]{1,39}", re.ASCII)


def create_grant(
    act: Act,
    *,
    ticket: str,
    person: str,
    asset: str,
    connection: str,
    purpose: Purpose,
    public_key: str,
    valid_from: datetime,
    valid_until: datetime,
    collector_sha256: str = "",
) -> GrantView:
    """Give access: one grant for one account of one asset of the ticket, and the entry `access.granted`.

    For work the actor is the person, stepped up, and the ticket admits them now (800-171A 3.7.5[a], 3.1.5[b]); for
    measure the actor is one of our processes. For a run the actor is the person too, and access may begin later in the
    window: the ticket is asked again at every use. Raises Refused with every reason, ValueError for a bad key.
    """
    all_of((rules.stands_under_a_ticket(purpose), rules.names_a_ticket(ticket))).require()
    key = read_public_key(public_key)
    seen = tickets.lock(act, ticket)
    _may_grant(act, seen.window, ticket, person, asset, purpose, valid_from, valid_until, collector_sha256).require()
    if not any(place.asset_id == asset and place.connection_id == connection for place in seen.assets):
        raise Refused(
            refuse(
                "access.not_in_ticket",
                "This asset, reached in this way, is not part of the ticket.",
                "Name an asset of the ticket, or have a ticket approved that includes it.",
            )
        )
    row = AccessGrant(
        id=new_id("ag"),
        ticket_id=ticket,
        person=person,
        asset=asset,
        connection=connection,
        purpose=purpose.value,
        public_key=key.line,
        fingerprint=key.fingerprint,
        valid_from=valid_from,
        valid_until=valid_until,
        window_until=max(seen.window.until, valid_until) if purpose is Purpose.MEASURE else seen.window.until,
        epoch=current_epoch(),
        collector_sha256=collector_sha256,
        mfa_at=act.actor.mfa_at if purpose in ENTERING else None,
    )
    return _given(act, row)


def create_monitor_grant(act: Act, plan: str, *, public_key: str, lasting: timedelta) -> GrantView:
    """Give one of our processes access under an approved monitoring plan; asset, place and collector are the plan's.

    Raises Refused with every reason why the plan does not allow it now, ValueError for a bad key.
    """
    key = read_public_key(public_key)
    under = find_plan(plan, lock=True)
    until = min(act.at + lasting, under.valid_until)
    all_of(
        (
            rules.may_measure(act.actor, Purpose.MONITOR, under.collector_sha256),
            may_monitor(
                plan,
                asset=under.asset_id,
                connection=under.connection_id,
                collector_sha256=under.collector_sha256,
                at=act.at,
            ),
            rules.has_allowed_span(Purpose.MONITOR, act.at, until, Window(under.proposed_at, under.valid_until)),
        )
    ).require()
    row = AccessGrant(
        id=new_id("ag"),
        plan_id=plan,
        asset=under.asset_id,
        connection=under.connection_id,
        purpose=Purpose.MONITOR.value,
        public_key=key.line,
        fingerprint=key.fingerprint,
        valid_from=act.at,
        valid_until=until,
        window_until=under.valid_until,
        epoch=current_epoch(),
        collector_sha256=under.collector_sha256,
    )
    return _given(act, row)


def bind_certificate(act: Act, grant_id: str, serial: int, cert_sha256: str) -> GrantView:
    """Bind the one certificate that the signer made for this grant; Refused when another is bound already."""
    row = _active_row(grant_id)
    if row.serial is not None:
        raise Refused(
            refuse(
                "access.already_bound",
                "This access grant has its certificate already.",
                "Take access again to get a new certificate.",
            )
        )
    row.serial, row.cert_sha256 = serial, cert_sha256
    row.save(update_fields=["serial", "cert_sha256"])
    bound = view(row)
    _record(act, "access.certificate_bound", bound, {"serial": serial, "cert_sha256": cert_sha256})
    return bound


def bind_certificate_line(act: Act, grant_id: str, line: str) -> GrantView:
    """Bind the certificate of this OpenSSH line, see `bind_certificate`; ValueError when it is no certificate."""
    blob = certificate_blob(line)
    return bind_certificate(act, grant_id, read_certificate(blob).serial, hashlib.sha256(blob).hexdigest())


def record_serial(act: Act, grant_id: str, serial: int, cert_sha256: str, *, session: str = "") -> str:
    """Enter a target certificate that was signed under a grant, so that its serial is explained; return event id."""
    row = AccessGrant.objects.get(id=grant_id)
    data: dict[str, JsonValue] = {"serial": serial, "cert_sha256": cert_sha256, "session": session}
    return act.record(SERIAL_EVENT, ObjectRef("access_grant", grant_id), ticket=row.ticket_id, data=data)


def revoke(act: Act, grant_id: str, reason: str, words: str = "") -> GrantView:
    """Take one grant away at once; one that is over already stays as it is. `words` are what a person says of it."""
    return _finish(act, grant_id, GrantState.REVOKED, reason, words)


def end_grant(act: Act, grant_id: str, reason: str) -> GrantView:
    """End one grant that is no longer needed; a grant that is over already stays as it is."""
    return _finish(act, grant_id, GrantState.ENDED, reason)


def revoke_for(
    act: Act,
    *,
    reason: str,
    ticket: str | None = None,
    person: str | None = None,
    asset: str | None = None,
    plan: str | None = None,
) -> list[GrantView]:
    """Revoke every active grant of a ticket, person, asset or monitoring plan (one must be named); return those.

    With a ticket the fact `access.revoked` is recorded as well: nothing of it is active any more (3.7.5[b]).
    """
    given_under = (("ticket", ticket), ("person", person), ("asset", asset), ("plan", plan))
    named = {name: value for name, value in given_under if value is not None}
    if not named:
        raise ValueError("name a ticket, a person, an asset or a plan")
    ids = AccessGrant.objects.filter(state=GrantState.ACTIVE.value, **named).order_by("id").values_list("id", flat=True)
    revoked = [_finish(act, grant_id, GrantState.REVOKED, reason) for grant_id in ids]
    if ticket is not None and person is None and asset is None:
        given = AccessGrant.objects.filter(ticket=ticket).count()
        entry = act.record(
            "access.withdrawn",
            ObjectRef("ticket", ticket),
            ticket=ticket,
            data={"revoked": len(revoked), "given": given, "reason": reason},
        )
        act.fact("access.revoked", entry=entry, outcome=Outcome.PASSED, grade=Grade.CAPTURED, ticket=ticket)
    return revoked


def begin_epoch(act: Act, reason: str) -> int:
    """Void all grants given so far by beginning a new epoch (after a restore); return its number.

    The number follows the clock, so that an old copy that is restored twice never meets an epoch again.
    """
    _checked_reason(reason)
    number = max(current_epoch() + 1, int(act.at.timestamp()))
    AccessEpoch.objects.update_or_create(id=1, defaults={"number": number, "begun_at": act.at})
    act.record(EPOCH_EVENT, ObjectRef("access_epoch", "1"), data={"epoch": number, "reason": reason})
    return number


def _may_grant(
    act: Act,
    window: Window,
    ticket: str,
    person: str,
    asset: str,
    purpose: Purpose,
    valid_from: datetime,
    valid_until: datetime,
    collector_sha256: str,
) -> Decision:
    span = rules.has_allowed_span(purpose, valid_from, valid_until, window)
    if purpose is Purpose.WORK:
        who = rules.may_take_work(act.actor, person, act.at)
        ticket_says = all_of((tickets.may_admit(ticket, person, asset, act.at), not_revoked(person, ticket)))
    elif purpose is Purpose.RUN:
        who = all_of((rules.may_take_work(act.actor, person, act.at), rules.names_runbook(collector_sha256)))
        may_run = tickets.may_order_run(ticket, person, asset, collector_sha256, act.at)
        ticket_says = all_of((may_run, not_revoked(person, ticket)))
    else:
        who = rules.may_measure(act.actor, purpose, collector_sha256)
        ticket_says = tickets.may_measure(ticket, asset)
    return Decision((*who.reasons, *ticket_says.reasons, *span.reasons))


def _finish(act: Act, grant_id: str, state: GrantState, reason: str, words: str = "") -> GrantView:
    _checked_reason(reason)
    row = AccessGrant.objects.select_for_update().get(id=grant_id)
    if row.state != GrantState.ACTIVE.value:
        return view(row)
    row.state, row.ended_at, row.end_reason = state.value, act.at, reason
    row.save(update_fields=["state", "ended_at", "end_reason"])
    over = view(row)
    said: dict[str, JsonValue] = {"words": act.commitment(words)} if words else {}
    _record(act, f"access.{state.value}", over, {"reason": reason, **said})
    return over


def _active_row(grant_id: str) -> AccessGrant:
    row = AccessGrant.objects.select_for_update().get(id=grant_id)
    check_row(view(row)).require()
    rules.is_active(GrantState(row.state), row.end_reason).require()
    return row


def _given(act: Act, row: AccessGrant) -> GrantView:
    row.save(force_insert=True)
    given = view(row)
    under: dict[str, JsonValue] = {"plan": given.plan} if given.plan else {}
    if given.mfa_at is not None:
        under |= {"mfa_at": rfc3339(given.mfa_at), "factor": act.actor.factor or "not_said"}
        under["security_key"] = given.public_key.startswith("sk-")
    entry = _record(
        act,
        "access.granted",
        given,
        {
            "asset": given.asset,
            "connection": given.connection,
            "person": given.person,
            "purpose": given.purpose.value,
            "valid_from": rfc3339(given.valid_from),
            "valid_until": rfc3339(given.valid_until),
            "epoch": given.epoch,
            "collector_sha256": given.collector_sha256,
            **under,
        },
    )
    if given.purpose in ENTERING:
        _passed(act, "access.granted", entry, given, valid_until=given.valid_until)
        _passed(act, "mfa.used", entry, given)
    return given


def _passed(act: Act, kind: str, entry: str, given: GrantView, *, valid_until: datetime | None = None) -> None:
    act.fact(
        kind,
        entry=entry,
        outcome=Outcome.PASSED,
        grade=Grade.CAPTURED,
        ticket=given.ticket,
        asset=given.asset,
        valid_until=valid_until,
    )


def _record(act: Act, event: str, about: GrantView, data: dict[str, JsonValue]) -> str:
    told: dict[str, JsonValue] = {**data, "row_digest": row_digest(sealed_fields(about))}
    return act.record(event, ObjectRef("access_grant", about.id), ticket=about.ticket or None, data=told)


def _checked_reason(reason: str) -> None:
    if _REASON.fullmatch(reason) is None:
        raise ValueError("a reason is a short code like ticket.closed")
