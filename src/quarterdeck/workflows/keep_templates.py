"""Keeping standard work: templates registered, approved, withdrawn."""

from quarterdeck.evidence.api import act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, Content, TemplateView
from quarterdeck.workflows.refusals import refusals_recorded


def add(actor: Actor, clock: Clock, name: str, content: Content, *, window_hours: int) -> TemplateView:
    """Register standard work; it needs approver and CUI owner before it can be used."""
    with refusals_recorded(actor, clock, "template.add"), act(actor, clock) as current:
        template = tickets.add_template(current, name, content, window_hours=window_hours)
    return tickets.template(template, clock.now())


def approve(
    actor: Actor, clock: Clock, template: str, *, role: ApprovalRole, shown_hash: str, reason: str
) -> TemplateView:
    """Approve exactly the template that was shown, for 90 days."""
    with refusals_recorded(actor, clock, "template.approve"), act(actor, clock) as current:
        tickets.approve_template(current, template, role=role, shown_hash=shown_hash, reason=reason)
    return tickets.template(template, clock.now())


def withdraw(actor: Actor, clock: Clock, template: str) -> TemplateView:
    """Withdraw a template; tickets made from it stay as they are."""
    with refusals_recorded(actor, clock, "template.withdraw"), act(actor, clock) as current:
        tickets.withdraw_template(current, template)
    return tickets.template(template, clock.now())
