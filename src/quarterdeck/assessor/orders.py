"""Orders for packages: who may, what, how far. The making itself is workflows.export_package."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from quarterdeck.assessor.models import PackageOrder
from quarterdeck.assessor.rules import base_name, well_formed_scope
from quarterdeck.assessor.terms import Envelope, OrderState, OrderView, Recipient, Scope
from quarterdeck.config.api import load
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock, rfc3339
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse, require_that
from quarterdeck.kernel.ids import new_id
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Reading

LEASE = timedelta(minutes=5)
ORDERED = "package.ordered"
MOST_ATTEMPTS = 5


def may_package(actor: Actor, at: datetime) -> Decision:
    """Decide whether the actor may order, list and download packages: a person whom the read matrix lets."""
    return all_of(
        [
            require_that(
                actor.is_person,
                "package.person",
                "Only a person orders and takes packages.",
                "Log in with an own account.",
            ),
            tickets.may_read(Reading.PACKAGE, roles=personnel.roles_of(actor.id, at), takes_part=False),
        ]
    )


def order_package(
    actor: Actor,
    clock: Clock,
    scope: Scope,
    recipient: Recipient,
) -> OrderView:
    """Order a package; Refused for a scope that is none.

    Of a period, the scope's tickets are a choice; the package then says which tickets of the period it does not hold.
    """
    now = clock.now()
    known = [tickets.exists(number) for number in scope.tickets]
    all_of([may_package(actor, now), well_formed_scope(scope, known=known, now=now)]).require()
    order_id = new_id("pk")
    with evidence.act(actor, clock) as act:
        row = PackageOrder.objects.create(
            id=order_id,
            base=base_name(load().organisation, scope, order_id),
            kind=scope.kind.value,
            tickets=sorted(scope.tickets),
            practices=sorted(scope.practices),
            since=scope.since,
            until=scope.until,
            envelope=recipient.envelope.value,
            recipient=recipient.public,
            locked_key=recipient.locked_key,
            ordered_by=actor.id,
            ordered_auth=actor.auth,
            ordered_at=act.at,
        )
        act.record(ORDERED, evidence.ObjectRef("package", order_id), data={"row": order_digest(view(row))})
    return view(row)


def order_digest(order_: OrderView) -> str:
    """Return the hash of what was ordered and by whom, which the entry of the order carries."""
    return evidence.row_digest(
        {
            "id": order_.id,
            "base": order_.base,
            "kind": order_.kind.value,
            "tickets": list(order_.tickets),
            "practices": list(order_.scope.practices),
            "envelope": order_.recipient.envelope.value,
            "recipient": order_.recipient.public,
            "locked_key": order_.recipient.locked_key,
            "since": None if order_.since is None else rfc3339(order_.since),
            "until": None if order_.until is None else rfc3339(order_.until),
            "by": order_.ordered_by,
            "auth": order_.ordered_auth,
        }
    )


def check_order(order_: OrderView) -> Decision:
    """Decide whether this person really ordered this: a row written by hand makes no package (attacks.md row 28)."""
    sealed = evidence.last_entry([ORDERED], object=evidence.ObjectRef("package", order_.id))
    return require_that(
        sealed is not None and sealed.actor_id == order_.ordered_by and sealed.data.get("row") == order_digest(order_),
        "package.unsealed",
        "This order is not what the ledger says: its row was changed outside Quarterdeck.",
        "Order the package again, and tell the IT lead that somebody wrote into the database.",
    )


def view(row: PackageOrder) -> OrderView:
    """Return an order as a view."""
    return OrderView(
        row.id,
        row.base,
        Scope(tuple(row.tickets), row.since, row.until, tuple(row.practices)),
        Recipient(Envelope(row.envelope), row.recipient, row.locked_key),
        row.ordered_by,
        row.ordered_auth,
        row.ordered_at,
        OrderState(row.state),
        row.message,
        row.sha256,
        row.size,
        row.withheld,
        row.finished_at,
        row.cancel_asked,
    )


def order(order_id: str) -> OrderView:
    """Return an order; Refused(package.unknown)."""
    row = PackageOrder.objects.filter(id=order_id).first()
    if row is None:
        raise Refused(refuse("package.unknown", "There is no such package.", "Look under Evidence."))
    return view(row)


def orders() -> list[OrderView]:
    """Return all orders, newest first."""
    return [view(row) for row in PackageOrder.objects.order_by("-ordered_at", "-id")]


def take_order(clock: Clock) -> OrderView | None:
    """Lease the oldest order that waits or whose maker died; None when there is nothing to make."""
    now = clock.now()
    waits = Q(state=OrderState.WAITING.value) | Q(state=OrderState.RUNNING.value, lease_until__lt=now)
    if not PackageOrder.objects.filter(waits).exists():
        return None
    with transaction.atomic():
        row = PackageOrder.objects.select_for_update().filter(waits).order_by("ordered_at").first()
        if row is None:
            return None
        row.attempts += 1
        if row.cancel_asked or row.attempts > MOST_ATTEMPTS:
            row.state, row.finished_at = OrderState.FAILED.value, now
            row.message = "Cancelled." if row.cancel_asked else f"Given up after {MOST_ATTEMPTS} tries. {row.message}"
        else:
            row.state, row.lease_until = OrderState.RUNNING.value, now + LEASE
        row.message = row.message[:500]
        row.save()
    return view(row) if row.state == OrderState.RUNNING else None


def tell_order(order_id: str, message: str, clock: Clock) -> bool:
    """Show how far it is, keep the lease, and return False when somebody asked to cancel."""
    PackageOrder.objects.filter(id=order_id).update(message=message[:500], lease_until=clock.now() + LEASE)
    return not PackageOrder.objects.filter(id=order_id, cancel_asked=True).exists()


def finish_order(order_id: str, clock: Clock, *, sha256: str, size: int, withheld: int) -> None:
    """Note the finished zip."""
    PackageOrder.objects.filter(id=order_id).update(
        state=OrderState.DONE.value,
        sha256=sha256,
        size=size,
        withheld=withheld,
        message="Done.",
        finished_at=clock.now(),
        lease_until=None,
    )


def fail_order(order_id: str, clock: Clock, message: str) -> None:
    """Note why there is no package."""
    PackageOrder.objects.filter(id=order_id).update(
        state=OrderState.FAILED.value, message=message[:500], finished_at=clock.now(), lease_until=None
    )


def cancel_order(order_id: str) -> None:
    """Ask a waiting or running order to stop at its next step."""
    PackageOrder.objects.filter(id=order_id, state__in=[OrderState.WAITING.value, OrderState.RUNNING.value]).update(
        cancel_asked=True
    )
