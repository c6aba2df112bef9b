"""kill -9 and an absent Redis: nothing that was told is lost, nothing is told twice."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson

from breezeway.contracts.events import Event
from breezeway.ids import new_id
from breezeway.testing.eventually import eventually
from breezeway.testing.mail_server import mail_server
from breezeway.testing.tcp_proxy import tcp_proxy

soon = partial(eventually, seconds=60)
"""Bounded, but patient with a busy machine."""

MakeEvent = Callable[..., Event]


@asynccontextmanager
async def worker_process(settings: dict[str, Any]) -> AsyncIterator[asyncio.subprocess.Process]:
    """The real worker, which is killed with -9 on leaving."""
    written = {
        name: orjson.dumps(value).decode() if isinstance(value, list | bool) else str(value)
        for name, value in settings.items()
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "notifications_service.worker"),
        env={**os.environ, **written},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def test_a_worker_killed_in_the_middle_of_a_delivery_loses_and_doubles_nothing(
    start: Any, receiver: Any, event: MakeEvent
) -> None:
    taking, url = receiver
    user = new_id()
    told = [event(user, kind="margin.short", title=f"number {n}") for n in range(5)]
    async with mail_server() as (mails, smtp), start(**smtp) as service:
        service.neighbours.addresses[str(user)] = "asha@example.com"
        await service.http.post("/api/v1/webhooks", json={"url": url}, headers=service.signed_in(user))
        await service.tell(*told)
        taking.held.clear()
        async with worker_process(service.settings):
            await soon(lambda: len(taking.seen) >= 1)
        taking.held.set()
        async with worker_process(service.settings):
            await soon(lambda: _nothing_waits(service, user))
        assert taking.ids == {str(each.id) for each in told}
        assert len({headers["breezeway-delivery"] for headers, _ in taking.seen}) == 5
        assert len({str(mail["message-id"]) for mail in mails.mails}) == 5
        assert [each["title"] for each in await service.shown(user)] == [each.title for each in told]


async def test_while_redis_is_away_the_inbox_works_and_the_stream_follows_once(start: Any, event: MakeEvent) -> None:
    user = new_id()
    async with start() as service:
        parts = urlsplit(service.settings["REDIS_URL"])
        async with tcp_proxy(service.settings["REDIS_URL"]) as proxy:
            credentials, at, _ = parts.netloc.rpartition("@")
            through = urlunsplit(parts._replace(netloc=f"{credentials}{at}{urlsplit(proxy.url).netloc}"))
            async with service.worker(REDIS_URL=through):
                await service.tell(event(user, title="before"))
                await soon(lambda: _shows(service, user, 1))
                proxy.cut(refuse=True)
                await service.tell(event(user, title="meanwhile"))
                assert len(await service.inbox(user)) == 2
                await asyncio.sleep(0.5)
                assert len(await service.shown(user)) == 1
                proxy.mend()
                await soon(lambda: _shows(service, user, 2))
                await asyncio.sleep(0.3)
        assert [each["title"] for each in await service.shown(user)] == ["before", "meanwhile"]


async def _shows(service: Any, user: Any, count: int) -> bool:
    return len(await service.shown(user)) == count


async def _nothing_waits(service: Any, user: Any) -> bool:
    async with service.engine.connect() as connection:
        query = "SELECT count(*) FROM deliveries WHERE user_id = $1 AND state <> 'delivered'"
        return bool((await connection.exec_driver_sql(query, (user,))).scalar_one() == 0)
