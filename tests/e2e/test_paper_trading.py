"""A paper order through the whole stack: live prices in, a fill, a balanced ledger and stream events out."""

from typing import Any

import pytest

from breezeway.testing.api_user import ApiUser
from breezeway.testing.eventually import eventually
from breezeway.testing.stack_process import StackProcess
from breezeway.testing.stream_client import StreamClient

pytestmark = pytest.mark.e2e

SYMBOL = "NSE:RELIANCE"


async def test_a_market_order_fills_against_the_live_feed(stack: StackProcess, user: ApiUser) -> None:
    await user.connect_broker()
    opened = await user.http.post("/api/v1/trading/accounts", json={"name": "Paper", "initial_cash": "1000000.00"})
    assert opened.status_code == 201, opened.text
    account = opened.json()["id"]
    order: dict[str, Any] = {
        "account_id": account,
        "symbol": SYMBOL,
        "side": "buy",
        "quantity": "3",
        "order_type": "market",
        "product": "cnc",
        "client_order_id": "first",
    }
    async with StreamClient.connect(stack.url.replace("http", "ws", 1) + "/ws/v1/stream", user.token) as stream:
        await stream.subscribe(["orders", f"tick:{SYMBOL}"])
        await stream.next("tick", seconds=90)
        preview = await user.http.post("/api/v1/trading/orders/preview", json=order)
        assert preview.status_code == 200, preview.text
        assert preview.json()["ok"], preview.text
        placed = await user.http.post("/api/v1/trading/orders", json=order, headers={"Idempotency-Key": "one"})
        assert placed.status_code == 201, placed.text
        path = f"/api/v1/trading/orders/{placed.json()['id']}"

        async def filled() -> bool:
            return bool((await user.http.get(path)).json()["state"] == "filled")

        await eventually(filled, 90, every=0.1)
        trade = await stream.next("trade", seconds=60)
        assert (trade["symbol"], trade["account_id"]) == (SYMBOL, account)
        assert trade["offset"] > 0
    money = (await user.http.get(f"/api/v1/trading/accounts/{account}")).json()
    notes = (await user.http.get(f"/api/v1/trading/accounts/{account}/contract-notes")).json()["items"]
    assert money["charges"] == notes[0]["charges_total"]
    holdings = (await user.http.get(f"/api/v1/trading/accounts/{account}/holdings")).json()["items"]
    assert [(each["symbol"], each["quantity"]) for each in holdings] == [(SYMBOL, "3")]
    live = await user.http.post(
        "/api/v1/trading/accounts", json={"name": "Live", "kind": "live", "initial_cash": "0.00"}
    )
    assert (live.status_code, live.json()["code"]) == (422, "broker_account_required")
