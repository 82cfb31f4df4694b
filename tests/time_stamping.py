"""A real time-stamping authority on loopback: a small web server before `openssl ts -reply`, honest or not."""

import http.server
import ssl
import subprocess
import threading
import time
from pathlib import Path

from tests.certificates import STAMPING, Authority, openssl

SHA_256, SHA3_384 = bytes.fromhex("0609608648016503040201"), bytes.fromhex("0609608648016503040209")
CONFIGURATION = """
[tsa]
default_tsa = ours
[ours]
serial = serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


class StampingAuthority:
    """Answers at `url`; `mood` is how: honest, refusing, other_bytes, error, rubbish, slow and more."""

    def __init__(self, folder: Path, *, days=30, web=None):
        self.folder, self.mood, self.asked = folder, "honest", 0
        self.authority = Authority(folder / "tsa", "tsa-root")
        self.signer = self.authority.issue("tsa", extensions=STAMPING, days=days)
        (folder / "tsa.conf").write_text(CONFIGURATION)
        (folder / "serial").write_text("01\n")
        self._ended = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        scheme = "http"
        if web is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(web.pem, web.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}/tsr"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def root(self):
        return self.authority.root

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def reply(self, query: bytes) -> bytes:
        """Return the DER answer that openssl makes."""
        number = time.monotonic_ns()
        asked, answer = self.folder / f"{number}.tsq", self.folder / f"{number}.tsr"
        asked.write_bytes(query)
        openssl("ts", "-reply", "-config", "tsa.conf", "-section", "ours", "-queryfile", asked,
                "-signer", self.signer.pem, "-inkey", self.signer.key, "-out", answer, cwd=self.folder)  # fmt: skip
        return answer.read_bytes()

    def answer(self, query: bytes) -> bytes:
        """Return the body of the answer in the present mood."""
        self.asked += 1
        if self.mood == "other_bytes":
            start = query.index(b"\x04\x20") + 2
            return self.reply(query[:start] + bytes(32) + query[start + 32 :])
        if self.mood == "other_request":
            start = query.index(b"\x04\x20") + 2
            words = ["openssl", "ts", "-query", "-sha256", "-digest", query[start : start + 32].hex(), "-cert"]
            return self.reply(subprocess.run(words, capture_output=True, check=True, timeout=60).stdout)
        if self.mood == "refusing":
            return self.reply(query.replace(SHA_256, SHA3_384))
        return {"rubbish": b"<html>not found</html>", "huge": bytes(10_000_000)}.get(self.mood) or self.reply(query)

    def _handler(self):
        authority = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                query = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers["Content-Type"] != "application/timestamp-query" or authority.mood == "error":
                    self.send_error(500)
                    return
                if authority.mood == "redirect":
                    self.send_response(302)
                    self.send_header("Location", "http://127.0.0.1:9/")
                    self.end_headers()
                    return
                if authority.mood == "slow":
                    authority._ended.wait(60)
                    return
                body = authority.answer(query)
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    if authority.mood == "dripping":
                        for place in range(len(body)):
                            self.wfile.write(body[place : place + 1])
                            if authority._ended.wait(0.2):
                                return
                    else:
                        self.wfile.write(body)
                except OSError:
                    return

            def log_message(self, *_):
                return

        return Handler
