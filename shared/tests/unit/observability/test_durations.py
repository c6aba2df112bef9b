"""The cheap histogram says what Prometheus expects, and nobody can make it grow."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from breezeway.observability.durations import BOUNDS, MOST_SERIES, OTHER, DurationTable


def exposed(table: DurationTable) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    registry = CollectorRegistry()
    registry.register(table)
    text = generate_latest(registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_buckets_are_cumulative_and_a_bound_belongs_to_its_bucket() -> None:
    table = DurationTable("t_seconds", "text", ["route"])
    for seconds in (0.0, BOUNDS[0], 0.2, 99.0):
        table.observe(("/a",), seconds)
    shown = exposed(table)
    at = {le: shown["t_seconds_bucket", (("le", le), ("route", "/a"))] for le in ("0.001", "0.1", "0.25", "+Inf")}
    assert at == {"0.001": 2, "0.1": 2, "0.25": 3, "+Inf": 4}
    assert shown["t_seconds_count", (("route", "/a"),)] == 4
    assert shown["t_seconds_sum", (("route", "/a"),)] == pytest.approx(99.201)


def test_labels_beyond_the_most_are_counted_together() -> None:
    table = DurationTable("t_seconds", "text", ["route"])
    for number in range(MOST_SERIES + 50):
        table.observe((f"/{number}",), 0.1)
    assert table.count((OTHER,)) == 50
    assert len([key for key in exposed(table) if key[0] == "t_seconds_count"]) == MOST_SERIES + 1


def test_timing_tells_how_a_block_ended() -> None:
    table = DurationTable("t_seconds", "text", ["call", "outcome"])
    with table.timing("a"):
        pass

    def fail(outcome: str) -> None:
        with table.timing("a") as told:
            told[0] = outcome
            raise KeyError

    for outcome in ("ok", "known"):
        with pytest.raises(KeyError):
            fail(outcome)
    assert [table.count(("a", outcome)) for outcome in ("ok", "KeyError", "known")] == [1, 1, 1]
