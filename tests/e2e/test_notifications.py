"""Through the gateway: an alert fires on the live feed, another program's alert becomes a fill, and both are told."""

from typing import Any

import pytest

from breezeway.testing.api_user import ApiUser
from breezeway.testing.eventually import eventually
from breezeway.testing.stack_process import StackProcess
from breezeway.testing.stream_client import StreamClient

pytestmark = pytest.mark.e2e

SYMBOL = "NSE:RELIANCE"


async def test_an_alert_and_a_fill_reach_inbox_and_stream_once(stack: StackProcess, user: ApiUser) -> None:
    await user.connect_broker()
    opened = await user.http.post("/api/v1/trading/accounts", json={"name": "Paper", "initial_cash": "1000000.00"})
    account = opened.json()["id"]
    hook = await user.http.post("/api/v1/hooks", json={"name": "TradingView", "account_id": account})
    assert hook.status_code == 201, hook.text
    told: list[dict[str, Any]] = []
    async with StreamClient.connect(stack.url.replace("http", "ws", 1) + "/ws/v1/stream", user.token) as stream:
        await stream.subscribe(["notifications", f"tick:{SYMBOL}"])
        tick = await stream.next("tick", seconds=30)
        # The day's volume only grows: some more of it is a crossing that is sure to come, and comes once. Not just a
        # little: the first price that the service sees after it has the alert must be on this side of it.
        level = {"symbol": SYMBOL, "condition": "volume_above", "value": str(tick["volume"] + 4000), "repeat": "every"}
        alert = await user.http.post("/api/v1/alerts", json=level)
        assert alert.status_code == 201, alert.text
        body = {"secret": hook.json()["secret"], "id": "one", "symbol": SYMBOL, "side": "buy", "quantity": 3}
        body |= {"order_type": "market", "product": "cnc"}
        strangers = {"Authorization": ""}
        path = hook.json()["hook"]["path"]
        answers = [await user.http.post(path, json=body, headers=strangers) for _ in range(2)]
        assert [each.status_code for each in answers] == [200, 200], answers[0].text
        assert len({each.json()["order_id"] for each in answers}) == 1
        wanted = {"alert.fired", "hook.order", "order.filled"}
        while not wanted <= {each["kind"] for each in told}:
            told.append(await stream.next("notification", seconds=180))
    assert len({each["offset"] for each in told}) == len({each["id"] for each in told}) == len(told)
    fills = [each for each in told if each["kind"] == "order.filled"]
    assert {each["data"]["order_id"] for each in fills} == {answers[0].json()["order_id"]}

    async def all_filled() -> bool:
        found = (await user.http.get("/api/v1/notifications", params={"kind": "order.filled"})).json()["items"]
        return sum(int(each["data"]["quantity"]) for each in found) == 3

    await eventually(all_filled, 30, every=0.2)
    inbox = (await user.http.get("/api/v1/notifications")).json()
    kinds = [each["kind"] for each in inbox["items"]]
    assert (kinds.count("alert.fired"), kinds.count("hook.order")) == (1, 1)
    refused = await user.http.post("/api/v1/webhooks", json={"url": "https://169.254.169.254/latest/meta-data"})
    assert (refused.status_code, refused.json()["code"]) == (422, "webhook_url_refused")
    assert (await user.http.post("/internal/events", json={"events": []})).status_code == 404
