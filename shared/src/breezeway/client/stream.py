"""The live stream: one connection that is made again whenever it breaks, and says what may have been missed."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias

from breezeway import cancellation
from breezeway.client.backoff import Backoff
from breezeway.client.buffer import Buffer, Policy
from breezeway.client.credentials import Credentials, Identity
from breezeway.client.messages import Message, Place, Raw, decode, place_of
from breezeway.client.subscriptions import Subscriptions, passes, refusal, symbols_of
from breezeway.client.wire import ClosedByServer, Encoding, Socket, Unreachable
from breezeway.errors import (
    BreezewayError,
    Forbidden,
    InvalidInput,
    OutcomeUnknown,
    Rejected,
    Retryable,
    Unauthenticated,
)

State: TypeAlias = Literal["idle", "connecting", "live", "waiting", "closed"]
"""`waiting`: for the next try to connect."""

_UNAUTHENTICATED: Final = 4401
_AUTH_REFUSALS: Final = 3
"""Refusals in a row after which new tokens are not the answer."""
_STEADY_SECONDS: Final = 5.0
"""How long a connection must have lived for the next loss to be a new one."""
_RENEW_AGAIN_SECONDS: Final = 5.0

_log = logging.getLogger("breezeway.client")


class _Waiter:
    """Somebody who waits for the answer to a subscription."""

    def __init__(self, channels: Iterable[str]) -> None:
        self.channels = frozenset(channels)
        self.refused: BreezewayError | None = None
        self.answer: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()


class Stream:
    """Messages of the channels asked for, as an async iterator.

    It connects when it is first read (or entered with `async with`), renews its token in time, and connects again after
    every loss with the channels it had. Durable channels (`orders`, `notifications`) go on exactly where they were, or
    yield `Lost`. After a loss every instrument of the market channels yields a `GapMessage` with the reason
    `connection_lost`, then its newest state. What can only be mended by the user ends the iteration with an error:
    Unauthenticated, Forbidden (also `too_many_connections`), or the refusal of a channel asked for at the start.

    Args:
        url: the gateway's origin.
        channels: `tick:NSE:RELIANCE`, `depth:…`, `candle:1m:…`, `orders`, `notifications`, `backfills`, `feed`.
        since: places in durable channels to go on from; `places` of an earlier stream.
        buffer: how many messages may wait to be read; `when_full` says what happens to the next.
        encoding: `msgpack` needs less work on both sides than `json` only for large messages.
        heartbeat: seconds between pings, and of patience with their answers.
        timeout: seconds for connecting, and for the answer to the credentials.
        ask_again: seconds until a channel is asked for again that the server could not give just then.
        on_state: told of every change of state with a reason for people; called in the event loop.
    """

    def __init__(
        self,
        url: str,
        credentials: Callable[[], Credentials],
        channels: Iterable[str] = (),
        *,
        since: Mapping[str, Place] | None = None,
        buffer: int = 10_000,
        when_full: Policy = "conflate",
        encoding: Encoding = "json",
        backoff: Backoff = Backoff(0.5, 15.0),  # noqa: B008 - immutable
        heartbeat: float = 10.0,
        timeout: float = 10.0,
        ask_again: float = 5.0,
        on_state: Callable[[State, str], None] | None = None,
    ) -> None:
        if buffer < 1:
            raise InvalidInput("buffer: at least 1 message must fit.")
        self.state: State = "idle"
        self.places: dict[str, Place] = dict(since or {})
        """How far each durable channel has been read by the caller: `since` of a later stream."""
        self.reconnects = 0
        self._url = url
        self._credentials = credentials
        self._subscriptions = Subscriptions(channels, since)
        self._buffer = Buffer(buffer, when_full)
        self._encoding = encoding
        self._backoff = backoff
        self._heartbeat = heartbeat
        self._timeout = timeout
        self._ask_again = ask_again
        self._on_state = on_state
        self._task: asyncio.Task[None] | None = None
        self._socket: Socket | None = None
        self._identity: Identity | None = None
        self._channels: list[str] = []
        self._waiting: dict[int, list[_Waiter]] = {}
        self._late: list[_Waiter] = []
        self._again: set[str] = set()
        self._accepted = False
        self._heard = 0.0
        self._offset = 0.0
        self._gaps: dict[str, float] = {}
        self._refused_identity: Identity | None = None
        self._number = 0
        self._come_back_after: float | None = None

    @property
    def channels(self) -> list[str]:
        """What the server sends, by canonical names; empty until it has said so."""
        return list(self._channels)

    @property
    def conflated(self) -> int:
        """Messages that gave way to newer ones because nobody read them in time."""
        return self._buffer.conflated

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        raws = await self.receive(1)
        if not raws:
            raise StopAsyncIteration
        return self.deliver(raws[0])

    async def receive(self, most: int) -> list[Raw]:
        """Up to `most` messages that wait to be read, at least one; none at the end. For readers that cross threads and
        want to do so seldom; each message must then go through `deliver`.
        """
        self.start()
        raw = await self._buffer.get()
        raws = [raw] if raw is not None else []
        while raws and len(raws) < most and len(self._buffer):
            if (raw := await self._buffer.get()) is not None:
                raws.append(raw)
        return raws

    def deliver(self, raw: Raw) -> Message:
        """The message for the caller, who has now read it."""
        place = place_of(raw)
        if place is not None:
            channel = raw.get("channel") or self._subscriptions.channel_of(raw, place)
            self.places[channel] = place
        return decode(raw)

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def start(self) -> None:
        """Connect in the background; nothing when that was done before."""
        if self._task is None and self.state == "idle":
            self._task = asyncio.create_task(self._run(), name="breezeway-stream")

    async def close(self) -> None:
        """Disconnect and end the iteration; what was received can still be read. Idempotent."""
        if self._task is not None:
            await cancellation.end([self._task])
        self._finish(None)

    async def subscribe(self, *channels: str) -> list[str]:
        """Hear these channels too. Returns all channels by their canonical names once the server has agreed; waits for
        the connection when there is none just now.

        Raises:
            InvalidInput, NotFound, Rejected: the server refuses one of them; the others are subscribed to.
        """
        new = self._subscriptions.add(channels)
        return await self._ask(_Waiter(channels), new)

    async def unsubscribe(self, *channels: str) -> None:
        """Hear these channels no more. Messages that were on their way may still come."""
        self._subscriptions.remove(channels)
        for channel in channels:
            self.places.pop(channel, None)
            self._again.discard(channel)
        if self._socket is not None:
            self._number += 1
            try:
                await self._socket.send({"action": "unsubscribe", "id": self._number, "channels": list(channels)})
            except ClosedByServer:
                return  # the next connection does not ask for them

    async def _ask(self, waiter: _Waiter, new: list[str]) -> list[str]:
        self.start()
        if self.state == "closed":
            raise Rejected("The stream is closed.", code="stream_closed")
        if self._socket is None:
            self._late.append(waiter)
        else:
            try:
                await self._subscribe(new or list(waiter.channels), [waiter])
            except ClosedByServer:
                _log.debug("the connection broke while subscribing; the next one asks again")
        return await waiter.answer

    async def _run(self) -> None:
        try:
            await self._stay_connected()
        except Exception as error:  # noqa: BLE001 - handed to whoever reads the stream
            self._finish(error)
        finally:
            self._finish(None)

    def _finish(self, error: BaseException | None) -> None:
        for waiter in (*self._late, *(each for group in self._waiting.values() for each in group)):
            if not waiter.answer.done():
                waiter.answer.set_exception(error or Rejected("The stream was closed.", code="stream_closed"))
                waiter.answer.exception()
        self._late.clear()
        self._waiting.clear()
        self._buffer.end(error)
        if self.state != "closed":
            self._show("closed", str(error or ""))

    async def _stay_connected(self) -> None:
        attempt = refusals = 0
        while True:
            began, pause_for = time.monotonic(), None
            self._accepted, self._come_back_after = False, None
            try:
                self._show("connecting", self._url)
                await self._connection()
            except Unreachable as failed:
                reason, pause_for = failed.reason, failed.retry_after
            except (Retryable, OutcomeUnknown) as failed:  # a token could not be renewed just now
                reason, pause_for = failed.detail, failed.retry_after
            except ClosedByServer as closed:
                reason, pause_for = str(closed), self._come_back_after
                if 4500 <= closed.code <= 4599:
                    raise _final(closed) from None
                refused = closed.code == _UNAUTHENTICATED
                refusals = 0 if self._accepted else refusals + refused
                if refused:
                    self._refused_identity = self._identity
                if refusals >= _AUTH_REFUSALS:
                    raise _not_believed(closed) from None
            cancellation.heed()
            attempt = 0 if time.monotonic() - began >= _STEADY_SECONDS else attempt + 1
            pause = self._backoff.pause(attempt, pause_for)
            self._show("waiting", f"{reason}; trying again in {pause:.1f} s")
            await asyncio.sleep(pause)
            self.reconnects += 1

    async def _identify(self) -> Identity:
        """Who to be on the next connection: not again who was refused on the last, unless there is nobody else."""
        refused, self._refused_identity = self._refused_identity, None
        credentials = self._credentials()
        other = await credentials.other_than(refused) if refused is not None else None
        return other or await credentials.identity()

    async def _connection(self) -> None:
        """One connection from beginning to end, which always is an error."""
        self._identity = await self._identify()
        socket = await Socket.open(self._url, self._encoding, self._timeout, self._heartbeat)
        helpers: list[asyncio.Task[None]] = []
        try:
            async with asyncio.timeout(self._timeout):
                await socket.authenticate(self._identity)
                while not self._accepted:
                    for raw in await socket.read():
                        self._accepted = self._accepted or raw["type"] == "authenticated"
            self._socket = socket
            self._show("live", self._url)
            waiters, self._late = self._late, []
            await self._subscribe(self._subscriptions.wanted, waiters)
            await socket.send({"action": "ping"})
            helpers = [
                asyncio.create_task(self._renew_in_time(socket), name="stream-renew"),
                asyncio.create_task(self._ask_refused_again(), name="stream-ask-again"),
            ]
            while True:
                frame = await socket.read()
                self._heard = time.time()
                for raw in frame:
                    await self._received(raw)
        except TimeoutError:
            raise Unreachable("the stream did not answer in time") from None
        finally:
            self._socket = None
            for symbol in symbols_of(self._channels):
                self._gaps.setdefault(symbol, self._heard)
            self._channels = []
            self._late += [each for group in self._waiting.values() for each in group if not each.answer.done()]
            self._waiting.clear()
            await cancellation.end(helpers)
            await socket.close()

    async def _subscribe(self, channels: Iterable[str], waiters: list[_Waiter]) -> None:
        names = list(channels)
        self._number += 1
        self._waiting[self._number] = waiters
        if not names:
            self._answered(self._number)
        elif self._socket is not None:
            await self._socket.send(self._subscriptions.command(names, self._number))

    async def _received(self, raw: Raw) -> None:
        match raw["type"]:
            case "subscribed":
                self._channels = list(raw["channels"])
                await self._announce_gaps()
                self._answered(raw.get("id"))
            case "unsubscribed":
                self._channels = list(raw["channels"])
            case "error":
                await self._refused(raw)
            case "pong":
                # Gaps are told in the server's time: whoever fills them asks the server for that span.
                self._offset = raw["ts"] / 1000 - time.time()
            case "closing":
                self._come_back_after = raw["retry_after_ms"] / 1000
            case "authenticated":
                return
            case "position" if "recovered" in raw:
                if not self._subscriptions.stands_at(raw):
                    await self._buffer.put({**raw, "type": "lost"})
                elif (place := place_of(raw)) is not None:
                    self.places.setdefault(raw["channel"], place)
            case _:
                if self._subscriptions.arrived(raw):
                    await self._buffer.put(raw)

    async def _announce_gaps(self) -> None:
        """Said between the answer to the subscription and the snapshots, which are the first thing after the gap."""
        now = time.time()
        for symbol in symbols_of(self._channels):
            since = self._gaps.pop(symbol, None)
            if since is not None:
                start, end = (int((moment + self._offset) * 1000) for moment in (since, now))
                span = {"from": start, "to": end, "reason": "connection_lost"}
                await self._buffer.put({"type": "gap", "symbol": symbol, **span})

    def _answered(self, number: object) -> None:
        for waiter in self._waiters_of(number, forget=True):
            if waiter.answer.done():
                continue
            if waiter.refused is not None:
                waiter.answer.set_exception(waiter.refused)
            else:
                waiter.answer.set_result(list(self._channels))

    def _waiters_of(self, number: object, *, forget: bool = False) -> list[_Waiter]:
        if not isinstance(number, int):
            return []
        return self._waiting.pop(number, []) if forget else self._waiting.get(number, [])

    async def _refused(self, raw: Raw) -> None:
        channel, number = raw.get("channel"), raw.get("id")
        error = refusal(raw)
        waiters = [each for each in self._waiters_of(number) if channel is None or channel in each.channels]
        for waiter in waiters:
            waiter.refused = error
        if channel is None:
            return
        if passes(error.code, known=self.reconnects > 0) and not waiters:
            self._again.add(channel)
            return
        self._subscriptions.remove([channel])
        if waiters:
            return
        if not self.reconnects:
            raise error
        await self._buffer.put({**raw, "type": "refused", "detail": error.detail})

    async def _ask_refused_again(self) -> None:
        while True:
            await asyncio.sleep(self._ask_again)
            again, self._again = sorted(self._again), set()
            if again:
                try:
                    await self._subscribe(again, [])
                except ClosedByServer:
                    return  # the reader has seen it too

    async def _renew_in_time(self, socket: Socket) -> None:
        """Replace the identity before the server stops believing it; when that fails for long, the server closes."""
        while self._identity is not None and self._identity.renew_at is not None:
            await asyncio.sleep(max(0.0, self._identity.renew_at - time.time()))
            try:
                other = await self._credentials().other_than(self._identity)
                if other is None:
                    return
                self._identity = other
                await socket.authenticate(other)
            except ClosedByServer:
                return  # the reader has seen it too
            except BreezewayError as error:
                _log.warning("The stream's token could not be renewed: %s", error.detail)
                await asyncio.sleep(_RENEW_AGAIN_SECONDS)

    def _show(self, state: State, reason: str) -> None:
        self.state = state
        _log.debug("stream %s: %s", state, reason)
        if self._on_state is not None:
            self._on_state(state, reason)


def _not_believed(closed: ClosedByServer) -> BreezewayError:
    return Unauthenticated(
        f"The stream does not accept these credentials ({closed.reason}). Sign in again.", code="signed_out"
    )


def _final(closed: ClosedByServer) -> BreezewayError:
    context = {"close_code": closed.code}
    match closed.code:
        case 4503:
            return Forbidden("You may not use the stream.", code="stream_forbidden", context=context)
        case 4504:
            return Forbidden(
                "You have as many streams open as allowed; close one.", code="too_many_connections", context=context
            )
        case _:
            return Rejected(f"The server ended the stream: {closed.reason}", code="stream_refused", context=context)
