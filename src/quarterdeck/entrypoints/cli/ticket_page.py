"""What a person reads of a ticket's hold points: what stands in the way, what to do, and when it may open."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from quarterdeck.entrypoints.cli.showing import Row, clean
from quarterdeck.entrypoints.cli.verbs import text_of

UNMET = frozenset({"failed", "flagged"})
# Which hold points a ticket must meet from its state on; before that, "failed" would only say that it is early.
_DUE = {
    "draft": ("approve",),
    "submitted": ("approve",),
    "approved": ("approve", "open"),
    "scheduled": ("approve", "open"),
    "open": ("approve", "open"),
}


def hold_lines(holds: Sequence[Row]) -> list[str]:
    """Return two lines for each hold point that is not met: what is missing, and what to do."""
    lines = []
    for hold in holds:
        if text_of(hold, "state") in UNMET:
            amber = " (amber: does not stop it)" if text_of(hold, "state") == "flagged" else ""
            lines.append(clean(f"  {text_of(hold, 'id')}{amber}  {text_of(hold, 'sentence')}"))
            if text_of(hold, "next_step"):
                lines.append(clean(f"      -> {text_of(hold, 'next_step')}"))
    return lines


def hold_page(holds: Sequence[Row], state: str) -> str:
    """Return the hold points as they are read: what stands in the way, what comes later, what is met."""
    due = _DUE.get(state)
    now = [hold for hold in holds if due is None or text_of(hold, "before") in due]
    lines = hold_lines(now)
    title = "Stands in the way:" if any(text_of(hold, "state") == "failed" for hold in now) else "Amber:"
    parts = [title, *lines] if lines else ["Nothing stands in the way now."]
    later = [hold for hold in holds if hold not in now and text_of(hold, "state") in UNMET]
    for title, some in (("Comes later", later), ("Met", [hold for hold in holds if not _is_unmet(hold)])):
        if some:
            parts.append(f"{title}: " + ", ".join(text_of(hold, "id") for hold in some))
    return clean_lines(parts)


def _is_unmet(hold: Row) -> bool:
    return text_of(hold, "state") in UNMET


def clean_lines(lines: Sequence[str]) -> str:
    """Return the lines one below the other, each without control characters."""
    return "\n".join(map(clean, lines))


def notice_warning(ticket: Row, now: datetime) -> str:
    """Return a line when planned work cannot open as its window says, because people are told too late for it."""
    hours = int(text_of(ticket, "notice_hours") or 0)
    start, until = (datetime.fromisoformat(text_of(ticket, key)) for key in ("window_from", "window_until"))
    earliest = now + timedelta(hours=hours)
    if not hours or earliest <= start:
        return ""
    said = f"{earliest:%Y-%m-%d %H:%M %z}"
    if earliest >= until:
        return (
            f"Careful: {text_of(ticket, 'maintenance_type')} work opens {hours} h after its approval told everybody, "
            f"not before {said}; the window has ended then. Move it with `qd ticket edit`.\n"
        )
    return (
        f"Careful: {text_of(ticket, 'maintenance_type')} work opens {hours} h after its approval told everybody, "
        f"not before {said}, later than its window begins.\n"
    )
