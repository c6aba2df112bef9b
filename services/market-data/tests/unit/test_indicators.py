"""Every indicator against an independent pandas or plain-Python computation, and what the catalogue promises."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import talib

from breezeway.candles.columns import Candles
from breezeway.errors import InvalidInput
from market_data_service.domain.indicators.catalogue import catalogue, parse

OPEN = 1_795_146_300  # 2026-11-20 09:15 IST, a Friday
DAYS = 8


def minutes(days: int = DAYS, *, seed: int = 3) -> Candles:
    random = np.random.default_rng(seed)
    t = np.concatenate([np.arange(375) * 60 + OPEN + 86_400 * day for day in range(days)])
    c = np.round(1_000 + np.cumsum(random.normal(0, 0.8, len(t))), 2)
    o = np.round(c + random.normal(0, 0.4, len(t)), 2)
    h = np.maximum(o, c) + np.round(random.uniform(0, 1, len(t)), 2)
    low = np.minimum(o, c) - np.round(random.uniform(0, 1, len(t)), 2)
    return Candles.of(t, o, h, low, c, random.integers(0, 5_000, len(t)), random.integers(10**6, 2 * 10**6, len(t)))


BARS = minutes()
F = pd.DataFrame({name: getattr(BARS, name) for name in ("t", "o", "h", "l", "c", "v", "oi")})
F["day"] = pd.to_datetime(F.t, unit="s", utc=True).dt.tz_convert("Asia/Kolkata").dt.date
TYPICAL = (F.h + F.l + F.c) / 3


def seeded(values: pd.Series, length: int, alpha: float) -> pd.Series:
    first = int(values.first_valid_index() or 0)
    start = values.copy()
    start.iloc[: first + length - 1] = np.nan
    start.iloc[first + length - 1] = values.iloc[first : first + length].mean()
    return start.ewm(alpha=alpha, adjust=False).mean()


def ema(values: pd.Series, length: int) -> pd.Series:
    return seeded(values, length, 2 / (length + 1))


def wilder(values: pd.Series, length: int) -> pd.Series:
    return seeded(values, length, 1 / length)


def wma(values: pd.Series, length: int) -> pd.Series:
    weights = np.arange(1, length + 1)
    return values.rolling(length).apply(lambda part: float((part * weights).sum() / weights.sum()), raw=True)


def true_range() -> pd.Series:
    previous = F.c.shift()
    return (
        pd.concat([F.h - F.l, (F.h - previous).abs(), (F.l - previous).abs()], axis=1)
        .max(axis=1)
        .where(previous.notna())
    )


def rsi() -> list[pd.Series]:
    change = F.c.diff()
    up = wilder(change.clip(lower=0), 14)
    down = wilder((-change).clip(lower=0), 14)
    return [100 - 100 / (1 + up / down)]


def macd() -> list[pd.Series]:
    line = ema(F.c, 12) - ema(F.c, 26)
    signal = ema(line, 9)
    return [line, signal, line - signal]


def bbands() -> list[pd.Series]:
    middle, spread = F.c.rolling(20).mean(), 2 * F.c.rolling(20).std(ddof=0)
    return [middle + spread, middle, middle - spread]


def keltner() -> list[pd.Series]:
    middle, spread = ema(F.c, 20), 2 * wilder(true_range(), 20)
    return [middle + spread, middle, middle - spread]


def donchian() -> list[pd.Series]:
    high, low = F.h.rolling(20).max(), F.l.rolling(20).min()
    return [high, (high + low) / 2, low]


def adx() -> list[pd.Series]:
    up, down = F.h.diff(), -F.l.diff()
    plus = pd.Series([u if u > d and u > 0 else 0.0 for u, d in zip(up, down, strict=True)])
    minus = pd.Series([d if d > u and d > 0 else 0.0 for u, d in zip(up, down, strict=True)])
    plus.iloc[0] = minus.iloc[0] = np.nan
    moved = wilder(true_range(), 14)
    plus_di, minus_di = 100 * wilder(plus, 14) / moved, 100 * wilder(minus, 14) / moved
    return [wilder(100 * (plus_di - minus_di).abs() / (plus_di + minus_di), 14), plus_di, minus_di]


def stoch() -> list[pd.Series]:
    low, high = F.l.rolling(14).min(), F.h.rolling(14).max()
    k = (100 * (F.c - low) / (high - low)).rolling(3).mean()
    return [k, k.rolling(3).mean()]


def willr() -> list[pd.Series]:
    low, high = F.l.rolling(14).min(), F.h.rolling(14).max()
    return [-100 * (high - F.c) / (high - low)]


def cci() -> list[pd.Series]:
    mean = TYPICAL.rolling(20).mean()
    spread = TYPICAL.rolling(20).apply(lambda part: float(np.mean(np.abs(part - part.mean()))), raw=True)
    return [(TYPICAL - mean) / (0.015 * spread)]


def vwap() -> list[pd.Series]:
    flow = (TYPICAL * F.v).groupby(F.day).cumsum()
    return [flow / F.v.groupby(F.day).cumsum()]


def obv() -> list[pd.Series]:
    signed = np.sign(F.c.groupby(F.day).diff()).fillna(0) * F.v
    return [signed.groupby(F.day).cumsum()]


def aroon() -> list[pd.Series]:
    up, down = [], []
    for end in range(len(F)):
        if end < 14:
            up.append(np.nan)
            down.append(np.nan)
            continue
        part = F.iloc[end - 14 : end + 1]
        up.append(100 * (14 - (end - max(part.index[part.h == part.h.max()]))) / 14)
        down.append(100 * (14 - (end - max(part.index[part.l == part.l.min()]))) / 14)
    return [pd.Series(up), pd.Series(down)]


def mfi() -> list[pd.Series]:
    flow, change = TYPICAL * F.v, TYPICAL.diff()
    # Whether a price that stood still rose or fell by the last bit is for nobody to say.
    change = change.where(change.abs() > 1e-9, 0.0).where(change.notna())
    into = flow.where(change > 0, 0.0).where(change.notna()).rolling(14).sum()
    out = flow.where(change < 0, 0.0).where(change.notna()).rolling(14).sum()
    return [(100 * into / (into + out)).where((change != 0).rolling(14).min() == 1)]


def pivots() -> list[pd.Series]:
    daily = F.groupby("day").agg(h=("h", "max"), l=("l", "min"), c=("c", "last")).shift()
    p = (daily.h + daily.l + daily.c) / 3
    levels = [p, 2 * p - daily.l, 2 * p - daily.h, p + daily.h - daily.l, p - daily.h + daily.l]
    return [F.day.map(level) for level in levels]


def supertrend() -> list[pd.Series]:
    spread = 3 * wilder(true_range(), 10)
    middle = (F.h + F.l) / 2
    line, direction = [np.nan] * len(F), [np.nan] * len(F)
    upper = lower = trend = None
    for i in range(10, len(F)):
        basic_upper, basic_lower, close = middle[i] + spread[i], middle[i] - spread[i], F.c[i - 1]
        keep_upper = upper is not None and not (basic_upper < upper or close > upper)
        keep_lower = lower is not None and not (basic_lower > lower or close < lower)
        upper = upper if keep_upper else basic_upper
        lower = lower if keep_lower else basic_lower
        if trend in (None, 1):
            trend = -1 if F.c[i] < lower else 1
        elif F.c[i] > upper:
            trend = 1
        line[i], direction[i] = (lower if trend == 1 else upper), trend
    return [pd.Series(line), pd.Series(direction)]


REFERENCES: dict[str, Callable[[], list[pd.Series]]] = {
    "sma:20": lambda: [F.c.rolling(20).mean()],
    "ema:20": lambda: [ema(F.c, 20)],
    "wma:20": lambda: [wma(F.c, 20)],
    "dema:20": lambda: [2 * ema(F.c, 20) - ema(ema(F.c, 20), 20)],
    "hma:16": lambda: [wma(2 * wma(F.c, 8) - wma(F.c, 16), 4)],
    "vwma:20": lambda: [(F.c * F.v).rolling(20).sum() / F.v.rolling(20).sum()],
    "vwap": vwap,
    "bbands:20:2": bbands,
    "keltner:20:2": keltner,
    "donchian:20": donchian,
    "supertrend:10:3": supertrend,
    "pivots": pivots,
    "rsi:14": rsi,
    "macd:12:26:9": macd,
    "atr:14": lambda: [wilder(true_range(), 14)],
    "natr:14": lambda: [100 * wilder(true_range(), 14) / F.c],
    "adx:14": adx,
    "stoch:14:3:3": stoch,
    "willr:14": willr,
    "cci:20": cci,
    "roc:10": lambda: [F.c.pct_change(10) * 100],
    "mom:10": lambda: [F.c.diff(10)],
    "aroon:14": aroon,
    "stddev:20": lambda: [F.c.rolling(20).std(ddof=0)],
    "mfi:14": mfi,
    "obv": obv,
    "oi_change": lambda: [F.oi.diff()],
}


@pytest.mark.parametrize("spec", sorted(REFERENCES))
def test_an_indicator_agrees_with_an_independent_computation(spec: str) -> None:
    (wanted,) = parse(spec)
    for mine, theirs in zip(wanted.columns(BARS).values(), REFERENCES[spec](), strict=True):
        expected = theirs.to_numpy(np.float64)
        assert np.isfinite(expected).sum() > 1_000
        if spec == "adx:14":
            # TA-Lib's first sum lacks a bar; what is answered begins after the warm-up, where that is forgotten.
            mine, expected = mine[wanted.warm_up :], expected[wanted.warm_up :]
        if spec == "mfi:14":
            mine, expected = mine[~np.isnan(expected)], expected[~np.isnan(expected)]
        np.testing.assert_array_equal(np.isnan(mine), np.isnan(expected))
        # pandas' rolling sums carry rounding along: 1e-9 of a price, not of the last digit.
        np.testing.assert_allclose(
            mine, expected, rtol=1e-9, atol=2e-7 if spec in ("bbands:20:2", "stddev:20") else 1e-9
        )


def test_the_references_cover_what_is_ours() -> None:
    assert {spec.partition(":")[0] for spec in REFERENCES} == {
        each.name for each in catalogue().values() if each.group == "Breezeway"
    }
    for spec in REFERENCES:
        assert parse(spec.partition(":")[0])[0].name == spec


@pytest.mark.parametrize("spec", sorted(REFERENCES))
def test_values_do_not_depend_on_where_the_bars_begin(spec: str) -> None:
    (wanted,) = parse(spec)
    start = len(BARS) - 375
    begin = (start - wanted.warm_up) // 375 * 375
    assert begin >= 0
    whole, part = wanted.columns(BARS), wanted.columns(BARS[begin:])
    for name in whole:
        np.testing.assert_allclose(part[name][start - begin :], whole[name][start:], rtol=1e-9, atol=1e-9)


EVERYTHING = sorted(catalogue())
LONG = minutes(32)


def test_the_whole_of_ta_lib_is_there() -> None:
    theirs = {each.lower() for each in talib.get_functions()} - {"mavp"}
    there = {name.removeprefix("ta_") for name in catalogue()}
    assert theirs <= there
    assert len(catalogue()) > 200


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_entry_of_the_catalogue_runs_and_starts_right(name: str) -> None:
    """The first answered bar is what it would be with all of history before it."""
    (wanted,) = parse(name)
    start = len(LONG) - 60
    # Days are read whole, which is all that a session's own sums need.
    begin = start // 375 * 375 if name == "vwap" else max(0, start - wanted.warm_up)
    whole, part = wanted.columns(LONG), wanted.columns(LONG[begin:])
    assert list(whole) == list(part)
    assert len(whole) == len(wanted.indicator.outputs)
    for output, column in whole.items():
        assert (len(column), column.dtype) == (len(LONG), np.float64)
        if name in IMPOSSIBLE_OF_PRICES:
            assert np.isnan(column).all()
            continue
        if not np.isnan(column[start:]).all() or name not in SPARSE:
            assert np.isfinite(column[start:]).any(), output
        tail = part[output][start - begin :]
        np.testing.assert_array_equal(np.isnan(tail), np.isnan(column[start:]))
        np.testing.assert_allclose(tail, column[start:], rtol=1e-7, atol=1e-6)


IMPOSSIBLE_OF_PRICES = {"acos", "asin", "cosh", "exp", "sinh"}
SPARSE = {"fractal"}


@pytest.mark.parametrize("size", [0, 1, 2, 15])
def test_too_few_bars_give_nothing_and_no_error(size: int) -> None:
    for indicator in catalogue().values():
        (wanted,) = parse(indicator.name)
        assert all(len(column) == size for column in wanted.columns(BARS[:size]).values())


def test_standing_prices_divide_nothing_by_zero() -> None:
    size = 400
    flat = [100.0] * size
    bars = Candles.of(BARS.t[:size], flat, flat, flat, flat, [0] * size)
    with np.errstate(all="raise"):
        found = {name: column for each in REFERENCES for name, column in parse(each)[0].columns(bars).items()}
    middles = [found[name][-1] for name in ("rsi:14", "stoch:14:3:3.k", "mfi:14")]
    assert middles == pytest.approx([50, 50, 50])
    assert found["adx:14.adx"][-1] == found["cci:20"][-1] == 0
    assert np.isnan(found["vwap"][-1])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nope:3", "unsupported_indicator"),
        ("sma:0", "invalid_indicator"),
        ("sma:x", "invalid_indicator"),
        ("sma:nan", "invalid_indicator"),
        ("sma:2.5", "invalid_indicator"),
        ("sma:501", "invalid_indicator"),
        ("sma:2:3", "invalid_indicator"),
        (",".join(f"sma:{length}" for length in range(2, 30)), "invalid_indicator"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused(text: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(text)
    assert refused.value.code == code


def test_left_out_parameters_have_their_defaults_and_doubles_count_once() -> None:
    assert [wanted.name for wanted in parse("sma, SMA:20 ,bbands:10,macd:5")] == [
        "sma:20",
        "bbands:10:2",
        "macd:5:26:9",
    ]
    assert list(parse("bbands")[0].columns(BARS)) == ["bbands:20:2.upper", "bbands:20:2.middle", "bbands:20:2.lower"]
