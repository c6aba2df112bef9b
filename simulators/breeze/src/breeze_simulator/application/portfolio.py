"""What a user owns: money, shares in the demat account, open positions.

Everybody starts with the same shares and one lot of the nearest NIFTY future; trades add to them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from itertools import islice

from breeze_simulator.application.accounts import SEGMENTS, Accounts
from breeze_simulator.application.ports import MarketView
from breeze_simulator.application.positions import OPENING_SHARES, Position, Positions, opening_shares
from breeze_simulator.application.sessions import Session
from breeze_simulator.domain import wire
from breeze_simulator.domain.contract_rules import INDEX_CODES
from breeze_simulator.domain.envelopes import Refusals
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.signing import pack_session
from breeze_simulator.domain.wire import Row, plain
from breezeway.clock import IST, Clock


class Portfolio:
    """Rows of the account endpoints."""

    def __init__(
        self,
        market: MarketView,
        accounts: Accounts,
        positions: Positions,
        refusals: Refusals,
        exchange_clock: Clock,
    ) -> None:
        self._market = market
        self._accounts = accounts
        self._positions = positions
        self._refusals = refusals
        self._clock = exchange_clock

    def customer(self, session: Session) -> Row:
        """The `Success` of customerdetails, session token included."""
        now = self._clock.now().astimezone(IST)
        day = now.strftime("%d-%b-%Y")
        return {
            "exg_trade_date": {"NSE": day, "BSE": day, "FNO": day, "NDX": day},
            "exg_status": {"NSE": "O", "BSE": "O", "FNO": "Y", "NDX": "X"},
            "segments_allowed": {"Trading": "Y", "Equity": "Y", "Derivatives": "Y", "Currency": "Z"},
            "idirect_userid": session.user_id,
            "session_token": pack_session(session.user_id, session.session_key),
            "idirect_user_name": session.app.user_name,
            "idirect_ORD_TYP": "N",
            "idirect_lastlogin_time": session.created_at.astimezone(IST).strftime("%d-%b-%Y %H:%M:%S"),
            "mf_holding_mode_popup_flg": "N",
            "commodity_exchange_status": "Y",
            "commodity_trade_date": day,
            "commodity_allowed": "O",
        }

    def funds(self, user_id: str) -> Row:
        funds = self._accounts.funds(user_id)
        return {
            "bank_account": funds.bank_account,
            "total_bank_balance": float(funds.bank_balance),
            **{f"allocated_{segment}": float(funds.allocated[segment]) for segment in SEGMENTS},
            **{f"block_by_trade_{segment}": float(funds.blocked[segment]) for segment in SEGMENTS},
            "block_by_trade_balance": float(sum(funds.blocked.values())),
            "unallocated_balance": plain(float(funds.unallocated)),
        }

    def set_funds(self, user_id: str, fields: Mapping[str, object]) -> Row:
        """Allocate (`credit`) rupees to a segment or take them back (`debit`).

        Raises:
            BrokerRefusal: a member makes no sense, or there is not enough money.
        """
        kind = str(fields.get("transaction_type", "")).lower()
        try:
            amount = Decimal(str(fields.get("amount", "")))
        except InvalidOperation:
            amount = Decimal(0)
        if kind not in ("credit", "debit") or not amount.is_finite() or amount <= 0:
            raise self._refusals.application("Invalid amount or transaction type")
        moved = amount if kind == "credit" else -amount
        if not self._accounts.allocate(user_id, str(fields.get("segment", "")), moved):
            raise self._refusals.application("Insufficient balance or invalid segment")
        return {"status": "Success"}

    def margin(self, user_id: str, fields: Mapping[str, object]) -> Row:
        funds = self._accounts.funds(user_id)
        segment = {"NSE": "equity", "BSE": "equity", "NFO": "fno", "BFO": "fno", "MCX": "commodity"}.get(
            str(fields.get("exchange_code", "")).upper()
        )
        if segment is None:
            raise self._refusals.no_data()
        return {
            "limit_list": [],
            "cash_limit": float(funds.allocated[segment]),
            "amount_allocated": float(funds.allocated[segment]),
            "block_by_trade": float(funds.blocked[segment]),
            "isec_margin": 0.0,
        }

    def held(self, user_id: str, instrument: Instrument) -> int:
        """Units of an instrument, negative when short: what the user started with and what was traded."""
        return self._start(instrument) + self._positions.get(user_id, instrument).quantity

    def demat_holdings(self) -> list[Row]:
        """Shares that are settled: those that everybody starts with, since a purchase settles on the next day."""
        rows: list[Row] = []
        for share, quantity in self._opening():
            held = str(quantity)
            rows.append(
                {
                    "stock_code": share.stock_code,
                    "stock_ISIN": share.isin,
                    "quantity": held,
                    "demat_total_bulk_quantity": held,
                    "demat_avail_quantity": "0",
                    "blocked_quantity": "0",
                    "demat_allocated_quantity": held,
                }
            )
        return self._some(rows)

    def holdings(self, user_id: str, fields: Mapping[str, object]) -> list[Row]:
        """Rows of portfolioholdings, of one exchange and maybe one stock."""
        exchange = str(fields.get("exchange_code", "")).upper()
        wanted = str(fields.get("stock_code") or "").upper()
        shares = {share.key: share for share, _ in self._opening() if share.exchange == exchange}
        traded = (position.instrument for position in self._positions.of(user_id))
        shares |= {each.key: each for each in traded if each.exchange == exchange and not each.is_derivative}
        return self._some([self._holding(user_id, i) for i in shares.values() if wanted in ("", i.stock_code)])

    def positions(self, user_id: str) -> list[Row]:
        """Rows of portfoliopositions: derivatives that are held, and those that were closed with what that brought."""
        contracts = {future.key: future for future in self._nearest_future()}
        traded = (position.instrument for position in self._positions.of(user_id))
        contracts |= {each.key: each for each in traded if each.is_derivative}
        return self._some([self._position(user_id, contract) for contract in contracts.values()])

    def _start(self, instrument: Instrument) -> int:
        if not instrument.is_derivative:
            return opening_shares(instrument)
        return sum(future.lot_size for future in self._nearest_future() if future.key == instrument.key)

    def _standing(self, user_id: str, instrument: Instrument, close: float) -> Position:
        """The position with what the user started with, as if that had been bought at yesterday's close."""
        traded, start = self._positions.get(user_id, instrument), self._start(instrument)
        if not start:
            return traded
        begun = Position(instrument).traded(start, Decimal(str(close)))
        both = begun.traded(traded.quantity, traded.average) if traded.quantity else begun
        return replace(both, realised=both.realised + traded.realised)

    def _holding(self, user_id: str, share: Instrument) -> Row:
        quote = self._market.snapshot(share)
        held = self._standing(user_id, share, quote.prev_close)
        return {
            "stock_code": share.stock_code,
            "exchange_code": share.exchange,
            "quantity": str(held.quantity),
            "average_price": plain(float(held.average)),
            "booked_profit_loss": None,
            "current_market_price": plain(quote.last),
            "change_percentage": plain(quote.change_percent),
            "answer_flag": None,
            "product_type": None,
            "expiry_date": None,
            "strike_price": None,
            "right": None,
            "category_index_per_stock": None,
            "action": None,
            "realized_profit": plain(float(held.realised)),
            "unrealized_profit": plain((quote.last - float(held.average)) * held.quantity),
            "open_position_value": plain(quote.last * held.quantity),
            "portfolio_charges": "0",
        }

    def _position(self, user_id: str, contract: Instrument) -> Row:
        quote = self._market.snapshot(contract)
        held = self._standing(user_id, contract, quote.prev_close)
        option = contract.kind == "option"
        return {
            "segment": "fno",
            "product_type": "Options" if option else "Futures",
            "exchange_code": contract.exchange,
            "stock_code": contract.stock_code,
            "expiry_date": wire.expiry_text(contract.expiry),
            "strike_price": plain(contract.strike or 0.0) if option else "0",
            "right": wire.right_text(contract),
            "action": "Buy" if held.quantity > 0 else "Sell" if held.quantity < 0 else "NA",
            "quantity": str(abs(held.quantity)),
            "average_price": plain(float(held.average)) or "0",
            "settlement_id": None,
            "margin_amount": None,
            "ltp": plain(quote.last),
            "price": plain(quote.prev_close),
            "stock_index_indicator": "Index" if contract.stock_code in INDEX_CODES else "Stock",
            "cover_quantity": "0",
            "stoploss_trigger": "0",
            **dict.fromkeys(("stoploss", "take_profit", "available_margin", "squareoff_mode")),
            **dict.fromkeys(("mtf_sell_quantity", "mtf_net_amount_payable", "mtf_expiry_date")),
            "order_id": "",
            **dict.fromkeys(("cover_order_flow", "cover_order_executed_quantity", "pledge_status")),
            "pnl": None,
            "underlying": contract.stock_code,
            "order_segment_code": None,
        }

    def _opening(self) -> Iterator[tuple[Instrument, int]]:
        for code, quantity in OPENING_SHARES.items():
            share = self._market.universe.by_contract("NSE", code, "cash")
            if share is not None:
                yield share, quantity

    def _nearest_future(self) -> Iterator[Instrument]:
        universe = self._market.universe
        for expiry in islice(universe.expiries("NFO", "NIFTY", "future"), 1):
            future = universe.by_contract("NFO", "NIFTY", "futures", expiry)
            if future is not None:
                yield future

    def _some(self, rows: list[Row]) -> list[Row]:
        if not rows:
            raise self._refusals.no_data()
        return rows
