"""Live accounts' GTT on a real database, with a broker that the test makes and breaks."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest_asyncio

from breezeway.clock import SystemClock
from breezeway.errors import (
    BreezewayError,
    UpstreamUnavailable,
)
from breezeway.exchange.orders import OrderType, Product, Side
from trading_service.adapters.db.gtts import PostgresGtts
from trading_service.application.groups import GroupRequest, GroupStatus, OrderGroups
from trading_service.application.gtt_following import GttFollower
from trading_service.application.gtt_recording import GttRecorder
from trading_service.application.gtt_routing import GttKeeper
from trading_service.application.live_ports import BookRow, BrokerWord
from trading_service.application.ports import LastPrice
from trading_service.application.requests import OrderRequest
from trading_service.domain.accounts import TradingAccount
from trading_service.domain.groups import GroupKind
from trading_service.domain.gtt import BookedGtt, Leg, LiveGtt

CALL = "NFO:NIFTY24NOV2626000CE"
LOT = 65


class Died(BaseException):
    """The process ended here."""


@dataclass
class GttBroker:
    """Has what it was sent, and says so unless it is told to fail; `orders` is its order book."""

    orders: Any
    clock: Callable[[], datetime]
    calls: list[tuple[str, str]] = field(default_factory=list)
    rows: dict[str, BookedGtt] = field(default_factory=dict)
    before: BreezewayError | None = None
    after: BreezewayError | None = None
    refuses: BreezewayError | None = None
    blind: BreezewayError | None = None
    ignores: bool = False
    shut: Exception | None = None
    """Raised to who wants to talk to it at all."""
    slow: asyncio.Event | None = None
    """What the answer to a placement waits for; the GTT is there before."""
    reads: int = 0
    reported: list[str] = field(default_factory=list)

    async def line(self, account: TradingAccount) -> "GttBroker":
        if self.shut is not None:
            raise self.shut
        return self

    async def reserve(self, kind: str) -> None:
        if self.refuses is not None:
            raise self.refuses

    async def refused(self, detail: str) -> None:
        self.reported.append(detail)
        raise UpstreamUnavailable("Auth does not answer.", code="upstream_unavailable")

    async def place_gtt(self, gtt: LiveGtt) -> str:
        number = f"20261120{len(self.calls):08d}"
        legs = tuple(replace(leg, status="active") for leg in gtt.legs)
        row = BookedGtt(number, gtt.symbol, gtt.side.value, gtt.quantity, legs, self.clock())
        self._change("place", number, lambda: self.rows.update({number: row}))
        if self.slow is not None:
            await self.slow.wait()
        return number

    async def modify_gtt(self, gtt: LiveGtt, legs: tuple[Leg, ...]) -> None:
        number = gtt.broker_gtt_id or ""
        changed = tuple(replace(leg, status="active") for leg in legs)
        self._change("modify", number, lambda: self.say(number, legs=changed))

    async def cancel_gtt(self, gtt: LiveGtt) -> None:
        number = gtt.broker_gtt_id or ""
        self._change("cancel", number, lambda: self.status(number, "cancelled"))

    async def gtt_book(self, symbol: str, start: datetime, end: datetime) -> list[BookedGtt]:
        assert start <= end
        self.reads += 1
        if self.blind is not None:
            raise self.blind
        return list(self.rows.values())

    def say(self, number: str, **changes: Any) -> None:
        self.rows[number] = replace(self.rows[number], **changes)

    def status(self, number: str, word: str) -> None:
        """Give every leg a status."""
        self.say(number, legs=tuple(replace(leg, status=word) for leg in self.rows[number].legs))

    def reach(self, number: str, role: str, remark: str = "") -> str:
        """A leg is reached: the broker places its order, and cancels the other leg; the order's number."""
        row = self.rows[number]
        words = {True: "triggered", False: "cancelled"}
        self.say(number, legs=tuple(replace(leg, status=words[leg.role == role]) for leg in row.legs))
        leg = next(leg for leg in row.legs if leg.role == role)
        order = f"202611202500{len(self.orders.rows):08d}"
        word = BrokerWord(order, "ordered", row.quantity, 0, None, leg.limit, None, read=True)
        self.orders.rows[order] = BookRow(word, remark, row.symbol, row.side, self.clock())
        return order

    def placed(self) -> int:
        return sum(1 for kind, _ in self.calls if kind == "place")

    def _change(self, kind: str, what: str, effect: Callable[[], None]) -> None:
        self.calls.append((kind, what))
        before, self.before = self.before, None
        if before is not None:
            raise before
        if not self.ignores:
            effect()
        after, self.after = self.after, None
        if after is not None:
            raise after


@dataclass
class Gtts:
    """The GTT of a live account, and what keeps them."""

    live: Any
    broker: GttBroker
    groups: OrderGroups
    keeper: GttKeeper
    make: Callable[..., GttKeeper]
    death: type[BaseException] = Died

    async def single(self, trigger: str = "90", limit: str = "89", above: bool = False, side: str = "buy") -> UUID:
        orders = [("leg", self.order(side, limit))]
        request = GroupRequest(
            self.live.account.id, GroupKind.GTT, orders, {"symbol": CALL, "price": trigger, "above": above}
        )
        return (await self.groups.add(self.live.user, request)).group.id

    async def pair(self, target: str = "110", trigger: str = "95", limit: str = "94", quantity: int = LOT) -> UUID:
        orders = [
            ("target", self.order("sell", target, quantity=quantity)),
            ("stop", self.order("sell", limit, OrderType.SL, Decimal(trigger), quantity=quantity)),
        ]
        request = GroupRequest(self.live.account.id, GroupKind.GTT, orders)
        return (await self.groups.add(self.live.user, request)).group.id

    def order(
        self,
        side: str,
        price: str,
        kind: OrderType = OrderType.LIMIT,
        trigger: Decimal | None = None,
        **more: Any,
    ) -> OrderRequest:
        return OrderRequest(
            account_id=self.live.account.id,
            symbol=more.pop("symbol", CALL),
            side=Side(side),
            quantity=more.pop("quantity", LOT),
            order_type=kind,
            product=more.pop("product", Product.NRML),
            price=Decimal(price),
            trigger_price=trigger,
            **more,
        )

    async def round(self) -> None:
        await self.keeper.begin()
        await self.keeper.drain()

    async def pass_time(self, seconds: int) -> None:
        step = 1 if seconds <= 5 else 5
        for _ in range(0, seconds, step):
            self.live.wall.advance(step)
            self.live.service.market.now_ += timedelta(seconds=step)
            await self.round()
            await self.live.reconciler.run_once()

    async def of(self, group_id: UUID) -> GroupStatus:
        return await self.groups.one(self.live.user, group_id)

    async def said(self, group_id: UUID) -> tuple[str, str, str]:
        """The group's state, the GTT's, and the last line of its history."""
        found = await self.of(group_id)
        assert found.gtt is not None
        return found.group.state.value, found.gtt.status.value, found.gtt.history[-1].code

    async def number(self, group_id: UUID) -> str:
        gtt = (await self.of(group_id)).gtt
        assert gtt is not None
        assert gtt.broker_gtt_id is not None
        return gtt.broker_gtt_id


@pytest_asyncio.fixture
async def gtts(live: Any) -> Any:
    market, engine, wall = live.service.market, live.service.engine, live.wall
    market.prices[CALL] = LastPrice(Decimal(100), market.now_)
    broker = GttBroker(live.broker, lambda: market.now_)
    recorder = GttRecorder(live.recorder, market, wall)

    def work() -> PostgresGtts:
        return PostgresGtts(engine)

    def make(**more: Any) -> GttKeeper:
        follower = GttFollower(work, recorder, broker, wall, market)
        return GttKeeper(work, recorder, follower, broker, wall, market, **more)

    groups = OrderGroups(work, live.place, live.cancel, SystemClock(), live.gtts)
    keeper = make()
    yield Gtts(live, broker, groups, keeper, make)
    await keeper.drain()
