"""Takes orders in: those that come in the same few milliseconds share one transaction.

Checking, blocking money and writing cost the same few statements for one order as for fifty, and the commit is what
waiting is for. The accounts' rows are locked in one order, and each order is judged on what those before it have left
of its account. What becomes of one order is not the business of the others: a refused one is left out, and when the
database refuses the batch, every order gets a transaction of its own.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final
from uuid import UUID

from breezeway.clock import Clock
from breezeway.contracts.instruments import Instrument
from breezeway.contracts.trading import OrderView
from breezeway.errors import BreezewayError, Conflict, InvalidInput, NotFound, UpstreamUnavailable
from breezeway.exchange.orders import OrderState
from breezeway.ids import new_id
from breezeway.money import ZERO
from breezeway.observability import tracing
from trading_service.application.desk import Desk, Market, Standing, insufficient, refuse
from trading_service.application.ports import (
    Bell,
    HeldPosition,
    KeptAnswer,
    Outstanding,
    Received,
    StoredEvent,
    StoredOrder,
    Work,
    WorkFactory,
)
from trading_service.application.requests import OrderRequest
from trading_service.application.views import message, order_view
from trading_service.domain import ledger
from trading_service.domain.accounts import TradingAccount
from trading_service.domain.bookkeeping import hold
from trading_service.domain.groups import EXITS
from trading_service.domain.instruments import Contract

ROUTE: Final = "POST /orders"
MOST: Final = 64
"""Orders of one transaction."""
_SPACING_SECONDS: Final = 0.012
"""Between the beginnings of two batches. A lone order does not wait; in a storm it makes batches worth their price."""
_PATIENCE_SECONDS: Final = 0.05
"""How long orders wait for the batch before them; then they no longer wait for whom it waits for."""
_TEXT: Final = "Received, and on its way to the exchange."
_KILL_SWITCH: Final = frozenset({"account_halted", "account_reducing"})


@dataclass(frozen=True, slots=True)
class Intake:
    """An order that wants in: who sends it, under which idempotency key, and the market as it was seen."""

    user_id: UUID
    request: OrderRequest
    market: Market
    key: str | None = None

    @property
    def name(self) -> tuple[UUID, str] | None:
        """Its idempotency key with the user, to whom keys belong."""
        return None if self.key is None else (self.user_id, self.key)


@dataclass(frozen=True, slots=True)
class _Caller:
    """Somebody who waits for what becomes of an order."""

    intake: Intake
    answer: "asyncio.Future[OrderView]"
    trace: Mapping[str, str]


@dataclass(slots=True)
class _Account:
    """A locked account, as the orders of the batch leave it one after the other."""

    account: TradingAccount
    used: int
    balances: dict[str, Decimal]
    held: Sequence[HeldPosition] = ()
    outstanding: dict[str, list[Outstanding]] = field(default_factory=dict)


class Reception:
    """The desk's one way in. Belongs to one event loop.

    Args:
        wall: our own clock, by whose seconds requests are counted.
    """

    def __init__(self, work: WorkFactory, desk: Desk, bell: Bell, wall: Clock) -> None:
        self._work = work
        self._desk = desk
        self._bell = bell
        self._wall = wall
        self._waiting: list[_Caller] = []
        self._busy: set[UUID] = set()
        self._lanes: set[asyncio.Task[None]] = set()
        self._began = 0.0
        self._saved: dict[str, Instrument] = {}

    async def take(self, intake: Intake) -> OrderView:
        """What `PlaceOrder` says. A caller that leaves takes nothing back: what was taken in stays."""
        answer: asyncio.Future[OrderView] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Caller(intake, answer, tracing.mark()))
        if not self._lanes:
            self._open_lane()
        else:
            asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._lose_patience, answer)
        return await answer

    def _lose_patience(self, answer: "asyncio.Future[OrderView]") -> None:
        """Somebody's account is held by others for long: those who do not need it go ahead."""
        if any(each.answer is answer for each in self._waiting):
            self._open_lane()

    def _open_lane(self) -> None:
        lane = asyncio.create_task(self._lane(), name="reception")
        self._lanes.add(lane)
        lane.add_done_callback(self._lanes.discard)

    async def _lane(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            # At least one turn of the loop: whoever is to be read from the sockets in it comes along.
            await asyncio.sleep(max(0.0, self._began + _SPACING_SECONDS - loop.time()))
            batch = self._next()
            if not batch:
                return
            self._began = loop.time()
            accounts = {each.intake.request.account_id for each in batch}
            self._busy |= accounts
            try:
                await self._serve(batch)
            finally:
                self._busy -= accounts
                for caller in batch:
                    caller.answer.cancel()

    def _next(self) -> list[_Caller]:
        """Who is served together: nobody whose account another lane has, and each idempotency key once."""
        batch: list[_Caller] = []
        left: list[_Caller] = []
        names: set[tuple[UUID, str]] = set()
        for caller in self._waiting:
            name = caller.intake.name
            now = len(batch) < MOST and caller.intake.request.account_id not in self._busy and name not in names
            (batch if now else left).append(caller)
            if now and name is not None:
                names.add(name)
        self._waiting = left
        return batch

    async def _serve(self, batch: Sequence[_Caller]) -> None:
        try:
            outcomes = await self._receive(batch)
        except UpstreamUnavailable as error:
            # Whether a commit came through is unknown when the database goes away, so nothing is tried again here.
            if error.code == "database_unavailable" or len(batch) == 1:
                _tell(batch, [error] * len(batch))
                return
            outcomes = None
        except Exception as error:  # noqa: BLE001 - every caller is told, which is where it is handled
            if len(batch) == 1:
                _tell(batch, [error])
                return
            outcomes = None
        if outcomes is None:
            for caller in batch:
                await self._serve([caller])
            return
        _tell(batch, outcomes)

    async def _receive(self, batch: Sequence[_Caller]) -> list[OrderView | BreezewayError]:
        received: list[Received] = []
        outcomes: list[OrderView | BreezewayError] = []
        new: dict[str, Instrument] = {}
        async with self._work() as work:
            accounts = await self._accounts(work, batch)
            known = await _answers(work, batch)
            contracts = await self._surroundings(work, batch, accounts)
            taken = await _taken(work, batch)
            for caller in batch:
                try:
                    made = self._judge(caller, accounts, contracts, known, taken)
                except BreezewayError as error:
                    outcomes.append(error)
                    continue
                if isinstance(made, Received):
                    received.append(made)
                    outcomes.append(made.view)
                    instrument = caller.intake.market.instrument
                    if self._saved.get(instrument.symbol) != instrument:
                        new[instrument.symbol] = instrument
                else:
                    outcomes.append(made)
            for instrument in new.values():
                await work.save_contract(instrument)
            if received:
                await work.receive(received)
            await work.commit()
        # Only now: a transaction that was undone has saved nothing.
        self._saved |= new
        if received:
            await self._bell.ring()
        return outcomes

    async def _accounts(self, work: Work, batch: Sequence[_Caller]) -> dict[UUID, _Account]:
        counts: Counter[tuple[UUID, UUID]] = Counter()
        for caller in batch:
            request = caller.intake.request
            counts[request.account_id, caller.intake.user_id] += not request.auto_square_off
        found = await work.lock_and_count(counts, self._wall.now().replace(microsecond=0))
        balances = await work.balances_of(found)
        return {
            account_id: _Account(account, used - counts[account_id, account.user_id], balances.get(account_id, {}))
            for account_id, (account, used) in found.items()
        }

    async def _surroundings(
        self, work: Work, batch: Sequence[_Caller], accounts: Mapping[UUID, _Account]
    ) -> Mapping[str, Contract]:
        """Read what else of the accounts decides about these orders; the contracts of what they hold."""
        wanted: set[tuple[UUID, str]] = set()
        for caller in batch:
            request, contract = caller.intake.request, caller.intake.market.contract
            found = accounts.get(request.account_id)
            if found is not None and self._desk.looks_around(found.account, request.product, request.side, contract):
                wanted.add((request.account_id, contract.symbol))
        if not wanted:
            return {}
        ids = {account_id for account_id, _ in wanted}
        held = await work.positions_of(ids)
        for (account_id, symbol), each in (await work.outstanding(wanted)).items():
            accounts[account_id].outstanding[symbol] = each
        for account_id in ids:
            accounts[account_id].held = held.get(account_id, ())
        return await work.contracts({each.symbol for several in held.values() for each in several})

    def _judge(
        self,
        caller: _Caller,
        accounts: Mapping[UUID, _Account],
        contracts: Mapping[str, Contract],
        known: Mapping[tuple[UUID, str], KeptAnswer],
        taken: set[tuple[UUID, str]],
    ) -> "Received | OrderView":
        """Accept the order, or raise; the answer of an earlier one under the same key."""
        intake = caller.intake
        request, market = intake.request, intake.market
        if intake.name is not None and (earlier := known.get(intake.name)) is not None:
            if earlier.fingerprint != request.fingerprint:
                raise InvalidInput("This Idempotency-Key was used for another request.", code="idempotency_key_reused")
            return OrderView.model_validate(earlier.answer)
        found = accounts.get(request.account_id)
        if found is None:
            raise NotFound("There is no such trading account.", code="account_not_found")
        found.used += not request.auto_square_off
        self._desk.admit(found.account, intake.user_id, found.used if not request.auto_square_off else 0)
        order_id = new_id()
        order = request.order(order_id, market.contract.symbol)
        if (client_id := order.client_order_id) is not None and (request.account_id, client_id) in taken:
            raise Conflict(
                f"The account has an order with the client_order_id {client_id} already.",
                code="duplicate_client_order_id",
            )
        exits = request.group_id if request.group_role in EXITS else None
        standing = Standing(found.held, found.outstanding.get(order.symbol, ()), contracts)
        failures, requirement = self._desk.judge(found.account, order, market, standing, group_id=exits)
        # The broker closes positions of a halted account too: what it halts is opening them.
        refuse(each for each in failures if not (request.auto_square_off and each.code in _KILL_SWITCH))
        blocked, cash = requirement.blocked, found.balances.get(ledger.CASH, ZERO)
        if blocked > cash:
            raise insufficient(blocked, cash)
        entry = hold(blocked, str(order_id), found.balances)
        found.balances = ledger.after(found.balances, entry)
        wants = Outstanding(order.product, order.side, order.quantity, request.group_id)
        found.outstanding.setdefault(order.symbol, []).append(wants)
        if client_id is not None:
            taken.add((request.account_id, client_id))
        stored = StoredOrder(
            id=order_id,
            account_id=found.account.id,
            user_id=intake.user_id,
            epoch=found.account.epoch,
            order=order,
            state=OrderState.NEW,
            placed_at=market.at,
            updated_at=market.at,
            hold=blocked,
            code="received",
            text=_TEXT,
            auto_square_off=request.auto_square_off,
            group_id=request.group_id,
            group_role=request.group_role,
        )
        view = order_view(stored)
        told = message("order", view)
        return Received(
            order=stored,
            entry=entry,
            event=StoredEvent("new", "new", "received", _TEXT, market.at),
            view=view,
            message={**told, **caller.trace},
            answer=None
            if intake.key is None
            else KeptAnswer(ROUTE, intake.key, request.fingerprint, view.model_dump(mode="json")),
        )


async def _answers(work: Work, batch: Sequence[_Caller]) -> Mapping[tuple[UUID, str], KeptAnswer]:
    """Answers under the keys that were used before. An order of the same key is in an account that is locked by now."""
    names = {each.intake.name for each in batch} - {None}
    return await work.answers(ROUTE, [name for name in names if name is not None]) if names else {}


async def _taken(work: Work, batch: Sequence[_Caller]) -> set[tuple[UUID, str]]:
    requests = [each.intake.request for each in batch]
    names = [(each.account_id, each.client_order_id) for each in requests if each.client_order_id is not None]
    return await work.taken_client_ids(names) if names else set()


def _tell(batch: Sequence[_Caller], outcomes: Sequence[OrderView | Exception]) -> None:
    for caller, outcome in zip(batch, outcomes, strict=True):
        if caller.answer.done():
            continue
        if isinstance(outcome, Exception):
            caller.answer.set_exception(outcome)
        else:
            caller.answer.set_result(outcome)
