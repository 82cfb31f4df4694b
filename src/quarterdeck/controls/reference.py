"""Writes the reference page of objectives and fact kinds from the tables, so that the page cannot drift from them."""

from collections.abc import Iterable, Iterator

from quarterdeck.controls.fact_kinds import FACT_KINDS, kinds_for
from quarterdeck.controls.practices import MA_OBJECTIVES, MA_PRACTICES, PRACTICES, R3_DETERMINATIONS
from quarterdeck.controls.terms import PoamRule, Practice

_TOTAL = sum(practice.points or 0 for practice in MA_PRACTICES)
_INTRODUCTION = f"""\
# Objectives and facts

Generated from `quarterdeck.controls` and compared by a test; do not edit by hand.

The maintenance family of CMMC Level 2 (SP 800-171 r2, assessed with SP 800-171A) has {len(MA_PRACTICES)} practices,
{len(MA_OBJECTIVES)} objectives and {_TOTAL} points. Points follow 32 CFR 170.24, POA&M eligibility 32 CFR 170.21(a)(2).
Labels are Quarterdeck's own; the wording is in NIST's and the DoD's documents, and an OSCAL catalogue that you have
can be loaded to show it beside the label.

A fact *speaks to* an objective. It never settles one: whether an objective is met is for the assessor to say.
"""


def objectives_page() -> str:
    """Return the whole of `docs/reference/objectives.md`."""
    lines = [_INTRODUCTION, "## Maintenance", ""]
    lines += _practices(p for p in PRACTICES if p.family == "MA")
    lines += ["## Related practices", ""]
    lines += _practices(p for p in PRACTICES if p.family != "MA")
    lines += ["## Revision 3, a preview", "", "| determination | label |", "|---|---|"]
    lines += [f"| `{d.id}` | {d.label} |" for d in R3_DETERMINATIONS]
    lines += ["", "## Kinds of fact", "", "| code | label | speaks to |", "|---|---|---|"]
    own = "policy of the organisation"
    lines += [f"| `{k.code}` | {k.label} | {_codes(k.objectives) or own} |" for k in FACT_KINDS]
    return "\n".join(lines) + "\n"


def _practices(practices: Iterable[Practice]) -> Iterator[str]:
    for practice in practices:
        yield f"### {practice.id}: {practice.label}"
        yield ""
        yield _summary(practice)
        yield ""
        yield "| objective | label | revision 3 | facts |"
        yield "|---|---|---|---|"
        for objective in practice.objectives:
            label = objective.label + (" (looked at on site)" if objective.on_site else "")
            facts = _codes(kind.code for kind in kinds_for(objective.id))
            yield f"| `{objective.id}` | {label} | {_codes(objective.r3) or '-'} | {facts or '-'} |"
        yield ""


def _summary(practice: Practice) -> str:
    if practice.points is None:
        value = "No point value: without it the assessment cannot be completed"
    elif practice.partial_points is None:
        value = f"{practice.points} point{'s' if practice.points > 1 else ''}"
    else:
        value = f"{practice.points} points, {practice.partial_points} when partly done"
    poam = {
        PoamRule.YES: "may stand on a POA&M",
        PoamRule.NO: "may not stand on a POA&M",
        PoamRule.CONDITIONAL: "may stand on a POA&M only when encryption is in use but not validated",
    }[practice.poam]
    revision3 = f"; revision 3: {', '.join(practice.r3)}" if practice.r3 else ""
    return f"{value}; {poam}{revision3}."


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
