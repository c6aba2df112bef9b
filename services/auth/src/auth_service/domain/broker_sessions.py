"""Broker sessions: one table says what may follow what.

    disconnected → connecting → active → expired | rejected | revoked

A session that has ended is opened again from any of its ends. A *new* attempt while one is active leaves the
active one as it is until the broker has accepted the new one: a mistyped value must not stop somebody's running
feed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from breezeway.clock import IST, ist_datetime
from breezeway.contracts.broker import BrokerEnvironment, BrokerSession
from breezeway.contracts.broker import BrokerSessionState as State
from breezeway.errors import Conflict

CONNECTING_PATIENCE = timedelta(minutes=2)
"""After this an attempt without an outcome counts as abandoned: its process died."""


class Event(StrEnum):
    BEGIN = "begin"
    """A session value has come and is about to be exchanged."""
    ACCEPT = "accept"
    """The broker has opened the session."""
    REFUSE = "refuse"
    """The broker has refused the value, the key or the secret."""
    ABANDON = "abandon"
    """The attempt has no outcome: the broker did not answer, or we died."""
    EXPIRE = "expire"
    """Midnight in India has passed, or a service was told by the broker that the session is over."""
    REJECT = "reject"
    """A service was told by the broker that key, secret or session do not fit."""
    REVOKE = "revoke"
    """The user has disconnected."""
    RESET = "reset"
    """Key or secret were replaced, so whatever was opened with the old ones counts no more."""


TRANSITIONS: Mapping[tuple[State, Event], State] = {
    (State.DISCONNECTED, Event.BEGIN): State.CONNECTING,
    (State.DISCONNECTED, Event.REVOKE): State.REVOKED,
    (State.DISCONNECTED, Event.RESET): State.DISCONNECTED,
    (State.CONNECTING, Event.BEGIN): State.CONNECTING,
    (State.CONNECTING, Event.ACCEPT): State.ACTIVE,
    (State.CONNECTING, Event.REFUSE): State.REJECTED,
    (State.CONNECTING, Event.ABANDON): State.DISCONNECTED,
    (State.CONNECTING, Event.REVOKE): State.REVOKED,
    (State.CONNECTING, Event.RESET): State.DISCONNECTED,
    (State.ACTIVE, Event.BEGIN): State.ACTIVE,
    (State.ACTIVE, Event.ACCEPT): State.ACTIVE,
    (State.ACTIVE, Event.REFUSE): State.ACTIVE,
    (State.ACTIVE, Event.ABANDON): State.ACTIVE,
    (State.ACTIVE, Event.EXPIRE): State.EXPIRED,
    (State.ACTIVE, Event.REJECT): State.REJECTED,
    (State.ACTIVE, Event.REVOKE): State.REVOKED,
    (State.ACTIVE, Event.RESET): State.DISCONNECTED,
    # An active session may end while its successor is being opened; the attempt's outcome then still counts.
    (State.EXPIRED, Event.ACCEPT): State.ACTIVE,
    (State.EXPIRED, Event.REFUSE): State.REJECTED,
    (State.EXPIRED, Event.ABANDON): State.EXPIRED,
    (State.REJECTED, Event.ACCEPT): State.ACTIVE,
    (State.REJECTED, Event.REFUSE): State.REJECTED,
    (State.REJECTED, Event.ABANDON): State.REJECTED,
    (State.EXPIRED, Event.BEGIN): State.CONNECTING,
    (State.EXPIRED, Event.REVOKE): State.REVOKED,
    (State.EXPIRED, Event.RESET): State.DISCONNECTED,
    (State.REJECTED, Event.BEGIN): State.CONNECTING,
    (State.REJECTED, Event.REVOKE): State.REVOKED,
    (State.REJECTED, Event.RESET): State.DISCONNECTED,
    (State.REVOKED, Event.BEGIN): State.CONNECTING,
    (State.REVOKED, Event.REVOKE): State.REVOKED,
    (State.REVOKED, Event.RESET): State.DISCONNECTED,
}


def next_state(state: State, event: Event) -> State:
    """Where `event` leads from `state`.

    Raises:
        Conflict: `broker_session_changed`, when the table has no such step; what happened meanwhile stands.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise Conflict(
            f"The broker session is {state.value}; it changed while this was under way.", code="broker_session_changed"
        ) from None


@dataclass(frozen=True, slots=True)
class BrokerSessionRecord:
    """The session of one broker account, without its secrets.

    `version` rises with every session the broker has opened; `attempt` names the newest exchange under way, so that the
    outcome of an older one is not mistaken for it.
    """

    account_id: UUID
    user_id: UUID
    environment: BrokerEnvironment
    state: State
    version: int
    changed_at: datetime
    attempt: UUID | None = None
    connected_at: datetime | None = None
    expires_at: datetime | None = None
    user_name: str | None = None
    detail: str | None = None

    def apply(self, event: Event, at: datetime, *, detail: str | None = None) -> "BrokerSessionRecord":
        """The record after `event`. Raises Conflict as `next_state` does."""
        state = next_state(self.state, event)
        attempt = self.attempt if event in (Event.EXPIRE, Event.REJECT) else None
        return replace(self, state=state, changed_at=at, detail=detail, attempt=attempt)

    def as_of(self, at: datetime) -> "BrokerSessionRecord":
        """The record as it reads at `at`: time passes whether or not anybody has written it down yet."""
        if self.state is State.ACTIVE and self.expires_at is not None and self.expires_at <= at:
            return self.apply(Event.EXPIRE, self.expires_at, detail="Breeze sessions end at midnight in India.")
        if self.state is State.CONNECTING and self.changed_at + CONNECTING_PATIENCE <= at:
            return self.apply(Event.ABANDON, at, detail="The broker did not answer.")
        return self

    def announcement(self) -> BrokerSession:
        """What other services are told."""
        return BrokerSession(
            account_id=self.account_id,
            user_id=self.user_id,
            environment=self.environment,
            state=self.state,
            version=self.version,
            expires_at=self.expires_at if self.state is State.ACTIVE else None,
        )


def session_end(connected_at: datetime) -> datetime:
    """When a session opened at `connected_at` ends: the next midnight in India."""
    tomorrow = connected_at.astimezone(IST).date() + timedelta(days=1)
    return ist_datetime(tomorrow, time.min)
