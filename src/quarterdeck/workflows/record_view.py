"""Looking at evidence is an act: who opened which package, recording or file, folded to one look in ten minutes."""

from datetime import timedelta

from quarterdeck.evidence.api import ObjectRef, act, last_entry
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock

SAME_LOOK = timedelta(minutes=10)


def record_view(actor: Actor, clock: Clock, object: ObjectRef, *, of: str = "") -> bool:  # noqa: A002  as in an entry
    """Record that this person looked at a piece of evidence; True when it was a new look, False for the same one.

    `of` is the ticket that it belongs to. The entry is not one of the ticket itself: the chain of a closed ticket
    stays closed however often it is read (800-171A 3.3.8[a]).
    """
    last = last_entry(["evidence.viewed"], object=object)
    if last is not None and last.actor_id == actor.id and clock.now() - last.at < SAME_LOOK:
        return False
    with act(actor, clock) as current:
        current.record("evidence.viewed", object, data={"of": of})
    return True
