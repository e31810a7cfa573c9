"""POST /v1/commitments with everything it does, beside a bare no-op POST on the same server software."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from bench.measure import Figure, interleaved

__all__ = ["requests"]

_SECONDS = 4
_CONNECTIONS = (16, 64)
_BODY = json.dumps(
    {
        "customer_id": "CU-1",
        "kind": "redelivery",
        "promise": "Tomorrow before noon, at the back door",
        "due": {"within": {"amount": 1, "unit": "days"}},
        "channel": "phone",
        "conversation": "call-8871",
    }
).encode()


async def requests(data_dir: Path, rounds: int) -> dict[str, Figure]:
    """Requests a second over loopback, by connections; the projections run along."""
    upheld = ("-m", "api.cli", "serve", "--port", "0")
    async with _process(("-m", "bench.noop"), data_dir) as noop, _process(upheld, data_dir) as served:
        contenders: dict[str, Callable[[], Awaitable[float]]] = {}
        for connections in _CONNECTIONS:
            contenders[f"no-op POST, {connections} connections"] = partial(_load, noop, connections)
            contenders[f"POST /v1/commitments, {connections} connections"] = partial(_load, served, connections)
        return await interleaved(contenders, "requests/s", rounds)


@asynccontextmanager
async def _process(arguments: tuple[str, ...], data_dir: Path) -> AsyncIterator[int]:
    """A server in a process of its own, and its port."""
    environment = os.environ | {"UPHELD_DATA_DIR": str(data_dir)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    line = await process.stdout.readline() if process.stdout else b""
    if not line.startswith(b"listening on "):
        raise RuntimeError(f"{' '.join(arguments)} does not serve")
    try:
        yield int(line.rsplit(b":", 1)[1])
    finally:
        process.terminate()
        await process.wait()


async def _load(port: int, connections: int) -> float:
    """Requests answered with 2xx a second, over connections that stay open."""
    head = (
        f"POST /v1/commitments HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Actor: agent:ling\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(_BODY)}\r\n\r\n"
    )
    request, until, done = head.encode() + _BODY, time.perf_counter() + _SECONDS, 0

    async def one_after_another() -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < until:
            writer.write(request)
            answered = await reader.readuntil(b"\r\n\r\n")
            length = int(answered.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            if not answered.startswith(b"HTTP/1.1 2"):
                raise RuntimeError(answered.decode())
            done += 1
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one_after_another() for _ in range(connections)))
    return done / (time.perf_counter() - began)
