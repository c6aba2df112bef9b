"""Alerts of other programs: one paper order each, for who knows the secret, and nothing for anybody else."""

import asyncio
import json
import time
from typing import Any
from uuid import UUID

import orjson
import pytest

from breezeway.ids import new_id
from notifications_service.domain.signatures import header

HOOKS = "/api/v1/hooks"
PAPER, LIVE = UUID(int=501), UUID(int=502)
ORDER = {"symbol": "NSE:RELIANCE", "side": "BUY", "quantity": 10, "order_type": "market", "product": "mis"}


async def add_hook(service: Any, user: Any, **more: Any) -> tuple[str, str]:
    """Where to post, and the secret."""
    body = {"name": "TradingView", "account_id": str(PAPER), **more}
    answer = await service.http.post(HOOKS, json=body, headers=service.signed_in(user))
    assert answer.status_code == 201, answer.text
    return answer.json()["hook"]["path"], answer.json()["secret"]


async def calls_of(service: Any, user: Any, path: str) -> list[dict[str, Any]]:
    answer = await service.http.get(f"{HOOKS}/{path.rpartition('/')[2]}/calls", headers=service.signed_in(user))
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_the_same_alert_twice_is_one_order_whichever_way_the_secret_comes(service: Any) -> None:
    user = new_id()
    path, secret = await add_hook(service, user)
    body = orjson.dumps({**ORDER, "id": "a-1"})
    signed = {"X-Hook-Signature": header(secret, int(time.time()), body)}
    answers = [
        await service.http.post(path, content=body, headers={"X-Hook-Secret": secret}),
        await service.http.post(path, content=body, headers=signed),
        await service.http.post(path, json={**ORDER, "id": "a-1", "secret": secret}),
        await service.http.post(path, content=body, headers={"X-Hook-Secret": secret, "Content-Type": "text/plain"}),
    ]
    assert [each.status_code for each in answers] == [200] * 4, answers[0].text
    assert [each.json()["again"] for each in answers] == [False, True, True, True]
    assert len({each.json()["order_id"] for each in answers}) == 1
    (order,) = service.neighbours.orders
    assert order == {
        "user_id": str(user),
        "account_id": str(PAPER),
        "symbol": "NSE:RELIANCE",
        "side": "buy",
        "quantity": "10",
        "order_type": "market",
        "product": "mis",
    }
    (call,) = await calls_of(service, user, path)
    assert (call["state"], call["body"].get("secret")) == ("placed", None)
    assert {each["kind"] for each in await service.inbox(user)} == {"hook.order"}


async def test_many_copies_at_once_are_one_order(service: Any) -> None:
    user = new_id()
    path, secret = await add_hook(service, user)
    answers = await asyncio.gather(
        *(service.http.post(path, json={**ORDER, "id": 7, "secret": secret}) for _ in range(8))
    )
    assert {each.status_code for each in answers} == {200}
    assert len(service.neighbours.orders) == 1
    assert len(await service.inbox(user)) == 1


async def test_an_alert_whose_outcome_is_unknown_is_one_order_when_its_sender_repeats_it(service: Any) -> None:
    """Trading places the order and dies before it answers."""
    user = new_id()
    path, secret = await add_hook(service, user)
    service.neighbours.trading_status, service.neighbours.places_before_it_fails = 503, True
    body = {**ORDER, "id": "a-2", "secret": secret}
    first = await service.http.post(path, json=body)
    assert first.status_code == 503
    assert [each["state"] for each in await calls_of(service, user, path)] == ["received"]
    service.neighbours.trading_status = 200
    again = await service.http.post(path, json=body)
    assert (again.status_code, again.json()["state"]) == (200, "placed")
    assert len(service.neighbours.orders) == 1


async def test_without_an_id_the_same_body_is_the_same_alert_and_another_is_another(service: Any) -> None:
    user = new_id()
    path, secret = await add_hook(service, user)
    for quantity in (1, 1, 2):
        await service.http.post(path, json={**ORDER, "quantity": quantity, "secret": secret})
    assert [each["quantity"] for each in service.neighbours.orders] == ["1", "2"]


async def test_a_template_makes_an_order_of_tradingviews_words(service: Any) -> None:
    template = {
        "symbol": "NSE:{{ticker}}",
        "side": "{{strategy.order.action}}",
        "quantity": "{{strategy.order.contracts}}",
        "order_type": "limit",
        "price": "{{strategy.order.price}}",
        "product": "mis",
        "id": "{{strategy.order.id}}-{{timenow}}",
    }
    path, secret = await add_hook(service, new_id(), template=template)
    body = (
        b'{"ticker":"INFY","timenow":"2026-11-20T05:00:00Z","strategy":{"order":{"action":"sell","contracts":5,'
        b'"price":1500.10,"id":"Long"}}}'
    )
    answer = await service.http.post(path, content=body, headers={"X-Hook-Secret": secret})
    assert answer.status_code == 200, answer.text
    (order,) = service.neighbours.orders
    assert (order["symbol"], order["side"], order["quantity"], order["price"]) == ("NSE:INFY", "sell", "5", "1500.10")


async def test_what_trading_refuses_is_in_the_log_and_in_the_inbox(service: Any) -> None:
    user = new_id()
    path, secret = await add_hook(service, user)
    service.neighbours.trading_status = 409
    body = {**ORDER, "id": "a-3", "secret": secret}
    answer = await service.http.post(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_funds")
    (call,) = await calls_of(service, user, path)
    assert (call["state"], call["code"]) == ("refused", "insufficient_funds")
    assert [each["kind"] for each in await service.inbox(user)] == ["hook.refused"]
    service.neighbours.trading_status = 200
    again = await service.http.post(path, json=body)
    assert (again.json()["state"], again.json()["again"]) == ("refused", True)
    assert service.neighbours.orders == []


async def test_live_and_other_peoples_accounts_are_refused(service: Any) -> None:
    headers = service.signed_in(new_id())
    live = await service.http.post(HOOKS, json={"name": "x", "account_id": str(LIVE)}, headers=headers)
    assert (live.status_code, live.json()["code"]) == (403, "live_trading_disabled")
    other = await service.http.post(HOOKS, json={"name": "x", "account_id": str(new_id())}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (404, "account_not_found")


async def test_strangers_learn_nothing_and_leave_no_trace(service: Any) -> None:
    """Wrong secret, no secret, another hook's secret, an old signature, a hook that is off, and one that never was."""
    user = new_id()
    path, secret = await add_hook(service, user)
    _, other = await add_hook(service, user)
    off, off_secret = await add_hook(service, user)
    await service.http.patch(
        f"{HOOKS}/{off.rpartition('/')[2]}", json={"active": False}, headers=service.signed_in(user)
    )
    body = orjson.dumps(ORDER)
    old = header(secret, int(time.time()) - 3_600, body)
    tries = [
        (path, body, {"X-Hook-Secret": "wrong"}),
        (path, body, {"X-Hook-Secret": other}),
        (path, body, {}),
        (path, orjson.dumps({**ORDER, "secret": None}), {}),
        (path, body, {"X-Hook-Signature": old}),
        (path, body + b" ", {"X-Hook-Signature": header(secret, int(time.time()), body)}),
        (path, body, {"X-Hook-Signature": "t=1,v1=\xe9".encode("latin-1")}),
        (off, body, {"X-Hook-Secret": off_secret}),
        (f"/api/v1/inbound/{new_id()}", body, {"X-Hook-Secret": secret}),
    ]
    answers = [await service.http.post(where, content=what, headers=with_) for where, what, with_ in tries]
    assert {(each.status_code, each.json()["code"]) for each in answers} == {(401, "hook_refused")}
    assert len({each.json()["detail"] for each in answers}) == 1
    assert await calls_of(service, user, path) == []
    assert service.neighbours.orders == []


async def test_a_replaced_secret_is_worthless_and_secrets_are_shown_once(service: Any) -> None:
    user = new_id()
    path, secret = await add_hook(service, user)
    hook = f"{HOOKS}/{path.rpartition('/')[2]}"
    new = (await service.http.post(f"{hook}/secret", headers=service.signed_in(user))).json()["secret"]
    assert (await service.http.post(path, json={**ORDER, "secret": secret})).status_code == 401
    assert (await service.http.post(path, json={**ORDER, "secret": new})).status_code == 200
    shown = (await service.http.get(HOOKS, headers=service.signed_in(user))).text
    shown += (await service.http.get(f"{hook}/calls", headers=service.signed_in(user))).text
    assert secret not in shown
    assert new not in shown


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b"\xff\xfe",
        b'{"symbol": NaN}',
        b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
        b'{"symbol": {"a": 1}, "id": "1"}',
        b'{"symbol": true}',
        b'{"symbol": "a\\u0000b"}',
        b'{"symbol": "\\ud800"}',
        b'{"quantity": ' + b"9" * 5_000 + b"}",
        b'{"price": 1e999999}',
        b'{"id": "' + b"x" * 150 + b'"}',
    ],
)
async def test_hostile_bodies_are_refused_not_stumbled_over(service: Any, body: bytes) -> None:
    user = new_id()
    path, secret = await add_hook(service, user)
    answer = await service.http.post(path, content=body, headers={"X-Hook-Secret": secret})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert service.neighbours.orders == []


async def test_odd_but_harmless_members_are_kept_for_the_audit_as_far_as_they_can(service: Any) -> None:
    user = new_id()
    path, secret = await add_hook(service, user)
    odd = {f"\x00{n}": "\ud800" for n in range(40)}

    body = json.dumps({**ORDER, **odd, "secret": secret})
    assert (await service.http.post(path, content=body)).status_code == 200
    (call,) = await calls_of(service, user, path)
    assert len(call["body"]) == 32


async def test_a_hook_takes_so_many_alerts_a_minute_and_no_long_ones(service: Any) -> None:
    path, secret = await add_hook(service, new_id(), calls_per_minute=3)
    answers = [await service.http.post(path, json={**ORDER, "id": n, "secret": secret}) for n in range(1, 5)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    again = await service.http.post(path, json={**ORDER, "id": 1, "secret": secret})
    assert (again.status_code, again.json()["again"]) == (200, True)
    long = await service.http.post(path, json={"note": "x" * 20_000, "secret": secret})
    assert (long.status_code, long.json()["code"]) == (413, "alert_too_large")


@pytest.mark.parametrize(
    ("verb", "rest"), [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/secret"), ("GET", "/calls")]
)
async def test_another_users_hook_does_not_exist(service: Any, verb: str, rest: str) -> None:
    path, _ = await add_hook(service, new_id())
    more = {"json": {"active": False}} if verb == "PATCH" else {}
    where = f"{HOOKS}/{path.rpartition('/')[2]}{rest}"
    answer = await service.http.request(verb, where, headers=service.signed_in(new_id()), **more)
    assert (answer.status_code, answer.json()["code"]) == (404, "hook_not_found")
