"""The words of the catalogue: a parameter, an indicator, and one that was asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from breezeway.candles.columns import Candles, Floats
from market_data_service.domain.indicators.formulas import Formula

SESSION_WARM_UP = 1_000
"""More bars than any session has; one of these many minutes back is another day. Of daily bars these are four years."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number; whole ones are bar counts, or choose from a list."""

    name: str
    default: float
    low: float
    high: float
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Indicator:
    """`overlay`: drawn over the price, else in a pane of its own. `warm_up` says, from the parameters, how many bars
    before the first answered one it needs, so that its values do not depend on where the answer begins."""

    name: str
    title: str
    formula: Formula
    warm_up: Callable[..., int]
    parameters: Sequence[Parameter] = ()
    outputs: Sequence[str] = ("value",)
    overlay: bool = False
    inputs: Sequence[str] = ("close",)
    group: str = "Breezeway"


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
        """The outputs by name: `sma:20`, or `bbands:20:2.upper` where there are several.

        Raises:
            InvalidInput: `invalid_indicator`, for parameters that are each possible but not together.
        """
        outputs = self.indicator.outputs
        found = self.indicator.formula(bars, *self.values) if len(bars) else [np.empty(0) for _ in outputs]
        if len(outputs) == 1:
            return {self.name: found[0]}
        return {f"{self.name}.{output}": each for output, each in zip(outputs, found, strict=True)}
