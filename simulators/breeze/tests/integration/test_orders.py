"""Orders over the broker's REST: literal answers, matching against the market, and what the control API shows of it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from breeze_simulator.settings import Settings

SHARE = "4.1!2885"
CALL = "4.1!47869"
BUY: dict[str, object] = {
    "stock_code": "RELIND",
    "exchange_code": "NSE",
    "product": "cash",
    "action": "buy",
    "order_type": "limit",
    "quantity": "10",
    "price": "890",
    "validity": "day",
    "user_remark": "ticket-1",
}
OPTION: dict[str, object] = BUY | {
    "stock_code": "NIFTY",
    "exchange_code": "NFO",
    "product": "options",
    "quantity": "65",
    "expiry_date": "2026-08-25T06:00:00.000Z",
    "right": "call",
    "strike_price": "24500",
}
LIST = {"exchange_code": "NSE", "from_date": "2026-08-03T00:00:00.000Z", "to_date": "2026-08-03T00:00:00.000Z"}


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"order_type": "market"}, "Invalid Market/Limit indicator:"),
    ({"order_type": "stoploss"}, "Invalid Market/Limit indicator:"),
    ({"stoploss": "880"}, "Invalid Market/Limit indicator:"),
    ({"action": "hold"}, "Action should be either 'buy', or 'sell'"),
    ({"product": "margin"}, "Margin and OptionPlus orders are not allowed through API."),
    ({"product": "options"}, "Product should be either 'futures', 'options', 'cash', 'btst' or 'mtf'"),
    ({"product": "mtf", "action": "sell"}, "SELL action is not allowed for MTF product type. "),
    ({"quantity": "0"}, "Invalid quantity."),
    ({"quantity": "-5"}, "Invalid quantity."),
    ({"quantity": "1e3"}, "Invalid quantity."),
    ({"price": "NaN"}, "Invalid price."),
    ({"price": ""}, "Invalid price."),
    ({"price": "1e999999"}, "Invalid price."),
    ({"validity": "year"}, "Validity should be either 'day', 'ioc', or 'vtc'"),
    ({"stock_code": "NOSUCH"}, "Error while calling service, Please contact admin (T10:55)"),
    ({"quantity": "100000"}, "Insufficient limit to place this order."),
    ({"action": "sell", "quantity": "51"}, "Only 50 can be sold for delivery; short selling needs MIS."),
    ({"price": "890.01"}, "890.01 is not a multiple of the tick, 0.05."),
]


async def placed(trader: Any, **changes: object) -> str:
    """The number of an order that was taken."""
    answer = (await trader.v1("POST", "order", BUY | changes)).json()
    assert answer["Status"] == 200, answer
    return str(answer["Success"]["order_id"])


async def detail(trader: Any, order_id: str, exchange: str = "NSE") -> dict[str, Any]:
    answer = await trader.v1("GET", "order", {"exchange_code": exchange, "order_id": order_id})
    (row,) = answer.json()["Success"]
    return dict(row)


async def test_a_share_order_is_taken_and_rests(trader: Any) -> None:
    answer = (await trader.v1("POST", "order", BUY)).json()
    number = answer["Success"]["order_id"]
    assert number.startswith("20260803N3")
    assert answer == {
        "Success": {
            "order_id": number,
            "message": f"Equity CASH Order placed successfully through RI reference no {number}",
            "user_remark": "ticket-1",
        },
        "Status": 200,
        "Error": None,
    }
    row = await detail(trader, number)
    assert row == {
        "order_id": number,
        "exchange_order_id": None,
        "exchange_code": "NSE",
        "stock_code": "RELIND",
        "product_type": "Cash",
        "action": "Buy",
        "order_type": "Limit",
        "stoploss": "0.00",
        "quantity": "10",
        "price": "890.00",
        "validity": "Day",
        "disclosed_quantity": "0",
        "expiry_date": None,
        "right": None,
        "strike_price": 0.0,
        "average_price": "0",
        "cancelled_quantity": "0",
        "pending_quantity": "10",
        "status": "Ordered",
        "user_remark": "ticket-1",
        "order_datetime": "03-Aug-2026 09:15",
        "parent_order_id": None,
        "modification_number": None,
        "exchange_acknowledgement_date": None,
        "SLTP_price": None,
        "exchange_acknowledge_number": None,
        "initial_limit": None,
        "intial_sltp": None,
        "LTP": None,
        "limit_offset": None,
        "mbc_flag": None,
        "cutoff_price": None,
        "validity_date": "",
    }


async def test_an_option_order_walks_the_book_and_is_executed(trader: Any) -> None:
    answer = (await trader.v1("POST", "order", OPTION | {"price": "895"})).json()
    number = answer["Success"]["order_id"]
    assert number.startswith("202608031400")
    assert answer["Success"] == {
        "order_id": number,
        "message": "Successfully Placed the order",
        "user_remark": "ticket-1",
    }
    row = await detail(trader, number, "NFO")
    assert (row["status"], row["product_type"], row["right"]) == ("Executed", "Options", "Call")
    assert (row["strike_price"], row["expiry_date"], row["pending_quantity"]) == (24500.0, "25-Aug-2026", "0")
    trades = (await trader.v1("GET", "trades", {"exchange_code": "NFO", "order_id": number})).json()["Success"]
    # The offers: 25 at 894.80, 26 at 894.85, 27 at 894.90.
    assert [(t["executed_quantity"], t["execution_price"]) for t in trades] == [
        ("25", "894.8"),
        ("26", "894.85"),
        ("14", "894.9"),
    ]
    assert trades[0]["action"] == "B"
    (total,) = (await trader.v1("GET", "trades", {"exchange_code": "NFO"})).json()["Success"]
    assert (total["quantity"], total["average_cost"], total["order_id"]) == ("65", "894.84", number)
    positions = (await trader.v1("GET", "portfoliopositions")).json()["Success"]
    (row,) = [row for row in positions if row["product_type"] == "Options"]
    assert (row["action"], row["quantity"], row["average_price"]) == ("Buy", "65", "894.84")


async def test_a_resting_order_fills_when_the_market_trades_through_it(trading: Any, trader: Any) -> None:
    number = await placed(trader)
    await trading.market.move(SHARE, 889.5)
    row = await detail(trader, number)
    assert (row["status"], row["average_price"]) == ("Executed", "890.00")
    holdings = (await trader.v1("GET", "portfolioholdings", {"exchange_code": "NSE"})).json()["Success"]
    (held,) = [row for row in holdings if row["stock_code"] == "RELIND"]
    assert held["quantity"] == "60"


async def test_a_part_fill_then_cancel(trader: Any) -> None:
    number = await placed(trader, quantity="40", price="894.80")
    row = await detail(trader, number)
    assert (row["status"], row["pending_quantity"]) == ("Partially Executed", "15")
    answer = (await trader.v1("DELETE", "order", {"exchange_code": "NSE", "order_id": number})).json()
    assert answer["Success"] == {"order_id": number, "message": "Your Order Canceled successfully."}
    row = await detail(trader, number)
    assert (row["status"], row["cancelled_quantity"], row["pending_quantity"]) == (
        "Partially Executed And Cancelled",
        "15",
        "0",
    )
    again = (await trader.v1("DELETE", "order", {"exchange_code": "NSE", "order_id": number})).json()
    assert (again["Success"], again["Status"]) == (None, 500)


async def test_modify_changes_price_and_quantity(trader: Any) -> None:
    number = await placed(trader)
    body = {"exchange_code": "NSE", "order_id": number, "price": "891.5", "quantity": "20", "order_type": "limit"}
    answer = (await trader.v1("PUT", "order", body)).json()
    assert answer["Success"] == {"message": "Successfully Modified the order", "order_id": number}
    row = await detail(trader, number)
    assert (row["price"], row["quantity"], row["modification_number"]) == ("891.50", "20", "1")
    refused = (await trader.v1("PUT", "order", body | {"price": "891.51"})).json()
    assert "tick" in refused["Error"]


async def test_a_stop_waits_for_its_trigger(trading: Any, trader: Any) -> None:
    number = await placed(trader, order_type="stoploss", stoploss="900", price="905")
    row = await detail(trader, number)
    assert (row["status"], row["order_type"], row["stoploss"]) == ("Ordered", "StopLoss", "900.00")
    await trading.market.move(SHARE, 900.5)
    assert (await detail(trader, number))["status"] == "Executed"


async def test_an_ioc_remainder_is_cancelled(trader: Any) -> None:
    number = await placed(trader, validity="ioc", price="894.80", quantity="30")
    row = await detail(trader, number)
    assert (row["status"], row["validity"]) == ("Partially Executed And Cancelled", "IoC")


async def test_refusals_leave_no_order(trading: Any, trader: Any) -> None:
    for changes, words in REFUSED:
        answer = (await trader.v1("POST", "order", BUY | changes)).json()
        assert answer == {"Success": None, "Status": 500, "Error": words}
    assert (await trading.client.get("/_sim/orders")).json()["items"] == []


async def test_the_exchange_refuses_after_the_order_has_a_number(trader: Any) -> None:
    rejected = await placed(trader, price="990")
    assert (await detail(trader, rejected))["status"] == "Rejected"
    answer = (await trader.v1("POST", "order", OPTION | {"quantity": "1820", "price": "800"})).json()
    assert (await detail(trader, answer["Success"]["order_id"], "NFO"))["status"] == "Freezed"


async def test_lists_are_of_an_exchange_and_of_days(trader: Any) -> None:
    numbers = [await placed(trader), await placed(trader)]
    listed = (await trader.v1("GET", "order", LIST)).json()["Success"]
    assert [row["order_id"] for row in listed] == numbers[::-1]
    nothing = {"Success": None, "Status": 200, "Error": "No Data Found"}
    assert (await trader.v1("GET", "order", LIST | {"exchange_code": "NFO"})).json() == nothing
    early = LIST | {"from_date": "2026-07-01T00:00:00.000Z", "to_date": "2026-08-02T00:00:00.000Z"}
    assert (await trader.v1("GET", "order", early)).json() == nothing
    assert (await trader.v1("GET", "trades", LIST)).json() == nothing


async def test_an_order_of_somebody_else_is_not_there(trading: Any, trader: Any, login: Callable[..., Any]) -> None:
    number = await placed(trader)
    gone = {"Success": None, "Status": 500, "Error": "Resource not available."}
    assert (await trader.v1("GET", "order", {"exchange_code": "NFO", "order_id": number})).json() == gone
    app = {"api_key": "other", "secret": "sim-secret", "user_id": "SIM00002"}
    await trading.client.post("/_sim/apps", json=app)
    other = await login(trading.client, "other")
    for method in ("GET", "PUT", "DELETE"):
        assert (await other.v1(method, "order", {"exchange_code": "NSE", "order_id": number})).json() == gone


async def test_square_off_closes_what_is_open_and_no_more(trader: Any) -> None:
    future = {
        **OPTION,
        "product_type": "futures",
        "right": "others",
        "strike_price": "0",
        "action": "sell",
        "price": "894.5",
        "stoploss_price": "",
    }
    too_much = (await trader.v1("POST", "squareoff", future | {"quantity": "130"})).json()
    assert (too_much["Status"], too_much["Error"]) == (500, "Resource not available.")
    wrong_side = (await trader.v1("POST", "squareoff", future | {"action": "buy"})).json()
    assert wrong_side["Error"] == "Resource not available."
    answer = (await trader.v1("POST", "squareoff", future)).json()["Success"]
    assert answer == {
        "order_id": answer["order_id"],
        "message": "Successfully Placed the order",
        "indicator": "0",
    }
    assert answer["order_id"].startswith("202608032500")
    (row,) = (await trader.v1("GET", "portfoliopositions")).json()["Success"]
    assert (row["action"], row["quantity"]) == ("NA", "0")


async def test_money_is_blocked_while_an_order_works(trader: Any) -> None:
    number = await placed(trader)
    funds = (await trader.v1("GET", "funds")).json()["Success"]
    assert funds["block_by_trade_equity"] == 8_900.0
    await trader.v1("DELETE", "order", {"exchange_code": "NSE", "order_id": number})
    assert (await trader.v1("GET", "funds")).json()["Success"]["block_by_trade_equity"] == 0.0


async def test_the_eleventh_mutation_of_a_second_is_refused(
    served: Callable[..., Any], login: Callable[..., Any]
) -> None:
    """By wall time: three are allowed here, so that a burst of eight within two seconds must meet the limit."""
    async with served(Settings(clock="replay:2026-08-03", mutations_per_second=3)) as running:
        caller = await login(running.client)
        target = {"exchange_code": "NSE", "order_id": "1"}
        answers = await asyncio.gather(*(caller.v1("DELETE", "order", target) for _ in range(8)))
        refused = [answer for answer in answers if answer.json()["Status"] == 5]
        assert refused
        assert refused[0].json()["Error"].startswith("Limit exceed: API call per second")
        assert (await caller.v1("GET", "funds")).status_code == 200


async def test_another_address_may_read_and_not_trade(trading: Any, trader: Any, served: Any, login: Any) -> None:
    await trading.client.post("/_sim/faults", json={"kind": "wrong_ip", "count": 1})
    assert (await trader.v1("GET", "funds")).json()["Status"] == 200
    answer = (await trader.v1("POST", "order", BUY)).json()
    assert answer["Error"].startswith("Request Denied: The IP address used does not match with the static IP")
    assert (await trader.v1("POST", "order", BUY)).json()["Status"] == 200
    app = {"api_key": "sim+key=1", "secret": "sim-secret", "user_id": "SIM00001", "static_ips": ["192.0.2.7"]}
    async with served(Settings(apps=[app], clock="replay:2026-08-03")) as running:  # type: ignore[list-item]
        caller = await login(running.client)
        assert (await caller.v1("POST", "order", BUY)).json()["Error"].startswith("Request Denied")


@pytest.mark.parametrize(("kind", "orders"), [("timeout_before", 0), ("timeout_after", 1)])
async def test_a_time_out_leaves_none_or_one(trading: Any, trader: Any, kind: str, orders: int) -> None:
    fault = {"kind": kind, "method": "POST", "path": "/breezeapi/api/v1/order", "count": 1, "delay_seconds": 0}
    await trading.client.post("/_sim/faults", json=fault)
    assert (await trader.v1("GET", "order", LIST)).json()["Error"] == "No Data Found"
    answer = await trader.v1("POST", "order", BUY)
    assert (answer.status_code, answer.text[:6]) == (504, "<html>")
    found = (await trading.client.get("/_sim/orders", params={"user_remark": "ticket-1"})).json()["items"]
    assert len(found) == orders
    journal = (await trading.client.get("/_sim/journal", params={"kind": "order"})).json()["items"]
    assert [item["user_remark"] for item in journal if item["event"] == "place"] == ["ticket-1"] * orders
    listed = (await trader.v1("GET", "order", LIST)).json()["Success"] or []
    assert [row["user_remark"] for row in listed] == ["ticket-1"] * orders


async def test_an_error_in_front_of_the_broker_places_nothing(trading: Any, trader: Any) -> None:
    for kind in ("http_error", "html_page", "rate_limit"):
        await trading.client.post("/_sim/faults", json={"kind": kind, "method": "POST", "count": 1})
        await trader.v1("POST", "order", BUY)
    assert (await trading.client.get("/_sim/orders")).json()["items"] == []


async def test_a_confirmed_cancel_may_not_take_effect(trading: Any, trader: Any) -> None:
    number = await placed(trader)
    await trading.client.post("/_sim/faults", json={"kind": "ignore_change", "count": 1})
    answer = (await trader.v1("DELETE", "order", {"exchange_code": "NSE", "order_id": number})).json()
    assert answer["Status"] == 200
    assert (await detail(trader, number))["status"] == "Ordered"


async def test_orders_end_with_the_exchange_day(trading: Any, trader: Any) -> None:
    number = await placed(trader)
    await trading.client.post("/_sim/clock", json={"day": "2026-08-04"})
    assert (await detail(trader, number))["status"] == "Expired"


async def test_a_remark_may_come_back_blank(served: Callable[..., Any], login: Callable[..., Any]) -> None:
    async with served(Settings(clock="replay:2026-08-03", orders_show_remark=False)) as running:
        caller = await login(running.client)
        answer = (await caller.v1("POST", "order", BUY)).json()
        assert answer["Success"]["user_remark"] is None
        assert (await detail(caller, answer["Success"]["order_id"]))["user_remark"] == ""


NONSENSE: tuple[object, ...] = (
    None,
    "",
    "x" * 5_000,
    -1,
    1e308,
    "NaN",
    "Infinity",
    "-0",
    "٣",
    True,
    [],
    {"a": []},
    "0001-01-01T00:00:00.000Z",
    "9999-12-31T23:59:59.000Z",
)
CALLS = (
    ("POST", "order"),
    ("PUT", "order"),
    ("DELETE", "order"),
    ("GET", "order"),
    ("POST", "squareoff"),
    ("GET", "trades"),
    ("POST", "gttorder"),
    ("PUT", "gttorder"),
    ("DELETE", "gttorder"),
    ("GET", "gttorder"),
    ("POST", "margin"),
    ("POST", "margincalculator"),
    ("POST", "fnolmtpriceandqtycal"),
    ("GET", "preview_order"),
)


async def test_nonsense_is_answered_in_the_brokers_form(trader: Any) -> None:
    """Every call, with one member after another replaced by nonsense, and without any."""
    leg = OPTION | {"gtt_leg_type": "target", "trigger_price": "900", "limit_price": "901"}
    whole: dict[str, object] = OPTION | {
        "product_type": "options",
        "order_id": await placed(trader),
        "gtt_type": "single",
        "gtt_order_id": "2026080300000001",
        "order_details": [leg],
        "list_of_positions": [leg],
        "underlying": "NIFTY",
        "option_type": "call",
        "order_flow": "buy",
        "stop_loss_trigger": "10",
        "from_date": "2026-08-03T00:00:00.000Z",
        "to_date": "2026-08-03T00:00:00.000Z",
        "stoploss": "",
        "disclosed_quantity": "0",
    }
    bodies = [{}, *({**whole, name: value} for name in whole for value in NONSENSE)]
    for turn, body in enumerate(bodies):
        # All of them with every call would take a minute; each body meets two, and in turn each call.
        for method, path in (CALLS[turn % len(CALLS)], CALLS[(turn * 5 + 3) % len(CALLS)]):
            answer = await trader.v1(method, path, body)
            assert answer.status_code == 200, (method, path, body, answer.text)
            assert set(answer.json()) == {"Success", "Status", "Error"}
