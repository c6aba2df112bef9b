"""The worker as a process: it fetches the master at its start, by HTTP, and tells the others."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio

from breezeway.clock import IST
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.errors import UpstreamFault, UpstreamTimeout, UpstreamUnavailable
from breezeway.testing import small_master as small
from breezeway.testing.eventually import eventually
from instruments_service.adapters.breeze.master_source import HttpMasterSource
from instruments_service.domain.sync_run import SyncState


class MasterHost:
    """A web server of one file that counts its visitors."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.asked = 0
        self.url = ""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(self.body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + self.body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@pytest_asyncio.fixture
async def host() -> AsyncIterator[MasterHost]:
    made = MasterHost(small.master(datetime.now(UTC).astimezone(IST).date()))
    server = await asyncio.start_server(made, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    server.close()
    await server.wait_closed()


async def test_a_new_worker_fetches_the_master_and_stops_when_told(
    service: Any, host: MasterHost, valkey: EmbeddedValkey, redis: Any
) -> None:
    environment = os.environ | {
        "DATABASE_URL": service.url,
        "REDIS_URL": valkey.url,
        "BREEZEWAY_INTERNAL_KEY": "an internal key of more than thirty-two characters",
        "BREEZE_SIMULATOR_URL": host.url,
    }
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "instruments_service.worker", env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    try:

        async def is_synced() -> bool:
            run = await service.log.last_completed()
            return run is not None

        await eventually(is_synced, 60, every=0.2)
        run = await service.log.last_completed()
        assert (run.state, run.requested_by, run.rows) == (SyncState.COMPLETED, "startup", small.ROWS)
        assert run.source == f"{host.url}/MotherAppMaster/SecurityMaster.zip"
        assert host.asked == 1
        await service.catalogue.refresh()
        assert (await service.catalogue.resolve("NSE:RELIND")).symbol == "NSE:RELIANCE"
        worker.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            await worker.wait()
    finally:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()


def source(handler: Any, **over: Any) -> HttpMasterSource:
    return HttpMasterSource("http://master.test/x.zip", transport=httpx.MockTransport(handler), **over)


async def test_the_download_is_limited_and_its_failures_are_named() -> None:
    assert await source(lambda _: httpx.Response(200, content=b"abc")).fetch() == b"abc"
    with pytest.raises(UpstreamFault) as too_large:
        await source(lambda _: httpx.Response(200, content=b"x" * 101), max_bytes=100).fetch()
    assert too_large.value.code == "master_too_large"
    with pytest.raises(UpstreamFault) as wrong:
        await source(lambda _: httpx.Response(403, content=b"no")).fetch()
    assert wrong.value.code == "master_unavailable"

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    def stall(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    with pytest.raises(UpstreamUnavailable):
        await source(refuse).fetch()
    with pytest.raises(UpstreamTimeout):
        await source(stall).fetch()
