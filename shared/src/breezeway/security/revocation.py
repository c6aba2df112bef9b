"""Access tokens that must not be accepted any more although their time has not come.

Auth appends every revocation to one capped Redis stream. Each process that verifies tokens reads the last sixteen
minutes of it when it starts, then waits for more; after a broken connection it goes on where it stopped. What it has
read is a small table in memory, so that checking a token asks nobody.

While Redis is away nobody can know what has been revoked meanwhile. `DenyList.fresh` then turns False within three
seconds, and the rule is: reading goes on (a token dies by itself after fifteen minutes), changing anything is refused.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Final
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway import cancellation
from breezeway.contracts.auth import CredentialsRevoked
from breezeway.redis import keys
from breezeway.redis.client import connect
from breezeway.security.tokens import ACCESS_LIFETIME_SECONDS, LEEWAY_SECONDS, Principal

REMEMBERED_SECONDS: Final = ACCESS_LIFETIME_SECONDS + LEEWAY_SECONDS + 30
"""As long as a token that was issued just before its revocation can live, and half a minute for clocks that differ."""

STALE_SECONDS: Final = 3.0

OnRevoked = Callable[[CredentialsRevoked], object]

_BLOCK_MILLISECONDS: Final = 500
_BATCH: Final = 1_000
_RETRY_SECONDS: Final = 0.5
_FIELD: Final = b"body"

_log = structlog.get_logger()


class DenyList:
    """What has been revoked lately.

    Args:
        time: monotonic seconds.
    """

    def __init__(self, time: Callable[[], float] = time.monotonic) -> None:
        self._time = time
        self._sessions: dict[tuple[UUID, str], float] = {}
        self._users: dict[UUID, tuple[int, float]] = {}
        self._heard_at = float("-inf")

    def __len__(self) -> int:
        return len(self._sessions) + len(self._users)

    @property
    def fresh(self) -> bool:
        """Whether nothing that was revoked more than three seconds ago can be missing."""
        return self._time() - self._heard_at <= STALE_SECONDS

    def heard(self) -> None:
        """Note that everything up to this moment is known."""
        self._heard_at = self._time()

    def add(self, revoked: CredentialsRevoked) -> None:
        """Refuse what `revoked` names from now on."""
        forget_at = self._time() + REMEMBERED_SECONDS
        if revoked.session_id is not None:
            self._sessions[revoked.user_id, revoked.session_id] = forget_at
        else:
            before = max(revoked.at, self._users.get(revoked.user_id, (0, 0.0))[0])
            self._users[revoked.user_id] = (before, forget_at)

    def refuses(self, principal: Principal) -> bool:
        """Whether the token that `principal` was read from has been revoked."""
        if (principal.user_id, principal.session_id) in self._sessions:
            return True
        ended = self._users.get(principal.user_id)
        return ended is not None and principal.issued_at <= ended[0]

    def forget_old(self) -> None:
        """Drop what names only tokens that have expired."""
        now = self._time()
        self._sessions = {session: at for session, at in self._sessions.items() if at > now}
        self._users = {user: entry for user, entry in self._users.items() if entry[1] > now}


class RevocationReader:
    """Keeps a deny list up to date; `run` must be running.

    Args:
        redis: a client of its own, which waits half a second for each answer.
        on_revoked: called on the event loop for each new revocation, for whoever holds connections open.
    """

    def __init__(self, redis: "Redis", denied: DenyList, on_revoked: OnRevoked | None = None) -> None:
        self._redis = redis
        self._denied = denied
        self._on_revoked = on_revoked
        self._after: bytes | None = None

    async def catch_up(self) -> None:
        """Read what there is, without waiting for more. Raises RedisError, OSError."""
        while await self._read(block=None):
            pass
        self._denied.heard()

    async def run(self) -> None:
        """Read until cancelled."""
        forgotten_at = time.monotonic()
        while True:
            # redis-py loses a cancellation that arrives together with an answer.
            cancellation.heed()
            try:
                await self._read(block=_BLOCK_MILLISECONDS)
                self._denied.heard()
            except (RedisError, OSError, TimeoutError) as error:
                _log.warning("revocations_unreadable", error=repr(error))
                await asyncio.sleep(_RETRY_SECONDS)
            if time.monotonic() - forgotten_at > 60:
                forgotten_at = time.monotonic()
                self._denied.forget_old()

    async def _read(self, block: int | None) -> int:
        if self._after is None:
            # The server's clock, because it also makes the ids.
            seconds, _ = await self._redis.time()
            self._after = b"%d-0" % ((int(seconds) - REMEMBERED_SECONDS) * 1000)
        found: Any = await self._redis.xread({keys.revocations(): self._after}, count=_BATCH, block=block)
        entries = found[0][1] if found else []
        for entry_id, fields in entries:
            self._after = entry_id
            self._take(fields.get(_FIELD, b""))
        return len(entries)

    def _take(self, body: bytes) -> None:
        try:
            revoked = CredentialsRevoked.model_validate_json(body)
        except ValueError as error:
            # Whoever wrote it is not auth; a revocation that we cannot read must not end the reading of others.
            _log.error("revocation_unreadable", error=type(error).__name__)
            return
        self._denied.add(revoked)
        if self._on_revoked is not None:
            self._on_revoked(revoked)


async def watch_revocations(stack: AsyncExitStack, redis_url: str, on_revoked: OnRevoked | None = None) -> DenyList:
    """A deny list that is kept up to date until `stack` closes.

    A Redis that does not answer now does not keep a service from starting: the list says that it is not fresh.
    """
    redis = connect(redis_url, max_connections=2, retries=0)
    stack.push_async_callback(redis.aclose)
    denied = DenyList()
    reader = RevocationReader(redis, denied, on_revoked)
    try:
        await reader.catch_up()
    except (RedisError, OSError, TimeoutError) as error:
        _log.warning("revocations_unreadable", error=repr(error))
    task = asyncio.create_task(reader.run(), name="revocations")
    stack.push_async_callback(cancellation.end, [task])
    return denied


async def announce(redis: "Redis", revoked: CredentialsRevoked) -> None:
    """Tell everybody. Raises RedisError, OSError; telling twice does no harm."""
    body = revoked.model_dump_json()
    oldest = f"{(int(time.time()) - 2 * REMEMBERED_SECONDS) * 1000}-0"
    async with redis.pipeline(transaction=True) as pipe:
        pipe.xadd(keys.revocations(), {_FIELD: body}, minid=oldest)
        pipe.publish(keys.user_revoked(), body)
        await pipe.execute()
