"""What keeping live accounts' GTT needs of the world."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from trading_service.application.live_ports import BrokerLine, LiveWork
from trading_service.domain.accounts import TradingAccount
from trading_service.domain.groups import Group, GroupState
from trading_service.domain.gtt import BookedGtt, Leg, LiveGtt


class GttWork(LiveWork, Protocol):
    """The transaction of live GTT. Who needs both locks the account first and the GTT second."""

    async def add_group(self, group: Group) -> None: ...

    async def move_group(
        self, group_id: UUID, was: GroupState, state: GroupState, body: Mapping[str, Any], text: str | None
    ) -> bool: ...

    async def add_gtt(self, gtt: LiveGtt) -> None: ...

    async def lock_gtt(self, group_id: UUID) -> LiveGtt | None: ...

    async def save_gtt(self, gtt: LiveGtt) -> None: ...

    async def waiting_gtts(self) -> list[LiveGtt]:
        """Those that have not ended."""
        ...

    async def gtt_numbers(self, broker_account_id: UUID, numbers: Collection[str]) -> set[str]:
        """Which of these numbers of the broker's belong to GTT of ours."""
        ...


class GttLine(BrokerLine, Protocol):
    """A way to the broker that has its GTT calls. They raise as `BrokerLine`'s do, and are never repeated."""

    async def place_gtt(self, gtt: LiveGtt) -> str:
        """The broker's number of the new GTT."""
        ...

    async def modify_gtt(self, gtt: LiveGtt, legs: tuple[Leg, ...]) -> None: ...

    async def cancel_gtt(self, gtt: LiveGtt) -> None: ...

    async def gtt_book(self, symbol: str, start: datetime, end: datetime) -> list[BookedGtt]:
        """GTT of the symbol's exchange, placed between the days of `start` and `end`; those in it name it."""
        ...


class GttDesk(Protocol):
    async def line(self, account: TradingAccount) -> GttLine:
        """As `BrokerDesk.line`."""
        ...


GttWorkFactory = Callable[[], GttWork]
