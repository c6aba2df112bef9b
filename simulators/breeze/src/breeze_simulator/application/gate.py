"""The gateway in front of the broker's application: who calls, is it signed, is there quota left."""

from collections.abc import Mapping
from datetime import timedelta

from breeze_simulator.application.accounts import Accounts
from breeze_simulator.application.limits import CallLimits, MutationLimits, Verdict
from breeze_simulator.application.sessions import Session, Sessions
from breeze_simulator.domain import signing
from breeze_simulator.domain.envelopes import Refusals
from breezeway.clock import Clock


class Gate:
    """Admits calls. Header names are given in lower case, as ASGI delivers them."""

    def __init__(
        self,
        accounts: Accounts,
        sessions: Sessions,
        limits: CallLimits,
        refusals: Refusals,
        clock: Clock,
        mutations: MutationLimits,
        *,
        max_skew: timedelta = timedelta(seconds=60),
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._limits = limits
        self._refusals = refusals
        self._clock = clock
        self._mutations = mutations
        self._max_skew = max_skew

    def customer(self, fields: Mapping[str, object]) -> Session:
        """The session that an unsigned customerdetails call asks for."""
        session = self._sessions.exchange(fields.get("SessionToken"), fields.get("AppKey"))
        self._spend(session.user_id)
        return session

    def signed(self, headers: Mapping[str, str], body: bytes) -> Session:
        """The session of a v1 call.

        Raises:
            BrokerRefusal: the same text for a wrong key, session, time and checksum, as the broker has it; or a limit.
        """
        app = self._accounts.app(headers.get("x-appkey", ""))
        timestamp = headers.get("x-timestamp", "")
        moment = signing.parse_timestamp(timestamp)
        if app is None or moment is None or abs(self._clock.now() - moment) > self._max_skew:
            raise self._refusals.authentication()
        if not signing.checksum_matches(headers.get("x-checksum", ""), timestamp, body, app.secret):
            raise self._refusals.authentication()
        return self._admit(headers, app.api_key)

    def mutation(self, session: Session, peer: str | None) -> None:
        """Admit an order call of a session that was admitted: from a registered address, and not too many a second.

        Raises:
            BrokerRefusal: the address is another one, or the second is full.
        """
        allowed = session.app.static_ips
        if allowed and peer not in allowed:
            raise self._refusals.wrong_ip()
        if not self._mutations.spend(session.user_id):
            raise self._refusals.per_second()

    def unsigned(self, headers: Mapping[str, str]) -> Session:
        """The session of a v2 call, which carries only the session and the key."""
        return self._admit(headers, headers.get("apikey") or headers.get("x-apikey", ""))

    def _admit(self, headers: Mapping[str, str], api_key: str) -> Session:
        pair = signing.unpack_session(headers.get("x-sessiontoken", ""))
        session = self._sessions.find(*pair) if pair else None
        if session is None or session.app.api_key != api_key:
            raise self._refusals.authentication()
        self._spend(session.user_id)
        return session

    def _spend(self, user_id: str) -> None:
        match self._limits.spend(user_id):
            case Verdict.PER_MINUTE:
                raise self._refusals.per_minute()
            case Verdict.PER_DAY:
                raise self._refusals.per_day()
            case Verdict.ALLOWED:
                return
