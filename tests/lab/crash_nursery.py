"""A process that brings up writers on one SQLite file, kills them in the middle of their acts, and looks what is left.

Run by test_sqlite_crash: `python -m tests.lab.crash_nursery ROUNDS SEED [WRITERS]` with QD_DATA_DIR set; prints one
line of JSON. The writers are forked from this process, which holds no connection while it forks, so that a round takes
no start-up.
"""

import json
import os
import random
import selectors
import signal
import sys
import time
from dataclasses import asdict, dataclass, field

import django

os.umask(0o077)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from django.core.management import call_command  # noqa: E402  the models need Django first
from django.db import connections  # noqa: E402

from quarterdeck.config.api import load  # noqa: E402
from quarterdeck.evidence import api as evidence  # noqa: E402
from quarterdeck.evidence.models import Commitment  # noqa: E402
from quarterdeck.kernel.actors import system  # noqa: E402
from quarterdeck.kernel.clock import SystemClock  # noqa: E402
from quarterdeck.kernel.decision import Refused  # noqa: E402

WRITERS, SECONDS = int(sys.argv[3]) if len(sys.argv) > 3 else 4, 60.0
WRITER = system("writer")


@dataclass
class Found:
    """What all rounds together showed."""

    rounds: int = 0
    kills: int = 0
    acknowledged: int = 0
    entries: int = 0
    committed_without_answer: int = 0
    lost: int = 0
    dangling: int = 0
    rows_without_entry: int = 0
    orphans: int = 0
    half_files: int = 0
    problems: list[str] = field(default_factory=list)


def write_for_ever(name: str, answer: int) -> None:
    """Act after act with an artifact each; say the event id of every act that was committed."""
    number = 0
    while True:
        number += 1
        event_id = f"ev_{name}_{number}"
        ref = evidence.store_artifact(
            f"{event_id} ".encode() * random.Random(event_id).randint(1, 9000), media_type="text/plain",
            role="attachment", name="a.txt", may_contain_cui=False,
        )  # fmt: skip
        with evidence.act(WRITER, SystemClock()) as act:
            told = act.commitment(event_id)
            thing = evidence.ObjectRef("thing", name)
            act.record("thing.done", thing, ticket=f"MT-2026-{number % 3 + 1:05}", event_id=event_id,
                       data={"told": told}, artifacts=(ref,))  # fmt: skip
            act.record("thing.seen", thing)
        os.write(answer, event_id.encode() + b"\n")


class Writers:
    """The writers of one round; `heard` are the event ids that they said."""

    def __init__(self, number: int) -> None:
        self.heard: list[str] = []
        self._rest: dict[int, bytes] = {}
        self._pids: dict[int, int] = {}
        self._selector = selectors.DefaultSelector()
        for place in range(WRITERS):
            reading, writing = os.pipe()
            pid = os.fork()
            if pid == 0:
                try:
                    os.close(reading)
                    write_for_ever(f"{number}_{place}", writing)
                finally:
                    os._exit(1)
            os.close(writing)
            self._pids[reading], self._rest[reading] = pid, b""
            self._selector.register(reading, selectors.EVENT_READ)

    def hear(self, count: int) -> None:
        """Wait until so many more acts were acknowledged."""
        deadline, wanted = time.monotonic() + SECONDS, len(self.heard) + count
        while len(self.heard) < wanted:
            if time.monotonic() > deadline or not self._pids:
                raise SystemExit("the writers do not get on")
            for key, _ in self._selector.select(1.0):
                self._read(key.fd)

    def _read(self, reading: int) -> None:
        data = os.read(reading, 65536)
        if not data:
            raise SystemExit("a writer ended by itself")
        *lines, self._rest[reading] = (self._rest[reading] + data).split(b"\n")
        self.heard += [line.decode() for line in lines]

    def kill(self, count: int) -> None:
        """Kill so many of them with SIGKILL, then hear what they still had said."""
        for reading, pid in list(self._pids.items())[:count]:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            self._selector.unregister(reading)
            while data := os.read(reading, 65536):
                self._rest[reading] += data
            self.heard += [line.decode() for line in self._rest[reading].split(b"\n")[:-1]]
            os.close(reading)
            del self._pids[reading]


def look(found: Found, heard: set[str]) -> None:
    """Compare what was acknowledged with what is there."""
    report = evidence.verify_ledger()
    known, committed = set[str](), set[str]()
    for entry in evidence.entries(events=["thing.done"]):
        known.add(entry.event_id)
        committed.add(entry.data["told"])
        try:
            evidence.open_artifact(entry.artifacts[0]["sha256"]).close()
        except Refused:
            found.dangling += 1
    found.problems += report.problems
    found.lost += len(heard - known)
    found.rows_without_entry += len(set(Commitment.objects.values_list("digest", flat=True)) ^ committed)
    if report.size != 2 * len(known):
        found.problems.append(f"{report.size} entries of {len(known)} acts of two")
    found.acknowledged, found.entries = len(heard), report.size
    found.committed_without_answer = len(known - heard)
    objects = load().objects_dir
    found.half_files = len(list(objects.glob("incoming-*")))
    found.orphans = sum(1 for path in objects.glob("??/*")) - len(known)


def main() -> None:
    """Kill some, let the others go on, kill the rest, look; so many rounds."""
    rounds, chance = int(sys.argv[1]), random.Random(int(sys.argv[2]))
    call_command("migrate", verbosity=0)
    found, heard = Found(), set[str]()
    for number in range(rounds):
        connections.close_all()
        writers = Writers(number)
        writers.hear(chance.randint(WRITERS, 6 * WRITERS))
        first = chance.randrange(WRITERS)
        writers.kill(first)
        writers.hear(chance.randint(1, 3 * WRITERS))
        writers.kill(WRITERS)
        heard |= set(writers.heard)
        found.rounds, found.kills = number + 1, found.kills + WRITERS
        look(found, heard)
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
