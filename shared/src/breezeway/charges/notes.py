"""Contract notes: the day's trades, itemised.

Rounding happens once, on the note: each charge is summed exactly over the trades, then rounded (securities and
commodities transaction tax to the rupee, the rest to the paisa). GST is taken of the rounded lines, so that a reader
can recompute it from what is printed. The rounded lines are then shared among the trades in paise that add up, so that
a ledger may book either.

Brokerage is an order's, however many trades filled it: its turnover is summed before a cap or a flat fee applies.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from breezeway.charges.model import Charge, ChargeTrade, ContractNote, NoteLeg, TradeKind
from breezeway.charges.tables import ChargeTables, Plan
from breezeway.errors import InvalidInput
from breezeway.money import ZERO, Rounding, rounded, split, to_paise

_COMMODITY: Final = frozenset({"MCX"})


def contract_note(
    trades: Sequence[ChargeTrade], plan: str, day: date, *, tables: ChargeTables | None = None
) -> ContractNote:
    """What the trades of one account on one day cost. The order of `trades` is kept and changes no line.

    Raises:
        InvalidInput: `invalid_trade`, for a trade that is listed twice.
        NotFound: `no_charge_plan`, `no_charge_table`.
    """
    book = tables or ChargeTables.default()
    terms = book.plan(plan, day)
    if len({trade.trade_id for trade in trades}) != len(trades):
        raise InvalidInput("A trade is listed twice.", code="invalid_trade")
    exact: list[dict[Charge, Decimal]] = [
        {
            charge: trade.turnover * fraction
            for charge, fraction in book.fractions(trade.exchange, trade.kind, trade.side, trade.group, day).items()
        }
        for trade in trades
    ]
    _add_fees(exact, trades, terms)
    lines = {
        charge: rounded(sum((leg.get(charge, ZERO) for leg in exact), ZERO), book.rounding.get(charge, Rounding.PAISA))
        for charge in Charge
        if any(charge in leg for leg in exact)
    }
    taxed = sum((lines[charge] for charge in book.gst_on if charge in lines), ZERO)
    if trades:
        lines[Charge.GST] = to_paise(taxed * book.gst)
        for leg in exact:
            leg[Charge.GST] = book.gst * sum((leg[charge] for charge in book.gst_on if charge in leg), ZERO)
    return ContractNote(
        day=day,
        plan=plan,
        table_version=book.version,
        legs=_legs(trades, exact, lines),
        lines={charge: lines[charge] for charge in Charge if charge in lines},
    )


def _legs(
    trades: Sequence[ChargeTrade], exact: list[dict[Charge, Decimal]], lines: dict[Charge, Decimal]
) -> tuple[NoteLeg, ...]:
    charged: list[dict[Charge, Decimal]] = [{} for _ in trades]
    for charge in Charge:
        bearing = [index for index, leg in enumerate(exact) if charge in leg]
        if bearing:
            shares = split(lines[charge], [exact[index][charge] for index in bearing])
            for index, share in zip(bearing, shares, strict=True):
                charged[index][charge] = share
    return tuple(NoteLeg(*parts) for parts in zip(trades, exact, charged, strict=True))


def _add_fees(exact: list[dict[Charge, Decimal]], trades: Sequence[ChargeTrade], plan: Plan) -> None:
    orders: dict[tuple[str, TradeKind, str], list[int]] = defaultdict(list)
    scrips: dict[str, list[int]] = defaultdict(list)
    for index, trade in enumerate(trades):
        orders[trade.order_id, trade.kind, trade.side].append(index)
        if trade.kind is TradeKind.DELIVERY and trade.side == "sell":
            scrips[trade.symbol].append(index)
    for members in orders.values():
        first = trades[members[0]]
        weights = [trades[index].turnover for index in members]
        rule = plan.brokerage["commodity" if first.exchange in _COMMODITY else first.kind.value]
        lots = sum((Decimal(trades[index].quantity) / trades[index].lot_size for index in members), ZERO)
        _share(exact, Charge.BROKERAGE, members, weights, rule.of(sum(weights, ZERO), lots))
        if any(trades[index].auto_square_off for index in members):
            _share(exact, Charge.AUTO_SQUARE_OFF, members, weights, plan.auto_square_off)
        if any(trades[index].call_and_trade for index in members):
            _share(exact, Charge.CALL_AND_TRADE, members, weights, plan.call_and_trade)
    for members in scrips.values():
        _share(exact, Charge.DP, members, [trades[index].turnover for index in members], plan.dp)


def _share(
    exact: list[dict[Charge, Decimal]], charge: Charge, members: list[int], weights: list[Decimal], fee: Decimal
) -> None:
    for index, share in zip(members, split(to_paise(fee), weights), strict=True):
        exact[index][charge] = share
