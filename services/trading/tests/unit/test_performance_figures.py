"""Every figure of the performance answer against a calculation that shares nothing with ours."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from breezeway.clock import IST
from breezeway.exchange.orders import Product, Side
from trading_service.domain.bookkeeping import Trade
from trading_service.domain.closings import closings
from trading_service.domain.performance import Point, performance, score, xirr

BEGIN = datetime(2025, 1, 6, 15, 30, tzinfo=IST)


def record(days: int = 300, seed: int = 11) -> list[Point]:
    """An account over business days, into and out of which money goes now and then."""
    luck = np.random.default_rng(seed)
    equity, flow, points = 1_000_000.0, 1_000_000.0, []
    for index, day in enumerate(pd.bdate_range(BEGIN.date(), periods=days)):
        if index:
            equity *= 1 + luck.normal(0.0006, 0.012)
            if index % 40 == 0:
                paid = 150_000.0 if index % 80 else -90_000.0
                equity, flow = equity + paid, flow + paid
        at = datetime.combine(day.date(), BEGIN.timetz())
        points.append(Point(at, Decimal(f"{equity:.2f}"), Decimal(f"{flow:.2f}")))
    return points


def unit_values(points: Sequence[Point]) -> "pd.Series[float]":
    """The account as a fund: money that comes buys units at the value before, what goes sells at the one after."""
    units, value, values = float(points[0].equity), 1.0, [1.0]
    for before, after in pairwise(points):
        paid = float(after.flow - before.flow)
        if paid > 0:
            units += paid / value
            value = float(after.equity) / units
        else:
            value = (float(after.equity) - paid) / units
            units += paid / value
        values.append(value)
    return pd.Series(values, index=pd.DatetimeIndex([point.at.date() for point in points]))


@pytest.fixture(scope="module")
def points() -> list[Point]:
    return record()


@pytest.fixture(scope="module")
def values(points: list[Point]) -> "pd.Series[float]":
    return unit_values(points)


def test_time_weighted_return_is_that_of_a_units_value(points: list[Point], values: "pd.Series[float]") -> None:
    assert performance(points).twr == pytest.approx(values.iloc[-1] - 1, rel=1e-9)


def test_sharpe_and_sortino_of_daily_returns(points: list[Point], values: "pd.Series[float]") -> None:
    returns, found = values.pct_change().dropna(), performance(points)
    assert found.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1) * np.sqrt(252), rel=1e-9)
    downside = np.sqrt((returns.clip(upper=0) ** 2).mean())
    assert found.sortino == pytest.approx(returns.mean() / downside * np.sqrt(252), rel=1e-9)
    assert found.days == len(values)


def test_the_deepest_draw_down_with_its_dates(points: list[Point], values: "pd.Series[float]") -> None:
    unit = values.to_numpy()
    falls = unit / np.maximum.accumulate(unit) - 1
    trough = int(falls.argmin())
    peak = int(unit[:trough].argmax())
    back = np.flatnonzero(unit[trough:] >= unit[peak])
    down = performance(points).draw_down
    assert down.depth == pytest.approx(-falls.min(), rel=1e-9)
    assert (down.peak, down.trough) == (points[peak].at.date(), points[trough].at.date())
    assert down.recovered == (points[trough + int(back[0])].at.date() if len(back) else None)


def test_calmar_is_the_compound_yearly_return_by_the_deepest_fall(
    points: list[Point], values: "pd.Series[float]"
) -> None:
    days = (points[-1].at - points[0].at).days
    yearly = values.iloc[-1] ** (365 / days) - 1
    assert performance(points).calmar == pytest.approx(yearly / -(values / values.cummax() - 1).min(), rel=1e-9)


def test_the_money_weighted_return_makes_all_payments_worth_nothing(points: list[Point]) -> None:
    found = performance(points).xirr
    assert found is not None
    paid = np.diff([0.0, *(float(point.flow) for point in points)])
    years = np.array([(point.at - points[0].at).days / 365 for point in points])
    grown = paid * (1 + found) ** (years[-1] - years)
    assert grown.sum() == pytest.approx(float(points[-1].equity), rel=1e-7)


def test_xirr_is_that_of_the_spreadsheets() -> None:
    """The example of Excel's documentation, whose answer is 37.3362535 %."""
    days = [date(2008, 1, 1), date(2008, 3, 1), date(2008, 10, 30), date(2009, 2, 15), date(2009, 4, 1)]
    values = [-10_000.0, 2_750.0, 4_250.0, 3_250.0, 2_750.0]
    assert xirr(list(zip(days, values, strict=True))) == pytest.approx(0.373362535, abs=1e-7)


@pytest.mark.parametrize("loss", [0.9999, 1.0])
def test_xirr_of_a_total_loss(loss: float) -> None:
    flows = [(date(2025, 1, 1), -1000.0), (date(2026, 1, 1), 1000.0 * (1 - loss))]
    found = xirr(flows)
    assert found is None if loss == 1.0 else found == pytest.approx(-loss)


def test_an_account_that_lost_everything_has_figures() -> None:
    lost = [Point(BEGIN + timedelta(days=n), Decimal(value), Decimal(100)) for n, value in enumerate((100, 50, 0, 0))]
    found = performance(lost)
    assert (found.twr, found.draw_down.depth, found.calmar) == (-1.0, 1.0, None)
    assert found.sharpe == pytest.approx(np.mean([-0.5, -1, 0]) / np.std([-0.5, -1, 0], ddof=1) * np.sqrt(252))


def test_an_account_that_owes_money_has_lost_everything_and_no_more() -> None:
    values = (100, -20, -10, 5)
    owes = [Point(BEGIN + timedelta(days=n), Decimal(value), Decimal(100)) for n, value in enumerate(values)]
    found = performance(owes)
    assert (found.twr, found.draw_down.depth, found.draw_down.recovered) == (-1.0, 1.0, None)


class Book:
    """Trades as they come from the ledger."""

    def __init__(self) -> None:
        self.trades: list[Trade] = []

    def add(self, order: int, signed: int, price: str, tag: str | None = None, **more: object) -> None:
        side = Side.BUY if signed > 0 else Side.SELL
        at = BEGIN + timedelta(minutes=len(self.trades))
        values: dict[str, object] = {"symbol": "NSE:A", "product": Product.MIS, **more}
        self.trades.append(
            Trade(
                trade_id=f"t{len(self.trades)}",
                order_id=UUID(int=order),
                account_id=UUID(int=1),
                side=side,
                quantity=abs(signed),
                price=Decimal(price),
                at=at,
                day=at.date(),
                settles_on=at.date(),
                tag=tag,
                **values,  # type: ignore[arg-type]
            )
        )


def test_an_order_is_one_trade_however_many_parts_it_filled_in() -> None:
    book = Book()
    book.add(1, 100, "50")
    for part in range(4):
        book.add(2, -25, str(51 + part))
    (closed,) = closings(book.trades)
    assert closed.profit == 25 * (1 + 2 + 3 + 4)
    made = score(each.profit for each in closings(book.trades))
    assert (made.trades, made.wins, made.win_rate) == (1, 1, 1.0)


def test_a_position_that_is_turned_around_closes_what_it_was_and_opens_the_rest() -> None:
    book = Book()
    book.add(1, 10, "100")
    book.add(2, 10, "110")
    book.add(3, -30, "120")
    book.add(4, 10, "125")
    assert [each.profit for each in closings(book.trades)] == [10 * 20 + 10 * 10, -50]


def test_profit_belongs_to_the_tag_that_opened_it() -> None:
    """Whoever closed it: a strategy's losers are not the square-off's."""
    book = Book()
    book.add(1, 10, "100", "momentum")
    book.add(2, 10, "100", "value")
    book.add(3, -15, "90", "auto_square_off")
    book.add(4, -5, "101", "close")
    book.add(5, 1, "100")
    book.add(6, -1, "99", "manual")
    first, second, third = closings(book.trades)
    assert first.by_tag == {"momentum": Decimal(-100), "value": Decimal(-50)}
    assert second.by_tag == {"value": Decimal(5)}
    assert third.by_tag == {"manual": Decimal(-1)}


def test_products_and_symbols_do_not_close_each_other() -> None:
    book = Book()
    book.add(1, 10, "100")
    book.add(2, -10, "90", product=Product.CNC)
    book.add(3, -10, "90", symbol="NSE:B")
    assert closings(book.trades) == []


def test_first_in_first_out_against_a_plain_calculation() -> None:
    """Every unit by itself: the oldest open one of the other side is what a trade closes."""
    luck, book = np.random.default_rng(5), Book()
    units: list[float] = []
    expected: dict[int, float] = {}
    for order in range(1, 400):
        signed, price = int(luck.integers(-6, 7)), float(luck.integers(90, 111))
        if not signed:
            continue
        book.add(order, signed, str(price))
        for _ in range(abs(signed)):
            if units and (units[0] > 0) != (signed > 0):
                opened = units.pop(0)
                expected[order] = expected.get(order, 0.0) + (price - opened if opened > 0 else -opened - price)
            else:
                units.append(price if signed > 0 else -price)
    found = {each.order_id.int: float(each.profit) for each in closings(book.trades)}
    assert found == pytest.approx(expected)
    profits = np.array(list(expected.values()))
    made = score(each.profit for each in closings(book.trades))
    assert (made.trades, made.wins, made.losses) == (len(profits), (profits > 0).sum(), (profits < 0).sum())
    assert float(made.net) == pytest.approx(profits.sum())
    assert made.profit_factor == pytest.approx(profits[profits > 0].sum() / -profits[profits < 0].sum())
