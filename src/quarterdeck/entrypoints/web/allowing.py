"""What sessions may do, as a person chooses it in a ticket's form."""

from dataclasses import fields, replace
from typing import Any

from django import forms

from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Allowance, Content, TicketView

_FORBIDDEN = (
    ("terminal", "Open a terminal"),
    ("command", "Run single commands (Ansible does)"),
    ("to_target", "Bring files to the target, or change files there by SFTP"),
    ("rsync", "Use rsync, whose files are not hashed one by one"),
)
USUAL, ALLOWED, NOT_ALLOWED = "", "yes", "no"


def forbidden_field() -> forms.MultipleChoiceField:
    """Return the field that names what sessions may not do; empty forbids nothing."""
    return forms.MultipleChoiceField(
        label="Sessions may not", choices=_FORBIDDEN, required=False, widget=forms.CheckboxSelectMultiple
    )


def leaving_field() -> forms.ChoiceField:
    """Return the field that says whether files may leave the target."""
    return forms.ChoiceField(
        label="Files from the target",
        choices=(
            (USUAL, "As usual: yes, but not from an asset with CUI to people from outside"),
            (ALLOWED, "Allowed"),
            (NOT_ALLOWED, "Not allowed"),
        ),
        required=False,
        initial=USUAL,
        widget=forms.RadioSelect,
        help_text="A terminal or a command can still show what a file holds; what passes is recorded.",
    )


def allowed_by(said: dict[str, Any], content: Content) -> Allowance | None:
    """Return what was chosen for this content; None when nothing was."""
    if not said["forbidden"] and said["from_target"] == USUAL:
        return None
    chosen = {name: name not in said["forbidden"] for name, _ in _FORBIDDEN}
    if said["from_target"] != USUAL:
        chosen["from_target"] = said["from_target"] == ALLOWED
    return replace(tickets.usual_allowance(content), **chosen)


def initial_of(ticket: TicketView) -> dict[str, Any]:
    """Return the fields' values for a ticket that is changed."""
    allowance = ticket.allowance
    named = {one.name for one in fields(allowance) if not getattr(allowance, one.name)}
    return {
        "forbidden": [name for name, _ in _FORBIDDEN if name in named],
        "from_target": NOT_ALLOWED if "from_target" in named else ALLOWED,
    }
