"""The one-key agent: one certificate, a signature only while admission stands, nothing else."""

import base64
import socket
import struct

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from quarterdeck.entrypoints.gate.agent import OneKeyAgent
from quarterdeck.kernel.decision import Refused, refuse

BLOB = b"a certificate's blob"


class Admission:
    def __init__(self):
        self.asked = []
        self.decision = None
        self.public_key = ""

    def certify(self, public_key):
        self.asked.append("certify")
        self.public_key = public_key
        return "ecdsa-sha2-nistp256-cert-v01@openssh.com " + base64.b64encode(BLOB).decode()

    def may_sign(self):
        self.asked.append("may_sign")
        if self.decision is not None:
            raise Refused(self.decision)


@pytest.fixture
def admission():
    return Admission()


@pytest.fixture
def agent(tmp_path, admission):
    made = OneKeyAgent(tmp_path, admission.certify, admission.may_sign)
    yield made
    made.close()


@pytest.fixture
def ssh(agent):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(agent.path))
        agent.serve()

        def ask(request):
            client.sendall(string(request))
            agent.serve()
            size = struct.unpack(">I", client.recv(4))[0]
            return client.recv(size)

        yield ask


def string(value):
    return struct.pack(">I", len(value)) + value


def take(data):
    size = struct.unpack(">I", data[:4])[0]
    return data[4 : 4 + size], data[4 + size :]


def sign_request(blob=BLOB, data=b"userauth request"):
    return b"\x0d" + string(blob) + string(data) + struct.pack(">I", 0)


def test_it_shows_one_certificate_for_its_own_key(ssh, admission):
    for _ in range(2):
        answer = ssh(b"\x0b")
        assert answer[:5] == b"\x0c\0\0\0\x01"
        assert take(answer[5:])[0] == BLOB
    assert admission.asked == ["certify"]
    assert admission.public_key.startswith("ecdsa-sha2-nistp256 ")


def test_its_signature_is_good(ssh, agent, admission):
    ssh(b"\x0b")
    answer = ssh(sign_request())
    assert answer[:1] == b"\x0e"
    kind, rest = take(take(answer[1:])[0])
    numbers = take(rest)[0]
    r, numbers = take(numbers)
    s, _ = take(numbers)
    assert kind == b"ecdsa-sha2-nistp256"
    key = serialization.load_ssh_public_key(admission.public_key.encode())
    signature = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    key.verify(signature, b"userauth request", ec.ECDSA(hashes.SHA256()))
    assert agent.signed


def test_without_admission_there_is_no_signature(ssh, agent, admission):
    ssh(b"\x0b")
    admission.decision = refuse("window.outside", "The window has ended.")
    assert ssh(sign_request()) == b"\x05"
    assert isinstance(agent.failure, Refused)
    assert not agent.signed


def test_no_other_key_and_no_other_request(ssh, agent, admission):
    assert ssh(sign_request()) == b"\x05"
    ssh(b"\x0b")
    for request in (sign_request(blob=b"another"), b"\x0d", b"\x0d\xff\xff\xff\xff", b"\x11key", b"\x13", b"\x1b", b""):
        assert ssh(request) == b"\x05"
    assert not agent.signed
    assert "may_sign" not in admission.asked


def test_its_socket_goes_with_it(agent):
    assert agent.path.exists()
    agent.close()
    assert not agent.path.exists()
