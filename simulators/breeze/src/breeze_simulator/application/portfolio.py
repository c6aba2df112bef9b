"""What a user owns: money, shares in the demat account, open positions.

Until orders are simulated these are a fixed starting portfolio, the same for everybody, valued at the market's prices.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from itertools import islice

from breeze_simulator.application.accounts import SEGMENTS, Accounts
from breeze_simulator.application.ports import MarketView
from breeze_simulator.application.sessions import Session
from breeze_simulator.domain import wire
from breeze_simulator.domain.envelopes import Refusals
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.signing import pack_session
from breeze_simulator.domain.wire import Row, plain
from breezeway.clock import IST, Clock

_SHARES = (("RELIND", 50), ("TCS", 20), ("INFTEC", 40), ("HDFBAN", 60), ("ITC", 200))


class Portfolio:
    """Rows of the account endpoints."""

    def __init__(self, market: MarketView, accounts: Accounts, refusals: Refusals, exchange_clock: Clock) -> None:
        self._market = market
        self._accounts = accounts
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

    def demat_holdings(self) -> list[Row]:
        rows: list[Row] = []
        for share, quantity in self._shares():
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

    def holdings(self, fields: Mapping[str, object]) -> list[Row]:
        """Rows of portfolioholdings, of one exchange and maybe one stock."""
        exchange = str(fields.get("exchange_code", "")).upper()
        wanted = str(fields.get("stock_code") or "").upper()
        rows: list[Row] = []
        for share, quantity in self._shares() if exchange == "NSE" else ():
            if wanted in ("", share.stock_code):
                rows.append(self._holding(share, quantity))
        return self._some(rows)

    def positions(self) -> list[Row]:
        """Rows of portfoliopositions: one lot of the nearest NIFTY future."""
        return self._some([self._position(future) for future in self._nearest_future()])

    def _holding(self, share: Instrument, quantity: int) -> Row:
        quote = self._market.snapshot(share)
        return {
            "stock_code": share.stock_code,
            "exchange_code": share.exchange,
            "quantity": str(quantity),
            "average_price": plain(quote.prev_close),
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
            "realized_profit": "0",
            "unrealized_profit": plain((quote.last - quote.prev_close) * quantity),
            "open_position_value": plain(quote.last * quantity),
            "portfolio_charges": "0",
        }

    def _position(self, future: Instrument) -> Row:
        quote = self._market.snapshot(future)
        return {
            "segment": "fno",
            "product_type": "Futures",
            "exchange_code": future.exchange,
            "stock_code": future.stock_code,
            "expiry_date": wire.expiry_text(future.expiry),
            "strike_price": "0",
            "right": "Others",
            "action": "Buy",
            "quantity": str(future.lot_size),
            "average_price": plain(quote.prev_close),
            "settlement_id": None,
            "margin_amount": None,
            "ltp": plain(quote.last),
            "price": plain(quote.prev_close),
            "stock_index_indicator": "Index",
            "cover_quantity": "0",
            "stoploss_trigger": "0",
            **dict.fromkeys(("stoploss", "take_profit", "available_margin", "squareoff_mode")),
            **dict.fromkeys(("mtf_sell_quantity", "mtf_net_amount_payable", "mtf_expiry_date")),
            "order_id": "",
            **dict.fromkeys(("cover_order_flow", "cover_order_executed_quantity", "pledge_status", "pnl")),
            "underlying": future.stock_code,
            "order_segment_code": None,
        }

    def _shares(self) -> Iterator[tuple[Instrument, int]]:
        for code, quantity in _SHARES:
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
