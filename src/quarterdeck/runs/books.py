"""Runbooks: proposed by one person, approved by another; row and entry in one act, the archive stored before it."""

from quarterdeck.evidence.api import (
    Act,
    ArtifactRef,
    JsonValue,
    ObjectRef,
    last_entry,
    row_digest,
)
from quarterdeck.kernel.decision import Decision, Refused, refuse, require_that
from quarterdeck.kernel.ids import new_id
from quarterdeck.runs import rules
from quarterdeck.runs.models import Runbook
from quarterdeck.runs.terms import RUNBOOK_EVENTS, CommitSignature, Pinned, RunbookState, RunbookView

_UNKNOWN = refuse("runbook.unknown", "There is no such runbook.", "Look at the list of runbooks.")


def propose_runbook(
    act: Act, *, name: str, repository: str, playbook: str, pinned: Pinned, archive: ArtifactRef
) -> RunbookView:
    """Keep a runbook that waits for another person's word; who calls has asked for the person's role."""
    rules.may_propose(name, repository, pinned.commit, playbook).require()
    twins = Runbook.objects.filter(sha256=archive.sha256, playbook=playbook).exclude(state=RunbookState.REJECTED.value)
    require_that(
        not twins.exists(),
        "runbook.known",
        "Exactly this playbook of exactly these files is a runbook already.",
        "Look at the list of runbooks.",
    ).require()
    row = Runbook(
        id=new_id("rb"),
        name=name,
        repository=repository,
        commit=pinned.commit,
        playbook=playbook,
        sha256=archive.sha256,
        size=archive.size,
        files=pinned.files,
        signature=pinned.signature.value,
        signer=pinned.signer[:200],
        state=RunbookState.PROPOSED.value,
        proposed_by_id=act.actor.id,
        proposed_at=act.at,
    )
    row.save(force_insert=True)
    _record(act, "runbook.proposed", row, (archive,))
    return view(row)


def decide_runbook(
    act: Act, runbook_id: str, *, approve: bool, sha256: str, reason: str, item: str = ""
) -> RunbookView:
    """Approve or reject exactly what was shown; `item` is its entry in the register of mechanisms."""
    row = Runbook.objects.select_for_update().filter(id=runbook_id).first()
    if row is None:
        raise Refused(_UNKNOWN)
    seen = view(row)
    check_runbook(runbook_id).require()
    rules.may_decide(seen, act.actor.id).require()
    if approve:
        rules.may_approve(seen, sha256).require()
    row.state = (RunbookState.APPROVED if approve else RunbookState.REJECTED).value
    row.decided_by, row.decided_at, row.item_id = act.actor.id, act.at, item or None
    row.save()
    _record(act, f"runbook.{row.state}", row, reason=act.commitment(reason))
    return view(row)


def runbook(runbook_id: str) -> RunbookView:
    """Return one runbook; Refused(runbook.unknown)."""
    row = Runbook.objects.filter(id=runbook_id).first()
    if row is None:
        raise Refused(_UNKNOWN)
    return view(row)


def runbooks(*, items: frozenset[str] | None = None) -> list[RunbookView]:
    """Return all runbooks by name, or those whose register entries are among `items`."""
    rows = Runbook.objects.all() if items is None else Runbook.objects.filter(item_id__in=items)
    return [view(row) for row in rows]


def check_runbook(runbook_id: str) -> Decision:
    """Decide whether the row is what the ledger says of it (attacks.md row 28)."""
    sealed = last_entry(RUNBOOK_EVENTS, object=ObjectRef("runbook", runbook_id))
    return require_that(
        sealed is not None and sealed.data.get("row") == _digest(runbook(runbook_id)),
        "runbook.unsealed",
        "The runbook's row does not match the ledger: it was changed without an entry.",
        "Stop, and ask the IT lead to run qd ledger verify.",
    )


def _record(act: Act, event: str, row: Runbook, artifacts: tuple[ArtifactRef, ...] = (), **more: JsonValue) -> None:
    seen = view(row)
    data: dict[str, JsonValue] = {
        "commit": seen.commit,
        "sha256": seen.sha256,
        "signature": seen.signature.value,
        "item": seen.item,
        "row": _digest(seen),
        **more,
    }
    act.record(event, ObjectRef("runbook", seen.id), data=data, artifacts=artifacts)


def _digest(seen: RunbookView) -> str:
    return row_digest(
        {
            "id": seen.id,
            "name": seen.name,
            "repository": seen.repository,
            "commit": seen.commit,
            "playbook": seen.playbook,
            "sha256": seen.sha256,
            "size": seen.size,
            "signature": seen.signature.value,
            "signer": seen.signer,
            "state": seen.state.value,
            "proposed_by": seen.proposed_by,
            "decided_by": seen.decided_by,
            "item": seen.item,
        }
    )


def view(row: Runbook) -> RunbookView:
    """Return the row as a value."""
    return RunbookView(
        id=row.id,
        name=row.name,
        repository=row.repository,
        commit=row.commit,
        playbook=row.playbook,
        sha256=row.sha256,
        size=row.size,
        files=row.files,
        signature=CommitSignature(row.signature),
        signer=row.signer,
        state=RunbookState(row.state),
        proposed_by=row.proposed_by_id,
        proposed_at=row.proposed_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        item=row.item_id or "",
    )
