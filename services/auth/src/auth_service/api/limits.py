"""How often one party may try.

Failed attempts to sign in are counted for the address from one IP, for the IP, for the address from wherever, and for
the whole instance. The last two are what a stranger with many IPs could use up to keep the owner out; so somebody
who is known passes them: from an IP where the address has signed in lately, or with the mark of a browser that has.
A mark passes the counts of its IP as well, and has a small count of its own.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from auth_service.api.dependencies import Services
from auth_service.application.signing_in import OtpRequired
from auth_service.domain.audit import Origin
from auth_service.domain.users import normalise_email
from breezeway.errors import RateLimited
from breezeway.redis.sliding_window import SlidingWindow

Hits = list[tuple[SlidingWindow, str, str]]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to sign in: with which address, from where, on which device as far as it says."""

    email: str
    origin: Origin
    mark: str | None = None


@asynccontextmanager
async def limited_login(services: Services, attempt: Attempt) -> AsyncIterator[None]:
    """Around one attempt to sign in: raises RateLimited (`too_many_attempts`) after too many that failed.

    An attempt counts while it is under way, so that parallel guesses count too, and is taken back when the password
    was right. Without the limiter nobody may try passwords: it fails closed.
    """
    hits: Hits = []
    await _count_login(services, attempt, hits)
    try:
        yield
    except OtpRequired:
        await _take_back(hits)
        raise
    await _take_back(hits)


async def limit_registration(services: Services, origin: Origin) -> None:
    """Count one registration; raises RateLimited."""
    await _count(services.limits.register, _where(origin), [])


async def limit_mailing(services: Services, origin: Origin) -> None:
    """Count one request that sends a mail or brings a mailed token; raises RateLimited."""
    await _count(services.limits.mailing, _where(origin), [])


@asynccontextmanager
async def limited_password_check(services: Services, user_id: object) -> AsyncIterator[None]:
    """Around the check of the password of somebody who is signed in: a stolen access token must not guess it."""
    hits: Hits = []
    await _count(services.limits.password_check, str(user_id), hits)
    yield
    await _take_back(hits)


async def _count_login(services: Services, attempt: Attempt, hits: Hits) -> None:
    limits = services.limits
    where = _where(attempt.origin)
    # Bounded, since it becomes the name of a count.
    who = normalise_email(attempt.email)[:320]
    try:
        await _count(limits.login_ip, where, hits)
        await _count(limits.login, f"{where}:{who}", hits)
    except RateLimited:
        if not await _known_device(services, attempt, who, hits):
            raise
        return
    try:
        await _count(limits.login_account, who, hits)
        await _count(limits.login_everywhere, "all", hits)
    except RateLimited:
        if not await _known_device(services, attempt, who, hits) and not await services.signing_in.seen_from(
            who, where
        ):
            raise


async def _known_device(services: Services, attempt: Attempt, who: str, hits: Hits) -> bool:
    device = services.device_marks.device_of(attempt.mark, who) if attempt.mark else None
    if device is None:
        return False
    await _count(services.limits.login_device, device, hits)
    return True


async def _count(window: SlidingWindow, who: str, hits: Hits) -> None:
    verdict = await window.hit(who)
    if not verdict.allowed:
        raise RateLimited(
            "Too many attempts; wait a moment and try again.",
            code="too_many_attempts",
            retry_after=verdict.retry_after,
        )
    hits.append((window, who, verdict.hit))


async def _take_back(hits: Hits) -> None:
    for window, who, hit in hits:
        await window.take_back(who, hit)


def _where(origin: Origin) -> str:
    return origin.ip or "unknown"
