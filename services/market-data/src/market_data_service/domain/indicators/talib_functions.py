"""TA-Lib's functions as indicators, read from its own description of itself.

The first answered bar must not depend on where the answer begins, so each function is given bars before it:

    finite      its lookback: it sees only its window
    smoothed    30 times its lookback and some: an exponential mean remembers for ever, but after 30 time constants
                less than 1e-12 of its start
    trailing    bands and stops that forget when the price crosses them: smoothed, and 1,000 bars
    accumulated sums without end begin anew with every day, or, of daily bars, with every year
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from breezeway.candles.columns import Candles, Floats
from breezeway.errors import FieldFault, InvalidInput
from market_data_service.domain.indicators.formulas import Columns, by_session
from market_data_service.domain.indicators.library import column, function, ta
from market_data_service.domain.indicators.model import SESSION_WARM_UP, Indicator, Parameter

_MEMORY: Final = 31
_TRAIL: Final = 1_000
_MOST_BARS: Final = 500
_NEEDS_A_SERIES: Final = frozenset({"MAVP"})
"""Its periods are a column of their own, which no request can carry."""

_ACCUMULATED: Final = frozenset({"AD", "CUMSUM", "NVI", "OBV", "PVI", "PVT", "VWAP", "WAD"})
_TRAILING: Final = frozenset({"SAR", "SAREXT", "SUPERTREND"})
_SLOW: Final[Mapping[str, int]] = {"KAMA": 8_000}
"""In a market without direction its mean moves by 0.4 % of the distance a bar."""

_POSITIONS: Final = frozenset({"MAXINDEX", "MININDEX", "MINMAXINDEX"})
"""They count from the first bar that they are given, which no caller sees; we answer how many bars ago it was."""

_FINITE_GROUPS: Final = frozenset({"Math Transform", "Math Operators", "Pattern Recognition", "Statistic Functions"})
_FINITE: Final = frozenset(
    [
        "AC",
        "AO",
        "AROON",
        "AROONOSC",
        "BOP",
        "CCI",
        "CMOU",
        "COPPOCK",
        "DPO",
        "ER",
        "FOSC",
        "FRACTAL",
        "IMI",
        "MFI",
        "MOM",
        "QSTICK",
        "ROC",
        "ROCP",
        "ROCR",
        "ROCR100",
        "ULTOSC",
        "VHF",
        "VORTEX",
        "WILLR",
        "ACCBANDS",
        "DONCHIAN",
        "HMA",
        "MIDPOINT",
        "MIDPRICE",
        "SMA",
        "TRIMA",
        "VWMA",
        "WMA",
        "AVGDEV",
        "AVGPRICE",
        "MEDPRICE",
        "TYPPRICE",
        "WCLPRICE",
        "ADR",
        "TRANGE",
        "CMF",
        "MARKETFI",
        "RVOL",
    ]
)
_MEANS: Final = 13
"""The last number of TA-Lib's list of moving averages."""

_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "penetration": (0, 10),
    "percentile": (0, 100),
    "vfactor": (0, 1),
    "fastlimit": (0.01, 0.99),
    "slowlimit": (0.01, 0.99),
    "startvalue": (-1e7, 1e7),
    "nbdev": (0, 20),
    "nbdevup": (0, 20),
    "nbdevdn": (0, 20),
    "multiplier": (0.1, 20),
}
_FRACTION: Final = (0.0, 1.0)


def indicators(taken: frozenset[str]) -> list[Indicator]:
    """Every function, named as in TA-Lib in small letters, or `ta_…` where that name is `taken`."""
    return [
        _indicator(name, taken)
        for group, names in ta().get_function_groups().items()
        for name in names
        if name not in _NEEDS_A_SERIES
    ]


def _indicator(name: str, taken: frozenset[str]) -> Indicator:
    described = ta().abstract.Function(name).info
    small = name.lower()
    formula = partial(_compute, name, _inputs(described["input_names"]), tuple(described["parameters"]))
    outputs = tuple(described["output_names"])
    return Indicator(
        name=f"ta_{small}" if small in taken else small,
        title=described["display_name"],
        formula=partial(by_session_of, formula) if name in _ACCUMULATED else formula,
        warm_up=partial(_warm_up, name, described["group"], tuple(described["parameters"])),
        parameters=_parameters(name, described["parameters"]),
        outputs=("value",) if len(outputs) == 1 else outputs,
        overlay="Output scale same as input" in (described.get("function_flags") or ()),
        inputs=_inputs(described["input_names"]),
        group=described["group"],
    )


def by_session_of(formula: Callable[..., Columns], bars: Candles, *values: float) -> Columns:
    return by_session(bars, lambda part: formula(part, *values))


def _inputs(described: Mapping[str, Any]) -> tuple[str, ...]:
    found: list[str] = []
    for named in described.values():
        found += [named] if isinstance(named, str) else list(named)
    return tuple(found)


def _compute(name: str, inputs: Sequence[str], parameters: Sequence[str], bars: Candles, *values: float) -> Columns:
    arguments = dict(zip(parameters, values, strict=True))
    try:
        found = function(name)(*(column(bars, each) for each in inputs), **arguments)
    except Exception as error:  # TA-Lib raises nothing more precise
        if "TA_BAD_PARAM" not in str(error):
            raise
        message = f"{name.lower()} does not take these parameters together"
        raise InvalidInput(
            f"indicators: {message}.", code="invalid_indicator", faults=[FieldFault("query.indicators", message)]
        ) from error
    columns = found if isinstance(found, list | tuple) else (found,)
    lookback = _lookback(name, arguments)
    floats = [_as_floats(each, lookback) for each in columns]
    return [np.arange(len(bars)) - each for each in floats] if name in _POSITIONS else floats


def _as_floats(found: "np.ndarray[Any, Any]", lookback: int) -> Floats:
    if found.dtype == np.float64:
        # A division by zero is no value either; JSON has no infinity.
        return np.where(np.isfinite(found), found, np.nan)
    floats = found.astype(np.float64)
    # Whole numbers have no NaN: before the first answer stands a 0 that nobody computed.
    floats[:lookback] = np.nan
    return floats


def _lookback(name: str, arguments: Mapping[str, float]) -> int:
    return int(ta().abstract.Function(name, **arguments).lookback)


def _warm_up(name: str, group: str, parameters: Sequence[str], *values: float) -> int:
    if name in _ACCUMULATED:
        return SESSION_WARM_UP
    lookback = max(0, _lookback(name, dict(zip(parameters, values, strict=True))))
    if name in _TRAILING:
        return _MEMORY * (lookback + 1) + _TRAIL
    if name in _SLOW:
        return _SLOW[name] + lookback
    finite = name in _FINITE or (group in _FINITE_GROUPS and name not in _ACCUMULATED)
    return lookback + 1 if finite else _MEMORY * (lookback + 2)


def _parameters(name: str, defaults: Mapping[str, float]) -> tuple[Parameter, ...]:
    return tuple(_parameter(name, parameter, default) for parameter, default in defaults.items())


def _parameter(name: str, parameter: str, default: float) -> Parameter:
    if parameter.endswith("matype"):
        return Parameter(parameter, default, 0, _MEANS)
    if isinstance(default, int):
        return Parameter(parameter, default, _fewest(name, parameter), _MOST_BARS)
    low, high = _RANGES.get(parameter, _FRACTION)
    return Parameter(parameter, default, low, high, whole=False)


def _fewest(name: str, parameter: str) -> int:
    # TA-Lib does not tell its bounds to Python, but answers -1 for the lookback of what it would refuse.
    return next(bars for bars in range(1, _MOST_BARS) if _lookback(name, {parameter: bars}) >= 0)
