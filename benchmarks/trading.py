"""Paper trading: ticks through the matching engine, and orders through the gateway.

    python -m benchmarks trading

Orders are limit orders that rest, of ten users at once, each waiting for its answer. "Accepted" is the answer to the
request: checked, its money blocked and committed.
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import numpy as np
import orjson
import uvloop

from benchmarks.order_load import Line, connect, post
from benchmarks.table import Row
from breezeway.clock import IST
from breezeway.exchange.market import InstrumentKind, InstrumentRules, MarketTick
from breezeway.exchange.matching import InstrumentBook
from breezeway.exchange.orders import Order, OrderType, Product, Side
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment
from breezeway.testing.api_user import ApiUser
from breezeway.testing.eventually import eventually
from breezeway.testing.stack_process import StackProcess

OPEN_ORDERS = 1_000
TICKS = 100_000
USERS = 10
ORDERS_EACH = 150
WARM_EACH = 15
BUYS = 200
AFFORDED = 10
SYMBOL = "NSE:RELIANCE"
PATH = "/api/v1/trading/orders"

_NOON = datetime(2026, 11, 20, 12, tzinfo=IST)
_TICK = Decimal("0.05")


def rows() -> Iterator[Row]:
    """The engine alone, then the whole way."""
    yield Row(f"match ticks, {OPEN_ORDERS:,} open orders", "breezeway.exchange", f"{_ticks_per_second():,.0f} ticks/s")
    with tempfile.TemporaryDirectory(prefix="breezeway-bench-") as folder:
        environment = {"BREEZE_SIM_CLOCK": "replay:2026-11-18", "BREEZEWAY_ORDER_RATE": "100000"}
        with StackProcess(Path(folder) / "home", environment=environment) as stack:
            stack.start(240)
            rate, latencies = uvloop.run(_orders(stack.url))
            accepted = uvloop.run(_too_many(stack.url))
    p50, p99 = np.percentile(latencies, [50, 99])
    work = f"accept orders through the gateway, {USERS} users at once"
    yield Row(work, "Breezeway", f"{rate:,.0f} orders/s")
    yield Row(work, "Breezeway", f"p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    yield Row(f"{BUYS} concurrent buys with the cash of {AFFORDED}", "Breezeway", f"{accepted} accepted")


def _ticks_per_second() -> float:
    rules = InstrumentRules("NSE:A", Segment.NSE, InstrumentKind.EQUITY, _TICK)
    book = InstrumentBook(rules, MarketCalendar.default())
    book.on_tick(_tick(0))
    for number in range(OPEN_ORDERS):
        side = Side.BUY if number % 2 else Side.SELL
        away = (10 + number) * _TICK
        price = 100 - away if side is Side.BUY else 100 + away
        order = Order(f"o{number}", f"a{number % 50}", "NSE:A", side, 10, OrderType.LIMIT, Product.MIS, price=price)
        book.accept(order, _NOON)
    ticks = [_tick(number) for number in range(1, TICKS)]
    began = time.perf_counter()
    for tick in ticks:
        book.on_tick(tick)
    return len(ticks) / (time.perf_counter() - began)


def _tick(number: int) -> MarketTick:
    price = Decimal(100) + (number % 7 - 3) * _TICK
    return MarketTick(
        at=_NOON + timedelta(milliseconds=number),
        ltp=price,
        volume=1000 + number * 10,
        last_quantity=10,
        bid=price - _TICK,
        bid_quantity=100,
        ask=price + _TICK,
        ask_quantity=100,
    )


async def _orders(url: str) -> tuple[float, list[float]]:
    host, _, port = url.removeprefix("http://").partition(":")
    requests = []
    for _ in range(USERS):
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            token, body = await _prepare(client)
        requests.append(post(PATH, host, token, orjson.dumps(body)))
    lines = [await connect(host, int(port)) for _ in range(USERS)]
    latencies: list[float] = []

    async def place(line: Line, request: bytes, count: int) -> None:
        for _ in range(count):
            began = time.perf_counter()
            status, answer = await line.send(request)
            latencies.append((time.perf_counter() - began) * 1000)
            assert status == 201, answer

    async def all_place(count: int) -> None:
        await asyncio.gather(*(place(*each, count) for each in zip(lines, requests, strict=True)))

    await all_place(WARM_EACH)
    latencies.clear()
    began = time.perf_counter()
    await all_place(ORDERS_EACH)
    took = time.perf_counter() - began
    for line in lines:
        line.close()
    return USERS * ORDERS_EACH / took, latencies


async def _too_many(url: str) -> int:
    """How many of many buys at once are accepted, with the cash of a few and no charges."""
    host, _, port = url.removeprefix("http://").partition(":")
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        token, body = await _prepare(client)
        cash = f"{AFFORDED * Decimal(body['price']):.2f}"
        poor = {"name": "Few", "initial_cash": cash, "charge_plan": "none"}
        account = await client.post("/api/v1/trading/accounts", json=poor)
    request = post(PATH, host, token, orjson.dumps({**body, "account_id": account.json()["id"], "product": "cnc"}))
    lines = [await connect(host, int(port)) for _ in range(BUYS)]
    answers = await asyncio.gather(*(line.send(request) for line in lines))
    for line in lines:
        line.close()
    return sum(status == 201 for status, _ in answers)


async def _prepare(client: httpx.AsyncClient) -> tuple[str, dict[str, str]]:
    """The token of a new user with an account and a market, and an order that rests."""
    user = ApiUser(client)
    await user.register()
    await user.sign_in()
    await user.connect_broker()
    account = await client.post("/api/v1/trading/accounts", json={"name": "Bench", "initial_cash": "100000000.00"})
    body = {"account_id": account.json()["id"], "symbol": SYMBOL, "side": "buy", "quantity": "1", "product": "mis"}
    market = {**body, "order_type": "market"}
    found: dict[str, str] = {}

    async def priced() -> bool:
        preview = (await client.post("/api/v1/trading/orders/preview", json=market)).json()
        if preview.get("ok"):
            found["price"] = preview["worst_price"]
        return "price" in found

    await eventually(priced, 60, every=0.5)
    resting = (Decimal(found["price"]) * Decimal("0.95")).quantize(Decimal(1))
    return user.token, {**body, "order_type": "limit", "price": str(resting)}
