"""The broker's notifications about live orders, each booked once: with the place up to which they have been read."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

import structlog

from trading_service.application.live_ports import LiveWork, LiveWorkFactory, NoticePlace, Notices
from trading_service.application.live_recording import LiveRecorder
from trading_service.application.live_words import word_of

_TYPE: Final = "broker_order"

_log = structlog.get_logger()


class Hearing:
    """Run by the process that leads.

    Args:
        missed: called when notifications were lost, so that the broker's book has to be read instead.
    """

    def __init__(
        self, work: LiveWorkFactory, recorder: LiveRecorder, notices: Notices, missed: Callable[[], None]
    ) -> None:
        self._work = work
        self._recorder = recorder
        self._notices = notices
        self._missed = missed

    async def run_once(self) -> int:
        """Book what has come for users with live accounts; how many messages that was."""
        async with self._work() as work:
            users = {account.user_id for account in await work.live_accounts()}
        return sum([await self._of(user_id) for user_id in sorted(users)])

    async def _of(self, user_id: UUID) -> int:
        async with self._work() as work:
            place = await work.notice_place(user_id)
        found = await self._notices.since(user_id, place)
        if not found.complete:
            _log.warning("broker_notices_missed", user=str(user_id))
            self._missed()
        for at, message in found.messages:
            if message.get("type") == _TYPE:
                await self._book(user_id, at, message)
        if found.place != place:
            async with self._work() as work:
                await work.move_notice_place(user_id, found.place)
                await work.commit()
        return len(found.messages)

    async def _book(self, user_id: UUID, at: NoticePlace, message: Mapping[str, Any]) -> None:
        number = str(message["broker_order_id"])
        async with self._work() as work:
            await self._hear(work, user_id, number, message)
            # In the same transaction: what was booked is not read again, and what was not booked is.
            await work.move_notice_place(user_id, at)
            await work.commit()

    async def _hear(self, work: LiveWork, user_id: UUID, number: str, message: Mapping[str, Any]) -> None:
        # Held by whoever names an order too, so that none slips between asking for its number and noting it.
        await work.lock_notices(user_id)
        stored = await work.order_of(user_id, number)
        if stored is not None:
            await self._recorder.hear(work, stored.id, word_of(message))
        elif await work.awaited(user_id):
            await work.keep_notice(user_id, number, message)
