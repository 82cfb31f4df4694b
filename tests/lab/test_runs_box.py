"""The box of a playbook attacked from inside: approved or not, it reads, waits for and writes nothing but its own."""

import io
import socket
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.lab.boxes import needs_box
from tests.ports import free_port

from quarterdeck.adapters.playbook_program import BoxedAnsible
from quarterdeck.runs.api import Order, Played, RunFailed

pytestmark = [pytest.mark.slow, needs_box]
RUN = "ru_aaaaaaaaaaaaaaaa"
SECRET = "what only the service may read"
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Mischief
      ansible.builtin.shell: |
        {script}
      args: {{executable: /bin/bash}}
      register: said
      ignore_errors: true
    - name: Said
      ansible.builtin.debug: {{var: said.stdout_lines}}
"""


class Box:
    """A run's folder and what stands around it."""

    def __init__(self, folder: Path) -> None:
        self.run = folder / "runs" / RUN
        self.run.mkdir(parents=True)
        self.hidden = folder / "hidden"
        self.hidden.mkdir()
        self.near = folder / "near"
        self.near.write_text(SECRET)
        (self.hidden / "key").write_text(SECRET)
        self.events: list[Mapping[str, object]] = []

    def play(self, script: str, seconds: float = 120) -> Played:
        """Play a script on the controller itself, as `delegate_to: localhost` does."""
        text = PLAY.format(script="\n        ".join(script.strip().splitlines()))
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            member = tarfile.TarInfo("play.yml")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
        return self.play_archive(out.getvalue(), seconds)

    def play_archive(self, archive: bytes, seconds: float = 120) -> Played:
        order = Order(RUN, archive, "play.yml", False, {}, "[unused]\n", seconds)
        return BoxedAnsible(lambda run: self.run, [self.hidden]).play(order, self.told)

    def told(self, event: Mapping[str, object]) -> bool:
        self.events.append(event)
        return True

    def all_kept(self, played: Played) -> str:
        """Return everything that becomes evidence."""
        return played.events.read_text(errors="replace") + played.output.read_text(errors="replace")


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_a_link_in_the_place_of_the_output_leads_nowhere(box: Box) -> None:
    played = box.play(f"""
cd {box.run}/play/artifacts/{RUN}
rm -f stdout && ln -s {box.near} stdout
echo done
""")
    assert not played.output.is_symlink()
    assert SECRET not in box.all_kept(played)
    assert box.near.read_text() == SECRET


def test_a_link_in_the_place_of_a_folder_is_not_followed(box: Box, tmp_path: Path) -> None:
    trap = tmp_path / "trap" / RUN / "job_events"
    trap.mkdir(parents=True)
    (trap / "1-abcdef.json").write_text(f'{{"stolen": "{SECRET}"}}')
    (trap.parent / "stdout").write_text(SECRET)
    played = box.play(f"""
cd {box.run}/play && mv artifacts aside && ln -s {tmp_path}/trap artifacts
sleep 2
""")
    assert SECRET not in box.all_kept(played)
    assert (trap / "1-abcdef.json").exists(), "nothing of others is taken away"


def test_a_pipe_among_the_events_is_not_waited_for(box: Box) -> None:
    played = box.play(f"mkfifo {box.run}/play/artifacts/{RUN}/job_events/1-abcdef.json; echo went on")
    assert played.ended_by == "exit"
    assert "went on" in box.all_kept(played)


def test_what_is_kept_beside_the_play_cannot_be_written(box: Box) -> None:
    played = box.play(f"""
ln -sf {box.near} {box.run}/events.jsonl || echo no link
echo false > {box.run}/words || echo no word
touch {box.run}/more || echo no more
""")
    kept = box.all_kept(played)
    assert all(words in kept for words in ("no link", "no word", "no more"))
    assert not played.events.is_symlink()


def test_hidden_folders_sockets_and_processes_are_not_there(box: Box) -> None:
    with socket.socket(socket.AF_UNIX) as service:
        place = Path("/run") / f"qd-test-{free_port()}.sock"
        try:
            service.bind(str(place))
        except PermissionError:
            place = box.hidden / "service.sock"
            service.bind(str(place))
        try:
            played = box.play(f"""
cat {box.hidden}/key || echo no key
test -S {place} || echo no socket
test $(ls /proc | grep -c '^[0-9]') -lt 30 && echo alone
touch {box.near.parent}/written || echo read only
""")
        finally:
            place.unlink()
    kept = box.all_kept(played)
    assert all(words in kept for words in ("no key", "no socket", "alone", "read only"))
    assert SECRET not in kept


def test_what_stays_behind_in_the_background_ends_with_the_box(box: Box) -> None:
    played = box.play(f"""
setsid bash -c 'while sleep 0.05; do date +%s%N > {box.run}/play/alive; done' >/dev/null 2>&1 &
sleep 1; echo begun
""")
    assert "begun" in box.all_kept(played)
    before = (box.run / "play" / "alive").read_text()
    with socket.socket() as pause:  # nothing answers: a wait of known length without sleeping
        pause.settimeout(0.5)
        pause.bind(("127.0.0.1", 0))
        pause.listen()
        with pytest.raises(TimeoutError):
            pause.accept()
    assert (box.run / "play" / "alive").read_text() == before


@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [
        ("../out", tarfile.REGTYPE, ""),
        ("/out", tarfile.REGTYPE, ""),
        ("in", tarfile.SYMTYPE, "../../out"),
        ("in", tarfile.SYMTYPE, "/etc/passwd"),
        ("in", tarfile.LNKTYPE, "play.yml"),
        ("in", tarfile.FIFOTYPE, ""),
    ],
)
def test_an_archive_that_leads_out_is_not_laid_out(box: Box, name: str, kind: bytes, link: str) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, link
        tar.addfile(member)
    with pytest.raises(RunFailed, match="laid out nowhere"):
        box.play_archive(out.getvalue())
    assert not (box.run / "play" / "out").exists()


def test_a_playbook_that_outstays_its_time_is_ended(box: Box) -> None:
    played = box.play("sleep 300", seconds=8)
    assert played.ended_by == "time"
