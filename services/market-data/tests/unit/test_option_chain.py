"""Forward, volatilities, Greeks, put-call ratio and max pain of chains whose truth is known."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from breezeway.options import black76
from market_data_service.domain.option_chain import LegQuote, around, figures, max_pain, parity_forward, values

FORWARD, YEARS, RATE = 26_042.5, 9 / 365, 0.065
STRIKES = [float(strike) for strike in range(24_000, 28_050, 50)]


def smile(strike: float) -> float:
    return 0.12 + 0.4 * math.log(strike / FORWARD) ** 2


def side(call: bool) -> list[LegQuote]:
    vols = [smile(strike) for strike in STRIKES]
    prices = black76.price(FORWARD, STRIKES, YEARS, vols, call, RATE)
    return [LegQuote(ltp=float(price), volume=10 + i, oi=100 * (i + 1)) for i, price in enumerate(prices)]


CALLS, PUTS = side(True), side(False)


def test_the_forward_is_read_from_parity() -> None:
    assert parity_forward(STRIKES, CALLS, PUTS, YEARS, RATE) == pytest.approx(FORWARD, abs=1e-6)
    found = figures(STRIKES, CALLS, PUTS, YEARS, RATE, None)
    assert found.atm == 26_050
    assert found.pcr == found.pcr_volume == 1
    # One leg that traded long ago does not move it.
    calls = list(CALLS)
    calls[STRIKES.index(26_050)] = LegQuote(ltp=1.0)
    assert parity_forward(STRIKES, calls, PUTS, YEARS, RATE) == pytest.approx(FORWARD, abs=1e-6)


@pytest.mark.parametrize("call", [True, False])
def test_volatilities_and_greeks_come_back(call: bool) -> None:
    found = values(STRIKES, CALLS if call else PUTS, FORWARD, YEARS, RATE, call=call)
    normal, discount = NormalDist(), math.exp(-RATE * YEARS)
    compared = 0
    for strike, each in zip(STRIKES, found, strict=True):
        if abs(strike / FORWARD - 1) > 0.04:
            continue
        vol = smile(strike)
        d1 = math.log(FORWARD / strike) / (vol * math.sqrt(YEARS)) + vol * math.sqrt(YEARS) / 2
        assert each.iv == pytest.approx(vol, abs=1e-6)
        assert each.delta == pytest.approx(discount * (normal.cdf(d1) - (0 if call else 1)), abs=1e-6)
        assert each.gamma == pytest.approx(discount * normal.pdf(d1) / (FORWARD * vol * math.sqrt(YEARS)), rel=1e-4)
        assert each.vega == pytest.approx(discount * FORWARD * normal.pdf(d1) * math.sqrt(YEARS) / 100, rel=1e-4)
        compared += 1
    assert compared > 30


def test_max_pain_is_the_cheapest_strike_for_writers() -> None:
    random = np.random.default_rng(5)
    for _ in range(20):
        calls, puts = random.integers(0, 10_000, (2, len(STRIKES))).tolist()
        paid = {
            settled: sum(
                c * max(settled - k, 0) + p * max(k - settled, 0) for k, c, p in zip(STRIKES, calls, puts, strict=True)
            )
            for settled in STRIKES
        }
        assert max_pain(STRIKES, calls, puts) == min(STRIKES, key=lambda settled: paid[settled])
    assert max_pain(STRIKES, [0] * len(STRIKES), [0] * len(STRIKES)) is None


def test_the_middle_of_a_sensible_spread_beats_the_last_trade() -> None:
    assert LegQuote(ltp=9.0, bid=10.0, ask=10.5).price == 10.25
    assert LegQuote(ltp=9.0, bid=1.0, ask=40.0).price == 9.0
    assert LegQuote(ltp=9.0, bid=10.0, ask=9.5).price == 9.0
    assert LegQuote(ltp=0.0).price is None


def test_without_prices_nothing_is_invented() -> None:
    empty = [LegQuote() for _ in STRIKES]
    found = figures(STRIKES, empty, empty, YEARS, RATE, None)
    assert (found.forward, found.atm, found.pcr, found.max_pain) == (None, None, None, None)
    assert figures(STRIKES, empty, empty, YEARS, RATE, 25_990.0).atm == 26_000
    assert all(each.iv is None for each in values(STRIKES, empty, FORWARD, YEARS, RATE, call=True))
    assert all(each.delta is None for each in values(STRIKES, CALLS, None, YEARS, RATE, call=True))
    # At expiry only intrinsic value is left, and no volatility explains it.
    assert all(each.iv is None for each in values(STRIKES, CALLS, FORWARD, 0.0, RATE, call=True))
    assert figures([], [], [], YEARS, RATE, None).atm is None


def test_a_part_of_the_chain_lies_around_the_money() -> None:
    assert STRIKES[around(STRIKES, 26_050.0, 2)] == [25_950, 26_000, 26_050, 26_100, 26_150]
    assert STRIKES[around(STRIKES, 24_000.0, 2)] == [24_000, 24_050, 24_100]
    assert len(STRIKES[around(STRIKES, None, 3)]) == 7
