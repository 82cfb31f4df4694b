"""Keeping runbooks: fetched at a commit, proposed by one person, approved into the register by another (3.7.2[c])."""

from quarterdeck.evidence.api import act, store_artifact
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, all_of, refuse
from quarterdeck.personnel.api import Role
from quarterdeck.runs import api as runs
from quarterdeck.runs.api import RunbookSource, RunbookView, RunFailed
from quarterdeck.tickets import api as tickets
from quarterdeck.tools import api as tools
from quarterdeck.workflows.refusals import refusals_recorded

PROPOSING = (Role.IT_LEAD, Role.TECHNICIAN)
DECIDING = (Role.APPROVER,)


def propose(
    actor: Actor, clock: Clock, *, name: str, repository: str, commit: str, playbook: str, source: RunbookSource
) -> RunbookView:
    """Fetch the commit, store its tree as one file, and keep the runbook for another person's word."""
    with refusals_recorded(actor, clock, "runbook.propose"):
        tickets.has_role(actor, PROPOSING, clock.now()).require()
        runs.may_propose(name, repository, commit, playbook).require()
        try:
            pinned = source.pinned(repository, commit, playbook)
        except RunFailed as failed:
            raise Refused(
                refuse("runbook.not_fetched", str(failed), "Look at address, commit and path, then propose it again.")
            ) from failed
        archive = store_artifact(
            pinned.archive,
            media_type="application/x-tar",
            role=runs.RUNBOOK_ROLE,
            name=f"runbook-{commit[:12]}.tar",
            may_contain_cui=False,
        )
        with act(actor, clock) as current:
            return runs.propose_runbook(
                current, name=name, repository=repository, playbook=playbook, pinned=pinned, archive=archive
            )


def decide(actor: Actor, clock: Clock, runbook_id: str, *, approve: bool, sha256: str, reason: str) -> RunbookView:
    """Approve into the register of mechanisms, or reject; an approver with a fresh second factor, not the proposer."""
    with refusals_recorded(actor, clock, "runbook.decide"):
        now = clock.now()
        seen = runs.runbook(runbook_id)
        all_of(
            [
                tickets.has_role(actor, DECIDING, now),
                tickets.stepped_up(actor, now),
                tickets.usable_reason(reason),
                runs.may_decide(seen, actor.id),
                runs.check_runbook(runbook_id),
                *([runs.may_approve(seen, sha256)] if approve else []),
            ]
        ).require()
        item = _listed(actor, clock, seen) if approve else ""
        with act(actor, clock) as current:
            return runs.decide_runbook(current, runbook_id, approve=approve, sha256=sha256, reason=reason, item=item)


def _listed(actor: Actor, clock: Clock, seen: RunbookView) -> str:
    """Return the register's entry of exactly this archive: made now, or left by a decision that broke off."""
    version = seen.commit[:12]
    for one in tools.items(tools.ItemKind.MECHANISM):
        if (one.name, one.version, one.sha256) == (seen.name, version, seen.sha256):
            return one.id
    fields = tools.ItemFields(
        kind=tools.ItemKind.MECHANISM,
        name=seen.name,
        version=version,
        sha256=seen.sha256,
        source=f"{seen.repository} {seen.playbook}"[:300],
        owner=seen.proposed_by,
    )
    return tools.list_item(fields, actor=actor, clock=clock).id
