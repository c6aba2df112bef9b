"""A unit of work: one transaction, and the effects that may only leave once it has committed."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from breezeway.errors import InvalidInput, UpstreamUnavailable
from breezeway.observability.pools import DATABASE_FAILURES

Effect = Callable[[], Awaitable[object]]

_UNCHANGED: Final = "The database does not answer. Nothing was changed; try again in a moment."
_UNKNOWN: Final = (
    "The database went away while it kept the change, so whether it did is not known. Look, or send the same again "
    "under the same Idempotency-Key."
)

_log = structlog.get_logger()


class UnitOfWork:
    """`async with UnitOfWork(engine) as work: …; await work.commit()`.

    Leaving without `commit` rolls back and drops the effects. Effects (messages, job wake-ups) run after the commit, in
    order; one that fails is logged, not raised, because what it announces is already true. Whatever must not be lost is
    therefore also findable in the database.

    Raises:
        UpstreamUnavailable: `database_unavailable`, when PostgreSQL cannot be reached or the pool is exhausted. Its
            text says whether nothing was changed or, when the commit itself went unanswered, that nobody knows.
        InvalidInput: `unstorable_text`; JSON and forms can carry a NUL, PostgreSQL's text cannot.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._effects: list[Effect] = []
        self._session: AsyncSession | None = None
        self._committing = False

    @property
    def session(self) -> AsyncSession:
        if self._session is None:
            raise RuntimeError("the unit of work is used outside its `async with` block")
        return self._session

    def after_commit(self, effect: Effect) -> None:
        """Remember `effect` until the transaction has committed."""
        self._effects.append(effect)

    async def commit(self) -> None:
        """Commit, then let the effects out."""
        self._committing = True
        await self.session.commit()
        self._committing = False
        effects, self._effects = self._effects, []
        for effect in effects:
            try:
                await effect()
            except Exception as error:  # noqa: BLE001 - the commit stands; a lost wake-up must not look like a failed write
                _log.warning("effect_failed", error=repr(error))

    async def rollback(self) -> None:
        self._effects.clear()
        await self.session.rollback()

    async def __aenter__(self) -> Self:
        self._session = AsyncSession(self._engine, expire_on_commit=False, autoflush=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._effects.clear()
        session, self._session = self.session, None
        await session.close()
        if error is not None and is_connection_failure(error):
            DATABASE_FAILURES.inc()
            raise UpstreamUnavailable(
                _UNKNOWN if self._committing else _UNCHANGED,
                code="database_unavailable",
                retry_after=2,
            ) from error
        if error is not None and _sqlstate(error) == "22021":
            raise InvalidInput("Text may not contain the NUL character.", code="unstorable_text") from error


def is_connection_failure(error: BaseException) -> bool:
    """Whether `error` means that PostgreSQL is away or overloaded, rather than that a statement was wrong."""
    if isinstance(error, PoolTimeout | InterfaceError | ConnectionError | TimeoutError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(error, OperationalError):
        return True
    # asyncpg reports a server that is shutting down or starting up through its own classes, wrapped or bare.
    return _sqlstate(error).startswith(("08", "57P", "53"))


def _sqlstate(error: BaseException) -> str:
    cause = getattr(error, "orig", error)
    return str(getattr(cause, "sqlstate", "") or "")
