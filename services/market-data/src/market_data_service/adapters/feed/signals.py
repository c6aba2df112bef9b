"""What wakes a feed owner: new interest, and broker sessions that open or end."""

from collections.abc import Callable

from breezeway.bus.subscriber import Subscriber
from breezeway.redis import keys


class FeedSignals:
    """Run `run()` in a task. Signals only shorten the wait: whoever misses one finds out by polling.

    Args:
        on_sessions: some broker session has changed.
        on_interest: called with the feed whose interest has changed.
    """

    def __init__(self, url: str, *, on_sessions: Callable[[], None], on_interest: Callable[[str], None]) -> None:
        self._on_sessions = on_sessions
        self._on_interest = on_interest
        self._subscriber = Subscriber(url, self._handle, self._on_gap)

    async def run(self) -> None:
        await self._subscriber.subscribe((keys.broker_session_events(), keys.interest_changed()))
        await self._subscriber.run()

    def _handle(self, channel: str, body: bytes) -> None:
        if channel == keys.interest_changed():
            self._on_interest(body.decode(errors="replace"))
        else:
            self._on_sessions()

    async def _on_gap(self, _seconds: float) -> None:
        self._on_sessions()
