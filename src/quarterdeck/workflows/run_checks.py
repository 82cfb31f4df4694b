"""Checks of a target before work opens and after it has ended: reachable, disk, clock, services, nothing left behind.

Each check is a fact of its own with the answers kept as an artifact. What could not be read is *unknown*, never passed.
Before: `precheck.*`. After: `postcheck.passed`, `leftovers.none` (3.7.5[b]) and whether a connection is still there.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from quarterdeck.access import api as access
from quarterdeck.baselines.api import MeasureChannel
from quarterdeck.evidence.api import ArtifactRef, Grade, ObjectRef, Outcome, act, entries, read_artifact, store_artifact
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import CheckPhase, CheckView
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock, rfc3339
from quarterdeck.sessions import api as sessions
from quarterdeck.workflows.ask_target import Answers, ask
from quarterdeck.workflows.defined_checks import defined_for, dependencies, judged, questions_of, worst
from quarterdeck.workflows.judge_checks import Judged

CLOCK_SKEW = timedelta(seconds=5)
LEAST_FREE_BYTES = 512 << 20
LEAST_FREE_SHARE = 20  # one twentieth: 5 %
BEFORE_EVENT = "precheck.ran"
AFTER_EVENT = "postcheck.ran"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: the kind of its fact, what it says, a sentence for a person, and the defined checks behind it."""

    kind: str
    outcome: Outcome
    sentence: str
    behind: tuple[Judged, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """All checks of one run, the artifact with the answers, and the entry."""

    checks: tuple[Check, ...]
    artifact: ArtifactRef
    entry: str


def check_before(
    actor: Actor,
    clock: Clock,
    *,
    ticket: str,
    asset_id: str,
    connection_id: str,
    channel: MeasureChannel,
    services: Sequence[str] = (),
) -> Checked:
    """Run the checks before opening and record one `precheck.*` fact for each."""
    defined = defined_for(asset_id, CheckPhase.BEFORE)
    answers = _asked(channel, clock, ticket, asset_id, connection_id, services, defined)
    found = tuple(judged(defined, answers, answers.answered_at))
    checks = [
        Check("precheck.reachable", *_reachable(answers)),
        Check("precheck.disk", *_disk(answers)),
        Check("precheck.clock", *_clock(answers)),
        Check("precheck.dependencies", *dependencies(ticket, asset_id)),
        Check("precheck.defined", *worst(found, "Every check that was defined passed."), found),
    ]
    if services:
        checks.append(Check("precheck.services", *_services(answers, services)))
    return _record(actor, clock, BEFORE_EVENT, ticket, asset_id, answers, checks)


def check_after(
    actor: Actor,
    clock: Clock,
    *,
    ticket: str,
    asset_id: str,
    connection_id: str,
    channel: MeasureChannel,
    services: Sequence[str] = (),
) -> Checked:
    """Run the checks after the work: health as before, no process of the account left, no connection left."""
    defined = defined_for(asset_id, CheckPhase.AFTER)
    answers = _asked(channel, clock, ticket, asset_id, connection_id, services, defined)
    found = tuple(judged(defined, answers, answers.answered_at))
    account = access.destination_of(asset_id, connection_id).account
    left = _left_behind(answers, account, _before(ticket, asset_id, account))
    healthy = [_reachable(answers), _disk(answers), *([_services(answers, services)] if services else [])]
    healthy.append(worst(found, ""))
    health = next((one for one in healthy if one[0] is not Outcome.PASSED), (Outcome.PASSED, "Healthy after the work."))
    checks = [
        Check("postcheck.passed", *health, found),
        Check("leftovers.none", *_leftovers(answers, account, left)),
        Check("network.terminated", *_connections(answers, account, left)),
    ]
    return _record(actor, clock, AFTER_EVENT, ticket, asset_id, answers, checks)


def check_leftovers(
    actor: Actor, clock: Clock, *, ticket: str, asset_id: str, connection_id: str, channel: MeasureChannel
) -> Check:
    """Look for processes that the account left behind after its sessions, and record the look (3.7.5[b]).

    It brings no fact: what closes a ticket is found by the checks after the work.
    """
    answers = _asked(channel, clock, ticket, asset_id, connection_id, ())
    account = access.destination_of(asset_id, connection_id).account
    left = _left_behind(answers, account, _before(ticket, asset_id, account))
    found = Check(sessions.LOOKED, *_leftovers(answers, account, left))
    artifact = _kept(sessions.LOOKED, asset_id, answers, [found])
    with act(actor, clock) as current:
        current.record(
            sessions.LOOKED,
            ObjectRef("asset", asset_id),
            ticket=ticket,
            data={"asset": asset_id, "outcome": found.outcome.value},
            artifacts=[artifact],
        )
    return found


def _asked(
    channel: MeasureChannel,
    clock: Clock,
    ticket: str,
    asset_id: str,
    connection_id: str,
    services: Sequence[str],
    defined: Sequence[CheckView] = (),
) -> Answers:
    roots = inventory.connection(connection_id).watched_roots
    account = access.destination_of(asset_id, connection_id).account
    questions = [*dict.fromkeys(("/", *roots)), f"account={account}", *(f"service={name}" for name in services)]
    questions += [one for one in questions_of(defined, clock.now()) if one not in questions]
    return ask(channel, clock, ticket=ticket, asset_id=asset_id, connection_id=connection_id, questions=questions)


def _reachable(answers: Answers) -> tuple[Outcome, str]:
    if answers.failure:
        return Outcome.FAILED, answers.failure
    return Outcome.PASSED, "Reached with a measuring certificate."


def _disk(answers: Answers) -> tuple[Outcome, str]:
    if answers.failure:
        return Outcome.UNKNOWN, answers.failure
    found = {name[5:]: answers.value(name) for name in answers.document if name.startswith("disk:")}
    unread = [path for path, said in found.items() if not isinstance(said, dict)]
    if unread or not found:
        return Outcome.UNKNOWN, f"The free space of {', '.join(unread) or 'the disks'} could not be read."
    low = [path for path, said in found.items() if isinstance(said, dict) and _is_low(said)]
    if low:
        return Outcome.FAILED, f"Little space is left on the file system of {', '.join(low)}; free some first."
    return Outcome.PASSED, "Every watched file system has space left."


def _is_low(said: Mapping[str, object]) -> bool:
    """Return whether less than 5 % and less than 512 MiB are free, or less than 5 % of the inodes."""
    free, size = _number(said.get("free")), _number(said.get("size"))
    free_inodes, inodes = _number(said.get("free_inodes")), _number(said.get("inodes"))
    few_bytes = free * LEAST_FREE_SHARE < size and free < LEAST_FREE_BYTES
    return few_bytes or (inodes > 0 and free_inodes * LEAST_FREE_SHARE < inodes)


def _clock(answers: Answers) -> tuple[Outcome, str]:
    """Judge the target's clock against the span in which it was asked (3.3.7[c])."""
    if answers.failure:
        return Outcome.UNKNOWN, answers.failure
    try:
        theirs = float(str(answers.value("clock")))
    except ValueError:
        return Outcome.UNKNOWN, "The target did not tell the time."
    early = answers.asked_at.timestamp() - theirs
    late = theirs - answers.answered_at.timestamp()
    skew = max(early, late, 0.0)
    if skew > CLOCK_SKEW.total_seconds():
        return Outcome.FAILED, f"The target's clock is {skew:.1f} s away from ours; synchronise it (chrony or NTP)."
    return Outcome.PASSED, "The target's clock is close to ours."


def _services(answers: Answers, services: Sequence[str]) -> tuple[Outcome, str]:
    if answers.failure:
        return Outcome.UNKNOWN, answers.failure
    down = [name for name in services if answers.value(f"service:{name}") != "active"]
    if down:
        return Outcome.FAILED, f"Not active: {', '.join(down)}."
    return Outcome.PASSED, "All named services are active."


def _processes(document: Mapping[str, object], account: str) -> list[str] | None:
    said = document.get(f"account:{account}")
    value = said.get("value") if isinstance(said, dict) else None
    return [str(line) for line in value] if isinstance(value, list) else None


def _before(ticket: str, asset_id: str, account: str) -> frozenset[str]:
    """Return the account's processes that ran before the work already, from the newest artifact of the pre-check."""
    ran = [one for one in entries(ticket=ticket, events=[BEFORE_EVENT]) if one.object.id == asset_id]
    if not ran or not ran[-1].artifacts:
        return frozenset()
    document = json.loads(read_artifact(str(ran[-1].artifacts[0]["sha256"])))
    return frozenset(_processes(document["answers"], account) or ())


def _left_behind(answers: Answers, account: str, before: frozenset[str]) -> list[str] | None:
    now = _processes(answers.document, account)
    return None if now is None else [line for line in now if line not in before]


def _leftovers(answers: Answers, account: str, left: Sequence[str] | None) -> tuple[Outcome, str]:
    if left is None:
        return Outcome.UNKNOWN, answers.failure or f"The processes of {account} could not be listed."
    if left:
        return Outcome.FAILED, f"Left behind by {account}: {_listed(left)}. Look at them and end them."
    return Outcome.PASSED, f"No process of {account} was left behind."


def _connections(answers: Answers, account: str, left: Sequence[str] | None) -> tuple[Outcome, str]:
    if left is None:
        return Outcome.UNKNOWN, answers.failure or f"The connections of {account} could not be listed."
    if any(line.partition(" ")[2].startswith("sshd") for line in left):
        return Outcome.FAILED, f"A connection of {account} is still there on the target."
    return Outcome.PASSED, f"No connection of {account} is left on the target."


def _listed(left: Sequence[str]) -> str:
    shown = ", ".join(f"{line.partition(' ')[2]} (process {line.partition(' ')[0]})" for line in left[:5])
    return shown + (f" and {len(left) - 5} more" if len(left) > 5 else "")


def _record(
    actor: Actor,
    clock: Clock,
    event: str,
    ticket: str,
    asset_id: str,
    answers: Answers,
    checks: Sequence[Check],
) -> Checked:
    artifact = _kept(event, asset_id, answers, checks)
    with act(actor, clock) as current:
        entry = current.record(
            event,
            ObjectRef("asset", asset_id),
            ticket=ticket,
            data={"asset": asset_id, "checks": len(checks)},
            artifacts=[artifact],
        )
        for check in checks:
            current.fact(
                check.kind,
                entry=entry,
                outcome=check.outcome,
                grade=Grade.CAPTURED,
                ticket=ticket,
                asset=asset_id,
                detail={"defined": len(check.behind)} if check.behind else None,
            )
    return Checked(tuple(checks), artifact, entry)


def _kept(event: str, asset_id: str, answers: Answers, checks: Sequence[Check]) -> ArtifactRef:
    document = {
        "format": "quarterdeck-checks-1",
        "asset": asset_id,
        "asked_at": rfc3339(answers.asked_at),
        "answered_at": rfc3339(answers.answered_at),
        "checks": [{"kind": c.kind, "outcome": c.outcome.value, "sentence": c.sentence} for c in checks],
        "defined": [
            {
                "id": one.check.id,
                "name": one.check.name,
                "kind": one.check.kind.value,
                "version": one.check.version,
                "outcome": one.outcome.value,
                "sentence": one.sentence,
                "question": next(iter(one.check.questions())),
            }
            for check in checks
            for one in check.behind
        ],
        "answers": answers.document,
    }
    return store_artifact(
        json.dumps(document, indent=1, sort_keys=True, ensure_ascii=True).encode() + b"\n",
        media_type="application/json",
        role=event.replace(".", "_"),
        name=f"{event.partition('.')[0]}-{asset_id}.json",
        # What a mechanism or an application answers is theirs to say, and may be of the data that they handle.
        may_contain_cui=any(check.behind for check in checks) and inventory.asset(asset_id).handles_cui,
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
