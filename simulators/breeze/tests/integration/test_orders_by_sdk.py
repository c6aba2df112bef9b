"""The official SDK trades at the simulator, unmodified: every order call that it has, and its order stream."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest_asyncio
import socketio

from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.frames import decode_order
from breezeway.breeze.sdk import load_sdk
from breezeway.testing.eventually import eventually

SHARE = "4.1!2885"
CALL = "4.1!47869"
EXPIRY = "2026-08-25T06:00:00.000Z"
DAY = ("2026-08-03T00:00:00.000Z", "2026-08-03T23:59:59.000Z")
OPTION = {
    "stock_code": "NIFTY",
    "exchange_code": "NFO",
    "expiry_date": EXPIRY,
    "right": "call",
    "strike_price": "24500",
}
BUY = {
    "stock_code": "RELIND",
    "exchange_code": "NSE",
    "product": "cash",
    "action": "buy",
    "order_type": "limit",
    "quantity": "10",
    "price": "890",
    "validity": "day",
}


class Http:
    """Carries the SDK's calls."""

    def __init__(self) -> None:
        self.client = httpx.Client(timeout=20)

    def send(
        self,
        method: str,
        url: str,
        *,
        body: str | None,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
    ) -> httpx.Response:
        return self.client.request(method, url, content=body, params=params, headers=dict(headers))


class Sdk:
    """The SDK, whose calls block, off the event loop on which the simulator runs."""

    def __init__(self, breeze: Any) -> None:
        self.breeze = breeze
        self.ticks: list[dict[str, Any]] = []
        breeze.on_ticks = self.ticks.append

    async def __call__(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return await asyncio.to_thread(getattr(self.breeze, name), *args, **kwargs)

    async def placed(self, **changes: str) -> str:
        """The number of an order that was taken."""
        answer = await self("place_order", **(BUY | changes))
        assert answer["Status"] == 200, answer
        return str(answer["Success"]["order_id"])

    async def status(self, order_id: str, exchange: str = "NSE") -> str:
        return str((await self("get_order_detail", exchange, order_id))["Success"][0]["status"])


@pytest_asyncio.fixture
async def sdk(trading: Any) -> AsyncIterator[Sdk]:
    http = Http()
    module = await asyncio.to_thread(load_sdk, BreezeEndpoints.single_origin(trading.url), http)
    breeze = module.BreezeConnect("sim+key=1")
    login = await trading.client.post("/_sim/login", json={"api_key": "sim+key=1"})
    await asyncio.to_thread(breeze.generate_session, "sim-secret", login.json()["api_session"])
    yield Sdk(breeze)
    http.client.close()


@pytest_asyncio.fixture
async def connected(trading: Any, sdk: Sdk) -> AsyncIterator[list[list[Any]]]:
    """Raw frames of the order stream."""
    heard: list[list[Any]] = []
    client = socketio.AsyncClient(reconnection=False)
    client.on("order", heard.append)
    auth = {"user": sdk.breeze.user_id, "token": sdk.breeze.session_key}
    await client.connect(trading.url, auth=auth, transports=["websocket"], wait_timeout=5)
    yield heard
    await client.disconnect()


async def test_the_life_of_an_order(sdk: Sdk) -> None:
    number = await sdk.placed(user_remark="mine")
    (row,) = (await sdk("get_order_list", "NSE", *DAY))["Success"]
    assert (row["order_id"], row["user_remark"], row["status"]) == (number, "mine", "Ordered")
    # The SDK asks for the order first and changes only one that works.
    changed = await sdk("modify_order", number, "NSE", "limit", "0", "20", "891", "day", "0", "")
    assert changed["Success"] == {"message": "Successfully Modified the order", "order_id": number}
    cancelled = await sdk("cancel_order", "NSE", number)
    assert cancelled["Success"]["message"] == "Your Order Canceled successfully."
    again = await sdk("modify_order", number, "NSE", "limit", "0", "20", "891", "day", "0", "")
    assert again["Error"] == "Order has already been executed and cannot be modified."
    unknown = await sdk("get_order_detail", "NSE", "20260803N399999999")
    assert unknown == {"Success": None, "Status": 500, "Error": "Resource not available."}


async def test_a_market_order_becomes_an_aggressive_limit(sdk: Sdk) -> None:
    number = await sdk.placed(order_type="market", price="", quantity="5")
    row = (await sdk("get_order_detail", "NSE", number))["Success"][0]
    # 3 % above the last price, on the grid.
    assert (row["order_type"], row["price"], row["status"]) == ("Limit", "921.60", "Executed")
    assert row["average_price"] == "894.80"
    trades = (await sdk("get_trade_detail", "NSE", number))["Success"]
    assert [trade["execution_price"] for trade in trades] == ["894.8"]
    listed = (await sdk("get_trade_list", DAY[0], DAY[1], "NSE", "cash", "buy", "RELIND"))["Success"]
    assert [row["order_id"] for row in listed] == [number]
    assert (await sdk("get_trade_list", DAY[0], DAY[1], "NSE", "cash", "sell", ""))["Error"] == "No Data Found"
    holdings = (await sdk("get_portfolio_holdings", "NSE", "", "", "RELIND", ""))["Success"]
    assert holdings[0]["quantity"] == "55"


async def test_derivatives_are_bought_squared_off_and_shown(sdk: Sdk) -> None:
    bought = await sdk.placed(**(OPTION | {"product": "options", "quantity": "65", "price": "895"}))
    assert await sdk.status(bought, "NFO") == "Executed"
    rows = (await sdk("get_portfolio_positions"))["Success"]
    assert {(row["product_type"], row["action"], row["quantity"]) for row in rows} == {
        ("Futures", "Buy", "65"),
        ("Options", "Buy", "65"),
    }
    closed = await sdk(
        "square_off",
        **(OPTION | {"product": "options", "quantity": "65", "price": "0", "action": "sell", "order_type": "market"}),
        validity="day",
        stoploss="0",
        disclosed_quantity="0",
    )
    assert closed["Success"]["indicator"] == "0"
    assert await sdk.status(closed["Success"]["order_id"], "NFO") == "Executed"
    missing = await sdk(
        "square_off",
        **(OPTION | {"product": "options", "quantity": "65", "price": "800", "action": "sell", "order_type": "limit"}),
        validity="day",
    )
    assert missing["Error"] == "Resource not available."
    funds = (await sdk("get_funds"))["Success"]
    margin = (await sdk("get_margin", "NFO"))["Success"]
    assert margin["block_by_trade"] == funds["block_by_trade_fno"]


async def test_the_order_stream_tells_every_change(trading: Any, sdk: Sdk) -> None:
    await sdk("ws_connect")
    try:
        answer = await sdk("subscribe_feeds", get_order_notification=True)
        assert answer == {"message": "Order Notification subscribed successfully"}
        share = await sdk.placed()
        option = await sdk.placed(**(OPTION | {"product": "options", "quantity": "130", "price": "894.95"}))

        def heard(number: str) -> list[str]:
            return [tick["orderStatus"] for tick in sdk.ticks if tick.get("orderReference") == number]

        # Two offers of 25 and 26, then 27 and 28: three parts before the fourth, and 24 units wait.
        await eventually(lambda: heard(option)[:2] == ["Requested", "Ordered"])
        await eventually(lambda: heard(option)[-1:] == ["Partially Executed"])
        await trading.market.move(SHARE, 889.5)
        await eventually(lambda: heard(share) == ["Requested", "Ordered", "Executed"])
        await sdk("cancel_order", "NFO", option)
        await eventually(lambda: heard(option)[-1] == "Partially Executed And Cancelled")
        frame = next(tick for tick in reversed(sdk.ticks) if tick.get("orderReference") == option)
        assert (frame["strikePrice"], frame["expiryDate"], frame["limitRate"]) == ("2450000", "25-Aug-2026", "89495")
        assert (frame["orderTotalQuantity"], frame["executedQuantity"]) == ("130", "106")
        assert (frame["optionType"], frame["productType"], frame["channel"]) == ("Call", "Options", "API")
    finally:
        await sdk("ws_disconnect")


async def test_notifications_are_lost_doubled_reordered_and_cut(trading: Any, sdk: Sdk, connected: Any) -> None:
    heard: list[list[Any]] = connected
    await trading.client.post("/_sim/faults", json={"kind": "drop_order", "count": 1})
    await trading.client.post("/_sim/faults", json={"kind": "duplicate_order", "count": 1})
    first = await sdk.placed()
    # The request is lost; the acknowledgement comes twice.
    await eventually(lambda: [frame[23] for frame in heard] == [first, first])
    assert heard[0] == heard[1]
    update = decode_order(heard[0])
    assert (update.reference, update.status, update.quantity) == (first, "Ordered", 10)
    await trading.client.post("/_sim/faults", json={"kind": "reorder_order", "count": 1})
    await sdk.placed()
    await eventually(lambda: [frame[20] for frame in heard[2:]] == ["O", "R"])
    await trading.client.post("/_sim/faults", json={"kind": "partial_order", "count": 1})
    await sdk.placed()
    await eventually(lambda: [len(frame) for frame in heard[4:]] == [23, 47])


async def test_gtt_single_triggers_an_order(trading: Any, sdk: Sdk) -> None:
    leg = {"action": "buy", "limit_price": "901", "trigger_price": "900"}
    terms = OPTION | {"product": "options", "quantity": "65", "gtt_type": "single", "index_or_stock": "index"}
    answer = await sdk("gtt_single_leg_place_order", **terms, trade_date=DAY[0], order_details=[leg])
    number = answer["Success"]["gtt_order_id"]
    assert answer["Success"]["message"] == "Your GTT Order Request Placed Successfully"
    changed = await sdk("gtt_single_leg_modify_order", "NFO", number, "single", [leg | {"limit_price": "902"}])
    assert changed["Success"]["message"] == "Order Modified Successfully"
    await trading.market.move(CALL, 899.0)
    (row,) = (await sdk("gtt_order_book", "NFO", *DAY))["Success"]
    assert row == {
        "order_details": [
            {
                "gtt_leg_type": None,
                "action": "Buy",
                "trigger_price": 900.0,
                "limit_price": 902.0,
                "status": "Active",
                "gtt_order_id": number,
            }
        ],
        "exchange_code": "NFO",
        "product_type": "Options",
        "stock_code": "NIFTY",
        "expiry_date": "25-Aug-2026",
        "strike_price": 24500.0,
        "right": "Call",
        "quantity": 65,
        "index_or_stock": "Index",
        "gtt_type": "Single",
        "fresh_order_id": None,
        "order_datetime": row["order_datetime"],
    }
    await trading.market.move(CALL, 900.5)
    (row,) = (await sdk("gtt_order_book", "NFO", *DAY))["Success"]
    assert row["order_details"][0]["status"] == "Triggered"
    (order,) = (await sdk("get_order_list", "NFO", *DAY))["Success"]
    assert (order["price"], order["user_remark"]) == ("902.00", number)
    gone = await sdk("gtt_single_leg_cancel_order", "NFO", number)
    assert gone["Error"] == "Resource not available."


async def test_gtt_cover_oco_arms_on_the_fill_and_exits_once(trading: Any, sdk: Sdk) -> None:
    legs = [
        {"gtt_leg_type": "target", "action": "sell", "limit_price": "909", "trigger_price": "910"},
        {"gtt_leg_type": "stoploss", "action": "sell", "limit_price": "879", "trigger_price": "880"},
    ]
    terms = OPTION | {"product": "options", "quantity": "65", "gtt_type": "cover_oco", "index_or_stock": "index"}
    fresh = {"fresh_order_action": "buy", "fresh_order_price": "890", "fresh_order_type": "limit"}
    answer = await sdk("gtt_three_leg_place_order", **terms, **fresh, trade_date=DAY[0], order_details=legs)
    number = answer["Success"]["gtt_order_id"]
    await sdk("gtt_three_leg_modify_order", "NFO", number, "cover_oco", legs)

    async def statuses() -> list[str]:
        (row,) = (await sdk("gtt_order_book", "NFO", *DAY))["Success"]
        assert (row["gtt_type"], bool(row["fresh_order_id"])) == ("Cover OCO", True)
        return [leg["status"] for leg in row["order_details"]]

    assert await statuses() == ["Requested", "Requested"]
    await trading.market.move(CALL, 889.0)
    assert await statuses() == ["Active", "Active"]
    await trading.market.move(CALL, 911.0)
    assert await statuses() == ["Triggered", "Cancelled"]
    await trading.market.move(CALL, 870.0)
    orders = (await sdk("get_order_list", "NFO", *DAY))["Success"]
    assert [(order["action"], order["price"]) for order in orders] == [("Sell", "909.00"), ("Buy", "890.00")]


async def test_gtt_cancel_takes_the_fresh_order_back(sdk: Sdk) -> None:
    legs = [
        {"gtt_leg_type": "target", "action": "sell", "limit_price": "909", "trigger_price": "910"},
        {"gtt_leg_type": "stoploss", "action": "sell", "limit_price": "879", "trigger_price": "880"},
    ]
    terms = OPTION | {"product": "options", "quantity": "65", "gtt_type": "cover_oco", "index_or_stock": "index"}
    fresh = {"fresh_order_action": "buy", "fresh_order_price": "890", "fresh_order_type": "limit"}
    answer = await sdk("gtt_three_leg_place_order", **terms, **fresh, trade_date=DAY[0], order_details=legs)
    cancelled = await sdk("gtt_three_leg_cancel_order", "NFO", answer["Success"]["gtt_order_id"])
    assert cancelled["Success"]["message"] == "Your request for order cancellation successfully submitted !"
    (order,) = (await sdk("get_order_list", "NFO", *DAY))["Success"]
    assert order["status"] == "Cancelled"
    bad = await sdk("gtt_three_leg_place_order", **terms, **fresh, trade_date=DAY[0], order_details=legs[:1])
    assert (bad["Success"], bad["Status"]) == (None, 500)


async def test_the_calculators(sdk: Sdk) -> None:
    short = {
        "strike_price": "24500",
        "quantity": "65",
        "right": "Call",
        "product": "options",
        "action": "sell",
        "price": "100",
        "expiry_date": EXPIRY,
        "stock_code": "NIFTY",
    }
    naked = (await sdk("margin_calculator", [short], "NFO"))["Success"]
    assert naked["margin_calulation"] == [
        short | {"product": "Options", "action": "Sell", "expiry_date": "25-Aug-2026"}
    ]
    long_put = short | {"right": "put", "action": "buy"}
    hedged = (await sdk("margin_calculator", [short, long_put], "NFO"))["Success"]
    bought = (await sdk("margin_calculator", [long_put], "NFO"))["Success"]
    assert float(naked["span_margin_required"]) > 100_000
    assert float(hedged["span_margin_required"]) <= float(naked["span_margin_required"])
    assert (bought["span_margin_required"], bought["order_value"]) == ("0", "6500")
    cost = await sdk(
        "preview_order",
        stock_code="RELIND",
        exchange_code="NSE",
        product="cash",
        order_type="limit",
        price="890",
        action="buy",
        quantity="10",
        right="others",
    )
    # Delivery of 8,900: brokerage 0.25 %, STT 0.1 %, stamp 0.015 %, transaction 0.00307 %, SEBI ₹10 a crore.
    lines = cost["Success"]
    assert (lines["brokerage"], lines["stt"], lines["stamp_duty"]) == (22.25, 8.9, 1.34)
    assert lines["exchange_turnover_charges"] == 0.27
    assert lines["total_brokerage"] == round(lines["brokerage"] + lines["total_other_charges"], 2)
    limit = await sdk(
        "limit_calculator",
        "24500",
        "optionplus",
        EXPIRY,
        "NIFTY",
        "NFO",
        "buy",
        "200",
        "call",
        "P",
        "",
        "",
        "",
        "limit",
        "210",
    )
    assert limit["Success"] == {"available_quantity": "0", "action_id": "0", "order_margin": "0", "limit_rate": "190"}
    nothing = await sdk("margin_calculator", [], "NFO")
    assert (nothing["Success"], nothing["Status"]) == (None, 500)
