"""The signer's socket: one line each way, no strangers, and nobody who stalls or shouts stops the others."""

import asyncio
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from quarterdeck.adapters.signer_client import SignerClient
from quarterdeck.entrypoints.signer import server as signer_server
from quarterdeck.entrypoints.signer.server import MAX_LINE, SocketServer
from quarterdeck.kernel.decision import Refused


def echo(request: dict[str, object]) -> dict[str, object]:
    """A small handler: it signs nothing, it repeats what it was asked; `crash` fails as a bug would."""
    if request.get("op") == "status":
        return {"ready": True}
    if request.get("op") == "measure":
        raise RuntimeError("a bug")
    if request.get("grant") == "ag_refused":
        return {"refused": [{"code": "x.y", "sentence": "No.", "next_step": "Ask."}]}
    return {"certificate": json.dumps(request, sort_keys=True), "serial": 1}


@contextmanager
def running(path: Path, uids: set[int]) -> Iterator[SignerClient]:
    server = SocketServer(path, echo, uids)
    ready = threading.Event()
    control: dict[str, asyncio.AbstractEventLoop] = {}
    stop = asyncio.Event()

    async def serve() -> None:
        control["loop"] = asyncio.get_running_loop()
        await server.serve(stop, ready.set)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield SignerClient(path, timeout=10)
    finally:
        control["loop"].call_soon_threadsafe(stop.set)
        thread.join(10)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[SignerClient]:
    with running(tmp_path / "s.sock", {os.geteuid()}) as made:
        yield made


def raw(client: SignerClient, data: bytes, *, close: bool = False) -> dict[str, object]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(client.socket_path))
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        if close:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while not answer.endswith(b"\n"):
            piece = connection.recv(65536)
            if not piece:
                break
            answer += piece
    return dict(json.loads(answer)) if answer else {}


def code(answer: dict[str, object]) -> str:
    refused = answer["refused"]
    assert isinstance(refused, list)
    return str(refused[0]["code"])


def test_a_request_and_its_answer(client: SignerClient) -> None:
    assert json.loads(client.entry("ag_a")) == {"op": "entry", "grant": "ag_a"}
    assert json.loads(client.target("ag_a", "se_b", "key")) == {
        "op": "target",
        "grant": "ag_a",
        "session": "se_b",
        "public_key": "key",
    }
    assert client.socket_path.stat().st_mode & 0o777 == 0o600


def test_a_refusal_arrives_with_its_reasons(client: SignerClient) -> None:
    with pytest.raises(Refused) as caught:
        client.entry("ag_refused")
    assert caught.value.decision.codes == ("x.y",)


@pytest.mark.parametrize(
    "data",
    [b"\n", b"rubbish\n", b"[1]\n", b"5\n", b'"op"\n', b"\xff\xfe\n", b"[" * 60_000 + b"\n", b"\0" * 100 + b"\n"],
)
def test_rubbish_gets_a_reason(client: SignerClient, data: bytes) -> None:
    assert code(raw(client, data)) == "signer.bad_request"
    assert client.status() == {"ready": True}


def test_half_a_line_gets_a_reason(client: SignerClient) -> None:
    assert code(raw(client, b'{"op": "entry"', close=True)) == "signer.bad_request"


def test_a_line_that_never_ends_is_cut_off(client: SignerClient) -> None:
    assert code(raw(client, b'{"op": "' + b"a" * (2 * MAX_LINE))) == "signer.too_long"
    assert client.status() == {"ready": True}


def test_a_slow_peer_holds_nobody_up(client: SignerClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signer_server, "LINE_TIMEOUT", 0.5)
    stalled = []
    for _ in range(60):
        one = socket.socket(socket.AF_UNIX)
        one.connect(str(client.socket_path))
        one.sendall(b'{"op"')
        stalled.append(one)
    began = time.monotonic()
    assert client.status() == {"ready": True}
    assert time.monotonic() - began < 5
    stalled[0].settimeout(10)
    assert code(json.loads(stalled[0].recv(65536))) == "signer.slow"
    for one in stalled:
        one.close()


def test_too_many_peers_are_told_so(client: SignerClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signer_server, "MAX_CONNECTIONS", 2)
    held = [socket.socket(socket.AF_UNIX) for _ in range(2)]
    for one in held:
        one.connect(str(client.socket_path))
    deadline = time.monotonic() + 10
    while "refused" not in (answer := raw(client, b'{"op": "status"}\n')):
        assert time.monotonic() < deadline
    assert code(answer) == "signer.busy"
    for one in held:
        one.close()


def test_another_user_gets_nothing(tmp_path: Path) -> None:
    with running(tmp_path / "s.sock", {os.geteuid() + 1}) as client, pytest.raises(Refused) as caught:
        client.status()
    assert caught.value.decision.codes == ("signer.stranger",)


def test_a_bug_costs_one_answer_and_no_more(client: SignerClient) -> None:
    with pytest.raises(Refused) as caught:
        client.measure("ag_a", "key", ["posture"])
    assert caught.value.decision.codes == ("signer.failed",)
    assert client.status() == {"ready": True}


def test_no_signer_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="does not answer"):
        SignerClient(tmp_path / "nobody.sock").status()


@pytest.mark.parametrize("answer", [b"", b"rubbish\n", b"[]\n", b'{"refused": 5}\n', b'{"certificate": 5}\n'])
def test_an_odd_answer_is_a_refusal(tmp_path: Path, answer: bytes) -> None:
    path = tmp_path / "odd.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(Refused):
            SignerClient(path, timeout=5).entry("ag_a")
        thread.join(10)
