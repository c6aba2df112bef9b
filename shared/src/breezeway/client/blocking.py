"""The client for scripts and notebooks: the same methods, which return when they are done.

The asynchronous client runs in an event loop of its own on a thread of its own, so that it also works where a loop
already runs in the caller's thread, as in a notebook.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, Final, ParamSpec, Self, TypeVar

import httpx

from breezeway.client.asynchronous import Breezeway
from breezeway.client.backoff import RetryPolicy
from breezeway.client.credentials import TokenPair, TokenStore
from breezeway.client.messages import Message, Place, Raw
from breezeway.client.stream import State, Stream
from breezeway.contracts.stream import GapMessage, TickMessage
from breezeway.errors import Misconfigured

_BATCH: Final = 256

P = ParamSpec("P")
T = TypeVar("T")


class _Loop:
    """An event loop on a daemon thread. It begins with its first call and ends with `close`, or with the process."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`. Ctrl-C, or any other exception here, cancels it."""
        if threading.current_thread() is self._thread:
            work.close()
            raise Misconfigured("BreezewaySync was called inside its own callback; use Breezeway there.")
        future = asyncio.run_coroutine_threadsafe(work, self._running())
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        with self._starting:
            if self._loop is None or self._thread is None:
                return
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._loop = self._thread = None

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="breezeway-client", daemon=True)
                self._thread.start()
            return self._loop


def _blocking(
    method: "Callable[Concatenate[Breezeway, P], Coroutine[Any, Any, T]]",
) -> "Callable[Concatenate[BreezewaySync, P], T]":
    @wraps(method)
    def call(self: "BreezewaySync", /, *arguments: P.args, **named: P.kwargs) -> T:
        return self._loop.run(method(self._client, *arguments, **named))

    return call


def _streaming(
    method: "Callable[Concatenate[Breezeway, P], Stream]",
) -> "Callable[Concatenate[BreezewaySync, P], BlockingStream]":
    @wraps(method)
    def call(self: "BreezewaySync", /, *arguments: P.args, **named: P.kwargs) -> BlockingStream:
        async def build() -> Stream:
            return method(self._client, *arguments, **named)

        return BlockingStream(self._loop.run(build()), self._loop)

    return call


class BlockingStream:
    """A `Stream` for plain loops: `for message in client.stream("tick:NSE:RELIANCE"): …`."""

    def __init__(self, stream: Stream, loop: _Loop) -> None:
        self._stream = stream
        self._loop = loop
        self._waiting: deque[Raw] = deque()

    def __iter__(self) -> Iterator[Message]:
        return self

    def __next__(self) -> Message:
        if not self._waiting:
            # Many at once: going to the other thread and back costs more than reading a message.
            self._waiting.extend(self._loop.run(self._stream.receive(_BATCH)))
        if not self._waiting:
            raise StopIteration
        return self._stream.deliver(self._waiting.popleft())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def state(self) -> State:
        return self._stream.state

    @property
    def channels(self) -> list[str]:
        return self._stream.channels

    @property
    def conflated(self) -> int:
        return self._stream.conflated

    @property
    def places(self) -> dict[str, Place]:
        return dict(self._stream.places)

    def subscribe(self, *channels: str) -> list[str]:
        """See `Stream.subscribe`."""
        return self._loop.run(self._stream.subscribe(*channels))

    def unsubscribe(self, *channels: str) -> None:
        """See `Stream.unsubscribe`."""
        self._loop.run(self._stream.unsubscribe(*channels))

    def close(self) -> None:
        """Disconnect. Idempotent."""
        self._loop.run(self._stream.close())


class BreezewaySync:
    """`Breezeway` for scripts and notebooks: the arguments, methods and errors of that, without `await`.

    Use it as a context manager, or call `close`. Several threads may use it at the same time.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        refresh_token: str | None = None,
        access_token: str | None = None,
        store: TokenStore | None = None,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - immutable
        timeout: float = 30.0,
        http: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._loop = _Loop()
        self._client = Breezeway(
            url,
            api_key=api_key,
            refresh_token=refresh_token,
            access_token=access_token,
            store=store,
            retry=retry,
            timeout=timeout,
            http=http,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every stream, every connection and the thread. Idempotent; nothing can be called afterwards."""
        self._loop.run(self._client.close())
        self._loop.close()

    @property
    def url(self) -> str:
        return self._client.url

    @property
    def tokens(self) -> TokenPair | None:
        """See `Breezeway.tokens`."""
        return self._client.tokens

    stream = _streaming(Breezeway.stream)

    def ticks(self, *symbols: str, on_gap: Callable[[GapMessage], None] | None = None) -> Iterator[TickMessage]:
        """See `Breezeway.ticks`."""
        with self.stream(*(f"tick:{symbol}" for symbol in symbols)) as stream:
            for message in stream:
                if isinstance(message, TickMessage):
                    yield message
                elif isinstance(message, GapMessage) and on_gap is not None:
                    on_gap(message)

    register = _blocking(Breezeway.register)
    login = _blocking(Breezeway.login)
    logout = _blocking(Breezeway.logout)
    me = _blocking(Breezeway.me)

    api_keys = _blocking(Breezeway.api_keys)
    create_api_key = _blocking(Breezeway.create_api_key)
    delete_api_key = _blocking(Breezeway.delete_api_key)

    search = _blocking(Breezeway.search)
    instrument = _blocking(Breezeway.instrument)
    instruments = _blocking(Breezeway.instruments)
    expiries = _blocking(Breezeway.expiries)
    option_chain = _blocking(Breezeway.option_chain)
    download_master = _blocking(Breezeway.download_master)

    candles = _blocking(Breezeway.candles)
    coverage = _blocking(Breezeway.coverage)
    indicators = _blocking(Breezeway.indicators)
    quotes = _blocking(Breezeway.quotes)

    start_backfill = _blocking(Breezeway.start_backfill)
    backfills = _blocking(Breezeway.backfills)
    backfill = _blocking(Breezeway.backfill)
    wait_for_backfill = _blocking(Breezeway.wait_for_backfill)
    pause_backfill = _blocking(Breezeway.pause_backfill)
    resume_backfill = _blocking(Breezeway.resume_backfill)
    cancel_backfill = _blocking(Breezeway.cancel_backfill)
    retry_backfill = _blocking(Breezeway.retry_backfill)

    watchlists = _blocking(Breezeway.watchlists)
    watchlist = _blocking(Breezeway.watchlist)
    create_watchlist = _blocking(Breezeway.create_watchlist)
    update_watchlist = _blocking(Breezeway.update_watchlist)
    delete_watchlist = _blocking(Breezeway.delete_watchlist)

    broker_accounts = _blocking(Breezeway.broker_accounts)
    add_broker_account = _blocking(Breezeway.add_broker_account)
    remove_broker_account = _blocking(Breezeway.remove_broker_account)
    broker_login_url = _blocking(Breezeway.broker_login_url)
    connect_broker = _blocking(Breezeway.connect_broker)
    broker_session = _blocking(Breezeway.broker_session)
    disconnect_broker = _blocking(Breezeway.disconnect_broker)
    funds = _blocking(Breezeway.funds)
    holdings = _blocking(Breezeway.holdings)
    positions = _blocking(Breezeway.positions)

    feed = _blocking(Breezeway.feed)
    market_status = _blocking(Breezeway.market_status)
