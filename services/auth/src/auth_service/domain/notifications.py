"""What a user should learn while it matters."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from auth_service.domain.broker_sessions import BrokerSessionRecord
from auth_service.domain.mail_texts import notice_words
from auth_service.domain.mails import MailKind
from breezeway.clock import IST
from breezeway.contracts.broker import BrokerSessionState
from breezeway.contracts.events import Event, EventKind, Severity

_ENDINGS: Final = {
    BrokerSessionState.EXPIRED: (EventKind.SESSION_EXPIRED, "Your broker session has ended"),
    BrokerSessionState.REJECTED: (EventKind.SESSION_REJECTED, "The broker refuses your session"),
}
_HARMLESS: Final = frozenset({MailKind.TOTP_ENABLED, MailKind.API_KEY_CREATED, MailKind.ACCOUNT_ENABLED})


def session_ending(record: BrokerSessionRecord, at: datetime) -> Event | None:
    """That a broker session has ended, and how to open the next one; None when there is nothing to tell."""
    if record.state not in _ENDINGS:
        return None
    kind, title = _ENDINGS[record.state]
    why = record.detail or "Broker sessions end at midnight in India."
    return Event(
        user_id=record.user_id,
        kind=kind,
        severity=Severity.WARNING,
        title=title,
        text=f"{why} Live data has stopped. Log in at the broker again.",
        at=at,
        data=_way_back(record),
    )


def session_about_to_end(record: BrokerSessionRecord, ends_at: datetime, at: datetime) -> Event:
    """That a broker session is about to end."""
    when = f"{ends_at.astimezone(IST):%H:%M} IST"
    return Event(
        user_id=record.user_id,
        kind=EventKind.SESSION_EXPIRING,
        title="Your broker session is about to end",
        text=f"It ends at {when}, as every day. After that, log in at the broker again for live data.",
        at=at,
        data={**_way_back(record), "expires_at": ends_at.isoformat()},
    )


def security_notice(user_id: UUID, kind: MailKind, at: datetime, facts: Mapping[str, str]) -> Event:
    """That something about an account has changed, in case it was not its owner."""
    title, text = notice_words(kind, facts)
    severity = Severity.INFO if kind in _HARMLESS else Severity.CRITICAL
    data = {"what": kind.value, **({"ip": facts["ip"]} if facts.get("ip") else {})}
    return Event(user_id=user_id, kind=EventKind.SECURITY, severity=severity, title=title, text=text, at=at, data=data)


def _way_back(record: BrokerSessionRecord) -> dict[str, str]:
    return {
        "account_id": str(record.account_id),
        "login_url": f"/api/v1/broker-accounts/{record.account_id}/login-url",
    }
