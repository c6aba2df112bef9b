"""Positions as FIFO lots."""

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from trading_service.domain.lots import Position, SignedTrade, position_of

AT = datetime(2026, 11, 20, 6, tzinfo=UTC)
DAY = date(2026, 11, 23)


def made(*trades: tuple[int, str]) -> Position:
    return position_of(SignedTrade(quantity, Decimal(price), AT, DAY) for quantity, price in trades)


def test_the_first_lot_is_closed_first() -> None:
    position = made((10, "100"), (10, "110"), (-15, "120"))
    assert [(lot.quantity, lot.price) for lot in position.lots] == [(5, Decimal(110))]
    assert position.realised == Decimal(10 * 20 + 5 * 10)
    assert position.average_price == Decimal(110)


def test_a_sale_beyond_the_position_turns_it_around() -> None:
    position = made((10, "100"), (-25, "90"))
    assert position.quantity == -15
    assert position.realised == Decimal(-100)
    assert position.unrealised(Decimal(80)) == Decimal(150)
    assert [(each.quantity, each.short) for each in position.closed] == [(10, False)]


def test_a_short_profits_when_the_price_falls() -> None:
    assert made((-10, "100"), (10, "95")).realised == Decimal(50)


def test_marking_realises_and_restates() -> None:
    position = made((10, "100")).marked(Decimal(104), AT)
    assert (position.realised, position.cost, position.unrealised(Decimal(104))) == (Decimal(40), Decimal(1040), 0)


trades = st.lists(
    st.tuples(st.integers(-50, 50).filter(bool), st.decimals(Decimal("0.05"), Decimal(1000), places=2).map(str)),
    max_size=30,
)


@given(trades)
def test_profit_and_cost_are_what_was_paid_and_received(history: list[tuple[int, str]]) -> None:
    """Realised profit less the cost of what is open is all that was received less all that was paid."""
    position = made(*history)
    assert position.quantity == sum(quantity for quantity, _ in history)
    assert position.realised - position.cost == -sum(quantity * Decimal(price) for quantity, price in history)
    assert position.bought - position.sold == position.quantity
    assert len({lot.quantity > 0 for lot in position.lots}) <= 1, "long and short lots at once"


@given(trades, st.decimals(Decimal("0.05"), Decimal(1000), places=2))
def test_marking_moves_profit_from_unrealised_to_realised(history: list[tuple[int, str]], price: Decimal) -> None:
    position = made(*history)
    marked = position.marked(price, AT)
    assert marked.realised == position.realised + position.unrealised(price)
    assert marked.unrealised(price) == 0
    assert marked.quantity == position.quantity
