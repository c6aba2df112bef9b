"""A dead socket is told from a quiet market."""

from market_data_service.domain.stall import StallDetector


def busy(detector: StallDetector, until: int, per_second: int) -> None:
    for second in range(until):
        detector.heard(float(second), per_second)


def test_a_busy_feed_may_be_silent_for_twelve_seconds() -> None:
    detector = StallDetector()
    detector.connected(0)
    busy(detector, 60, 50)
    assert not detector.stalled(59 + 11.9)
    assert detector.stalled(59 + 12.1)


def test_a_quiet_feed_is_given_time() -> None:
    detector = StallDetector()
    detector.connected(0)
    for second in range(0, 60, 20):
        detector.heard(float(second))
    assert not detector.stalled(40 + 200)
    assert detector.stalled(40 + 301)


def test_a_connection_that_never_says_anything_is_noticed() -> None:
    detector = StallDetector(first=30)
    detector.connected(100)
    assert not detector.stalled(129)
    assert detector.stalled(131)


def test_silence_means_nothing_while_the_market_is_closed() -> None:
    detector = StallDetector()
    detector.connected(0)
    busy(detector, 60, 50)
    detector.pause(1_000)
    assert not detector.stalled(1_010)
    assert detector.stalled(1_000 + 301)


def test_a_new_connection_starts_afresh() -> None:
    detector = StallDetector(first=30)
    detector.connected(0)
    busy(detector, 60, 50)
    detector.connected(80)
    assert not detector.stalled(100)


def test_before_any_connection_nothing_is_judged() -> None:
    assert not StallDetector().stalled(1e9)
