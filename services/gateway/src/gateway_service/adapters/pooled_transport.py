"""httpx's way out of the gateway, over aiohttp's connections.

httpx reads answers in pieces of 64 KB through two layers of streams, which for a year of candles costs more than making
them did. aiohttp's parser is written in C and hands on whatever has arrived at once. Everything else of httpx stays:
the proxy and its tests know only its request and response.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
import httpx
from yarl import URL

_CHOSEN_BY_THE_CALLER = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class PooledTransport(httpx.AsyncBaseTransport):
    """Connections to one service. Opens on first use, because a session of aiohttp belongs to the running loop.

    Args:
        limits: how many connections, and how long an idle one is kept.
        buffer: bytes of an answer that may wait for a slow client; beyond it the service is made to wait.
    """

    def __init__(self, limits: httpx.Limits, *, buffer: int = 1_048_576) -> None:
        self._limits = limits
        self._buffer = buffer
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises the errors that httpx itself would raise."""
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        sent = _Sent(request.stream) if has_body else None
        timeouts = request.extensions.get("timeout", {})
        with _as_httpx_errors(request, sent):
            answer = await self._open().request(
                request.method,
                # As it was sent: decoding and encoding again would change symbols.
                URL(str(request.url), encoded=True),
                # How the body is framed is aiohttp's to say.
                headers=[(name, value) for name, value in request.headers.multi_items() if name != "transfer-encoding"],
                data=sent,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=None,
                    connect=timeouts.get("pool"),
                    sock_connect=timeouts.get("connect"),
                    sock_read=timeouts.get("read"),
                ),
            )
        return httpx.Response(
            answer.status, headers=list(answer.raw_headers), stream=_Body(answer, request), request=request
        )

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._limits.max_connections or 0, keepalive_timeout=self._limits.keepalive_expiry or 15
                ),
                # One user's cookie would ride on the next user's request.
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=_CHOSEN_BY_THE_CALLER,
                read_bufsize=self._buffer,
            )
        return self._session


class _Sent:
    """The body of a request on its way. Remembers why its source failed: aiohttp sends in a task of its own and tells
    only that sending failed."""

    def __init__(self, stream: httpx.AsyncByteStream | httpx.SyncByteStream) -> None:
        self._stream = stream
        self.failure: BaseException | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self._stream, httpx.AsyncByteStream)  # noqa: S101 - an async client makes no other
        try:
            async for chunk in self._stream:
                yield chunk
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001 - a refusal of the body limit is none of Exception's kind
            self.failure = error
            raise aiohttp.ClientPayloadError("the caller's body broke off") from None


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: aiohttp.ClientResponse, request: httpx.Request) -> None:
        self._answer = answer
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx_errors(self._request):
            async for chunk in self._answer.content.iter_any():
                yield chunk

    async def aclose(self) -> None:
        # Gives the connection back when the answer was read to its end, and closes it when it was not.
        if self._answer.content.at_eof():
            self._answer.release()
        else:
            self._answer.close()


@contextmanager
def _as_httpx_errors(request: httpx.Request, sent: _Sent | None = None) -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        if sent is not None and sent.failure is not None:
            raise sent.failure from None
        raise _httpx_error(error, request) from error


def _httpx_error(error: aiohttp.ClientError | OSError, request: httpx.Request) -> httpx.TransportError:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return httpx.ConnectTimeout(str(error), request=request)
    if isinstance(error, aiohttp.ClientConnectorError):
        return httpx.ConnectError(str(error), request=request)
    if isinstance(error, TimeoutError):
        return httpx.ReadTimeout(str(error), request=request)
    return httpx.ReadError(str(error), request=request)
