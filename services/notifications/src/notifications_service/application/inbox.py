"""Reading and tidying a user's inbox."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from breezeway.clock import Clock
from breezeway.errors import NotFound
from notifications_service.application.ports import WorkFactory
from notifications_service.domain.model import Notification


@dataclass(frozen=True, slots=True)
class InboxFilter:
    unread: bool = False
    kind: str | None = None
    before: int | None = None
    limit: int = 50


class Inbox:
    """Somebody else's notification is one that does not exist."""

    def __init__(self, work: WorkFactory, clock: Clock) -> None:
        self._work = work
        self._clock = clock

    async def page(self, user_id: UUID, wanted: InboxFilter) -> tuple[Sequence[Notification], int]:
        """Newest first, one more than the limit when there are more; and how many are unread."""
        async with self._work() as work:
            found = await work.notifications(
                user_id, unread=wanted.unread, kind=wanted.kind, before=wanted.before, limit=wanted.limit + 1
            )
            return found, await work.unread_count(user_id)

    async def unread(self, user_id: UUID) -> int:
        async with self._work() as work:
            return await work.unread_count(user_id)

    async def get(self, user_id: UUID, notification_id: UUID) -> Notification:
        """Raises NotFound: `notification_not_found`."""
        async with self._work() as work:
            found = await work.notification(user_id, notification_id)
        if found is None:
            raise _missing()
        return found

    async def read(self, user_id: UUID, notification_id: UUID) -> Notification:
        """Mark as read. Raises NotFound: `notification_not_found`."""
        async with self._work() as work:
            if not await work.mark_read(user_id, notification_id, self._clock.now()):
                raise _missing()
            found = await work.notification(user_id, notification_id)
            await work.commit()
        if found is None:
            raise _missing()
        return found

    async def read_all(self, user_id: UUID, until: UUID | None) -> int:
        """Mark all as read, or those up to `until` and no later ones that the user has not seen; how many."""
        async with self._work() as work:
            count = await work.mark_all_read(user_id, self._clock.now(), until)
            await work.commit()
        return count

    async def remove(self, user_id: UUID, notification_id: UUID) -> None:
        """Raises NotFound: `notification_not_found`."""
        async with self._work() as work:
            if not await work.remove_notification(user_id, notification_id, self._clock.now()):
                raise _missing()
            await work.commit()


def _missing() -> NotFound:
    return NotFound("There is no such notification.", code="notification_not_found")
