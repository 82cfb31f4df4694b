"""Standard work over the wire: templates and their approvals."""

from datetime import UTC, datetime

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from quarterdeck import wiring
from quarterdeck.entrypoints.api.allowance_schemas import AllowanceOut
from quarterdeck.entrypoints.api.callers import actor_of
from quarterdeck.entrypoints.api.moments import Moment
from quarterdeck.entrypoints.api.ticket_schemas import ContentIn, DecisionIn, RefusedOut
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import TemplateView
from quarterdeck.workflows import keep_templates

router = Router(tags=["standard work"])


class TemplateIn(ContentIn):
    """A template: a ticket's content without its window."""

    name: str
    window_hours: int = Field(ge=1, le=12)
    window_from: Moment = datetime(2000, 1, 1, tzinfo=UTC)
    window_until: Moment = datetime(2000, 1, 2, tzinfo=UTC)


class TemplateOut(Schema):
    """A template with its approvals in force."""

    id: str
    name: str
    title: str
    content_hash: str
    window_hours: int
    author: str
    withdrawn: bool
    approved: dict[str, datetime]
    allowance: AllowanceOut | None

    @classmethod
    def of(cls, view: TemplateView) -> "TemplateOut":
        """Return the wire form."""
        return cls(
            id=view.id,
            name=view.name,
            title=view.content.title,
            content_hash=view.content_hash,
            window_hours=view.window_hours,
            author=view.author,
            withdrawn=view.withdrawn,
            allowance=AllowanceOut.of(view.content.allowance) if view.content.allowance else None,
            approved={role: until for role, _, until in view.approved},
        )


def _answers(body: object) -> dict[int, object]:
    return {200: body, 401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


@router.get("", response=_answers(list[TemplateOut]))
def list_templates(request: HttpRequest) -> list[TemplateOut]:
    """Return all templates."""
    actor_of(request)
    return [TemplateOut.of(view) for view in tickets.templates(wiring.clock().now())]


@router.post("", response=_answers(TemplateOut))
def add_template(request: HttpRequest, body: TemplateIn) -> TemplateOut:
    """Register standard work."""
    view = keep_templates.add(
        actor_of(request, "write"), wiring.clock(), body.name, body.content(), window_hours=body.window_hours
    )
    return TemplateOut.of(view)


@router.post("/{template}/approve", response=_answers(TemplateOut))
def approve_template(request: HttpRequest, template: str, body: DecisionIn) -> TemplateOut:
    """Approve exactly the template whose hash is sent, for 90 days."""
    view = keep_templates.approve(
        actor_of(request, "write"),
        wiring.clock(),
        template,
        role=body.role,
        shown_hash=body.content_hash,
        reason=body.reason,
    )
    return TemplateOut.of(view)


@router.delete("/{template}", response=_answers(TemplateOut))
def withdraw_template(request: HttpRequest, template: str) -> TemplateOut:
    """Withdraw a template."""
    return TemplateOut.of(keep_templates.withdraw(actor_of(request, "write"), wiring.clock(), template))
