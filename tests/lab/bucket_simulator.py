"""What a bucket says of itself, for servers that the lab does not have: answers over HTTP as AWS's API prints them.

The lab's real server has no MFA Delete, no public access block and no default encryption. This answers the questions
about the bucket and nothing else: it stores nothing and enforces nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
ERROR = "<Error><Code>{code}</Code><Message>said by the simulator</Message></Error>"


def versioning(*, mfa: str) -> str:
    told = f"<MfaDelete>{mfa}</MfaDelete>" if mfa else ""
    return f"<VersioningConfiguration {NAMESPACE}><Status>Enabled</Status>{told}</VersioningConfiguration>"


def encryption(algorithm: str, key: str = "") -> str:
    named = f"<KMSMasterKeyID>{key}</KMSMasterKeyID>" if key else ""
    return (
        f"<ServerSideEncryptionConfiguration {NAMESPACE}><Rule><ApplyServerSideEncryptionByDefault>"
        f"<SSEAlgorithm>{algorithm}</SSEAlgorithm>{named}</ApplyServerSideEncryptionByDefault>"
        "<BucketKeyEnabled>true</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>"
    )


def object_lock(mode: str = "", years: int = 0) -> str:
    rule = f"<Rule><DefaultRetention><Mode>{mode}</Mode><Years>{years}</Years></DefaultRetention></Rule>"
    return (
        f"<ObjectLockConfiguration {NAMESPACE}><ObjectLockEnabled>Enabled</ObjectLockEnabled>{rule if mode else ''}"
        "</ObjectLockConfiguration>"
    )


def public_access(*, blocked: bool) -> str:
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    inside = "".join(f"<{name}>{str(blocked or name != names[2]).lower()}</{name}>" for name in names)
    return f"<PublicAccessBlockConfiguration {NAMESPACE}>{inside}</PublicAccessBlockConfiguration>"


def access_list(*uris: str) -> str:
    grants = "".join(
        '<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group">'
        f"<URI>{uri}</URI></Grantee><Permission>READ</Permission></Grant>"
        for uri in uris
    )
    inside = f"<Owner><ID>owner</ID></Owner><AccessControlList>{grants}</AccessControlList>"
    return f"<AccessControlPolicy {NAMESPACE}>{inside}</AccessControlPolicy>"


@contextmanager
def bucket_that_says(answers: Mapping[str, str]) -> Iterator[str]:
    """Yield the address of a server; `answers` are XML by the name of the question, or `!` and an error's code."""

    class Said(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._say(200, "")

        def do_GET(self) -> None:
            asked = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
            answer = next((answers[name] for name in asked if name in answers), "!NotImplemented")
            if answer.startswith("!"):
                self._say(501 if answer == "!NotImplemented" else 404, ERROR.format(code=answer[1:]))
            else:
                self._say(200, answer)

        def _say(self, status: int, body: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *told: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Said)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
