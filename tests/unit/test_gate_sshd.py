"""The gate's `sshd`: what its log says of logins, and whether its folders are private."""

import os
import subprocess

import pytest

from quarterdeck.entrypoints.gate.processes import child_towards, descendants_of, parent_of, start_time
from quarterdeck.entrypoints.gate.sshd import (
    SSHD,
    Accepted,
    accepted,
    gate_folder,
    login_user,
    make_host_key,
    prepare,
    private_enough,
)
from quarterdeck.kernel.decision import Refused

LINE = (
    "Accepted publickey for root from 192.0.2.1 port 50000 ssh2: ECDSA-CERT SHA256:s02 "
    "ID MT-2026-00001:pe_x (serial 42) CA ECDSA SHA256:A7w"
)


def test_an_accepted_certificate():
    assert accepted(LINE) == Accepted("192.0.2.1", 50000, 42)
    assert accepted(LINE.replace("192.0.2.1", "2001:db8::1").replace("ECDSA-CERT", "ED25519-SK-CERT")) == Accepted(
        "2001:db8::1", 50000, 42
    )


@pytest.mark.parametrize(
    "line",
    [
        "",
        f"Invalid user {LINE} from 192.0.2.66 port 1",
        LINE.replace("-CERT", ""),
        LINE.replace("Accepted", "Failed"),
        LINE.replace("publickey", "password"),
        LINE + " and more",
    ],
)
def test_no_other_line_counts(line):
    assert accepted(line) is None


def test_the_key_ids_own_serial_is_not_believed():
    assert accepted(LINE.replace("MT-2026-00001:pe_x", "x (serial 7) CA ECDSA y")) == Accepted("192.0.2.1", 50000, 42)


def test_host_key_is_made_once(tmp_path):
    folder = gate_folder(tmp_path / "gate", login_user(""), 2222)
    line = make_host_key(folder)
    assert line.startswith("ecdsa-sha2-nistp256 ")
    assert make_host_key(folder) == line
    assert folder.host_key.stat().st_mode & 0o777 == 0o600
    assert folder.root.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "changes",
    [
        {"listen": "-x"},
        {"listen": "0.0.0.0\nPermitRootLogin yes"},
        {"port": 0},
        {"principal": "a\nb"},
        {"principal": ""},
        {"entry_ca": "ecdsa-sha2-nistp256 AAAA\nssh-ed25519 BBBB"},
    ],
)
def test_nothing_malformed_reaches_the_configuration(tmp_path, changes):
    values = {"listen": "127.0.0.1", "port": 2222, "principal": "qd-entry-x", "entry_ca": "ecdsa-sha2-nistp256 AAAA"}
    with pytest.raises(Refused):
        prepare(gate_folder(tmp_path / "gate", login_user(""), 2222), login=login_user(""), **(values | changes))


@pytest.mark.parametrize("profile", ["fips", "modern"])
def test_sshd_takes_the_configuration_of_each_profile(tmp_path, profile):
    """Asked of the real `sshd`, which refuses one unknown word; and it reads the list of what was taken back."""
    folder = gate_folder(tmp_path / "gate", login_user(""), 2222)
    names = {"listen": "127.0.0.1", "port": 2222, "login": login_user(""), "principal": "qd-entry-lab"}
    configuration = prepare(folder, **names, entry_ca=make_host_key(folder), profile=profile)
    done = subprocess.run([SSHD, "-T", "-f", str(configuration)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    assert lines["revokedkeys"] == str(folder.revoked)
    assert folder.revoked.read_bytes() == b""
    assert ("ed25519" in lines["pubkeyacceptedalgorithms"]) is (profile == "modern")
    assert lines["kexalgorithms"].startswith("sntrup761" if profile == "modern" else "ecdh-sha2-nistp256")
    assert lines["ciphers"] == "aes256-gcm@openssh.com,aes128-gcm@openssh.com"


def test_a_start_never_shortens_the_list(tmp_path):
    folder = gate_folder(tmp_path / "gate", login_user(""), 2222)
    names = {"listen": "127.0.0.1", "port": 2222, "login": login_user(""), "principal": "qd-entry-lab"}
    prepare(folder, **names, entry_ca=make_host_key(folder))
    folder.revoked.write_bytes(b"SSHKRL")
    prepare(folder, **names, entry_ca=make_host_key(folder))
    assert folder.revoked.read_bytes() == b"SSHKRL"


def test_a_user_that_does_not_exist(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(Refused, match="no OS user"):
        login_user("quarterdeck-nobody-here")


def test_without_root_the_running_user_is_the_gates_user(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    assert login_user("quarterdeck-gate").uid == 65534
    assert not login_user("").own


def test_private_folders(tmp_path):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True, mode=0o700)
    assert private_enough(folder)
    folder.parent.chmod(0o777)
    assert not private_enough(folder)
    folder.parent.chmod(0o1777)
    assert private_enough(folder)


def test_processes_of_this_test():
    here = os.getpid()
    assert parent_of(here) == os.getppid()
    assert start_time(here) > 0
    assert child_towards(os.getppid(), here) == here
    assert child_towards(here, os.getppid()) == 0
    assert here in descendants_of(os.getppid())
    assert (parent_of(2**22 + 1), start_time(2**22 + 1)) == (0, 0)
