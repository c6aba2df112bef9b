"""Quotas: a rolling minute with a cool-down, and an Indian day."""

from datetime import UTC, datetime, timedelta

from breeze_simulator.application.limits import CallLimits, Quota, Verdict
from breezeway.testing.clock import FixedClock

USER = "SIM00001"


def spend(limits: CallLimits, calls: int, user: str = USER) -> list[Verdict]:
    return [limits.spend(user) for _ in range(calls)]


def test_the_hundred_and_first_call_of_a_minute_is_refused(wall: FixedClock) -> None:
    limits = CallLimits(Quota(), wall)
    assert set(spend(limits, 100)) == {Verdict.ALLOWED}
    assert limits.spend(USER) is Verdict.PER_MINUTE
    assert limits.spend("SIM00002") is Verdict.ALLOWED


def test_the_minute_rolls(wall: FixedClock) -> None:
    limits = CallLimits(Quota(per_minute=2), wall)
    limits.spend(USER)
    wall.advance(40)
    limits.spend(USER)
    wall.advance(20)  # the first call is exactly a minute old
    assert limits.spend(USER) is Verdict.ALLOWED
    assert limits.spend(USER) is Verdict.PER_MINUTE


def test_the_cool_down_outlasts_the_minute_but_is_not_prolonged(wall: FixedClock) -> None:
    limits = CallLimits(Quota(per_minute=2, cool_down=timedelta(seconds=90)), wall)
    spend(limits, 3)
    wall.advance(61)
    assert limits.spend(USER) is Verdict.PER_MINUTE
    wall.advance(29)
    assert limits.spend(USER) is Verdict.ALLOWED


def test_the_day_ends_at_indian_midnight(wall: FixedClock) -> None:
    limits = CallLimits(Quota(per_day=3), wall)
    assert spend(limits, 4)[-1] is Verdict.PER_DAY
    wall.set(datetime(2026, 8, 3, 18, 29, 59, tzinfo=UTC))
    assert limits.spend(USER) is Verdict.PER_DAY
    wall.advance(1)
    assert limits.spend(USER) is Verdict.ALLOWED
    assert limits.used(USER) == (1, 1)


def test_switched_off_it_only_counts(wall: FixedClock) -> None:
    limits = CallLimits(Quota(per_minute=1, per_day=1), wall, enabled=False)
    assert set(spend(limits, 5)) == {Verdict.ALLOWED}
    assert limits.used(USER) == (5, 5)
