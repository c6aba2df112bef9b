"""Telling users, once for each session, that their broker session is about to end."""

from datetime import timedelta

from auth_service.application.ports import UnitsOfWork
from auth_service.domain.notifications import session_about_to_end
from breezeway.clock import Clock

_BATCH = 100


class BrokerReminders:
    """Reminds `lead` before a session ends. One that was opened later than that needs no reminder."""

    def __init__(self, units: UnitsOfWork, clock: Clock, lead: timedelta) -> None:
        self._units = units
        self._clock = clock
        self._lead = lead

    async def remind(self) -> int:
        """Remind whoever is due; returns how many. Several processes may do this side by side."""
        now = self._clock.now()
        async with self._units() as work:
            due = await work.broker_sessions.ending(now, self._lead, _BATCH)
            for record in due:
                if record.expires_at is not None:
                    await work.tell(session_about_to_end(record, record.expires_at, now))
                await work.broker_sessions.reminded(record)
            await work.commit()
        return len(due)
