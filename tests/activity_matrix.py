"""Who may explain a login that matches no ticket, and keep sealed accounts: the part of the matrix about targets."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

from tests.monitoring_matrix import Allowed, Ground, Plain

from quarterdeck.activity import api as activity
from quarterdeck.activity.api import Gap, How, Judged, SeenLogin, Verdict
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act
from quarterdeck.kernel.actors import system
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import TicketUse

REASON = "I looked after the fan at the console."


def target_table(
    made: Ground, columns: tuple[str, ...], allowed: Allowed, aside: Callable[[], AbstractContextManager[None]]
) -> Plain:
    """Try what concerns logins and sealed accounts as everybody."""
    clock = made.shop.clock
    due = clock.now() + timedelta(days=90)
    why = evidence.store_artifact(
        REASON.encode(), media_type="text/plain", role="reason", name="r.txt", may_contain_cui=True
    )

    def seal(act: Act) -> activity.BreakGlassView:
        return activity.seal(act, asset=made.asset, account="rescue", place="Safe in room 12", due_at=due)

    told = {"seal a break-glass account": {one: allowed(made.shop, one, seal) for one in columns}}
    with aside():
        with evidence.act(made.shop.actor("it_lead"), clock) as act:
            sealed = seal(act)
        seen = SeenLogin(clock.now(), How.PASSWORD, "root", "203.0.113.9", 4, "Accepted password for root")
        with evidence.act(system("ticker"), clock) as act:
            activity.record_reading(
                act, asset=made.asset, since=clock.now(), judged=[Judged(seen, Verdict.NO_CERTIFICATE)], source="x",
                gap=Gap.NONE, said="", document=None, plan="mp_x",
            )  # fmt: skip
        (login,) = activity.logins(asset=made.asset)
        acts: dict[str, Callable[[Act], object]] = {
            "record that its credential was changed": lambda act: activity.rotate(
                act, sealed.id, place="Safe in room 14", due_at=due, document=why
            ),
            "make the ticket of its use": lambda act: tickets.request_for_use(
                act, TicketUse(sealed.id, made.asset, "rescue", clock.now(), made.shop.ids["it_lead"], True)
            ),
            "retire a break-glass account": lambda act: activity.retire(act, sealed.id),
            "explain a login without a ticket": lambda act: activity.explain_login(
                act, login.id, reason=REASON, document=why, workers=()
            ),
        }
        for name, verb in acts.items():
            told[name] = {one: allowed(made.shop, one, verb) for one in columns}
    return told
