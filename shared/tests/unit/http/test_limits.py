"""Bodies that take too long or come packed, at the middleware itself."""

import asyncio

from starlette.types import Message, Receive, Scope, Send

from breezeway.http.limits import BodyLimitMiddleware


async def reader(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads the body, answers, and then waits until the client has gone."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"read"})
    await receive()


async def call(receive: Receive, seconds: float) -> int:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": [(b"content-type", b"application/json")]}
    await BodyLimitMiddleware(reader, limit=100, seconds=seconds)(scope, receive, send)
    return int(sent[0]["status"])


async def test_w_08_a_body_that_drips_is_refused_in_time() -> None:
    """Slowloris with a body: each byte comes before any time-out between two reads would end it."""

    async def drip() -> Message:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    assert await call(drip, seconds=0.2) == 408


async def test_a_body_that_has_arrived_may_be_answered_at_leisure() -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": b"x", "more_body": True},
        {"type": "http.request", "body": b"y", "more_body": False},
    ]

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        await asyncio.sleep(0.3)
        return {"type": "http.disconnect"}

    assert await call(receive, seconds=0.1) == 200
