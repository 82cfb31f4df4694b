"""What the gate refuses: other authorities, other certificates, forwarding, hosts that are not the target."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from tests.lab.gate_lab import gate_lab, new_key, sign, wait_for
from tests.ports import free_port

from quarterdeck.entrypoints.gate.sshd import configuration, gate_folder, login_user
from quarterdeck.kernel.decision import Refused


@pytest.fixture(scope="module")
def lab():
    with gate_lab() as running:
        yield running


def refused_by_sshd(result):
    return result.returncode == 255 and b"Permission denied (publickey)" in result.stderr


def test_certificate_of_a_foreign_authority(lab):
    foreign = new_key(lab.folder / "foreign_ca")
    assert refused_by_sshd(lab.run(lab.grant(authority=foreign), "true"))


def test_target_certificate_at_the_gate(lab):
    ticketed = lab.grant(authority=lab.target_ca, principal=f"qd:{lab.target.account}@web01")
    assert refused_by_sshd(lab.run(ticketed, "true"))


def test_entry_certificate_at_the_target(lab):
    ticketed = lab.grant()
    known = lab.folder / "known_hosts"
    known.write_text(known.read_text() + f"[127.0.0.1]:{lab.target.port} {lab.target.host_identity}\n")
    assert refused_by_sshd(lab.run(ticketed, "true", port=lab.target.port))
    assert lab.run(ticketed, "true").returncode == 0


@pytest.mark.parametrize(
    "changes",
    [{"seconds": -1}, {"principal": "qd-entry-other"}, {"principal": "root"}],
    ids=["expired", "other organisation", "account as principal"],
)
def test_certificate_that_is_not_good_here(lab, changes):
    assert refused_by_sshd(lab.run(lab.grant(**changes), "true"))


def test_plain_key_and_password(lab):
    ticketed = lab.grant()
    bare = lab.folder / "bare"
    shutil.copy(ticketed.key, bare)
    ticketed.key = bare
    assert refused_by_sshd(lab.run(ticketed, "true", options=("-o", "NumberOfPasswordPrompts=0")))


def test_certificate_that_no_grant_knows(lab):
    result = lab.run(lab.grant_without_books(), "true")
    assert (result.returncode, result.stdout) == (255, b"")
    assert b"belongs to no grant. Ask the lab." in result.stderr


def test_certificate_with_a_grants_serial_and_another_hash(lab):
    ticketed = lab.grant()
    twin = sign(
        lab.entry_ca,
        load_ssh_public_key(Path(f"{ticketed.key}.pub").read_bytes()),
        principal="qd-entry-lab",
        serial=ticketed.serial,
        seconds=7200,
        key_id="twin",
    )
    Path(f"{ticketed.key}-cert.pub").write_text(twin + "\n")
    assert b"not the one that was issued" in lab.run(ticketed, "true").stderr


def test_force_command_in_the_certificate_does_not_replace_the_gate(lab):
    line = sign(
        lab.entry_ca,
        load_ssh_public_key(Path(f"{(ticketed := lab.grant()).key}.pub").read_bytes()),
        principal="qd-entry-lab",
        serial=ticketed.serial,
        seconds=600,
        options={b"force-command": b"echo around the gate"},
    )
    Path(f"{ticketed.key}-cert.pub").write_text(line + "\n")
    result = lab.run(ticketed, "true")
    assert b"around the gate" not in result.stdout
    assert result.returncode == 255


def test_local_and_remote_forwarding(lab):
    ticketed = lab.grant()
    port = free_port()
    options = ("-L", f"127.0.0.1:{port}:127.0.0.1:{lab.target.port}")
    process = lab.start(ticketed, "sleep 3", options=options, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    received = None
    for _ in range(100):
        with socket.socket() as probe:
            probe.settimeout(2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                received = probe.recv(16)
                break
        time.sleep(0.05)
    assert received == b""
    process.wait(10)
    remote = lab.run(ticketed, "true", options=("-o", "ExitOnForwardFailure=yes", "-R", f"{free_port()}:127.0.0.1:1"))
    assert remote.returncode == 255
    assert b"remote port forwarding failed" in remote.stderr


def test_stdio_forwarding_and_tunnel(lab):
    ticketed = lab.grant()
    result = lab.run(ticketed, options=("-W", f"127.0.0.1:{lab.target.port}"))
    assert result.returncode == 255
    assert b"SSH-" not in result.stdout
    tunnel = lab.run(ticketed, "true", options=("-o", "ExitOnForwardFailure=yes", "-w", "any:any"))
    assert tunnel.returncode != 0 or b"administratively prohibited" in tunnel.stderr


def told_by_the_log(lab, ticketed, what):
    """Wait until the attempt of this person is in the books."""

    def found():
        return [one for one in lab.books.journal("denied") if (one["what"], one["serial"]) == (what, ticketed.serial)]

    return wait_for(found, what="the record of the attempt")


def test_what_sshd_refuses_is_said_and_reaches_the_books(lab):
    wait_for(lambda: not connections(lab), what="the end of earlier connections")
    ticketed = lab.grant()
    forwarding = lab.run(ticketed, options=("-W", f"127.0.0.1:{lab.target.port}"))
    assert b"administratively prohibited" in forwarding.stderr
    told_by_the_log(lab, ticketed, "forwarding")
    wait_for(lambda: not connections(lab), what="the end of the connection")
    subsystem = lab.run(ticketed, "netconf", options=("-s",))
    assert b"subsystem request failed" in subsystem.stderr
    told_by_the_log(lab, ticketed, "subsystem")


def test_an_attempt_while_others_are_connected_is_nobodys(lab):
    other = lab.grant()
    lab.start(other, "echo here; exec sleep 25", stdout=subprocess.PIPE).stdout.readline()
    lab.run(lab.grant(), options=("-W", f"127.0.0.1:{lab.target.port}"))
    wait_for(lambda: [one for one in lab.books.journal("denied") if not one["serial"]], what="the record")
    lab.revoke(other)


def test_what_the_client_is_told_where_the_log_is_silent(lab):
    environment = {**os.environ, "DISPLAY": ":7"}
    for option in ("-X", "-Y"):
        told = lab.run(lab.grant(), "true", options=(option,), env=environment)
        assert b"X11 forwarding request failed" in told.stderr
    told = lab.run(lab.grant(), "true", options=("-w", "any:any"))  # without root the client has no device to ask with
    assert b"Tunnel forwarding failed" in told.stderr or b"Could not request tunnel forwarding" in told.stderr
    path = f"{lab.folder}/forwarded"
    told = lab.run(lab.grant(), "true", options=("-R", f"{path}:127.0.0.1:1"))
    assert b"remote port forwarding failed" in told.stderr
    assert not os.path.exists(path)


def connections(lab):
    """Return the processes of connections that the gate's sshd has now."""
    pattern = f"sshd.*{lab.gate_folder.configuration}"
    listener = subprocess.run(["pgrep", "-of", pattern], capture_output=True, text=True, check=True).stdout.strip()
    return Path(f"/proc/{listener}/task/{listener}/children").read_text().split()


def test_agent_and_x11_do_not_arrive(lab):
    agent = subprocess.run(["ssh-agent", "-c"], capture_output=True, text=True, check=True).stdout
    path, pid = agent.split()[2].rstrip(";"), int(agent.split(";")[2].split()[-1])
    try:
        environment = {**os.environ, "SSH_AUTH_SOCK": path, "DISPLAY": ":7"}
        result = lab.run(
            lab.grant(),
            "echo agent=$SSH_AUTH_SOCK display=$DISPLAY",
            options=("-A", "-X", "-o", f"IdentityAgent={path}"),
            env=environment,
        )
    finally:
        os.kill(pid, 15)
    assert result.stdout == b"agent= display=\n"


def test_host_that_is_not_the_approved_one(lab):
    other = new_key(lab.folder / "other_host").public_key()
    line = (lab.folder / "other_host.pub").read_text().strip()
    assert other
    ticketed = lab.grant(host_identity=line)
    result = lab.run(ticketed, "echo never")
    assert (result.returncode, result.stdout) == (255, b"")
    assert b"is not the one whose identity was approved" in result.stderr
    assert lab.sealed(ticketed)[0]["reason"] == "host_identity"


def test_target_that_does_not_answer(lab):
    ticketed = lab.grant(port=free_port())
    result = lab.run(ticketed, "true")
    assert b"web01 did not answer on 127.0.0.1 port" in result.stderr
    assert b"Connection refused" in result.stderr
    assert lab.sealed(ticketed)[0]["reason"] == "target_unreachable"


def test_target_that_does_not_know_the_principal(lab):
    ticketed = lab.grant(asset="web02")
    result = lab.run(ticketed, "true")
    assert b"web02 does not accept the gate's certificate for the account" in result.stderr
    assert lab.sealed(ticketed)[0]["reason"] == "target_refused"


@pytest.mark.parametrize(
    "changes",
    [
        {"asset": "-oProxyCommand=x"},
        {"address": "-oProxyCommand=x"},
        {"address": "127.0.0.1\nHost *"},
        {"account": "root;id"},
        {"host_identity": "ssh-ed25519 AAAA\n* ssh-ed25519 AAAA"},
    ],
)
def test_names_that_can_not_be_used_safely(lab, changes):
    ticketed = lab.grant(**changes)
    result = lab.run(ticketed, "true")
    assert (result.returncode, result.stdout) == (255, b"")
    assert b"holds a name that can't be used safely" in result.stderr
    assert lab.sealed(ticketed)[0]["reason"] == "admission_withdrawn"


def test_signer_that_is_gone(lab):
    with lab.books.changing() as books:
        books["signer_gone"] = True
    try:
        ticketed = lab.grant()
        result = lab.run(ticketed, "true")
    finally:
        with lab.books.changing() as books:
            books["signer_gone"] = False
    assert b"The signer does not answer." in result.stderr
    assert lab.sealed(ticketed)[0]["reason"] == "admission_withdrawn"


def test_launcher_outside_of_the_gates_login(lab):
    """A process of the gate's own user that shows somebody's certificate gets no session (attacks.md row 13)."""
    ticketed = lab.grant()
    certificate = Path(f"{ticketed.key}-cert.pub").read_text().split(" ")[:2]
    claim = lab.folder / "claim"
    claim.write_text("publickey " + " ".join(certificate) + "\n")
    launcher = Path(__file__).resolve().parents[2] / "src" / "quarterdeck_launcher" / "launch.py"
    result = subprocess.run(
        ["python3", "-I", "-S", "-E", str(launcher), str(lab.gate_folder.socket_directory)],
        capture_output=True,
        timeout=20,
        check=False,
        env={"SSH_USER_AUTH": str(claim), "SSH_CONNECTION": "127.0.0.1 1 127.0.0.1 2", "SSH_ORIGINAL_COMMAND": "id"},
    )
    assert (result.returncode, result.stdout) == (255, b"")
    assert b"did not come through the gate's own login" in result.stderr


def test_effective_configuration_shuts_every_door(lab):
    effective = subprocess.run(
        ["/usr/sbin/sshd", "-T", "-f", str(lab.gate_folder.configuration)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for line in (
        "passwordauthentication no",
        "kbdinteractiveauthentication no",
        "hostbasedauthentication no",
        "authorizedkeysfile none",
        "disableforwarding yes",
        "permituserrc no",
        "permituserenvironment no",
        "permittunnel no",
        "x11forwarding no",
        "allowagentforwarding no",
        "exposeauthinfo yes",
        "ciphers aes256-gcm@openssh.com,aes128-gcm@openssh.com",
        "kexalgorithms ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521",
    ):
        assert line in effective


def test_files_of_the_gate_are_private(lab):
    for path in (lab.gate_folder.root, lab.gate_folder.socket_directory, lab.recordings):
        assert path.stat().st_mode & 0o777 == 0o700
    for path in (lab.gate_folder.host_key, lab.gate_folder.socket_directory / "launcher.sock"):
        assert path.stat().st_mode & 0o777 == 0o600


def test_folder_name_that_could_break_the_configuration_is_refused(tmp_path):
    login = login_user("")
    with pytest.raises(Refused, match="can't stand in the gate's configuration"):
        configuration(gate_folder(tmp_path / "a b\nPermitRootLogin yes", login, 1), "127.0.0.1:1", login)
