"""The reference pages about tickets say what the code says: QD_TEST_WRITE_DOCS=1 pytest this file writes them anew."""

import os
from pathlib import Path

import pytest

from quarterdeck.controls import api as controls
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Before, PolicyRow, State

REFERENCE = Path(__file__).resolve().parents[2] / "docs/reference"
NOTE = "Generated from the code and compared by a test; do not edit by hand."
LIFE = """# Life of a ticket

{note}

```mermaid
{diagram}```

## States

| state | what it means | over |
|---|---|---|
{states}

## Acts

| act | from | to |
|---|---|---|
{acts}

Work in a window that ends is led from *open* to *verifying* by the ticker; a ticket that was submitted and never opened
expires at the end of its window. An edit before opening, and a register that changes, make approvals void; *verifying*
goes back to *open* only inside the window, and what was found after the first work then counts no more. An
emergency whose ratification was refused loses its access at once and closes with the finding `not_ratified`.

More time for open work changes no state and voids nothing: it is a separate approval, and windows are judged by the new
end. Revoked access leads an open ticket into verification only where the ticket itself is revoked.
"""
MEANING = {
    State.DRAFT: "being written; nobody has been asked",
    State.SUBMITTED: "frozen, waits for its approvals",
    State.APPROVED: "every role has approved exactly this content",
    State.SCHEDULED: "those concerned were told; waits for its window and the hold points before opening",
    State.OPEN: "access may exist, inside the window",
    State.VERIFYING: "work has ended, access is withdrawn; measured and checked again",
    State.CLOSED: "done; its last entry carries the count and head of the others",
    State.REJECTED: "an approver or the CUI owner said no",
    State.WITHDRAWN: "taken back before it opened",
    State.ROLLED_BACK: "opened, and put back as it was",
    State.EXPIRED: "its window ended before it opened",
}


def life() -> str:
    states = [f"| `{s.value}` | {MEANING[s]} | {'yes' if s in tickets.FINAL_STATES else ''} |" for s in State]
    acts = [
        f"| {act.replace('_', ' ')} | `{before.value}` | `{after.value}` |"
        for act, moves in tickets.TRANSITIONS.items()
        for before, after in moves.items()
    ]
    return LIFE.format(note=NOTE, diagram=tickets.diagram(), states="\n".join(states), acts="\n".join(acts))


def applies(row: PolicyRow) -> str:
    words = {
        "assets": "" if row.asset_class == "any" else row.asset_class.replace("_", " ").replace("cui", "CUI"),
        "methods": ", ".join(row.methods),
        "risk": ", ".join(row.risks),
        "types": ", ".join(row.maintenance_types),
    }
    return "; ".join(f"{name}: {value}" for name, value in words.items() if value) or "all tickets"


def limits(row: PolicyRow) -> str:
    hours = None if row.maximum_age is None else row.maximum_age.total_seconds() / 3600
    words = [
        "per asset" if row.per_asset else "",
        f"at most {tickets.spoken(row.maximum_age)} old" if hours and row.maximum_age else "",
        "captured only" if row.minimum_grade == "captured" else "",
        "may be waived" if row.deferrable else "",
        "shows amber, does not stop" if row.flag_only else "",
    ]
    return ", ".join(word for word in words if word) or "-"


def hold_points() -> str:
    lines = [
        "# Hold points", "", NOTE, "",
        "A hold point is a point that work may not pass until its condition holds. Web, API, command line and gate",
        "ask the same rules, at the time of the act and in its transaction. Which apply to which work is policy;",
        "this is the default. What asks for no fact is answered from the ticket and the registers themselves.", "",
    ]  # fmt: skip
    for before in Before:
        lines += [f"## Before {before.value}", "", "| hold point | what holds | control | for | facts | limits |"]
        lines += ["|---|---|---|---|---|---|"]
        for row in tickets.DEFAULT_ROWS:
            point = tickets.HOLD_POINTS[row.hold_point]
            if point.before is before:
                facts = ", ".join(f"`{kind}`" for kind in row.fact_kinds) or "-"
                lines.append(
                    f"| `{point.id}` | {point.label} | {point.control} | {applies(row)} | {facts} | {limits(row)} |"
                )
        lines.append("")
    lines += [
        "An emergency defers `HP-NOTICE`, `HP-STAGING` and the CUI owner's prior approval, nothing else. A waiver is",
        "an entry by somebody who could approve the ticket, with a reason, for exactly one content.", "",
    ]  # fmt: skip
    return "\n".join(lines)


def fact_kinds() -> str:
    asked: dict[str, list[str]] = {}
    for row in tickets.DEFAULT_ROWS:
        for kind in row.fact_kinds:
            asked.setdefault(kind, []).append(f"`{row.hold_point}`")
    lines = [
        "# Fact kinds", "", NOTE, "",
        "A fact is what a capture or a person's attachment left in the ledger: kind, ticket, asset, time, outcome and",
        "grade. Hold points and objective status read facts, and only those that a sealed entry carries. The last",
        "column names the hold points of the default policy that ask for the kind.", "",
        "| fact | meaning | speaks to | asked by |", "|---|---|---|---|",
    ]  # fmt: skip
    for kind in controls.FACT_KINDS:
        speaks = ", ".join(kind.objectives) or "-"
        lines.append(f"| `{kind.code}` | {kind.label} | {speaks} | {', '.join(asked.get(kind.code, [])) or '-'} |")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("name", "make"),
    [("ticket-life.md", life), ("hold-points.md", hold_points), ("fact-kinds.md", fact_kinds)],
)
def test_the_page_is_what_the_code_says(name: str, make) -> None:
    if os.environ.get("QD_TEST_WRITE_DOCS"):
        (REFERENCE / name).write_text(make())
    assert (REFERENCE / name).read_text() == make(), "regenerate with QD_TEST_WRITE_DOCS=1"


def test_every_fact_that_policy_asks_for_has_a_kind_and_every_hold_point_a_row() -> None:
    known = {kind.code for kind in controls.FACT_KINDS}
    assert {kind for row in tickets.DEFAULT_ROWS for kind in row.fact_kinds} <= known
    assert {row.hold_point for row in tickets.DEFAULT_ROWS} == set(tickets.HOLD_POINTS)
