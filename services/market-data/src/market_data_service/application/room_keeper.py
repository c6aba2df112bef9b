"""Keeps the socket in exactly the rooms that somebody listens to, and the desk informed which room is what."""

from collections.abc import Mapping

import structlog

from breezeway.breeze.events import OhlcBar
from breezeway.contracts.instruments import Instrument
from breezeway.contracts.stream import MARKET_KINDS, Channel, ChannelKind
from breezeway.errors import BreezewayError, InvalidInput
from breezeway.intervals import Interval
from market_data_service.application.bar_rooms import BarRooms
from market_data_service.application.feed_ports import (
    FeedConnection,
    Instruments,
    InterestReader,
    MarketTime,
    MinuteHistory,
)
from market_data_service.application.tick_desk import TickDesk
from market_data_service.domain.rooms import RoomPlan, room_of

_log = structlog.get_logger()


class RoomKeeper:
    """Desired rooms come from interest, actual ones from the plan; `reconcile` closes the difference.

    Args:
        linger: seconds that a room is kept after nobody wants it any more.
        bar_rooms: most instruments whose own bars are asked of the broker.
    """

    def __init__(
        self,
        feed: str,
        desk: TickDesk,
        *,
        interest: InterestReader,
        instruments: Instruments,
        history: MinuteHistory,
        linger: float,
        bar_rooms: int = 0,
    ) -> None:
        self._feed = feed
        self._desk = desk
        self._interest = interest
        self._instruments = instruments
        self._history = history
        self._plan = RoomPlan(linger)
        self._bars = BarRooms(desk, bar_rooms, linger)
        self._channels: dict[str, Channel] = {}
        self._instruments_by_symbol: dict[str, Instrument] = {}
        self._rooms: dict[str, str] = {}

    @property
    def channels(self) -> Mapping[str, Channel]:
        """What is listened to, by name."""
        return self._channels

    @property
    def joined(self) -> int:
        """Rooms that the socket is in."""
        return len(self._plan.joined)

    @property
    def symbols(self) -> frozenset[str]:
        """Instruments whose rooms the socket is in, or should be."""
        return frozenset(self._rooms.values())

    def channels_by_symbol(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, channel in self._channels.items():
            if channel.symbol is not None:
                found.setdefault(channel.symbol, []).append(name)
        return found

    def forget(self) -> None:
        """The socket is gone."""
        self._plan.forget()
        self._bars.forget()

    def on_bar(self, event: OhlcBar) -> None:
        """A bar that the broker has made itself."""
        self._bars.on_bar(event)

    async def reconcile(self, connection: FeedConnection | None, market: MarketTime, now: float) -> None:
        """Read interest, then join and leave what is due at monotonic second `now`.

        Raises:
            Retryable: interest or instruments could not be read, or the socket broke; nothing is lost by trying
            again.
        """
        names = await self._interest.wanted(self._feed)
        channels = {name: channel for name in names if (channel := _market_channel(name)) is not None}
        known = self._instruments_by_symbol
        unknown = {c.symbol for c in channels.values() if c.symbol is not None and c.symbol not in known}
        if unknown:
            found = await self._instruments.resolve(unknown)
            known.update({symbol: i for symbol, i in found.items() if i.broker_token is not None})
        self._channels = channels
        fresh = self._desk.bars.want(_intervals(channels))
        wanted = self._wanted_rooms(channels)
        if connection is not None:
            await self._move(connection, wanted, now)
            await self._bars.reconcile(connection, channels.values(), known, now)
        for symbol, interval in fresh:
            await self._seed(symbol, interval, market)

    def _wanted_rooms(self, channels: Mapping[str, Channel]) -> dict[str, str]:
        rooms = {}
        for channel in channels.values():
            symbol = channel.symbol or ""
            instrument = self._instruments_by_symbol.get(symbol)
            token = instrument.broker_token if instrument is not None else None
            room = room_of(channel, token) if token is not None else None
            if room is not None:
                rooms[room] = symbol
        return rooms

    async def _move(self, connection: FeedConnection, wanted: Mapping[str, str], now: float) -> None:
        join, leave = self._plan.due(wanted.keys(), now)
        # A lingering room still ticks, and keeps its snapshot and minute bars going. Assigned before joining: the
        # broker sends what it knows of a room the moment we enter it.
        lingering = {room: symbol for room, symbol in self._rooms.items() if room in self._plan.joined - leave}
        self._rooms = {**lingering, **wanted}
        self._desk.assign(self._rooms)
        if join:
            await connection.join(sorted(join))
            self._plan.done(joined=join)
        if leave:
            await connection.leave(sorted(leave))
            self._plan.done(left=leave)

    async def _seed(self, symbol: str, interval: Interval, market: MarketTime) -> None:
        if interval is Interval.SECOND_5:
            return
        now = int(market.now().timestamp())
        start = now - (interval.seconds or 86_400)
        try:
            minutes = await self._history.minutes(symbol, start, now // 60 * 60)
        except BreezewayError as error:
            _log.warning("live_bar_not_seeded", symbol=symbol, interval=interval.value, code=error.code)
            return
        self._desk.bars.seed(symbol, interval, minutes, now)


def _market_channel(name: str) -> Channel | None:
    try:
        channel = Channel.parse(name)
    except InvalidInput:
        return None
    return channel if channel.kind in MARKET_KINDS else None


def _intervals(channels: Mapping[str, Channel]) -> dict[str, frozenset[Interval]]:
    found: dict[str, set[Interval]] = {}
    for channel in channels.values():
        if channel.kind is ChannelKind.CANDLE and channel.symbol is not None and channel.interval is not None:
            found.setdefault(channel.symbol, set()).add(channel.interval)
    return {symbol: frozenset(intervals) for symbol, intervals in found.items()}
