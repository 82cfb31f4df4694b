"""The six MA practices with their ten objectives, and the related practices that maintenance evidence speaks to.

Points after 32 CFR 170.24, eligibility after 32 CFR 170.21(a)(2), objectives after SP 800-171A (June 2018).
A row of the table: id, label, points, flags, {letter: label}, where the flags say what is not the rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from quarterdeck.controls.terms import Objective, PoamRule, Practice, R3Determination, requirement_number

# 32 CFR 170.21(a)(2)(iii) and the one practice without a value: never on a POA&M, whatever their points.
POAM_BARRED = frozenset({"3.1.20", "3.1.22", "3.12.4", "3.10.3", "3.10.4", "3.10.5"})


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    label: str
    points: int | None
    objectives: Mapping[str, str]
    partial: int | None = None


_MAINTENANCE = (
    _Row("MA.L2-3.7.1", "Maintenance is done", 3, {"a": "Maintenance done, to a schedule"}),
    _Row(
        "MA.L2-3.7.2",
        "Tools, techniques, mechanisms and people under control",
        5,
        {
            "a": "Tools under control",
            "b": "Techniques under control (procedures)",
            "c": "Mechanisms under control (scripts, jobs)",
            "d": "People under control (every way in)",
        },
    ),
    _Row("MA.L2-3.7.3", "No CUI leaves with equipment", 1, {"a": "Equipment sanitised before it leaves"}),
    _Row("MA.L2-3.7.4", "Media scanned first", 3, {"a": "Diagnostic media scanned before use"}),
    _Row(
        "MA.L2-3.7.5",
        "Remote maintenance: second factor, then hang up",
        5,
        {"a": "Second factor opens remote sessions", "b": "Remote sessions ended when done"},
    ),
    _Row("MA.L2-3.7.6", "People without access are escorted", 1, {"a": "People without access are supervised"}),
)

_ACCESS_CONTROL = (
    _Row(
        "AC.L2-3.1.4",
        "Duties kept apart",
        1,
        {"a": "Duties to keep apart named", "b": "Given to different people", "c": "Rights given to different people"},
    ),
    _Row(
        "AC.L2-3.1.5",
        "Least privilege",
        3,
        {
            "a": "Privileged accounts known",
            "b": "Privileged accounts given sparingly",
            "c": "Security functions known",
            "d": "Security functions given sparingly",
        },
    ),
    _Row(
        "AC.L2-3.1.7",
        "Privileged functions guarded",
        1,
        {
            "a": "Privileged functions named",
            "b": "Ordinary users named",
            "c": "Ordinary users kept out",
            "d": "Privileged use logged",
        },
    ),
    _Row(
        "AC.L2-3.1.12",
        "Remote access watched and controlled",
        5,
        {
            "a": "Remote sessions permitted",
            "b": "Kinds of remote access known",
            "c": "Remote sessions controlled",
            "d": "Remote sessions watched",
        },
    ),
    _Row(
        "AC.L2-3.1.13",
        "Remote sessions encrypted",
        5,
        {"a": "Encryption of remote sessions chosen", "b": "Encryption of remote sessions in place"},
    ),
    _Row(
        "AC.L2-3.1.14",
        "Remote access through managed points",
        1,
        {"a": "Managed points named and in place", "b": "Remote access goes through them"},
    ),
    _Row(
        "AC.L2-3.1.15",
        "Privileged remote work authorised",
        1,
        {
            "a": "Privileged remote commands named",
            "b": "Security information open to remote reading named",
            "c": "Privileged remote commands authorised",
            "d": "Remote reading of security information authorised",
        },
    ),
)

_AUDIT = (
    _Row(
        "AU.L2-3.3.1",
        "Audit logs made and kept",
        5,
        {
            "a": "Events to log named",
            "b": "Content of records defined",
            "c": "Records are made",
            "d": "Records hold that content",
            "e": "Time to keep them defined",
            "f": "Records kept that long",
        },
    ),
    _Row(
        "AU.L2-3.3.2",
        "Every act traced to one person",
        3,
        {"a": "Content that traces people defined", "b": "Records hold that content"},
    ),
    _Row(
        "AU.L2-3.3.5",
        "Reviews brought together",
        5,
        {"a": "Review and reporting defined", "b": "Review and reporting brought together"},
    ),
    _Row(
        "AU.L2-3.3.7",
        "Clocks agree",
        1,
        {"a": "System clocks stamp the records", "b": "Time source named", "c": "Clocks kept to that source"},
    ),
    _Row(
        "AU.L2-3.3.8",
        "Audit records protected",
        1,
        {
            "a": "Records safe from reading",
            "b": "Records safe from change",
            "c": "Records safe from deletion",
            "d": "Logging tools safe from use",
            "e": "Logging tools safe from change",
            "f": "Logging tools safe from deletion",
        },
    ),
    _Row(
        "AU.L2-3.3.9",
        "Few may manage logging",
        1,
        {"a": "Who manages logging is defined", "b": "Only they manage logging"},
    ),
)

_CONFIGURATION = (
    _Row(
        "CM.L2-3.4.1",
        "Baseline and inventory",
        5,
        {
            "a": "Baseline exists",
            "b": "Baseline is complete",
            "c": "Baseline kept up to date",
            "d": "Inventory exists",
            "e": "Inventory is complete",
            "f": "Inventory kept up to date",
        },
    ),
    _Row(
        "CM.L2-3.4.3",
        "Changes tracked and decided",
        1,
        {"a": "Changes tracked", "b": "Changes reviewed", "c": "Changes decided", "d": "Changes logged"},
    ),
    _Row("CM.L2-3.4.4", "Impact looked at first", 1, {"a": "Security impact looked at before the change"}),
    _Row(
        "CM.L2-3.4.5",
        "Who may change what",
        5,
        {
            "a": "Physical limits defined",
            "b": "Physical limits written down",
            "c": "Physical limits approved",
            "d": "Physical limits enforced",
            "e": "Logical limits defined",
            "f": "Logical limits written down",
            "g": "Logical limits approved",
            "h": "Logical limits enforced",
        },
    ),
)

_REST = (
    _Row(
        "IA.L2-3.5.3",
        "Second factor for accounts",
        5,
        {
            "a": "Privileged accounts known",
            "b": "Second factor at the machine, privileged",
            "c": "Second factor over the network, privileged",
            "d": "Second factor over the network, ordinary",
        },
        partial=3,
    ),
    _Row("IA.L2-3.5.4", "Logins cannot be replayed", 1, {"a": "Network logins resist replay"}),
    _Row("MP.L2-3.8.9", "Backups kept confidential", 1, {"a": "Backup CUI confidential where it is stored"}),
    _Row(
        "CA.L2-3.12.2",
        "Plans of action",
        3,
        {"a": "Deficiencies known", "b": "Plan made", "c": "Plan carried out"},
    ),
    _Row(
        "CA.L2-3.12.4",
        "System security plan",
        None,
        {
            "a": "Plan exists",
            "b": "Boundary described",
            "c": "Environment described",
            "d": "What does not apply is named",
            "e": "How each requirement is met",
            "f": "Connections described",
            "g": "How often it is renewed",
            "h": "Renewed that often",
        },
    ),
    _Row(
        "SC.L2-3.13.8",
        "CUI protected in transit",
        3,
        {"a": "Encryption chosen", "b": "Other safeguards chosen", "c": "One of them in place"},
    ),
    _Row("SC.L2-3.13.10", "Keys managed", 1, {"a": "Keys established", "b": "Keys managed"}),
    _Row("SC.L2-3.13.11", "FIPS-validated encryption of CUI", 5, {"a": "Validated module in use for CUI"}, partial=3),
    _Row("SC.L2-3.13.15", "Sessions authentic", 5, {"a": "Sessions proven authentic"}),
    _Row("SC.L2-3.13.16", "CUI protected at rest", 1, {"a": "CUI at rest confidential"}),
    _Row(
        "SI.L2-3.14.1",
        "Flaws found and fixed in time",
        5,
        {
            "a": "Time to find defined",
            "b": "Found in time",
            "c": "Time to report defined",
            "d": "Reported in time",
            "e": "Time to correct defined",
            "f": "Corrected in time",
        },
    ),
)

# SP 800-171 r3: where the withdrawn and the kept requirements of family 3.7 went. 03.07.01 has no successor.
_R3_REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    "MA.L2-3.7.2": ("03.07.04", "03.07.06"),
    "MA.L2-3.7.3": ("03.08.03",),
    "MA.L2-3.7.4": ("03.07.04",),
    "MA.L2-3.7.5": ("03.07.05",),
    "MA.L2-3.7.6": ("03.07.06",),
}

_R3_DETERMINATIONS: Mapping[str, tuple[str, ...]] = {
    "MA.L2-3.7.2[a]": ("A.03.07.04.a[01]", "A.03.07.04.a[02]", "A.03.07.04.a[03]"),
    "MA.L2-3.7.2[d]": ("A.03.07.06.a", "A.03.07.06.b", "A.03.07.06.c"),
    "MA.L2-3.7.3[a]": ("A.03.07.04.c",),
    "MA.L2-3.7.4[a]": ("A.03.07.04.b",),
    "MA.L2-3.7.5[a]": ("A.03.07.05.b[01]",),
    "MA.L2-3.7.5[b]": ("A.03.07.05.c[01]", "A.03.07.05.c[02]"),
    "MA.L2-3.7.6[a]": ("A.03.07.06.c", "A.03.07.06.d[01]", "A.03.07.06.d[02]"),
    "AC.L2-3.1.12[c]": ("A.03.07.05.a[01]",),
    "AC.L2-3.1.12[d]": ("A.03.07.05.a[02]",),
    "IA.L2-3.5.4[a]": ("A.03.07.05.b[02]",),
}

R3_DETERMINATIONS = (
    R3Determination("A.03.07.04.a[01]", "03.07.04", "Use of tools approved"),
    R3Determination("A.03.07.04.a[02]", "03.07.04", "Use of tools controlled"),
    R3Determination("A.03.07.04.a[03]", "03.07.04", "Use of tools watched"),
    R3Determination("A.03.07.04.b", "03.07.04", "Diagnostic media scanned before use"),
    R3Determination("A.03.07.04.c", "03.07.04", "No equipment leaves with CUI"),
    R3Determination("A.03.07.05.a[01]", "03.07.05", "Remote maintenance approved"),
    R3Determination("A.03.07.05.a[02]", "03.07.05", "Remote maintenance watched"),
    R3Determination("A.03.07.05.b[01]", "03.07.05", "Second factor at the start"),
    R3Determination("A.03.07.05.b[02]", "03.07.05", "Start resists replay"),
    R3Determination("A.03.07.05.c[01]", "03.07.05", "Session ended when done"),
    R3Determination("A.03.07.05.c[02]", "03.07.05", "Network connection ended when done"),
    R3Determination("A.03.07.06.a", "03.07.06", "Process to authorise people"),
    R3Determination("A.03.07.06.b", "03.07.06", "List of authorised people and firms"),
    R3Determination("A.03.07.06.c", "03.07.06", "Unescorted people hold access"),
    R3Determination("A.03.07.06.d[01]", "03.07.06", "Escorts hold access"),
    R3Determination("A.03.07.06.d[02]", "03.07.06", "Escorts know the work"),
)

# Objectives that assessors are told to consider looking at on site (assessment process, physical presence list).
_ON_SITE = frozenset({"MA.L2-3.7.2[d]", "CM.L2-3.4.5[d]"})


def _poam_rule(row: _Row) -> PoamRule:
    number = requirement_number(row.id)
    if number in POAM_BARRED or row.points is None:
        return PoamRule.NO
    if number == "3.13.11":  # encryption in use but not validated costs 3 and may wait (170.21(a)(2)(ii))
        return PoamRule.CONDITIONAL
    return PoamRule.YES if row.points <= 1 else PoamRule.NO


def _practice(row: _Row) -> Practice:
    rule = _poam_rule(row)
    objectives = tuple(
        Objective(
            id=f"{row.id}[{letter}]",
            practice=row.id,
            letter=letter,
            label=label,
            points=row.points,
            poam_eligible=rule is PoamRule.YES,
            r3=_R3_DETERMINATIONS.get(f"{row.id}[{letter}]", ()),
            on_site=f"{row.id}[{letter}]" in _ON_SITE,
        )
        for letter, label in row.objectives.items()
    )
    r3 = _R3_REQUIREMENTS.get(row.id, ())
    return Practice(row.id, row.label, row.points, row.partial, rule, r3, objectives)


PRACTICES: tuple[Practice, ...] = tuple(
    _practice(row) for row in (*_MAINTENANCE, *_ACCESS_CONTROL, *_AUDIT, *_CONFIGURATION, *_REST)
)
OBJECTIVES: tuple[Objective, ...] = tuple(objective for practice in PRACTICES for objective in practice.objectives)
MA_PRACTICES: tuple[Practice, ...] = tuple(practice for practice in PRACTICES if practice.family == "MA")
MA_OBJECTIVES: tuple[Objective, ...] = tuple(o for practice in MA_PRACTICES for o in practice.objectives)

_PRACTICE_BY_ID = {practice.id: practice for practice in PRACTICES}
_OBJECTIVE_BY_ID = {objective.id: objective for objective in OBJECTIVES}


def practice(practice_id: str) -> Practice:
    """Return the practice `MA.L2-3.7.5`; KeyError when this catalogue does not carry it."""
    return _PRACTICE_BY_ID[practice_id]


def objective(objective_id: str) -> Objective:
    """Return the objective `MA.L2-3.7.5[a]`; KeyError when this catalogue does not carry it."""
    return _OBJECTIVE_BY_ID[objective_id]
