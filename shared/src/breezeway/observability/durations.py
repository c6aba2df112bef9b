"""Histograms cheap enough for every request: a dictionary look-up, a bisection and two additions, no lock."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from prometheus_client import REGISTRY
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
OTHER: Final = "other"
MOST_SERIES: Final = 2_000
"""Combinations of labels kept apart; whatever comes beyond them is counted under `other`."""


class DurationTable(Collector):
    """A histogram of seconds per combination of labels.

    Observed from the event loop only: the additions are not guarded against threads. `prometheus_client`'s own
    histogram takes a lock for each of them, which is most of its cost.

    Args:
        name: of the metric, in seconds.
        labels: names of the labels, in the order of `observe`.
    """

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        self._name = name
        self._text = text
        self._labels = tuple(labels)
        self._bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
        self._rows: dict[tuple[str, ...], list[float]] = {}
        self._overflow = (OTHER,) * len(self._labels)

    def observe(self, labels: tuple[str, ...], seconds: float) -> None:
        row = self._rows.get(labels)
        if row is None:
            row = self._new_row(labels)
        row[bisect_left(BOUNDS, seconds)] += 1
        row[-1] += seconds

    @contextmanager
    def timing(self, *labels: str) -> Iterator[list[str]]:
        """Time a block. What it gets is the last label: `ok` unless the block sets another; the error's class when it
        raises without having done so."""
        outcome = ["ok"]
        started = perf_counter()
        try:
            yield outcome
        except BaseException as error:
            if outcome[0] == "ok":
                outcome[0] = type(error).__name__
            raise
        finally:
            self.observe((*labels, outcome[0]), perf_counter() - started)

    def count(self, labels: tuple[str, ...]) -> int:
        """How many were observed with exactly these labels."""
        return int(sum(self._rows.get(labels, [0.0])[:-1]))

    def collect(self) -> Iterable[Metric]:
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        for labels, row in list(self._rows.items()):
            total, buckets = 0.0, []
            for bound, count in zip(self._bounds, row, strict=False):
                total += count
                buckets.append((bound, total))
            family.add_metric(labels, buckets, row[-1])
        yield family

    def _new_row(self, labels: tuple[str, ...]) -> list[float]:
        key = labels if len(self._rows) < MOST_SERIES else self._overflow
        # One count a bound, one beyond the last, and the sum.
        return self._rows.setdefault(key, [0.0] * (len(BOUNDS) + 2))


def registered(name: str, text: str, labels: Sequence[str]) -> DurationTable:
    """A table that this process's `/metrics` shows."""
    table = DurationTable(name, text, labels)
    REGISTRY.register(table)
    return table
