"""Live routing through the official SDK against the simulator, whose journal says what really happened."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.quota import BrokerQuota, QuotaRules
from breezeway.breeze.transport import BreezeTransport, TransportRules
from breezeway.clock import SystemClock
from breezeway.contracts.broker import BrokerCredentials, BrokerEnvironment
from breezeway.contracts.instruments import Instrument
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.exchange.checks import AccountState
from breezeway.exchange.orders import Amendment
from breezeway.ids import new_id
from breezeway.redis.client import connect
from breezeway.redis.sliding_window import SlidingWindow
from trading_service.adapters.breeze.orders import BreezeDesk
from trading_service.application.live_routing import LiveRouter
from trading_service.application.live_words import tag_of
from trading_service.application.reconciling import Reconciler, ReconcilingRules

ORDER_PATH = "/breezeapi/api/v1/order"


class Auth:
    """The vault and the master, for one user."""

    def __init__(self, simulated: Any, user: UUID) -> None:
        self._known = {**simulated.process.credentials(), "user_id": str(user)}
        self._instrument = Instrument.model_validate(simulated.instrument)
        self.reports: list[str] = []

    async def credentials(self, account_id: UUID) -> BrokerCredentials:
        return BrokerCredentials.model_validate({**self._known, "account_id": account_id})

    async def report_refused(self, credentials: BrokerCredentials, detail: str) -> None:
        self.reports.append(detail)

    async def resolve(self, symbol: str) -> Instrument:
        return self._instrument


class Trader:
    """A live account whose router calls the simulator, and the shares that the simulator knows."""

    def __init__(self, live: Any, simulated: Any, routers: list[LiveRouter], reconciler: Reconciler) -> None:
        self.live, self.simulated, self.routers, self.reconciler = live, simulated, routers, reconciler

    async def order(self, **more: Any) -> UUID:
        placed: UUID = await self.live.order(1, self.simulated.price, symbol="NSE:RELIANCE", **more)
        return placed

    async def send(self) -> None:
        for router in self.routers:
            await router.begin()
        for router in self.routers:
            await router.drain()

    async def settled(self, seconds: float = 30) -> None:
        """Reconcile until nothing is open."""
        async with asyncio.timeout(seconds):
            while await self.live.unsettled():
                await self.send()
                await self.reconciler.run_once()
                await asyncio.sleep(0.05)

    async def at_broker(self, order: UUID) -> list[dict[str, Any]]:
        """The simulator's orders of one of ours."""
        tag = tag_of((await self.live.service.stored(order)).order)
        return [each for each in self.simulated.process.control("GET", "orders")["items"] if each["user_remark"] == tag]

    def fault(self, kind: str, **more: Any) -> None:
        body = {"kind": kind, "count": 1, "delay_seconds": 0.2, **more}
        self.simulated.process.control("POST", "faults", body)

    def calls(self, since: int) -> Counter[str]:
        """Calls that would change something at the broker, by method."""
        return Counter(each["method"] for each in self.simulated.process.calls(since))

    def mark(self) -> int:
        return int(self.simulated.process.mark())


@pytest_asyncio.fixture
async def trader(live: Any, broker_simulator: Any, valkey: EmbeddedValkey) -> AsyncIterator[Trader]:
    transport = BreezeTransport(
        BreezeEndpoints.single_origin(broker_simulator.process.url), TransportRules(read_timeout=10)
    )
    redis = connect(valkey.url)
    auth = Auth(broker_simulator, live.user)
    clock = broker_simulator.process.control("GET", "clock")
    market = live.service.market
    # The day is the simulator's exchange's.
    market.now_ = datetime.fromisoformat(clock["exchange_now"])
    live.listing.more["NSE:RELIANCE"] = await auth.resolve("NSE:RELIANCE")
    quota = BrokerQuota(redis, QuotaRules(per_minute=100_000, per_day=1_000_000))
    turns = SlidingWindow(redis, f"orders-{new_id().hex}", limit=10, seconds=1.25)

    def router() -> LiveRouter:
        desk = BreezeDesk({BrokerEnvironment.SIMULATOR: transport}, auth, auth, quota, turns, wait=30)
        return LiveRouter(live.work, live.recorder, desk, SystemClock())

    routers = [router(), router()]
    rules = ReconcilingRules(given_up=timedelta(seconds=1), pause=timedelta(seconds=0.2))
    desk = BreezeDesk({BrokerEnvironment.SIMULATOR: transport}, auth, auth, quota, turns)
    reconciler = Reconciler(live.work, live.recorder, desk, SystemClock(), set(), rules)
    yield Trader(live, broker_simulator, routers, reconciler)
    for each in routers:
        await each.drain()
    await redis.aclose()
    await transport.aclose()


async def test_place_change_and_cancel(trader: Trader) -> None:
    order = await trader.order()
    await trader.send()
    (row,) = await trader.at_broker(order)
    assert await trader.live.state(order) == ("open", "accepted")
    assert (row["action"].lower(), row["quantity"]) == ("buy", 1)
    lower = Decimal(trader.simulated.price) - 5
    await trader.live.modify(trader.live.user, order, Amendment(price=lower))
    await trader.settled()
    assert (await trader.live.service.stored(order)).order.price == lower
    assert Decimal((await trader.at_broker(order))[0]["price"]) == lower
    await trader.live.cancel(trader.live.user, order)
    await trader.settled()
    assert (await trader.live.state(order))[0] == "cancelled"
    assert (await trader.at_broker(order))[0]["status"].lower() == "cancelled"


@pytest.mark.parametrize(("fault", "there"), [("timeout_before", 0), ("timeout_after", 1), ("html_page", None)])
async def test_l_07_no_answer_never_makes_two(trader: Trader, fault: str, there: int | None) -> None:
    """L-07 over the wire: the answer is lost before or after the broker has taken the order, or is a page of HTML."""
    before = trader.mark()
    trader.fault(fault, method="POST", path=ORDER_PATH)
    order = await trader.order()
    await trader.send()
    assert (await trader.live.state(order))[0] == "unknown"
    await trader.settled()
    found = await trader.at_broker(order)
    assert there is None or len(found) == there
    assert (await trader.live.state(order))[0] == ("open" if found else "rejected")
    assert sum(trader.calls(before).values()) <= 1


@pytest.mark.parametrize(("fault", "code"), [("wrong_ip", "broker_ip_refused"), ("rate_limit", "broker_minute_limit")])
async def test_a_clear_refusal_has_a_code_of_its_own(trader: Trader, fault: str, code: str) -> None:
    trader.fault(fault)
    order = await trader.order()
    await trader.send()
    assert await trader.live.state(order) == ("rejected", code)
    assert await trader.at_broker(order) == []


async def test_a_cancellation_that_is_confirmed_and_ignored(trader: Trader) -> None:
    """The broker's own fault: it says yes and does nothing."""
    order = await trader.order()
    await trader.send()
    trader.fault("ignore_change")
    await trader.live.cancel(trader.live.user, order)
    await trader.settled()
    assert (await trader.live.state(order))[0] == "open"
    assert ("cancel_reject", "no_effect") in await trader.live.events(order)


async def test_l_13_halted_or_off_the_broker_gets_nothing(trader: Trader) -> None:
    """L-13: the kill switch is thrown after the wish; the simulator's journal has no order call."""
    before = trader.mark()
    order = await trader.order()
    async with trader.live.work() as work:
        account = await work.lock_account(trader.live.account.id)
        await work.save_account(replace(account, state=AccountState.HALTED))
        await work.commit()
    await trader.send()
    assert await trader.live.state(order) == ("rejected", "account_halted")
    assert trader.calls(before) == Counter()


async def test_l_14_two_replicas_never_send_more_than_ten_a_second(trader: Trader) -> None:
    """L-14: two processes share one limit; the simulator counts arrivals in any second."""
    before = trader.mark()
    orders = [await trader.order() for _ in range(25)]
    await asyncio.gather(*(_until_sent(router, trader.live.unsettled) for router in trader.routers))
    assert Counter([(await trader.live.state(order))[0] for order in orders]) == {"open": 25}
    arrivals = sorted(_seconds(each) for each in trader.simulated.process.calls(before))
    assert len(arrivals) == 25
    assert all(later - earlier > 1 for earlier, later in zip(arrivals, arrivals[10:], strict=False))


async def _until_sent(router: LiveRouter, unsettled: Callable[[], Awaitable[int]]) -> None:
    async with asyncio.timeout(60):
        while await unsettled():
            await router.begin()
            await router.drain()


def _seconds(entry: dict[str, Any]) -> float:
    return datetime.fromisoformat(entry["at"]).timestamp()
