"""PowerShell DSC runs, on transcripts: an `ssh` that plays Windows answers as the documented cmdlets do."""

import base64
import io
import json
import re
import sys
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from quarterdeck.adapters.dsc_program import DscOverSsh, dsc_command, hosts_of
from quarterdeck.adapters.run_programs import RunPrograms
from quarterdeck.runs import rules
from quarterdeck.runs.api import Order, Played, RunFailed, line_of, tallies_of
from quarterdeck.runs.terms import RunState, Tally

MOF = b'instance of MSFT_FileDirectoryConfiguration as $a1\r\n{\r\n ResourceID = "[File]banner";\r\n};\r\n'
HOSTS = "[quarterdeck]\nfs01\n\n[quarterdeck:vars]\nansible_connection=ssh\n"

# Plays the target: checks what the encoded script asks for and prints the transcript of the mode, line by line.
PLAYED = """
import base64, hashlib, pathlib, re, sys
folder = pathlib.Path(sys.argv[1])
program = base64.b64decode(sys.argv[-1].split()[-1]).decode("utf-16-le")
mof = base64.b64decode(b"".join(sys.stdin.buffer.read().split()))
if hashlib.sha256(mof).hexdigest() not in program:
    sys.exit("other bytes than the approved")
(folder / "called").write_text(" ".join(sys.argv[2:6]))
mode = "real" if "if($true)" in program else "check"
sys.stdout.buffer.write((folder / mode).read_bytes())
sys.stdout.flush()
if (folder / "hangs").exists():
    import time
    time.sleep(600)
sys.exit(int((folder / "status").read_text()))
"""


def archive(name: str = "localhost.mof", content: bytes = MOF) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def said(**document: object) -> str:
    return "QD " + base64.b64encode(json.dumps(document).encode()).decode()


def resources(inside: object, outside: object) -> str:
    return said(kind="tested", **{"in": inside, "out": outside})


class Bench:
    """A folder of runs, the played target, and what was told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[Mapping[str, object]] = []
        self.stop_after = 10**9
        (folder / "run").mkdir()
        script = folder / "played.py"
        script.write_text(PLAYED)
        self.ssh = folder / "ssh"
        self.ssh.write_text(f'#!/bin/sh\nexec {sys.executable} {script} {folder} "$@"\n')
        self.ssh.chmod(0o755)

    def answers(self, mode: str, *lines: str, status: int = 0, end: str = "\r\n") -> None:
        (self.folder / mode).write_text("".join(f"{line}{end}" for line in lines))
        (self.folder / "status").write_text(str(status))

    def play(self, *, check: bool, seconds: float = 60.0, inventory: str = HOSTS, packed: bytes = b"") -> Played:
        order = Order("ru_abc", packed or archive(), "localhost.mof", check, {"config": "Host *\n"}, inventory, seconds)
        return DscOverSsh(lambda run: self.folder / "run", str(self.ssh)).play(order, self.hear)

    def hear(self, event: Mapping[str, object]) -> bool:
        self.told.append(event)
        return len(self.told) < self.stop_after

    @property
    def lines(self) -> dict[str, str]:
        found = (line_of(event) for event in self.told if event)
        return {one.task: one.status for one in found if one is not None}

    @property
    def tallies(self) -> dict[str, Tally]:
        return next((found for event in self.told if (found := tallies_of(event))), {})

    def outcome(self, played: Played) -> tuple[RunState, str]:
        return rules.outcome(played.ended_by, played.status, frozenset({"fs01"}), self.tallies)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_check_mode_tells_what_would_change_and_starts_nothing(bench: Bench) -> None:
    bench.answers("check", resources(["[Service]sshd"], ["[File]banner", "[Registry]fips"]), said(kind="end"))
    played = bench.play(check=True)
    assert bench.lines == {"[Service]sshd": "ok", "[File]banner": "changed", "[Registry]fips": "changed"}
    assert bench.tallies["fs01"] == Tally(ok=3, changed=2)
    assert bench.outcome(played) == (RunState.PASSED, "2 tasks changed something.")
    assert (bench.folder / "called").read_text().startswith("-F ")
    script = base64.b64decode(dsc_command(MOF, "ru_abc", real=False).split()[-1]).decode("utf-16-le")
    assert "if($false)" in script


def test_a_real_run_tells_what_changed_and_its_words_are_evidence(bench: Bench) -> None:
    bench.answers(
        "real",
        resources(["[Service]sshd"], "[File]banner"),  # a list of one, as 5.1 may shrink it
        said(kind="said", text="[FS01]: LCM:  [ Start  Set      ]  [[File]banner]"),
        resources(["[Service]sshd", "[File]banner"], None),
        said(kind="restart", wanted=True),
        said(kind="end"),
    )
    played = bench.play(check=False)
    assert bench.lines == {"[Service]sshd": "ok", "[File]banner": "changed", "Windows asks for a restart": "changed"}
    assert bench.outcome(played)[0] is RunState.PASSED
    assert played.output.read_text().count("QD ") == 5
    assert len(played.events.read_bytes().splitlines()) == 4


def test_what_is_not_in_the_desired_state_afterwards_fails_the_run(bench: Bench) -> None:
    bench.answers("real", resources([], ["[File]banner"]), resources([], ["[File]banner"]), said(kind="end"))
    played = bench.play(check=False)
    assert bench.lines == {"[File]banner": "failed"}
    assert bench.outcome(played) == (RunState.FAILED, "Failed on: fs01.")


CUT = {
    "an error of the cmdlet": ([said(kind="failed", text="Das Aufrufen der Methode ist fehlgeschlagen.")], 2),
    "no end mark": ([resources([], ["[File]banner"])], 0),
    "nothing": ([], 0),
    "words of somebody else": (["WARNUNG: ...", "QD not base64", "QD " + base64.b64encode(b"[1]").decode()], 0),
    "two tests in check mode": ([resources([], []), resources([], []), said(kind="end")], 0),
    "a status with a good text": ([resources(["[File]a"], []), said(kind="end")], 1),
}


@pytest.mark.parametrize("name", CUT)
def test_a_cut_or_strange_answer_is_never_a_passed_run(bench: Bench, name: str) -> None:
    lines, status = CUT[name]
    bench.answers("check", *lines, status=status)
    assert bench.outcome(bench.play(check=True))[0] is RunState.FAILED


def test_a_target_that_is_not_reached_is_unreachable(bench: Bench) -> None:
    bench.answers("check", status=255)
    assert bench.outcome(bench.play(check=True)) == (RunState.FAILED, "Not reached: fs01.")


def test_utf16_and_plain_newlines_make_no_difference(bench: Bench) -> None:
    text = "".join(f"{one}\r\n" for one in (resources(["[File]a"], []), said(kind="end")))
    bench.answers("check")
    (bench.folder / "check").write_bytes(text.encode("utf-16"))
    assert bench.outcome(bench.play(check=True))[0] is RunState.PASSED


def test_a_run_is_cancelled_at_once_and_never_longer_than_its_time(bench: Bench) -> None:
    bench.answers("check", resources([], []))
    (bench.folder / "hangs").touch()
    bench.stop_after = 2
    began = time.monotonic()
    assert bench.play(check=True).ended_by == "cancel"
    bench.told, bench.stop_after = [], 10**9
    assert bench.play(check=True, seconds=1.5).ended_by == "time"
    assert time.monotonic() - began < 60


def test_hostile_resource_names_are_told_harmlessly(bench: Bench) -> None:
    bench.answers("check", resources(["[File]\x1b[2J\u202e", "x" * 5000], []), said(kind="end"))
    bench.play(check=True)
    assert all(name.isprintable() and len(name) <= 300 for name in bench.lines)


def test_an_archive_without_the_configuration_is_a_sentence(bench: Bench) -> None:
    bench.answers("check")
    with pytest.raises(RunFailed, match="no compiled configuration"):
        bench.play(check=True, packed=archive("other.mof"))


def test_the_command_fits_into_what_windows_takes() -> None:
    command = dsc_command(MOF, "ru_abcdefghijklmnop", real=True)
    assert len(command) < 8000
    script = base64.b64decode(command.split()[-1]).decode("utf-16-le")
    assert "{{" not in script
    assert re.search(r"-cne '[0-9a-f]{64}'", script)


def test_hosts_are_those_of_the_tickets_inventory() -> None:
    assert hosts_of(HOSTS) == ["fs01"]


class _Named:
    def __init__(self, name: str, heard: list[str]) -> None:
        self.name, self.heard = name, heard

    def play(self, order: Order, tell: object) -> Played:
        del tell
        self.heard.append(self.name)
        return Played("exit", 0, Path(order.playbook), Path(order.playbook), {})


def test_the_kind_of_the_file_chooses_the_program() -> None:
    heard: list[str] = []
    programs = RunPrograms(_Named("ansible", heard), _Named("dsc", heard))
    for path in ("patch/web.yml", "dsc/localhost.mof"):
        programs.play(Order("r", b"", path, True, {}, "", 1.0), lambda event: True)
    assert heard == ["ansible", "dsc"]


def test_a_dsc_configuration_is_for_windows_alone() -> None:
    assert rules.fits_platforms("dsc/localhost.mof", ["windows", "windows"]).allowed
    assert rules.fits_platforms("patch/web.yml", ["unix", "windows"]).allowed
    assert rules.fits_platforms("dsc/localhost.mof", ["windows", "unix"]).codes == ("run.other_platform",)
    commit = "a" * 40
    assert rules.may_propose("Banner", "https://git.example/ops", commit, "dsc/localhost.mof").allowed
    assert not rules.may_propose("Banner", "https://git.example/ops", commit, "dsc/../x.mof").allowed
