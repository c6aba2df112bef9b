"""Whatever way bars arrive, the same bars are stored, packed and added up."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from breezeway.candles.columns import Candles
from breezeway.candles.resample import resample
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment
from market_data_service.adapters.db.block_codec import pack
from market_data_service.domain.day_bars import DayBars, merge, split_days

CALENDAR = MarketCalendar.default()
OPEN = 1_795_146_300  # 2026-11-20 09:15 IST, a Friday
MINUTES = np.concatenate([OPEN + np.arange(375) * 60, OPEN + 3 * 86_400 + np.arange(375) * 60])


def bars(chosen: list[int], seed: int) -> Candles:
    random = np.random.default_rng(seed)
    c = np.round(1_000 + random.normal(0, 5, len(MINUTES)), 2)
    v = random.integers(0, 10_000, len(MINUTES))
    whole = Candles.of(MINUTES, c, c + 1, c - 1, c, v)
    return whole[np.array(sorted(chosen), np.intp)]


chosen_minutes = st.lists(st.integers(0, len(MINUTES) - 1), min_size=1, unique=True)


@given(chosen=chosen_minutes, seed=st.integers(0, 5), data=st.data())
@settings(max_examples=60)
def test_shuffled_repeated_and_split_bars_make_the_same_blocks(
    chosen: list[int], seed: int, data: st.DataObject
) -> None:
    truth = bars(chosen, seed)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(truth)), max_size=6)))
    pieces = [truth[a:b] for a, b in zip([0, *cuts], [*cuts, len(truth)], strict=True) if b > a]
    repeated = pieces + data.draw(st.lists(st.sampled_from(pieces), max_size=4))
    stored: dict[object, DayBars] = {}
    for piece in data.draw(st.permutations(repeated)):
        for part in split_days(piece):
            stored[part.day] = merge(stored.get(part.day), part)
    expected = {part.day: part for part in split_days(truth)}
    assert stored.keys() == expected.keys()
    for day, part in expected.items():
        assert stored[day].checksum == part.checksum
        assert pack(stored[day].candles, 0) == pack(part.candles, 0)


@given(chosen=chosen_minutes, seed=st.integers(0, 5))
@settings(max_examples=60)
def test_resampling_in_steps_is_resampling_at_once_and_conserves_volume(chosen: list[int], seed: int) -> None:
    truth = bars(chosen, seed)
    for fine, coarse in (("5m", "15m"), ("5m", "1h"), ("15m", "1h"), ("30m", "1d"), ("1h", "1w"), ("1d", "1M")):
        steps = [Interval.MINUTE_1, Interval(fine), Interval(coarse)]
        middle = _resample(truth, steps[0], steps[1])
        at_once = _resample(truth, steps[0], steps[2])
        assert _resample(middle, steps[1], steps[2]).equals(at_once)
        assert int(at_once.v.sum()) == int(truth.v.sum())
        assert at_once.h.max() == truth.h.max()
        assert at_once.l.min() == truth.l.min()


def _resample(base: Candles, source: Interval, interval: Interval) -> Candles:
    return resample(base, interval, source=source, segment=Segment.NSE, calendar=CALENDAR)
