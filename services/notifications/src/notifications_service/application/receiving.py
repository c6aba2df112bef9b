"""An event becomes a line in the inbox and a delivery for every channel that its user wants, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from breezeway.clock import Clock
from breezeway.contracts.events import USER_DELETED, Event
from breezeway.ids import new_id
from breezeway.observability import tracing
from notifications_service.application.ports import Work, WorkFactory
from notifications_service.domain.model import Delivery, DeliveryState
from notifications_service.domain.preferences import ChannelName


@dataclass(frozen=True, slots=True)
class Ways:
    """Which channels this deployment has at all."""

    email: bool
    telegram: bool


class Receiving:
    """Takes events. One that comes again, from whoever and however often, changes nothing."""

    def __init__(self, work: WorkFactory, clock: Clock, ways: Ways) -> None:
        self._work = work
        self._clock = clock
        self._ways = ways

    async def __call__(self, events: Sequence[Event]) -> None:
        """All of them, or none. Raises UpstreamUnavailable."""
        async with self._work() as work:
            for event in events:
                # Of one batch each has a trace of its own.
                with tracing.span("take event", "consumer", parent=event.traceparent):
                    await self.take(work, event.model_copy(update=tracing.mark()))
            await work.commit()

    async def take(self, work: Work, event: Event) -> bool:
        """Within the caller's transaction; False when the event is known already, or not for anybody to read."""
        if event.kind == USER_DELETED:
            await work.forget_user(event)
            return False
        if not await work.add_notification(event):
            return False
        now = self._clock.now()
        preferences = await work.preferences(event.user_id)
        for channel in sorted(preferences.channels(event.kind)):
            due = preferences.due(channel, event.severity, now)
            for target in await self._targets(work, channel, event):
                await work.add_delivery(
                    Delivery(
                        id=new_id(),
                        user_id=event.user_id,
                        channel=channel,
                        target=target,
                        event=event,
                        state=DeliveryState.WAITING,
                        attempts=0,
                        created_at=now,
                        due_at=due,
                    )
                )
        return True

    async def _targets(self, work: Work, channel: ChannelName, event: Event) -> Sequence[str]:
        if channel is ChannelName.WEBHOOK:
            return [str(each.id) for each in await work.webhooks(event.user_id) if each.wants(event.kind)]
        if channel is ChannelName.TELEGRAM:
            link = await work.telegram(event.user_id) if self._ways.telegram else None
            return [""] if link is not None and link.confirmed else []
        return [""] if channel is ChannelName.WEB or self._ways.email else []
