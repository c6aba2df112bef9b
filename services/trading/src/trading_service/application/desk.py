"""What placing, changing and previewing an order have in common: everything that a decision about it looks at."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from breezeway.clock import IST
from breezeway.contracts.instruments import Instrument
from breezeway.errors import Conflict, FieldFault, Forbidden, InvalidInput, NotFound, RateLimited
from breezeway.exchange.checks import AccountState, CheckContext, Failure, RateLimit, check_order
from breezeway.exchange.orders import Order, OrderType, Product, Side
from breezeway.market_calendar.calendar import MarketCalendar
from trading_service.application.ports import (
    ExchangeTime,
    HeldPosition,
    Instruments,
    LastPrice,
    Outstanding,
    Prices,
    StoredOrder,
    Work,
)
from trading_service.application.risk import Requirement, Risk, Surroundings
from trading_service.domain.accounts import AccountKind, TradingAccount
from trading_service.domain.bookkeeping import moves_principal
from trading_service.domain.instruments import INDEX_NAMES, Contract, contract_of


@dataclass(frozen=True, slots=True)
class DeskRules:
    """What an operator may set."""

    requests_per_second: int = 10
    """Order requests (place, modify, cancel) of one account in a calendar second; the exchange's own limit."""
    stale_after: timedelta = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Market:
    """An instrument and what is known of its market. `spots` has the underlying's price where it matters."""

    instrument: Instrument
    contract: Contract
    at: datetime
    price: LastPrice | None
    spots: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def last(self) -> Decimal | None:
        return self.price.price if self.price is not None else None


@dataclass(frozen=True, slots=True)
class Standing:
    """What else an account has that decides about an order.

    Args:
        outstanding: of the order's own symbol.
        contracts: of every symbol in `held`.
    """

    held: Sequence[HeldPosition] = ()
    outstanding: Sequence[Outstanding] = ()
    contracts: Mapping[str, Contract] = field(default_factory=dict)


class Desk:
    """Looks up the market before the transaction, and judges the order inside it."""

    def __init__(
        self,
        instruments: Instruments,
        prices: Prices,
        time: ExchangeTime,
        calendar: MarketCalendar,
        risk: Risk,
        rules: DeskRules,
    ) -> None:
        self._instruments = instruments
        self._prices = prices
        self._time = time
        self._calendar = calendar
        self.risk = risk
        self.rules = rules

    async def now(self) -> datetime:
        return await self._time.now()

    async def market(self, user_id: UUID, symbol: str, order_type: OrderType) -> Market:
        """The instrument and its market as the user sees them.

        A market order needs a price from which it is protected, so for one the feed is asked and waited for a moment.

        Raises:
            NotFound: `instrument_not_found`.
            InvalidInput: `not_tradable`.
        """
        instrument = await self._instruments.resolve(symbol)
        contract = contract_of(instrument, index_names=INDEX_NAMES)
        at = await self._time.now()
        wanted = [contract.symbol, *([contract.underlying] if contract.underlying else [])]
        known = await self._prices.last(user_id, wanted)
        price = known.get(contract.symbol)
        if order_type in (OrderType.MARKET, OrderType.SL_M) and self._stale(price, at):
            price = await self._prices.await_fresh(user_id, contract.symbol, at - self.rules.stale_after) or price
            at = await self._time.now()
        spots = {name: each.price for name, each in known.items() if name == contract.underlying}
        return Market(instrument, contract, at, price, spots)

    async def lock(
        self, work: Work, user_id: UUID, account_id: UUID, *, counted: datetime | None = None
    ) -> TradingAccount:
        """The user's account with its row locked, for a change of orders.

        Args:
            counted: our own time, when this request counts against the account's limit.

        Raises: as `admit`.
        """
        used = 0
        if counted is None:
            account = await work.lock_account(account_id)
        else:
            found = await work.lock_and_count({(account_id, user_id): 1}, counted.replace(microsecond=0))
            account, used = found.get(account_id, (None, 0))
        if account is None:
            raise NotFound("There is no such trading account.", code="account_not_found")
        self.admit(account, user_id, used)
        return account

    def admit(self, account: TradingAccount, user_id: UUID, used: int) -> None:
        """Refuse what has no business with the account.

        Args:
            used: order requests of the account in this second, this one included.

        Raises:
            NotFound: `account_not_found`.
            Forbidden: `live_trading_disabled`.
            RateLimited: `order_rate`.
        """
        if account.user_id != user_id or account.closed_at is not None:
            raise NotFound("There is no such trading account.", code="account_not_found")
        if account.kind is AccountKind.LIVE:
            raise Forbidden("Live trading is not enabled here.", code="live_trading_disabled")
        if used > (most := self.rules.requests_per_second):
            raise RateLimited(f"An account may send {most} order requests a second.", code="order_rate", retry_after=1)

    @staticmethod
    def looks_around(account: TradingAccount, product: Product, side: Side, contract: Contract) -> bool:
        """Whether what else the account has matters to an order.

        What is paid in full needs neither margin nor shares.
        """
        paid = moves_principal(contract, product) and side is Side.BUY
        return not paid or account.state is not AccountState.ACTIVE

    async def standing(
        self, work: Work, account: TradingAccount, order: Order, contract: Contract, *, without: UUID | None = None
    ) -> Standing:
        """What else of the account decides about one order.

        Args:
            without: the working order that `order` is the new version of; it does not stand in its own way.
        """
        if not self.looks_around(account, order.product, order.side, contract):
            return Standing()
        held = await work.positions(account.id)
        name = (account.id, order.symbol)
        outstanding = (await work.outstanding([name], without=without)).get(name, [])
        return Standing(held, outstanding, await work.contracts({each.symbol for each in held}))

    def judge(
        self,
        account: TradingAccount,
        order: Order,
        market: Market,
        standing: Standing,
        *,
        replaces: StoredOrder | None = None,
        group_id: UUID | None = None,
    ) -> tuple[tuple[Failure, ...], Requirement]:
        """Which rules the order breaks, and what it needs. Pure: everything it looks at is given to it.

        Args:
            replaces: the working order that `order` is the new version of.
            group_id: of exits that close the same position; they sell the same shares only once between them.
        """
        held = standing.held
        # Exits of one group never fill both, so the second blocks what the first does and no more.
        working = [each for each in standing.outstanding if group_id is None or each.group_id != group_id]
        contracts = {**standing.contracts, market.contract.symbol: market.contract}
        mine = next((h.position for h in held if (h.symbol, h.product) == (order.symbol, order.product)), None)
        quantity = mine.quantity if mine is not None else 0
        offered = sum(each.quantity for each in working if each.side is Side.SELL and each.product is order.product)
        price = market.price
        context = CheckContext(
            at=market.at,
            calendar=self._calendar,
            last=market.last,
            last_at=price.at if price is not None else None,
            position=quantity if order.product is not Product.CNC else 0,
            sellable=max(0, quantity - offered) if order.product is Product.CNC else 0,
            state=account.state,
            rate=RateLimit(self.rules.requests_per_second),
            lower_band=price.lower_band if price is not None else None,
            upper_band=price.upper_band if price is not None else None,
            stale_after=self.rules.stale_after,
        )
        left = order
        if replaces is not None and replaces.filled:
            # What has filled needs nothing any more; the rules of quantity still see the whole order.
            left = replace(order, quantity=max(1, order.quantity - replaces.filled))
        failures = check_order(order, market.contract.rules, context)
        if replaces is not None and order.is_stop and replaces.triggered:
            failures = tuple(each for each in failures if each.code != "trigger_side")
        around = Surroundings(
            plan=account.charge_plan,
            today=market.at.astimezone(IST).date(),
            positions=held,
            working=working,
            contracts=contracts,
            spots=market.spots,
        )
        return failures, self.risk.of_order(left, market.contract, market.last, market.at, around)

    def _stale(self, price: LastPrice | None, at: datetime) -> bool:
        return price is None or at - price.at > self.rules.stale_after


def refuse(failures: Iterable[Failure]) -> None:
    """Raise when there are failures.

    Raises:
        RateLimited, Conflict, InvalidInput: with the first one's code; all of them are in `failures` of the problem.
    """
    found = list(failures)
    if not found:
        return
    first = found[0]
    context = {"failures": [{"code": each.code, "text": each.text, "field": each.field} for each in found]}
    if first.code in ("account_halted", "account_reducing", "market_closed", "stale_price"):
        raise Conflict(first.text, code=first.code, context=context)
    faults = [FieldFault(f"body.{each.field}", each.text) for each in found]
    raise InvalidInput(first.text, code=first.code, faults=faults, context=context)


def insufficient(blocked: Decimal, cash: Decimal) -> Conflict:
    """What an order is told that the account cannot pay for."""
    return Conflict(
        f"The order needs {blocked:.2f} rupees and the account has {cash:.2f}.",
        code="insufficient_funds",
        context={"required": f"{blocked:.2f}", "available": f"{cash:.2f}"},
    )
