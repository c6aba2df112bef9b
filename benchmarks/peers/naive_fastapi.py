"""The obvious way to put Redis on WebSockets: one FastAPI route, one Redis subscription per socket.

It speaks as much of our stream's protocol as the load generator needs, checks no token, and runs in the same server
with the same settings as our gateway, all of which flatters it.
"""

import os
from contextlib import suppress

import orjson
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from redis.asyncio import Redis

from breezeway.redis import keys


def create_app() -> FastAPI:
    """`uvicorn --factory`; Redis and the feed come from REDIS_URL and FEED."""
    app = FastAPI()
    url, feed = os.environ["REDIS_URL"], os.environ["FEED"]

    @app.websocket("/ws/v1/stream")
    async def stream(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()
        await websocket.send_text('[{"type":"authenticated"}]')
        wanted = orjson.loads(await websocket.receive_text())["channels"]
        async with Redis.from_url(url) as redis, redis.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(*[keys.feed_channel(feed, channel) for channel in wanted])
            await websocket.send_text('[{"type":"subscribed"}]')
            with suppress(WebSocketDisconnect):
                async for message in pubsub.listen():
                    await websocket.send_text(message["data"].decode())

    return app
