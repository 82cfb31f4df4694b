"""The negative matrix at the gate: certificates that are almost right, ways to log in, requests of a hostile client.

OpenSSH's client asks for nothing odd, so the requests are sent by paramiko, packet by packet (gate.md section 9, 2).
"""

import os
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import paramiko
import pytest
from cryptography.hazmat.primitives.serialization import (
    SSHCertificateBuilder,
    SSHCertificateType,
    load_ssh_public_key,
)
from paramiko.common import cMSG_CHANNEL_OPEN, cMSG_CHANNEL_REQUEST
from tests.lab.gate_lab import ENTRY_PRINCIPAL, gate_lab, new_key, wait_for

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def lab():
    with gate_lab() as running:
        yield running


def refused_by_sshd(result):
    return result.returncode == 255 and result.stdout == b"" and b"Permission denied (publickey)" in result.stderr


def recertified(lab, *, authority=None, principals=(ENTRY_PRINCIPAL,), kind=SSHCertificateType.USER, start=-5,
                seconds=600, options=None, extensions=None):  # fmt: skip
    """Return a grant whose certificate is replaced by another one for the same key and serial."""
    ticketed = lab.grant()
    now = int(time.time())
    builder = (
        SSHCertificateBuilder()
        .public_key(load_ssh_public_key(Path(f"{ticketed.key}.pub").read_bytes()))
        .type(kind)
        .serial(ticketed.serial)
        .key_id(b"lab")
        .valid_after(now + start)
        .valid_before(now + seconds)
    )
    builder = (
        builder.valid_principals([name.encode() for name in principals])
        if principals
        else builder.valid_for_all_principals()
    )
    for name, value in (options or {}).items():
        builder = builder.add_critical_option(name, value)
    for name in extensions or ():
        builder = builder.add_extension(name, b"")
    line = builder.sign(authority or lab.entry_ca).public_bytes().decode()
    Path(f"{ticketed.key}-cert.pub").write_text(line + "\n")
    return ticketed, line


@pytest.mark.parametrize(
    "changes",
    [
        {"principals": ()},
        {"principals": ("root", "maint")},
        {"kind": SSHCertificateType.HOST},
        {"options": {b"unknown@example.test": b"x"}},
        {"options": {b"source-address": b"192.0.2.0/24"}},
        {"options": {b"source-address": b"not an address"}},
        {"seconds": -1},
        {"start": 300},
    ],
    ids=[
        "no principal", "other principals", "host certificate", "unknown critical option", "other source address",
        "malformed source address", "expired", "not yet valid",
    ],
)  # fmt: skip
def test_a_certificate_that_is_almost_right_is_refused_by_sshd(lab, changes):
    ticketed, _ = recertified(lab, **changes)
    assert refused_by_sshd(lab.run(ticketed, "true"))


@pytest.mark.parametrize(
    "changes",
    [
        {"principals": (ENTRY_PRINCIPAL, "root")},
        {"extensions": (b"permit-port-forwarding", b"permit-agent-forwarding")},
        {"options": {b"verify-required": b""}},
    ],
    ids=["two principals", "more permits", "verify-required of a key that can't"],
)
def test_a_certificate_of_our_authority_that_no_grant_knows_is_refused_at_admission(lab, changes):
    ticketed, _ = recertified(lab, **changes)
    result = lab.run(ticketed, "true")
    assert (result.returncode, result.stdout) == (255, b"")
    assert b"not the one that was issued" in result.stderr


def test_a_certificate_of_the_target_authority_or_a_foreign_one_with_the_right_principal(lab):
    foreign = new_key(lab.folder / "another_ca")
    for authority in (lab.target_ca, foreign):
        ticketed, _ = recertified(lab, authority=authority)
        assert refused_by_sshd(lab.run(ticketed, "true"))


def test_the_signature_must_be_that_of_the_keys_owner(lab):
    """A stolen certificate without its key is worth nothing."""
    ticketed, other = lab.grant(), new_key(lab.folder / "thief")
    certificate = Path(f"{ticketed.key}-cert.pub").read_text()
    (lab.folder / "thief-cert.pub").write_text(certificate)
    ticketed.key = lab.folder / "thief"
    assert other
    assert refused_by_sshd(lab.run(ticketed, "true"))


@pytest.mark.parametrize("name", ["nobody", "admin", "-oProxyCommand=x", "", "root@elsewhere", "x" * 3000, "a\nb"])
def test_another_user_name_is_refused(lab, name):
    with transport(lab) as client, pytest.raises((paramiko.AuthenticationException, paramiko.SSHException)):
        client.auth_publickey(name, identity(lab.grant()))


def test_the_user_name_can_not_change_on_the_way(lab):
    with transport(lab) as client:
        key = identity(lab.grant())
        with pytest.raises(paramiko.AuthenticationException):
            client.auth_none("nobody")
        with pytest.raises((paramiko.AuthenticationException, paramiko.SSHException, EOFError)):
            client.auth_publickey(lab.gate_user, key)
        assert not client.is_authenticated()


def test_no_other_way_to_log_in_is_offered(lab):
    with transport(lab) as client:
        with pytest.raises(paramiko.BadAuthenticationType) as told:
            client.auth_none(lab.gate_user)
        assert told.value.allowed_types == ["publickey"]
        for attempt in (
            lambda: client.auth_password(lab.gate_user, "password", fallback=False),
            lambda: client.auth_interactive(lab.gate_user, lambda *_: ["password"]),
        ):
            with pytest.raises(paramiko.AuthenticationException):
                attempt()
        assert not client.is_authenticated()


def identity(ticketed):
    key = paramiko.ECDSAKey.from_private_key_file(str(ticketed.key))
    key.load_certificate(f"{ticketed.key}-cert.pub")
    return key


@contextmanager
def transport(lab, ticketed=None):
    """A paramiko client at the gate, logged in when a grant is given."""
    client = paramiko.Transport((lab.host, lab.port))
    client.banner_timeout = client.auth_timeout = 30
    try:
        client.start_client(timeout=30)
        if ticketed is not None:
            client.auth_publickey(lab.gate_user, identity(ticketed))
        yield client
    finally:
        client.close()


def asks(client, name, *parts, reply=True):
    """Send a global request; return whether the gate agreed."""
    answer = client.global_request(name, parts or None, wait=reply)
    return answer is not None


def add(message, *parts):
    """Write parts as the protocol does: texts and bytes as strings, numbers, booleans."""
    for part in parts:
        if isinstance(part, bool):
            message.add_boolean(part)
        elif isinstance(part, int):
            message.add_int(part)
        else:
            message.add_string(part)


def refuses_to_open(client, kind, *parts):
    """Ask for a channel of this kind with these parts; return whether the gate refused it."""
    number = 90_000
    message = paramiko.Message()
    message.add_byte(cMSG_CHANNEL_OPEN)
    add(message, kind, number, 1 << 20, 1 << 15, *parts)
    event = client.channel_events[number] = threading.Event()
    client._send_user_message(message)
    assert event.wait(20)
    return isinstance(client.get_exception(), paramiko.ChannelException)


def request(channel, name, *parts, reply=True):
    """Send a channel request; return whether the gate agreed."""
    message = paramiko.Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string(name)
    message.add_boolean(reply)
    add(message, *parts)
    channel._event_pending()
    channel.transport._send_user_message(message)
    if not reply:
        return None
    try:
        channel._wait_for_event()
    except (paramiko.SSHException, EOFError):
        return False
    return True


def works(client):
    """A session still runs as it should over the same connection."""
    channel = client.open_session(timeout=20)
    channel.settimeout(20)
    channel.exec_command("echo alive")
    assert channel.makefile().read() == b"alive\n"
    assert channel.recv_exit_status() == 0


def test_paramiko_runs_commands_and_copies_files(lab, tmp_path):
    with transport(lab, lab.grant()) as client:
        works(client)
        (tmp_path / "source").write_bytes(b"x" * 200_000)
        files = paramiko.SFTPClient.from_transport(client)
        files.put(str(tmp_path / "source"), str(tmp_path / "there"))
        files.get(str(tmp_path / "there"), str(tmp_path / "back"))
        assert (tmp_path / "back").read_bytes() == b"x" * 200_000


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("direct-tcpip", ("127.0.0.1", 22, "127.0.0.1", 1)),
        ("forwarded-tcpip", ("127.0.0.1", 22, "127.0.0.1", 1)),
        ("direct-streamlocal@openssh.com", ("/run/docker.sock", "", 0)),
        ("tun@openssh.com", (1, 0x7FFFFFFF)),
        ("x11", ("127.0.0.1", 6010)),
        ("auth-agent@openssh.com", ()),
        ("bogus@example.test", ()),
        ("", ()),
    ],
)
def test_no_channel_but_a_session_is_opened(lab, kind, parts):
    with transport(lab, lab.grant()) as client:
        assert refuses_to_open(client, kind, *parts)
        works(client)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("tcpip-forward", ("127.0.0.1", 0)), ("tcpip-forward", ("", 2222)), ("cancel-tcpip-forward", ("127.0.0.1", 1)),
        ("streamlocal-forward@openssh.com", ("/tmp/qd-never",)), ("no-such@example.test", ()),
    ],
)  # fmt: skip
def test_no_global_request_is_granted(lab, name, parts):
    with transport(lab, lab.grant()) as client:
        assert not asks(client, name, *parts)
        works(client)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("auth-agent-req@openssh.com", ()),
        ("x11-req", (False, b"MIT-MAGIC-COOKIE-1", b"00" * 16, 0)),
        ("no-such@example.test", ()),
        ("subsystem", (b"netconf",)),
        ("subsystem", (b"",)),
        ("subsystem", (b"s" * 4000,)),
    ],
)
def test_no_other_channel_request_is_granted(lab, name, parts):
    with transport(lab, lab.grant()) as client:
        channel = client.open_session(timeout=20)
        assert request(channel, name, *parts) is False
        works(client)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("subsystem", (b"sftp\0x",)),
        ("exec", (b"id\0x",)),
        ("x11-req", (b"short",)),
        ("pty-req", (b"x" * 300,)),
        ("env", ()),
    ],
)
def test_a_malformed_request_ends_its_connection_and_no_other(lab, name, parts):
    with transport(lab, lab.grant()) as other, transport(lab, lab.grant()) as client:
        channel = client.open_session(timeout=20)
        assert request(channel, name, *parts) is False
        wait_for(lambda: not client.is_active(), what="the end of the connection")
        works(other)


def test_a_channel_has_one_program(lab):
    ticketed = lab.grant()
    with transport(lab, ticketed) as client:
        channel = client.open_session(timeout=20)
        channel.settimeout(20)
        channel.exec_command("echo first; cat; echo last")
        assert channel.recv(6) == b"first\n"
        for second in (("exec", b"echo second"), ("shell",), ("subsystem", b"sftp")):
            message = paramiko.Message()
            message.add_byte(cMSG_CHANNEL_REQUEST)
            message.add_int(channel.remote_chanid)
            message.add_string(second[0])
            message.add_boolean(False)
            for value in second[1:]:
                message.add_string(value)
            client._send_user_message(message)
        channel.sendall(b"between\n")
        channel.shutdown_write()
        assert channel.makefile().read() == b"between\nlast\n"
    assert len(lab.sealed(ticketed)) == 1


def test_a_flood_of_environment_reaches_nobody(lab):
    with transport(lab, lab.grant()) as client:
        channel = client.open_session(timeout=20)
        channel.settimeout(30)
        names = ["LD_PRELOAD", "PATH", "BASH_ENV", "SSH_USER_AUTH", "SSH_ORIGINAL_COMMAND", "PYTHONPATH", "LC_EVIL"]
        for number in range(5000):
            request(channel, "env", f"LC_{number}".encode(), b"x" * 200, reply=False)
        for name in names:
            request(channel, "env", name.encode(), b"/tmp/never", reply=False)
        for value in (b"$(touch /tmp/never)", b"C.UTF-8\nX=1", b"() { :;}; id", b"x" * 20000, b"C.UTF-8"):
            request(channel, "env", b"LC_ALL", value, reply=False)
        channel.exec_command("env | grep -E '^(LD_PRELOAD|BASH_ENV|PYTHONPATH|LC_|LANG|X)' ; true")
        told = channel.makefile().read()
        assert b"never" not in told
        assert b"X=1" not in told
        assert b"LC_0" not in told
        works(client)


@pytest.mark.slow
def test_ten_thousand_channels_are_32_and_the_connection_still_works(lab):
    """MaxSessions: the rest is refused one by one, and the process that refuses them does not grow."""
    with transport(lab, lab.grant()) as client:
        open_ = [client.open_session(timeout=20) for _ in range(32)]
        with pytest.raises(paramiko.ChannelException):
            client.open_session(timeout=20)
        before = sshd_memory(lab)
        sent = 10_000
        for number in range(sent):
            message = paramiko.Message()
            message.add_byte(cMSG_CHANNEL_OPEN)
            kind, parts = ("session", ()) if number % 2 else ("direct-tcpip", ("127.0.0.1", 22, "127.0.0.1", 22))
            add(message, kind, 100_000 + number, 1 << 20, 1 << 15, *parts)
            client._send_user_message(message)
        with pytest.raises(paramiko.ChannelException):  # its answer comes behind those to all the others
            client.open_session(timeout=60)
        assert sshd_memory(lab) - before < 8_000_000
        for channel in open_:
            channel.close()
        wait_for(lambda: can_open(client), what="a session after the flood")
        works(client)


def can_open(client):
    try:
        client.open_session(timeout=20).close()
    except paramiko.ChannelException:
        return False
    return True


def sshd_memory(lab):
    """Return the bytes of PSS of every `sshd` of the gate; 0 for who is not root, since only root reads it."""
    if os.geteuid() != 0:
        return 0
    found = subprocess.run(["pgrep", "-f", f"sshd.*{lab.gate_folder.configuration}"], capture_output=True, text=True)
    listener = int(found.stdout.split()[0])
    pids, total = [listener], 0
    for pid in pids:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        pids += [int(child) for child in children]
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


@pytest.mark.parametrize(
    "first",
    [
        b"", b"\0" * 4096, b"GET / HTTP/1.1\r\n\r\n", b"SSH-1.5-old\r\n", b"SSH-2.0-x\r\n" + b"\xff" * 4096,
        b"SSH-2.0-x\r\n\x06\x40\x00\x00" + b"A" * 65536, b"SSH-2.0-" + b"x" * 70000,
    ],
)  # fmt: skip
def test_who_does_not_speak_the_protocol_gets_nothing(lab, first):
    with socket.create_connection((lab.host, lab.port), timeout=30) as stream:
        assert stream.recv(4) == b"SSH-"
        if first:
            stream.sendall(first)
        try:
            stream.shutdown(socket.SHUT_WR)
            while stream.recv(65536):
                pass
        except OSError:  # reset, or gone before we ended our side
            pass
    assert lab.run(lab.grant(), "true").returncode == 0


def test_ciphers_and_exchanges_outside_the_list_meet_nobody(lab):
    for option in ("Ciphers=chacha20-poly1305@openssh.com", "Ciphers=aes256-ctr", "KexAlgorithms=curve25519-sha256",
                   "KexAlgorithms=diffie-hellman-group14-sha256", "HostKeyAlgorithms=ssh-ed25519"):  # fmt: skip
        result = lab.run(lab.grant(), "true", options=("-o", option))
        assert result.returncode == 255
        assert b"no matching" in result.stderr, option
