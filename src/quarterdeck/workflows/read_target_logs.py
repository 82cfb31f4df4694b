"""Reading what a target's own logs say: logins without a ticket, commands of sessions, passwords that were changed.

Runs under the same authority as a measurement, after the work of a ticket and with every run of a monitoring plan.
What cannot be read is recorded as a gap; nothing here keeps a measurement or a ticket from going on.
"""

import io
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import BinaryIO

from quarterdeck.access import api as access
from quarterdeck.access.api import RuleState
from quarterdeck.activity import api as activity
from quarterdeck.activity.api import Gap, KnownSerial, Span, TargetLog, Witnessed
from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import MeasureChannel, MonitorChannel
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import ArtifactRef, act
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock, rfc3339
from quarterdeck.kernel.decision import Refused
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import EndReason, SessionKind, SessionView, Work
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.account_for_use import make_tickets

OVERLAP = timedelta(minutes=10)
_UNREADABLE = (baselines.MeasureFailed, baselines.BadOutput, ValueError, KeyError, OverflowError)
_NO_CONNECTION = 255  # the exit status by which ssh says that it never got in


@dataclass(frozen=True, slots=True)
class Reader:
    """One place whose log is read: under which authority, how, and by whose certificates its logins are ticketed."""

    asset: str
    connection: str
    collecting: Callable[..., AbstractContextManager[BinaryIO]]
    authority: str
    ticket: str = ""
    plan: str = ""

    def own_serial(self) -> int | None:
        """Return the serial of the certificate by which the log was just read."""
        found = access.grants(plan=self.plan) if self.plan else access.grants(ticket=self.ticket)
        mine = [one for one in found if one.purpose not in access.ENTERING and one.asset == self.asset]
        return mine[-1].serial if mine else None


def read_for_ticket(actor: Actor, clock: Clock, number: str, channel: MeasureChannel, authority: str) -> list[str]:
    """Read the logs of every asset of a ticket since it opened; return a sentence for each finding and each gap."""
    view = tickets.ticket(number)
    remarks: list[str] = []
    for place in view.assets:
        if not place.connection_id:
            continue
        collecting = partial(channel.run, ticket=number, asset_id=place.asset_id, connection_id=place.connection_id)
        reader = Reader(place.asset_id, place.connection_id, collecting, authority, ticket=number)
        since = (view.opened_at or view.window.from_) - OVERLAP
        remarks += _read(actor, clock, reader, since)
    return remarks


def read_for_plan(
    actor: Actor, clock: Clock, plan: access.PlanView, channel: MonitorChannel, authority: Callable[[], str]
) -> list[str]:
    """Read the log of a plan's asset since it was last read, or since the plan came into force.

    While nobody tells our authority's key (the signer is gone) no login can be told apart: that is a gap.
    """
    since = (activity.last_read_until(plan.asset) or plan.state_at) - OVERLAP
    reader = Reader(plan.asset, plan.connection, partial(channel.run, plan=plan.id), "", plan=plan.id)
    try:
        reader = replace(reader, authority=authority())
    except Refused as refused:
        _record_unread(actor, clock, reader, since, str(refused))
        return [str(refused)]
    return _read(actor, clock, reader, since)


def _read(actor: Actor, clock: Clock, reader: Reader, since: datetime) -> list[str]:
    host = inventory.asset(reader.asset).hostname
    account = inventory.connection(reader.connection).target_account
    try:
        document, log = _asked(clock, reader, since, account)
    except _UNREADABLE as error:
        said = str(error) or "The target's answer is not understood."
        _record_unread(actor, clock, reader, since, said)
        return [f"The logs of {host} were not read: {said}"]
    known = known_serials(since)
    worked = sessions_of(reader.asset, since)
    judged = activity.judge(
        log.logins,
        known,
        asset=reader.asset,
        authority=access.read_public_key(reader.authority).fingerprint,
        offset=log.offset,
        sealed_accounts=activity.sealed_accounts(reader.asset),
    )
    gap, said = activity.gap_of(log, own_serial=reader.own_serial(), awaited=_awaited(worked, known))
    told = _witnessed(reader, worked, known, log)
    kept = keep_commands(reader.asset, told)
    with act(actor, clock) as current:
        seen = activity.record_reading(
            current, asset=reader.asset, since=since, judged=judged, source=log.source, gap=gap, said=said,
            document=document, ticket=reader.ticket, plan=reader.plan,
        )  # fmt: skip
        for one in told:
            activity.record_witnessed(current, reader.ticket, one, kept.get(one.session))
        for account_, seal in activity.sealed_accounts(reader.asset).items():
            if account_ in log.password_days:
                activity.verify_rotation(current, seal, log.password_days[account_])
        made = make_tickets(current, reader.asset)
    found = [f"The sealed account of {host} was used: {number} was made of it." for number in made]
    found += [f"{seen.findings} login(s) on {host} match no ticket; see the findings."] if seen.findings else []
    return found + ([f"The login log of {host}: {said}"] if gap is not Gap.NONE else [])


def _asked(clock: Clock, reader: Reader, since: datetime, account: str) -> tuple[ArtifactRef, TargetLog]:
    if inventory.connection(reader.connection).platform is not inventory.Platform.UNIX:
        raise baselines.MeasureFailed("Logs are read over SSH from Unix only; attach those of this system.")
    arguments = ["logs", f"account={account}", f"since={max(int(since.timestamp()), 0)}"]
    with reader.collecting(arguments=arguments, stdin=baselines.collector_bytes()) as output:
        received = baselines.receive(output, io.BytesIO(), arguments=arguments, sha256=baselines.collector_sha256())
    log = activity.target_log(received.document, account=account, since=since, now=clock.now())
    document = evidence.store_artifact(
        json.dumps(received.document, sort_keys=True, indent=1).encode(),
        media_type="application/json",
        role="target-log",
        name=f"target-log-{reader.asset}.json",
        may_contain_cui=inventory.asset(reader.asset).handles_cui,
    )
    return document, log


def _record_unread(actor: Actor, clock: Clock, reader: Reader, since: datetime, said: str) -> None:
    with act(actor, clock) as current:
        activity.record_reading(
            current, asset=reader.asset, since=since, judged=(), source="", gap=Gap.NOT_READ, said=said, document=None,
            ticket=reader.ticket, plan=reader.plan,
        )  # fmt: skip
        for one in spans(reader.ticket, sessions_of(reader.asset, since), {}):
            missing = Witnessed(one.session, (), (), False, f"The target's logs were not read: {said}")
            activity.record_witnessed(current, reader.ticket, missing, None)


def known_serials(since: datetime) -> dict[int, KnownSerial]:
    """Return target certificates that the ledger explains, with the session or measurement that each was for."""
    found = {}
    for entry in evidence.entries(events=access.SERIAL_EVENTS):
        serial = entry.data.get("serial")
        if isinstance(serial, int) and entry.at >= since - OVERLAP:
            asset = access.grant(entry.object.id).asset
            found[serial] = KnownSerial(serial, entry.at, asset, str(entry.data.get("session", "")))
    return found


def sessions_of(asset: str, since: datetime) -> list[SessionView]:
    """Return the gate's sessions on an asset that ended since."""
    gate = [one for one in sessions.all_sessions() if one.kind is SessionKind.GATE and one.asset == asset]
    return [one for one in gate if one.ended_at is not None and one.ended_at >= since]


def _awaited(worked: Sequence[SessionView], known: dict[int, KnownSerial]) -> list[int]:
    """Serials of sessions that did reach the target, so that its log must show them."""
    reached = {
        one.id
        for one in worked
        if one.end_reason == EndReason.COMPLETED and one.exit_status not in (None, _NO_CONNECTION)
    }
    return [serial for serial, one in known.items() if one.session in reached]


def spans(ticket: str, worked: Sequence[SessionView], known: dict[int, KnownSerial]) -> list[Span]:
    """Return the ticket's sessions that ran commands; under a plan, which has no ticket, nobody's."""
    return [
        Span(
            one.id, one.began_at, one.ended_at or one.began_at,
            tuple(serial for serial, told in known.items() if told.session == one.id),
        )
        for one in worked
        if ticket and one.ticket == ticket and one.work in (Work.TERMINAL, Work.COMMAND)
    ]  # fmt: skip


def _witnessed(
    reader: Reader, worked: Sequence[SessionView], known: dict[int, KnownSerial], log: TargetLog
) -> list[Witnessed]:
    rules = [one for one in access.sudo_rules(reader.ticket) if one.asset == reader.asset] if reader.ticket else []
    logged = any(one.state is not RuleState.FAILED for one in rules)
    return activity.witnessed(spans(reader.ticket, worked, known), log, sudo_logged=logged)


def keep_commands(asset: str, told: Sequence[Witnessed]) -> dict[str, ArtifactRef]:
    """Store the commands of each session, flagged like its recording, and return the artifacts by session."""
    cui = inventory.asset(asset).handles_cui
    return {
        one.session: evidence.store_artifact(
            commands_bytes(one),
            media_type="application/json",
            role="commands",
            name=f"commands-{one.session}.json",
            may_contain_cui=cui,
        )
        for one in told
        if one.available
    }


def commands_bytes(told: Witnessed) -> bytes:
    """Return the commands of a session as the artifact holds them."""
    rows = [
        {
            "at": rfc3339(one.at),
            "origin": one.origin,
            "argv": list(one.argv),
            "run_as": one.run_as,
            "cwd": one.cwd,
            "tty": one.tty,
            "exit_status": one.exit_status,
        }
        for one in told.commands
    ]
    document = {"session": told.session, "sources": list(told.sources), "exact": told.exact, "commands": rows}
    return json.dumps(document, sort_keys=True, indent=1).encode()
