"""A real rsyslog on loopback: plain or with mutual TLS, stopped and started again on the same port."""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

PLAIN = """
module(load="imtcp")
module(load="imudp")
input(type="imtcp" address="127.0.0.1" port="{port}")
input(type="imudp" address="127.0.0.1" port="{port}")
"""
MUTUAL_TLS = """
global(defaultNetstreamDriverCAFile="{root}" defaultNetstreamDriverCertFile="{pem}"
       defaultNetstreamDriverKeyFile="{key}")
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid")
input(type="imtcp" address="127.0.0.1" port="{port}")
"""
TAKEN = """
global(workDirectory="{folder}")
template(name="parts" type="list" option.jsonf="on") {{
  property(outname="data" name="structured-data" format="jsonf")
  property(outname="text" name="msg" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="priority" name="pri" format="jsonf")
}}
action(type="omfile" file="{folder}/taken.json" template="parts")
"""


def wait_for(condition, what, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.02)
    pytest.fail(f"{what} did not happen within {seconds} s")


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Rsyslog:
    """One collector; what it took stays in its file while it is down."""

    def __init__(self, folder, port, text, **words):
        if not shutil.which("rsyslogd", path="/usr/sbin:/usr/bin:/sbin"):
            pytest.fail("rsyslogd is missing; script/setup dev installs it")
        self.port, self._folder, self._process = port, folder, None
        (folder / "rsyslog.conf").write_text((TAKEN + text).format(folder=folder, port=port, **words))

    def start(self):
        command = [
            "/usr/sbin/rsyslogd",
            "-n",
            "-f",
            str(self._folder / "rsyslog.conf"),
            "-i",
            str(self._folder / "pid"),
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: answers(self.port), "rsyslog listening")

    def stop(self):
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def taken(self):
        path = Path(self._folder) / "taken.json"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
