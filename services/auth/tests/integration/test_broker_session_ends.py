"""What users are told before and when a broker session ends, and the demo's way past midnight."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI, Request
from redis.asyncio import Redis
from sqlalchemy import select

from auth_service.adapters.breeze.simulator import SimulatorDoor
from auth_service.adapters.db.tables import events
from auth_service.application.broker_reminders import BrokerReminders
from auth_service.application.demo_renewal import DemoRenewal
from breezeway.clock import IST, ist_datetime
from breezeway.errors import InvalidInput, UpstreamUnavailable
from breezeway.redis import keys
from breezeway.testing.eventually import eventually


@pytest.fixture
async def evening(start: Any) -> Any:
    """Auth at nine in the evening, an hour before it matters; its chores run on call."""
    async with start(BROKER_EXPIRY_INTERVAL_SECONDS=3_600, BREEZEWAY_SHARED_FEED_USER="demo@example.com") as auth:
        set_time(auth, time(21, 0))
        yield auth


def set_time(auth: Any, at: time, day: date | None = None) -> None:
    today = day or datetime.now(IST).date()
    auth.clock.set(ist_datetime(today, at).astimezone(UTC))


async def told(auth: Any, user_id: str) -> list[dict[str, Any]]:
    """Every event that waits to be carried to the user."""
    async with auth.app.state.services.connections._units() as work:
        rows = await work.session.execute(select(events.c.event).order_by(events.c.id))
        return [row.event for row in rows if row.event["user_id"] == user_id]


async def test_a_user_is_reminded_once_before_the_session_ends(evening: Any) -> None:
    session, headers = await later_user(evening)
    account = await evening.connected(headers)
    user = session["user"]["id"]
    reminders = reminders_of(evening)
    set_time(evening, time(23, 29))
    assert await reminders.remind() == 0
    set_time(evening, time(23, 31))
    assert await asyncio.gather(*(reminders.remind() for _ in range(5))) in permutations_of_one(5)
    assert await reminders.remind() == 0
    (message,) = await told(evening, user)
    assert message["kind"] == "broker_session.expiring"
    assert message["data"]["login_url"] == f"/api/v1/broker-accounts/{account}/login-url"
    assert "00:00 IST" in message["text"]
    again = {"api_session": "55555555"}
    await evening.http.post(f"/api/v1/broker-accounts/{account}/session", json=again, headers=headers)
    assert await reminders.remind() == 0, "a session that was opened after the time of the reminder needs none"
    set_time(evening, time(23, 31), datetime.now(IST).date() + timedelta(days=1))
    assert await reminders.remind() == 0, "it has ended"


async def test_an_end_at_midnight_is_announced_and_told(evening: Any, redis: Redis) -> None:
    session, headers = await later_user(evening)
    account = await evening.connected(headers)
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe(keys.broker_session_events())
        tomorrow = datetime.now(IST).date() + timedelta(days=1)
        set_time(evening, time(0, 0, 1), tomorrow)
        assert await evening.app.state.services.connections.write_down_lapsed() == 1
        announced: list[dict[str, Any]] = []

        async def heard() -> bool:
            message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=0.1)
            announced.extend([orjson.loads(message["data"])] if message else [])
            return bool(announced)

        await eventually(heard, 60)
    assert (announced[0]["state"], announced[0]["account_id"]) == ("expired", account)
    (message,) = await told(evening, session["user"]["id"])
    assert message["kind"] == "broker_session.expired"
    assert "Log in at the broker again" in message["text"]


async def test_a_session_that_the_broker_refuses_is_told(evening: Any) -> None:
    session, headers = await later_user(evening)
    account = await evening.connected(headers)
    report = {"version": 1, "outcome": "rejected", "detail": "The secret does not fit."}
    path = f"/internal/broker-accounts/{account}/session-report"
    for _ in range(2):
        await evening.http.post(path, json=report, headers=evening.as_service("market-data"))
    (message,) = await told(evening, session["user"]["id"])
    assert (message["kind"], message["text"].startswith("The secret does not fit.")) == (
        "broker_session.rejected",
        True,
    )


async def test_who_disconnects_or_mistypes_is_not_told_what_they_know(evening: Any) -> None:
    session, headers = await later_user(evening)
    account = await evening.connected(headers)
    path = f"/api/v1/broker-accounts/{account}/session"
    await evening.http.delete(path, headers=headers)
    evening.broker.refusal = InvalidInput("no", code="broker_bad_session")
    await evening.http.post(path, json={"api_session": "1"}, headers=headers)
    assert await told(evening, session["user"]["id"]) == []


async def test_the_demo_session_is_renewed_after_midnight_and_others_are_not(evening: Any) -> None:
    demo, other = await renewable(evening, "demo@example.com"), await renewable(evening, "asha@example.com")
    renewal = renewal_of(evening)
    assert await renewal.renew() == 0, "it is still open"
    set_time(evening, time(0, 0, 20), datetime.now(IST).date() + timedelta(days=1))
    await evening.app.state.services.connections.write_down_lapsed()
    assert await renewal.renew() == 1
    assert await renewal.renew() == 0
    assert await state_of(evening, demo) == "active"
    assert await state_of(evening, other) == "expired"


async def test_what_the_broker_or_the_user_ended_is_not_renewed(evening: Any) -> None:
    account, _ = await renewable(evening, "demo@example.com")
    report = {"version": 1, "outcome": "expired", "detail": "gone"}
    path = f"/internal/broker-accounts/{account}/session-report"
    await evening.http.post(path, json=report, headers=evening.as_service("market-data"))
    set_time(evening, time(0, 0, 20), datetime.now(IST).date() + timedelta(days=1))
    assert await renewal_of(evening).renew() == 0


async def test_the_simulators_door(monkeypatch: pytest.MonkeyPatch) -> None:
    simulator = FastAPI()

    @simulator.post("/_sim/login")
    async def log_in(request: Request) -> dict[str, str]:
        key = (await request.json())["api_key"]
        return {"api_session": "12345678"} if key == "sim+key=1" else {}

    transport = httpx.ASGITransport(simulator)
    client = httpx.AsyncClient
    monkeypatch.setattr(httpx, "AsyncClient", lambda **kwargs: client(transport=transport, **kwargs))
    door = SimulatorDoor("http://simulator.test/")
    assert await door.log_in("sim+key=1") == "12345678"
    with pytest.raises(UpstreamUnavailable):
        await door.log_in("another")


async def later_user(auth: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """A user whose token counts although the service's clock is not ours."""
    shown = auth.clock.now()
    auth.clock.set(datetime.now(UTC))
    made: tuple[dict[str, Any], dict[str, str]] = await auth.user()
    auth.clock.set(shown)
    return made


async def renewable(auth: Any, email: str) -> tuple[str, dict[str, str]]:
    shown = auth.clock.now()
    auth.clock.set(datetime.now(UTC))
    session = await auth.login((await auth.register(email))["email"])
    auth.clock.set(shown)
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    return await auth.connected(headers), headers


async def state_of(auth: Any, owned: tuple[str, dict[str, str]]) -> str:
    account, headers = owned
    answer = await auth.http.get(f"/api/v1/broker-accounts/{account}/session", headers=headers)
    return str(answer.json()["state"])


class _Door:
    async def log_in(self, api_key: str) -> str:
        return "12345678"


def renewal_of(auth: Any) -> DemoRenewal:
    services = auth.app.state.services
    return DemoRenewal(services.connections._units, _Door(), services.connections, auth.clock, "Demo@example.com")


def reminders_of(auth: Any) -> BrokerReminders:
    connections = auth.app.state.services.connections
    return BrokerReminders(connections._units, auth.clock, timedelta(minutes=30))


def permutations_of_one(length: int) -> list[list[int]]:
    """Every way in which one of several did it, and the others found nothing to do."""
    return [[int(place == one) for place in range(length)] for one in range(length)]
