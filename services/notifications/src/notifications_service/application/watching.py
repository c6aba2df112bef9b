"""Evaluates alerts on the live feed.

Memory runs ahead of the database only by what waits in one queue. Every step of an alert is written with a comparison
of its version, together with the event that it gives, in one transaction: two processes that see the same crossing, or
one that sees it again after a restart, write it once.
"""

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
import structlog

from breezeway import cancellation
from breezeway.clock import Clock
from breezeway.contracts.events import Event, EventKind
from breezeway.errors import BreezewayError
from breezeway.observability.red import ALERTS_EVALUATED, ALERTS_FIRED
from notifications_service.application.ports import Feeds, LivePrices, WorkFactory
from notifications_service.application.readings import reading_of
from notifications_service.application.receiving import Receiving
from notifications_service.domain.alerts import Alert, Condition, Reading, Side

_REFRESH_SECONDS: Final = 3.0
_PAUSE_SECONDS: Final = 1.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Step:
    """An alert before and after a tick."""

    before: Alert
    after: Alert
    reading: Reading | None

    @property
    def fired(self) -> bool:
        return self.after.fire_count > self.before.fire_count


class AlertWatch:
    """Owned by one task; `on_message`, `ring` and `on_gap` are called on the same loop."""

    def __init__(self, work: WorkFactory, feeds: Feeds, prices: LivePrices, receiving: Receiving, clock: Clock) -> None:
        self._work = work
        self._feeds = feeds
        self._prices = prices
        self._receiving = receiving
        self._clock = clock
        self._alerts: dict[UUID, Alert] = {}
        self._by_topic: dict[tuple[str, str], set[UUID]] = {}
        self._steps: deque[Step] = deque()
        self._awake = asyncio.Event()
        self._refresh_now = True

    async def run(self) -> None:
        """Watch until cancelled."""
        loop = asyncio.get_running_loop()
        refresh_at = loop.time()
        while True:
            cancellation.heed()
            try:
                if self._refresh_now or loop.time() >= refresh_at:
                    self._refresh_now = False
                    refresh_at = loop.time() + _REFRESH_SECONDS
                    await self.refresh()
                await self.write()
            except (BreezewayError, OSError) as error:
                # What was seen stays in the queue: a crossing is not lost because the database is away.
                _log.warning("alerts_wait", error=type(error).__name__)
                self._refresh_now = True
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            try:
                async with asyncio.timeout(max(0.0, refresh_at - loop.time())):
                    await self._awake.wait()
            except TimeoutError:
                continue
            finally:
                self._awake.clear()

    def ring(self) -> None:
        """Alerts were changed: look now."""
        self._refresh_now = True
        self._awake.set()

    def on_message(self, feed: str, body: bytes) -> None:
        """One tick of a feed."""
        message: dict[str, Any] = orjson.loads(body)
        if message.get("type") != "tick":
            return
        concerned = self._by_topic.get((feed, str(message.get("symbol"))))
        if not concerned:
            return
        reading = reading_of(message)
        if reading is None:
            return
        ALERTS_EVALUATED.inc(len(concerned))
        now = self._clock.now()
        for alert_id in concerned:
            alert = self._alerts.get(alert_id)
            after = None if alert is None else alert.after(reading, now)
            if alert is not None and after is not None:
                self._alerts[alert_id] = after
                self._steps.append(Step(alert, after, reading))
                self._awake.set()

    async def refresh(self) -> None:
        """Read the alerts anew, hear what they need, and look at the prices of now.

        Raises:
            Retryable: what is known stays.
        """
        await self.write()
        now = self._clock.now()
        async with self._work() as work:
            found = {alert.id: alert for alert in await work.active_alerts()}
            for alert in [each for each in found.values() if each.expires_at is not None and each.expires_at <= now]:
                del found[alert.id]
                await work.replace_alert(alert.expired(), alert.version)
            await work.commit()
        wanted: dict[str, set[str]] = defaultdict(set)
        topics: dict[tuple[str, str], set[UUID]] = defaultdict(set)
        feeds = {user: await self._feeds.feed_of(user) for user in {alert.user_id for alert in found.values()}}
        for alert in found.values():
            feed = feeds[alert.user_id]
            if feed is not None:
                wanted[feed].add(alert.symbol)
                topics[feed, alert.symbol].add(alert.id)
        # A tick that came while this was read has moved an alert on: what it did waits in the queue and is newer.
        ahead = {step.after.id for step in self._steps}
        self._alerts = {i: self._alerts[i] if i in ahead and i in self._alerts else a for i, a in found.items()}
        self._by_topic = dict(topics)
        await self._prices.want({feed: frozenset(symbols) for feed, symbols in wanted.items()})
        for feed, symbols in wanted.items():
            for body in await self._prices.latest(feed, sorted(symbols)):
                self.on_message(feed, body)
        await self.write()

    async def write(self) -> None:
        """Write the steps that wait, oldest first. Raises Retryable; what was not written waits on."""
        while self._steps:
            step = self._steps[0]
            async with self._work() as work:
                won = await work.replace_alert(step.after, step.before.version)
                if won and step.fired and step.reading is not None:
                    await self._receiving.take(work, event_of(step.after, step.reading))
                await work.commit()
            self._steps.popleft()
            if won and step.fired:
                ALERTS_FIRED.inc()
            if not won:
                self._give_up(step.after.id)

    def _give_up(self, alert_id: UUID) -> None:
        # Its user changed it, or another process was faster: whatever was made of our older copy is void.
        self._alerts.pop(alert_id, None)
        self._steps = deque(step for step in self._steps if step.after.id != alert_id)
        self._refresh_now = True


def event_of(alert: Alert, reading: Reading) -> Event:
    """What the user is told when `alert` has fired."""
    level = f"{alert.value.normalize():f}"
    price = f"{reading.price:f}"
    if alert.condition is Condition.VOLUME_ABOVE:
        title = f"{alert.symbol}: the day's volume has reached {level}"
    elif alert.condition is Condition.MOVES_PERCENT:
        title = f"{alert.symbol} has moved {level} %, to {price}"
    else:
        way = "above" if alert.side is Side.ABOVE else "below"
        title = f"{alert.symbol} has crossed {way} {level}: {price}"
    return Event(
        id=alert.event_id,
        user_id=alert.user_id,
        kind=EventKind.ALERT_FIRED,
        title=title,
        text=alert.note,
        at=alert.fired_at or alert.created_at,
        data={
            "alert_id": str(alert.id),
            "symbol": alert.symbol,
            "condition": alert.condition.value,
            "value": level,
            "price": price,
            "fire_count": str(alert.fire_count),
        },
    )
