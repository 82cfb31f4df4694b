"""Who may do what to a running session, paused or not, and to one that has ended: that part of the matrix."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from tests.shop import Shop

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import Ending, EndReason, OrderKind, SessionState, Work
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Reading

Allowed = Callable[[Shop, str, Callable[[Act], object]], bool]
States = dict[str, dict[str, dict[str, bool]]]
STATES = ("running", "paused", "ended")


def watch(act: Act, session: str) -> str:
    seen = sessions.session(session)
    tickets.reading_of(seen.ticket, act.actor.id, act.at, Reading.RECORDING).require()
    tickets.person_acts(act.actor).require()
    return sessions.watch(act, session)


def order(kind: OrderKind) -> Callable[[Act, str], object]:
    words = "Because." if kind in (OrderKind.END, OrderKind.MESSAGE) else ""
    return lambda act, session: sessions.order(act, session, kind, words)


VERBS: dict[str, Callable[[Act, str], object]] = {
    "watch it live": watch,
    "be present as its escort": lambda act, session: sessions.arrive(act, watch(act, session)),
    "pause its input": order(OrderKind.PAUSE),
    "resume it": order(OrderKind.RESUME),
    "write a message into it": order(OrderKind.MESSAGE),
    "end it with a reason": order(OrderKind.END),
}


def session_table(
    shop: Shop, number: str, asset: str, columns: Sequence[str], allowed: Allowed,
    aside: Callable[[], AbstractContextManager[None]],
) -> States:  # fmt: skip
    """Try every verb as everybody on a session of the technician's in each of its states."""
    with evidence.act(shop.actor("technician"), shop.clock) as act:
        session = sessions.begin(
            act, ticket=number, person=shop.ids["technician"], asset=asset, grant="ag_matrix", serial=7,
            work=Work.TERMINAL, source="192.0.2.9",
        ).id  # fmt: skip
    table: States = {}

    def look(state: str) -> None:
        for name, verb in VERBS.items():
            for column in columns:
                row = table.setdefault(name, {}).setdefault(column, {})
                row[state] = allowed(shop, column, lambda act, verb=verb: verb(act, session))

    look("running")
    with aside():
        with evidence.act(shop.actor("it_lead"), shop.clock) as act:
            sessions.order(act, session, OrderKind.PAUSE)
        look("paused")
    with evidence.act(shop.actor("technician"), shop.clock) as act:
        now = shop.clock.now()
        sessions.end(act, Ending(session, EndReason.COMPLETED, SessionState.ENDED, now, now, 0), None)
    look("ended")
    return table


def session_section(table: States, words: Mapping[str, str], columns: Sequence[str]) -> list[str]:
    """Return the lines of the page about sessions."""
    lines = ["", "## To a session through the gate", ""]
    lines += ["The session is the technician's; approver and CUI owner approved its ticket. No fresh second factor is"]
    lines += ["asked for: who stops work must be quick.", ""]
    lines += ["| act | " + " | ".join(words.get(column, column) for column in columns) + " |"]
    lines += ["|---" * (len(columns) + 1) + "|"]
    for name, row in table.items():
        cells = [", ".join(state for state in STATES if row[column][state]) or "-" for column in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def who_works_does_not_let_go(table: States) -> None:
    """Resume and messages are never the technician's; only the escort is present; ended is ended."""
    for name in ("pause its input", "resume it", "write a message into it", "end it with a reason"):
        people = {column for column, states in table[name].items() if any(states.values())}
        assert people == {"approver", "cui_owner", "escort", "it_lead"}, name
    assert {c for c, states in table["be present as its escort"].items() if any(states.values())} == {"escort"}
    assert not any(states["ended"] for columns in table.values() for states in columns.values())
    for nobody in ("operator", "system", "bystander"):
        assert not any(yes for columns in table.values() for yes in columns[nobody].values()), nobody
