"""A network between a client and a server that a test can cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from breezeway import cancellation


class TcpProxy:
    """Passes bytes on to a server until told otherwise."""

    def __init__(self, host: str, port: int) -> None:
        self.accepted = 0
        self.url = ""
        self._target = (host, port)
        self._open = asyncio.Event()
        self._open.set()
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    def cut(self, *, refuse: bool = False) -> None:
        """Reset every connection; with `refuse`, new ones too until `mend`."""
        self._refusing = refuse
        for writer in self._writers:
            writer.transport.abort()

    def swallow(self) -> None:
        """Keep connections open and pass nothing on until `mend`, as a broken router does."""
        self._open.clear()

    def mend(self) -> None:
        """Work again."""
        self._refusing = False
        self._open.set()

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        # A task of our own: asyncio would log the cancellation of one of its own as an error.
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)

        def ended(_task: object) -> None:
            # However early it was cancelled: Python complains of a writer that nobody has closed, in some later test.
            writer.close()
            self._writers.discard(writer)
            self._serving.discard(task)

        task.add_done_callback(ended)

    async def close(self) -> None:
        self.mend()
        self.cut(refuse=True)
        await cancellation.end(self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
        else:
            await self._pass_on(reader, writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(far_writer)
        pumps = {
            asyncio.create_task(self._pump(reader, far_writer)),
            asyncio.create_task(self._pump(far_reader, writer)),
        }
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (writer, far_writer):
                each.close()
            self._writers.discard(far_writer)
            await cancellation.end(pumps)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def tcp_proxy(url: str) -> AsyncIterator[TcpProxy]:
    """A proxy in front of `url`, at its own `url`."""
    parts = urlsplit(url)
    proxy = TcpProxy(parts.hostname or "127.0.0.1", parts.port or 80)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
