"""The kinds of fact that captures may state, and the objectives that each speaks to.

A fact *speaks to* an objective: it is looked at when the objective's status is worked out. It never settles one alone.
A kind without objectives is good practice or policy of the organisation, which no requirement of family 3.7 asks for.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FactKind:
    """A kind of fact: `code` in the ledger, `label` on screens, ids of the objectives it speaks to."""

    code: str
    label: str
    objectives: tuple[str, ...] = ()


_APPROVAL = (
    FactKind(
        "approval.recorded",
        "Approved by somebody else",
        ("CM.L2-3.4.3[b]", "CM.L2-3.4.3[c]", "CM.L2-3.4.5[g]", "AC.L2-3.1.12[a]", "AC.L2-3.1.15[c]"),
    ),
    FactKind("duties.separated", "Duties kept apart", ("AC.L2-3.1.4[b]", "AC.L2-3.1.4[c]")),
    FactKind("impact.analysed", "Impact written down before the work", ("CM.L2-3.4.4[a]",)),
    FactKind("notice.given", "Notice given"),
    FactKind("emergency.ratified", "Emergency ratified", ("CM.L2-3.4.3[b]", "CM.L2-3.4.3[c]")),
    FactKind("change.logged", "Change tracked and logged", ("CM.L2-3.4.3[a]", "CM.L2-3.4.3[d]")),
    FactKind("maintenance.performed", "Maintenance done", ("MA.L2-3.7.1[a]",)),
    FactKind("flaw.corrected", "Flaw corrected", ("MA.L2-3.7.1[a]", "SI.L2-3.14.1[f]")),
    FactKind("summary.written", "After-action summary written"),
)

_REGISTERS = (
    FactKind("tool.listed", "Tool in the register", ("MA.L2-3.7.2[a]",)),
    FactKind("tool.inspected", "Tool inspected", ("MA.L2-3.7.2[a]",)),
    FactKind("technique.listed", "Procedure in the register", ("MA.L2-3.7.2[b]",)),
    FactKind("mechanism.listed", "Script or job in the register", ("MA.L2-3.7.2[c]",)),
    FactKind("asset.listed", "Asset in the inventory", ("CM.L2-3.4.1[d]", "CM.L2-3.4.1[f]")),
    FactKind("person.authorised", "Person authorised to maintain", ("MA.L2-3.7.2[d]", "MA.L2-3.7.6[a]")),
    FactKind("agreement.valid", "Vendor agreement in force", ("MA.L2-3.7.2[d]",)),
    FactKind("entry_points.covered", "Other ways in have evidence", ("MA.L2-3.7.2[d]", "AC.L2-3.1.12[b]")),
    FactKind("escort.present", "Escort present", ("MA.L2-3.7.6[a]",)),
    FactKind("media.scanned", "Media scanned before use", ("MA.L2-3.7.4[a]",)),
    FactKind("equipment.sanitised", "Equipment sanitised before it left", ("MA.L2-3.7.3[a]",)),
)

_READINESS = (
    FactKind("backup.verified", "Backup exists and was verified"),
    FactKind("backup.encrypted", "Backup encrypted where it is stored", ("MP.L2-3.8.9[a]",)),
    FactKind("backup.locked", "Backup bucket locked against deletion"),
    FactKind("backup.offline", "Offline copy kept as long as the contract asks"),
    FactKind("restore.drilled", "Restore tried"),
    FactKind("snapshot.taken", "Snapshot or isolation in place"),
    FactKind("staging.tested", "Tried in staging"),
    FactKind("rollback.tested", "Rollback tried in staging"),
    FactKind("rollback.performed", "Rolled back within its time box"),
    FactKind("recovery.prepared", "Boot media and time-boxed recovery ready"),
    FactKind("precheck.reachable", "Reachable before the work"),
    FactKind("precheck.disk", "Disk space before the work"),
    FactKind("precheck.services", "Services well before the work"),
    FactKind("precheck.dependencies", "Dependencies well before the work"),
    FactKind("precheck.defined", "Checks defined for the asset passed before the work"),
    FactKind("precheck.drift", "No unexplained drift before the work", ("CM.L2-3.4.1[c]",)),
    FactKind("precheck.clock", "Clock close to ours", ("AU.L2-3.3.7[c]",)),
)

_ACCESS = (
    FactKind("sole_path.proven", "The gate is the only way in", ("AC.L2-3.1.14[b]", "AC.L2-3.1.12[c]")),
    FactKind("recorder.healthy", "Recorder ready"),
    FactKind(
        "mfa.used",
        "Second factor used",
        ("MA.L2-3.7.5[a]", "IA.L2-3.5.3[c]", "IA.L2-3.5.3[d]", "IA.L2-3.5.4[a]"),
    ),
    FactKind("access.granted", "Access limited to the window", ("AC.L2-3.1.5[b]", "CM.L2-3.4.5[h]", "AC.L2-3.1.12[c]")),
    FactKind("elevation.timed", "Root by sudo only until the window's end", ("AC.L2-3.1.5[b]",)),
    FactKind("elevation.withdrawn", "Root by sudo taken away", ("AC.L2-3.1.5[b]", "MA.L2-3.7.5[b]")),
    FactKind("elevation.only", "No other way to root by sudo", ("AC.L2-3.1.5[b]",)),
    FactKind("session.recorded", "Session recorded", ("AC.L2-3.1.12[d]", "AC.L2-3.1.7[d]", "AU.L2-3.3.2[b]")),
    FactKind("commands.witnessed", "Commands from the target's own log", ("AC.L2-3.1.7[d]", "AU.L2-3.3.2[b]")),
    FactKind("logins.ticketed", "Every login on the target has its ticket", ("AC.L2-3.1.12[d]",)),
    FactKind("break_glass.sealed", "Break-glass credential sealed and in date"),
    FactKind("session.ended", "Session ended", ("MA.L2-3.7.5[b]",)),
    FactKind("network.terminated", "Connection gone", ("MA.L2-3.7.5[b]",)),
    FactKind("access.revoked", "Access withdrawn", ("MA.L2-3.7.5[b]", "AC.L2-3.1.5[b]")),
    FactKind("leftovers.none", "No process left behind", ("MA.L2-3.7.5[b]",)),
    FactKind("credentials.rotated", "Passwords changed after use", ("MA.L2-3.7.5[b]",)),
)

_AFTERWARDS = (
    FactKind("baseline.before", "Watched files measured before", ("CM.L2-3.4.1[a]",)),
    FactKind("baseline.after", "Watched files measured after", ("CM.L2-3.4.1[c]",)),
    FactKind("drift.explained", "Every difference explained", ("CM.L2-3.4.1[c]", "CM.L2-3.4.3[a]")),
    FactKind("baseline.monitored", "Watched files measured between tickets", ("CM.L2-3.4.1[c]",)),
    FactKind("drift.monitored", "Every change between tickets explained", ("CM.L2-3.4.1[c]", "CM.L2-3.4.3[a]")),
    FactKind("run.checked", "Runbook tried in check mode", ("MA.L2-3.7.2[c]",)),
    FactKind("run.done", "Runbook run as approved", ("MA.L2-3.7.2[c]", "MA.L2-3.7.1[a]")),
    FactKind("postcheck.passed", "Health checked after the work"),
    FactKind("postcheck.access", "Access controls as before", ("CM.L2-3.4.5[h]",)),
    FactKind("postcheck.encryption", "Encryption as before", ("SC.L2-3.13.16[a]",)),
)

FACT_KINDS: tuple[FactKind, ...] = (*_APPROVAL, *_REGISTERS, *_READINESS, *_ACCESS, *_AFTERWARDS)

_BY_CODE = {kind.code: kind for kind in FACT_KINDS}


def fact_kind(code: str) -> FactKind:
    """Return the kind with this code; KeyError when no such kind is known."""
    return _BY_CODE[code]


def is_fact_kind(code: str) -> bool:
    """True for the code of a kind in the table."""
    return code in _BY_CODE


def kinds_for(objective_id: str) -> tuple[FactKind, ...]:
    """Return the kinds that speak to this objective, in the order of the table."""
    return tuple(kind for kind in FACT_KINDS if objective_id in kind.objectives)
