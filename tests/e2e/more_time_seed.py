"""Open work whose technician asks for more time, for browser tests."""

from datetime import timedelta

from tests.ticket_yard import Yard

from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.windows import Window
from quarterdeck.tickets.api import ApprovalRole, Method, TicketAsset
from quarterdeck.workflows import approve, extend_window, open_window


def more_time_waits(yard: Yard, clock: Clock) -> str:
    """Return the number of an open ticket on the printer under which 30 minutes more wait for the approver."""
    now = clock.now()
    view = yard.submitted(
        title="Replace the printer's fuser", method=Method.ON_SITE, assets=(TicketAsset(yard.printer, ""),),
        window=Window(now - timedelta(minutes=5), now + timedelta(minutes=40)),
    )  # fmt: skip
    approve.approve(
        yard.actor("avery"), clock, view.number, role=ApprovalRole.APPROVER, content_hash=view.content_hash,
        reason="It is worn.",
    )  # fmt: skip
    open_window.open_ticket(yard.actor("max"), clock, view.number)
    extend_window.extend(
        yard.actor("max"), clock, view.number, minutes=30, reason="The second roller is worn too; both are changed."
    )
    return view.number
