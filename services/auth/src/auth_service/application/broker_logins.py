"""The way to the broker's login page and back, and whose redirect it is that comes back.

The redirect carries nothing but a session value, and whoever can make a browser follow a link could send one.
So it only counts for a login that was started here a moment ago, found in this order: by the `state` that
travelled with it, by the cookie that the browser got with the login URL, or as the newest login of the user
whose token the caller sends.

The real broker hands no `state` on, and a script that plays the browser has neither a cookie jar nor, in a
redirect, a token. For the simulator in development alone, a redirect without any of them is taken for the only
login that is pending in the whole instance; with two pending ones it is refused.
"""

from dataclasses import dataclass
from uuid import UUID

from auth_service.application.broker_accounts import owned_account
from auth_service.application.broker_ports import BrokerLogins
from auth_service.application.ports import UnitOfWork, UnitsOfWork
from auth_service.domain.audit import AuditEvent, Origin, audit_entry
from auth_service.domain.broker_accounts import LOGIN_PATIENCE, PendingLogin
from auth_service.domain.sign_ins import digest_of, new_secret
from breezeway.clock import Clock
from breezeway.contracts.broker import BrokerEnvironment
from breezeway.errors import Rejected
from breezeway.ids import new_id


@dataclass(frozen=True, slots=True)
class StartedLogin:
    """The page to send the user to, and the nonce for the cookie of their browser."""

    url: str
    nonce: str


@dataclass(frozen=True, slots=True)
class ReturnProof:
    """What came with the redirect beside the session value."""

    state: str | None = None
    cookie: str | None = None
    user_id: UUID | None = None


class BrokerLoginDesk:
    """Starts logins at the broker and recognises those that return.

    Args:
        trust_only_pending: accept a simulator's redirect without proof when exactly one login is pending (development).
    """

    def __init__(
        self, units: UnitsOfWork, logins: BrokerLogins, clock: Clock, *, trust_only_pending: bool = False
    ) -> None:
        self._units = units
        self._logins = logins
        self._clock = clock
        self._trust_only_pending = trust_only_pending

    async def start(self, user_id: UUID, account_id: UUID, origin: Origin) -> StartedLogin:
        """Begin a login. It is expected back within ten minutes, once."""
        now = self._clock.now()
        nonce = new_secret()
        async with self._units() as work:
            account = await owned_account(work, user_id, account_id)
            keys = await work.broker_accounts.keys(account_id)
            url = self._logins.login_page(account.environment, keys.api_key, nonce)
            pending = PendingLogin(
                id=new_id(),
                user_id=user_id,
                account_id=account_id,
                environment=account.environment,
                expires_at=now + LOGIN_PATIENCE,
            )
            await work.pending_logins.add(pending, digest_of(nonce), now)
            facts = {"broker_account": str(account_id)}
            work.audit(audit_entry(AuditEvent.BROKER_LOGIN_STARTED, user_id, now, origin, facts))
            await work.commit()
        return StartedLogin(url=url, nonce=nonce)

    async def take(self, proof: ReturnProof) -> PendingLogin:
        """The login that a redirect completes; it is used up by this.

        Raises:
            Rejected: `broker_login_not_started`, when no pending login of this caller matches.
        """
        async with self._units() as work:
            pending = await self._find(work, proof)
            if pending is None or (proof.user_id is not None and pending.user_id != proof.user_id):
                raise Rejected(
                    "This sign-in at the broker was not started here, or it is older than ten minutes, or it was used "
                    "already. Ask for a new login URL (GET /api/v1/broker-accounts/{id}/login-url) and follow it in "
                    "the same browser; or POST the session value to /api/v1/broker-accounts/{id}/session.",
                    code="broker_login_not_started",
                )
            await work.commit()
        return pending

    async def _find(self, work: UnitOfWork, proof: ReturnProof) -> PendingLogin | None:
        now = self._clock.now()
        if proof.state is not None:
            # A state that is wrong is not made good by something else: it says that this is another login.
            return await work.pending_logins.take(digest_of(proof.state), now)
        if proof.cookie is not None and (found := await work.pending_logins.take(digest_of(proof.cookie), now)):
            return found
        if proof.user_id is not None:
            return await work.pending_logins.take_newest_of(proof.user_id, now)
        if self._trust_only_pending:
            return await work.pending_logins.take_only(BrokerEnvironment.SIMULATOR, now)
        return None
