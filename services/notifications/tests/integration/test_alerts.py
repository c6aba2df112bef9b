"""Alerts on the live feed: once a crossing, whoever watches and whoever dies."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from breezeway.ids import new_id
from breezeway.redis import keys
from breezeway.testing.eventually import eventually
from breezeway.testing.mail_server import mail_server

soon = partial(eventually, seconds=60)
"""Bounded, but patient with a busy machine."""

ALERTS = "/api/v1/alerts"


async def set_alert(service: Any, user: Any, **more: Any) -> dict[str, Any]:
    body = {"symbol": "NSE:A", "condition": "crosses_above", "value": "100", **more}
    answer = await service.http.post(ALERTS, json=body, headers=service.signed_in(user))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def state_of(service: Any, user: Any, alert: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await service.http.get(f"{ALERTS}/{alert['id']}", headers=service.signed_in(user))).json()
    return found


async def is_at(service: Any, user: Any, alert: dict[str, Any], **wanted: Any) -> bool:
    found = await state_of(service, user, alert)
    return all(found[name] == value for name, value in wanted.items())


async def fired(service: Any, user: Any) -> list[dict[str, Any]]:
    return [each for each in await service.inbox(user) if each["kind"] == "alert.fired"]


async def test_an_alert_reaches_web_mail_and_webhook_once_though_workers_valkey_and_receiver_die(
    start: Any, receiver: Any
) -> None:
    """Two workers watch; both are killed before the crossing, and Redis has forgotten everything but the last price."""
    taking, url = receiver
    user = new_id()
    symbol = f"NSE:X{user.hex[:8].upper()}"
    async with mail_server() as (mails, smtp), start(**smtp) as service:
        service.neighbours.addresses[str(user)] = "asha@example.com"
        await service.http.post("/api/v1/webhooks", json={"url": url}, headers=service.signed_in(user))
        alert = await set_alert(service, user, symbol=symbol, note="Sell half")
        await service.tick(symbol, "99")
        async with service.worker(), service.worker():
            await soon(lambda: is_at(service, user, alert, side="below"))
        await service.redis.flushall()
        await service.tick(symbol, "101.5")
        taking.status = 503
        async with service.worker(), service.worker():
            await soon(lambda: is_at(service, user, alert, state="fired"))
            await soon(lambda: len(taking.seen) >= 1)
        taking.status = 200
        async with service.worker():
            await service.tick(symbol, "99")
            await service.tick(symbol, "102")
            await soon(lambda: len(mails.mails) >= 1)
            await soon(lambda: _delivered(service, user))
            await asyncio.sleep(0.5)
        (item,) = await fired(service, user)
        assert (item["data"]["price"], item["data"]["alert_id"], item["text"]) == ("101.5", alert["id"], "Sell half")
        assert [each["id"] for each in await service.shown(user)] == [item["id"]]
        assert taking.ids == {item["id"]}
        assert len({mail["message-id"] for mail in mails.mails}) == 1
        assert symbol in str(mails.mails[0]["subject"])


async def test_every_crossing_is_told_and_two_watchers_tell_it_once(service: Any) -> None:
    user = new_id()
    symbol = f"NSE:Y{user.hex[:8].upper()}"
    alert = await set_alert(service, user, symbol=symbol, condition="crosses", repeat="every")
    await service.tick(symbol, "99")
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(service.worker())
        await soon(lambda: is_at(service, user, alert, side="below"))
        for count, price in enumerate(("101", "98", "100", "103", "97"), start=0):
            await service.tick(symbol, price)
            side = {"101": "above", "98": "below", "100": "below", "103": "above", "97": "below"}[price]
            await soon(lambda side=side: is_at(service, user, alert, side=side))
            assert count < 5
        await asyncio.sleep(0.3)
    told = await fired(service, user)
    assert [each["data"]["price"] for each in reversed(told)] == ["101.0", "98.0", "103.0", "97.0"]
    assert (await state_of(service, user, alert))["fire_count"] == 4


async def test_the_watch_has_the_feed_bring_what_it_needs(service: Any) -> None:
    user = new_id()
    symbol = f"NSE:Z{user.hex[:8].upper()}"
    async with service.worker():
        alert = await set_alert(service, user, symbol=symbol.lower().replace("nse", "NSE"))
        assert alert["symbol"] == symbol
        wanted = keys.feed_interest("00000000-0000-0000-0000-00000000004d")
        await soon(lambda: _wants(service, wanted, f"tick:{symbol}"))
        await soon(lambda: service.is_watched(symbol))
        await service.http.delete(f"{ALERTS}/{alert['id']}", headers=service.signed_in(user))
        await soon(lambda: _not_watched(service, symbol))


async def test_expired_and_paused_alerts_tell_nothing(service: Any) -> None:
    user = new_id()
    symbol = f"NSE:W{user.hex[:8].upper()}"
    shortly = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
    expiring = await set_alert(service, user, symbol=symbol, expires_at=shortly)
    paused = await set_alert(service, user, symbol=symbol)
    kept = await set_alert(service, user, symbol=symbol)
    path = f"{ALERTS}/{paused['id']}"
    await service.http.patch(path, json={"state": "paused"}, headers=service.signed_in(user))
    await service.tick(symbol, "99")
    async with service.worker():
        await soon(lambda: is_at(service, user, kept, side="below"))
        await soon(lambda: is_at(service, user, expiring, state="expired"))
        await service.tick(symbol, "101")
        await soon(lambda: is_at(service, user, kept, state="fired"))
        again = await service.http.patch(
            f"{ALERTS}/{kept['id']}", json={"state": "active"}, headers=service.signed_in(user)
        )
        assert (again.json()["state"], again.json()["side"]) == ("active", "above")
        assert again.json()["already_reached"] is True
        await soon(lambda: is_at(service, user, kept, side="above"))
        await asyncio.sleep(0.3)
    assert [each["data"]["alert_id"] for each in await fired(service, user)] == [kept["id"]]
    assert (await state_of(service, user, paused))["side"] is None


async def test_what_crosses_before_anybody_watches_a_new_alert_fires(service: Any) -> None:
    """No worker has seen the price at which the alert was set, only the one beyond its level."""
    user = new_id()
    symbol = f"NSE:V{user.hex[:8].upper()}"
    await service.tick(symbol, "99", volume=10)
    alert = await set_alert(service, user, symbol=symbol)
    volume = await set_alert(service, user, symbol=symbol, condition="volume_above", value="1000")
    beyond = await set_alert(service, user, symbol=symbol, value="98")
    either = await set_alert(service, user, symbol=symbol, condition="crosses", value="98")
    assert [each["side"] for each in (alert, volume, beyond, either)] == ["below", "below", "above", "above"]
    assert [each["already_reached"] for each in (alert, volume, beyond, either)] == [False, False, True, None]
    await service.tick(symbol, "101", volume=2000)
    async with service.worker():
        await soon(lambda: is_at(service, user, alert, state="fired"))
        await soon(lambda: is_at(service, user, volume, state="fired"))
    assert {each["data"]["alert_id"] for each in await fired(service, user)} == {alert["id"], volume["id"]}
    assert (await state_of(service, user, beyond))["fire_count"] == 0


async def test_a_price_from_before_the_last_days_or_none_says_nothing_of_a_new_alert(service: Any) -> None:
    user = new_id()
    symbol = f"NSE:U{user.hex[:8].upper()}"
    alert = await set_alert(service, user, symbol=symbol)
    assert (alert["side"], alert["already_reached"]) == (None, None)
    long_ago = int((datetime.now(UTC) - timedelta(days=6)).timestamp() * 1000)
    await service.tick(symbol, "99", ts=long_ago)
    assert (await set_alert(service, user, symbol=symbol))["side"] is None


async def test_what_has_not_traded_today_fires_no_alert(service: Any) -> None:
    """The broker's frames say 0 until the first trade of the day; volume is 0 then, too."""
    user = new_id()
    symbol = f"NSE:Z{user.hex[:8].upper()}"
    alert = await set_alert(service, user, symbol=symbol, condition="crosses")
    await service.tick(symbol, "0")
    assert (await set_alert(service, user, symbol=symbol))["side"] is None
    async with service.worker():
        await soon(lambda: service.is_watched(symbol))
        for price in ("101", "0", "102"):
            await service.tick(symbol, price)
        await soon(lambda: is_at(service, user, alert, side="above"))
        await service.tick(symbol, "99")
        await soon(lambda: is_at(service, user, alert, state="fired"))
    (item,) = await fired(service, user)
    assert item["data"]["price"] == "99.0"


async def test_an_alert_is_set_although_redis_cannot_say_where_the_market_is(start: Any) -> None:
    async with start(REDIS_URL="redis://127.0.0.1:1/0") as service:
        assert (await set_alert(service, new_id()))["side"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": "0"},
        {"value": 100},
        {"value": "1e5"},
        {"value": "1.0000001"},
        {"value": "9" * 40},
        {"condition": "flies"},
        {"base": "100"},
        {"repeat": "cooldown"},
        {"cooldown_seconds": 5},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2030-01-01T00:00:00"},
        {"expires_at": "9999-12-31T23:59:59-12:00"},
        {"expires_at": "0001-01-01T00:00:00+12:00"},
        {"note": "a\x00b"},
        {"note": "x" * 201},
        {"surprise": 1},
    ],
)
async def test_senseless_alerts_are_refused(service: Any, wrong: dict[str, Any]) -> None:
    body = {"symbol": "NSE:A", "condition": "crosses_above", "value": "100", **wrong}
    answer = await service.http.post(ALERTS, json=body, headers=service.signed_in(new_id()))
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_unknown_instruments_and_too_many_alerts_are_refused(service: Any) -> None:
    user = new_id()
    body = {"symbol": "XXX:A", "condition": "crosses", "value": "1"}
    assert (await service.http.post(ALERTS, json=body, headers=service.signed_in(user))).status_code == 404
    key = service.api_key(user, "read")
    assert (await service.http.post(ALERTS, json=body | {"symbol": "NSE:A"}, headers=key)).status_code == 403


@pytest.mark.parametrize(("verb", "body"), [("GET", None), ("PATCH", {"note": "mine"}), ("DELETE", None)])
async def test_another_users_alert_does_not_exist(service: Any, verb: str, body: dict[str, Any] | None) -> None:
    alert = await set_alert(service, new_id())
    more = {"json": body} if body else {}
    answer = await service.http.request(verb, f"{ALERTS}/{alert['id']}", headers=service.signed_in(new_id()), **more)
    assert (answer.status_code, answer.json()["code"]) == (404, "alert_not_found")


async def test_alerts_in_pages(service: Any) -> None:
    user = new_id()
    made = [await set_alert(service, user, value=str(n)) for n in range(1, 4)]
    headers = service.signed_in(user)
    first = (await service.http.get(ALERTS, params={"limit": 2}, headers=headers)).json()
    second = (await service.http.get(ALERTS, params={"limit": 2, "cursor": first["next"]}, headers=headers)).json()
    assert [each["id"] for each in first["items"] + second["items"]] == [each["id"] for each in reversed(made)]
    assert second["next"] is None


async def _delivered(service: Any, user: Any) -> bool:
    async with service.engine.connect() as connection:
        query = "SELECT count(*) FROM deliveries WHERE user_id = $1 AND state <> 'delivered'"
        return bool((await connection.exec_driver_sql(query, (user,))).scalar_one() == 0)


async def _wants(service: Any, key: str, channel: str) -> bool:
    return await service.redis.zscore(key, channel) is not None


async def _not_watched(service: Any, symbol: str) -> bool:
    return not await service.is_watched(symbol)
