"""Packages, consents and objective status: the only module of this app that others import."""

from quarterdeck.assessor.consents import consents, give_consent, withdraw_consent
from quarterdeck.assessor.gaps import objective_status
from quarterdeck.assessor.objectives import Gap, ObjectiveStatus, Proposal, maintenance_first, propose
from quarterdeck.assessor.orders import (
    cancel_order,
    check_order,
    fail_order,
    finish_order,
    may_package,
    order,
    order_package,
    orders,
    take_order,
    tell_order,
)
from quarterdeck.assessor.slices import Slice, cut
from quarterdeck.assessor.terms import OrderState, OrderView, ScopeKind
from quarterdeck.assessor.views import derive_views
from quarterdeck.assessor.withholding import withheld

__all__ = [
    "Gap",
    "ObjectiveStatus",
    "OrderState",
    "OrderView",
    "Proposal",
    "ScopeKind",
    "Slice",
    "cancel_order",
    "check_order",
    "consents",
    "cut",
    "derive_views",
    "fail_order",
    "finish_order",
    "give_consent",
    "maintenance_first",
    "may_package",
    "objective_status",
    "order",
    "order_package",
    "orders",
    "propose",
    "take_order",
    "tell_order",
    "withdraw_consent",
    "withheld",
]
