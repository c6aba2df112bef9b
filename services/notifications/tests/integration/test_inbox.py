"""The inbox: what comes in once is there once, and is nobody else's."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from breezeway.contracts.events import Event
from breezeway.ids import new_id
from breezeway.testing.eventually import eventually

soon = partial(eventually, seconds=60)
"""Bounded, but patient with a busy machine."""

INBOX = "/api/v1/notifications"
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
