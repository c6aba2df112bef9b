"""Broker accounts and sessions over HTTP, on real stores, with a broker that does as told."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from breezeway import cancellation
from breezeway.clock import IST
from breezeway.contracts.broker import BrokerSession
from breezeway.errors import InvalidInput, Rejected, UpstreamUnavailable
from breezeway.redis import keys

ACCOUNTS = "/api/v1/broker-accounts"
SESSION_VALUE = {"api_session": "12345678"}


async def test_account_is_added_listed_changed_and_removed(auth: Any) -> None:
    _, headers = await auth.user()
    account = await auth.account(headers, label="First")
    await auth.account(headers, label="Second")
    page = (await auth.http.get(f"{ACCOUNTS}?limit=1", headers=headers)).json()
    assert [item["label"] for item in page["items"]] == ["First"]
    rest = (await auth.http.get(f"{ACCOUNTS}?cursor={page['next']}", headers=headers)).json()
    assert ([item["label"] for item in rest["items"]], rest["next"]) == (["Second"], None)
    changed = await auth.http.patch(f"{ACCOUNTS}/{account}", json={"label": "Renamed"}, headers=headers)
    assert changed.json()["label"] == "Renamed"
    assert (await auth.http.patch(f"{ACCOUNTS}/{account}", json={}, headers=headers)).status_code == 422
    assert (await auth.http.delete(f"{ACCOUNTS}/{account}", headers=headers)).status_code == 204
    gone = await auth.http.get(f"{ACCOUNTS}/{account}", headers=headers)
    assert (gone.status_code, gone.json()["code"]) == (404, "broker_account_not_found")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"broker": "zerodha"}, "body.broker"),
        ({"environment": "paper"}, "body.environment"),
        ({"label": ""}, "body.label"),
        ({"api_key": ""}, "body.api_key"),
        ({"api_secret": "s" * 201}, "body.api_secret"),
        ({"owner": "me"}, "body.owner"),
    ],
)
async def test_account_refuses_bad_input(auth: Any, change: dict[str, str], field: str) -> None:
    _, headers = await auth.user()
    body = {"label": "x", "api_key": "k", "api_secret": "canary", "environment": "simulator"} | change
    answer = await auth.http.post(ACCOUNTS, json=body, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert "canary" not in answer.text


async def test_simulator_accounts_need_a_simulator(start: Any) -> None:
    async with start(real_broker=True, BREEZE_SIMULATOR_URL=None) as auth:
        _, headers = await auth.user()
        body = {"label": "x", "api_key": "k", "api_secret": "s", "environment": "simulator"}
        answer = await auth.http.post(ACCOUNTS, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "simulator_not_configured")
        assert (await auth.http.post(ACCOUNTS, json=body | {"environment": "live"}, headers=headers)).is_success


async def test_connecting_by_hand_until_midnight_in_india(auth: Any, redis: Redis) -> None:
    _, headers = await auth.user()
    account = await auth.account(headers)
    path = f"{ACCOUNTS}/{account}/session"
    before = (await auth.http.get(path, headers=headers)).json()
    assert (before["state"], before["expires_at"]) == ("disconnected", None)
    async with redis.pubsub() as listener:
        await listener.subscribe(keys.broker_session_events())
        connected = (await auth.http.post(path, json=SESSION_VALUE, headers=headers)).json()
        event = BrokerSession.model_validate_json(await next_message(listener))
    assert (connected["state"], connected["user_name"]) == ("active", "DEMO TRADER")
    assert (connected["calls_left_minute"], connected["calls_left_today"]) == (88, 4_990)
    assert (event.state, str(event.account_id), event.version) == ("active", account, 1)
    ends = datetime.fromisoformat(connected["expires_at"]).astimezone(IST)
    assert (ends.hour, ends.minute, ends.second) == (0, 0, 0)
    assert timedelta(0) < ends - auth.clock.now() <= timedelta(days=1)

    auth.clock.set(ends.astimezone(UTC) - timedelta(seconds=1))
    assert (await auth.http.get(path, headers=headers)).json()["state"] == "active"
    auth.clock.advance(1)
    after = (await auth.http.get(path, headers=headers)).json()
    assert (after["state"], after["expires_at"]) == ("expired", None)


async def test_expiry_is_written_down_and_announced(start: Any, redis: Redis) -> None:
    async with start(BROKER_EXPIRY_INTERVAL_SECONDS=0.05) as auth:
        _, headers = await auth.user()
        account = await auth.connected(headers)
        async with redis.pubsub() as listener:
            await listener.subscribe(keys.broker_session_events())
            auth.clock.advance(86_400)
            event = BrokerSession.model_validate_json(await next_message(listener))
        assert (event.state, str(event.account_id), event.expires_at) == ("expired", account, None)


async def test_a_refusal_passes_its_code_and_rejects(auth: Any) -> None:
    _, headers = await auth.user()
    account = await auth.account(headers)
    auth.broker.refusal = InvalidInput("The broker does not know this app key.", code="broker_bad_app_key")
    path = f"{ACCOUNTS}/{account}/session"
    answer = await auth.http.post(path, json=SESSION_VALUE, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "broker_bad_app_key")
    state = (await auth.http.get(path, headers=headers)).json()
    assert (state["state"], state["detail"]) == ("rejected", "The broker does not know this app key.")
    auth.broker.refusal = None
    assert (await auth.http.post(path, json=SESSION_VALUE, headers=headers)).json()["state"] == "active"


async def test_a_broker_that_is_down_leaves_the_account_disconnected(auth: Any) -> None:
    _, headers = await auth.user()
    account = await auth.account(headers)
    auth.broker.refusal = UpstreamUnavailable("The broker is not available.", code="broker_down", retry_after=60)
    path = f"{ACCOUNTS}/{account}/session"
    answer = await auth.http.post(path, json=SESSION_VALUE, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "broker_down")
    assert (await auth.http.get(path, headers=headers)).json()["state"] == "disconnected"


async def test_a_failed_attempt_leaves_an_active_session_alone(auth: Any) -> None:
    _, headers = await auth.user()
    account = await auth.connected(headers)
    auth.broker.refusal = Rejected("no", code="broker_bad_session")
    path = f"{ACCOUNTS}/{account}/session"
    assert (await auth.http.post(path, json=SESSION_VALUE, headers=headers)).status_code == 400
    assert (await auth.http.get(path, headers=headers)).json()["state"] == "active"


@pytest.mark.parametrize("meanwhile", ["disconnect", "new secret", "remove"])
async def test_an_attempt_does_not_outlive_what_happened_meanwhile(auth: Any, meanwhile: str) -> None:
    _, headers = await auth.user()
    account = await auth.account(headers)

    async def interfere() -> None:
        if meanwhile == "disconnect":
            await auth.http.delete(f"{ACCOUNTS}/{account}/session", headers=headers)
        elif meanwhile == "new secret":
            await auth.http.patch(f"{ACCOUNTS}/{account}", json={"api_secret": "other"}, headers=headers)
        else:
            await auth.http.delete(f"{ACCOUNTS}/{account}", headers=headers)

    auth.broker.during_open = interfere
    answer = await auth.http.post(f"{ACCOUNTS}/{account}/session", json=SESSION_VALUE, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "broker_session_changed")
    active = await auth.http.get("/internal/broker-sessions", headers=auth.as_service("market-data"))
    assert active.json() == []


async def test_disconnecting_and_new_keys_end_the_session(auth: Any, redis: Redis) -> None:
    _, headers = await auth.user()
    account = await auth.connected(headers)
    path = f"{ACCOUNTS}/{account}/session"
    async with redis.pubsub() as listener:
        await listener.subscribe(keys.broker_session_events())
        assert (await auth.http.delete(path, headers=headers)).status_code == 204
        assert BrokerSession.model_validate_json(await next_message(listener)).state == "revoked"
    assert (await auth.http.get(path, headers=headers)).json()["state"] == "revoked"
    assert (await auth.http.post(path, json=SESSION_VALUE, headers=headers)).json()["state"] == "active"
    await auth.http.patch(f"{ACCOUNTS}/{account}", json={"api_secret": "another"}, headers=headers)
    assert (await auth.http.get(path, headers=headers)).json()["state"] == "disconnected"
    await auth.http.post(path, json=SESSION_VALUE, headers=headers)
    assert auth.broker.opened[-1][1] == "another"


async def test_portfolio_comes_from_the_broker_with_money_as_strings(auth: Any) -> None:
    _, headers = await auth.user()
    account = await auth.connected(headers)
    funds = (await auth.http.get(f"{ACCOUNTS}/{account}/funds", headers=headers)).json()
    assert (funds["total_bank_balance"], funds["segments"]["equity"]["allocated"]) == ("800.10", "200.50")
    profile = (await auth.http.get(f"{ACCOUNTS}/{account}/profile", headers=headers)).json()
    assert (profile["user_name"], profile["segments"]) == ("DEMO TRADER", {"Equity": "Y"})
    holdings = (await auth.http.get(f"{ACCOUNTS}/{account}/holdings", headers=headers)).json()
    assert (holdings["items"][0]["quantity"], holdings["items"][0]["average_price"]) == ("3", "1250.05")
    positions = (await auth.http.get(f"{ACCOUNTS}/{account}/positions", headers=headers)).json()
    assert (positions["items"][0]["strike"], positions["items"][0]["last_price"]) == ("26000", "99.95")
    assert {asked.session.session_key for asked in auth.broker.asked} == {"session-key-canary-9942"}


async def test_portfolio_needs_a_session_and_notices_its_end(auth: Any) -> None:
    _, headers = await auth.user()
    account = await auth.account(headers)
    closed = await auth.http.get(f"{ACCOUNTS}/{account}/funds", headers=headers)
    assert (closed.status_code, closed.json()["code"], closed.json()["state"]) == (
        409,
        "broker_session_inactive",
        "disconnected",
    )
    await auth.http.post(f"{ACCOUNTS}/{account}/session", json=SESSION_VALUE, headers=headers)
    auth.broker.refusal = Rejected("The broker session has ended.", code="broker_session_expired")
    refused = await auth.http.get(f"{ACCOUNTS}/{account}/funds", headers=headers)
    assert refused.json()["code"] == "broker_session_expired"
    state = (await auth.http.get(f"{ACCOUNTS}/{account}/session", headers=headers)).json()
    assert (state["state"], state["detail"]) == ("expired", "The broker session has ended.")


async def test_an_unknown_budget_does_not_hide_the_state(auth: Any) -> None:
    _, headers = await auth.user()
    account = await auth.account(headers)
    auth.broker.budget_down = True
    path = f"{ACCOUNTS}/{account}/session"
    connected = await auth.http.post(path, json=SESSION_VALUE, headers=headers)
    assert (connected.status_code, connected.json()["state"]) == (200, "active")
    assert (connected.json()["calls_left_minute"], connected.json()["calls_left_today"]) == (None, None)


async def test_readiness_names_its_stores(auth: Any) -> None:
    answer = await auth.http.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]) == (
        200,
        {"postgres": "ok", "vault": "ok", "redis": "ok"},
    )


async def test_twenty_accounts_are_enough(auth: Any) -> None:
    _, headers = await auth.user()
    await asyncio.gather(*(auth.account(headers, label=f"{n}") for n in range(20)))
    body = {"label": "x", "api_key": "k", "api_secret": "s", "environment": "simulator"}
    answer = await auth.http.post(ACCOUNTS, json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_broker_accounts")


async def next_message(listener: Any) -> bytes:
    async with asyncio.timeout(60):
        while True:
            cancellation.heed()
            message = await listener.get_message(ignore_subscribe_messages=True, timeout=1)
            if message is not None:
                return bytes(message["data"])
