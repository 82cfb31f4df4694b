"""What runs need around them in tests: a runbook of a real repository, and a small program that plays told events."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.access_shop import Shop
from tests.access_signer import NearSigner, fresh_key

from quarterdeck.access import api as access
from quarterdeck.adapters.git_source import GitSource
from quarterdeck.adapters.run_room import RunFolders
from quarterdeck.kernel.actors import system
from quarterdeck.runs.api import Order, Played, RunbookView, RunView
from quarterdeck.workflows import do_runs, keep_runbooks

TICKER = system("ticker")
PLAY = "- hosts: all\n  tasks: []\n"
Event = dict[str, object]


class Repository:
    """A Git repository with one playbook."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=Sam", "-c", "user.email=sam@example.com", "-C", str(self.folder), *words],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"},
        )
        return done.stdout.strip()

    def commit(self, play: str = PLAY, *more: str) -> str:
        (self.folder / "patch.yml").write_text(play)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", *more, "-m", "patch")
        return self.git("rev-parse", "HEAD")


def result(status: str, host: str = "web01", task: str = "Set it", **res: object) -> Event:
    """One event of a task on a host, as the runner tells it."""
    return {"event": status, "event_data": {"host": host, "task": task, "res": res}}


def stats(**counts: dict[str, int]) -> Event:
    """The last event: `ok={"web01": 2}`."""
    hosts = {host: 1 for told in counts.values() for host in told}
    return {"event": "playbook_on_stats", "event_data": {**counts, "processed": hosts}}


@dataclass
class ToldProgram:
    """Fulfils PlaybookProgram: tells these events, or breaks off as `error` says."""

    room: RunFolders
    events: list[Event] = field(default_factory=lambda: [result("runner_on_ok", changed=True), stats(ok={"web01": 1})])
    status: int = 0
    meanwhile: Callable[[], object] = lambda: None
    played: list[Order] = field(default_factory=list)

    def play(self, order: Order, tell: Callable[[Mapping[str, object]], bool]) -> Played:
        self.played.append(order)
        folder = self.room.folder(order.run)
        kept, output = folder / "events.jsonl", folder / "stdout"
        kept.write_text("".join(json.dumps(event) + "\n" for event in self.events))
        output.write_text("PLAY RECAP\n")
        self.meanwhile()
        ended = "exit" if all(tell(event) for event in self.events) else "cancel"
        return Played(ended, self.status, kept, output, {"ansible-playbook": "ansible-playbook [core 2.19]"})


def propose(
    shop: Shop, repository: Repository, commit: str, *, name: str = "Patch web", by: str = "sam"
) -> RunbookView:
    """A technician proposes the playbook of a commit."""
    return keep_runbooks.propose(
        shop.actor(by),
        shop.clock,
        name=name,
        repository=str(repository.folder),
        commit=commit,
        playbook="patch.yml",
        source=GitSource(),
    )


def approved(
    shop: Shop, repository: Repository, commit: str, *, name: str = "Patch web", by: str = "sam"
) -> RunbookView:
    """A technician proposes it, Avery approves it."""
    made = propose(shop, repository, commit, name=name, by=by)
    return keep_runbooks.decide(
        shop.actor("avery"), shop.clock, made.id, approve=True, sha256=made.sha256, reason="Read line by line."
    )


def do(shop: Shop, signer: NearSigner, program: ToldProgram) -> bool:
    """Let the ticker do the next run."""
    door = access.GateDoor("127.0.0.1", 8622, "quarterdeck", " ".join(fresh_key().split()[:2]))
    stage = do_runs.Stage(signer, lambda: door, program.room, program)
    return do_runs.do_next_run(TICKER, shop.clock, lambda: stage)


def states(found: tuple[RunView, ...]) -> list[str]:
    """How runs stand."""
    return [one.state.value for one in found]
