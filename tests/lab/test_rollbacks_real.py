"""Rollbacks for real: a snapshot on btrfs and a playbook through the gate, from the ticket to a drift that is empty."""

import subprocess
from pathlib import Path

import pytest
from tests.lab.boxes import needs_box
from tests.lab.btrfs_volume import volume
from tests.lab.gate_lab import wait_for
from tests.lab.test_runbooks import Yard, ended

__all__ = ["volume"]
PUT_BACK = """
- name: Put the page back
  hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.copy: {{content: "%(old)s\\n", dest: "{there}/index.html", mode: "0644"}}
    - ansible.builtin.file: {{path: "{there}/new.html", state: absent}}
"""


class Deck(Yard):
    """The yard of runbooks with the verbs of rollbacks."""

    shop = "tests.lab.rollback_shop"

    def until(self, ticket: str, done, seconds: float = 120):
        """Let the ticker go on until the rollback stands as wanted."""
        seen: dict[str, object] = {}

        def is_so() -> bool:
            seen.clear()
            seen.update(self.ask("tick", ticket=ticket))
            return done(seen)

        wait_for(is_so, seconds, lambda: f"the rollback: {seen}")
        return seen

    def enter(self, ticket: str) -> None:
        """Sam takes access to the ticket."""
        key = (self.whole.folder / "technician.pub").read_text().strip()
        certificate = self.ask("access", ticket=ticket, key=key)["certificate"]
        (self.whole.folder / "technician-cert.pub").write_text(certificate + "\n")

    def over_ssh(self, *command: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(self.whole.ssh(*command), capture_output=True, timeout=60, check=False)


@pytest.fixture
def deck(data_dir, tmp_path):
    deck = Deck(tmp_path)
    try:
        deck.ask("found")
        yield deck
    finally:
        deck.whole.stop()


def steps(seen) -> list[str]:
    return [step[0] for step in seen["steps"]]


def end_and_close(deck: Deck, ticket: str, *rewritten: Path) -> None:
    """End the work; what differs from before is exactly what was written anew, and so has other times."""
    assert set(ended(deck, ticket)["paths"]) == {str(one) for one in rewritten}
    seen = deck.ask("standing", ticket=ticket)
    assert (seen["came_back"], seen["differences"]) == ("differs" if rewritten else "as_before", len(rewritten))
    assert deck.ask("close", ticket=ticket) == {"state": "rolled_back"}


@pytest.mark.slow
def test_a_btrfs_snapshot_is_taken_and_reverted_by_a_rollback(deck: Deck, volume: Path) -> None:
    data = volume / "data"
    (data / "index.html").write_text("before\n")
    (data / "images").mkdir()
    deck.ask("source", product="btrfs", repository=str(data), path=str(volume / "snapshots"))
    deck.ask("watch", root=str(data))
    ticket = deck.ask("plan", steps=["snapshot", "manual"], snapshot=True)["ticket"]
    deck.enter(ticket)
    broken = deck.over_ssh(f"echo broken > {data}/index.html; rmdir {data}/images; touch {data}/new.html")
    assert broken.returncode == 0, broken.stderr
    loop = f"cd {data}; while :; do echo x; echo x >> index.html; sleep 0.2; done"
    staying = subprocess.Popen(deck.whole.ssh(loop), stdout=subprocess.DEVNULL)
    wait_for(lambda: "x" in (data / "index.html").read_text(), 60, lambda: "the second session")

    begun = deck.ask("begin", ticket=ticket)
    assert (steps(begun), begun["waits"]) == (["waiting", "waiting"], True)
    seen = deck.until(ticket, lambda told: not told["waits"])
    assert seen["steps"] == [["done"], ["waiting"]]
    assert staying.wait(20) != 0, "who was there is not there any more"
    assert (data / "index.html").read_text() == "before\n"
    assert sorted(one.name for one in data.iterdir()) == ["images", "index.html"]
    assert len(list((volume / "snapshots").glob("reverted-*"))) == 1, "what was there is kept, once"
    assert deck.over_ssh("true").returncode != 0, "the access of before is gone"
    deck.enter(ticket)
    assert deck.over_ssh(f"cat {data}/index.html").stdout == b"before\n"

    deck.ask("say", ticket=ticket, step=2)
    end_and_close(deck, ticket)
    told = deck.ask("told", ticket=ticket)
    assert ["rollback.performed", "passed"] in told["facts"]
    events = [event for event, _, _ in told["entries"]]
    wanted = [
        "snapshot.taken", "ticket.opened", "rollback.begun", "rollback.step", "snapshot.reverted", "drift.compared",
        "ticket.rolled_back",
    ]  # fmt: skip
    firsts = [events.index(one) for one in wanted]
    assert firsts == sorted(firsts), events
    begun_at, back_at = events.index("rollback.begun"), events.index("snapshot.reverted")
    assert {"access.revoked", "session.ended", "leftovers.checked"} <= set(events[begun_at:back_at])


@pytest.mark.slow
@needs_box
def test_a_playbook_of_the_rollback_puts_the_target_back_through_the_gate(deck: Deck) -> None:
    page = deck.there / "index.html"
    (deck.there / "limits").unlink()
    page.write_text("before\n")
    page.chmod(0o644)
    deck.ask("watch", root=str(deck.there))
    book = deck.propose(PUT_BACK.format(there=deck.there) % {"old": "before"}, name="Put the page back")
    ticket = deck.ask("plan", steps=[f"playbook {book['item']}"], items=[book["item"]])["ticket"]
    edited = deck.propose(PUT_BACK.format(there=deck.there) % {"old": "other"}, name="Put another page back")
    assert edited["sha256"] != book["sha256"]
    deck.enter(ticket)
    assert deck.over_ssh(f"echo broken > {page}; touch {deck.there}/new.html").returncode == 0

    begun = deck.ask("begin", ticket=ticket)
    assert begun["waits"]
    seen = deck.until(ticket, lambda told: not told["waits"])
    assert seen["steps"] == [["done"]], seen
    assert page.read_text() == "before\n"
    assert not (deck.there / "new.html").exists()
    [run] = seen["runs"]
    played = deck.ask("seen", run=run)
    assert (played["state"], played["report"]["mode"]) == ("passed", "real")
    assert all(recorded for _, _, recorded, _ in deck.ask("told", ticket=ticket)["sessions"])
    end_and_close(deck, ticket, page, deck.there)
