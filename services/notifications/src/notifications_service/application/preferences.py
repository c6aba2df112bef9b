"""A user's preferences."""

from uuid import UUID

from notifications_service.application.ports import WorkFactory
from notifications_service.domain.preferences import Preferences


class PreferenceBook:
    def __init__(self, work: WorkFactory) -> None:
        self._work = work

    async def get(self, user_id: UUID) -> Preferences:
        async with self._work() as work:
            return await work.preferences(user_id)

    async def put(self, user_id: UUID, preferences: Preferences) -> None:
        async with self._work() as work:
            await work.save_preferences(user_id, preferences)
            await work.commit()
