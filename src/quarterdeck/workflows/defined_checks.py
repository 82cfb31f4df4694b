"""The checks that were defined for an asset: which questions they ask, what the answers say, what it depends on."""

from collections.abc import Sequence
from datetime import datetime

from quarterdeck.evidence.api import Outcome, facts
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import CheckPhase, CheckView
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import State
from quarterdeck.workflows.ask_target import Answers
from quarterdeck.workflows.judge_checks import Judged, judge
from quarterdeck.workflows.keep_checks import may_run

_AT_WORK = (State.OPEN, State.VERIFYING)


def defined_for(asset_id: str, phase: CheckPhase) -> list[CheckView]:
    """Return the checks that are made of an asset in this phase, by name."""
    return [one for one in inventory.checks(asset_id=asset_id) if one.is_made(phase)]


def questions_of(checks: Sequence[CheckView], at: datetime) -> list[str]:
    """Return what is asked of the target; of a mechanism only while the register lets it be used."""
    return list(
        dict.fromkeys(
            question
            for one in checks
            if not one.runs_a_file or may_run(one, at).allowed
            for question in one.questions()
        )
    )


def judged(checks: Sequence[CheckView], answers: Answers, at: datetime) -> list[Judged]:
    """Return what became of each check; a mechanism that may not be used any more has failed, unasked."""
    found = []
    for one in checks:
        refused = may_run(one, at).reasons if one.runs_a_file else ()
        found.append(
            Judged(one, Outcome.FAILED, f"{one.name}: {refused[0].sentence}") if refused else judge(one, answers, at)
        )
    return found


def worst(found: Sequence[Judged], well: str) -> tuple[Outcome, str]:
    """Return the outcome of all together: a failed one first, then one that is not known, else passed and `well`."""
    for outcome in (Outcome.FAILED, Outcome.UNKNOWN):
        bad = [one.sentence for one in found if one.outcome is outcome]
        if bad:
            return outcome, " ".join(bad[:5]) + (f" And {len(bad) - 5} more." if len(bad) > 5 else "")
    return Outcome.PASSED, well


def dependencies(number: str, asset_id: str) -> tuple[Outcome, str]:
    """Decide whether work may begin although other assets need this one, and it needs others (CM.L2-3.4.3[b]).

    Refused by work in progress on an asset that it needs, by the last word on such an asset's health, and by work in
    progress on an asset that needs it, unless both tickets name each other or the ticket is about both.
    """
    ticket = tickets.ticket(number)
    own = {named.asset_id for named in ticket.assets}
    seen = inventory.asset(asset_id)
    wrong = []
    for needed in sorted(set(seen.depends_on) - own):
        host = inventory.asset(needed).hostname
        wrong += [f"{host}, which it needs, is being worked on ({other})." for other in _work_on(number, needed)]
        health = facts(asset=needed, kinds=["postcheck.passed"])
        if health and health[-1].outcome is Outcome.FAILED:
            wrong.append(f"{host}, which it needs, did not pass its last checks.")
    dependants = [one for one in inventory.dependants(asset_id) if one.id not in own]
    for one in dependants:
        wrong += [
            f"{one.hostname}, which needs it, is being worked on ({other})." for other in _work_on(number, one.id)
        ]
    if wrong:
        return Outcome.FAILED, " ".join(wrong[:5])
    if not dependants:
        return Outcome.PASSED, "No other asset depends on it."
    return Outcome.PASSED, f"{', '.join(one.hostname for one in dependants[:5])} will feel it; none is worked on now."


def _work_on(number: str, asset_id: str) -> list[str]:
    """Return the numbers of other tickets at work on the asset that do not name this one."""
    named = set(tickets.ticket(number).content.conflicts_with)
    return [
        other.number
        for other in tickets.live_tickets_of_asset(asset_id)
        if other.state in _AT_WORK
        and other.number != number
        and not (other.number in named and number in other.content.conflicts_with)
    ]
