"""The upstream client's arguments: every name checked, the command one argument, the pinned host one line."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quarterdeck.entrypoints.gate.asked import asked_for
from quarterdeck.entrypoints.gate.upstream import (
    Dial,
    arguments,
    check_names,
    connection_lost,
    explain_failure,
    known_hosts,
    known_hosts_line,
    logged_in,
)
from quarterdeck.sessions.terms import Admitted, Allowance, EndReason

KEY = "ecdsa-sha2-nistp256 " + "A" * 140
ADMITTED = Admitted(
    session="se_x", ticket="MT-2026-00001", person="pe_x", asset="web01", address="192.0.2.9", port=2222,
    account="maint", host_identity=KEY, serial=1, at=datetime(2026, 11, 23, tzinfo=UTC),
    window_until=datetime(2026, 11, 24, tzinfo=UTC), grace_seconds=0, allowance=Allowance(),
)  # fmt: skip


@pytest.fixture
def dial():
    made = Dial(ADMITTED)
    yield made
    made.close()


def argv(dial, command=b"id", *, tty=False):
    return arguments(ADMITTED, dial, Path("/run/agent.sock"), asked_for(command, tty=tty), command)


def test_ssh_itself_reads_the_arguments_as_meant(dial):
    shown = subprocess.run([b"ssh", b"-G", *argv(dial)[1:]], capture_output=True, text=True, check=True).stdout
    effective = dict(line.split(" ", 1) for line in shown.splitlines() if " " in line)
    for name, value in {
        "user": "maint",
        "hostname": "192.0.2.9",
        "port": "2222",
        "hostkeyalias": "web01",
        "stricthostkeychecking": "true",
        "userknownhostsfile": str(dial.known_hosts),
        "globalknownhostsfile": "none",
        "clearallforwardings": "yes",
        "permitlocalcommand": "no",
        "escapechar": "none",
        "forwardagent": "no",
        "forwardx11": "no",
        "controlmaster": "false",
        "batchmode": "yes",
        "passwordauthentication": "no",
        "kbdinteractiveauthentication": "no",
        "identityagent": "/run/agent.sock",
        "ciphers": "aes256-gcm@openssh.com,aes128-gcm@openssh.com",
        "requesttty": "false",
    }.items():
        assert effective[name] == value, name
    assert "controlpath" not in effective
    assert "proxycommand" not in effective


@pytest.mark.parametrize("command", [b"-oProxyCommand=id", b"a b 'c'", b"\xff\n$(id)", b"--", b""])
def test_the_command_is_one_argument_behind_the_address(dial, command):
    assert argv(dial, command=command)[-3:] == [b"--", b"192.0.2.9", command]


def test_terminal_and_transfer(dial):
    assert b"RequestTTY=force" in argv(dial, None, tty=True)
    assert argv(dial, None, tty=True)[-2:] == [b"--", b"192.0.2.9"]
    transfer = argv(dial, b"quarterdeck-subsystem-sftp")
    assert transfer[-4:] == [b"-s", b"--", b"192.0.2.9", b"sftp"]


@pytest.mark.parametrize(
    "changes",
    [
        {"asset": "-oProxyCommand=x"},
        {"asset": "web01\nHost *"},
        {"asset": "WEB01"},
        {"address": "192.0.2.9;id"},
        {"address": "fe80::1%eth0"},
        {"address": "user@host"},
        {"account": "root "},
        {"account": "-l"},
        {"port": 0},
        {"port": 65536},
        {"host_identity": KEY + "\n* " + KEY},
        {"host_identity": ""},
    ],
)
def test_a_name_outside_the_grammar_goes_nowhere(changes):
    assert check_names(ADMITTED).allowed
    assert check_names(replace(ADMITTED, **changes)).codes == ("gate.connection_malformed",)


def test_pinned_host_lines():
    assert known_hosts_line("web01", KEY) == f"web01 {KEY}\n"
    assert known_hosts_line("web01", f"@cert-authority {KEY}") == f"@cert-authority web01 {KEY}\n"
    assert known_hosts_line("web01", "rsa-sha2-512 AAAA") == "web01 ssh-rsa AAAA\n"
    given_up = replace(ADMITTED, revoked_host_keys=(KEY,))
    assert known_hosts(given_up).endswith(f"\n@revoked * {KEY}\n")
    assert check_names(given_up).allowed
    assert not check_names(replace(ADMITTED, revoked_host_keys=(f"{KEY}\n* {KEY}",))).allowed


def test_the_dials_folder_is_private_and_goes(dial):
    assert dial.folder.stat().st_mode & 0o777 == 0o700
    assert dial.log_text() == ""
    dial.close()
    assert not dial.folder.exists()


@pytest.mark.parametrize(
    ("log", "reason", "words"),
    [
        ("Host key verification failed.", EndReason.HOST_IDENTITY, "identity was approved"),
        ("maint@192.0.2.9: Permission denied (publickey).", EndReason.TARGET_REFUSED, "does not accept"),
        ("ssh: connect to host 192.0.2.9 port 2222: Connection refused\r\n", EndReason.TARGET_UNREACHABLE, "refused"),
        ("", EndReason.TARGET_UNREACHABLE, "web01 did not answer on 192.0.2.9 port 2222."),
    ],
)
def test_a_failed_dial_is_explained(log, reason, words):
    found, sentence, next_step = explain_failure(log, ADMITTED)
    assert found is reason
    assert words in sentence
    assert next_step


def test_what_the_log_says():
    assert logged_in('x\nAuthenticated to 192.0.2.9 ([192.0.2.9]:22) using "publickey".\n')
    assert not logged_in("banner: Authenticated to you")
    assert connection_lost("Connection to 192.0.2.9 closed by remote host.")
    assert not connection_lost("Authenticated to x")
