"""The broker's own bars of a second and a minute, for the instruments whose bars somebody listens to."""

from collections.abc import Iterable, Mapping
from typing import Final

import structlog

from breezeway.breeze.events import OhlcBar
from breezeway.candles.folding import Bar
from breezeway.contracts.instruments import Instrument, Right
from breezeway.contracts.stream import Channel
from breezeway.errors import BreezewayError
from breezeway.intervals import Interval
from market_data_service.application.feed_ports import FeedConnection
from market_data_service.application.tick_desk import TickDesk
from market_data_service.domain.rooms import RoomPlan, bars_room

_CARRIED: Final = (Interval.SECOND_1, Interval.MINUTE_1)
_RETRY_SECONDS: Final = 60.0
_RIGHTS: Final = {Right.CALL: "CE", Right.PUT: "PE"}

_Contract = tuple[object, ...]

_log = structlog.get_logger()


class BarRooms:
    """Keeps the OHLC rooms joined, and hands the bars to the desk, which sets them above its own.

    The broker drops bars beyond some forty rooms, and its OHLC host is at times away for days. So what has no room, and
    everything while the host is away, is folded from ticks alone; quotes never wait for bars.

    Args:
        most: rooms that may be joined; 0 never opens that socket.
        linger: seconds that a room is kept after nobody wants it any more.
    """

    def __init__(self, desk: TickDesk, most: int, linger: float) -> None:
        self._desk = desk
        self._most = most
        self._plans = {interval: RoomPlan(linger) for interval in _CARRIED}
        self._symbols: dict[_Contract, str] = {}
        self._lost = 0
        self._not_before = 0.0

    def forget(self) -> None:
        """The connection is gone."""
        for plan in self._plans.values():
            plan.forget()
        self._lost = 0

    async def reconcile(
        self,
        connection: FeedConnection,
        channels: Iterable[Channel],
        instruments: Mapping[str, Instrument],
        now: float,
    ) -> None:
        """Join and leave what is due at monotonic second `now`; a host that is away is tried again after a minute."""
        if self._most == 0 or now < self._not_before:
            return
        if connection.bars_lost != self._lost:
            self._lost = connection.bars_lost
            for plan in self._plans.values():
                plan.forget()
        wanted = self._wanted(channels, instruments)
        try:
            for interval, rooms in wanted.items():
                await self._move(connection, interval, rooms, now)
        except BreezewayError as error:
            self._not_before = now + _RETRY_SECONDS
            _log.warning("broker_bars_unavailable", code=error.code)

    def on_bar(self, event: OhlcBar) -> None:
        symbol = self._symbols.get(
            (event.exchange, event.broker_code, event.expiry, event.strike, event.right),
        )
        if symbol is None or event.interval not in _CARRIED:
            return
        bar = Bar(
            event.at_ms // 1000,
            event.open,
            event.high,
            event.low,
            event.close,
            event.volume,
            event.open_interest,
            closed=True,
        )
        self._desk.bars.confirm(symbol, Interval(event.interval), bar)

    def _wanted(
        self, channels: Iterable[Channel], instruments: Mapping[str, Instrument]
    ) -> dict[Interval, frozenset[str]]:
        found: dict[Interval, set[str]] = {interval: set() for interval in _CARRIED}
        joined = set().union(*(plan.joined for plan in self._plans.values()))
        asked = []
        for channel in channels:
            instrument = instruments.get(channel.symbol or "")
            if channel.interval not in _CARRIED or instrument is None or instrument.broker_token is None:
                continue
            room = bars_room(instrument.broker_token)
            if room is not None:
                # What is joined already goes first: a room that is given up and taken again loses bars.
                asked.append((room not in joined, room, channel.interval, instrument))
        rooms: set[str] = set()
        for _, room, interval, instrument in sorted(asked, key=lambda each: each[:3]):
            if room in rooms or len(rooms) < self._most:
                rooms.add(room)
                found[interval].add(room)
                self._symbols[_contract(instrument)] = instrument.symbol
        return {interval: frozenset(names) for interval, names in found.items()}

    async def _move(self, connection: FeedConnection, interval: Interval, wanted: frozenset[str], now: float) -> None:
        plan = self._plans[interval]
        join, leave = plan.due(wanted, now)
        if join:
            await connection.join_bars(sorted(join), interval)
            plan.done(joined=join)
        if leave:
            plan.done(left=leave)
            # A room serves every length of bar: it is left when the last one does not want it any more.
            others = set().union(*(other.joined for name, other in self._plans.items() if name is not interval))
            if gone := leave - others:
                await connection.leave_bars(sorted(gone))


def _contract(i: Instrument) -> _Contract:
    """How a bar names its instrument."""
    exchange = i.exchange.removesuffix("_INDEX")
    return (exchange, i.broker_code, i.expiry, i.strike, _RIGHTS[i.right] if i.right is not None else None)
