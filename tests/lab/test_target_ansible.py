"""The playbook of a target, by a real ansible-core on a configuration of its own: twice, and taken back."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab.loopback_sshd import ACCOUNT, SSHD, Lab, lab_folder, prepared_files
from tests.lab.test_target_setup_script import effective, machine

from quarterdeck.access.api import PLAYBOOK, ansible_files

ANSIBLE = shutil.which("ansible-playbook", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
pytestmark = [
    pytest.mark.skipif(ANSIBLE is None, reason="not run here: no ansible-core"),
    pytest.mark.skipif(os.geteuid() != 0, reason="not run here: the playbook becomes root"),
]


@pytest.fixture
def lab() -> Iterator[Lab]:
    with lab_folder() as made:
        machine(made.folder)
        (made.folder / "pid").write_text(f"{os.getpid()}\n")
        yield made


def play(lab: Lab, files: dict[str, str], *more: str, revoked: bytes = b"") -> subprocess.CompletedProcess[str]:
    folder = lab.folder / "play"
    made = ansible_files(
        files,
        hostname="web01",
        address="127.0.0.1",
        port=22,
        login=ACCOUNT,
        main_config=str(lab.folder / "sshd_config"),
        pid_file=str(lab.folder / "reload"),
        revoked=revoked,
    )
    for name, data in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    # The reload is looked at, not done: a process of ours stands in for sshd and takes the signal.
    # The end waits its turn behind a reload that has come and was not answered yet.
    waits = "trap 'echo reloaded >> \"$0\"; exit' HUP; trap exit TERM; while :; do sleep 0.1; done"
    # A shell cannot trap a signal that was ignored when it began, as under nohup.
    stand_in = subprocess.Popen(["env", "--default-signal=HUP", "sh", "-c", waits, str(lab.folder / "reloads")])
    (lab.folder / "reload").write_text(f"{stand_in.pid}\n")
    try:
        python = f"ansible_python_interpreter={sys.executable}"
        return subprocess.run(
            [str(ANSIBLE), "-i", "inventory", "-c", "local", "-e", python, *more, PLAYBOOK],
            cwd=folder,
            env={**os.environ, "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"), "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
    finally:
        stand_in.terminate()
        stand_in.wait(10)


def changed(done: subprocess.CompletedProcess[str]) -> int:
    return int(done.stdout.rpartition("changed=")[2].split()[0])


def test_a_second_run_changes_nothing_and_the_list_travels_alone(lab: Lab) -> None:
    done = play(lab, prepared_files(lab))
    assert done.returncode == 0, done.stdout + done.stderr
    assert changed(done) > 0
    assert (lab.folder / "reloads").read_text() == "reloaded\n"
    assert "passwordauthentication no" in effective(lab.folder)
    assert "port 2022" in effective(lab.folder)
    again = play(lab, prepared_files(lab))
    assert (again.returncode, changed(again)) == (0, 0), again.stdout
    assert (lab.folder / "reloads").read_text() == "reloaded\n"
    listed = play(lab, prepared_files(lab), "--tags", "krl", revoked=b"SSHKRL\n\0\xff")
    assert (listed.returncode, changed(listed)) == (0, 1), listed.stdout
    assert (lab.folder / "etc" / "revoked_keys").read_bytes() == b"SSHKRL\n\0\xff"


def test_a_configuration_that_sshd_refuses_is_taken_back(lab: Lab) -> None:
    files = prepared_files(lab)
    drop_in = next(path for path in files if path.endswith(".conf"))
    done = play(lab, files | {drop_in: "NoSuchWord yes\n"})
    assert done.returncode != 0
    assert "What was there before was put back" in done.stdout
    assert not Path(drop_in).exists()
    assert not (lab.folder / "reloads").exists()
    subprocess.run([SSHD, "-t", "-f", str(lab.folder / "sshd_config")], check=True, timeout=20)
