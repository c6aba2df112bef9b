"""Watchlists over HTTP on a real database."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import httpx
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.http.app import Check, create_service
from breezeway.ids import new_id
from breezeway.security.tokens import Principal
from market_data_service.adapters.db.watchlists import PostgresWatchlists
from market_data_service.api import watchlists
from market_data_service.application.watchlists import MAX_WATCHLISTS, Watchlists

PATH = "/api/v1/watchlists"


@pytest_asyncio.fixture
async def client(db: AsyncEngine, outside: Any) -> AsyncIterator[httpx.AsyncClient]:
    class ByToken:
        async def authenticate(self, token: str, *, changes_something: bool = False) -> Principal:
            return Principal(UUID(token), "user", frozenset({"read", "data"}), "s", "t", 2_000_000_000)

    async def build(app: FastAPI, _stack: AsyncExitStack) -> Mapping[str, Check]:
        return {}

    app = create_service("test", build=build)
    app.include_router(watchlists.router)
    app.state.authenticator = ByToken()
    app.state.watchlists = Watchlists(PostgresWatchlists(db), outside.instruments)
    headers = {"Authorization": f"Bearer {new_id()}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", headers=headers) as made:
        yield made


async def test_a_watchlist_lives(client: httpx.AsyncClient) -> None:
    made = await client.post(PATH, json={"name": " Mine ", "symbols": ["NSE:INFY", "NSE:RELIND", "NSE:RELIANCE"]})
    assert made.status_code == 201
    body = made.json()
    assert (body["name"], body["symbols"]) == ("Mine", ["NSE:INFY", "NSE:RELIANCE"])
    one = f"{PATH}/{body['id']}"
    assert (await client.get(one)).json() == body
    changed = (await client.patch(one, json={"symbols": ["NSE:RELIANCE", "NSE_INDEX:NIFTY"]})).json()
    assert (changed["name"], changed["symbols"]) == ("Mine", ["NSE:RELIANCE", "NSE_INDEX:NIFTY"])
    renamed = (await client.patch(one, json={"name": "Other"})).json()
    assert (renamed["name"], renamed["symbols"]) == ("Other", changed["symbols"])
    assert [each["id"] for each in (await client.get(PATH)).json()["items"]] == [body["id"]]
    assert (await client.delete(one)).status_code == 204
    assert (await client.get(one)).status_code == 404
    assert (await client.delete(one)).json()["code"] == "watchlist_not_found"


async def test_nobody_sees_or_changes_anothers_list(client: httpx.AsyncClient) -> None:
    one = f"{PATH}/{(await client.post(PATH, json={'name': 'Mine'})).json()['id']}"
    stranger = {"Authorization": f"Bearer {new_id()}"}
    assert (await client.get(PATH, headers=stranger)).json()["items"] == []
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        answer = await client.request(method, one, json=body, headers=stranger)
        assert (answer.status_code, answer.json()["code"]) == (404, "watchlist_not_found")
    assert (await client.get(one)).status_code == 200
    # The same name is no conflict between users.
    assert (await client.post(PATH, json={"name": "Mine"}, headers=stranger)).status_code == 201


async def test_what_is_refused(client: httpx.AsyncClient) -> None:
    first = (await client.post(PATH, json={"name": "A"})).json()
    await client.post(PATH, json={"name": "B"})
    for answer, status, code in (
        (await client.post(PATH, json={"name": "A"}), 409, "watchlist_name_taken"),
        (await client.patch(f"{PATH}/{first['id']}", json={"name": "B"}), 409, "watchlist_name_taken"),
        (await client.post(PATH, json={"name": "C", "symbols": ["NSE:NONE"]}), 404, "instrument_not_found"),
        (await client.post(PATH, json={"name": "  "}), 422, "invalid_input"),
        (await client.post(PATH, json={"name": "C", "color": "red"}), 422, "invalid_input"),
        (await client.post(PATH, json={"name": "C", "symbols": ["A"] * 501}), 422, "invalid_input"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_the_limit_holds_against_requests_at_once(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.post(PATH, json={"name": f"L{i}"}) for i in range(MAX_WATCHLISTS + 3)))
    assert sorted(answer.status_code for answer in answers) == [201] * MAX_WATCHLISTS + [422] * 3
    refused = next(answer for answer in answers if answer.status_code == 422)
    assert refused.json()["code"] == "too_many_watchlists"
