"""Live GTT through the official SDK against the simulator: the broker keeps them, and its journal counts the calls."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.gtt import BreezeGtt
from breezeway.breeze.quota import BrokerQuota, QuotaRules
from breezeway.breeze.transport import BreezeTransport, TransportRules
from breezeway.breeze.values import BreezeCredentials, BrokerInstrument
from breezeway.clock import SystemClock
from breezeway.contracts.broker import BrokerCredentials, BrokerEnvironment
from breezeway.contracts.instruments import Instrument
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.exchange.orders import OrderType, Product, Side
from breezeway.ids import new_id
from breezeway.redis.client import connect
from breezeway.redis.sliding_window import SlidingWindow
from trading_service.adapters.breeze.gtt import BreezeGttDesk
from trading_service.adapters.db.gtts import PostgresGtts
from trading_service.application.groups import GroupRequest, GroupStatus, OrderGroups
from trading_service.application.gtt_following import GttFollower, GttRules
from trading_service.application.gtt_recording import GttRecorder
from trading_service.application.gtt_routing import GttKeeper
from trading_service.application.ports import LastPrice
from trading_service.application.reconciling import Reconciler, ReconcilingRules
from trading_service.application.requests import OrderRequest
from trading_service.domain.groups import GroupKind

GTT_PATH = "/breezeapi/api/v1/gttorder"
EXPIRY = date(2026, 11, 23)
TICK = Decimal("0.05")


class Auth:
    """The vault and the master, for one user and one option."""

    def __init__(self, known: dict[str, Any], user: UUID, instrument: Instrument) -> None:
        self._known = {**known, "user_id": str(user)}
        self._instrument = instrument

    async def credentials(self, account_id: UUID) -> BrokerCredentials:
        return BrokerCredentials.model_validate({**self._known, "account_id": account_id})

    async def report_refused(self, credentials: BrokerCredentials, detail: str) -> None:
        raise AssertionError(detail)

    async def resolve(self, symbol: str) -> Instrument:
        return self._instrument


@dataclass
class Rig:
    """A live account, a call near the money with its price, and the keeper of GTT."""

    live: Any
    process: Any
    symbol: str
    last: Decimal
    groups: OrderGroups
    keeper: GttKeeper
    reconciler: Reconciler

    async def place(self, orders: list[tuple[str, OrderRequest]], trigger: Any = None) -> UUID:
        request = GroupRequest(self.live.account.id, GroupKind.GTT, orders, trigger)
        return (await self.groups.add(self.live.user, request)).group.id

    async def single(self) -> UUID:
        """A call bought far below, of which nothing comes while a test runs."""
        low = (self.last / 4).quantize(Decimal(1))
        trigger = {"symbol": self.symbol, "price": str(low), "above": False}
        return await self.place([("leg", self.order(Side.BUY, low))], trigger)

    async def pair(self, away: Decimal) -> UUID:
        target, stop = self.last + away, self.last - away
        sell_stop = self.order(Side.SELL, stop - TICK, OrderType.SL, stop)
        return await self.place([("target", self.order(Side.SELL, target)), ("stop", sell_stop)])

    def order(
        self, side: Side, price: Decimal, kind: OrderType = OrderType.LIMIT, trigger: Decimal | None = None
    ) -> OrderRequest:
        account, product = self.live.account.id, Product.NRML
        return OrderRequest(account, self.symbol, side, 65, kind, product, price=price, trigger_price=trigger)

    async def until(self, group: UUID, done: Callable[[GroupStatus], bool | Awaitable[bool]]) -> GroupStatus:
        """Keep and reconcile until a group is as wanted."""
        async with asyncio.timeout(120):
            while True:
                await self.keeper.begin()
                await self.keeper.drain()
                await self.reconciler.run_once()
                found = await self.groups.one(self.live.user, group)
                if done(found):
                    return found
                await asyncio.sleep(0.2)

    async def status(self, group: UUID, *wanted: str) -> GroupStatus:
        return await self.until(group, lambda found: found.gtt is not None and found.gtt.status in wanted)

    def calls(self, since: int) -> Counter[str]:
        return Counter(each["method"] for each in self.process.calls(since))


@pytest_asyncio.fixture
async def rig(live: Any, broker_simulator: Any, valkey: EmbeddedValkey) -> AsyncIterator[Rig]:
    process = broker_simulator.process
    # A GTT has no tag: those that an earlier test left in the book could be taken for one of this test's.
    process.another_customer()
    transport = BreezeTransport(BreezeEndpoints.single_origin(process.url), TransportRules(read_timeout=10))
    redis = connect(valkey.url)
    quota = BrokerQuota(redis, QuotaRules(per_minute=100_000, per_day=1_000_000))
    client, known = BreezeGtt(transport, quota, "account"), process.credentials()
    client.resume(
        BreezeCredentials(known["api_key"], known["api_secret"], known["broker_user_id"], known["session_key"])
    )
    index = (await client.quotes(BrokerInstrument("NFO", "NIFTY", "future", EXPIRY))).last
    assert index is not None
    strike = round(index / 100) * 100
    call = BrokerInstrument("NFO", "NIFTY", "option", EXPIRY, Decimal(strike), "CE")
    symbol = f"NFO:NIFTY23NOV26{strike}CE"
    instrument = Instrument.model_validate(
        {
            "instrument_id": 1,
            "symbol": symbol,
            "exchange": "NFO",
            "segment": "derivatives",
            "type": "option",
            "name": symbol,
            "lot_size": 65,
            "tick_size": "0.05",
            "expiry": EXPIRY,
            "strike": strike,
            "right": "call",
            "underlying": "NIFTY",
            "broker_code": "NIFTY",
            "broker_token": None,
        }
    )
    quote = await client.quotes(call)
    assert quote.last is not None
    market, last = live.service.market, Decimal(str(quote.last))
    market.now_ = datetime.fromisoformat(process.control("GET", "clock")["exchange_now"])
    market.prices[symbol] = LastPrice(last, market.now_)
    live.listing.more[symbol] = instrument
    auth = Auth(known, live.user, instrument)
    turns = SlidingWindow(redis, f"orders-{new_id().hex}", limit=10, seconds=1.25)
    desk = BreezeGttDesk({BrokerEnvironment.SIMULATOR: transport}, auth, auth, quota, turns, wait=30)

    def work() -> PostgresGtts:
        return PostgresGtts(live.service.engine)

    wall, quick = SystemClock(), timedelta(seconds=0.2)
    rules = GttRules(given_up=timedelta(seconds=1), pause=quick, follow=quick)
    recorder = GttRecorder(live.recorder, market, wall)
    follower = GttFollower(work, recorder, desk, wall, market, rules)
    keeper = GttKeeper(work, recorder, follower, desk, wall, market, rules)
    looking = ReconcilingRules(given_up=timedelta(seconds=5), pause=quick)
    reconciler = Reconciler(live.work, live.recorder, desk, wall, set(), looking)
    groups = OrderGroups(work, live.place, live.cancel, wall, live.gtts)
    yield Rig(live, process, symbol, last, groups, keeper, reconciler)
    await keeper.drain()
    await redis.aclose()
    await transport.aclose()


async def test_the_sdk_places_changes_and_cancels_both_kinds(rig: Rig) -> None:
    before = rig.process.mark()
    for group in (await rig.single(), await rig.pair((rig.last / 2).quantize(Decimal(1)))):
        found = await rig.status(group, "active")
        assert found.gtt is not None
        role = found.gtt.legs[-1].role
        lower = found.gtt.legs[-1].trigger - 1
        await rig.groups.modify(rig.live.user, group, {role: (lower, lower)})
        changed = await rig.until(group, lambda status: status.gtt is not None and status.gtt.wish is None)
        assert changed.gtt is not None
        assert changed.gtt.history[-1].code == "modified"
        assert (changed.gtt.legs[-1].trigger, changed.gtt.legs[-1].limit) == (lower, lower)
        await rig.groups.cancel(rig.live.user, group)
        cancelled = await rig.status(group, "cancelled")
        assert cancelled.group.state == "cancelled"
    assert rig.calls(before) == Counter(POST=2, PUT=2, DELETE=2)


@pytest.mark.parametrize(("fault", "there"), [("timeout_before", False), ("timeout_after", True)])
async def test_l_07_no_answer_never_makes_two(rig: Rig, fault: str, there: bool) -> None:
    """L-07 for GTT over the wire: the answer is lost before or after the broker has taken it."""
    before = rig.process.mark()
    body = {"kind": fault, "count": 1, "delay_seconds": 0.2, "method": "POST", "path": GTT_PATH}
    rig.process.control("POST", "faults", body)
    group = await rig.single()
    found = await rig.status(group, "active", "rejected")
    assert found.gtt is not None
    assert [note.code for note in found.gtt.history[:3]] == ["received", "submitting", "outcome_unknown"]
    assert (found.gtt.status == "active") is there
    assert rig.calls(before)["POST"] <= 1
    if there:
        await rig.groups.cancel(rig.live.user, group)
        await rig.status(group, "cancelled")


async def test_a_reached_leg_is_an_order_of_ours(rig: Rig) -> None:
    """A target and a stop one tick from the price: whichever way it moves, one of them is reached, and only one."""
    group = await rig.pair(TICK)
    found = await rig.until(group, lambda status: bool(status.orders) and status.orders[0].state != "unknown")
    (order,) = found.orders
    assert found.gtt is not None
    assert (found.gtt.status, found.group.state) == ("triggered", "working")
    assert order.state in ("open", "filled"), order
    at_broker = rig.process.control("GET", "orders")["items"]
    assert [each["order_id"] for each in at_broker if each["user_remark"] == found.gtt.broker_gtt_id] == [
        await rig.live.number(order.id)
    ]
