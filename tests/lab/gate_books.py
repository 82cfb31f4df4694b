"""The books of a lab gate's desk: grants in one JSON file, a journal beside it."""

import fcntl
import json
from contextlib import contextmanager

from quarterdeck.kernel.clock import SystemClock, rfc3339


def utc_now():
    return SystemClock().now()


class Books:
    """Grants in one JSON file, changed under a lock; a journal of what the desk did beside it."""

    def __init__(self, folder):
        self.file = folder / "books.json"
        self.journal_file = folder / "journal.jsonl"
        self._lock_file = folder / "books.lock"

    def open(self):
        self.file.write_text(json.dumps({"counter": 0, "grants": {}, "running": {}}))

    @contextmanager
    def changing(self):
        with self._lock_file.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            books = self.read()
            yield books
            books["counter"] += 1
            fresh = self.file.with_suffix(".new")
            fresh.write_text(json.dumps(books))
            fresh.replace(self.file)

    def read(self):
        return json.loads(self.file.read_text())

    def note(self, event, **fields):
        with self.journal_file.open("a") as journal:
            journal.write(json.dumps({"event": event, "at": rfc3339(utc_now()), **fields}) + "\n")

    def journal(self, event=None):
        if not self.journal_file.exists():
            return []
        found = [json.loads(line) for line in self.journal_file.read_text().splitlines()]
        return [entry for entry in found if event in (None, entry["event"])]
