"""Orders, watchers and escorts in the lab's books, what a running recording says of them, and its heads."""

import json

from quarterdeck.sessions.terms import Order, OrderKind, Supervision


def supervised(books, session):
    """Return what the books say of one session, as the gate reads it."""
    told = books.get("supervision", {}).get(session, {})
    return Supervision(
        orders=tuple(Order(one, OrderKind(kind), by, text) for one, kind, by, text in told.get("orders", [])),
        watchers=tuple(told.get("watchers", [])),
        present=told.get("present", ""),
    )


def order(lab, session, kind, text="", by="Eve Escort"):
    """Write an order into the books, as an act does."""
    with lab.books.changing() as books:
        told = books.setdefault("supervision", {}).setdefault(session, {})
        orders = told.setdefault("orders", [])
        orders.append([f"or_{len(orders)}", kind, by, text])


def oversee(lab, session, **told):
    """Say who watches a session, and whether its escort is present."""
    with lab.books.changing() as books:
        books.setdefault("supervision", {}).setdefault(session, {}).update(told)


def session_of(lab, wait_for, ticketed):
    """Return the id of the session that this grant began, once it has begun."""

    def begun():
        return [entry["session"] for entry in lab.books.journal("began") if entry["serial"] == ticketed.serial]

    return wait_for(begun, what="the session's beginning")[0]


def is_running(lab, session):
    """True while the books hold the session for running."""
    return session in lab.books.read()["running"]


def marks(lab, session):
    """Return the markers of a running recording."""
    path = lab.recordings / f"{session}.cast"
    lines = path.read_text().splitlines()[1:] if path.exists() else []
    return [event[2] for event in map(json.loads, lines) if event[1] == "m"]


class FileHeads:
    """Keeps recording heads in a file, as a sealer would."""

    def __init__(self, folder):
        self._file = folder / "heads.jsonl"

    def keep(self, session, count, head):
        with self._file.open("a") as heads:
            heads.write(json.dumps({"session": session, "count": count, "head": head}) + "\n")
