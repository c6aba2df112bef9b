"""The service's transaction, assembled from its parts."""

from types import TracebackType
from typing import Final

from breezeway.errors import UpstreamUnavailable
from trading_service.adapters.db.accounts import AccountRows
from trading_service.adapters.db.halts import HaltRows
from trading_service.adapters.db.messages import MessageRows
from trading_service.adapters.db.orders import OrderRows
from trading_service.adapters.db.portfolio import PortfolioRows

_BUSY: Final = frozenset({"40001", "40P01", "55P03"})
"""Serialisation failure, deadlock, a lock that was waited for too long."""


class PostgresWork(AccountRows, OrderRows, PortfolioRows, HaltRows, MessageRows):
    """Implements `ports.Work`.

    Raises:
        UpstreamUnavailable: `database_unavailable`; `account_busy`, when others held the account for too long. Nothing
            was written in either case.
    """

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        if error is not None and _sqlstate(error) in _BUSY:
            raise UpstreamUnavailable(
                "Too much happens in this account at once. Nothing was changed; try again in a moment.",
                code="account_busy",
                retry_after=1,
            ) from error


def _sqlstate(error: BaseException) -> str:
    return str(getattr(getattr(error, "orig", None), "sqlstate", "") or "")
