"""The rules file in force: the one that was shipped until an organisation adopts its own, version by version."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.baselines.drift_rules import RuleBook, default_text, rule_book
from quarterdeck.baselines.models import DriftRules
from quarterdeck.evidence.api import Act, ArtifactRef, ObjectRef, entry, row_digest
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.tickets import api as tickets

_ADOPTED = "drift_rules.adopted"


@dataclass(frozen=True, slots=True)
class RulesView:
    """One version of the rules file: who adopted it, when and why; version 0 is the one that was shipped."""

    version: int
    text: str
    sha256: str
    by: str = ""
    at: datetime | None = None
    entry: str = ""


def rules_in_force() -> RuleBook:
    """Return the rules that comparisons use; Refused(drift_rules.unsealed) when the row is not what the ledger says."""
    view = adopted_rules()
    return rule_book(view.text, view.version)


def adopted_rules() -> RulesView:
    """Return the rules file in force as text."""
    row = DriftRules.objects.order_by("-version").first()
    if row is None:
        text = default_text()
        return RulesView(0, text, rule_book(text).sha256)
    return _sealed(row)


def rules_history() -> list[RulesView]:
    """Return every version, newest first, the shipped one last."""
    text = default_text()
    shipped = RulesView(0, text, rule_book(text).sha256)
    return [*(_sealed(row) for row in DriftRules.objects.order_by("-version")), shipped]


def _sealed(row: DriftRules) -> RulesView:
    told = entry(row.entry)
    if (
        told is None
        or told.event != _ADOPTED
        or told.data.get("row") != _digest(row)
        or (told.data.get("sha256") != hashlib.sha256(row.text.encode()).hexdigest())
    ):
        raise Refused(
            refuse(
                "drift_rules.unsealed",
                "The rules of drift are not what the ledger says: somebody wrote into the database.",
                "Stop and tell the IT lead; then run 'qd ledger verify'.",
            )
        )
    return RulesView(row.version, row.text, row.sha256, row.adopted_by, row.adopted_at, row.entry)


def adopt_rules(act: Act, text: str, *, reason: str, document: ArtifactRef) -> RulesView:
    """Adopt the next version of the rules file; Refused for an unsound file or one that is in force already.

    Who may do this is asked by the workflow; `document` is the stored file itself.
    """
    tickets.require_reason(reason)
    book, before = rule_book(text), adopted_rules()
    if book.sha256 == before.sha256:
        raise Refused(refuse("drift_rules.same", "These rules are in force already.", "Nothing has to be done."))
    row = DriftRules(
        version=before.version + 1, text=text, sha256=book.sha256, adopted_by=act.actor.id, adopted_at=act.at
    )
    row.entry = act.record(
        _ADOPTED,
        ObjectRef("drift_rules", f"v{row.version}"),
        data={"rules": len(book.rules), "sha256": book.sha256, "reason": act.commitment(reason), "row": _digest(row)},
        artifacts=(document,),
    )
    row.save(force_insert=True)
    return _sealed_just_now(row)


def _sealed_just_now(row: DriftRules) -> RulesView:
    return RulesView(row.version, row.text, row.sha256, row.adopted_by, row.adopted_at, row.entry)


def _digest(row: DriftRules) -> str:
    return row_digest({"version": row.version, "sha256": row.sha256, "by": row.adopted_by})
