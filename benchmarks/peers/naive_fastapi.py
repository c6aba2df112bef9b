"""The obvious way to put Redis on WebSockets, as its users write and run it: one route, one subscription per socket.

Started with `uvicorn benchmarks.peers.naive_fastapi:app` and nothing else, so that uvicorn[standard] chooses: uvloop,
httptools, websockets, and compression for whoever offers it, which every browser does. The code is that of the usual
tutorial: an asynchronous Redis client a socket, decoded responses, one `send_text` a message. It parses no message,
checks no token, and hiredis happens to be installed, all of which flatters it. `tuned_fastapi` is the same design with
our own server settings.
"""

import os

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from redis.asyncio import Redis

PREFIX = f"bw:feed:{os.environ['FEED']}:"

app = FastAPI()


@app.websocket("/ws/v1/stream")
async def stream(websocket: WebSocket) -> None:
    """As much of our stream's protocol as the load generator needs."""
    await websocket.accept()
    await websocket.receive_json()
    await websocket.send_json([{"type": "authenticated"}])
    wanted = await websocket.receive_json()
    redis = Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    pubsub = redis.pubsub()
    await pubsub.subscribe(*[PREFIX + channel for channel in wanted["channels"]])
    await websocket.send_json([{"type": "subscribed"}])
    try:
        async for message in pubsub.listen():
            if message["type"] == "message":
                await websocket.send_text(message["data"])
    except WebSocketDisconnect:
        pass
    finally:
        await pubsub.aclose()
        await redis.aclose()
