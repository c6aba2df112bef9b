"""Opening, reading, resetting and closing trading accounts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from breezeway.charges.tables import ChargeTables
from breezeway.clock import IST
from breezeway.errors import Conflict, InvalidInput, NotFound
from breezeway.exchange.checks import AccountState
from breezeway.ids import new_id
from breezeway.money import ZERO, to_paise
from trading_service.application.live_gate import LiveGate, disabled
from trading_service.application.placing import CancelOrder
from trading_service.application.ports import AccountRequest, ExchangeTime, HeldPosition, Prices, Work, WorkFactory
from trading_service.domain import ledger
from trading_service.domain.accounts import NO_CHARGES, AccountKind, Funds, TradingAccount, funds_of
from trading_service.domain.ledger import Entry, EntryKind

MOST_ACCOUNTS: Final = 20
MOST_CASH: Final = Decimal(1_000_000_000)


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """An account, its money, and its open positions at the last prices."""

    account: TradingAccount
    funds: Funds
    positions: tuple[HeldPosition, ...]
    prices: Mapping[str, Decimal]


async def owned(work: Work, user_id: UUID, account_id: UUID) -> TradingAccount:
    """The user's account.

    Raises:
        NotFound: `account_not_found`, also for somebody else's.
    """
    account = await work.account(user_id, account_id)
    if account is None:
        raise NotFound("There is no such trading account.", code="account_not_found")
    return account


class TradingAccounts:
    """The caller's accounts. Everything raises `account_not_found` for an account that is not theirs.

    Args:
        gate: who may have live accounts; nobody without one.
    """

    def __init__(
        self,
        work: WorkFactory,
        time: ExchangeTime,
        prices: Prices,
        cancel: CancelOrder,
        gate: LiveGate | None = None,
    ) -> None:
        self._work = work
        self._time = time
        self._prices = prices
        self._cancel = cancel
        self._gate = gate

    async def open(self, user_id: UUID, request: AccountRequest) -> TradingAccount:
        """Open an account with its starting cash; what `initial_cash` means to a live one is only its mirror's start.

        Raises:
            Forbidden: `live_trading_disabled`, `step_up_required`.
            Conflict: `account_name_taken`, `too_many_accounts`; `broker_account_in_use`, `broker_session_inactive`.
            NotFound: `no_charge_plan`, `broker_account_not_found`.
            InvalidInput: `broker_account_required`, `invalid_amount`.
        """
        kind, broker_account_id = AccountKind(request.kind), None
        if kind is AccountKind.LIVE:
            if self._gate is None:
                raise disabled()
            broker_account_id = await self._gate.admit(user_id, request.broker_account_id, request.proved_at)
        elif request.broker_account_id is not None:
            raise InvalidInput("A paper account has no broker account.", code="not_for_paper_accounts")
        if not ZERO <= request.initial_cash <= MOST_CASH:
            raise InvalidInput(f"An account starts with 0 to {MOST_CASH:,} rupees.", code="invalid_amount")
        at = await self._time.now()
        if request.charge_plan != NO_CHARGES:
            ChargeTables.default().plan(request.charge_plan, at.astimezone(IST).date())
        account = TradingAccount(
            id=new_id(),
            user_id=user_id,
            name=request.name,
            kind=kind,
            broker_account_id=broker_account_id,
            state=AccountState.ACTIVE,
            charge_plan=request.charge_plan,
            initial_cash=request.initial_cash,
            created_at=at,
            opened_at=at,
        )
        async with self._work() as work:
            if len(await work.accounts(user_id)) >= MOST_ACCOUNTS:
                raise Conflict(f"There can be at most {MOST_ACCOUNTS} accounts.", code="too_many_accounts")
            await work.add_account(account)
            await work.book(account.id, _opening(request.initial_cash, {}))
            await work.commit()
        return account

    async def of(self, user_id: UUID) -> list[AccountStatus]:
        """All of the user's open accounts, with their money."""
        async with self._work() as work:
            return [await self.status(work, each) for each in await work.accounts(user_id)]

    async def one(self, user_id: UUID, account_id: UUID) -> AccountStatus:
        async with self._work() as work:
            return await self.status(work, await owned(work, user_id, account_id))

    async def status(self, work: Work, account: TradingAccount) -> AccountStatus:
        """The account at the last prices; a position without one counts at cost."""
        held = await work.positions(account.id)
        symbols = [each.symbol for each in held if each.position.quantity]
        live = await self._prices.last(account.user_id, symbols)
        known = {symbol: live[symbol].price for symbol in symbols if symbol in live}
        missing = [symbol for symbol in symbols if symbol not in known]
        if missing:
            today = (await self._time.now()).astimezone(IST).date()
            known |= {symbol: price for symbol, (_, price) in (await work.closing_prices(missing, today)).items()}
        unrealised = sum((each.position.unrealised(known[each.symbol]) for each in held if each.symbol in known), ZERO)
        funds = funds_of(await work.balances(account.id), to_paise(unrealised))
        return AccountStatus(account, funds, tuple(held), known)

    async def change_state(
        self, user_id: UUID, account_id: UUID, state: AccountState, proved_at: datetime | None = None
    ) -> AccountStatus:
        """The kill switch. `halted` also cancels every working order.

        Raises:
            Forbidden: `step_up_required`, for who makes a live account active again without a fresh second factor.
        """
        async with self._work() as work:
            account = await self._locked(work, user_id, account_id)
            wakes = state is AccountState.ACTIVE and account.state is not AccountState.ACTIVE
            if account.kind is AccountKind.LIVE and wakes:
                if self._gate is None:
                    raise disabled()
                self._gate.check_fresh(proved_at)
            await work.save_account(replace(account, state=state))
            await work.commit()
        if state is AccountState.HALTED:
            await self._cancel.all_of(account_id, "account_halted", "The account was halted.")
        return await self.one(user_id, account_id)

    async def reset(self, user_id: UUID, account_id: UUID) -> AccountStatus:
        """Begin again with the starting cash. History stays in the journal; orders must have ended.

        Raises:
            Conflict: `orders_working`; `not_for_live_accounts`.
        """
        at = await self._time.now()
        async with self._work() as work:
            account = await self._locked(work, user_id, account_id)
            if account.kind is AccountKind.LIVE:
                raise Conflict("What happened at the broker cannot be undone.", code="not_for_live_accounts")
            await _refuse_working(work, account_id)
            balances = await work.balances(account_id)
            undo = {name: -amount for name, amount in balances.items()}
            await work.book(account_id, Entry(EntryKind.RESET, undo, note="The account begins again."))
            await work.forget_positions(account_id)
            await work.book(account_id, _opening(account.initial_cash, {}))
            renewed = replace(
                account, epoch=account.epoch + 1, opened_at=at, position_margin=ZERO, state=AccountState.ACTIVE
            )
            await work.save_account(renewed)
            await work.commit()
        return await self.one(user_id, account_id)

    async def close(self, user_id: UUID, account_id: UUID) -> None:
        """Close an account without working orders and open positions.

        Raises:
            Conflict: `orders_working`, `positions_open`.
        """
        at = await self._time.now()
        async with self._work() as work:
            account = await self._locked(work, user_id, account_id)
            await _refuse_working(work, account_id)
            if any(each.position.quantity for each in await work.positions(account_id)):
                raise Conflict("Close the open positions first, or reset the account.", code="positions_open")
            await work.save_account(replace(account, closed_at=at))
            await work.commit()

    async def _locked(self, work: Work, user_id: UUID, account_id: UUID) -> TradingAccount:
        await owned(work, user_id, account_id)
        account = await work.lock_account(account_id)
        if account is None or account.closed_at is not None:
            raise NotFound("There is no such trading account.", code="account_not_found")
        return account


async def _refuse_working(work: Work, account_id: UUID) -> None:
    if await work.working_orders(account_id) or await work.keeps_gtts(account_id):
        raise Conflict("Cancel the working orders first.", code="orders_working")


def _opening(cash: Decimal, balances: ledger.Amounts) -> Entry:
    legs = [(ledger.CASH, cash), (ledger.CAPITAL, -cash)]
    return ledger.entry(EntryKind.DEPOSIT, legs, balances, note="Starting cash.")
