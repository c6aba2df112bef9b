"""Rooms and frames: who hears what, what is switched on and off, and what faults do to it."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from breeze_simulator.application.faults import FaultKind, FaultOrder, Faults
from breeze_simulator.application.streams import StreamRules, Streams
from breeze_simulator.domain.instruments import Universe
from breezeway.testing.clock import FixedClock

QUOTE, DEPTH = "4.1!2885", "4.2!2885"


class Ear:
    """A listener that remembers."""

    def __init__(self, user_id: str = "SIM00001") -> None:
        self.user_id = user_id
        self.heard: list[Any] = []

    def send(self, text: str) -> None:
        assert text.startswith("42")
        self.heard.append(orjson.loads(text[2:]))

    def rooms(self) -> list[Any]:
        return [payload[0] for event, payload in self.heard if event == "stock"]


@pytest.fixture
def faults(wall: FixedClock) -> Faults:
    return Faults(wall)


@pytest.fixture
def streams(market: Any, faults: Faults, wall: FixedClock) -> Streams:
    made = Streams(market, faults, wall, StreamRules())
    market.emit, market.emit_bars = made.emit_ticks, made.emit_bars
    return made


async def test_a_join_is_answered_with_what_is_known(streams: Streams, market: Any) -> None:
    ear = Ear()
    streams.join_feed(ear, QUOTE)
    assert ear.rooms() == [QUOTE]
    streams.join_feed(ear, DEPTH)
    await market.push(QUOTE)
    assert ear.rooms() == [QUOTE, DEPTH, QUOTE, DEPTH]


async def test_only_members_hear(streams: Streams, market: Any) -> None:
    inside, outside = Ear(), Ear()
    streams.join_feed(inside, QUOTE)
    streams.join_feed(outside, "4.1!35001")
    await market.push(QUOTE)
    assert inside.rooms() == [QUOTE, QUOTE]
    assert outside.rooms() == ["4.1!35001"]


def test_first_in_watches_and_last_out_unwatches(streams: Streams, market: Any) -> None:
    one, two = Ear(), Ear()
    streams.join_feed(one, QUOTE)
    streams.join_feed(one, QUOTE)
    streams.join_feed(two, QUOTE)
    assert market.watched[QUOTE] == 1
    streams.feed.leave(one, QUOTE)
    assert market.watched[QUOTE] == 1
    streams.depart(two)
    assert market.watched[QUOTE] == 0
    assert len(streams.feed) == 0


def test_unknown_rooms_are_accepted_in_silence(streams: Streams) -> None:
    ear = Ear()
    for room in ("4.1!False", "nonsense", "", "13.1!False", "1.1!2885"):
        streams.join_feed(ear, room)
    assert ear.heard == []
    streams.depart(ear)


async def test_bars_go_to_their_channel(streams: Streams, market: Any) -> None:
    ear = Ear()
    streams.ohlc.join(ear, "2.1!844663")
    assert sum(market.watched_bars.values()) == 4
    await market.push_bar("8.1!844663", "1minute", datetime(2026, 8, 3, 5, 0, tzinfo=UTC))
    ((event, text),) = ear.heard
    assert event == "1MIN"
    assert text.startswith("BFO,BSESEN,25-Aug-2026,24500.0,CE,")
    streams.depart(ear)
    assert sum(market.watched_bars.values()) == 0


def test_orders_reach_every_client_of_their_user(streams: Streams) -> None:
    mine, also_mine, theirs = Ear(), Ear(), Ear("SIM00002")
    for ear in (mine, also_mine, theirs):
        streams.arrive(ear)
    assert streams.emit_order("SIM00001", ["1", "x"]) == 2
    assert mine.heard == also_mine.heard == [["order", ["1", "x"]]]
    assert theirs.heard == []


async def test_mute_silences_one_user_for_a_while(
    streams: Streams, market: Any, faults: Faults, wall: FixedClock
) -> None:
    mine, theirs = Ear(), Ear("SIM00002")
    streams.join_feed(mine, QUOTE)
    streams.join_feed(theirs, QUOTE)
    faults.add(FaultOrder(FaultKind.MUTE, seconds=10, user_id="SIM00001"))
    await market.push(QUOTE)
    assert (len(mine.heard), len(theirs.heard)) == (1, 2)
    wall.advance(10)
    await market.push(QUOTE)
    assert (len(mine.heard), len(theirs.heard)) == (2, 3)


async def test_duplicates_reordering_and_nonsense(streams: Streams, market: Any, faults: Faults) -> None:
    ear = Ear()
    streams.join_feed(ear, QUOTE)
    ear.heard.clear()
    faults.add(FaultOrder(FaultKind.DUPLICATE_TICKS, count=1))
    await market.push(QUOTE, last=1.0)
    assert [payload[2] for _, payload in ear.heard] == [1, 1]

    ear.heard.clear()
    faults.add(FaultOrder(FaultKind.REORDER_TICKS, count=1))
    for last in (2.0, 3.0, 4.0):
        await market.push(QUOTE, last=last)
    assert [payload[2] for _, payload in ear.heard] == [3, 2, 4]

    ear.heard.clear()
    faults.add(FaultOrder(FaultKind.MALFORMED_FRAME, count=1))
    await market.push(QUOTE, last=5.0)
    await market.push(QUOTE, last=6.0)
    assert len(ear.heard) == 2
    nonsense = ear.heard[0][1]
    assert not (isinstance(nonsense, list) and len(nonsense) == 21)
    assert ear.heard[1][1][2] == 6


async def test_rooms_follow_the_exchange_to_another_day(streams: Streams, market: Any) -> None:
    ear = Ear()
    streams.join_feed(ear, QUOTE)
    streams.join_feed(ear, "4.1!47869")
    market.universe = Universe([i for i in market.universe.cash("NSE")])
    await market.push(QUOTE)
    assert market.watched["4.1!47869"] == 0
    assert market.watched[QUOTE] == 1
    assert ear.rooms()[-1] == QUOTE
