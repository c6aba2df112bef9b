"""What may have been missed on a feed: when a gap began, what is said when it ends, and what history has to refill."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from uuid import UUID

import structlog

from breezeway.errors import BreezewayError
from market_data_service.application.feed_ports import FeedMeter, GapRefill
from market_data_service.application.room_keeper import RoomKeeper
from market_data_service.application.tick_desk import TickDesk

_log = structlog.get_logger()


class FeedGaps:
    """A gap begins with the last tick before a loss and ends with the first one after it.

    Args:
        refill_after: seconds between the end of a gap and asking history for it.
        exchange_now_ms: exchange time, epoch milliseconds.
        time: monotonic seconds.
    """

    def __init__(
        self,
        feed: str,
        desk: TickDesk,
        rooms: RoomKeeper,
        *,
        refill: GapRefill,
        refill_after: float,
        meter: FeedMeter,
        exchange_now_ms: Callable[[], int],
        time: Callable[[], float],
    ) -> None:
        self._feed = feed
        self._desk = desk
        self._rooms = rooms
        self._refill = refill
        self._refill_after = refill_after
        self._meter = meter
        self._exchange_now_ms = exchange_now_ms
        self._time = time
        self._reason = "takeover"
        self._window: tuple[int, int] | None = None
        self._due = 0.0
        self.since_ms: int | None = None
        """Exchange time of the last tick before the gap that is open; None while nothing is missing."""
        self.last: dict[str, object] | None = None
        """The last gap that has ended: `from`, `to`, `reason`."""

    def inherit(self, last_event_ms: int) -> None:
        """Ticks between the last owner's last and our first are a gap, however short."""
        self.since_ms = last_event_ms

    def start(self, reason: str) -> None:
        self._desk.bars.break_off()
        if self.since_ms is None and self._desk.newest_event_ms is not None:
            self.since_ms = self._desk.newest_event_ms
            self._reason = reason

    def end(self) -> None:
        """The first tick after a gap has been taken by the desk: tell everybody, before it is published."""
        start, self.since_ms = self.since_ms, None
        if start is None:
            return
        # The broker's event times are whole seconds, so a short gap may begin and end in the same one.
        end = max(start, self._desk.newest_event_ms or 0, self._exchange_now_ms())
        # The tick that ends the gap waits already; whoever reads it must have read of the gap.
        waiting = self._desk.take_all()
        self._desk.announce_gap(self._rooms.channels_by_symbol(), start, end, self._reason)
        for message in waiting:
            self._desk.post(message)
        self.last = {"from": start, "to": end, "reason": self._reason}
        self._meter.gap(self._reason, (end - start) / 1000)
        self._note_refill(start, end)
        _log.warning("feed_gap", feed=self._feed, milliseconds=end - start, reason=self._reason)

    def _note_refill(self, start: int, end: int) -> None:
        # Asked for once a minute at most, as one window: a feed that flaps must not eat the day's quota of calls. By
        # then the bar in which the gap ended is over, and history has it whole.
        if self._window is not None:
            start = min(start, self._window[0])
        self._window = (start, end)
        self._due = self._time() + self._refill_after

    async def refill(self, user_id: UUID, symbols: Collection[str]) -> None:
        """Ask for what is due, if anything is."""
        if self._window is None or self._time() < self._due:
            return
        (start, end), self._window = self._window, None
        try:
            await self._refill.request(
                user_id,
                symbols,
                datetime.fromtimestamp(start // 60_000 * 60, UTC),
                datetime.fromtimestamp((end // 60_000 + 1) * 60, UTC),
            )
        except BreezewayError as error:
            # The bars are lacking until somebody backfills the day.
            _log.warning("gap_not_refilled", feed=self._feed, code=error.code)
