"""What a user should learn while it matters: a message on their `notifications` channel, kept until they read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from auth_service.domain.broker_sessions import BrokerSessionRecord
from breezeway.clock import IST
from breezeway.contracts.broker import BrokerSessionState
from breezeway.ids import new_id

_ENDINGS = {
    BrokerSessionState.EXPIRED: ("broker_session.expired", "Your broker session has ended"),
    BrokerSessionState.REJECTED: ("broker_session.rejected", "The broker refuses your session"),
}


@dataclass(frozen=True, slots=True)
class Notification:
    """One message. `data` holds what a program needs to act on it; never a secret."""

    user_id: UUID
    kind: str
    title: str
    text: str
    at: datetime
    data: Mapping[str, str] = field(default_factory=dict)
    id: UUID = field(default_factory=new_id)


def session_ending(record: BrokerSessionRecord, at: datetime) -> Notification | None:
    """That a broker session has ended, and how to open the next one; None when there is nothing to tell."""
    if record.state not in _ENDINGS:
        return None
    kind, title = _ENDINGS[record.state]
    why = record.detail or "Broker sessions end at midnight in India."
    return Notification(
        record.user_id, kind, title, f"{why} Live data has stopped. Log in at the broker again.", at, _way_back(record)
    )


def session_about_to_end(record: BrokerSessionRecord, ends_at: datetime, at: datetime) -> Notification:
    """That a broker session is about to end."""
    when = f"{ends_at.astimezone(IST):%H:%M} IST"
    return Notification(
        record.user_id,
        "broker_session.expiring",
        "Your broker session is about to end",
        f"It ends at {when}, as every day. After that, log in at the broker again for live data.",
        at,
        {**_way_back(record), "expires_at": ends_at.isoformat()},
    )


def _way_back(record: BrokerSessionRecord) -> dict[str, str]:
    return {
        "account_id": str(record.account_id),
        "login_url": f"/api/v1/broker-accounts/{record.account_id}/login-url",
    }
