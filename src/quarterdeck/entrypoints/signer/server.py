"""One JSON line in, one JSON line out, on a unix socket that only our own user may open.

A peer of another user, a line that is too long, too slow or not JSON gets a refusal and loses the connection; many
idle peers cost memory only, and requests are answered one at a time, in the order in which they were complete.
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
import struct
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

MAX_LINE = 64 * 1024
LINE_TIMEOUT = 5.0
LINGER = 1.0
MAX_CONNECTIONS = 200
log = logging.getLogger("quarterdeck.signer")
Handler = Callable[[dict[str, object]], dict[str, object]]


def refusal(code: str, sentence: str, next_step: str) -> dict[str, object]:
    """Return an answer with one reason."""
    return {"refused": [{"code": code, "sentence": sentence, "next_step": next_step}]}


class SocketServer:
    """Serves one handler on one socket path until stopped."""

    def __init__(self, path: Path, handler: Handler, allowed_uids: Collection[int]) -> None:
        self._path = path
        self._handler = handler
        self._allowed = frozenset(allowed_uids)
        self._open = 0
        # One worker: the handler owns a database connection and the keys, and is never entered twice at once.
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="signer")

    async def serve(self, stop: asyncio.Event, ready: Callable[[], None] = lambda: None) -> None:
        """Listen (mode 0600) until `stop` is set; the socket file is removed afterwards."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        before = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(self._connected, path=self._path, limit=MAX_LINE)
        finally:
            os.umask(before)
        async with server:
            ready()
            await stop.wait()
        self._worker.shutdown(wait=True)
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            answer = await self._answer(reader, writer)
            writer.write(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
            await asyncio.wait_for(writer.drain(), LINE_TIMEOUT)
            writer.write_eof()
            await asyncio.wait_for(_until_they_close(reader), LINGER)
        except (OSError, TimeoutError):
            pass  # the peer went away: there is nobody to tell
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, object]:
        if _peer_uid(writer.get_extra_info("socket")) not in self._allowed:
            return refusal("signer.stranger", "The signer answers only Quarterdeck's own processes.", "")
        if self._open > MAX_CONNECTIONS:
            return refusal("signer.busy", "The signer has too many open connections.", "Try again in a moment.")
        try:
            line = await asyncio.wait_for(reader.readline(), LINE_TIMEOUT)
        except TimeoutError:
            return refusal("signer.slow", "No whole request came within five seconds.", "Send one line of JSON.")
        except ValueError:
            return refusal("signer.too_long", f"A request has at most {MAX_LINE} bytes.", "Send one line of JSON.")
        request = _parsed(line)
        if request is None:
            return refusal("signer.bad_request", "That is not one line with a JSON object.", "Send one line of JSON.")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, self._handler, request)
        except Exception:  # a bug costs this answer and is logged; the signer keeps serving the others
            log.exception("a request failed")
            return refusal("signer.failed", "The signer failed on this request.", "Look at the signer's log.")


async def _until_they_close(reader: asyncio.StreamReader) -> None:
    """Read on: closing over unread bytes makes the kernel throw away the answer that the peer has not read yet."""
    while await reader.read(MAX_LINE):
        pass


def _parsed(line: bytes) -> dict[str, object] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _peer_uid(peer: socket.socket) -> int:
    """Return the user of the process at the other end, from the kernel."""
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return int(uid)
