"""The indicators that can be asked for, and how a request is read.

`warm_up` is how many bars before the first answered one an indicator needs, so that its values do not depend on where
the answer begins. An exponential mean remembers for ever, but after 30 time constants less than 1e-13 of the start.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from breezeway.candles.columns import Candles, Floats
from breezeway.errors import FieldFault, InvalidInput
from market_data_service.domain.indicators import formulas
from market_data_service.domain.indicators.formulas import Formula

MAX_INDICATORS = 20
_MEMORY = 30
_DAY_OF_MINUTES = 1_000
"""More bars than any session has; one of these many minutes back is another day."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number; whole ones are bar counts."""

    name: str
    default: float
    low: float
    high: float
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Indicator:
    """`overlay`: drawn over the price, else in a pane of its own."""

    name: str
    title: str
    formula: Formula
    warm_up: Callable[..., int]
    parameters: Sequence[Parameter] = ()
    outputs: Sequence[str] = ("value",)
    overlay: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """One asked indicator with all its parameters."""

    indicator: Indicator
    values: Sequence[float]

    @property
    def name(self) -> str:
        return ":".join((self.indicator.name, *(f"{value:g}" for value in self.values)))

    @property
    def warm_up(self) -> int:
        return self.indicator.warm_up(*self.values)

    def columns(self, bars: Candles) -> dict[str, Floats]:
        """The outputs by name: `sma:20`, or `bbands:20:2.upper` where there are several."""
        found = self.indicator.formula(bars, *self.values)
        if len(found) == 1:
            return {self.name: found[0]}
        return {f"{self.name}.{output}": each for output, each in zip(self.indicator.outputs, found, strict=True)}


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
    indicator = CATALOGUE.get(name.lower())
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


def _nothing() -> int:
    return 0


_BAND = ("upper", "middle", "lower")
_ALL = (
    Indicator("sma", "Simple moving average", formulas.simple, _finite, [_length(20)], overlay=True),
    Indicator("ema", "Exponential moving average", formulas.exponential, _ema, [_length(20)], overlay=True),
    Indicator("wma", "Weighted moving average", formulas.linear, _finite, [_length(20)], overlay=True),
    Indicator(
        "dema",
        "Double exponential average",
        formulas.double_exponential,
        lambda n: 2 * _ema(n),
        [_length(20)],
        overlay=True,
    ),
    Indicator("hma", "Hull moving average", formulas.hull, lambda n: 2 * n + 2, [_length(16, low=2)], overlay=True),
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
        lambda: _DAY_OF_MINUTES,
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
    Indicator("atr", "Average true range", formulas.atr, _wilder, [_length(14)]),
    Indicator("natr", "Average true range in per cent", formulas.natr, _wilder, [_length(14)]),
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
    Indicator("cci", "Commodity channel index", formulas.cci, _finite, [_length(20, low=2)]),
    Indicator("roc", "Rate of change in per cent", formulas.rate_of_change, _finite, [_length(10)]),
    Indicator("mom", "Momentum", formulas.momentum, _finite, [_length(10)]),
    Indicator("aroon", "Aroon", formulas.aroon, _finite, [_length(14)], ("up", "down")),
    Indicator("stddev", "Standard deviation", formulas.standard_deviation, _finite, [_length(20, low=2)]),
    Indicator("mfi", "Money flow index", formulas.money_flow, _finite, [_length(14)]),
    Indicator(
        "obv",
        "On-balance volume, from the day's (daily bars: the year's) first bar",
        formulas.on_balance_volume,
        lambda: 270,
    ),
    Indicator("oi_change", "Change of open interest", formulas.open_interest_change, lambda: 1),
)

CATALOGUE: Mapping[str, Indicator] = MappingProxyType({each.name: each for each in _ALL})
"""By name."""
