"""The service's transaction, assembled from its parts."""

from sqlalchemy.ext.asyncio import AsyncEngine

from trading_service.adapters.db.accounts import AccountRows
from trading_service.adapters.db.messages import MessageRows
from trading_service.adapters.db.orders import OrderRows
from trading_service.adapters.db.portfolio import PortfolioRows


class PostgresWork(AccountRows, OrderRows, PortfolioRows, MessageRows):
    """Implements `ports.Work`."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
