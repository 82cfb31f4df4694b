"""The server as `qd` sees it: one method per HTTP verb, refusals as sentences, a stale second factor asked for anew."""

import getpass
import hashlib
import ipaddress
import os
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from quarterdeck import __version__
from quarterdeck.entrypoints.cli import token_file
from quarterdeck.entrypoints.cli.showing import JsonValue, clean

DEFAULT_URL = "http://127.0.0.1:8600"
TIMEOUT = 60.0
PATIENCE = 3600.0
STEP_UP = "step_up"


class Failed(Exception):
    """The server refused or was not reached; the text is for a person, `codes` are for programs."""

    def __init__(self, sentence: str, codes: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.codes = codes


def server_url() -> str:
    """Return QD_URL, else `url` of the TOML file that QD_CONFIG names, else loopback; Failed for an unsafe one."""
    url = os.environ.get("QD_URL") or _configured_url() or DEFAULT_URL
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Failed(f"QD_URL is {url!r}; write it as https://quarterdeck.example.org.")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise Failed(f"{url} is not encrypted, so no password or token is sent there. Use https.")
    return url.rstrip("/")


def _configured_url() -> str:
    named = os.environ.get("QD_CONFIG")
    if not named:
        return ""
    try:
        return str(tomllib.loads(Path(named).read_text()).get("url", ""))
    except (OSError, ValueError) as error:
        raise Failed(f"The configuration {named} cannot be read: {error}.") from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Server:
    """The API under QD_URL, with the token of `qd login`."""

    def __init__(self, *, code: str = "") -> None:
        self.url = server_url()
        self._code = code
        self._client = httpx.Client(
            base_url=f"{self.url}/api/v1",
            timeout=TIMEOUT,
            follow_redirects=False,
            headers={"User-Agent": f"qd/{__version__}", "Accept": "application/json"},
        )

    def get(self, path: str, **query: str) -> JsonValue:
        """Return what the server says; Failed when it refuses."""
        return self._call("GET", path, query={name: value for name, value in query.items() if value})

    def post(self, path: str, body: Mapping[str, JsonValue] | None = None) -> JsonValue:
        """Do an act; when the server wants a fresh second factor, give it and try once more."""
        try:
            return self._call("POST", path, body=body or {})
        except Failed as failed:
            if not any(STEP_UP in code for code in failed.codes):
                raise
            self.step_up(self._code or ask_code())
            return self._call("POST", path, body=body or {})

    def post_patiently(self, path: str, body: Mapping[str, JsonValue]) -> JsonValue:
        """Do what takes the server long: reading through a large file."""
        return self._call("POST", path, body=body, timeout=PATIENCE)

    def post_open(self, path: str, body: Mapping[str, JsonValue]) -> JsonValue:
        """Do what needs no login: log in, enrol."""
        return self._call("POST", path, body=body, token=False)

    def upload(self, path: str, file: Path, fields: Mapping[str, str]) -> JsonValue:
        """Send a file with form fields; Failed when it cannot be read or is refused."""
        try:
            with file.open("rb") as stream:
                answer = self._client.post(path, data=dict(fields), files={"file": stream}, headers=self._headers())
        except OSError as error:
            raise Failed(f"{file} cannot be read ({error.strerror}).") from error
        except httpx.HTTPError as error:
            raise Failed(f"{self.url} does not answer ({error}).") from error
        return _content(answer)

    def send_bytes(self, path: str, chunk: bytes) -> JsonValue:
        """Send a part of a file with its hash; Failed without a code when the line breaks."""
        headers = self._headers() | {
            "Content-Type": "application/octet-stream",
            "X-Chunk-SHA256": hashlib.sha256(chunk).hexdigest(),
        }
        try:
            return _content(self._client.put(path, content=chunk, headers=headers))
        except httpx.HTTPError as error:
            raise Failed(f"{self.url} does not answer ({error}). The same command goes on from there.") from error

    def put(self, path: str, body: Mapping[str, JsonValue]) -> JsonValue:
        """Replace something."""
        return self._call("PUT", path, body=body)

    def patch(self, path: str, body: Mapping[str, JsonValue]) -> JsonValue:
        """Change named fields of something."""
        return self._call("PATCH", path, body=body)

    def delete(self, path: str) -> JsonValue:
        """Send DELETE and return the parsed body."""
        return self._call("DELETE", path)

    def step_up(self, code: str) -> None:
        """Show the second factor again."""
        self._call("POST", "/step-up", body={"totp": code})

    def log_in(self, email: str, password: str, code: str) -> Path:
        """Get a token and keep it; returns its file."""
        told = self.post_open("/login", {"email": email, "password": password, "totp": code})
        if not isinstance(told, dict):
            raise Failed("The server's answer to the login is not understood. Are both of one version?")
        expires = str(told.get("expires_at", ""))
        return token_file.write(token_file.Token(self.url, email, str(told["token"]), expires))

    def download(self, path: str, target: Path, progress: Callable[[int], None] = lambda done: None) -> str:
        """Write a file from the server to `target` and return its SHA-256; it gets its name only when it is whole."""
        require_room_for(target)
        temporary, digest = target.with_name(target.name + ".part"), hashlib.sha256()
        try:
            with self._client.stream("GET", path, headers=self._headers(token=True)) as answer:
                if answer.status_code != httpx.codes.OK:
                    answer.read()
                    raise _failure(answer)
                with temporary.open("wb") as out:
                    for chunk in answer.iter_bytes(1 << 20):
                        out.write(chunk)
                        digest.update(chunk)
                        progress(len(chunk))
            temporary.replace(target)
        except httpx.HTTPError as error:
            raise Failed(f"{self.url} broke off ({error}). Try again.") from error
        except OSError as error:
            raise Failed(f"{target} cannot be written ({error.strerror}). Nothing is left of it; try again.") from error
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        return digest.hexdigest()

    def lines(self, path: str, last: str = "") -> Iterator[str]:
        """Yield the lines of a stream of events as they come; Failed when it is refused, httpx errors when it breaks.

        The server sends a sign of life every five seconds, so a minute of silence is a broken connection.
        """
        headers = self._headers() | {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
        with self._client.stream("GET", path, headers=headers) as answer:
            if answer.status_code != httpx.codes.OK:
                answer.read()
                raise _failure(answer)
            yield from answer.iter_lines()

    def _call(
        self,
        verb: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, JsonValue] | None = None,
        token: bool = True,
        timeout: float = TIMEOUT,
    ) -> JsonValue:
        headers = self._headers(token=token)
        try:
            answer = self._client.request(verb, path, params=query, json=body, headers=headers, timeout=timeout)
        except httpx.HTTPError as error:
            hint = "Is QD_URL right, and does `qd up` run there?"
            raise Failed(f"{self.url} does not answer ({error}). {hint}") from error
        return _content(answer)

    def _headers(self, *, token: bool = True) -> dict[str, str]:
        if not token:
            return {}
        try:
            return {"Authorization": f"Bearer {token_file.read(self.url).secret}"}
        except token_file.NoToken as error:
            raise Failed(str(error)) from error


def require_room_for(target: Path) -> None:
    """Raise Failed unless a file can be made at `target`: asked before the server does long work for it."""
    folder = target.parent
    if not target.name or target.is_dir():
        raise Failed(f"{target} is a folder; name a file.")
    if not folder.is_dir():
        raise Failed(f"{folder} is no folder; make it first.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Failed(f"{folder} cannot be written to; choose another with --output.")


def _content(answer: httpx.Response) -> JsonValue:
    if not answer.is_success:
        raise _failure(answer)
    found: JsonValue = answer.json() if answer.content else None
    return found


def _failure(answer: httpx.Response) -> Failed:
    try:
        told = answer.json()
    except ValueError:
        told = {}
    if isinstance(told, dict) and told.get("refused"):
        reasons = told["refused"]
        sentences = (f"{reason['sentence']} {reason['next_step']}".strip() for reason in reasons)
        return Failed("\n    ".join(map(clean, sentences)), tuple(reason["code"] for reason in reasons))
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return Failed("Your login has ended. Run `qd login`.", ("login.ended",))
    if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY and isinstance(told, dict):
        return Failed(_malformed(told.get("detail")), ("malformed",))
    return Failed(f"The server answered {answer.status_code} {answer.reason_phrase}.", (f"http.{answer.status_code}",))


def _malformed(detail: object) -> str:
    if not isinstance(detail, list):
        return "The server did not understand the request."
    parts = (f"{'.'.join(str(step) for step in item['loc'][2:]) or 'body'}: {item['msg']}" for item in detail)
    return "Not understood: " + "; ".join(map(clean, parts))


def ask_code() -> str:
    """Ask the person for the code of their second factor; Failed without a terminal."""
    if not sys.stdin.isatty():
        raise Failed("A fresh second factor is needed: run `qd step-up`, or give it with --code.")
    return getpass.getpass("Code of your second factor: ").strip()
