"""The indicators that can be asked for, and how a request is read.

Indicators that traders write with few parameters (`bbands:20:2`) have names and defaults of ours; everything else of
TA-Lib follows under its own names. What is ours is computed by TA-Lib too, where TA-Lib has it.
"""

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

from breezeway.candles.columns import Candles
from breezeway.errors import FieldFault, InvalidInput
from market_data_service.domain.indicators import formulas, talib_functions
from market_data_service.domain.indicators.formulas import Columns
from market_data_service.domain.indicators.library import column, function
from market_data_service.domain.indicators.model import SESSION_WARM_UP, Indicator, Parameter, Wanted

MAX_INDICATORS = 20
_MEMORY = 30
_SAME_AS_OURS = frozenset(
    [
        "sma",
        "ema",
        "wma",
        "dema",
        "hma",
        "vwma",
        "donchian",
        "supertrend",
        "rsi",
        "atr",
        "natr",
        "aroon",
        "willr",
        "cci",
        "roc",
        "mom",
        "mfi",
        "obv",
        "vwap",
    ]
)
"""Functions of TA-Lib that would stand in the catalogue twice."""


def parse(text: str) -> list[Wanted]:
    """Read `sma:20,rsi,bbands:20:2`; parameters that are left out have their defaults.

    Raises:
        InvalidInput: `unsupported_indicator`, `invalid_indicator`.
    """
    asked = [part.strip() for part in text.split(",") if part.strip()]
    if len(asked) > MAX_INDICATORS:
        raise _fault(f"at most {MAX_INDICATORS} indicators at once", "invalid_indicator")
    found = {wanted.name: wanted for wanted in map(_read, asked)}
    return list(found.values())


def _read(text: str) -> Wanted:
    name, *numbers = text.split(":")
    indicator = catalogue().get(name.lower())
    if indicator is None:
        raise _fault(f"there is no '{name[:20]}'; see /api/v1/indicators", "unsupported_indicator")
    if len(numbers) > len(indicator.parameters):
        raise _fault(f"{indicator.name} takes {len(indicator.parameters)} parameters", "invalid_indicator")
    values = []
    for index, parameter in enumerate(indicator.parameters):
        value = _number(numbers[index], parameter, indicator) if index < len(numbers) else parameter.default
        values.append(int(value) if parameter.whole else value)
    return Wanted(indicator, values)


def _number(text: str, parameter: Parameter, indicator: Indicator) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not parameter.low <= value <= parameter.high or (parameter.whole and value != int(value)):
        kind = "a whole number" if parameter.whole else "a number"
        raise _fault(
            f"{parameter.name} of {indicator.name} is {kind} from {parameter.low:g} to {parameter.high:g}",
            "invalid_indicator",
        )
    return value


def _fault(message: str, code: str) -> InvalidInput:
    return InvalidInput(f"indicators: {message}.", code=code, faults=[FieldFault("query.indicators", message)])


def _length(default: int, name: str = "length", low: int = 1) -> Parameter:
    return Parameter(name, default, low, 500)


def _width(default: float) -> Parameter:
    return Parameter("width", default, 0.1, 20, whole=False)


def _finite(length: int, *_: float) -> int:
    return length + 1


def _ema(length: int, *_: float) -> int:
    return _MEMORY * (length + 1) // 2 + length


def _wilder(length: int, *_: float) -> int:
    return _MEMORY * length + length


def _twice(length: int, *_: float) -> int:
    return 2 * _wilder(length)


def _band_memory(length: int, *_: float) -> int:
    # A band forgets when the price has crossed it; that takes as long as a trend lasts.
    return _wilder(length) + 1_000


def _whole_session() -> int:
    return SESSION_WARM_UP


def _of(name: str, *inputs: str) -> Callable[..., Columns]:
    """A function of TA-Lib that has the inputs and parameters of ours."""

    def formula(bars: Candles, *values: float) -> Columns:
        return [function(name)(*(column(bars, each) for each in inputs or ("close",)), *values)]

    return formula


def _nothing() -> int:
    return 0


_BAND = ("upper", "middle", "lower")
_ALL = (
    Indicator("sma", "Simple moving average", _of("SMA"), _finite, [_length(20)], overlay=True),
    Indicator("ema", "Exponential moving average", _of("EMA"), _ema, [_length(20)], overlay=True),
    Indicator("wma", "Weighted moving average", _of("WMA"), _finite, [_length(20)], overlay=True),
    Indicator(
        "dema",
        "Double exponential average",
        _of("DEMA"),
        lambda n: 2 * _ema(n),
        [_length(20)],
        overlay=True,
    ),
    Indicator("hma", "Hull moving average", _of("HMA"), lambda n: 2 * n + 2, [_length(16, low=2)], overlay=True),
    Indicator("vwma", "Volume-weighted average", formulas.volume_weighted_mean, _finite, [_length(20)], overlay=True),
    Indicator("vwap", "Volume-weighted price of the session", formulas.session_vwap, _nothing, overlay=True),
    Indicator(
        "bbands", "Bollinger bands", formulas.bollinger, _finite, [_length(20, low=2), _width(2)], _BAND, overlay=True
    ),
    Indicator("keltner", "Keltner channel", formulas.keltner, _wilder, [_length(20), _width(2)], _BAND, overlay=True),
    Indicator("donchian", "Donchian channel", formulas.donchian, _finite, [_length(20)], _BAND, overlay=True),
    Indicator(
        "supertrend",
        "Supertrend",
        formulas.supertrend,
        _band_memory,
        [_length(10), _width(3)],
        ("line", "direction"),
        overlay=True,
    ),
    Indicator(
        "pivots",
        "Pivot levels of the day before",
        formulas.pivots,
        _whole_session,
        outputs=("p", "r1", "s1", "r2", "s2"),
        overlay=True,
    ),
    Indicator("rsi", "Relative strength index", formulas.rsi, _wilder, [_length(14)]),
    Indicator(
        "macd",
        "Moving average convergence/divergence",
        formulas.macd,
        lambda fast, slow, signal: _ema(max(fast, slow)) + _ema(signal),
        [_length(12, "fast"), _length(26, "slow"), _length(9, "signal")],
        ("macd", "signal", "histogram"),
    ),
    Indicator("atr", "Average true range", _of("ATR", "high", "low", "close"), _wilder, [_length(14)]),
    Indicator("natr", "Average true range in per cent", _of("NATR", "high", "low", "close"), _wilder, [_length(14)]),
    Indicator("adx", "Directional movement", formulas.adx, _twice, [_length(14)], ("adx", "plus_di", "minus_di")),
    Indicator(
        "stoch",
        "Stochastic oscillator",
        formulas.stochastic,
        lambda n, slowing, signal: n + slowing + signal,
        [_length(14), _length(3, "slowing"), _length(3, "signal")],
        ("k", "d"),
    ),
    Indicator("willr", "Williams %R", formulas.williams, _finite, [_length(14)]),
    Indicator("cci", "Commodity channel index", _of("CCI", "high", "low", "close"), _finite, [_length(20, low=2)]),
    Indicator("roc", "Rate of change in per cent", _of("ROC"), _finite, [_length(10)]),
    Indicator("mom", "Momentum", _of("MOM"), _finite, [_length(10)]),
    Indicator("aroon", "Aroon", formulas.aroon, _finite, [_length(14)], ("up", "down")),
    Indicator("stddev", "Standard deviation", _of("STDDEV"), _finite, [_length(20, low=2)]),
    Indicator("mfi", "Money flow index", formulas.money_flow, _finite, [_length(14)]),
    Indicator(
        "obv",
        "On-balance volume, from the day's (daily bars: the year's) first bar",
        formulas.on_balance_volume,
        _whole_session,
    ),
    Indicator("oi_change", "Change of open interest", formulas.open_interest_change, lambda: 1),
)


@cache
def catalogue() -> Mapping[str, Indicator]:
    """By name. Made on first use, because it asks TA-Lib."""
    ours = frozenset(each.name for each in _ALL)
    theirs = [each for each in talib_functions.indicators(ours) if each.name.removeprefix("ta_") not in _SAME_AS_OURS]
    return MappingProxyType({each.name: each for each in (*_ALL, *theirs)})
