"""Two rollbacks under way for browser tests: one whose snapshot step is done, one whose step failed."""

import tempfile
from datetime import timedelta
from pathlib import Path

from tests.attack.test_rollback_attacks import Disk
from tests.ticket_yard import Yard

from quarterdeck.adapters.run_room import RunFolders
from quarterdeck.backups import api as backups
from quarterdeck.backups.api import Product, Source
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.windows import Window
from quarterdeck.tickets.api import ApprovalRole, Method, RollbackPlan, RollbackStep, StepKind, TicketAsset
from quarterdeck.workflows import approve, open_window, roll_back
from quarterdeck.workflows.do_captures import do_next_capture
from quarterdeck.workflows.prepare_ticket import Instruments
from quarterdeck.workflows.revert_snapshot import SnapshotReverter
from quarterdeck.workflows.take_snapshot import snapshot_for_ticket

TICKER = system("ticker")


def rollbacks(yard: Yard, clock: Clock) -> dict[str, object]:
    """Return the numbers of both tickets: `rolled` waits for a person, `rollback_failed` for whoever repeats it."""
    disk = Disk()
    return {
        "rolled": _begun(yard, clock, "mail-relay", disk, with_snapshot=True),
        "rollback_failed": _begun(yard, clock, "fw01", disk, with_snapshot=False),
    }


def _begun(yard: Yard, clock: Clock, hostname: str, disk: Disk, *, with_snapshot: bool) -> str:
    asset = inventory.find_by_hostname(hostname)
    assert asset is not None
    now, max_ = clock.now(), yard.shop.ids["max"]
    plan = RollbackPlan(
        30, "Mail is not taken in any more",
        (
            RollbackStep("Go back to the snapshot of before the work", max_, StepKind.SNAPSHOT, asset.id),
            RollbackStep("Send a mail from outside and read it", max_),
        ),
    )  # fmt: skip
    view = yard.submitted(
        title=f"Replace the software of {hostname}", method=Method.ON_SITE, assets=(TicketAsset(asset.id, ""),),
        window=Window(now - timedelta(minutes=5), now + timedelta(hours=3)), rollback_plan=plan,
    )  # fmt: skip
    approve.approve(
        yard.actor("avery"), clock, view.number, role=ApprovalRole.APPROVER, content_hash=view.content_hash,
        reason="The vendor ends the old one.",
    )  # fmt: skip
    makers = {Product.BTRFS: disk}
    if with_snapshot:
        source = Source("", asset.id, Product.BTRFS, "/srv/mail", "", timedelta(hours=24), path="/srv/snapshots")
        with evidence.act(yard.actor("iris"), clock) as act:
            backups.set_source(act, source)
        snapshot_for_ticket(view.number, asset.id, makers=makers, actor=TICKER, clock=clock)
    open_window.open_ticket(yard.actor("max"), clock, view.number)
    room = RunFolders(Path(tempfile.gettempdir()))
    roll_back.begin(yard.actor("max"), clock, view.number, reason="No mail since the change.", room=room)
    reverters = {StepKind.SNAPSHOT: SnapshotReverter(makers, TICKER, clock)}
    do_next_capture(TICKER, clock, lambda: Instruments(None, None, None, {}, None, reverters=reverters))  # type: ignore[arg-type]
    return view.number
