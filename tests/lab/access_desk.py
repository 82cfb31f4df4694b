"""The part of the server that `qd access` talks to, over HTTP on loopback, with the lab's own authority and books.

What it answers is made by the product's own text of configuration and inventory; whom it lets in it decides itself:
the key presented must be the one that is registered.
"""

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from tests.lab.gate_lab import ENTRY_PRINCIPAL, sign, utc_now

from quarterdeck.access.client_config import GateDoor, ansible_inventory, certificate_file_name, client_config
from quarterdeck.entrypoints.cli.agent import PublicHalf
from quarterdeck.entrypoints.cli.token_file import Token
from quarterdeck.kernel.clock import rfc3339

NUMBER = "MT-2026-00001"


class AccessDesk:
    """One person's key, one open ticket on the lab's target, and who `qd` is here."""

    def __init__(self, lab, home):
        self.lab, self.home = lab, home
        self.keys = []
        self.state = "open"
        self.seconds = 600
        self._serial = 5000
        desk = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self._answer(desk.get(self.path))

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                self._answer(desk.post(self.path, json.loads(body)))

            def _answer(self, told):
                status, content = told
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self._token = home / "token"
        token = Token(self.url, "max@example.test", "secret", "2099-01-01T00:00:00Z")
        self._token.write_text(json.dumps(asdict(token)))
        self._token.chmod(0o600)

    @property
    def registered(self):
        return PublicHalf.of_line(self.keys[-1]).fingerprint if self.keys else ""

    def get(self, path):
        if path == "/api/v1/me":
            return 200, {"key_fingerprint": self.registered}
        return 200, {"ticket": {"state": self.state}}  # a ticket's page, as the server answers it

    def post(self, path, body):
        if path == "/api/v1/keys":
            self.keys.append(body["public_key"])
            return 200, {"fingerprint": self.registered}
        if path.endswith("/done"):
            self.state = "verifying"
            return 200, {"state": self.state}
        if PublicHalf.of_line(body["public_key"]).fingerprint != self.registered:
            return 409, {"refused": [{"code": "access.key", "sentence": "This key is not yours.", "next_step": ""}]}
        if self.state != "open":
            return 409, {"refused": [{"code": "ticket.not_open", "sentence": "Not open.", "next_step": ""}]}
        return 200, self.give(path.split("/")[4], body)

    def give(self, number, body):
        lab = self.lab
        self._serial += 1
        public = load_ssh_public_key(body["public_key"].encode())
        line = sign(lab.entry_ca, public, principal=ENTRY_PRINCIPAL, serial=self._serial, seconds=self.seconds)
        lab.enter(self._serial, line, until=self.seconds)
        door = GateDoor("127.0.0.1", lab.port, lab.gate_user, " ".join(lab.host_line.split()[:2]))
        name = lab.target.asset
        asset = {"hostname": name, "certificate": line, "file_name": certificate_file_name(number, name),
                 "valid_until": rfc3339(utc_now() + timedelta(seconds=self.seconds))}  # fmt: skip
        config = client_config(number, [name], door, identity_file=body["identity_file"], folder=body["folder"])
        return {"assets": [asset], "known_hosts_line": door.known_hosts_line, "ssh_config": config,
                "ansible_inventory": ansible_inventory(number, [name], folder=body["folder"])}  # fmt: skip

    @property
    def environment(self):
        here = {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / "config"), "QD_URL": self.url,
                "QD_TOKEN_FILE": str(self._token), "PYTHONPATH": os.path.abspath("src")}  # fmt: skip
        kept = {name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"}
        return {**kept, **here}

    def qd(self, *words, **environment):
        return subprocess.run(
            [sys.executable, "-m", "quarterdeck.entrypoints.cli", *words],
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def folder(self, number=NUMBER):
        return self.home / "config" / "quarterdeck" / number


@contextmanager
def access_desk(lab, home):
    desk = AccessDesk(lab, home)
    thread = threading.Thread(target=desk.http.serve_forever, daemon=True)
    thread.start()
    try:
        yield desk
    finally:
        desk.http.shutdown()
        desk.http.server_close()
        thread.join(5)
