"""One FastAPI route, one Redis subscription per socket, tuned by us as far as the design goes.

Not what people run: hiredis, bytes handed on as they are, a server started with our own gateway's settings (`--ws-per-
message-deflate false`). It shows what is left of the difference when only the design differs. `naive_fastapi` is the
same as its users run it.
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
