"""Fields of a ticket's form for its rollback in steps: one step a line, each with its owner's mail address."""

from collections.abc import Mapping
from typing import Any

from django import forms

from quarterdeck.inventory import api as inventory
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets.api import RollbackPlan, RollbackStep, StepKind
from quarterdeck.tools import api as tools

_HELP = (
    "One a line: the owner's mail address, a colon, what is done. A step that runs by itself begins with "
    "snapshot HOST or playbook HOST NAME after the colon."
)


def minutes_field() -> forms.IntegerField:
    """Return the field of the time box."""
    return forms.IntegerField(label="Time box in minutes", required=False, min_value=1, max_value=1440)


def trigger_field() -> forms.CharField:
    """Return the field that says when to go back."""
    return forms.CharField(label="Roll back when", required=False, max_length=400)


def steps_field() -> forms.CharField:
    """Return the field of the steps."""
    area = forms.Textarea(attrs={"rows": 4, "class": "mono"})
    return forms.CharField(label="Steps", required=False, widget=area, help_text=_HELP, max_length=20_000)


def boots_field() -> forms.BooleanField:
    """Return the field that says whether kernel or firmware changes."""
    return forms.BooleanField(label="Kernel or firmware changes", required=False)


def _people() -> dict[str, str]:
    return {one.email.lower(): one.id for one in personnel.people() if one.active}


def checked_steps(text: str) -> str:
    """Return the steps as typed; ValidationError names the first line that is no step."""
    people = _people()
    for number, line in enumerate(filter(None, map(str.strip, text.splitlines())), 1):
        owner, colon, what = line.partition(":")
        if not colon or not what.strip() or owner.strip().lower() not in people:
            raise forms.ValidationError(
                f"Step {number} does not begin with the mail address of a person here, a colon and what is done."
            )
    return text


def plan_of(said: Mapping[str, Any]) -> RollbackPlan | None:
    """Return what was typed as a plan, None where nothing was."""
    lines = [line.strip() for line in said.get("rollback_steps", "").splitlines() if line.strip()]
    if not lines and not said.get("rollback_minutes") and not said.get("rollback_trigger"):
        return None
    people = _people()
    steps = tuple(_step(people.get(owner.strip().lower(), ""), what.strip()) for owner, _, what in
                  (line.partition(":") for line in lines))  # fmt: skip
    return RollbackPlan(
        said.get("rollback_minutes") or 0, said.get("rollback_trigger", "").strip(), steps,
        bool(said.get("rollback_boots")), said.get("boot_media", ""),
    )  # fmt: skip


def _step(owner: str, what: str) -> RollbackStep:
    word, _, rest = what.partition(" ")
    host, _, name = rest.partition(" ")
    asset = inventory.find_by_hostname(host) if word in ("snapshot", "playbook") and host else None
    if asset is None:
        return RollbackStep(what, owner)
    if word == "snapshot":
        return RollbackStep(what, owner, StepKind.SNAPSHOT, asset.id)
    item = next((one.id for one in tools.items() if one.name == name.strip()), "")
    return RollbackStep(what, owner, StepKind.PLAYBOOK, asset.id, item)


def initial_of(plan: RollbackPlan | None) -> dict[str, Any]:
    """Return the fields' values for a ticket that is changed."""
    if plan is None:
        return {}
    mail = {one.id: one.email for one in personnel.people()}
    return {
        "rollback_minutes": plan.minutes,
        "rollback_trigger": plan.trigger,
        "rollback_steps": "\n".join(f"{mail.get(one.owner, '')}: {one.text}" for one in plan.steps),
        "rollback_boots": plan.boots,
        "boot_media": plan.boot_media,
    }
