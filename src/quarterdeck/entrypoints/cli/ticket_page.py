"""What a person reads of a ticket's hold points: what stands in the way, what to do, and when it may open."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from quarterdeck.entrypoints.cli.showing import Row, clean
from quarterdeck.entrypoints.cli.verbs import text_of

UNMET = frozenset({"failed", "flagged"})


def hold_lines(holds: Sequence[Row]) -> list[str]:
    """Return two lines for each hold point that is not met: what is missing, and what to do."""
    lines = []
    for hold in holds:
        if text_of(hold, "state") in UNMET:
            lines.append(clean(f"  {text_of(hold, 'id')}  {text_of(hold, 'sentence')}"))
            if text_of(hold, "next_step"):
                lines.append(clean(f"      -> {text_of(hold, 'next_step')}"))
    return lines


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
