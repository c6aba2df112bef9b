"""The broker's notifications out of the users' durable channels, where the feed owner puts them."""

from uuid import UUID

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.bus.durable import DurableChannels, Place
from breezeway.contracts.stream import ChannelKind
from breezeway.errors import UpstreamUnavailable
from trading_service.application.live_ports import Missed, NoticePlace


class DurableNotices:
    """Implements `live_ports.Notices`."""

    def __init__(self, redis: "Redis") -> None:
        self._channels = DurableChannels(redis)

    async def since(self, user_id: UUID, place: NoticePlace | None) -> Missed:
        """Raises UpstreamUnavailable `redis_unavailable`."""
        # Whoever reads for the first time reads all that is kept: what a notification says twice is booked once.
        asked = Place(0, "") if place is None else Place(place.offset, place.epoch)
        try:
            found = await self._channels.since(user_id, ChannelKind.ORDERS, asked)
            if place is None and found.place.epoch:
                found = await self._channels.since(user_id, ChannelKind.ORDERS, Place(0, found.place.epoch))
        except (RedisError, OSError) as error:
            raise UpstreamUnavailable("Redis does not answer.", code="redis_unavailable", retry_after=1) from error
        messages = [orjson.loads(body) for body in found.bodies]
        read = [(NoticePlace(each["offset"], each["epoch"]), each) for each in messages]
        # Nothing was lost by somebody who had not begun to read.
        complete = found.complete or place is None or not found.place.epoch
        return Missed(NoticePlace(found.place.offset, found.place.epoch), read, complete)
