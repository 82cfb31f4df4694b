"""Bringing in the inventory from a CSV: plan, look, apply; owners are found by mail address among the people.

The plan's token travels with the request to apply it: the file is planned again, and when anything (file, mapping,
inventory, people) has changed since, the token differs and the import is refused.
"""

from collections.abc import Mapping

from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import ImportPlan, ImportResult
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import require_that
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets.api import stepped_up
from quarterdeck.workflows.keep_inventory import keeping


class Roster:
    """The people as the inventory's port wants them, read once: 10,000 rows must not be 10,000 questions."""

    def __init__(self) -> None:
        everybody = personnel.people()
        self._by_email = {one.email.lower(): one.id for one in everybody if one.active}
        self._emails = {one.id: one.email for one in everybody}

    def person_of(self, email: str) -> str | None:
        """Return the id of the active person with this mail address, None when there is none."""
        return self._by_email.get(email.strip().lower())

    def email_of(self, person_id: str) -> str:
        """Return the mail address of a person, empty when the person is not known."""
        return self._emails.get(person_id, "")


def plan(data: bytes, mapping: Mapping[str, str] | None = None, *, skip_bad_rows: bool = False) -> ImportPlan:
    """Return what importing this file would do; nothing is written. Refused for a file that can't be read."""
    return inventory.plan_import(data, mapping, Roster(), skip_bad_rows=skip_bad_rows)


def apply(
    actor: Actor,
    clock: Clock,
    data: bytes,
    mapping: Mapping[str, str] | None = None,
    *,
    token: str,
    skip_bad_rows: bool = False,
) -> ImportResult:
    """Do what the plan with this token says and return the counts; Refused(import.stale) for any other plan.

    It takes a fresh second factor: an import can say which machines the gate trusts.
    """
    with keeping(actor, clock, "inventory.import"):
        stepped_up(actor, clock.now()).require()
        made = plan(data, mapping, skip_bad_rows=skip_bad_rows)
        require_that(
            made.token == token,
            "import.stale",
            "The file, the mapping or the inventory is not what the plan was made from.",
            "Make the plan again (dry run), look at the differences, then import with its token.",
        ).require()
        return inventory.apply_import(made, file=data, actor=actor, clock=clock)


def export() -> bytes:
    """Return the assets in use as CSV, owners as mail addresses; it can be imported again and changes nothing."""
    return inventory.export_csv(Roster().email_of)
