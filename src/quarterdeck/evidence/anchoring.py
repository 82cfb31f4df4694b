"""How it stands with the holders of checkpoints: what each is owed, took, refused, and when it is tried again.

Kept in the database so that a restart forgets nothing and the screens see what the sending process saw.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import Count, Exists, Max, OuterRef, QuerySet

from quarterdeck.evidence.checkpoints import view_of
from quarterdeck.evidence.models import AnchorReceipt, AnchorRoute, Checkpoint
from quarterdeck.evidence.terms import AnchorRouteView, CheckpointView

# Two processes may keep their checkpoints in another order than that of their sizes: so the newest few below the last
# one that was taken are looked at again, and only what is older than these is held for settled.
LOOK_BACK = 200


def anchor_route_id(channel: str, target: str) -> str:
    """Return the name of a holder that may stand in an entry: no address shows in it."""
    return hashlib.sha256(f"{channel}\0{target}".encode()).hexdigest()[:16]


def known_anchor_route(channel: str, target: str) -> AnchorRouteView:
    """Return how it stands with a holder, without writing; one that was never served as it will be at first."""
    row = AnchorRoute.objects.filter(channel=channel, target=target).first()
    return _view(row or _fresh(channel, target))


def open_anchor_route(channel: str, target: str) -> AnchorRouteView:
    """Return how it stands with a holder; one seen for the first time is owed the newest checkpoint and all after it.

    The newest covers all before it, so a channel added after years does not begin with years of checkpoints.
    """
    row = AnchorRoute.objects.filter(channel=channel, target=target).first()
    if row is None:
        new = _fresh(channel, target)
        defaults = {"id": new.id, "floor": new.floor, "taken_size": new.taken_size}
        row, _ = AnchorRoute.objects.get_or_create(channel=channel, target=target, defaults=defaults)
    return _view(row)


def _fresh(channel: str, target: str) -> AnchorRoute:
    sent = AnchorReceipt.objects.filter(channel=channel, target=target).aggregate(most=Max("checkpoint_id"))["most"]
    newest = Checkpoint.objects.aggregate(most=Max("size"))["most"]
    return AnchorRoute(
        id=anchor_route_id(channel, target),
        channel=channel,
        target=target,
        floor=(newest or 0) if sent is None else sent + 1,
        taken_size=sent or 0,
    )


def anchor_routes() -> Sequence[AnchorRouteView]:
    """Return every holder that was ever served, those no longer configured among them."""
    return [_view(row) for row in AnchorRoute.objects.order_by("channel", "target")]


def owed_checkpoints(route: AnchorRouteView, limit: int) -> Sequence[CheckpointView]:
    """Return the oldest checkpoints that this holder, who gets every one, has no receipt of; in their order."""
    return [view_of(row) for row in _owed(route).order_by("size")[:limit]]


def checkpoints_below(size: int, limit: int) -> Sequence[CheckpointView]:
    """Return the last checkpoints smaller than `size`, in their order."""
    rows = Checkpoint.objects.filter(size__lt=size).order_by("-size")[:limit]
    return [view_of(row) for row in reversed(rows)]


def count_owed(route: AnchorRouteView) -> int:
    """Return how many checkpoints this holder, who gets every one, has no receipt of."""
    return _owed(route).count()


def _owed(route: AnchorRouteView) -> QuerySet[Checkpoint]:
    taken = AnchorReceipt.objects.filter(checkpoint=OuterRef("pk"), channel=route.channel, target=route.target)
    return Checkpoint.objects.filter(size__gte=route.floor).filter(~Exists(taken))


def reasons_since(size: int) -> Mapping[str, int]:
    """Return the reasons of the checkpoints above this size, and how many have each."""
    rows = Checkpoint.objects.filter(size__gt=size).values("reason").annotate(count=Count("size"))
    return {row["reason"]: row["count"] for row in rows.order_by("reason")}


def first_since(size: int) -> datetime | None:
    """Return when the first checkpoint above this size was sealed, None when there is none."""
    return Checkpoint.objects.filter(size__gt=size).order_by("size").values_list("at", flat=True).first()


def route_took(route: AnchorRouteView, size: int, at: datetime) -> None:
    """Note that the holder took a checkpoint: nothing stands against it any more."""
    AnchorRoute.objects.filter(id=route.id).update(
        taken_size=max(size, route.taken_size), taken_at=at, failures=0, failed_at=None, sentence="", next_try=None,
        asked_at=None, floor=_floor(route, size),
    )  # fmt: skip


def _floor(route: AnchorRouteView, size: int) -> int:
    """Return from where on receipts are looked for next time: never above a checkpoint that is still owed."""
    recent = Checkpoint.objects.filter(size__gte=route.floor, size__lte=size).order_by("-size")
    settled = recent.values_list("size", flat=True)[LOOK_BACK : LOOK_BACK + 1]
    if not settled:
        return route.floor
    owed = _owed(route).order_by("size").values_list("size", flat=True).first()
    return settled[0] if owed is None else min(settled[0], owed)


def route_tried(route: AnchorRouteView, next_try: datetime) -> None:
    """Note that a try begins, before it does; it stands until the holder's answer is noted."""
    AnchorRoute.objects.filter(id=route.id).update(next_try=next_try)


def route_failed(route: AnchorRouteView, sentence: str, at: datetime, next_try: datetime) -> None:
    """Note a failure, its sentence and the next try."""
    AnchorRoute.objects.filter(id=route.id).update(
        failures=route.failures + 1, failed_at=at, sentence=sentence[:500], next_try=next_try, asked_at=None
    )


def ask_anchor_route(route: AnchorRouteView, at: datetime) -> None:
    """Ask that this holder gets the newest checkpoint at once, wanted or not, back-off or not."""
    AnchorRoute.objects.filter(id=route.id).update(asked_at=at)


def _view(row: AnchorRoute) -> AnchorRouteView:
    return AnchorRouteView(
        row.id, row.channel, row.target, row.floor, row.taken_size, row.taken_at, row.failures, row.failed_at,
        row.sentence, row.next_try, row.asked_at,
    )  # fmt: skip
