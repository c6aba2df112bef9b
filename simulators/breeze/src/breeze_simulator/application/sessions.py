"""Broker sessions: a login gives an `apisession` for the day, customerdetails turns it into what later calls carry."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from breeze_simulator.application.accounts import Accounts, App
from breeze_simulator.domain import envelopes
from breeze_simulator.domain.envelopes import Refusals
from breezeway.clock import IST, Clock


@dataclass(frozen=True, slots=True)
class Session:
    """One login of one user. `expires_at` is wall time: the next Indian midnight, when the exchanges force a logout."""

    app: App
    api_session: str = field(repr=False)
    session_key: str = field(repr=False)
    created_at: datetime
    expires_at: datetime

    @property
    def user_id(self) -> str:
        return self.app.user_id


class Sessions:
    """All live sessions. A further login leaves the earlier ones of the day alone, as far as is known."""

    def __init__(self, accounts: Accounts, refusals: Refusals, clock: Clock) -> None:
        self._accounts = accounts
        self._refusals = refusals
        self._clock = clock
        self._by_login: dict[str, Session] = {}
        self._by_key: dict[tuple[str, str], Session] = {}

    def log_in(self, app: App) -> Session:
        """A new session, as the login page makes it."""
        now = self._clock.now()
        for old in [s for s in self._by_login.values() if s.expires_at <= now]:
            self._drop(old)
        session = Session(app, self._new_number(), self._new_number(), now, next_midnight(now))
        self._by_login[session.api_session] = session
        self._by_key[session.user_id, session.session_key] = session
        return session

    def exchange(self, api_session: object, api_key: object) -> Session:
        """The session behind an `apisession`, as customerdetails looks it up.

        Raises:
            BrokerRefusal: with the text from which the SDK tells a wrong key, a wrong session and an expired one.
        """
        app = self._accounts.app(api_key) if isinstance(api_key, str) else None
        if app is None:
            raise self._refusals.application(envelopes.UNKNOWN_KEY)
        if not isinstance(api_session, str) or not api_session.isdigit():
            raise self._refusals.application(envelopes.INVALID_SESSION)
        session = self._by_login.get(api_session)
        if session is None or not self._alive(session):
            raise self._refusals.application(envelopes.NOT_AVAILABLE)
        if session.app.api_key != app.api_key:
            raise self._refusals.application(envelopes.INVALID_SESSION)
        return session

    def find(self, user_id: object, session_key: object) -> Session | None:
        """The live session of `(user_id, session_key)`: the pair in `X-SessionToken` and in the socket's handshake."""
        if not isinstance(user_id, str) or not isinstance(session_key, str):
            return None
        session = self._by_key.get((user_id, session_key))
        return session if session is not None and self._alive(session) else None

    def is_alive(self, session: Session) -> bool:
        return self._by_login.get(session.api_session) is session and self._alive(session)

    def expire(self, user_id: str | None = None) -> int:
        """End the sessions of a user, or all; returns how many there were."""
        ended = [s for s in self._by_login.values() if user_id is None or s.user_id == user_id]
        for session in ended:
            self._drop(session)
        return len(ended)

    def _alive(self, session: Session) -> bool:
        if self._clock.now() < session.expires_at:
            return True
        self._drop(session)
        return False

    def _drop(self, session: Session) -> None:
        self._by_login.pop(session.api_session, None)
        self._by_key.pop((session.user_id, session.session_key), None)

    def _new_number(self) -> str:
        while True:
            number = str(10_000_000 + secrets.randbelow(90_000_000))
            if number not in self._by_login:
                return number


def next_midnight(now: datetime) -> datetime:
    """The next instant at which an Indian wall clock shows 00:00."""
    local = now.astimezone(IST)
    return local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
