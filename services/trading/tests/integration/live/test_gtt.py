"""Live accounts' GTT on a real database, with a broker that the test makes and breaks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from breezeway.clock import SystemClock
from breezeway.errors import (
    BreezewayError,
    Conflict,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    Unauthenticated,
    UpstreamUnavailable,
)
from breezeway.exchange.checks import AccountState
from breezeway.exchange.orders import OrderType, Product, Side
from trading_service.adapters.db.gtts import PostgresGtts
from trading_service.application.accounts import TradingAccounts
from trading_service.application.groups import GroupRequest, GroupStatus, OrderGroups
from trading_service.application.gtt_following import GttFollower, GttRules
from trading_service.application.gtt_recording import GttRecorder
from trading_service.application.gtt_routing import GttKeeper
from trading_service.application.live_ports import STEPS, BookRow, BrokerWord
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
    reads: int = 0
    reported: list[str] = field(default_factory=list)

    async def line(self, account: TradingAccount) -> "GttBroker":
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


@pytest.fixture
def unknown() -> BreezewayError:
    return OutcomeUnknown("No answer.", code="broker_outcome_unknown")


async def test_a_single_is_kept_by_the_broker_and_its_order_becomes_ours(gtts: Gtts) -> None:
    """From the wish to the position; the broker's own order bears no tag of ours."""
    group = await gtts.single()
    assert await gtts.said(group) == ("waiting", "new", "received")
    assert gtts.broker.calls == []
    await gtts.round()
    assert await gtts.said(group) == ("waiting", "active", "accepted")
    number = await gtts.number(group)
    (leg,) = gtts.broker.rows[number].legs
    assert (leg.role, leg.trigger, leg.limit) == ("leg", Decimal(90), Decimal(89))
    await gtts.pass_time(3)
    at_broker = gtts.broker.reach(number, "leg")
    await gtts.pass_time(35)
    found = await gtts.of(group)
    assert (found.group.state, found.gtt.status if found.gtt else None) == ("working", "triggered")
    (order,) = found.orders
    assert (order.state, order.order.price, order.order.quantity, order.group_role) == ("open", Decimal(89), LOT, "leg")
    assert await gtts.live.number(order.id) == at_broker
    await gtts.live.tell(at_broker, "executed", LOT, "88.50", LOT)
    async with gtts.live.work() as work:
        position = await work.position(gtts.live.account.id, CALL, "nrml")
    assert position.quantity == LOT
    await gtts.groups.keep(lambda _symbol: None)
    assert (await gtts.of(group)).group.state == "done"
    assert gtts.broker.calls == [("place", number)]
    assert gtts.live.broker.calls == []


async def test_of_two_the_reached_one_becomes_an_order(gtts: Gtts) -> None:
    """And a remark that the broker makes up does not hide its order."""
    group = await gtts.pair()
    await gtts.round()
    number = await gtts.number(group)
    assert {leg.role: (leg.trigger, leg.limit) for leg in gtts.broker.rows[number].legs} == {
        "target": (Decimal(110), Decimal(110)),
        "stop": (Decimal(95), Decimal(94)),
    }
    at_broker = gtts.broker.reach(number, "stop", remark=number)
    await gtts.pass_time(35)
    (order,) = (await gtts.of(group)).orders
    assert (order.group_role, order.order.side, order.order.price) == ("stop", Side.SELL, Decimal(94))
    assert await gtts.live.number(order.id) == at_broker
    await gtts.pass_time(60)
    assert len((await gtts.of(group)).orders) == 1


async def test_an_order_that_the_broker_could_not_place_is_rejected_here(gtts: Gtts) -> None:
    group = await gtts.single()
    await gtts.round()
    number = await gtts.number(group)
    del gtts.live.broker.rows[gtts.broker.reach(number, "leg")]
    await gtts.pass_time(90)
    (order,) = (await gtts.of(group)).orders
    assert (order.state, order.code) == ("rejected", "never_arrived")
    assert gtts.live.broker.calls == []


async def test_our_own_trigger_leaves_it_alone(gtts: Gtts) -> None:
    """What keeps groups on paper would otherwise place the order a second time."""
    group = await gtts.single()
    await gtts.round()
    watched = await gtts.groups.keep(lambda _symbol: Decimal(1))
    assert watched == set()
    assert (await gtts.of(group)).orders == ()
    assert gtts.live.broker.calls == []


@pytest.mark.parametrize("arrived", [True, False])
async def test_l_13_an_unanswered_gtt_is_looked_for_and_never_sent_again(
    gtts: Gtts, unknown: BreezewayError, arrived: bool
) -> None:
    """L-13: the call times out after, or before, the broker has it; only its book decides."""
    if arrived:
        gtts.broker.after = unknown
    else:
        gtts.broker.before = unknown
    group = await gtts.single()
    await gtts.round()
    assert await gtts.said(group) == ("waiting", "unknown", "outcome_unknown")
    await gtts.pass_time(60)
    wanted = ("waiting", "active", "accepted") if arrived else ("failed", "rejected", "never_arrived")
    assert await gtts.said(group) == wanted
    assert gtts.broker.placed() == 1


async def test_two_alike_are_told_apart_by_number(gtts: Gtts, unknown: BreezewayError) -> None:
    """Both unanswered: the book's two rows are theirs, one each."""
    groups = []
    for _ in range(2):
        gtts.broker.after = unknown
        groups.append(await gtts.single())
        await gtts.round()
    await gtts.pass_time(5)
    numbers = {await gtts.number(group) for group in groups}
    assert numbers == set(gtts.broker.rows)
    assert len(numbers) == 2


async def test_more_than_were_sent_is_for_a_person(gtts: Gtts, unknown: BreezewayError) -> None:
    gtts.broker.after = unknown
    group = await gtts.single()
    await gtts.round()
    (number,) = gtts.broker.rows
    gtts.broker.rows["TWIN"] = replace(gtts.broker.rows[number], gtt_id="TWIN")
    await gtts.pass_time(90)
    assert await gtts.said(group) == ("waiting", "unknown", "ambiguous_gtt")
    found = await gtts.of(group)
    assert found.gtt is not None
    assert [each.code for each in found.gtt.history].count("ambiguous_gtt") == 1
    assert "TWIN" in found.gtt.history[-1].text
    async with gtts.live.work() as work:
        account = await work.lock_account(gtts.live.account.id)
    assert account is not None
    assert account.state is AccountState.HALTED
    await gtts.groups.cancel(gtts.live.user, group)
    assert await gtts.said(group) == ("cancelled", "cancelled", "given_up")
    await gtts.pass_time(3)
    assert gtts.broker.calls == [("place", number)]


@pytest.mark.parametrize("step", [each for each in STEPS if each not in ("before_intent", "intent")])
@pytest.mark.parametrize("kind", ["place", "modify", "cancel"])
async def test_l_13_a_process_that_dies_sends_nothing_twice(gtts: Gtts, step: str, kind: str) -> None:
    """L-13: the process ends at each step of placing, changing and cancelling; another takes over."""
    group = await gtts.pair()
    if kind != "place":
        await gtts.round()
        if kind == "modify":
            await gtts.groups.modify(gtts.live.user, group, {"target": (None, Decimal(112))})
        else:
            await gtts.groups.cancel(gtts.live.user, group)

    def die(name: str) -> None:
        if name == step:
            raise Died

    dying = gtts.make(step=die)
    await dying.begin()
    with pytest.raises(Died):
        await dying.drain()
    await gtts.keeper.recover()
    await gtts.pass_time(75)
    sent = [each for each, _ in gtts.broker.calls].count(kind)
    assert sent == (0 if step in ("claimed", "calling") else 1)
    took = sent == 1
    wanted = {
        "place": ("waiting", "active", "accepted") if took else ("failed", "rejected", "never_arrived"),
        "modify": ("waiting", "active", "modified" if took else "no_effect"),
        "cancel": ("cancelled", "cancelled", "cancelled") if took else ("waiting", "active", "no_effect"),
    }[kind]
    assert await gtts.said(group) == wanted
    async with PostgresGtts(gtts.live.service.engine) as work:
        assert (await work.gtts_of([group]))[group].wish is None


async def test_a_claim_of_a_silent_process_is_looked_into(gtts: Gtts) -> None:
    """Also without a change of leadership, after a while."""
    group = await gtts.single()

    def die(name: str) -> None:
        if name == "called":
            raise Died

    dying = gtts.make(step=die)
    await dying.begin()
    with pytest.raises(Died):
        await dying.drain()
    await gtts.pass_time(20)
    assert (await gtts.said(group))[1] == "submitting"
    await gtts.pass_time(20)
    assert (await gtts.said(group))[1] == "active"
    assert gtts.broker.placed() == 1


async def test_two_keepers_send_once(gtts: Gtts) -> None:
    second = gtts.make()
    groups = [await gtts.single() for _ in range(5)]
    for keeper in (gtts.keeper, second):
        await keeper.begin()
    for keeper in (gtts.keeper, second):
        await keeper.drain()
    assert gtts.broker.placed() == 5
    assert {(await gtts.said(group))[1] for group in groups} == {"active"}


async def test_changed_terms_hold_when_the_book_shows_them(gtts: Gtts) -> None:
    group = await gtts.pair()
    await gtts.round()
    status = await gtts.groups.modify(gtts.live.user, group, {"stop": (Decimal(96), Decimal(95))})
    assert status.gtt is not None
    assert status.gtt.legs[1].trigger == Decimal(95)
    with pytest.raises(Conflict) as busy:
        await gtts.groups.modify(gtts.live.user, group, {"stop": (None, Decimal(93))})
    assert busy.value.code == "gtt_busy"
    await gtts.pass_time(2)
    assert await gtts.said(group) == ("waiting", "active", "modified")
    gtt = (await gtts.of(group)).gtt
    assert gtt is not None
    assert {leg.role: (leg.trigger, leg.limit) for leg in gtt.legs} == {
        "target": (Decimal(110), Decimal(110)),
        "stop": (Decimal(96), Decimal(95)),
    }


@pytest.mark.parametrize("kind", ["modify", "cancel"])
async def test_a_confirmed_change_without_effect_is_told(gtts: Gtts, kind: str) -> None:
    group = await gtts.single()
    await gtts.round()
    gtts.broker.ignores = True
    if kind == "modify":
        await gtts.groups.modify(gtts.live.user, group, {"leg": (Decimal(80), Decimal(79))})
    else:
        await gtts.groups.cancel(gtts.live.user, group)
    await gtts.pass_time(60)
    assert await gtts.said(group) == ("waiting", "active", "no_effect")
    assert [each for each, _ in gtts.broker.calls].count(kind) == 1


async def test_cancelled_before_it_was_sent_it_never_leaves(gtts: Gtts) -> None:
    group = await gtts.single()
    await gtts.groups.cancel(gtts.live.user, group)
    await gtts.pass_time(3)
    assert await gtts.said(group) == ("cancelled", "cancelled", "cancelled")
    assert gtts.broker.calls == []
    with pytest.raises(Conflict, match="already"):
        await gtts.groups.cancel(gtts.live.user, group)


async def test_a_cancellation_waits_for_what_is_in_doubt(gtts: Gtts, unknown: BreezewayError) -> None:
    gtts.broker.after = unknown
    group = await gtts.single()
    await gtts.round()
    for _ in range(2):
        await gtts.groups.cancel(gtts.live.user, group)
    await gtts.pass_time(5)
    assert await gtts.said(group) == ("cancelled", "cancelled", "cancelled")
    assert [kind for kind, _ in gtts.broker.calls] == ["place", "cancel"]


async def test_a_change_that_was_not_sent_gives_way_to_a_cancellation(gtts: Gtts) -> None:
    group = await gtts.single()
    await gtts.round()
    await gtts.groups.modify(gtts.live.user, group, {"leg": (Decimal(80), Decimal(79))})
    await gtts.groups.cancel(gtts.live.user, group)
    await gtts.pass_time(3)
    assert (await gtts.said(group))[1] == "cancelled"
    assert [kind for kind, _ in gtts.broker.calls] == ["place", "cancel"]


async def test_a_reached_leg_beats_a_cancellation(gtts: Gtts) -> None:
    """The broker confirms the cancellation, but its book says that the leg was reached before."""
    group = await gtts.single()
    await gtts.round()
    number = await gtts.number(group)
    await gtts.groups.cancel(gtts.live.user, group)
    gtts.broker.ignores = True
    at_broker = gtts.broker.reach(number, "leg")
    await gtts.pass_time(5)
    found = await gtts.of(group)
    assert found.group.state == "working"
    assert await gtts.live.number(found.orders[0].id) == at_broker


@pytest.mark.parametrize(
    ("word", "state"),
    [("cancelled", "cancelled"), ("expired", "done"), ("rejected", "failed"), ("sleeping", "waiting")],
)
async def test_what_the_broker_ends_has_ended(gtts: Gtts, word: str, state: str) -> None:
    """A word that nobody knows ends nothing."""
    group = await gtts.pair()
    await gtts.round()
    gtts.broker.status(await gtts.number(group), word)
    await gtts.pass_time(35)
    assert (await gtts.of(group)).group.state == state
    assert (await gtts.of(group)).orders == ()


async def test_terms_changed_at_the_broker_are_ours(gtts: Gtts) -> None:
    group = await gtts.single()
    await gtts.round()
    gtts.broker.say(await gtts.number(group), legs=(Leg("leg", Decimal(85), Decimal(84), "active"),))
    await gtts.pass_time(35)
    found = (await gtts.of(group)).gtt
    assert found is not None
    assert (found.legs[0].trigger, found.history[-1].code) == (Decimal(85), "modified")


async def test_the_book_is_read_every_half_minute(gtts: Gtts) -> None:
    """The broker allows 5,000 calls a day; two GTT of an exchange share one."""
    for _ in range(2):
        await gtts.single()
    await gtts.round()
    before = gtts.broker.reads
    await gtts.pass_time(61)
    assert 1 <= gtts.broker.reads - before <= 3


async def test_halting_takes_everything_back(gtts: Gtts) -> None:
    """The kill switch: what waits at the broker is cancelled, what was not sent is not."""
    kept = await gtts.single()
    await gtts.round()
    unsent = await gtts.single()
    accounts = TradingAccounts(
        gtts.live.service.work, gtts.live.service.market, gtts.live.service.market, gtts.live.cancel
    )
    await accounts.change_state(gtts.live.user, gtts.live.account.id, AccountState.HALTED)
    await gtts.pass_time(4)
    assert await gtts.said(kept) == ("cancelled", "cancelled", "cancelled")
    assert await gtts.said(unsent) == ("failed", "rejected", "account_halted")
    assert [kind for kind, _ in gtts.broker.calls] == ["place", "cancel"]
    with pytest.raises(Conflict) as halted:
        await gtts.single()
    assert halted.value.code == "account_halted"


async def test_an_account_is_not_closed_over_a_gtt(gtts: Gtts) -> None:
    group = await gtts.single()
    market = gtts.live.service.market
    accounts = TradingAccounts(gtts.live.service.work, market, market, gtts.live.cancel)
    with pytest.raises(Conflict) as working:
        await accounts.close(gtts.live.user, gtts.live.account.id)
    assert working.value.code == "orders_working"
    await gtts.groups.cancel(gtts.live.user, group)
    await accounts.close(gtts.live.user, gtts.live.account.id)


async def test_what_could_not_leave_in_time_never_leaves(gtts: Gtts) -> None:
    gtts.broker.refuses = UpstreamUnavailable("Not now.", code="broker_minute_limit")
    group = await gtts.single()
    await gtts.pass_time(20)
    assert (await gtts.said(group))[1] == "new"
    await gtts.pass_time(15)
    assert await gtts.said(group) == ("failed", "rejected", "broker_minute_limit")
    late = await gtts.single()
    gtts.broker.refuses = None
    gtts.live.wall.advance(40)
    await gtts.round()
    assert await gtts.said(late) == ("failed", "rejected", "intent_expired")
    assert gtts.broker.calls == []


async def test_a_clear_no_is_told_in_the_brokers_words(gtts: Gtts) -> None:
    context = {"broker_message": "RMS: no margin"}
    gtts.broker.before = InvalidInput("The broker refuses this.", code="broker_refused", context=context)
    group = await gtts.single()
    await gtts.round()
    found = await gtts.of(group)
    assert (found.group.state, found.group.text) == (
        "failed",
        "The broker refuses this. The broker says: RMS: no margin",
    )
    gtts.broker.before = Unauthenticated("The session is over.", code="broker_session_expired")
    group = await gtts.single()
    await gtts.round()
    assert (await gtts.said(group))[2] == "broker_session_expired"
    assert gtts.broker.reported == ["The session is over."]


@pytest.mark.parametrize(
    "error",
    [
        UpstreamUnavailable("Not now.", code="broker_unavailable"),
        Unauthenticated("The session is over.", code="broker_session_expired"),
    ],
)
async def test_a_book_that_cannot_be_read_decides_nothing(
    gtts: Gtts, unknown: BreezewayError, error: BreezewayError
) -> None:
    gtts.broker.after, gtts.broker.blind = unknown, error
    group = await gtts.single()
    await gtts.pass_time(90)
    assert await gtts.said(group) == ("waiting", "unknown", "outcome_unknown")
    gtts.broker.blind = None
    await gtts.pass_time(15)
    assert await gtts.said(group) == ("waiting", "active", "accepted")


async def test_what_the_broker_cannot_keep_is_refused(gtts: Gtts) -> None:
    """Each under a code, and nothing is stored or sent."""

    async def refused(orders: list[tuple[str, OrderRequest]], trigger: Any = None) -> str:
        with pytest.raises((InvalidInput, Conflict)) as error:
            await gtts.groups.add(gtts.live.user, GroupRequest(gtts.live.account.id, GroupKind.GTT, orders, trigger))
        return error.value.code

    order, below = gtts.order, {"symbol": CALL, "price": "90", "above": False}
    stop = ("stop", order("sell", "94", OrderType.SL, Decimal(95)))
    target = ("target", order("sell", "110"))
    later = ("not_for_live_accounts", "invalid_group", "tick_size", "lot_size", "trigger_side", "stop_limit_side")
    assert [
        await refused([("leg", order("buy", "89", product=Product.MIS))], below),
        await refused([("leg", order("buy", "89"))], below | {"symbol": "NSE:A"}),
        await refused([("leg", order("buy", "89"))], below | {"price": "90.01"}),
        await refused([("leg", order("buy", "89", quantity=10))], below),
        await refused([("leg", order("buy", "89"))], below | {"price": "101"}),
        await refused([target, ("stop", order("sell", "96", OrderType.SL, Decimal(95)))]),
    ] == list(later)
    assert await refused([("leg", order("buy", "89", OrderType.SL, Decimal(88)))], below) == "not_for_live_accounts"
    assert await refused([("leg", order("buy", "89", disclosed_quantity=13))], below) == "not_for_live_accounts"
    assert await refused([target, stop], below) == "invalid_group"
    assert await refused([("target", order("sell", "99")), stop]) == "trigger_side"
    assert await refused([target, ("stop", order("sell", "94"))]) == "not_for_live_accounts"
    assert await refused([("leg", order("buy", "1600"))], below) == "live_order_value"
    gtts.live.service.market.prices.clear()
    assert await refused([target, stop]) == "stale_price"
    assert await refused([("leg", order("buy", "89", symbol="NSE:A", product=Product.CNC))], below) == (
        "not_for_live_accounts"
    )
    page, _ = await gtts.groups.of(gtts.live.user, None, 10)
    assert page == []


async def test_changes_are_checked_like_new_ones(gtts: Gtts) -> None:
    group = await gtts.pair()
    await gtts.round()

    async def refused(**legs: tuple[Decimal | None, Decimal]) -> str:
        with pytest.raises(InvalidInput) as error:
            await gtts.groups.modify(gtts.live.user, group, legs)
        return error.value.code

    assert await refused(leg=(None, Decimal(1))) == "invalid_group"
    assert await refused(target=(Decimal(111), Decimal(112))) == "invalid_group"
    assert await refused(target=(None, Decimal(90))) == "trigger_side"
    assert await refused(stop=(None, Decimal("93.99"))) == "tick_size"
    with pytest.raises(NotFound):
        await gtts.groups.modify(UUID(int=5), group, {"target": (None, Decimal(112))})
    with pytest.raises(NotFound):
        await gtts.live.gtts.cancel(UUID(int=5), group)
    await gtts.groups.cancel(gtts.live.user, group)
    await gtts.pass_time(2)
    with pytest.raises(Conflict) as ended:
        await gtts.groups.modify(gtts.live.user, group, {"target": (None, Decimal(112))})
    assert ended.value.code == "group_ended"


async def test_gtt_rules_leave_longer_than_a_call_takes() -> None:
    """A claim that is still being sent must not count as abandoned, nor be given up before it may have arrived."""
    rules = GttRules()
    assert rules.given_up > rules.abandoned > timedelta(seconds=25)
