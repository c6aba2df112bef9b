"""What is told reaches every channel exactly once, whoever dies in between."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from breezeway.contracts.events import Event
from breezeway.ids import new_id
from breezeway.testing.eventually import eventually
from breezeway.testing.mail_server import mail_server

soon = partial(eventually, seconds=60)
"""Bounded, but patient with a busy machine."""

HOOKS = "/api/v1/webhooks"
MakeEvent = Callable[..., Event]
EVERYTHING = {kind: ["web", "email", "telegram", "webhook"] for kind in ("order.filled", "broker_session.expired")}


async def add_webhook(service: Any, user: Any, url: str, **more: Any) -> dict[str, Any]:
    answer = await service.http.post(HOOKS, json={"url": url, **more}, headers=service.signed_in(user))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def log_of(service: Any, user: Any, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    path = f"{HOOKS}/{webhook['webhook']['id']}/deliveries"
    items: list[dict[str, Any]] = (await service.http.get(path, headers=service.signed_in(user))).json()["items"]
    return items


async def test_a_fill_and_an_expired_session_reach_web_mail_and_webhook_once_through_every_death(
    start: Any, receiver: Any, event: MakeEvent
) -> None:
    """The worker is killed while its receiver holds the answer back, the mail server and the receiver fail for a while,
    and the producer tells everything twice."""
    taking, url = receiver
    user = new_id()
    async with mail_server() as (mails, smtp), start(**smtp) as service:
        service.neighbours.addresses[str(user)] = "asha@example.com"
        preferences = {"channels": EVERYTHING}
        answer = await service.http.put(
            "/api/v1/notifications/preferences", json=preferences, headers=service.signed_in(user)
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["available"] == ["web", "email", "webhook"]
        await add_webhook(service, user, url)
        told = [event(user), event(user, kind="broker_session.expired", title="Your broker session has ended")]
        mails.refusal, taking.status = "451 later", 503
        taking.held.clear()
        await service.tell(*told)
        async with service.worker():
            await soon(lambda: len(taking.seen) >= 2)
            await service.tell(*told)
        # Killed: the receiver has the requests, nobody has its answer.
        taking.held.set()
        async with service.worker():
            await soon(lambda: len(taking.seen) >= 4)
        mails.refusal, taking.status = "", 200
        async with service.worker():
            await soon(lambda: len(mails.mails) >= 2)
            await soon(lambda: _all_settled(service, user))
            await asyncio.sleep(0.5)
        assert taking.ids == {str(each.id) for each in told}
        assert len({headers["breezeway-delivery"] for headers, _ in taking.seen}) == 2, "a retry is the same delivery"
        subjects = {str(mail["message-id"]): str(mail["subject"]) for mail in mails.mails}
        assert sorted(subjects.values()) == [
            "Breezeway: Bought 10 NSE:A at 100",
            "Breezeway: Your broker session has ended",
        ]
        assert [each["id"] for each in await service.shown(user)] == [str(each.id) for each in told]
        assert len(await service.inbox(user)) == 2


async def _all_settled(service: Any, user: Any) -> bool:
    (webhook,) = (await service.http.get(HOOKS, headers=service.signed_in(user))).json()["items"]
    return all(each["state"] == "delivered" for each in await log_of(service, user, {"webhook": webhook}))


async def test_the_web_channel_drops_what_was_appended_by_one_who_died_before_noting_it(
    service: Any, event: MakeEvent
) -> None:
    user = new_id()
    told = event(user)
    async with service.worker():
        await service.tell(told)
        await soon(lambda: _shows(service, user, 1))
    async with service.engine.begin() as connection:
        await connection.exec_driver_sql(
            "UPDATE deliveries SET state = 'waiting', due_at = now() WHERE user_id = $1", (user,)
        )
    async with service.worker():
        await soon(lambda: _settled(service, user))
    assert len(await service.shown(user)) == 1


async def test_a_signature_is_what_the_documentation_says(service: Any, receiver: Any, event: MakeEvent) -> None:
    taking, url = receiver
    user = new_id()
    made = await add_webhook(service, user, url)
    told = event(user, data={"order_id": "7"})
    async with service.worker():
        await service.tell(told)
        await soon(lambda: len(taking.seen) == 1)
    headers, body = taking.seen[0]
    stamp, signature = (part.partition("=")[2] for part in headers["breezeway-signature"].split(","))
    wanted = hmac.new(made["secret"].encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert (signature, stamp) == (wanted, headers["breezeway-timestamp"])
    (sent,) = taking.bodies
    assert (sent["id"], sent["type"], sent["notification"]["data"]) == (str(told.id), "order.filled", {"order_id": "7"})
    shown = (await service.http.get(HOOKS, headers=service.signed_in(user))).text
    assert made["secret"] not in shown


async def test_only_the_kinds_that_were_asked_for(service: Any, receiver: Any, event: MakeEvent) -> None:
    taking, url = receiver
    user = new_id()
    await add_webhook(service, user, url, kinds=["order.rejected"])
    async with service.worker():
        await service.tell(event(user), event(user, kind="order.rejected", title="Rejected"))
        await soon(lambda: len(taking.seen) == 1)
    assert [each["type"] for each in taking.bodies] == ["order.rejected"]


async def test_the_log_tells_every_try_and_replay_sends_the_event_again(
    service: Any, receiver: Any, event: MakeEvent
) -> None:
    taking, url = receiver
    user = new_id()
    headers = service.signed_in(user)
    made = await add_webhook(service, user, url)
    taking.status = 500
    async with service.worker():
        await service.tell(event(user))
        await soon(lambda: len(taking.seen) >= 2)
        taking.status = 204
        await soon(lambda: _all_settled(service, user))
        (entry,) = await log_of(service, user, made)
        path = f"{HOOKS}/{made['webhook']['id']}/deliveries/{entry['id']}"
        tries = (await service.http.get(path, headers=headers)).json()["attempts"]
        assert [each["status"] for each in tries] == [500] * (len(tries) - 1) + [204]
        assert tries[0]["error"] == "status_500"
        before = len(taking.seen)
        again = await service.http.post(f"{path}/replay", headers=headers)
        assert (again.status_code, again.json()["replay_of"]) == (202, entry["id"])
        await soon(lambda: len(taking.seen) == before + 1)
        test = await service.http.post(f"{HOOKS}/{made['webhook']['id']}/test", headers=headers)
        assert test.status_code == 202
        await soon(lambda: len(taking.seen) == before + 2)
    assert len(taking.ids) == 2
    assert taking.bodies[-1]["type"] == "webhook.test"


async def test_a_receiver_that_says_gone_or_fails_for_days_is_not_asked_again(
    start: Any, receiver: Any, event: MakeEvent
) -> None:
    taking, url = receiver
    async with start(BREEZEWAY_WEBHOOK_DISABLE_DAYS=1e-6) as service:
        for status, reason in ((410, "gone"), (500, "failing")):
            user = new_id()
            made = await add_webhook(service, user, url)
            taking.status = status
            async with service.worker():
                await service.tell(event(user))
                await soon(lambda user=user, reason=reason: _is_off(service, user, reason))
                await soon(lambda user=user: _told_off(service, user))
                tries = len(taking.seen)
                await service.tell(event(user))
                await asyncio.sleep(0.5)
                assert len(taking.seen) == tries
            path = f"{HOOKS}/{made['webhook']['id']}"
            assert (await service.http.post(f"{path}/test", headers=service.signed_in(user))).status_code == 409
            on = await service.http.patch(path, json={"active": True}, headers=service.signed_in(user))
            assert (on.json()["active"], on.json()["disabled_reason"], on.json()["failing_since"]) == (True, None, None)


async def test_redirects_are_not_followed(service: Any, receiver: Any, event: MakeEvent) -> None:
    taking, url = receiver
    user = new_id()
    made = await add_webhook(service, user, url)
    taking.status, taking.headers = 302, {"Location": f"{url}/elsewhere"}
    async with service.worker():
        await service.tell(event(user))
        await soon(lambda: len(taking.seen) >= 2)
    (entry,) = await log_of(service, user, made)
    assert (entry["last_status"], entry["state"]) == (302, "waiting")


async def test_quiet_hours_hold_mail_back_until_they_end_but_not_what_is_critical(start: Any, event: MakeEvent) -> None:
    user = new_id()
    async with mail_server() as (mails, smtp), start(**smtp) as service:
        service.neighbours.addresses[str(user)] = "asha@example.com"
        preferences = {
            "time_zone": "Etc/UTC",
            "quiet_hours": {"start": "00:00:00", "end": "23:59:59"},
            "channels": {"order.filled": ["email"]},
        }
        path = "/api/v1/notifications/preferences"
        assert (await service.http.put(path, json=preferences, headers=service.signed_in(user))).status_code == 200
        async with service.worker():
            await service.tell(event(user, title="later"), event(user, title="now", severity="critical"))
            await soon(lambda: len(mails.mails) == 1)
            await soon(lambda: _shows(service, user, 2))
            await asyncio.sleep(0.3)
    assert [mail["subject"] for mail in mails.mails] == ["Breezeway: now"]


async def test_nothing_is_mailed_to_an_address_that_was_not_confirmed(start: Any, event: MakeEvent) -> None:
    user = new_id()
    async with mail_server() as (mails, smtp), start(**smtp) as service, service.worker():
        await service.tell(event(user, kind="margin.short"))
        await soon(lambda: _mail_failed(service, user))
        assert mails.mails == []


async def test_telegram_writes_only_to_a_chat_that_was_confirmed(start: Any, receiver: Any, event: MakeEvent) -> None:
    taking, url = receiver
    user = new_id()
    path = "/api/v1/notifications/telegram"
    async with start(TELEGRAM_BOT_TOKEN="1:token", TELEGRAM_API_URL=url.removesuffix("/told")) as service:
        headers = service.signed_in(user)
        begun = await service.http.put(path, json={"chat_id": "42"}, headers=headers)
        assert begun.json() == {"chat_id": "42", "confirmed": False}
        await service.tell(event(user, title="too early"))
        code = taking.bodies[0]["text"].split(" is ")[1][:6]
        other = f"{(int(code) + 1) % 10**6:06}"
        wrong = await service.http.post(f"{path}/confirm", json={"code": other}, headers=headers)
        assert (wrong.status_code, wrong.json()["code"]) == (403, "bad_code")
        stranger = service.signed_in(new_id())
        assert (await service.http.post(f"{path}/confirm", json={"code": code}, headers=stranger)).status_code == 403
        confirmed = await service.http.post(f"{path}/confirm", json={"code": code}, headers=headers)
        assert confirmed.json()["confirmed"] is True
        async with service.worker():
            await service.tell(event(user, title="in time"))
            await soon(lambda: len(taking.seen) == 2)
            assert (await service.http.delete(path, headers=headers)).status_code == 204
            await service.tell(event(user, title="too late"))
            await soon(lambda: _shows(service, user, 3))
    assert [each["text"].split("\n")[0] for each in taking.bodies[1:]] == ["in time"]
    assert {each["chat_id"] for each in taking.bodies} == {"42"}


async def test_codes_for_telegram_are_few(start: Any, receiver: Any) -> None:
    _, url = receiver
    async with start(TELEGRAM_BOT_TOKEN="1:token", TELEGRAM_API_URL=url.removesuffix("/told")) as service:
        headers = service.signed_in(new_id())
        path = "/api/v1/notifications/telegram"
        codes = [(await service.http.put(path, json={"chat_id": "7"}, headers=headers)).status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]


@pytest.mark.parametrize(
    ("verb", "rest"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/secret"),
        ("POST", "/test"),
        ("GET", "/deliveries"),
        ("POST", "/deliveries/{delivery}/replay"),
        ("GET", "/deliveries/{delivery}"),
    ],
)
async def test_another_users_webhook_does_not_exist(
    service: Any, receiver: Any, event: MakeEvent, verb: str, rest: str
) -> None:
    _, url = receiver
    owner, thief = new_id(), new_id()
    made = await add_webhook(service, owner, url)
    await service.tell(event(owner))
    (entry,) = await log_of(service, owner, made)
    path = f"{HOOKS}/{made['webhook']['id']}{rest.format(delivery=entry['id'])}"
    body = {"json": {"note": "mine"}} if verb == "PATCH" else {}
    answer = await service.http.request(verb, path, headers=service.signed_in(thief), **body)
    assert (answer.status_code, answer.json()["code"]) == (404, "webhook_not_found")
    own = await add_webhook(service, thief, url)
    if "{delivery}" in rest:
        crossed = f"{HOOKS}/{own['webhook']['id']}{rest.format(delivery=entry['id'])}"
        answer = await service.http.request(verb, crossed, headers=service.signed_in(thief), **body)
        assert (answer.status_code, answer.json()["code"]) == (404, "delivery_not_found")


async def test_an_api_key_cannot_make_a_webhook(service: Any) -> None:
    answer = await service.http.post(
        HOOKS, json={"url": "https://example.com/x"}, headers=service.api_key(new_id(), "admin")
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "sign_in_required")


async def test_webhooks_are_few(service: Any, receiver: Any) -> None:
    _, url = receiver
    user = new_id()
    answers = await asyncio.gather(
        *(service.http.post(HOOKS, json={"url": url}, headers=service.signed_in(user)) for _ in range(12))
    )
    assert sorted(each.status_code for each in answers) == [201] * 10 + [409] * 2


async def _shows(service: Any, user: Any, count: int) -> bool:
    return len(await service.shown(user)) == count


async def _settled(service: Any, user: Any) -> bool:
    async with service.engine.connect() as connection:
        query = "SELECT count(*) FROM deliveries WHERE user_id = $1 AND state = 'waiting'"
        return (await connection.exec_driver_sql(query, (user,))).scalar_one() == 0


async def _mail_failed(service: Any, user: Any) -> bool:
    async with service.engine.connect() as connection:
        query = "SELECT last_error FROM deliveries WHERE user_id = $1 AND channel = 'email' AND state = 'failed'"
        return (await connection.exec_driver_sql(query, (user,))).scalars().all() == ["no_confirmed_address"]


async def _is_off(service: Any, user: Any, reason: str) -> bool:
    (webhook,) = (await service.http.get(HOOKS, headers=service.signed_in(user))).json()["items"]
    return (webhook["active"], webhook["disabled_reason"]) == (False, reason)


async def _told_off(service: Any, user: Any) -> bool:
    return "webhook.disabled" in {each["kind"] for each in await service.inbox(user)}
