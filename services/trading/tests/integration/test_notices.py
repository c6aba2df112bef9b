"""What users are notified of leaves with the transaction that makes it true, and not without it."""

from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from breezeway.errors import UpstreamUnavailable
from breezeway.http.app import create_service
from breezeway.http.client import ServiceClient
from breezeway.ids import new_id
from breezeway.outbox.relay import EventRelay
from breezeway.security.service_tokens import SERVICE_TOKEN_HEADER, ServiceTokens
from trading_service.adapters.db.tables import events
from trading_service.api import internal
from trading_service.application.notices import margin_short
from trading_service.application.recording import Decision, Superseded

KEY = "a key for tests that is long enough to pass"


async def waiting(service: Any, user: Any) -> list[dict[str, Any]]:
    async with service.engine.connect() as connection:
        rows = await connection.execute(sa.select(events.c.event).order_by(events.c.id))
        return [row.event for row in rows if row.event["user_id"] == str(user)]


async def test_a_fill_is_announced_in_the_transaction_that_books_it(service: Any) -> None:
    user = new_id()
    account = await service.open(user=user)
    service.tick("100")
    placed = await service.order(account, quantity=10, price="101")
    await service.settle_in()
    service.tick("100")
    await service.settle_in()
    assert (await service.stored(placed.id)).state == "filled"
    told = await waiting(service, user)
    assert [each["kind"] for each in told] == ["order.filled"] * len(told) != []
    assert {each["data"]["order_id"] for each in told} == {str(placed.id)}
    assert sum(int(each["data"]["quantity"]) for each in told) == 10
    assert told[-1]["text"] == "The order is complete."


async def test_nothing_is_announced_of_a_fill_that_was_not_booked(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The matcher decides, and then finds that another one has taken over: nothing of it is true."""
    user = new_id()
    account = await service.open(user=user)
    service.tick("100")
    placed = await service.order(account, quantity=10, price="101")
    async with service.work() as work:
        await work.announce(margin_short(account, account.initial_cash, datetime.now(UTC)))
        # No commit.
    async with service.work() as work:
        await work.take_fence()
        await work.commit()
    with pytest.raises(Superseded):
        await service.matcher._recorder.record(-1, [Decision(())])
    assert (await service.stored(placed.id)).state == "new"
    assert await waiting(service, user) == []


class Inbox:
    """The notifications service, as far as producers see it."""

    def __init__(self) -> None:
        self.status, self.seen = 204, list[dict[str, Any]]()
        self.poison: str | None = None

    async def answer(self, request: httpx.Request) -> httpx.Response:
        batch = orjson.loads(request.content)["events"]
        if self.poison and any(each["title"] == self.poison for each in batch):
            return httpx.Response(422, json={"code": "invalid_input", "detail": "no"})
        if self.status == 204:
            self.seen += batch
        return httpx.Response(self.status, json={"code": "database_unavailable", "detail": "x"})


async def test_events_wait_while_nobody_takes_them_and_one_that_is_refused_blocks_no_other(service: Any) -> None:
    user = new_id()
    account = await service.open(user=user)
    for _ in range(3):
        async with service.work() as work:
            await work.announce(margin_short(account, account.initial_cash, datetime.now(UTC)))
            await work.commit()
    inbox = Inbox()
    transport = httpx.MockTransport(inbox.answer)
    async with ServiceClient("http://n", "notifications", ServiceTokens(KEY, "trading"), transport=transport) as client:
        relay = EventRelay(service.engine, events, client)
        inbox.status = 503
        with pytest.raises(UpstreamUnavailable):
            await relay.carry()
        assert len(await waiting(service, user)) == 3
        inbox.status = 204
        while await relay.carry():
            pass
        mine = [each for each in inbox.seen if each["user_id"] == str(user)]
        assert len({each["id"] for each in mine}) == len(mine) == 3
        assert await waiting(service, user) == []
        for title in ("poison", "next"):
            event = margin_short(account, account.initial_cash, datetime.now(UTC)).model_copy(update={"title": title})
            async with service.work() as work:
                await work.announce(event)
                await work.commit()
        inbox.poison = "poison"
        assert await relay.carry() == 2
        assert await relay.carry() == 0
    assert inbox.seen[-1]["title"] == "next"
    async with service.engine.connect() as connection:
        kept = (await connection.execute(sa.select(events.c.refused).where(events.c.refused.is_not(None)))).scalars()
        assert list(kept) == ["invalid_input"]
    async with service.engine.begin() as connection:
        await connection.execute(sa.delete(events))


async def test_an_alert_places_one_paper_order_and_only_for_its_own_user(service: Any) -> None:
    """The same key twice is one order; another service, or another user's account, is refused."""

    async def build(_app: FastAPI, _stack: Any) -> dict[str, Any]:
        return {}

    user = new_id()
    account = await service.open(user=user)
    service.tick("100")
    app = create_service("test", build=build)
    app.include_router(internal.router)
    app.state.service_tokens = ServiceTokens(KEY, "trading")
    app.state.accounts, app.state.place = service.accounts, service.place
    body = {"account_id": str(account.id), "symbol": "NSE:A", "side": "buy", "quantity": "1", "order_type": "market"}
    body |= {"product": "mis"}

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as http:

        async def post(who: str, by: str = "notifications") -> httpx.Response:
            headers = {SERVICE_TOKEN_HEADER: ServiceTokens(KEY, by).issue("trading"), "Idempotency-Key": "call-1"}
            return await http.post(f"/internal/users/{who}/orders", json=body, headers=headers)

        first, again = await post(str(user)), await post(str(user))
        assert first.status_code == 200, first.text
        assert first.json()["id"] == again.json()["id"]
        assert (await post(str(new_id()))).status_code == 404
        assert (await post(str(user), by="market-data")).status_code == 403
        assert (await http.post(f"/internal/users/{user}/orders", json=body)).status_code == 401
