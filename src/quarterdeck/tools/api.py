"""The registers for others: items, inspections, whether something may be used."""

from quarterdeck.tools.registers import (
    check_row,
    inspections,
    item,
    items,
    list_item,
    record_inspection,
    review_item,
    usable,
    withdraw_item,
)
from quarterdeck.tools.rules import check_item
from quarterdeck.tools.terms import (
    InspectionOutcome,
    InspectionView,
    ItemFields,
    ItemKind,
    ItemState,
    ItemView,
)

__all__ = [
    "InspectionOutcome",
    "InspectionView",
    "ItemFields",
    "ItemKind",
    "ItemState",
    "ItemView",
    "check_item",
    "check_row",
    "inspections",
    "item",
    "items",
    "list_item",
    "record_inspection",
    "review_item",
    "usable",
    "withdraw_item",
]
