"""The column type: consistent lengths, slicing, joining, and what it calls a fault."""

import numpy as np
import pytest

from breezeway.candles.columns import Candles, concat


def bars(*times: int, oi: bool = False) -> Candles:
    n = len(times)
    return Candles.of(times, [10.0] * n, [11.0] * n, [9.0] * n, [10.5] * n, [100] * n, [7] * n if oi else None)


def test_columns_must_be_equally_long() -> None:
    with pytest.raises(ValueError, match="equally long"):
        Candles.of([1, 2], [1.0], [1.0], [1.0], [1.0], [1])


def test_between_includes_the_start_and_excludes_the_end() -> None:
    assert bars(60, 120, 180).between(60, 180).t.tolist() == [60, 120]
    assert len(bars(60, 120, 180).between(61, 119)) == 0


def test_joining_keeps_open_interest_where_any_part_has_it() -> None:
    joined = concat([bars(60), Candles.empty(), bars(120, oi=True)])
    assert joined.oi is not None
    assert joined.oi.tolist() == [0, 7]
    assert concat([bars(60), bars(120)]).oi is None
    assert len(concat([])) == 0


def test_equality_is_of_content() -> None:
    assert bars(60, 120).equals(bars(60, 120))
    assert not bars(60, 120).equals(bars(60, 121))
    assert not bars(60).equals(bars(60, oi=True))


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("t", 30, "times do not ascend"),
        ("c", np.nan, "a price is not a number"),
        ("l", -1.0, "a price is not positive"),
        ("h", 9.5, "open or close lies outside low and high"),
        ("v", -1, "volume or open interest is negative"),
    ],
)
def test_faults_are_named(column: str, value: float, fault: str) -> None:
    sound = bars(60, 120)
    assert sound.faults() == []
    getattr(sound, column)[1] = value
    assert sound.faults() == [fault]
