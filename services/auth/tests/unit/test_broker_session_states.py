"""The broker session's state table, over every pair."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import uuid4

import pytest

from auth_service.domain.broker_sessions import TRANSITIONS, BrokerSessionRecord, Event, next_state, session_end
from breezeway.clock import IST
from breezeway.contracts.broker import BrokerEnvironment, BrokerSessionState
from breezeway.errors import Conflict

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
RECORD = BrokerSessionRecord(
    account_id=uuid4(),
    user_id=uuid4(),
    environment=BrokerEnvironment.SIMULATOR,
    state=BrokerSessionState.ACTIVE,
    version=3,
    changed_at=NOW,
    expires_at=NOW + timedelta(hours=1),
)

# Columns: begin, accept, refuse, abandon, expire, reject, revoke, reset; "." is refused.
EXPECTED = """
disconnected | connecting .       .        .            .       .        revoked disconnected
connecting   | connecting active  rejected disconnected .       .        revoked disconnected
active       | active     active  active   active       expired rejected revoked disconnected
expired      | connecting active  rejected expired      .       .        revoked disconnected
rejected     | connecting active  rejected rejected     .       .        revoked disconnected
revoked      | connecting .       .        .            .       .        revoked disconnected
"""


def expected() -> dict[tuple[str, str], str]:
    table = {}
    for line in EXPECTED.strip().splitlines():
        state, row = line.split("|")
        for event, target in zip(Event, row.split(), strict=True):
            table[state.strip(), event.value] = target
    return table


@pytest.mark.parametrize(("state", "event"), list(product(BrokerSessionState, Event)))
def test_every_pair(state: BrokerSessionState, event: Event) -> None:
    target = expected()[state.value, event.value]
    if target == ".":
        assert (state, event) not in TRANSITIONS
        with pytest.raises(Conflict) as refused:
            next_state(state, event)
        assert refused.value.code == "broker_session_changed"
    else:
        assert next_state(state, event) == target


def test_time_ends_an_active_session_on_the_second() -> None:
    end = NOW + timedelta(hours=1)
    assert RECORD.as_of(end - timedelta(microseconds=1)).state is BrokerSessionState.ACTIVE
    assert RECORD.as_of(end).state is BrokerSessionState.EXPIRED
    assert RECORD.as_of(end).announcement().expires_at is None


def test_an_attempt_without_an_outcome_is_given_up() -> None:
    connecting = replace(RECORD, state=BrokerSessionState.CONNECTING, attempt=uuid4())
    assert connecting.as_of(NOW + timedelta(seconds=119)).state is BrokerSessionState.CONNECTING
    given_up = connecting.as_of(NOW + timedelta(minutes=2))
    assert (given_up.state, given_up.attempt) == (BrokerSessionState.DISCONNECTED, None)


def test_an_end_does_not_forget_the_attempt_under_way() -> None:
    attempt = uuid4()
    record = replace(RECORD, attempt=attempt)
    assert record.apply(Event.REJECT, NOW).attempt == attempt
    assert record.apply(Event.REVOKE, NOW).attempt is None


@pytest.mark.parametrize(
    ("connected", "ends"),
    [
        ("2026-11-20T09:15:00+05:30", "2026-11-21T00:00:00+05:30"),
        ("2026-11-20T23:59:59+05:30", "2026-11-21T00:00:00+05:30"),
        ("2026-11-20T00:00:00+05:30", "2026-11-21T00:00:00+05:30"),
        ("2026-11-20T18:29:59+00:00", "2026-11-21T00:00:00+05:30"),
        ("2026-11-20T18:30:00+00:00", "2026-11-22T00:00:00+05:30"),
    ],
)
def test_sessions_end_at_the_next_midnight_in_india(connected: str, ends: str) -> None:
    end = session_end(datetime.fromisoformat(connected))
    assert end == datetime.fromisoformat(ends)
    assert end.astimezone(IST).hour == 0
