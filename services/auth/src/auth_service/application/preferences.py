"""Reading and writing a user's preferences, so that two tabs need not overwrite one another."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from auth_service.application.ports import UnitOfWork, UnitsOfWork
from auth_service.domain.preferences import MAX_BYTES, MAX_KEYS_PER_USER, Preference, matches
from breezeway.clock import Clock
from breezeway.errors import Conflict, NotFound, PreconditionFailed, TooLarge, Unauthenticated


@dataclass(frozen=True, slots=True)
class Conditions:
    """The If-Match and If-None-Match of a write; None where there was none."""

    if_match: str | None = None
    if_none_match: str | None = None

    def check(self, stored: Preference | None) -> None:
        """Raise PreconditionFailed (`preference_changed`) unless what is stored is what the writer expects."""
        etag = stored.etag if stored else None
        fits = (self.if_match is None or matches(self.if_match, etag)) and (
            self.if_none_match is None or not matches(self.if_none_match, etag)
        )
        if not fits:
            raise PreconditionFailed(
                "The preference has been changed elsewhere; read it again.",
                code="preference_changed",
                context={"etag": etag},
            )


class Preferences:
    """A user's preferences."""

    def __init__(self, units: UnitsOfWork, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    async def all_of(self, user_id: UUID) -> Sequence[Preference]:
        """By key."""
        async with self._units() as work:
            return await work.preferences.all_of(user_id)

    async def get(self, user_id: UUID, key: str) -> Preference:
        """Raises NotFound: `preference_not_found`."""
        async with self._units() as work:
            return _found(await work.preferences.get(user_id, key))

    async def put(self, user_id: UUID, key: str, text: str, conditions: Conditions) -> Preference:
        """Store a JSON text.

        Raises:
            TooLarge: `preference_too_large`. Conflict: `too_many_preferences`.
            PreconditionFailed: `preference_changed`.
        """
        if len(text.encode()) > MAX_BYTES:
            raise TooLarge(f"A preference has at most {MAX_BYTES:,} bytes of JSON.", code="preference_too_large")
        async with self._units() as work:
            await self._hold(work, user_id)
            stored = await work.preferences.get(user_id, key)
            conditions.check(stored)
            if stored is None and await work.preferences.count(user_id) >= MAX_KEYS_PER_USER:
                raise Conflict(
                    f"A user may have {MAX_KEYS_PER_USER} preferences; delete one first.", code="too_many_preferences"
                )
            preference = Preference(key, text, self._clock.now())
            await work.preferences.put(user_id, preference)
            await work.commit()
        return preference

    async def delete(self, user_id: UUID, key: str, conditions: Conditions) -> None:
        """Raises NotFound (`preference_not_found`), PreconditionFailed (`preference_changed`)."""
        async with self._units() as work:
            await self._hold(work, user_id)
            conditions.check(_found(await work.preferences.get(user_id, key)))
            await work.preferences.remove(user_id, key)
            await work.commit()

    async def _hold(self, work: UnitOfWork, user_id: UUID) -> None:
        # One writer at a time for each user: what is compared and counted here is then still true when it is written.
        if await work.users.by_id(user_id, lock=True) is None:
            raise Unauthenticated("The account behind this token does not exist any more.", code="user_gone")


def _found(preference: Preference | None) -> Preference:
    if preference is None:
        raise NotFound("There is no such preference.", code="preference_not_found")
    return preference
