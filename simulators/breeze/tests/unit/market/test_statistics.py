"""A generated day of fifty shares looks like fifty real ones did (market_profile.json, 585 stock-days of 2021)."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from breeze_simulator.application.market import Market
from breeze_simulator.domain.well_known import known_stocks

PROFILE: Mapping[str, Any] = json.loads((Path(__file__).parent / "market_profile.json").read_text())
DAYS = (date(2021, 4, 22), date(2025, 6, 12), date(2026, 3, 17))
SEEDS = (1, 7, 42)


def figures(market: Market, day: date) -> dict[str, float]:
    """The statistics of fifty shares on one day; medians over the shares."""
    universe = market.universe
    symbols = [stock.symbol for stock in known_stocks().values() if stock.lot][::4][:50]
    index = market.day_bars(required(universe.by_symbol("NSE", "NIFTY")), "1minute", day, 0, 2**40)
    index_returns = np.diff(np.log(index.close))
    rows = []
    shares, profiles = np.zeros(25), np.zeros(25)
    for symbol in symbols:
        bars = market.day_bars(required(universe.by_symbol("NSE", symbol)), "1minute", day, 0, 2**40)
        assert len(bars) == 375
        returns = np.diff(np.log(bars.close))
        size = np.abs(returns)
        shares += bars.volume.reshape(25, 15).sum(axis=1) / bars.volume.sum() / len(symbols)
        padded = np.concatenate(([0.0], returns)).reshape(25, 15)
        profiles += np.sqrt((padded**2).mean(axis=1)) / returns.std() / len(symbols)
        rows.append(
            (
                returns.std() * 1e4,
                float(((returns - returns.mean()) ** 4).mean() / returns.var() ** 2),
                np.corrcoef(size[1:], size[:-1])[0, 1],
                np.corrcoef(returns, index_returns)[0, 1],
                float(np.median((bars.high - bars.low) / bars.close)) * 1e4,
                (bars.high.max() / bars.low.min() - 1) * 100,
            )
        )
    sigma, kurtosis, clustering, with_index, minute_range, day_range = np.median(np.array(rows), axis=0)
    return {
        "volume share r": float(np.corrcoef(shares, PROFILE["volume_share_per_15min"])[0, 1]),
        "sigma 1 min bps": float(sigma),
        "sigma profile r": float(np.corrcoef(profiles, PROFILE["sigma_profile_per_15min_rel"])[0, 1]),
        "kurtosis": float(kurtosis),
        "autocorr |r| lag 1": float(clustering),
        "corr with index": float(with_index),
        "range 1 min bps": float(minute_range),
        "day range %": float(day_range),
    }


def required(found: Any) -> Any:
    assert found is not None
    return found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("day", DAYS)
def test_generated_day_lies_where_real_days_lie(make_market: Any, seed: int, day: date) -> None:
    found = figures(make_market(seed=seed), day)
    print(f"\nseed {seed} {day}: " + ", ".join(f"{name} {value:.3f}" for name, value in found.items()))

    assert found["volume share r"] >= 0.9
    assert PROFILE["sigma_1min_bps"]["p10"] <= found["sigma 1 min bps"] <= PROFILE["sigma_1min_bps"]["p90"]
    assert found["sigma profile r"] >= 0.8
    assert found["kurtosis"] > 4
    assert 0.1 <= found["autocorr |r| lag 1"] <= 0.4
    assert 0.2 <= found["corr with index"] <= 0.6
