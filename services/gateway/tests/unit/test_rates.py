"""GCRA in this process; the same cases run against Valkey in the integration tests."""

import pytest

from gateway_service.domain.rates import Bucket, LocalBuckets, Rate


class Seconds:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_all_at_once_then_one_by_one() -> None:
    time = Seconds()
    buckets, bucket = LocalBuckets(time), Bucket("a", Rate(10, 60))
    assert [buckets.take([bucket]).remaining for _ in range(10)] == list(range(9, -1, -1))
    refused = buckets.take([bucket])
    assert (refused.allowed, refused.remaining) == (False, 0)
    assert refused.retry_after == pytest.approx(6)
    assert refused.reset == pytest.approx(60)
    time.now += 6
    assert buckets.take([bucket]).allowed
    assert not buckets.take([bucket]).allowed


def test_a_refused_request_counts_nowhere() -> None:
    time = Seconds()
    buckets, narrow, wide = LocalBuckets(time), Bucket("narrow", Rate(1, 60)), Bucket("wide", Rate(5, 60))
    assert buckets.take([wide, narrow]).bucket is narrow
    for _ in range(10):
        assert not buckets.take([wide, narrow]).allowed
    assert buckets.take([wide]).remaining == 3


def test_a_slow_rate_is_not_forgiving() -> None:
    time = Seconds()
    buckets, bucket = LocalBuckets(time), Bucket("a", Rate(1, 60))
    assert buckets.take([bucket]).allowed
    time.now += 59.9
    assert not buckets.take([bucket]).allowed
    time.now += 0.2
    assert buckets.take([bucket]).allowed


def test_a_flood_of_parties_takes_a_bounded_memory_and_forgets_the_quiet_ones() -> None:
    buckets, busy = LocalBuckets(Seconds()), Bucket("busy", Rate(1, 3600))
    buckets.take([busy])
    for n in range(60_000):
        buckets.take([Bucket(f"one-off-{n}", Rate(1, 3600))])
    assert len(buckets) == 50_000
    assert buckets.take([busy]).allowed, "it was the quietest"


@pytest.mark.parametrize("text", ["", "600", "0/60", "600/0", "-1/60", "6e2/60", "600/60/60", "600/90000", "٣/60x"])
def test_a_limit_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no limit such as"):
        Rate.parse(text)
