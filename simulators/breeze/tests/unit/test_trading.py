"""Positions at average cost, margins, and what is blocked."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from breeze_simulator.application.margins import Leg, premium, span_margin
from breeze_simulator.application.positions import Position, Positions, opening_shares

DAY = date(2026, 8, 3)


def traded(market: Any, *trades: tuple[int, str]) -> Position:
    position = Position(market.universe.by_room("4.1!2885"))
    for signed, price in trades:
        position = position.traded(signed, Decimal(price))
    return position


@pytest.mark.parametrize(
    ("trades", "quantity", "average", "realised"),
    [
        ([(10, "100")], 10, "100", "0"),
        ([(10, "100"), (30, "104")], 40, "103", "0"),
        ([(10, "100"), (-4, "110")], 6, "100", "40"),
        ([(10, "100"), (-10, "90")], 0, "0", "-100"),
        ([(10, "100"), (-15, "110")], -5, "110", "100"),
        ([(-10, "100"), (4, "90")], -6, "100", "40"),
        ([(-10, "100"), (15, "90")], 5, "90", "100"),
    ],
)
def test_positions_at_average_cost(
    market: Any, trades: list[tuple[int, str]], quantity: int, average: str, realised: str
) -> None:
    position = traded(market, *trades)
    assert (position.quantity, position.average, position.realised) == (quantity, Decimal(average), Decimal(realised))
    assert position.spent == sum(signed * Decimal(price) for signed, price in trades)


def test_positions_are_of_one_user(market: Any) -> None:
    share, positions = market.universe.by_room("4.1!2885"), Positions()
    positions.trade("A", share, 5, Decimal(10))
    assert positions.get("A", share).quantity == 5
    assert positions.get("B", share).quantity == 0
    assert list(positions.of("B")) == []
    assert opening_shares(share) == 50
    assert opening_shares(market.universe.by_room("1.1!500325")) == 0


def test_margins_reward_hedges(market: Any) -> None:
    call, put = market.universe.by_room("4.1!47869"), market.universe.by_room("4.1!47870")
    future = market.universe.by_room("4.1!35001")
    spot = 24_500.0

    def margin(*legs: tuple[Any, int, str]) -> Decimal:
        return span_margin([Leg(each, quantity, Decimal(price), spot) for each, quantity, price in legs], DAY)

    bought = (call, 65, "250")
    naked = margin((call, -65, "250"))
    assert margin(bought) == 0
    assert premium([Leg(call, 65, Decimal(250), spot)]) == 16_250
    assert naked > 100_000
    assert margin((future, 65, "24500")) == Decimal("159250.00")  # ten percent of 65 units
    assert margin((call, -65, "250"), (future, 65, "24500")) < margin((future, 65, "24500")) + naked
    # One side of a strangle loses where the other cannot: the worst step counts once.
    assert margin((call, -65, "250"), (put, -65, "250")) < naked + margin((put, -65, "250"))
    assert margin() == 0
