"""Performance by hand-worked figures."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from breezeway.clock import IST
from trading_service.domain.performance import Point, performance, score, xirr


def day(number: int, equity: int, flow: int = 100_000) -> Point:
    return Point(datetime(2026, 1, 5, 15, tzinfo=IST) + timedelta(days=number), Decimal(equity), Decimal(flow))


def test_what_is_paid_in_is_no_return() -> None:
    found = performance([day(0, 100_000), day(1, 110_000), day(2, 210_000, 200_000), day(3, 231_000, 200_000)])
    assert found.twr == pytest.approx(1.1 * 1.1 - 1)


def test_what_is_paid_out_is_no_loss() -> None:
    assert performance([day(0, 100_000), day(1, 50_000, 50_000)]).twr == pytest.approx(0.0)


def test_the_deepest_fall_and_its_recovery_have_dates() -> None:
    values = [100_000, 120_000, 90_000, 110_000, 121_000, 119_000]
    down = performance([day(n, value) for n, value in enumerate(values)]).draw_down
    assert down.depth == pytest.approx(0.25)
    assert (down.peak, down.trough, down.recovered) == (date(2026, 1, 6), date(2026, 1, 7), date(2026, 1, 9))


def test_a_fall_that_goes_on_has_not_recovered() -> None:
    down = performance([day(0, 100), day(1, 90)]).draw_down
    assert (down.depth, down.recovered) == (pytest.approx(0.1), None)


def test_sharpe_and_sortino_of_two_returns() -> None:
    found = performance([day(0, 100_000), day(1, 102_000), day(2, 100_980)])
    # Returns 2 % and -1 %: mean 0.5 %, deviation 2.1213 %, downward deviation 0.7071 %.
    assert found.sharpe == pytest.approx(0.005 / 0.0212132 * 252**0.5, rel=1e-4)
    assert found.sortino == pytest.approx(0.005 / 0.00707107 * 252**0.5, rel=1e-4)


def test_xirr_of_a_year() -> None:
    assert xirr([(date(2025, 1, 1), -1000.0), (date(2026, 1, 1), 1100.0)]) == pytest.approx(0.10, abs=1e-6)
    assert xirr([(date(2025, 1, 1), -1000.0), (date(2026, 1, 1), 500.0)]) == pytest.approx(-0.5, abs=1e-6)
    assert xirr([(date(2025, 1, 1), -1000.0)]) is None
    assert xirr([(date(2025, 1, 1), -1000.0), (date(2026, 1, 1), -5.0)]) is None


def test_calmar_is_the_yearly_return_by_the_deepest_fall() -> None:
    found = performance([day(0, 100_000), day(100, 90_000), day(365, 110_000)])
    assert found.calmar == pytest.approx(0.10 / 0.10, rel=1e-6)
    assert found.xirr == pytest.approx(0.10, abs=1e-6)


def test_little_history_says_little() -> None:
    assert performance([]).twr is None
    alone = performance([day(0, 100)])
    assert (alone.twr, alone.sharpe, alone.xirr, alone.draw_down.depth) == (None, None, None, 0.0)


def test_wins_and_losses() -> None:
    made = score([Decimal(30), Decimal(-10), Decimal(0)])
    assert (made.trades, made.wins, made.losses, made.net) == (3, 1, 1, Decimal(20))
    assert made.win_rate == pytest.approx(1 / 3)
    assert made.profit_factor == pytest.approx(3.0)
    assert score([]).win_rate is None
