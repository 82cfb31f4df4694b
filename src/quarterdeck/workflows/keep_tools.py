"""Keeping the registers of tools, techniques and mechanisms: the IT lead writes, refusals are recorded."""

from datetime import date

from quarterdeck.evidence.api import store_artifact
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.tools import api as tools
from quarterdeck.tools.api import InspectionOutcome, InspectionView, ItemFields, ItemView
from quarterdeck.workflows.keep_inventory import keeping


def list_item(actor: Actor, clock: Clock, fields: ItemFields) -> ItemView:
    """Put an item into its register and return it."""
    with keeping(actor, clock, "item.list", owner=fields.owner):
        return tools.list_item(fields, actor=actor, clock=clock)


def review_item(actor: Actor, clock: Clock, item_id: str, review_due: date) -> ItemView:
    """Record that an item was reviewed and is due again on that day."""
    with keeping(actor, clock, "item.review"):
        return tools.review_item(item_id, review_due=review_due, actor=actor, clock=clock)


def withdraw_item(actor: Actor, clock: Clock, item_id: str) -> ItemView:
    """Take an item out of its register."""
    with keeping(actor, clock, "item.withdraw"):
        return tools.withdraw_item(item_id, actor=actor, clock=clock)


def record_inspection(
    actor: Actor, clock: Clock, item_id: str, outcome: InspectionOutcome, record: bytes = b""
) -> InspectionView:
    """Record an inspection; `record` is its report, kept as evidence, empty when there is none."""
    with keeping(actor, clock, "item.inspect"):
        tools.item(item_id)
        kept = None
        if record:
            kept = store_artifact(
                record,
                media_type="application/octet-stream",
                role="inspection",
                name="inspection-record",
                may_contain_cui=False,
            )
        return tools.record_inspection(item_id, outcome, actor=actor, clock=clock, record=kept)
