"""The inbox: what comes in once is there once, and is nobody else's."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from breezeway.clock import SystemClock
from breezeway.contracts.events import USER_DELETED, Event
from breezeway.ids import new_id
from breezeway.testing.eventually import eventually
from notifications_service.adapters.db import tables
from notifications_service.application.tidying import Tidying

soon = partial(eventually, seconds=60)
"""Bounded, but patient with a busy machine."""

INBOX = "/api/v1/notifications"
PAPER = "00000000-0000-0000-0000-0000000001f5"
MakeEvent = Callable[..., Event]


async def test_an_event_that_comes_twice_is_in_the_inbox_and_on_the_stream_once(service: Any, event: MakeEvent) -> None:
    user = new_id()
    told = event(user)
    async with service.worker():
        for _ in range(3):
            assert (await service.tell(told)).status_code == 204
        await soon(lambda: _shows(service, user, 1))
    (item,) = await service.inbox(user)
    assert (item["id"], item["title"], item["read_at"]) == (str(told.id), told.title, None)
    (message,) = await service.shown(user)
    assert (message["type"], message["id"], message["offset"]) == ("notification", str(told.id), 1)


async def test_text_that_cannot_be_stored_is_mended_not_lost(service: Any, event: MakeEvent) -> None:
    user = new_id()
    assert (await service.tell(event(user, title="a\x00bc", text="long" * 1_000))).status_code == 204
    (item,) = await service.inbox(user)
    assert (item["title"], len(item["text"])) == ("abc", 2_000)


async def test_pages_by_cursor_in_the_order_of_arrival(service: Any, event: MakeEvent) -> None:
    user, headers = new_id(), {}
    headers = service.signed_in(user)
    for number in range(5):
        await service.tell(event(user, title=f"number {number}"))
    first = (await service.http.get(INBOX, params={"limit": 2}, headers=headers)).json()
    await service.tell(event(user, title="late"))
    second = (await service.http.get(INBOX, params={"limit": 2, "cursor": first["next"]}, headers=headers)).json()
    third = (await service.http.get(INBOX, params={"limit": 2, "cursor": second["next"]}, headers=headers)).json()
    titles = [each["title"] for page in (first, second, third) for each in page["items"]]
    assert titles == [f"number {n}" for n in (4, 3, 2, 1, 0)]
    assert (third["next"], third["unread"]) == (None, 6)


async def test_reading_counting_and_deleting(service: Any, event: MakeEvent) -> None:
    user = new_id()
    headers = service.signed_in(user)
    events = [event(user, title=f"number {n}") for n in range(3)]
    await service.tell(*events)
    once = await service.http.post(f"{INBOX}/{events[0].id}/read", headers=headers)
    again = await service.http.post(f"{INBOX}/{events[0].id}/read", headers=headers)
    assert once.json()["read_at"] == again.json()["read_at"] is not None
    assert (await service.http.get(f"{INBOX}/unread-count", headers=headers)).json() == {"unread": 2}
    read = await service.http.post(f"{INBOX}/read-all", json={"until": str(events[1].id)}, headers=headers)
    assert read.json() == {"read": 1}
    unread = (await service.http.get(INBOX, params={"unread": True}, headers=headers)).json()["items"]
    assert [each["title"] for each in unread] == ["number 2"]
    assert (await service.http.post(f"{INBOX}/read-all", headers=headers)).json() == {"read": 1}
    assert (await service.http.delete(f"{INBOX}/{events[0].id}", headers=headers)).status_code == 204
    assert (await service.http.get(f"{INBOX}/{events[0].id}", headers=headers)).status_code == 404
    await service.tell(events[0])
    assert len(await service.inbox(user)) == 2, "what was deleted does not come back when it is told again"


@pytest.mark.parametrize(("verb", "rest"), [("GET", ""), ("POST", "/read"), ("DELETE", "")])
async def test_another_users_notification_does_not_exist(service: Any, event: MakeEvent, verb: str, rest: str) -> None:
    told = event(new_id())
    await service.tell(told)
    answer = await service.http.request(verb, f"{INBOX}/{told.id}{rest}", headers=service.signed_in(new_id()))
    assert (answer.status_code, answer.json()["code"]) == (404, "notification_not_found")


async def test_strangers_and_keys_without_the_scope_see_nothing(service: Any) -> None:
    assert (await service.http.get(INBOX)).status_code == 401
    answer = await service.http.get(INBOX, headers=service.api_key(new_id(), "data"))
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert (await service.http.get(INBOX, headers=service.api_key(new_id(), "read"))).status_code == 200


async def test_only_our_services_bring_events(service: Any) -> None:
    answer = await service.http.post("/internal/events", json={"events": []}, headers=service.signed_in(new_id()))
    assert answer.status_code == 401


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 40, "١"])
async def test_a_made_up_cursor_is_refused(service: Any, cursor: str) -> None:
    answer = await service.http.get(INBOX, params={"cursor": cursor}, headers=service.signed_in(new_id()))
    assert answer.status_code == 422


async def _shows(service: Any, user: Any, count: int) -> bool:
    return len(await service.shown(user)) == count


async def test_nothing_is_kept_of_a_user_who_is_gone_not_even_what_comes_late(service: Any, event: MakeEvent) -> None:
    user, other = new_id(), new_id()
    for each in (user, other):
        headers = service.signed_in(each)
        for path, body in (
            ("/api/v1/webhooks", {"url": "http://127.0.0.1:9/told"}),
            ("/api/v1/alerts", {"symbol": "NSE:A", "condition": "crosses", "value": "1"}),
            ("/api/v1/hooks", {"name": "TradingView", "account_id": str(PAPER)}),
        ):
            answer = await service.http.post(path, json=body, headers=headers)
            assert answer.status_code == 201, answer.text
        quiet = {"time_zone": "Asia/Kolkata", "quiet_hours": {"start": "22:30:00", "end": "07:00:00"}}
        changed = await service.http.put("/api/v1/notifications/preferences", json=quiet, headers=headers)
        assert changed.status_code == 200, changed.text
        assert (await service.tell(event(each))).status_code == 204
    gone = event(user, kind=USER_DELETED, title="The account was deleted.")
    for _ in range(2):
        assert (await service.tell(gone, service="auth")).status_code == 204
    left = {"notifications": 1}
    assert await _kept(service, user) == left
    assert await service.inbox(user) == []
    assert (await service.tell(event(user, title="late"))).status_code == 204
    await Tidying(service.work, SystemClock()).tidy()
    assert await _kept(service, user) == left
    everything = {"notifications", "deliveries", "preferences", "webhooks", "alerts", "hooks"}
    assert (await _kept(service, other)).keys() == everything


async def _kept(service: Any, user: Any) -> dict[str, int]:
    """Rows of every table that knows users."""
    found: dict[str, int] = {}
    async with service.engine.connect() as connection:
        for table in tables.metadata.sorted_tables:
            if "user_id" in table.c:
                query = sa.select(sa.func.count()).select_from(table).where(table.c.user_id == user)
                found[table.name] = (await connection.execute(query)).scalar_one()
    return {name: count for name, count in found.items() if count}
