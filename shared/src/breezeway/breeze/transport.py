"""How SDK calls leave the process: one pooled HTTP client and one bounded set of threads per set of endpoints."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Final, Literal, TypeVar

import httpx
import orjson

from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.mapping import Answer, transport_failure
from breezeway.breeze.sdk import load_sdk
from breezeway.errors import BreezewayError, UpstreamUnavailable

Result = TypeVar("Result")

MAX_MASTER_BYTES: Final = 64 * 1024 * 1024
"""Ceiling of the packed master; the real one is 3 MB."""


@dataclass(frozen=True, slots=True)
class TransportRules:
    """Bounds of one transport, in seconds and bytes. `queue` calls may wait for a thread; more are refused at once."""

    connect_timeout: float = 5
    read_timeout: float = 20
    total_timeout: float = 60
    pool_timeout: float = 5
    connections: int = 10
    threads: int = 8
    queue: int = 200
    max_answer_bytes: int = 16 * 1024 * 1024


@dataclass
class Exchange:
    """What one SDK call did on the wire; the SDK itself hides the status and the body behind plain exceptions."""

    answer: Answer | None = None
    failure: BreezewayError | None = None
    envelope: object = field(default=None, repr=False)
    changed: bool = False
    """Whether a request that may change something (not a GET) could have reached the broker."""


class BreezeTransport:
    """Shared by all accounts of one broker; `aclose` it once, after its last caller.

    The SDK is loaded on first use, in a thread.
    """

    def __init__(self, endpoints: BreezeEndpoints, rules: TransportRules | None = None) -> None:
        self.endpoints = endpoints
        self.rules = rules or TransportRules()
        limits = httpx.Limits(max_connections=self.rules.connections, max_keepalive_connections=self.rules.connections)
        timeouts = httpx.Timeout(
            connect=self.rules.connect_timeout,
            read=self.rules.read_timeout,
            write=self.rules.read_timeout,
            pool=self.rules.pool_timeout,
        )
        # trust_env off: a proxy from the environment would drop the JSON bodies that this broker wants on its GETs.
        self._http = httpx.Client(limits=limits, timeout=timeouts, follow_redirects=False, trust_env=False)
        self._pool = ThreadPoolExecutor(self.rules.threads, thread_name_prefix="breeze")
        self._waiting = 0
        self._of_thread = threading.local()
        self._sdk: ModuleType | None = None
        self._loading = asyncio.Lock()

    async def aclose(self) -> None:
        """Wait for the calls under way, then close the connections."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
        self._http.close()

    async def sdk(self) -> ModuleType:
        """Our private copy of the SDK."""
        async with self._loading:
            if self._sdk is None:
                self._sdk = await self._in_thread(lambda: load_sdk(self.endpoints, self))
            return self._sdk

    async def call(self, function: Callable[[], object]) -> tuple[object, Exchange]:
        """Run one blocking SDK call in a thread; returns what it returned, None if it raised, and what it did on the
        wire. Raises UpstreamUnavailable when too many calls are waiting already."""

        def run() -> tuple[object, Exchange]:
            with self._recording() as exchange:
                try:
                    return function(), exchange
                # The SDK wraps everything into bare Exceptions; what happened is in the exchange, which is mapped next.
                except Exception as error:  # noqa: BLE001
                    if exchange.answer is None and exchange.failure is None:
                        exchange.failure = UpstreamUnavailable(
                            "The broker's SDK failed before it asked the broker.",
                            code="broker_sdk_failed",
                            context={"error": type(error).__name__},
                        )
                    return None, exchange

        return await self._in_thread(run)

    async def download_master(self) -> bytes:
        """The SecurityMaster.zip as it is served. Raises the errors of `mapping`."""
        exchange = Exchange()
        url = self.endpoints.master_url
        content = await self._in_thread(lambda: self._fetch(exchange, "GET", url, None, None, {}, MAX_MASTER_BYTES))
        if exchange.answer is None or exchange.answer.status != 200:
            raise transport_failure("connect")
        return content

    def send(
        self,
        method: str,
        url: str,
        *,
        body: str | None,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
    ) -> "SdkAnswer":
        """The SDK's way out (`sdk.HttpPort`); runs in one of our threads."""
        exchange: Exchange = getattr(self._of_thread, "exchange", None) or Exchange()
        if method != "GET":
            exchange.changed = True
        content = self._fetch(exchange, method, url, body, params, headers, self.rules.max_answer_bytes)
        text = content.decode("utf-8", errors="replace")
        assert exchange.answer is not None  # noqa: S101  # _fetch has set it, or raised
        exchange.answer = Answer(exchange.answer.status, text)
        exchange.envelope = _parsed(text)
        return SdkAnswer(exchange.answer.status or 0, text, exchange.envelope)

    def _fetch(
        self,
        exchange: Exchange,
        method: str,
        url: str,
        body: str | None,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        most: int,
    ) -> bytes:
        content = None if body is None else body.encode()
        # The read time-out is per piece; a server that drips could hold a thread for hours.
        deadline = time.monotonic() + self.rules.total_timeout
        try:
            with self._http.stream(method, url, content=content, params=params, headers=dict(headers)) as response:
                exchange.answer = Answer(response.status_code, "")
                parts: list[bytes] = []
                size = 0
                for part in response.iter_bytes():
                    size += len(part)
                    if size > most:
                        exchange.failure = transport_failure("too_large")
                        raise exchange.failure
                    if time.monotonic() > deadline:
                        exchange.failure = transport_failure("timeout")
                        raise exchange.failure
                    parts.append(part)
                return b"".join(parts)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            # No connection, so nothing has left: who sent an order may say so, instead of having to find it out.
            exchange.changed = False
            kind: Literal["timeout", "connect"] = "connect" if isinstance(error, httpx.ConnectError) else "timeout"
            exchange.failure = transport_failure(kind)
            raise exchange.failure from error
        except httpx.TimeoutException as error:
            exchange.failure = transport_failure("timeout")
            raise exchange.failure from error
        except httpx.HTTPError as error:
            exchange.failure = transport_failure("connect")
            raise exchange.failure from error

    @contextmanager
    def _recording(self) -> Iterator[Exchange]:
        exchange = Exchange()
        self._of_thread.exchange = exchange
        try:
            yield exchange
        finally:
            self._of_thread.exchange = None

    async def _in_thread(self, function: Callable[[], Result]) -> Result:
        if self._waiting >= self.rules.threads + self.rules.queue:
            raise UpstreamUnavailable("Too many calls wait for the broker already.", code="broker_busy", retry_after=5)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, function)
        finally:
            self._waiting -= 1


class SdkAnswer:
    """The part of a `requests` response that the SDK reads.

    Args:
        parsed: what `text` says, or None when it is no JSON.
    """

    def __init__(self, status_code: int, text: str, parsed: object) -> None:
        self.status_code = status_code
        self.text = text
        self._parsed = parsed

    def json(self) -> Any:
        # Not parsed again: of a page of history that takes as long as all that the SDK does.
        return json.loads(self.text) if self._parsed is None else self._parsed


def _parsed(text: str) -> object:
    """The JSON of an answer; None when it is none. NaN and Infinity are none."""
    try:
        return orjson.loads(text)
    except ValueError:
        return None
