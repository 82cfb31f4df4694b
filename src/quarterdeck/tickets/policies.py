"""The policy in force: read (and checked against its entry), adopted as a next version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.controls import api as controls
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, Entry, JsonValue
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.personnel.api import Role
from quarterdeck.tickets.hold_points import HOLD_POINTS
from quarterdeck.tickets.models import PolicyVersion
from quarterdeck.tickets.policy import DEFAULT_ROWS, DEFAULT_SETTINGS, PolicyRow, row_from, sound_policy
from quarterdeck.tickets.policy_changes import PolicyChange, differences
from quarterdeck.tickets.rules import require_reason
from quarterdeck.tickets.sealing import policy_digest, policy_is_sealed
from quarterdeck.tickets.standing import require_role, require_step_up

KNOWN_KINDS = frozenset(kind.code for kind in controls.FACT_KINDS)


@dataclass(frozen=True, slots=True)
class Policy:
    """The rows and settings of one version."""

    version: int
    rows: tuple[PolicyRow, ...]
    settings: Mapping[str, object]

    def number(self, name: str) -> int:
        """Return a whole-number setting."""
        return int(str(self.settings.get(name, DEFAULT_SETTINGS[name])))

    def flag(self, name: str) -> bool:
        """Return a yes-or-no setting."""
        return self.settings.get(name, DEFAULT_SETTINGS[name]) is True


@dataclass(frozen=True, slots=True)
class PolicyAdopted:
    """One version: who adopted it, when and why, and what it changed; not `sealed` when its row was altered."""

    version: int
    at: datetime
    by: str
    reason: str
    changes: tuple[PolicyChange, ...]
    sealed: bool


def policy() -> Policy:
    """Return the policy in force; Refused(policy.unsealed) when its row is not what the ledger says."""
    row = PolicyVersion.objects.order_by("-version").first()
    if row is None:
        raise Refused(
            refuse("policy.none", "No policy has been adopted yet.", "Run 'qd init': it adopts the default policy.")
        )
    return _sealed(row)


def policy_when_opened(number: str, in_force: Policy) -> Policy:
    """Return the policy under which the ticket was opened, `in_force` where it was not or none came since.

    The ledger's order tells, not the rows' times. Refused(policy.unsealed) when its row is not what the ledger says.
    """
    opened = evidence.last_entry(["ticket.opened"], ticket=number)
    if opened is None:
        return in_force
    before = [one.object.id for one in evidence.entries(events=["policy.adopted"]) if one.seq < opened.seq]
    version = int(before[-1].removeprefix("v")) if before else in_force.version
    return in_force if version == in_force.version else _sealed(PolicyVersion.objects.get(version=version))


def _sealed(row: PolicyVersion) -> Policy:
    if not policy_is_sealed(row):
        raise Refused(
            refuse(
                "policy.unsealed",
                "The policy was changed outside Quarterdeck: its row is not what the ledger says.",
                "Tell the IT lead and run 'qd ledger verify'.",
            )
        )
    return Policy(row.version, tuple(row_from(document) for document in row.rows), row.settings)


def policy_history() -> list[PolicyAdopted]:
    """Return every version, newest first, with what its entry says of it and what its sealed rows changed."""
    told = {entry.object.id: entry for entry in evidence.entries(events=["policy.adopted"])}
    reasons = evidence.openings([str(entry.data.get("reason", "")) for entry in told.values()])
    found: list[PolicyAdopted] = []
    before: PolicyVersion | None = None
    for row in PolicyVersion.objects.order_by("version"):
        entry = told.get(f"v{row.version}")
        if entry is not None:
            reason = reasons.get(str(entry.data.get("reason", "")), (b"", ""))[1]
            found.append(_adopted(row, before, entry, reason))
        before = row
    return found[::-1]


def _adopted(row: PolicyVersion, before: PolicyVersion | None, entry: Entry, reason: str) -> PolicyAdopted:
    sealed = entry.data.get("row") == policy_digest(row)
    changes = () if before is None or not sealed else differences(_content(before), _content(row))
    return PolicyAdopted(row.version, entry.at, entry.actor_id, reason, changes, sealed)


def _content(row: PolicyVersion) -> tuple[list[PolicyRow], Mapping[str, object]]:
    return [row_from(document) for document in row.rows], row.settings


def adopt_policy(
    act: Act,
    rows: Sequence[PolicyRow] = DEFAULT_ROWS,
    settings: Mapping[str, object] = DEFAULT_SETTINGS,
    reason: str = "",
) -> int:
    """Adopt the next version of the policy and return its number; IT lead, second factor shown, with a reason.

    Refused(policy.*) for an unsound one. Every later approval names the version, so a change voids those given.
    """
    last = PolicyVersion.objects.order_by("-version").values_list("version", flat=True).first() or 0
    data: dict[str, JsonValue] = {}
    if last:
        # The first is adopted by the operator at the founding; what follows is a person's decision.
        require_role(act, [Role.IT_LEAD])
        require_step_up(act)
        require_reason(reason)
    sound_policy(tuple(rows), frozenset(HOLD_POINTS), KNOWN_KINDS).require()
    if last:
        data["reason"] = act.commitment(reason)
    row = PolicyVersion(
        version=last + 1,
        rows=[entry.as_dict() for entry in rows],
        settings=dict(settings),
        adopted_at=act.at,
        adopted_by=act.actor.id,
        digest="",
    )
    row.digest = policy_digest(row)
    row.save(force_insert=True)
    act.record("policy.adopted", evidence.ObjectRef("policy", f"v{row.version}"), data=data | {"row": row.digest})
    return row.version
