"""Runbooks for real: Git, bubblewrap, ansible-runner, the product's signer and gate, a real `sshd` as the target."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.lab.boxes import needs_box
from tests.lab.gate_lab import wait_for
from tests.lab.whole_gate import ROOT, WholeGate

pytestmark = [pytest.mark.slow, needs_box]
PLAY = """
- name: Patch the web server
  hosts: all
  gather_facts: false
  tasks:
    - name: Set the banner
      ansible.builtin.copy: {content: "%(banner)s\\n", dest: "%(there)s/banner", mode: "0644"}
    - name: Raise the limit
      ansible.builtin.lineinfile: {path: "%(there)s/limits", regexp: "^limit=", line: "limit=20"}
    - name: Something that may fail
      ansible.builtin.command: /bin/false
      ignore_errors: true
      check_mode: false
"""


class Yard:
    """The whole gate, a repository beside it, and the verbs of `run_shop`."""

    shop = "tests.lab.run_shop"

    def __init__(self, folder: Path) -> None:
        self.whole = WholeGate(folder)
        self.there = folder / "watched"
        self.there.mkdir(mode=0o755)
        (self.there / "limits").write_text("limit=10\nother=1\n")
        self.repository = folder / "books"
        self.repository.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=Sam", "-c", "user.email=sam@example.com", "-C", str(self.repository), *words],
            capture_output=True, text=True, check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"},
        )  # fmt: skip
        return done.stdout.strip()

    def commit(self, play: str, *more: str) -> str:
        (self.repository / "patch.yml").write_text(play)
        self.git("add", ".")
        self.git("commit", "-q", *more, "-m", "patch")
        return self.git("rev-parse", "HEAD")

    def ask(self, verb: str, **told: object):
        done = subprocess.run(
            [sys.executable, "-m", self.shop, verb, json.dumps(told)],
            env=self.whole.environment(), capture_output=True, text=True, timeout=300, check=False, cwd=ROOT,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def propose(self, play: str, *more: str, name: str = "Patch web"):
        commit = self.commit(play, *more)
        return self.ask("propose", name=name, repository=str(self.repository), commit=commit, playbook="patch.yml")

    def run(self, runbook: str, ticket: str, mode: str):
        [run] = self.ask("order", runbook=runbook, ticket=ticket, mode=mode)["runs"]
        assert self.ask("do")["did"]
        return self.ask("seen", run=run)

    def play(self, banner: str = "patched") -> str:
        return PLAY % {"banner": banner, "there": self.there}


@pytest.fixture
def yard(data_dir, tmp_path):
    yard = Yard(tmp_path)
    try:
        yard.ask("found")
        yield yard
    finally:
        yard.whole.stop()


def ended(yard: Yard, ticket: str):
    found = {}

    def is_verified() -> bool:
        found.update(yard.ask("end", ticket=ticket))
        return "paths" in found

    wait_for(is_verified, 90, lambda: f"the end of {yard.ask('told', ticket=ticket)['sessions']}")
    return found


def test_a_playbook_patches_a_target_through_the_gate_and_the_drift_agrees(yard):
    book = yard.propose(yard.play())
    yard.ask("watch", root=str(yard.there))
    ticket = yard.ask("ticket", items=[book["item"]])["ticket"]

    early = yard.ask("order", runbook=book["id"], ticket=ticket, mode="real")
    assert early == {"refused": ["run.check_first"]}

    check = yard.run(book["id"], ticket, "check")
    assert check["state"] == "passed", check["message"] + check["output"]
    assert (yard.there / "limits").read_text() == "limit=10\nother=1\n"
    assert not (yard.there / "banner").exists()

    real = yard.run(book["id"], ticket, "real")
    assert real["state"] == "passed", real["message"] + real["output"]
    assert (yard.there / "limits").read_text() == "limit=20\nother=1\n"
    lines = real["report"]["lines"]
    diffs = {line["task"]: line["diff"] for line in lines if line["diff"]}
    assert "-limit=10" in diffs["Raise the limit"]
    assert "+limit=20" in diffs["Raise the limit"]
    assert diffs == {line["task"]: line["diff"] for line in check["report"]["lines"] if line["diff"]}
    assert [line["status"] for line in lines if line["task"] == "Something that may fail"] == ["ignored"]
    assert real["ignored"] == 1
    assert real["grants"] == ["ended"]
    assert not real["folder"]

    drift = ended(yard, ticket)
    changed = {str(yard.there / "limits"), str(yard.there / "banner")}
    assert {path for path in drift["paths"] if path != str(yard.there)} == changed

    told = yard.ask("told", ticket=ticket)
    assert ["run.done", "passed"] in told["facts"]
    assert all(recorded and person == told["sam"] for _, person, recorded, _ in told["sessions"])
    assert told["sessions"]


def test_the_same_playbook_edited_after_approval_is_refused(yard):
    book = yard.propose(yard.play())
    ticket = yard.ask("ticket", items=[book["item"]])["ticket"]
    edited = yard.propose(yard.play("patched otherwise"))
    assert edited["sha256"] != book["sha256"]
    assert yard.ask("order", runbook=edited["id"], ticket=ticket) == {"refused": ["run.not_named"]}


def test_a_queued_run_opens_its_ticket_runs_and_reports(yard):
    book = yard.propose(yard.play())
    yard.ask("watch", root=str(yard.there))
    ticket = yard.ask("ticket", items=[book["item"]], open=False, opens_in=3)["ticket"]
    check, real = yard.ask("order", runbook=book["id"], ticket=ticket, unattended=True)["runs"]

    def is_over() -> bool:
        yard.ask("do")
        return yard.ask("seen", run=real)["state"] not in ("waiting", "running")

    wait_for(is_over, 120, lambda: f"{yard.ask('seen', run=check)} {yard.ask('seen', run=real)}")
    assert yard.ask("seen", run=check)["state"] == "passed"
    assert yard.ask("seen", run=real)["state"] == "passed"
    told = yard.ask("told", ticket=ticket)
    assert ["ticket.opened", told["sam"], "queued"] in told["entries"]
    assert told["state"] == "verifying"
    assert any("run passed" in subject for subject in told["notices"])


HIDDEN = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Look around on the controller
      ansible.builtin.shell: "ls -A {data} {signer}; cat {key} || true; ls /proc | grep -c '^[0-9]' ; touch {data}/x"
      delegate_to: localhost
      check_mode: false
      ignore_errors: true
      register: found
    - ansible.builtin.debug: {{var: found.stdout}}
"""


def test_a_playbook_sees_nothing_of_ours_on_the_controller(yard, data_dir):
    signer = data_dir.with_name(data_dir.name + "-signer")
    assert (signer / "target_ca").exists()
    book = yard.propose(HIDDEN.format(data=data_dir, signer=signer, key=signer / "target_ca"))
    ticket = yard.ask("ticket", items=[book["item"]])["ticket"]
    seen = yard.run(book["id"], ticket, "check")
    everything = seen["events"] + seen["output"]
    assert "Look around on the controller" in everything, seen["message"]
    assert "No such file or directory" in everything, "the task did run, and saw nothing"
    for secret in ("PRIVATE KEY", "db.sqlite3", "serial"):
        assert secret not in everything
    assert not (data_dir / "x").exists()


def test_an_unreachable_host_and_a_connection_cut_in_the_middle_fail_clearly(yard):
    cut = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.command: /bin/true
      check_mode: false
    - ansible.builtin.shell: "kill $(ps -o ppid= -p $PPID) $(pgrep -P 1 -f nothing-of-this-name) || kill $PPID"
      check_mode: false
    - ansible.builtin.command: /bin/true
      check_mode: false
"""
    book = yard.propose(cut)
    ticket = yard.ask("ticket", items=[book["item"]])["ticket"]
    seen = yard.run(book["id"], ticket, "check")
    assert seen["state"] == "failed"
    assert "web01" in seen["message"]
    assert seen["grants"] == ["ended"]
    yard.whole.target.stop()
    away = yard.run(book["id"], ticket, "check")
    assert (away["state"], away["message"]) == ("failed", "Not reached: web01.")
    assert [line["status"] for line in away["report"]["lines"]] == ["unreachable"]
    assert yard.ask("order", runbook=book["id"], ticket=ticket, mode="real") == {"refused": ["run.check_not_passed"]}


def test_cancel_cuts_a_run_that_goes_on(yard):
    slow = (
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - {ansible.builtin.command: sleep 200, check_mode: false}\n"
    )
    book = yard.propose(slow)
    ticket = yard.ask("ticket", items=[book["item"]])["ticket"]
    [run] = yard.ask("order", runbook=book["id"], ticket=ticket)["runs"]
    yard.ask("cancel_meanwhile", run=run, after=2)
    seen = yard.ask("seen", run=run)
    assert seen["state"] == "cancelled"
    assert seen["report"]["ended_by"] == "cancel"
    assert not seen["folder"]


def test_signed_commits_are_recognised(yard, monkeypatch, tmp_path):
    key = tmp_path / "signing"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    signers = tmp_path / "signers"
    public = key.with_name("signing.pub").read_text()
    signers.write_text(f"sam@example.com {public}")
    monkeypatch.setenv("QD_RUNBOOK_SIGNERS_FILE", str(signers))
    sign = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={key}")
    (yard.repository / "patch.yml").write_text(yard.play("signed"))
    yard.git("add", ".")
    yard.git(*sign, "commit", "-q", "-S", "-m", "signed")
    told = {"repository": str(yard.repository), "playbook": "patch.yml", "commit": yard.git("rev-parse", "HEAD")}
    assert yard.ask("propose", name="Signed", **told)["signature"] == "listed"
    signers.write_text("")
    yard.git(*sign, "commit", "-q", "-S", "--allow-empty", "-m", "again")
    (yard.repository / "more.yml").write_text("- hosts: all\n")
    yard.git("add", ".")
    yard.git(*sign, "commit", "-q", "-S", "-m", "more")
    told["commit"] = yard.git("rev-parse", "HEAD")
    assert yard.ask("propose", name="Other", **told)["signature"] == "other"
