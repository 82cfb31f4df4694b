"""A conversation of OpenSSH's own client and server, captured once: however it is cut, the audit is the same."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.test_sftp_server import SERVER
from tests.property.test_sftp_audit_properties import audit_of, cut, ends_of

from quarterdeck.sessions.terms import FileTransfer

pytestmark = pytest.mark.skipif(not SERVER, reason="needs sftp and sftp-server")
BATCH = """
mkdir {there}/d
put {here}/one {there}/d/one
put {here}/two {there}/d/two
put {here}/one {there}/d/one
put {here}/empty {there}/d/empty
get {there}/d/two {here}/back
rename {there}/d/two {there}/d/three
chmod 600 {there}/d/three
ls -l {there}/d
rm {there}/d/three
"""


@pytest.fixture(scope="module")
def captured(tmp_path_factory):
    """The conversation as (side, bytes) in the order in which it passed, and what each transfer held."""
    place = tmp_path_factory.mktemp("captured")
    (place / "there").mkdir()
    content = {"one": b"1" * 150_000, "two": bytes(range(256)) * 800, "empty": b""}
    for name, data in content.items():
        (place / name).write_bytes(data)
    tee = f"{sys.executable} {Path(__file__).with_name('sftp_tee.py')} {place}/capture {SERVER}"
    argv = ["sftp", "-q", "-b", "-", "-B", "30000", "-R", "16", "-D", tee]
    script = BATCH.format(here=place, there=place / "there").encode()
    subprocess.run(argv, input=script, check=True, capture_output=True, timeout=60)
    data, steps = (place / "capture").read_bytes(), []
    while data:
        size = int.from_bytes(data[1:5], "big")
        steps.append(("client" if data[:1] == b"C" else "server", data[5 : 5 + size]))
        data = data[5 + size :]
    names = ("one", "two", "one", "empty", "two")
    return [step for step in steps if step[1]], [hashlib.sha256(content[name]).hexdigest() for name in names]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers())
def test_any_split_of_a_captured_stream_gives_the_same_audit_and_hashes(captured, seed):
    steps, digests = captured
    whole, passed, answers = audit_of(steps)
    assert [one.sha256 for one in ends_of(whole) if isinstance(one, FileTransfer)] == digests
    assert (passed, answers) == (b"".join(data for side, data in steps if side == "client"), b"")
    assert audit_of(cut(steps, seed)) == (whole, passed, answers)


def test_byte_by_byte_it_is_the_same_too(captured):
    steps, _ = captured
    kept = [(side, data[at : at + 1]) for side, data in steps for at in range(len(data))]
    assert audit_of(kept) == audit_of(steps)
