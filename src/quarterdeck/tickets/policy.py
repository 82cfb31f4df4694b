"""Policy rows: which hold point applies to which work, with which facts, how old, how graded, deferrable or flagged.

Versioned, changed only through the ledger. The default suits a shop of twenty people (design section 4). Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from quarterdeck.kernel.decision import ALLOWED, Decision, all_of, require_that

ASSET_CLASSES = ("any", "cui", "cui_server", "server")
_EMERGENCY_DEFERRABLE = frozenset({"HP-NOTICE", "HP-STAGING"})
_NEVER_DEFERRABLE = frozenset(
    {
        "HP-APPROVED", "HP-PERSON", "HP-RECORDER", "HP-PLAN", "HP-SCOPE", "HP-WINDOW", "HP-ENDED",
        # Who may approve whose work, who stands by, that an emergency is ratified: not for one person to switch off.
        "HP-DUTIES", "HP-ESCORT", "HP-RATIFIED",
    }
)
_ABOUT_SESSIONS = frozenset({"HP-RECORDER", "HP-ENDED"})


class AssetClassed(Protocol):
    """What a row needs to know of an asset."""

    @property
    def handles_cui(self) -> bool:
        """Whether it handles CUI."""

    @property
    def kind(self) -> str:
        """server, workstation, network, printer, appliance, other."""


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One row of the policy."""

    hold_point: str
    asset_class: str = "any"
    work_classes: tuple[str, ...] = ()
    maintenance_types: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    fact_kinds: tuple[str, ...] = ()
    per_asset: bool = False
    maximum_age: timedelta | None = None
    minimum_grade: str = "attached"
    deferrable: bool = False
    flag_only: bool = False
    next_step: str = ""
    wording: Mapping[str, str] = field(default_factory=dict)

    def covers(self, asset: AssetClassed) -> bool:
        """True when the row is about assets of this class."""
        if self.asset_class == "cui":
            return asset.handles_cui
        if self.asset_class == "cui_server":
            return asset.handles_cui and asset.kind != "workstation"
        return self.asset_class != "server" or asset.kind == "server"

    def applies_to(self, work_class: str, maintenance_type: str, method: str, risk: str) -> bool:
        """True when the row is about work of this class, type, method and risk; an empty list means all."""
        pairs = (
            (self.work_classes, work_class),
            (self.maintenance_types, maintenance_type),
            (self.methods, method),
            (self.risks, risk),
        )
        return all(not wanted or value in wanted for wanted, value in pairs)

    def as_dict(self) -> dict[str, object]:
        """Return the row as JSON-ready values."""
        return {
            "hold_point": self.hold_point,
            "asset_class": self.asset_class,
            "work_classes": list(self.work_classes),
            "maintenance_types": list(self.maintenance_types),
            "methods": list(self.methods),
            "risks": list(self.risks),
            "fact_kinds": list(self.fact_kinds),
            "per_asset": self.per_asset,
            "maximum_age_seconds": None if self.maximum_age is None else int(self.maximum_age.total_seconds()),
            "minimum_grade": self.minimum_grade,
            "deferrable": self.deferrable,
            "flag_only": self.flag_only,
            "next_step": self.next_step,
            "wording": dict(self.wording),
        }


def row_from(document: Mapping[str, Any]) -> PolicyRow:
    """Return the row that `as_dict` wrote."""
    values = dict(document)
    age = values.pop("maximum_age_seconds")
    lists = ("work_classes", "maintenance_types", "methods", "risks", "fact_kinds")
    values |= {name: tuple(values[name]) for name in lists}
    return PolicyRow(**values, maximum_age=None if age is None else timedelta(seconds=age))


_SSH = ("ssh",)
_TICKETS = ("ticket", "standard", "campaign")

DEFAULT_ROWS: tuple[PolicyRow, ...] = (
    PolicyRow("HP-SCOPE", work_classes=_TICKETS),
    PolicyRow("HP-DUTIES", work_classes=_TICKETS),
    PolicyRow("HP-PLAN", work_classes=_TICKETS),
    PolicyRow("HP-AGREEMENT", work_classes=_TICKETS),
    PolicyRow("HP-CONFLICT", work_classes=_TICKETS),
    PolicyRow("HP-APPROVED", work_classes=_TICKETS),
    PolicyRow("HP-WINDOW", work_classes=_TICKETS),
    PolicyRow("HP-NOTICE", work_classes=_TICKETS, deferrable=True),
    PolicyRow("HP-PERSON", work_classes=_TICKETS),
    PolicyRow(
        "HP-ESCORT",
        work_classes=_TICKETS,
        fact_kinds=("escort.present",),
        next_step="The escort confirms the own presence on the ticket page.",
        wording={"escort.present": "escort present"},
    ),
    PolicyRow("HP-TOOLS", work_classes=_TICKETS),
    PolicyRow(
        "HP-BACKUP",
        asset_class="cui_server",
        work_classes=_TICKETS,
        fact_kinds=("backup.verified",),
        per_asset=True,
        next_step="Prepare the ticket: that asks the backup product for its newest snapshot and verifies it.",
        wording={"backup.verified": "a fresh, verified backup"},
    ),
    PolicyRow(
        "HP-STAGING",
        work_classes=_TICKETS,
        risks=("high",),
        fact_kinds=("staging.tested", "rollback.tested"),
        deferrable=True,
        next_step="Try plan and rollback in staging and name the ticket of it, or ask the approver for a waiver.",
        wording={"staging.tested": "plan tried in staging", "rollback.tested": "rollback tried in staging"},
    ),
    PolicyRow(
        "HP-RECOVERY",
        work_classes=_TICKETS,
        fact_kinds=("recovery.prepared",),
        next_step="Lay boot media and procedure ready, and attach a picture or record of it.",
        wording={"recovery.prepared": "boot media and recovery procedure ready"},
    ),
    PolicyRow(
        "HP-PRECHECK",
        work_classes=_TICKETS,
        methods=_SSH,
        fact_kinds=(
            "precheck.reachable",
            "precheck.disk",
            "precheck.clock",
            "precheck.dependencies",
            "precheck.defined",
        ),
        per_asset=True,
        maximum_age=timedelta(hours=4),
        minimum_grade="captured",
        deferrable=True,
        next_step="Prepare the ticket again once the target answers.",
        wording={
            "precheck.reachable": "target reachable",
            "precheck.disk": "enough disk space",
            "precheck.clock": "clock within 5 s of ours",
            "precheck.dependencies": "what it needs and what needs it at rest",
            "precheck.defined": "every check defined for it passed",
        },
    ),
    PolicyRow(
        "HP-SOLE-PATH",
        work_classes=_TICKETS,
        methods=_SSH,
        fact_kinds=("sole_path.proven",),
        per_asset=True,
        maximum_age=timedelta(hours=24),
        minimum_grade="captured",
        flag_only=True,
        next_step="Bypass possible: shut the other doors with 'qd gate target-setup' and prepare the ticket again.",
        wording={"sole_path.proven": "only the gate gets in"},
    ),
    PolicyRow(
        "HP-BASELINE",
        work_classes=_TICKETS,
        methods=_SSH,
        fact_kinds=("baseline.before",),
        per_asset=True,
        maximum_age=timedelta(hours=4),
        minimum_grade="captured",
        next_step="Prepare the ticket: that measures the watched files.",
        wording={"baseline.before": "watched files measured before"},
    ),
    PolicyRow(
        "HP-RECORDER",
        work_classes=_TICKETS,
        methods=_SSH,
        fact_kinds=("recorder.healthy",),
        maximum_age=timedelta(minutes=30),
        minimum_grade="captured",
        next_step="Prepare the ticket again once the gate runs and its disk has room.",
        wording={"recorder.healthy": "recorder ready"},
    ),
    PolicyRow(
        "HP-ENDED",
        work_classes=_TICKETS,
        methods=_SSH,
        fact_kinds=("session.ended", "access.revoked", "network.terminated"),
        minimum_grade="captured",
        next_step="End the work: that closes sessions, withdraws access and proves that the connections are gone.",
        wording={
            "session.ended": "sessions ended",
            "access.revoked": "access withdrawn",
            "network.terminated": "connections gone",
        },
    ),
    PolicyRow(
        "HP-RECORDED",
        work_classes=_TICKETS,
        methods=_SSH,
        fact_kinds=("session.recorded",),
        minimum_grade="captured",
        next_step="Explain each interrupted session on the ticket page.",
        wording={"session.recorded": "every session has its whole recording, or an explanation"},
    ),
    PolicyRow(
        "HP-BASELINE-AFTER",
        work_classes=_TICKETS,
        methods=_SSH,
        fact_kinds=("baseline.after",),
        per_asset=True,
        minimum_grade="captured",
        next_step="Ending the work measures the watched files again; try 'verify' once the target answers.",
        wording={"baseline.after": "watched files measured after"},
    ),
    PolicyRow(
        "HP-DRIFT",
        work_classes=_TICKETS,
        methods=_SSH,
        fact_kinds=("drift.explained",),
        per_asset=True,
        minimum_grade="captured",
        next_step="Explain each unexplained difference under Before & after.",
        wording={"drift.explained": "differences explained"},
    ),
    PolicyRow(
        "HP-POSTCHECK",
        work_classes=_TICKETS,
        methods=_SSH,
        fact_kinds=("postcheck.passed",),
        per_asset=True,
        minimum_grade="captured",
        deferrable=True,
        next_step="Mend what failed and verify again, or ask the approver for a waiver.",
        wording={"postcheck.passed": "post-checks passed"},
    ),
    PolicyRow(
        "HP-LEFTOVERS",
        work_classes=_TICKETS,
        methods=_SSH,
        fact_kinds=("leftovers.none",),
        per_asset=True,
        minimum_grade="captured",
        deferrable=True,
        next_step="End the processes of the maintenance account on the target and verify again.",
        wording={"leftovers.none": "no process of the maintenance account left behind"},
    ),
    PolicyRow(
        "HP-MANUAL",
        work_classes=_TICKETS,
        methods=("external", "on_site", "unattended"),
        fact_kinds=("session.ended",),
        next_step="Write down the session: who, when, how it ended, with its log or visitor sheet.",
        wording={"session.ended": "the session written down with its end"},
    ),
    PolicyRow("HP-RATIFIED", work_classes=_TICKETS),
)

DEFAULT_SETTINGS: Mapping[str, object] = {
    "one_independent_person_may_hold_both_roles": False,
    "grace_minutes_staff": 30,
    "grace_minutes_vendor": 0,
    "self_extension_minutes": 30,
    "idle_minutes_terminal": 15,
    # False: of sessions on assets that handle CUI times, sizes, files and ends are recorded, not what a screen showed.
    "record_screens_of_cui_assets": True,
    # Access takes a FIDO key that asks for its PIN at every connection (3.5.3); QD_GATE_VERIFIED_KEYS is the least.
    "verified_keys_for_cui_assets": False,
    "verified_keys_for_all_assets": False,
}


def sound_policy(
    rows: tuple[PolicyRow, ...], known_hold_points: frozenset[str], known_kinds: frozenset[str]
) -> Decision:
    """Decide whether a policy may be adopted: known hold points and facts; approvals and recorder never deferrable."""
    present = {row.hold_point for row in rows}
    decisions = [ALLOWED]
    for row in rows:
        decisions += [
            require_that(
                row.hold_point in known_hold_points,
                "policy.unknown_hold_point",
                f"There is no hold point {row.hold_point}.",
                "See the list of hold points in the reference.",
            ),
            require_that(
                set(row.fact_kinds) <= known_kinds,
                "policy.unknown_fact",
                f"{row.hold_point} asks for a fact that nothing can bring.",
                "See the list of fact kinds in the reference.",
            ),
            require_that(
                row.asset_class in ASSET_CLASSES,
                "policy.unknown_asset_class",
                f"{row.hold_point} names an unknown asset class.",
                "Use any, cui, cui_server or server.",
            ),
            require_that(
                not (row.hold_point in _NEVER_DEFERRABLE and (row.deferrable or row.flag_only)),
                "policy.never_deferrable",
                f"{row.hold_point} can't be made deferrable.",
                "Only lead time, staging and checks can be deferred.",
            ),
            require_that(
                row.hold_point not in _NEVER_DEFERRABLE or _holds_for_all_work(row),
                "policy.narrowed",
                f"{row.hold_point} can't be kept to some kinds of work.",
                "Leave its work classes, types and risks as the default has them.",
            ),
        ]
    decisions += [
        require_that(
            name in present,
            "policy.missing",
            f"The policy has no row for {name}.",
            "That hold point can't be left out.",
        )
        for name in sorted(_NEVER_DEFERRABLE)
    ]
    return all_of(decisions)


def _holds_for_all_work(row: PolicyRow) -> bool:
    network_only = row.hold_point in _ABOUT_SESSIONS and "ssh" in row.methods
    return (
        row.asset_class == "any"
        and not row.maintenance_types
        and not row.risks
        and (not row.work_classes or set(_TICKETS) <= set(row.work_classes))
        and (not row.methods or network_only)
    )


def deferred_by_emergency(hold_point: str) -> bool:
    """True for what an emergency defers: lead time and staging; never MFA, recorder or impact (design section 4)."""
    return hold_point in _EMERGENCY_DEFERRABLE
