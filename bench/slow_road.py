"""A relay that lets every byte arrive later, for kernels without netem: a road's latency, not its loss or its width."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def slow_road(port: int, seconds: float) -> Iterator[int]:
    """Relay a loopback port of ours to `port`, each way `seconds` late; yields our port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(_serve(port, seconds), loop).result(10)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_close(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _serve(port: int, seconds: float) -> asyncio.Server:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(_carry(reader, to_writer, seconds), _carry(to_reader, writer, seconds))

    return await asyncio.start_server(relay, "127.0.0.1", 0, limit=1 << 20)


async def _close(server: asyncio.Server) -> None:
    server.close()
    relays = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in relays:
        task.cancel()
    await asyncio.gather(*relays, return_exceptions=True)


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, seconds: float) -> None:
    """Read at once, write when it is time; the end of the stream travels as slowly as its bytes."""
    loop = asyncio.get_running_loop()
    road: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(1024)

    async def arrive() -> None:
        data = b"?"
        while data:
            due, data = await road.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            with contextlib.suppress(OSError):
                sink.write(data)
                await sink.drain()
        sink.close()

    arriving = asyncio.create_task(arrive())
    data = b"?"
    while data:
        try:
            data = await source.read(1 << 18)
        except OSError:
            data = b""
        await road.put((loop.time() + seconds, data))
    await arriving
