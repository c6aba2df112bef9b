"""The broker's own bars: which rooms are joined, and that they stand above ours."""

from collections.abc import Collection

import orjson

from breezeway.breeze.events import OhlcBar
from breezeway.contracts.instruments import Instrument
from breezeway.contracts.stream import Channel
from breezeway.errors import UpstreamUnavailable
from breezeway.market_calendar.calendar import MarketCalendar
from market_data_service.application.bar_rooms import BarRooms
from market_data_service.application.tick_desk import TickDesk

OPEN = 1_795_146_300  # 2026-11-20 09:15 IST, a Friday


class Socket:
    """Notes what is asked of it."""

    def __init__(self) -> None:
        self.bars_lost = 0
        self.away = False
        self.log: list[tuple[str, tuple[str, ...], str]] = []

    async def join_bars(self, rooms: Collection[str], interval: str) -> None:
        if self.away:
            raise UpstreamUnavailable("away", code="broker_feed_down")
        self.log.append(("join", tuple(rooms), str(interval)))

    async def leave_bars(self, rooms: Collection[str]) -> None:
        self.log.append(("leave", tuple(rooms), ""))


def instrument(symbol: str, token: str, **more: object) -> Instrument:
    fields = {"type": "equity", "exchange": symbol.partition(":")[0], "segment": "cash", **more}
    return Instrument.model_validate(
        {
            **{"instrument_id": 1, "symbol": symbol, "name": symbol, "lot_size": 1, "tick_size": "0.05"},
            **{"broker_code": symbol.partition(":")[2][:6], "broker_token": token},
            **fields,
        }
    )


A, B = instrument("NSE:AAA", "4.1!1"), instrument("NSE:BBB", "4.1!2")
KNOWN = {A.symbol: A, B.symbol: B}


def channels(*names: str) -> list[Channel]:
    return [Channel.parse(name) for name in names]


def bar(interval: str, t: int, close: float = 10.0) -> OhlcBar:
    return OhlcBar("NSE", "AAA", interval, t * 1000, 10.0, 11.0, 9.0, close, 5, None, None, None, None)


def desk() -> TickDesk:
    return TickDesk(1, MarketCalendar.default())


async def test_only_seconds_and_minutes_that_somebody_hears_are_joined_and_left_late() -> None:
    rooms, socket = BarRooms(desk(), 40, linger=5), Socket()
    wanted = channels("candle:1s:NSE:AAA", "candle:1m:NSE:AAA", "candle:15m:NSE:BBB", "tick:NSE:BBB")
    await rooms.reconcile(socket, wanted, KNOWN, 0)  # type: ignore[arg-type]
    assert socket.log == [("join", ("4.1!1",), "1s"), ("join", ("4.1!1",), "1m")]
    socket.log.clear()
    await rooms.reconcile(socket, channels("candle:1m:NSE:AAA"), KNOWN, 1)  # type: ignore[arg-type]
    await rooms.reconcile(socket, channels("candle:1m:NSE:AAA"), KNOWN, 7)  # type: ignore[arg-type]
    assert socket.log == [], "the room still serves the minutes"
    for now in (8, 14):
        await rooms.reconcile(socket, [], KNOWN, now)  # type: ignore[arg-type]
    assert socket.log == [("leave", ("4.1!1",), "")]


async def test_no_more_rooms_than_the_broker_serves_and_none_given_up_for_another() -> None:
    rooms, socket = BarRooms(desk(), 1, linger=5), Socket()
    await rooms.reconcile(socket, channels("candle:1m:NSE:BBB"), KNOWN, 0)  # type: ignore[arg-type]
    await rooms.reconcile(socket, channels("candle:1m:NSE:AAA", "candle:1m:NSE:BBB"), KNOWN, 1)  # type: ignore[arg-type]
    assert socket.log == [("join", ("4.1!2",), "1m")]


async def test_a_host_that_is_away_is_left_in_peace_for_a_minute_and_a_lost_one_joined_again() -> None:
    rooms, socket = BarRooms(desk(), 40, linger=5), Socket()
    wanted = channels("candle:1m:NSE:AAA")
    socket.away = True
    await rooms.reconcile(socket, wanted, KNOWN, 0)  # type: ignore[arg-type]
    socket.away = False
    await rooms.reconcile(socket, wanted, KNOWN, 59)  # type: ignore[arg-type]
    assert socket.log == []
    await rooms.reconcile(socket, wanted, KNOWN, 61)  # type: ignore[arg-type]
    socket.bars_lost = 1
    await rooms.reconcile(socket, wanted, KNOWN, 62)  # type: ignore[arg-type]
    assert socket.log == [("join", ("4.1!1",), "1m")] * 2


async def test_contracts_are_told_apart_and_indices_recognised() -> None:
    board = desk()
    rooms = BarRooms(board, 40, linger=5)
    option = instrument(
        "NFO:X",
        "4.1!9",
        **{"type": "option", "segment": "derivatives", "broker_code": "NIFTY"},
        **{"expiry": "2026-11-26", "strike": "100", "right": "call"},
    )
    index = instrument("NSE_INDEX:NIFTY", "4.1!NIFTY 50", type="index", broker_code="NIFTY")
    known = {"NFO:X": option, "NSE_INDEX:NIFTY": index}
    board.bars.want({name: frozenset({Channel.parse(f"candle:1m:{name}").interval}) for name in known})  # type: ignore[misc]
    names = channels("candle:1m:NFO:X", "candle:1m:NSE_INDEX:NIFTY")
    await rooms.reconcile(Socket(), names, known, 0)  # type: ignore[arg-type]
    strike, expiry = option.strike, option.expiry
    rooms.on_bar(OhlcBar("NFO", "NIFTY", "1m", OPEN * 1000, 1, 1, 1, 1, 1, 7, expiry, strike, "CE"))
    rooms.on_bar(OhlcBar("NFO", "NIFTY", "1m", OPEN * 1000, 2, 2, 2, 2, 1, 7, expiry, strike, "PE"))
    rooms.on_bar(OhlcBar("NSE", "NIFTY", "1m", OPEN * 1000, 3, 3, 3, 3, 1, None, None, None, None))
    heard = [orjson.loads(message.body) for message in board.take_all()]
    assert [(message["symbol"], message["c"]) for message in heard] == [("NFO:X", 1), ("NSE_INDEX:NIFTY", 3)]


async def test_the_brokers_bar_stands_above_ours_and_is_told_only_when_it_differs() -> None:
    board = desk()
    rooms = BarRooms(board, 40, linger=5)
    board.bars.want({"NSE:AAA": frozenset({Channel.parse("candle:1m:NSE:AAA").interval})})  # type: ignore[arg-type]
    await rooms.reconcile(Socket(), channels("candle:1m:NSE:AAA"), KNOWN, 0)  # type: ignore[arg-type]
    for second, price, volume in ((0, 10.0, 0), (60, 10.0, 5), (90, 11.0, 7), (100, 9.0, 8), (110, 10.0, 10)):
        board.bars.add("NSE:AAA", (OPEN + second) * 1000, price, volume, None)
    board.bars.add("NSE:AAA", (OPEN + 120) * 1000, 10.0, 10, None)
    board.take_all()
    ours = board.bars.take_finished()["NSE:AAA"][0]
    assert (ours.t, ours.h, ours.l, ours.v) == (OPEN + 60, 11.0, 9.0, 10)
    same = OhlcBar("NSE", "AAA", "1m", (OPEN + 60) * 1000, ours.o, ours.h, ours.l, ours.c, ours.v, *(None,) * 4)
    rooms.on_bar(same)
    assert board.take_all() == []
    rooms.on_bar(bar("1m", OPEN + 60, close=10.5))
    told = orjson.loads(board.take_all()[0].body)
    assert (told["t"], told["c"], told["closed"]) == (OPEN + 60, 10.5, True)
    assert board.bars.take_finished()["NSE:AAA"][0].c == 10.5
    rooms.on_bar(bar("1m", OPEN + 120, close=10.25))
    board.take_all()
    board.bars.add("NSE:AAA", (OPEN + 180) * 1000, 10.0, 11, None)
    heard = [orjson.loads(message.body) for message in board.take_all()]
    assert [message["c"] for message in heard if message["t"] == OPEN + 120 and message["closed"]] == []
    assert [each.c for each in board.bars.take_finished()["NSE:AAA"]] == [10.25]
