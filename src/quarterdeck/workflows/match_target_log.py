"""Matching a log that a target shipped elsewhere, and a person attached, to the sessions of its ticket.

For targets whose logs leave them and are not read by the collector. What comes of it is graded attached: the person
says that the file is the target's; serial, time and account say which session a command belongs to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from quarterdeck.access import api as access
from quarterdeck.activity import api as activity
from quarterdeck.activity.api import Gap, Judged, Verdict, Witnessed
from quarterdeck.attachments import api as attachments
from quarterdeck.config.api import load
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, act
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor, system
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, refuse, require_that
from quarterdeck.sessions.api import SessionView
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.account_for_use import make_tickets
from quarterdeck.workflows.read_target_logs import keep_commands, known_serials, sessions_of, spans
from quarterdeck.workflows.refusals import refusals_recorded

KIND = "target_log"
_ITSELF = system("ticker")
_BEFORE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Matched:
    """For each session its number of commands and whether they can be of no other; what else there is to say."""

    sessions: tuple[tuple[str, int, bool], ...]
    remarks: tuple[str, ...]


def match_target_log(
    actor: Actor,
    clock: Clock,
    number: str,
    sha256: str,
    *,
    authority: Callable[[], str],
    zone: str = "",
    host: str = "",
) -> Matched:
    """Match an attached log to the ticket's sessions on its asset and record it, graded attached.

    Logins in it since the ticket opened that no certificate of the target `authority` explains become findings.

    `zone` is that of stamps that name none (default: the organisation's), `host` the target's name in the file where
    the inventory has another. Refused is recorded too.
    """
    with refusals_recorded(actor, clock, "target_log.match", number):
        tickets.may_attach(number, actor, clock.now(), reason="matched").require()
        asset = _asset_of(number, sha256)
        worked = [one for one in sessions_of(asset, _since(number)) if one.ticket == number]
        read = _read(number, asset, sha256, worked, zone=_zone(zone), host=host, now=clock.now())
        told = [one for one in _witnessed(number, worked, read) if one.commands]
        kept = keep_commands(asset, told)
        judged, unjudged = _judged(number, asset, read, authority)
        with act(actor, clock) as current:
            tickets.may_attach(number, actor, current.at, reason="matched").require()
            found = _note_logins(current, number, asset, judged)
            taken = [
                one for one in told
                if activity.record_witnessed(current, number, one, kept[one.session], shipped=sha256)
            ]  # fmt: skip
        if found:
            with act(_ITSELF, clock) as current:
                make_tickets(current, asset)
    said = [f"{found} login(s) match no ticket; see the findings."] if found else []
    return Matched(
        tuple((one.session, len(one.commands), one.exact) for one in taken),
        (*said, *unjudged, *_remarks(read, told, taken)),
    )


def _judged(
    number: str, asset: str, read: activity.ShippedLog, authority: Callable[[], str]
) -> tuple[list[Judged], tuple[str, ...]]:
    """Return what is no ticketed login of the file, or why nobody can tell."""
    since = _since(number)
    try:
        ours = access.read_public_key(authority()).fingerprint
    except Refused as refused:
        return [], (f"Its logins were not judged: {refused}",)
    found = activity.judge(
        [one for one in read.log.logins if one.at >= since],
        known_serials(since),
        asset=asset,
        authority=ours,
        offset=timedelta(0),
        sealed_accounts=activity.sealed_accounts(asset),
    )
    return [one for one in found if one.verdict is not Verdict.TICKETED or one.break_glass], ()


def _note_logins(current: Act, number: str, asset: str, judged: list[Judged]) -> int:
    if not judged:
        return 0
    return activity.record_reading(
        current,
        asset=asset,
        since=_since(number),
        judged=judged,
        source="attached",
        gap=Gap.SHIPPED,
        said="From a file that a person handed in: it shows what it shows.",
        document=None,
        ticket=number,
    ).findings


def _asset_of(number: str, sha256: str) -> str:
    found = next((one for one in attachments.attached(number) if one.sha256 == sha256 and one.kind == KIND), None)
    if found is None or found.given_up:
        raise Refused(
            refuse("target_log.unknown", "No log of a target with this hash is attached.", "Attach it, as target_log.")
        )
    named = [one.asset_id for one in tickets.ticket(number).assets]
    asset = found.asset or (named[0] if len(named) == 1 else "")
    require_that(
        bool(asset), "target_log.asset", "It is not said of which asset this log is.", "Attach it about one asset."
    ).require()
    require_that(
        found.size <= activity.MOST_BYTES, "target_log.large",
        f"The file has more than {activity.MOST_BYTES >> 20} MiB.", "Cut it down to the time of the work.",
    ).require()  # fmt: skip
    return asset


def _since(number: str) -> datetime:
    view = tickets.ticket(number)
    return (view.opened_at or view.window.from_) - _BEFORE


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or load().time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Refused(
            refuse("target_log.zone", "There is no such time zone.", "Write it like Europe/Berlin or UTC.")
        ) from error


def _read(
    number: str, asset: str, sha256: str, worked: list[SessionView], *, zone: ZoneInfo, host: str, now: datetime
) -> activity.ShippedLog:
    seen = inventory.asset(asset)
    ids = {one.id for one in worked}
    serials = [serial for serial, one in known_serials(_since(number)).items() if one.session in ids]
    evidence.require_kept(sha256)
    text = evidence.read_artifact(sha256).decode("utf-8", "backslashreplace")
    hosts = {seen.hostname, seen.hostname.partition(".")[0], *(one.address for one in seen.connections), host.strip()}
    return activity.shipped_log(
        text, account=_account(number, asset), hosts=hosts - {""}, serials=serials, zone=zone, now=now
    )


def _account(number: str, asset: str) -> str:
    named = next(one for one in tickets.ticket(number).assets if one.asset_id == asset)
    require_that(
        bool(named.connection_id), "target_log.connection", "The ticket reaches this asset by no connection of ours.",
        "Attach the log as a document.",
    ).require()  # fmt: skip
    return inventory.connection(named.connection_id).target_account


def _witnessed(number: str, worked: list[SessionView], read: activity.ShippedLog) -> list[Witnessed]:
    known = known_serials(_since(number))
    return activity.witnessed(spans(number, worked, known), read.log, sudo_logged=False)


def _remarks(read: activity.ShippedLog, told: list[Witnessed], taken: list[Witnessed]) -> tuple[str, ...]:
    said = []
    if not told:
        said.append("No command in this file belongs to a session of this ticket: account, time or certificate differ.")
    if len(taken) < len(told):
        said.append(f"{len(told) - len(taken)} session(s) keep what was read from the target itself.")
    if read.foreign:
        said.append(f"{read.foreign} line(s) are of other hosts.")
    if read.odd:
        said.append(f"{read.odd} line(s) are not understood.")
    return tuple(said)
