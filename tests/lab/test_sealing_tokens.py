"""The sealing key where it cannot be copied from: an agent, a PKCS#11 token behind it (SoftHSM), a FIDO key.

The FIDO key is one in software behind an agent of our own: what the sealer, ssh-keygen and the verifier see is real,
the device is not. A handle file with the device's own middleware is not tried here: OpenSSH's dummy is not packaged.
"""

import os
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest
from tests.clock import StillClock
from tests.lab.software_key import TOUCHED, Agent, SoftwareKey
from tests.unit.test_sealer_keys import Log, code, signed_by

from quarterdeck.adapters.ssh_signature import SshKeygenSigner, fingerprint_of
from quarterdeck.entrypoints.sealer.desk import Desk
from quarterdeck.entrypoints.sealer.keyring import Custody
from quarterdeck_verify import signers, sshsig

ORIGIN = "quarterdeck.example/ledger"
PIN = "123456"


class RealAgent:
    """OpenSSH's own ssh-agent on a socket of its own; ends with `close`."""

    def __init__(self, folder: Path, allowed: str = "") -> None:
        self.socket = folder / "agent.sock"
        command = ["ssh-agent", "-D", "-a", str(self.socket), *(["-P", allowed] if allowed else [])]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._process.stdout.readline()  # it prints its environment once it listens

    def add(self, *words: str, **environment: str) -> None:
        subprocess.run(
            ["ssh-add", "-q", *words], check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=30,
            env={**os.environ, "SSH_AUTH_SOCK": str(self.socket), **environment},
        )  # fmt: skip

    def keys(self) -> list[str]:
        done = subprocess.run(
            ["ssh-add", "-L"], capture_output=True, text=True, env={**os.environ, "SSH_AUTH_SOCK": str(self.socket)}
        )
        return [" ".join(line.split()[:2]) for line in done.stdout.splitlines()]

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "sealer"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def log():
    made = Log(StillClock())
    made.add()
    return made


def desk_with(folder, agent_socket, public):
    (folder / "sealing_key.pub").write_text(public + "\n")
    return Desk(folder, ORIGIN, StillClock(), Custody("agent", agent=agent_socket))


def test_a_key_in_ssh_agent_signs_and_has_no_file_here(tmp_path, folder, log):
    SshKeygenSigner.create(tmp_path / "key", ORIGIN)
    agent = RealAgent(tmp_path)
    try:
        agent.add(str(tmp_path / "key"))
        (public,) = agent.keys()
        (tmp_path / "key").unlink()
        desk = desk_with(folder, agent.socket, public)
        assert signed_by(log.seal(desk)) == fingerprint_of(public)
        assert not any(b"PRIVATE" in path.read_bytes() for path in folder.iterdir() if path.is_file())
    finally:
        agent.close()
    log.add()
    assert code(log.seal(desk)) == "sealer.signing"


def test_the_agent_of_whoever_starts_the_sealer_takes_no_part(tmp_path, folder, log, monkeypatch):
    """A person's agent holds another key: the key file decides, and where an agent is configured, that one alone."""
    agent = RealAgent(tmp_path)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent.socket))
        desk = Desk(folder, ORIGIN, StillClock())
        assert signed_by(log.seal(desk)) == desk.answer({"op": "status"})["key_id"]
        (folder / "sealing_key").rename(folder / "away")
        agent.add(str(folder / "away"))
        log.add()
        assert code(log.seal(desk)) == "sealer.key_missing"
    finally:
        agent.close()


@pytest.fixture
def token(tmp_path):
    """A SoftHSM token with a P-256 key that was made in it, loaded into an agent; yields agent and public key."""
    module = next(path for path in map(Path, SOFTHSM) if path.exists())
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path / 'tokens'}\n")
    ask = tmp_path / "ask"
    ask.write_text(f"#!/bin/sh\necho {PIN}\n")
    ask.chmod(0o700)
    environment = {"SOFTHSM2_CONF": str(tmp_path / "softhsm2.conf")}

    def run(*words: str) -> None:
        subprocess.run(words, check=True, capture_output=True, env={**os.environ, **environment}, timeout=60)

    run("softhsm2-util", "--init-token", "--free", "--label", "qd", "--pin", PIN, "--so-pin", "654321")
    run(
        "pkcs11-tool", "--module", str(module), "--login", "--pin", PIN, "--token-label", "qd",
        "--keypairgen", "--key-type", "EC:prime256v1", "--label", "seal", "--id", "01",
    )  # fmt: skip
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = environment["SOFTHSM2_CONF"]  # the agent's helper loads the module
    agent = RealAgent(tmp_path, f"{module.resolve().parent}/*")
    try:
        agent.add("-s", str(module), SSH_ASKPASS=str(ask), SSH_ASKPASS_REQUIRE="force", DISPLAY="none")
        yield agent, agent.keys()[0]
    finally:
        agent.close()
        os.environ.pop("SOFTHSM2_CONF")
        if before is not None:
            os.environ["SOFTHSM2_CONF"] = before


SOFTHSM = (
    "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
)  # fmt: skip


def test_a_key_that_never_leaves_its_pkcs11_token_seals(token, folder, log):
    agent, public = token
    assert public.startswith("ecdsa-sha2-nistp256 ")
    desk = desk_with(folder, agent.socket, public)
    reply = log.seal(desk)
    assert signed_by(reply) == fingerprint_of(public)
    manifest = b"00  bagit.txt\n"
    told = desk.answer({"op": "sign_package", "manifest": b64encode(manifest).decode()})
    assert sshsig.verify(sshsig.parse(told["sshsig"].encode()), manifest, "quarterdeck-package")
    pins = signers.parse(desk.answer({"op": "status"})["allowed_signers"].encode())
    assert signers.matching(pins, sshsig.parse(reply["sshsig"].encode()).key)


def test_a_file_is_rotated_into_a_token_with_both_signatures(token, folder, log):
    agent, public = token
    desk = Desk(folder, ORIGIN, StillClock(), Custody("file", agent=agent.socket))
    first = signed_by(log.seal(desk))
    change = desk.answer({"op": "rotate", "public": public})
    log.record(change)
    assert signed_by(log.seal(desk)) == change["sha256"] == fingerprint_of(public) != first
    (folder / "sealing_key").unlink()
    log.add()
    assert signed_by(log.seal(desk)) == change["sha256"], "the file is not needed any more"


@pytest.mark.parametrize("flags", [TOUCHED, 0])
def test_a_fido_key_seals_only_with_a_touch(tmp_path, folder, log, flags):
    """The verifier believes no signature of a security key that nobody touched, so the sealer makes none."""
    key = SoftwareKey(flags)
    agent = Agent(tmp_path / "sk.sock", key, key.blob)
    try:
        public = f"sk-ecdsa-sha2-nistp256@openssh.com {b64encode(key.blob).decode()}"
        desk = desk_with(folder, tmp_path / "sk.sock", public)
        reply = log.seal(desk)
    finally:
        agent.close()
    if flags:
        assert signed_by(reply)
    else:
        assert code(reply) == "sealer.signing"
        assert "was not touched" in reply["refused"][0]["sentence"]
        assert desk.answer({"op": "status"})["size"] == 0
