"""Keeping check definitions: an act of the IT lead with a fresh second factor; a mechanism comes from the register.

A check that runs a file on a target names a registered mechanism: its hash is the register's, and whether it may be
used is asked again at every run. There is no command line in a definition.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import CheckFields, CheckKind, CheckView
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Decision, Refused, require_that
from quarterdeck.tickets.api import stepped_up
from quarterdeck.tools import api as tools
from quarterdeck.tools.api import ItemKind
from quarterdeck.workflows.keep_inventory import keeping

_RUN = (CheckKind.MECHANISM, CheckKind.INTEGRATION)


def define(actor: Actor, clock: Clock, fields: CheckFields) -> CheckView:
    """Define a check and return it."""
    with keeping(actor, clock, "check.define"):
        stepped_up(actor, clock.now()).require()
        return inventory.define_check(_with_registered_hash(fields, clock.now()), actor=actor, clock=clock)


def change(actor: Actor, clock: Clock, check_id: str, changes: Mapping[str, Any]) -> CheckView:
    """Change named fields of a check and return it; tickets that were approved with it are approved anew."""
    with keeping(actor, clock, "check.change"):
        stepped_up(actor, clock.now()).require()
        before = inventory.check(check_id).fields
        if "values" in changes:
            values = {**before.values, **{str(name): str(value) for name, value in dict(changes["values"]).items()}}
            changes = {**changes, "values": _with_registered_hash(replace(before, values=values), clock.now()).values}
        return inventory.change_check(check_id, changes, actor=actor, clock=clock)


def withdraw(actor: Actor, clock: Clock, check_id: str) -> CheckView:
    """Take a check out of use."""
    with keeping(actor, clock, "check.withdraw"):
        stepped_up(actor, clock.now()).require()
        return inventory.withdraw_check(check_id, actor=actor, clock=clock)


def _with_registered_hash(fields: CheckFields, at: datetime) -> CheckFields:
    if fields.kind not in _RUN:
        return fields
    item = tools.item(str(fields.values.get("item", "")))
    _is_a_mechanism(item, at).require()
    return replace(fields, values={**fields.values, "sha256": item.sha256})


def may_run(check: CheckView, at: datetime) -> Decision:
    """Decide whether the mechanism of a check is still what was approved: registered, in use, of the same hash."""
    try:
        item = tools.item(check.values["item"])
    except Refused as refused:
        return refused.decision
    same = require_that(
        item.sha256 == check.values["sha256"],
        "check.other_hash",
        f"The mechanism of {check.name} has another hash in the register now.",
        "Change the check, and have the ticket approved with it.",
    )
    return Decision(_is_a_mechanism(item, at).reasons + same.reasons)


def _is_a_mechanism(item: tools.ItemView, at: datetime) -> Decision:
    listed = require_that(
        item.kind is ItemKind.MECHANISM and bool(item.sha256),
        "check.no_mechanism",
        f"{item.name} is not a mechanism with a hash.",
        "List the script as a mechanism with its SHA-256 in the register (3.7.2[c]).",
    )
    return Decision(listed.reasons + tools.usable(item.id, at).reasons)
