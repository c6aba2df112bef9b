"""API keys: making, listing and deleting them, and exchanging one for an access token."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from auth_service.application.credential_ports import AccessToken, AccessTokens
from auth_service.application.notices import notify
from auth_service.application.ports import UnitOfWork, UnitsOfWork
from auth_service.application.revoking import Revoking
from auth_service.domain.api_keys import MAX_KEYS_PER_USER, ApiKey, key_text, new_key_secret, parse_key, secret_fits
from auth_service.domain.audit import AuditEvent, Origin, audit_entry
from auth_service.domain.mails import MailKind
from auth_service.domain.sign_ins import digest_of
from auth_service.domain.users import Role, User
from breezeway.clock import Clock
from breezeway.contracts.auth import KEY_SESSION_PREFIX
from breezeway.errors import Conflict, FieldFault, Forbidden, InvalidInput, NotFound, Unauthenticated
from breezeway.ids import new_id

_REFUSALS_TOLD_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class KeyWish:
    """What somebody wants of a new key. `networks` are checked CIDR ranges."""

    name: str
    scopes: Sequence[str]
    networks: Sequence[str]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Exchanged:
    """An access token that speaks for a key, and what the gateway has to know to hold on to it."""

    access: AccessToken
    key: ApiKey
    scopes: Collection[str]


def key_session(key_id: UUID) -> str:
    """The `sid` of the tokens of a key: what deleting it revokes."""
    return f"{KEY_SESSION_PREFIX}{key_id}"


class ApiKeys:
    """The API keys of each user."""

    def __init__(self, units: UnitsOfWork, tokens: AccessTokens, revoking: Revoking, clock: Clock) -> None:
        self._units = units
        self._tokens = tokens
        self._revoking = revoking
        self._clock = clock

    async def create(self, user_id: UUID, wish: KeyWish, origin: Origin) -> tuple[ApiKey, str]:
        """A new key, and its text, which nobody can ever read again.

        Raises:
            Forbidden: `scope_not_allowed`, for a scope that the user's role has not.
            InvalidInput: `expiry_in_past`.
            Conflict: `too_many_api_keys`.
            Unauthenticated: `user_gone`.
        """
        secret = new_key_secret()
        async with self._units() as work:
            # Held, so that nobody counts past the limit, and a disabling comes before or after but not between.
            user = await work.users.by_id(user_id, lock=True)
            now = self._clock.now()
            if user is None or not user.is_active:
                raise Unauthenticated("The account behind this token does not exist any more.", code="user_gone")
            _check(wish, user, now)
            if await work.api_keys.count(user_id) >= MAX_KEYS_PER_USER:
                raise Conflict(
                    f"A user may have {MAX_KEYS_PER_USER} API keys; delete one first.", code="too_many_api_keys"
                )
            key = ApiKey(
                id=new_id(),
                user_id=user_id,
                name=wish.name,
                scopes=tuple(scope for scope in user.scopes if scope in wish.scopes),
                networks=tuple(wish.networks),
                created_at=now,
                expires_at=wish.expires_at,
            )
            await work.api_keys.add(key, digest_of(secret))
            facts = {"api_key": str(key.id), "name": key.name, "scopes": " ".join(key.scopes)}
            work.audit(audit_entry(AuditEvent.API_KEY_CREATED, user_id, now, origin, facts))
            await notify(work, user_id, MailKind.API_KEY_CREATED, now, origin, {"name": key.name})
            await work.commit()
        return key, key_text(key, secret)

    async def page(self, user_id: UUID, after: UUID | None, limit: int) -> Sequence[ApiKey]:
        async with self._units() as work:
            return await work.api_keys.page(user_id, after, limit)

    async def delete(self, user_id: UUID, key_id: UUID, origin: Origin) -> None:
        """Delete a key of the user; what it was exchanged for stops everywhere within two seconds. Raises NotFound."""
        async with self._units() as work:
            if not await work.api_keys.remove(user_id, key_id):
                raise NotFound("There is no such API key.", code="api_key_not_found")
            await self._revoking.revoke(work, user_id, key_session(key_id))
            now = self._clock.now()
            work.audit(audit_entry(AuditEvent.API_KEY_DELETED, user_id, now, origin, {"api_key": str(key_id)}))
            await work.commit()

    async def exchange(self, text: str, ip: str | None) -> Exchanged:
        """An access token for a key that is used from `ip`.

        Raises:
            Unauthenticated: `api_key_invalid` (also for a user who is disabled), `api_key_expired`.
            Forbidden: `api_key_ip_refused`.
        """
        parsed = parse_key(text)
        async with self._units() as work:
            found = await work.api_keys.find(parsed[0]) if parsed else None
            key, digest = found if found else (None, None)
            if not secret_fits(parsed[1] if parsed else "", digest) or key is None:
                await self._refuse(work, key, ip, "wrong secret")
                raise _invalid()
            user = await work.users.by_id(key.user_id, lock=True)
            # After the lock: whoever disables the user revokes every token up to their own, later, now.
            now = self._clock.now()
            if user is None or not user.is_active:
                await self._refuse(work, key, ip, "user disabled")
                raise _invalid()
            if key.has_expired(now):
                await self._refuse(work, key, ip, "expired")
                raise Unauthenticated("The API key has expired; make a new one.", code="api_key_expired")
            if not key.may_come_from(ip):
                await self._refuse(work, key, ip, "foreign address")
                raise Forbidden("The API key may not be used from this address.", code="api_key_ip_refused")
            if not await work.api_keys.touch(key.id, now, ip):
                raise _invalid()
            if key.last_used_ip != ip:
                facts = {"api_key": str(key.id), "first_use": str(key.last_used_at is None).lower()}
                work.audit(audit_entry(AuditEvent.API_KEY_USED, key.user_id, now, Origin(ip), facts))
            exchanged = self._issue(key, user, now)
            await work.commit()
        return exchanged

    def _issue(self, key: ApiKey, user: User, now: datetime) -> Exchanged:
        # The role may have shrunk since the key was made.
        scopes = tuple(scope for scope in key.scopes if scope in user.scopes)
        role = user.role if "admin" in scopes else Role.USER
        access = self._tokens.issue_limited(user, key_session(key.id), role, scopes, now, key.expires_at)
        return Exchanged(access, key, scopes)

    async def _refuse(self, work: UnitOfWork, key: ApiKey | None, ip: str | None, reason: str) -> None:
        """Write a refusal down, at most one a minute for each key: a stranger who knows an id must not fill the log."""
        now = self._clock.now()
        if key is None or not await work.api_keys.note_refusal(key.id, now, now - _REFUSALS_TOLD_EVERY):
            return
        facts = {"api_key": str(key.id), "reason": reason}
        work.audit(audit_entry(AuditEvent.API_KEY_REFUSED, key.user_id, now, Origin(ip), facts))
        await work.commit()


def _check(wish: KeyWish, user: User, now: datetime) -> None:
    beyond = [scope for scope in wish.scopes if scope not in user.scopes]
    if beyond:
        raise Forbidden(f"Your role does not have the scope `{beyond[0]}`.", code="scope_not_allowed")
    if wish.expires_at is not None and wish.expires_at <= now:
        message = "The end of a key lies in the future."
        raise InvalidInput(message, code="expiry_in_past", faults=[FieldFault("body.expires_at", message)])


def _invalid() -> Unauthenticated:
    return Unauthenticated(
        "The API key is not valid: unknown, deleted, or its user is disabled.", code="api_key_invalid"
    )
