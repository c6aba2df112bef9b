"""Django Channels as its documentation shows it: a consumer a socket, a group an instrument, served by daphne.

LAYER=redis is the layer that its documentation names for production, LAYER=memory the one inside of a single process.
One task in the server's own process takes what the publisher says and sends it to the groups, which saves a process.
The consumer speaks as much of our stream's protocol as the load generator needs and checks no token, which flatters it.
Run from `.venv-peers`:

    LAYER=redis REDIS_URL=… FEED=… daphne benchmarks.peers.channels_app:application
"""

import asyncio
import json
import os

import django
from django.conf import settings
from redis.asyncio import Redis

LAYERS = {
    "redis": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {"hosts": [os.environ["REDIS_URL"]]},
    },
    "memory": {"BACKEND": "channels.layers.InMemoryChannelLayer"},
}
settings.configure(
    SECRET_KEY="benchmark",  # noqa: S106 - nothing is signed here
    INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={"default": LAYERS[os.environ["LAYER"]]},
)
django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402 - Django must be configured first
from channels.layers import get_channel_layer  # noqa: E402

PREFIX = f"bw:feed:{os.environ['FEED']}:"
BRIDGES: list["asyncio.Task[None]"] = []


def group(channel: str) -> str:
    """Groups may have letters, digits, hyphens, underscores and periods only."""
    return channel.replace(":", ".")


async def bridge() -> None:
    """From the publisher's Redis channels to the groups."""
    layer = get_channel_layer()
    async with Redis.from_url(os.environ["REDIS_URL"]) as redis, redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        await pubsub.psubscribe(PREFIX + "tick:*")
        async for message in pubsub.listen():
            name = message["channel"].decode().removeprefix(PREFIX)
            await layer.group_send(group(name), {"type": "tick", "body": message["data"].decode()})


class Stream(AsyncWebsocketConsumer):
    """One client."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        command = json.loads(text_data or "")
        if command["action"] == "auth":
            await self.send(text_data='[{"type":"authenticated"}]')
            return
        for channel in command["channels"]:
            self.groups.append(group(channel))  # the consumer takes itself off these when it ends
            await self.channel_layer.group_add(group(channel), self.channel_name)
        if not BRIDGES:
            BRIDGES.append(asyncio.create_task(bridge()))
        await self.send(text_data='[{"type":"subscribed"}]')

    async def tick(self, event: dict[str, str]) -> None:
        """A group's message."""
        await self.send(text_data=event["body"])


application = Stream.as_asgi()
