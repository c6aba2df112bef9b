"""How events become ledger entries. Pure: balances and positions in, entries and positions out.

- Shares for delivery and options move their whole price; intraday shares and futures move only the profit that a
  closing trade realises, while their margin stays blocked.
- What is received (sales, premiums, profits) can be spent at once and withdrawn after settlement: it is booked to cash
  against an advance, and to unsettled; settlement takes the latter two away.
- Charges are those of the day's contract note: after each trade the note is made anew and the difference booked, so the
  ledger agrees with the note to the paisa at any time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from breezeway.charges.model import Charge, ChargeTrade, ContractNote, TradeKind
from breezeway.charges.notes import contract_note
from breezeway.errors import Conflict
from breezeway.exchange.orders import Fill, Product, Side
from breezeway.money import ZERO, to_paise
from trading_service.domain import ledger
from trading_service.domain.accounts import NO_CHARGES
from trading_service.domain.instruments import Contract
from trading_service.domain.ledger import Amounts, Entry, EntryKind, entry
from trading_service.domain.lots import Position


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution as it is kept. `day` is the exchange's; `settles_on` when money and shares change hands."""

    trade_id: str
    order_id: UUID
    account_id: UUID
    symbol: str
    product: Product
    side: Side
    quantity: int
    price: Decimal
    at: datetime
    day: date
    settles_on: date
    realised: Decimal = ZERO
    maker: bool = False
    tag: str | None = None
    auto_square_off: bool = False
    epoch: int = 1
    expired: bool = False
    """Made by the expiry of a contract, not in the market."""

    @property
    def signed(self) -> int:
        return self.quantity if self.side is Side.BUY else -self.quantity

    @property
    def value(self) -> Decimal:
        return self.price * self.quantity


@dataclass(frozen=True, slots=True)
class Booked:
    """What a fill does: one entry, the position after it, and the trade with its realised profit."""

    entry: Entry
    position: Position
    trade: Trade


def moves_principal(contract: Contract, product: Product) -> bool:
    """Whether a trade moves its whole price, and not only profit and loss."""
    return contract.is_option or product is Product.CNC


def charge_trades(trades: Iterable[Trade], contracts: Mapping[str, Contract]) -> list[ChargeTrade]:
    """The trades as the charge tables see them.

    An expiry costs the holder of an index option that is worth something the tax on its exercise; shares that it
    delivers are charged as a physical delivery, and their derivative is not charged again.
    """
    found = []
    for trade in trades:
        contract = contracts[trade.symbol]
        if not trade.expired:
            found.append(_charge_trade(trade, contract, contract.trade_kind(trade.product), trade.side))
        elif trade.product is Product.CNC:
            found.append(_charge_trade(trade, contract, TradeKind.PHYSICAL, trade.side))
        elif contract.is_option and contract.on_index and trade.side is Side.SELL and trade.price > 0:
            found.append(_charge_trade(trade, contract, TradeKind.EXERCISE, Side.BUY))
    return found


def _charge_trade(trade: Trade, contract: Contract, kind: TradeKind, side: Side) -> ChargeTrade:
    return ChargeTrade(
        trade_id=trade.trade_id,
        order_id=str(trade.order_id),
        symbol=trade.symbol,
        exchange=contract.exchange,
        kind=kind,
        side=side.value,
        quantity=trade.quantity,
        price=trade.price,
        lot_size=contract.lot_size,
        group=contract.underlying.partition(":")[2],
        auto_square_off=trade.auto_square_off,
    )


def note_of(plan: str, day: date, trades: Sequence[ChargeTrade]) -> ContractNote:
    """The contract note of a day; without lines under the plan that charges nothing."""
    if plan == NO_CHARGES:
        return ContractNote(day, plan, "none", (), {})
    return contract_note(trades, plan, day)


def charge_legs(note: ContractNote, booked: Mapping[Charge, Decimal]) -> list[tuple[str, Decimal]]:
    """What is missing in the ledger for it to agree with the note, and its counterpart in cash."""
    legs: list[tuple[str, Decimal]] = []
    for charge in Charge:
        difference = note.lines.get(charge, ZERO) - booked.get(charge, ZERO)
        if difference:
            legs.append((ledger.CHARGES[charge], difference))
    total = sum((value for _, value in legs), ZERO)
    return [*legs, (ledger.CASH, -total)] if legs else []


def book_trade(
    trade: Trade,
    contract: Contract,
    position: Position,
    balances: Amounts,
    *,
    released: Decimal,
    charges: Iterable[tuple[str, Decimal]],
) -> Booked:
    """One fill.

    Args:
        position: before the fill.
        balances: before the fill.
        released: how much blocked margin becomes free with it (negative: more is blocked). Position margin included.
        charges: from `charge_legs`.
    """
    after = position.traded(trade.signed, trade.price, trade.at, trade.settles_on)
    legs = [(ledger.CASH, released), (ledger.MARGIN, -released)]
    realised = to_paise(after.realised) - to_paise(position.realised)
    if moves_principal(contract, trade.product):
        legs += _principal(trade, contract, position, after, realised)
    else:
        legs += _profit(realised)
    legs += charges
    made = entry(EntryKind.TRADE, legs, balances, ref=trade.trade_id, once=f"trade:{trade.trade_id}", day=trade.day)
    return Booked(made, after, replace(trade, realised=realised))


def _principal(
    trade: Trade, contract: Contract, before: Position, after: Position, realised: Decimal
) -> list[tuple[str, Decimal]]:
    held = ledger.POSITIONS if contract.is_option else ledger.HOLDINGS
    # The balance at cost is kept in whole paise, as the difference of two rounded costs, so that it ends at zero.
    cost = to_paise(after.cost) - to_paise(before.cost)
    moved = cost - realised  # what leaves (positive) or enters cash: exactly the trade's value, in paise
    legs = [(held, cost), (ledger.REALISED, -realised), (ledger.CASH, -moved)]
    if moved < 0:
        legs += [(ledger.ADVANCE, moved), (ledger.UNSETTLED, -moved)]
    return legs


def _profit(realised: Decimal) -> list[tuple[str, Decimal]]:
    legs = [(ledger.REALISED, -realised), (ledger.CASH, realised)]
    if realised > 0:
        legs += [(ledger.ADVANCE, -realised), (ledger.UNSETTLED, realised)]
    return legs


def settle(amount: Decimal, day: date, balances: Amounts) -> Entry:
    """Settlement of what was received on `day`: it can be withdrawn from now on."""
    legs = [(ledger.UNSETTLED, -amount), (ledger.ADVANCE, amount)]
    return entry(EntryKind.SETTLEMENT, legs, balances, ref=day.isoformat(), once=f"settle:{day}", day=day)


def unsettled_of(made: Entry) -> Decimal:
    """What an entry leaves to be settled."""
    return made.legs.get(ledger.UNSETTLED, ZERO)


def hold(amount: Decimal, ref: str, balances: Amounts) -> Entry:
    """Block cash (negative: give it back).

    Raises:
        Conflict: `insufficient_funds`; a hold never makes a debt.
    """
    if amount > balances.get(ledger.CASH, ZERO):
        raise Conflict("The account has not got that much cash.", code="insufficient_funds")
    kind = EntryKind.HOLD if amount > 0 else EntryKind.RELEASE
    return entry(kind, [(ledger.CASH, -amount), (ledger.MARGIN, amount)], balances, ref=ref)


def mark(
    position: Position, price: Decimal, at: datetime, ref: str, day: date, balances: Amounts
) -> tuple[Entry, Position]:
    """Daily mark to market of a future: the difference to `price` is paid or received, the position stands at it."""
    after = position.marked(price, at)
    change = to_paise(after.realised) - to_paise(position.realised)
    made = entry(EntryKind.MARK_TO_MARKET, _profit(change), balances, ref=ref, once=f"mtm:{ref}:{day}", day=day)
    return made, after


def trade_of(
    fill: Fill,
    *,
    product: Product,
    day: date,
    settles_on: date,
    tag: str | None,
    epoch: int,
    auto_square_off: bool = False,
    expired: bool = False,
) -> Trade:
    """The trade of an engine's fill."""
    return Trade(
        trade_id=fill.fill_id,
        order_id=UUID(fill.order_id),
        account_id=UUID(fill.account_id),
        symbol=fill.symbol,
        product=product,
        side=fill.side,
        quantity=fill.quantity,
        price=fill.price,
        at=fill.at,
        day=day,
        settles_on=settles_on,
        maker=fill.maker,
        tag=tag,
        auto_square_off=auto_square_off,
        epoch=epoch,
        expired=expired,
    )
