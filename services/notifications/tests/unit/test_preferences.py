"""Channels, quiet hours, retries and signatures."""

from contextlib import suppress
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway.contracts.events import EventKind, Severity
from breezeway.errors import InvalidInput
from breezeway.ids import new_id
from notifications_service.domain.inbound import fill, read_body
from notifications_service.domain.preferences import ChannelName, Preferences, QuietHours
from notifications_service.domain.retries import pause_after
from notifications_service.domain.signatures import SecretKey, header, is_secret, is_signed

NIGHT = QuietHours(time(22, 30), time(7))


def at(hour: int, minute: int = 0) -> datetime:
    """An Indian time of day, in UTC."""
    return datetime(2026, 11, 20, hour, minute, tzinfo=UTC) - timedelta(hours=5, minutes=30)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (at(22, 29), at(22, 29)),
        (at(22, 30), at(31 - 24) + timedelta(days=1)),
        (at(3), at(7)),
        (at(7), at(7)),
        (at(12), at(12)),
    ],
)
def test_quiet_hours_over_midnight(now: datetime, due: datetime) -> None:
    assert Preferences(quiet=NIGHT).due(ChannelName.EMAIL, Severity.INFO, now) == due


def test_quiet_hours_hold_only_what_disturbs_and_is_not_critical() -> None:
    quiet = Preferences(quiet=NIGHT)
    assert quiet.due(ChannelName.WEB, Severity.INFO, at(3)) == at(3)
    assert quiet.due(ChannelName.WEBHOOK, Severity.INFO, at(3)) == at(3)
    assert quiet.due(ChannelName.TELEGRAM, Severity.CRITICAL, at(3)) == at(3)
    same = Preferences(quiet=QuietHours(time(9), time(9)))
    assert same.due(ChannelName.EMAIL, Severity.INFO, at(9)) == at(9)


@given(st.integers(1_577_836_800, 1_893_456_000), st.times(), st.times())
def test_nothing_is_held_for_longer_than_a_day_and_an_hour(now: int, start: time, end: time) -> None:
    quiet = QuietHours(start.replace(microsecond=0), end.replace(microsecond=0))
    found = Preferences(time_zone="America/New_York", quiet=quiet)
    moment = datetime.fromtimestamp(now, UTC)
    due = found.due(ChannelName.EMAIL, Severity.INFO, moment)
    # A night on which clocks change has an hour more.
    assert moment <= due <= moment + timedelta(hours=25)


def test_the_inbox_is_always_told_and_security_is_mailed_by_auth_alone() -> None:
    none = Preferences(chosen={"order.filled": frozenset(), EventKind.SECURITY: frozenset({ChannelName.EMAIL})})
    assert none.channels("order.filled") == {ChannelName.WEB}
    assert none.channels(EventKind.SECURITY) == {ChannelName.WEB}
    assert ChannelName.WEB in none.channels("something.new")


def test_rests_grow_and_end() -> None:
    rests = [pause_after(n, timedelta(seconds=5), 0.0) for n in range(1, 40)]
    assert rests[:3] == [timedelta(seconds=s) for s in (5, 15, 45)]
    assert max(rests) == timedelta(hours=2)
    assert pause_after(1, timedelta(seconds=4), 1.0) == timedelta(seconds=6)


def test_a_signature_holds_for_its_body_its_time_and_its_secret() -> None:
    key, hook = SecretKey("k" * 32), new_id()
    secret = key.secret("hook", hook, b"n")
    assert len({secret, key.secret("webhook", hook, b"n"), key.secret("hook", hook, b"m")}) == 3
    assert SecretKey("l" * 32).secret("hook", hook, b"n") != secret
    given_ = header(secret, 1_000, b"body")
    assert is_signed(secret, given_, b"body", 1_299)
    assert not is_signed(secret, given_, b"body", 1_301)
    assert not is_signed(secret, given_, b"bodY", 1_000)
    assert not is_signed("bwh_other", given_, b"body", 1_000)
    for odd in ("", "t=,v1=", "t=1000", f"v1={given_[-64:]}", "t=\u0661,v1=x", "t=" + "9" * 50, ",,,,,,,,"):
        assert not is_signed(secret, odd, b"body", 1_000)
    assert is_secret(secret, secret)
    assert not is_secret(secret, "\ud800")


@given(st.binary(max_size=200))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    with suppress(InvalidInput):
        assert isinstance(read_body(body), dict)


def test_holes_take_members_and_members_of_members() -> None:
    body = read_body(b'{"a": {"b": 1.10}, "c.d": "dotted", "e": null, "n": 12}')
    template = {"symbol": "{{c.d}}", "price": "{{ a.b }}", "tag": "{{e}}", "quantity": "{{n}}", "side": "BUY"}
    assert fill(template, body) == {"symbol": "dotted", "price": "1.10", "quantity": "12", "side": "buy"}
