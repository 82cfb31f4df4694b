"""What the warden tells a child of people who watch, order and escort: each thing once, however often it is read.

The books give the whole state at every reading; this remembers what a child was told and returns what is new. So a
reading that is repeated, late or from another node changes nothing.
"""

from quarterdeck.entrypoints.gate.wire import Message
from quarterdeck.sessions.terms import OrderKind, Supervision, escort_sentence, order_sentence, watcher_sentence

PERSON, ESCORT = "person", "escort"


class Oversight:
    """The oversight of one session; `present` is what the child knows of its escort, None while none is demanded."""

    def __init__(self, escort: str) -> None:
        self.present: bool | None = False if escort else None
        self._obeyed: set[str] = set()
        self._escort = escort
        self._watchers: tuple[str, ...] = ()
        self._was_present = ""

    def news(self, told: Supervision) -> tuple[list[Message], str | None]:
        """Return messages for the child, and the sentence with which the session is to be ended, None to go on."""
        messages, ending = self._orders(told)
        messages += self._watching(told.watchers)
        if self._escort and bool(told.present) != self.present:
            sentence = escort_sentence(self._escort, present=told.present, was_present=self._was_present)
            messages.append(hold(ESCORT, not told.present, sentence))
            self.present = bool(told.present)
            self._was_present = told.present or self._was_present
        return messages, ending

    def _orders(self, told: Supervision) -> tuple[list[Message], str | None]:
        messages: list[Message] = []
        for order in told.orders:
            if order.id in self._obeyed:
                continue
            self._obeyed.add(order.id)
            sentence = order_sentence(order)
            if order.kind is OrderKind.END:
                return messages, sentence
            if order.kind is OrderKind.MESSAGE:
                messages.append({"op": "say", "text": sentence})
            else:
                messages.append(hold(PERSON, order.kind is OrderKind.PAUSE, sentence))
        return messages, None

    def _watching(self, names: tuple[str, ...]) -> list[Message]:
        before, self._watchers = self._watchers, names
        told = [(name, True) for name in names if name not in before]
        told += [(name, False) for name in before if name not in names]
        return [{"op": "watch", "text": watcher_sentence(name, joins=joins)} for name, joins in told]


def hold(cause: str, on: bool, text: str) -> Message:
    """Return the message that holds the person's input, or lets it go on, for this cause."""
    return {"op": "hold", "cause": cause, "on": on, "text": text}
