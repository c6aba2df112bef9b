"""One client of the stream: who it is, what it listens to, and what each of its commands does."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

import orjson

from breezeway.contracts.stream import DURABLE_KINDS, MARKET_KINDS, PRIVATE_KINDS, Channel, ChannelKind
from breezeway.errors import BreezewayError, Forbidden, InvalidInput, NotFound, Unauthenticated
from breezeway.security.tokens import Principal
from gateway_service.application.durable_gate import DurableGate
from gateway_service.application.hub import Hub, Listener
from gateway_service.application.outbox import Outbox
from gateway_service.application.parcels import lasting_parcel
from gateway_service.application.snapshot_gate import SnapshotGate
from gateway_service.application.stream_ports import (
    FeedDirectory,
    Histories,
    History,
    Interest,
    KeyChecker,
    Snapshots,
    SymbolDirectory,
    TokenChecker,
    Topics,
)
from gateway_service.domain.addresses import UNKNOWN
from gateway_service.domain.channel_scopes import check_channel
from gateway_service.domain.close_codes import CloseCode
from gateway_service.domain.commands import (
    Authenticate,
    Command,
    CommandId,
    InvalidCommand,
    Ping,
    Position,
    Subscribe,
    Unreadable,
    Unsubscribe,
    parse_frame,
)

_LIVE_INTERVALS: Final = frozenset({"1s", "5s", "1m", "3m", "5m", "10m", "15m", "30m", "1h", "2h", "4h", "1d"})


class Disconnect(Exception):
    """The connection has to end; `code` is None when the client has gone already."""

    def __init__(self, code: CloseCode | None, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Backstage:
    """Everything a connection works with that it shares with the others."""

    hub: Hub
    topics: Topics
    snapshots: Snapshots
    histories: Histories
    interest: Interest
    feeds: FeedDirectory
    symbols: SymbolDirectory
    tokens: TokenChecker
    api_keys: KeyChecker
    now_ms: Callable[[], int]
    """Wall time, epoch milliseconds."""
    max_channels: int = 1_000


@dataclass(frozen=True, slots=True)
class _Subscription:
    """A channel and the topic by which it reaches us."""

    channel: Channel
    topic: str


class Connection:
    """State of one client. All calls come from one event loop; `handle` is never called twice at the same time.

    Args:
        number: unique in this process.
        outbox: where everything for this client goes.
        ip: where the client is.
    """

    def __init__(self, number: int, outbox: Outbox, stage: Backstage, ip: str = UNKNOWN) -> None:
        self.number = number
        self.outbox = outbox
        self.ip = ip
        self.principal: Principal | None = None
        self._api_key = ""
        self._stage = stage
        self._subscriptions: dict[str, _Subscription] = {}
        self._durable: dict[str, DurableGate] = {}
        self._recovering: asyncio.Task[None] | None = None
        self._feed: str | None = None
        self._moving = asyncio.Lock()
        self._closed = False

    @property
    def feed(self) -> str | None:
        """The feed that serves this client's market channels; None until the first of them."""
        return self._feed

    @property
    def wants_feed(self) -> bool:
        """Whether it has channels that a feed serves, or would serve if its user had one now."""
        return any(_needs_feed(subscription.channel) for subscription in self._subscriptions.values())

    @property
    def channels(self) -> list[str]:
        """What the client listens to."""
        return list(self._subscriptions)

    def market_channels(self) -> Iterable[Channel]:
        return [s.channel for s in self._subscriptions.values() if s.channel.kind in MARKET_KINDS]

    def market_names(self) -> Iterable[str]:
        """The names of `market_channels`."""
        return [name for name, s in self._subscriptions.items() if s.channel.kind in MARKET_KINDS]

    async def handle(self, frame: str | bytes) -> Principal | None:
        """Carry out one client frame; the replies go to the outbox.

        Returns:
            the principal, when the frame authenticated or renewed one.

        Raises:
            Disconnect: the connection has to end.
        """
        try:
            command = parse_frame(frame)
        except Unreadable as error:
            raise Disconnect(CloseCode.BAD_REQUEST, error.detail) from error
        except InvalidCommand as error:
            if self.principal is None:
                raise Disconnect(CloseCode.BAD_REQUEST, "The first frame must be auth.") from error
            self._refuse(error.command_id, error)
            return None
        if isinstance(command, Authenticate):
            return await self._authenticate(command)
        if self.principal is None:
            raise Disconnect(CloseCode.UNAUTHENTICATED, "The first frame must be auth.")
        async with self._moving:
            await self._dispatch(command)
        return None

    async def _dispatch(self, command: Command) -> None:
        match command:
            case Subscribe():
                await self._subscribe(command)
            case Unsubscribe():
                self._unsubscribe(command)
            case Ping():
                self._reply({"type": "pong", "id": command.id, "ts": self._stage.now_ms()})
            case _:
                raise AssertionError(command)

    @property
    def renews_itself(self) -> bool:
        """Whether the client proved itself with an API key: the program has nothing fresher to send."""
        return bool(self._api_key)

    async def renew(self) -> Principal:
        """Accept the client's API key once more. Raises Disconnect when it is not good any longer."""
        self.principal = await self._principal_of(Authenticate(api_key=self._api_key))
        return self.principal

    async def _principal_of(self, command: Authenticate) -> Principal:
        try:
            if command.api_key:
                return await self._stage.api_keys.principal_of(command.api_key, self.ip)
            return await self._stage.tokens.authenticate(command.token)
        except Forbidden as error:
            raise Disconnect(CloseCode.FORBIDDEN, error.code) from error
        except Unauthenticated as error:
            raise Disconnect(CloseCode.UNAUTHENTICATED, error.code) from error
        except BreezewayError as error:
            raise Disconnect(CloseCode.INTERNAL, error.code) from error

    async def _authenticate(self, command: Authenticate) -> Principal:
        principal = await self._principal_of(command)
        if self.principal is not None and principal.user_id != self.principal.user_id:
            # The channels belong to the first user; a connection never changes hands.
            raise Disconnect(CloseCode.FORBIDDEN, "The token is another user's.")
        self.principal = principal
        self._api_key = command.api_key
        self._reply(
            {
                "type": "authenticated",
                **({"id": command.id} if command.id is not None else {}),
                "user_id": str(principal.user_id),
                "expires_at": principal.expires_at * 1000,
            }
        )
        return principal

    async def _subscribe(self, command: Subscribe) -> None:
        wanted = await self._resolve(command)
        new = {name: channel for name, channel in wanted.items() if name not in self._subscriptions}
        room = self._stage.max_channels - len(self._subscriptions)
        for name in list(new)[max(room, 0) :]:
            del new[name]
            self._refuse(
                command.id,
                InvalidInput(f"A connection may have {self._stage.max_channels:,} channels.", code="too_many_channels"),
                name,
            )
        feed = await self._feed_for(new, command.id)
        added = {
            name: _Subscription(channel, self._topic(channel, feed))
            for name, channel in new.items()
            if feed is not None or not _needs_feed(channel)
        }
        self._subscriptions.update(added)
        gates = await self._join(added, feed, command.since)
        # Read before the word: a place that is read after it would count what was published since as old.
        histories = await self._histories([name for name in added if name in self._durable])
        # Said only now: what is published after the client has read this reaches it.
        self._reply({"type": "subscribed", "id": command.id, "channels": self.channels})
        self._catch_up(histories)
        await self._open(gates, feed)

    def _unsubscribe(self, command: Unsubscribe) -> None:
        gone = []
        for name in command.channels:
            subscription = self._subscriptions.pop(name, None)
            self._durable.pop(name, None)
            if subscription is not None:
                gone.append(subscription.topic)
        self._stage.hub.leave(self.number, gone)
        self._reply({"type": "unsubscribed", "id": command.id, "channels": self.channels})

    async def move(self, feed: str | None, reason: str) -> None:
        """Take the market channels to another feed (the user's broker session has changed), with a gap between."""
        async with self._moving:
            if feed == self._feed or self._closed:
                return
            moved = {name: s for name, s in self._subscriptions.items() if _needs_feed(s.channel)}
            self._stage.hub.leave(self.number, [s.topic for s in moved.values()])
            self._feed = feed
            self._reply({"type": "feed", "state": "moved" if feed else "no_session", "reason": reason})
            if feed is None:
                return
            fresh = {name: _Subscription(s.channel, self._topic(s.channel, feed)) for name, s in moved.items()}
            self._subscriptions.update(fresh)
            await self._open(await self._join(fresh, feed), feed)

    async def recover(self) -> None:
        """Live messages may have been missed: bring the durable channels up to date again."""
        if not self._durable:
            return
        async with self._moving:
            for gate in self._durable.values():
                gate.hold()
            self._catch_up(await self._histories(list(self._durable)))

    def _recover_soon(self) -> None:
        if self._recovering is None or self._recovering.done():
            self._recovering = asyncio.create_task(self.recover(), name="stream-recover")

    def close(self) -> None:
        """Leave every channel. Idempotent."""
        self._closed = True
        self._stage.hub.leave(self.number, [s.topic for s in self._subscriptions.values()])
        self._subscriptions.clear()
        self._durable.clear()
        if self._recovering is not None:
            self._recovering.cancel()

    async def _resolve(self, command: Subscribe) -> dict[str, Channel]:
        """Canonical channel name to channel; what cannot be one is refused."""
        parsed: list[Channel] = []
        for name in command.channels:
            try:
                channel = _streamable(name)
                if self.principal is not None:
                    check_channel(channel, self.principal.scopes)
                parsed.append(channel)
            except (InvalidInput, Forbidden) as error:
                self._refuse(command.id, error, name)
        names = {channel.symbol for channel in parsed if channel.symbol is not None}
        canonical: Mapping[str, str] = {}
        failed: BreezewayError | None = None
        if names:
            try:
                canonical = await self._stage.symbols.canonical(names)
            except BreezewayError as error:
                failed = error
        wanted = {}
        for channel in parsed:
            if channel.symbol is None:
                wanted[channel.name] = channel
            elif channel.symbol in canonical:
                real = Channel(channel.kind, canonical[channel.symbol], channel.interval)
                wanted[real.name] = real
            else:
                self._refuse(command.id, failed or _no_instrument(channel.symbol), channel.name)
        return wanted

    async def _feed_for(self, channels: dict[str, Channel], command_id: CommandId) -> str | None:
        needing = [name for name, channel in channels.items() if _needs_feed(channel)]
        if not needing or self.principal is None:
            return self._feed
        if self._feed is None:
            try:
                self._feed = await self._stage.feeds.feed_of(self.principal.user_id)
            except BreezewayError as error:
                for name in needing:
                    self._refuse(command_id, error, name)
        return self._feed

    def _topic(self, channel: Channel, feed: str | None) -> str:
        if channel.kind in PRIVATE_KINDS:
            assert self.principal is not None  # noqa: S101 - nobody subscribes before authenticating; narrows the type
            return self._stage.topics.of_user(self.principal.user_id, channel.name)
        assert feed is not None  # noqa: S101 - the caller left out what needs a feed that is not there
        return self._stage.topics.of_feed(feed, channel.name)

    async def _join(
        self, added: dict[str, _Subscription], feed: str | None, since: Mapping[str, Position] = MappingProxyType({})
    ) -> dict[str, SnapshotGate]:
        """Attach to the hub; the gates that still wait for their snapshots."""
        gates: dict[str, SnapshotGate] = {}
        listeners: dict[str, Listener] = {}
        for name, subscription in added.items():
            if _needs_feed(subscription.channel):
                topic = subscription.topic
                gates[name] = SnapshotGate(
                    self.outbox, partial(self._stage.hub.replace, self.number, topic, self.outbox)
                )
                listeners[topic] = gates[name]
            elif subscription.channel.kind in DURABLE_KINDS:
                self._durable[name] = DurableGate(name, self.outbox, since.get(name), self._recover_soon)
                listeners[subscription.topic] = self._durable[name]
            else:
                listeners[subscription.topic] = self.outbox
        if gates and feed is not None:
            # Said before joining: on a channel that nobody had, the owner needs a moment to begin.
            market = [n for n in gates if added[n].channel.kind in MARKET_KINDS]
            await self._stage.interest.announce(feed, market)
        await self._stage.hub.join(self.number, listeners)
        if self._closed:
            # The client left while Redis was being asked, after `close` had cleaned up.
            self._stage.hub.leave(self.number, listeners)
            return {}
        return gates

    async def _histories(self, names: Iterable[str]) -> dict[str, History | None]:
        """What each of these durable channels has said after the place at which its gate stands."""
        found: dict[str, History | None] = {}
        for name in names:
            gate = self._durable.get(name)
            if gate is not None and self.principal is not None:
                found[name] = await self._stage.histories.since(self.principal.user_id, name, gate.position)
        return found

    def _catch_up(self, histories: Mapping[str, History | None]) -> None:
        for name, history in histories.items():
            gate = self._durable.get(name)
            if gate is not None:
                gate.open(history)

    async def _open(self, gates: Mapping[str, SnapshotGate], feed: str | None) -> None:
        if gates and feed is not None:
            names = list(gates)
            snapshots = await self._stage.snapshots.latest(feed, names)
            for name, snapshot in zip(names, snapshots, strict=True):
                gates[name].open(snapshot)

    def _refuse(self, command_id: CommandId, error: BreezewayError, channel: str | None = None) -> None:
        where = {} if channel is None else {"channel": channel}
        self._reply({"type": "error", "id": command_id, "code": error.code, "detail": error.detail, **where})

    def _reply(self, body: Mapping[str, object]) -> None:
        self.outbox.post(lasting_parcel(orjson.dumps(body)))


def _streamable(name: str) -> Channel:
    channel = Channel.parse(name)
    if channel.interval is not None and channel.interval not in _LIVE_INTERVALS:
        raise InvalidInput(f"{channel.interval} bars are not streamed.", code="unsupported_interval")
    return channel


def _needs_feed(channel: Channel) -> bool:
    return channel.kind in MARKET_KINDS or channel.kind is ChannelKind.FEED


def _no_instrument(name: str) -> NotFound:
    return NotFound(
        f"There is no instrument {name}. Search for it: /api/v1/instruments/search", code="instrument_not_found"
    )
