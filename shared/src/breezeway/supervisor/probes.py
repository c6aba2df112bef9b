"""Asks whether a component is ready. Hand-made HTTP, because a client library would triple the supervisor's memory."""

import asyncio
import time
from contextlib import suppress

from breezeway.supervisor.component import AliveReady, FileReady, HttpReady, Readiness, TcpReady

_TIMEOUT = 2.0


async def is_ready(readiness: Readiness, *, started: float) -> bool:
    """One question. `started` is the process's start on the monotonic clock, in seconds."""
    if isinstance(readiness, AliveReady):
        return time.monotonic() - started >= readiness.seconds
    if isinstance(readiness, FileReady):
        return readiness.path.exists()
    try:
        async with asyncio.timeout(_TIMEOUT):
            if isinstance(readiness, TcpReady):
                _, writer = await asyncio.open_connection(readiness.host, readiness.port)
                await _close(writer)
                return True
            return await _answers_2xx(readiness)
    except (OSError, TimeoutError):
        return False


async def _answers_2xx(readiness: HttpReady) -> bool:
    reader, writer = await asyncio.open_connection(readiness.host, readiness.port)
    try:
        writer.write(
            f"GET {readiness.path} HTTP/1.1\r\nHost: {readiness.host}\r\nConnection: close\r\n\r\n".encode("ascii")
        )
        await writer.drain()
        status_line = await reader.readline()
    finally:
        await _close(writer)
    return status_line.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2"))


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
