"""Ansible through the gate, with the inventory that `qd access` writes: six of six ways to run a module."""

import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from tests.lab.access_desk import NUMBER, access_desk
from tests.lab.gate_lab import gate_lab, new_key

PLAY = """
- hosts: all
  gather_facts: true
  tasks:
    - ansible.builtin.copy: {src: "%(source)s", dest: "%(there)s/copied", mode: "0600"}
    - ansible.builtin.command: {cmd: "sha256sum %(there)s/copied"}
      register: sum
    - ansible.builtin.lineinfile: {path: "%(there)s/lines", line: "one", create: true, mode: "0600"}
    - ansible.builtin.lineinfile: {path: "%(there)s/lines", line: "two"}
    - ansible.builtin.fetch: {src: "%(there)s/copied", dest: "%(back)s", flat: true}
    - ansible.builtin.assert: {that: ["ansible_facts.system == 'Linux'", "sum.stdout is search('%(there)s/copied')"]}
"""


@pytest.fixture(scope="module")
def lab():
    with gate_lab() as running:
        yield running


@pytest.fixture
def desk(lab, tmp_path):
    with access_desk(lab, tmp_path) as desk:
        new_key(tmp_path / "id")
        desk.keys.append((tmp_path / "id.pub").read_text())
        done = desk.qd("access", NUMBER, "--identity", str(tmp_path / "id"))
        assert done.returncode == 0, done.stderr
        yield desk


def ansible(desk, program, *words, **settings):
    """Run a program of ansible-core; it writes below the desk's home and nowhere else."""
    return subprocess.run(
        [str(Path(sys.executable).with_name(program)), "-i", str(desk.folder() / "inventory.ini"), *words],
        env={
            **desk.environment,
            "PYTHONPATH": "",
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_LOCAL_TEMP": str(desk.home / "local"),
            "ANSIBLE_REMOTE_TEMP": str(desk.home / "remote"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(desk.home / "cp"),
            "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
            "ANSIBLE_DEPRECATION_WARNINGS": "false",
            **settings,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )


def left_in_home():
    """Return folders in the target account's home that Ansible made by a literal login name (gate.md defect 6)."""
    return [name for name in os.listdir(Path.home()) if name.startswith("~")]


def test_ping_with_the_inventory_as_it_is(desk):
    done = ansible(desk, "ansible", "all", "-m", "ping")
    assert done.returncode == 0, done.stdout + done.stderr
    assert b"pong" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("transfer", ["sftp", "scp", "piped"])
@pytest.mark.parametrize("pipelining", ["true", "false"])
def test_six_of_six_modes(desk, tmp_path, pipelining, transfer):
    source = tmp_path / "source"
    source.write_bytes(secrets.token_bytes(200_000))
    there = tmp_path / "there"
    there.mkdir()
    book = tmp_path / "play.yml"
    book.write_text(PLAY % {"source": source, "there": there, "back": tmp_path / "back"})
    before = left_in_home()
    began = len(desk.lab.books.journal("began"))
    modes = {"ANSIBLE_PIPELINING": pipelining, "ANSIBLE_SSH_TRANSFER_METHOD": transfer}
    done = ansible(desk, "ansible-playbook", str(book), **modes)
    assert done.returncode == 0, done.stdout + done.stderr
    recap = re.search(rb"web01 +: ok=(\d+) +changed=(\d+) +unreachable=0 +failed=0", done.stdout)
    assert recap is not None, done.stdout
    assert int(recap[1]) == 7
    assert (there / "copied").read_bytes() == source.read_bytes() == (tmp_path / "back").read_bytes()
    assert (there / "lines").read_text() == "one\ntwo\n"
    assert left_in_home() == before
    assert len(desk.lab.books.journal("began")) > began
    assert [one for one in desk.lab.books.journal("sealed") if one["reason"] == "broken_protocol"] == []
