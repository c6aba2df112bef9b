"""The live side: quotes and depth, OHLC channels and order events, from the one market to whoever joined a room."""

from collections.abc import Sequence
from dataclasses import dataclass

from breeze_simulator.application.faults import FaultKind, Faults
from breeze_simulator.application.ports import LiveMarket
from breeze_simulator.application.rooms import Listener, Room, Rooms
from breeze_simulator.domain import frames_out
from breeze_simulator.domain.frames_out import BarLabel, Frame
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.market_types import ClosedBar, Tick
from breezeway.clock import Clock


@dataclass(frozen=True, slots=True)
class StreamRules:
    """What is only guessed about the sockets: the time label of OHLC bars, and MCX prices in rupees times this."""

    bar_label: BarLabel = "start"
    mcx_scale: int = 100


class Streams:
    """Turns ticks and closed bars into frames, once per room, and hands them to the room's listeners."""

    def __init__(self, market: LiveMarket, faults: Faults, clock: Clock, rules: StreamRules) -> None:
        self._market = market
        self._faults = faults
        self._clock = clock
        self._rules = rules
        self._universe = market.universe
        self._held: dict[Listener, str] = {}
        self._held_orders: dict[Listener, str] = {}
        self._users: set[Listener] = set()
        self.feed = Rooms(self._find_feed, self._watch, self._unwatch)
        self.ohlc = Rooms(self._find_ohlc, self._watch_bars, self._unwatch_bars)
        self.frames_sent = 0

    def arrive(self, listener: Listener) -> None:
        """A listener of order events: every client of the quote endpoint, whether it joined a room or not."""
        self._users.add(listener)

    def depart(self, listener: Listener) -> None:
        self._users.discard(listener)
        self._held.pop(listener, None)
        self._held_orders.pop(listener, None)
        self.feed.drop(listener)
        self.ohlc.drop(listener)

    def join_feed(self, listener: Listener, name: str) -> None:
        """Enter a quote or depth room. What is known is sent at once: an illiquid contract may not tick for hours."""
        room = self.feed.join(listener, name)
        if room.instrument is not None:
            quote = self._market.snapshot(room.instrument)
            frame = self._frame(room, Tick(room.instrument, self._clock.now(), quote))
            if frame is not None:
                self._deliver(listener, frames_out.event_text("stock", frame))

    async def emit_ticks(self, ticks: Sequence[Tick]) -> None:
        self._follow_the_day()
        for tick in ticks:
            for name in (tick.instrument.quote_room, tick.instrument.depth_room):
                room = self.feed.get(name)
                frame = self._frame(room, tick) if room is not None else None
                if room is not None and frame is not None:
                    self._publish(room, "stock", frame)

    async def emit_bars(self, bars: Sequence[ClosedBar]) -> None:
        for bar in bars:
            room = self.ohlc.get(bar.instrument.ohlc_room)
            if room is not None:
                text = frames_out.bar_text(bar, self._rules.bar_label)
                self._publish(room, frames_out.CHANNEL_OF[bar.interval], text)

    def emit_order(self, user_id: str, frame: Frame) -> int:
        """Push an order event to every client of the user; returns how many there were."""
        text = frames_out.event_text("order", frame)
        reached = [listener for listener in self._users if listener.user_id == user_id]
        for listener in reached:
            self._deliver_order(listener, text, frame)
        return len(reached)

    def _deliver_order(self, listener: Listener, text: str, frame: Frame) -> None:
        user = listener.user_id
        if self._faults.take(FaultKind.DROP_ORDER, user_id=user):
            return
        held = self._held_orders.pop(listener, None)
        if held is None and self._faults.take(FaultKind.REORDER_ORDER, user_id=user):
            self._held_orders[listener] = text
            return
        if self._faults.take(FaultKind.PARTIAL_ORDER, user_id=user):
            text = frames_out.event_text("order", frame[: len(frame) // 2])
        self._deliver(listener, text)
        if self._faults.take(FaultKind.DUPLICATE_ORDER, user_id=user):
            self._deliver(listener, text)
        if held is not None:
            self._deliver(listener, held)

    def _publish(self, room: Room, event: str, payload: object) -> None:
        text = frames_out.event_text(event, payload)
        if not self._faults.any and not self._held:
            self.frames_sent += len(room.members)
            for listener in room.members:
                listener.send(text)
            return
        for listener in tuple(room.members):
            self._deliver(listener, text)

    def _deliver(self, listener: Listener, text: str) -> None:
        if not self._faults.any and not self._held:
            self._send(listener, text)
            return
        user = listener.user_id
        if self._faults.take(FaultKind.MUTE, user_id=user):
            return
        if self._faults.take(FaultKind.MALFORMED_FRAME, user_id=user):
            text = _malformed(self.frames_sent)
        held = self._held.pop(listener, None)
        if held is None and self._faults.take(FaultKind.REORDER_TICKS, user_id=user):
            self._held[listener] = text
            return
        self._send(listener, text)
        if self._faults.take(FaultKind.DUPLICATE_TICKS, user_id=user):
            self._send(listener, text)
        if held is not None:
            self._send(listener, held)

    def _send(self, listener: Listener, text: str) -> None:
        self.frames_sent += 1
        listener.send(text)

    def _frame(self, room: Room, tick: Tick) -> Frame | None:
        i = tick.instrument
        if i.exchange == "MCX":
            # Commodity frames carry the book themselves; their depth room exists but never speaks.
            if room.name == i.depth_room:
                return None
            return frames_out.commodity_frame(i, tick.quote, self._market.depth(i), tick.at, self._rules.mcx_scale)
        if room.name == i.depth_room:
            # An index has no book.
            return None if i.kind == "index" else frames_out.depth_frame(i, self._market.depth(i))
        return frames_out.quote_frame(i, tick.quote, tick.at)

    def _follow_the_day(self) -> None:
        universe = self._market.universe
        if universe is not self._universe:
            self._universe = universe
            self.feed.refresh()
            self.ohlc.refresh()

    def _find_feed(self, name: str) -> Instrument | None:
        found = self._market.universe.by_room(name)
        return found if found is not None and name in (found.quote_room, found.depth_room) else None

    def _find_ohlc(self, name: str) -> Instrument | None:
        found = self._market.universe.by_room(name)
        return found if found is not None and name == found.ohlc_room else None

    def _watch(self, room: Room) -> None:
        if room.instrument is not None:
            self._market.watch(room.instrument)

    def _unwatch(self, room: Room) -> None:
        if room.instrument is not None:
            self._market.unwatch(room.instrument)

    def _watch_bars(self, room: Room) -> None:
        if room.instrument is not None:
            for interval in frames_out.CHANNEL_OF:
                self._market.watch_bars(room.instrument, interval)

    def _unwatch_bars(self, room: Room) -> None:
        if room.instrument is not None:
            for interval in frames_out.CHANNEL_OF:
                self._market.unwatch_bars(room.instrument, interval)


_NONSENSE: tuple[object, ...] = (["4.1!2885", "x"], "<html>busy</html>", None, ["no room"], [["4.1!2885"], 1])


def _malformed(turn: int) -> str:
    """A well-formed Socket.IO event whose payload no decoder expects, a different one each time."""
    return frames_out.event_text("stock", _NONSENSE[turn % len(_NONSENSE)])
