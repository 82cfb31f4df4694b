"""Reading a whole log without making a value of every entry: most rows are what the columns and the chain foretell.

Of an entry all but its data, who was authenticated how, and its time follow from its row and from the entry before. So
the text that must stand there is written and compared, and the rest is held against one expression for the event, made
from an entry that `decode` took: same keys, in their order, with plain values. Whatever differs goes the long way.
"""

import re
from typing import Any

from quarterdeck.evidence.rows import StoredRow
from quarterdeck_verify.entry import MAX_BYTES, NO_HASH, is_moment, is_token

_NO_TICKET = (0, NO_HASH)
_TIME_AT = -len('2026-11-22T10:00:00.000000Z","v":1}')
_TIME_END = -len('","v":1}')
_PLAIN = (str, int, bool, type(None))
_VALUE = r'(?:"[^"\\\x00-\x1f]*"|0|-?[1-9][0-9]{0,14}|true|false|null)'
_WORD = r"[A-Za-z0-9._:+=@-]{1,200}"
_MOST_EVENTS = 2_000
_MOST_WORDS = 4_096
_is_word = re.compile(_WORD, re.ASCII).fullmatch
_is_rest = re.compile(r":[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z", re.ASCII).fullmatch


class ShortWay:
    """The end of the log as far as it was read, and the shapes of the events that were met."""

    def __init__(self) -> None:
        self.tip, self.ts, self.log = NO_HASH, "", ""
        self.tickets: dict[str, tuple[int, str]] = {}
        self._shapes: dict[str, re.Pattern[str]] = {}
        self._tokens, self._hours = set[str](), set[str]()

    def takes(self, row: StoredRow) -> bool:
        """True when the row's entry, whose hash was compared, is canonical, goes on here, and is what its columns say.

        Then the end has moved on to it.
        """
        seq, event_id, event, ticket, place, actor, kind, object_id, leaf, body = row
        shape = self._shapes.get(event)
        if shape is None or len(body) > MAX_BYTES:
            return False
        # One byte a letter: ASCII is then a flag of the text, so the bytes are gone through once.
        text = body.decode("latin-1")
        if not text.isascii():
            return False
        ts = text[_TIME_AT:_TIME_END]
        link, moved = '"ticket":null,"ticket_prev":null,"ticket_seq":null', None
        if ticket is not None:
            count, last = self.tickets.get(ticket, _NO_TICKET)
            moved = count + 1
            link = f'"ticket":"{ticket}","ticket_prev":"{last}","ticket_seq":{moved}'
        tail = (
            f',"event":"{event}","event_id":"{event_id}","log":"{self.log}","object":{{"id":"{object_id}",'
            f'"type":"{kind}"}},"prev":"{self.tip}","seq":{seq},{link},"ts":"{ts}","v":1}}'
        )
        if place != moved or ts < self.ts or not text.endswith(tail):
            return False
        found = shape.fullmatch(text, 0, len(text) - len(tail))
        if found is None or found[1] != actor or type(event_id) is not str or _is_word(event_id) is None:
            return False
        if _is_rest(ts, 13) is None or not (ts[:13] in self._hours or self._takes_hour(ts[:13])):
            return False
        tokens = self._tokens
        if not ((object_id in tokens or self._takes_token(object_id)) and (kind in tokens or self._takes_token(kind))):
            return False
        if moved == 1:
            return False
        self.tip, self.ts = leaf.hex(), ts
        if ticket is not None and moved is not None:
            self.tickets[ticket] = (moved, self.tip)
        return True

    def _takes_token(self, text: str) -> bool:
        return _remembered(self._tokens, text, good=is_token(text))

    def _takes_hour(self, text: str) -> bool:
        return _remembered(self._hours, text, good=is_moment(f"{text}:00:00.000000Z"))

    def learn(self, told: dict[str, Any]) -> None:
        """Remember the shape of an entry that `decode` took, where it is a plain one."""
        data = told["data"]
        plain = not told["artifacts"] and all(isinstance(value, _PLAIN) for value in data.values())
        if not plain or len(self._shapes) >= _MOST_EVENTS:
            return
        pairs = ",".join(f'"{key}":{_VALUE}' for key in data)
        self._shapes[told["event"]] = re.compile(
            rf'\{{"actor":\{{"auth":"{_WORD}","id":"({_WORD})","kind":"{_WORD}"\}},"artifacts":\[\],"data":\{{{pairs}\}}',
            re.ASCII,
        )
        self.log = told["log"]


def _remembered(known: set[str], text: str, *, good: bool) -> bool:
    if good and len(known) < _MOST_WORDS:
        known.add(text)
    return good
