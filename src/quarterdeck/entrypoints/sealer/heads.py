"""Heads of recordings in progress, kept outside the gate's reach: a trimmed tail shows (attacks.md row 16)."""

import json
import re
from pathlib import Path

from quarterdeck.entrypoints.sealer.memory import append_durably, kept_lines
from quarterdeck.kernel.decision import Refused, refuse

_SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


class HeadsLog:
    """An append-only, fsynced file of (session, count, head); only the last head of a session is held in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: dict[str, tuple[int, str]] = {}
        for told in kept_lines(path):
            self._last[told["session"]] = (told["count"], told["head"])

    def append(self, session: str, count: int, head: str, at: str) -> None:
        """Keep a head; Refused when it is malformed or rewinds a longer recording."""
        if not _SESSION.fullmatch(session) or not _HASH.fullmatch(head) or count < 0:
            raise Refused(refuse("head.malformed", "A recording's head is a session id, a count and a SHA-256.", ""))
        known = self._last.get(session)
        if known is not None and (count < known[0] or (count == known[0] and head != known[1])):
            raise Refused(
                refuse(
                    "head.rewound",
                    f"Session {session} has {known[0]} sealed records; a head of {count} records was offered.",
                    "Treat the recording as trimmed: keep the file as it is and write down a finding.",
                )
            )
        if known == (count, head):
            return
        append_durably(self._path, json.dumps({"at": at, "count": count, "head": head, "session": session}))
        self._last[session] = (count, head)

    def last(self, session: str) -> tuple[int, str] | None:
        """Return (count, head) of the last head of this session, None when it has none."""
        return self._last.get(session)
