"""`qd access` against a real ssh-agent and a real gate: no private key on the disk, nothing left when it is over."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from tests.lab.access_desk import NUMBER, access_desk
from tests.lab.gate_lab import gate_lab, new_key, wait_for

SECOND = "MT-2026-00002"


@pytest.fixture(scope="module")
def lab():
    with gate_lab() as running:
        yield running


@pytest.fixture
def desk(lab, tmp_path):
    with access_desk(lab, tmp_path) as desk:
        yield desk


@pytest.fixture
def agent():
    folder = Path(tempfile.mkdtemp(prefix="qdagent-"))  # a socket's path is short
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(folder / "s")], stdout=subprocess.DEVNULL)
    try:
        wait_for((folder / "s").exists, what="the agent's socket")
        yield {"SSH_AUTH_SOCK": str(folder / "s")}
    finally:
        process.terminate()
        process.wait(5)
        shutil.rmtree(folder)


def held(agent):
    """Return the kinds of what the agent holds."""
    listed = subprocess.run(["ssh-add", "-L"], env={**os.environ, **agent}, capture_output=True, text=True, check=False)
    return [line.split()[0] for line in listed.stdout.splitlines() if "AAAA" in line]


def ssh(desk, agent, command="echo there"):
    argv = ["ssh", "-F", str(desk.folder() / "config"), "-o", "BatchMode=yes", "web01", command]
    return subprocess.run(
        argv, env={**desk.environment, **agent}, capture_output=True, timeout=30, check=False, stdin=subprocess.DEVNULL
    )


def private_keys_below(home):
    return [path for path in home.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]


def test_a_key_in_a_file_and_its_folder_that_done_removes(desk):
    new_key(desk.home / "id")
    desk.keys.append((desk.home / "id.pub").read_text())
    done = desk.qd("access", NUMBER, "--identity", str(desk.home / "id"))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in desk.folder().iterdir()} == {
        "MT-2026-00001-web01-cert.pub", "known_hosts", "config", "inventory.ini", "access.json"
    }  # fmt: skip
    assert ssh(desk, {}).stdout == b"there\n"
    assert desk.qd("done", NUMBER).returncode == 0
    assert not desk.folder().exists()


def test_a_key_made_in_the_agent_is_never_on_the_disk_and_gone_when_done(desk, agent):
    told = desk.qd("access", NUMBER, "--agent", "--new-key", **agent)
    assert told.returncode == 0, told.stderr
    assert "in your ssh-agent only" in told.stdout
    assert sorted(held(agent)) == ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256-cert-v01@openssh.com"]
    assert private_keys_below(desk.home) == []
    assert ssh(desk, agent).stdout == b"there\n"
    assert desk.qd("done", NUMBER, **agent).returncode == 0
    assert held(agent) == []
    assert not desk.folder().exists()


def test_a_client_without_our_configuration_finds_the_certificate_in_the_agent(lab, desk, agent):
    assert desk.qd("access", NUMBER, "--agent", "--new-key", **agent).returncode == 0
    argv = ["ssh", "-F", "none", "-o", f"UserKnownHostsFile={lab.folder}/known_hosts", "-o", "BatchMode=yes"]
    argv += ["-p", str(lab.port), "-l", lab.gate_user, "127.0.0.1", "echo there"]
    done = subprocess.run(argv, env={**desk.environment, **agent}, capture_output=True, timeout=30, check=False)
    assert done.stdout == b"there\n", done.stderr


@pytest.mark.slow
def test_the_agent_forgets_by_itself_when_the_certificate_ends(desk, agent):
    desk.seconds = 4
    assert desk.qd("access", NUMBER, "--agent", "--new-key", **agent).returncode == 0
    wait_for(lambda: held(agent) == [], 15, "the agent's forgetting")
    said = "the access to MT-2026-00001 has ended; its files here are removed"
    wait_for(lambda: said in desk.qd("whoami", **agent).stderr, 15, "the sweep")
    assert not desk.folder().exists()


def test_a_registered_key_in_the_agent_is_used_and_stays_there(desk, agent):
    key = desk.home / "id"
    new_key(key)
    desk.keys.append((desk.home / "id.pub").read_text())
    subprocess.run(["ssh-add", "-q", str(key)], env={**os.environ, **agent}, check=True)
    key.unlink()
    told = desk.qd("access", NUMBER, "--agent", **agent)
    assert told.returncode == 0, told.stderr
    assert private_keys_below(desk.home) == []
    assert ssh(desk, agent).stdout == b"there\n"
    assert desk.qd("done", NUMBER, **agent).returncode == 0
    assert held(agent) == ["ecdsa-sha2-nistp256"]


def test_two_tickets_share_a_made_key_and_the_last_one_takes_it_away(desk, agent):
    assert desk.qd("access", NUMBER, "--agent", "--new-key", **agent).returncode == 0
    assert desk.qd("access", SECOND, "--agent", **agent).returncode == 0
    assert len(desk.keys) == 1
    desk.qd("done", NUMBER, **agent)
    assert held(agent) == ["ecdsa-sha2-nistp256"]
    desk.qd("done", SECOND, **agent)
    assert held(agent) == []


def test_without_agent_or_without_the_key_there_is_a_sentence(desk, agent):
    assert "No ssh-agent runs here" in desk.qd("access", NUMBER, "--agent").stderr
    assert "does not hold a key that is registered" in desk.qd("access", NUMBER, "--agent", **agent).stderr
    new_key(desk.home / "id")
    desk.keys.append((desk.home / "id.pub").read_text())
    assert "does not answer" in desk.qd("access", NUMBER, "--agent", SSH_AUTH_SOCK=str(desk.home / "none")).stderr
    told = desk.qd("access", NUMBER, "--agent", "--new-key", **agent)
    assert f"Your key {desk.registered} stays" in told.stderr
    assert held(agent) == []
    assert not desk.folder().exists()
    assert desk.qd("access", NUMBER, "--agent", "--new-key", "--yes", **agent).returncode == 0
    assert len(desk.keys) == 2


def test_a_refusal_leaves_a_made_key_for_the_next_try(desk, agent):
    desk.state = "scheduled"
    assert desk.qd("access", NUMBER, "--agent", "--new-key", **agent).returncode == 1
    assert held(agent) == ["ecdsa-sha2-nistp256"]
    desk.state = "open"
    assert desk.qd("access", NUMBER, "--agent", **agent).returncode == 0
    assert len(desk.keys) == 1


def test_clean_removes_what_others_closed(desk):
    new_key(desk.home / "id")
    desk.keys.append((desk.home / "id.pub").read_text())
    desk.qd("access", NUMBER, "--identity", str(desk.home / "id"))
    assert "0 removed, 1 left" in desk.qd("access", "--clean").stdout
    desk.state = "closed"
    assert "MT-2026-00001 is closed; its files here are removed." in desk.qd("access", "--clean").stdout
    assert not desk.folder().exists()


def test_an_agent_that_is_stopped_is_no_obstacle_to_done(desk, agent):
    assert desk.qd("access", NUMBER, "--agent", "--new-key", **agent).returncode == 0
    assert desk.qd("done", NUMBER, SSH_AUTH_SOCK="/nowhere").returncode == 0
    assert not desk.folder().exists()
