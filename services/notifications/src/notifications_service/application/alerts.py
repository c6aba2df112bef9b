"""Managing alerts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from breezeway.clock import Clock
from breezeway.errors import Conflict, FieldFault, InvalidInput, NotFound
from breezeway.ids import new_id
from notifications_service.application.ports import Bell, Symbols, WorkFactory
from notifications_service.application.readings import LastReadings
from notifications_service.domain.alerts import Alert, AlertState, Condition, Repeat

MOST: Final = 200
_CHANGES_LEVEL: Final = frozenset({"condition", "value", "base"})


@dataclass(frozen=True, slots=True)
class NewAlert:
    """What a user asks for; see `domain.alerts` for what it means."""

    symbol: str
    condition: Condition
    value: Decimal
    base: Decimal | None = None
    repeat: Repeat = Repeat.ONCE
    cooldown_seconds: int = 0
    expires_at: datetime | None = None
    note: str = ""


class Alerts:
    """Somebody else's alert is one that does not exist."""

    def __init__(self, work: WorkFactory, symbols: Symbols, readings: LastReadings, bell: Bell, clock: Clock) -> None:
        self._work = work
        self._symbols = symbols
        self._readings = readings
        self._bell = bell
        self._clock = clock

    async def page(
        self, user_id: UUID, *, state: AlertState | None, symbol: str | None, after: UUID | None, limit: int
    ) -> Sequence[Alert]:
        """Newest first, one more than the limit when there are more."""
        async with self._work() as work:
            return await work.alerts(user_id, state=state, symbol=symbol, after=after, limit=limit + 1)

    async def get(self, user_id: UUID, alert_id: UUID) -> Alert:
        """Raises NotFound: `alert_not_found`."""
        async with self._work() as work:
            return _found(await work.alert(user_id, alert_id))

    async def add(self, user_id: UUID, asked: NewAlert) -> Alert:
        """Raises InvalidInput (`invalid_alert`), NotFound (`instrument_not_found`), Conflict (`too_many_alerts`)."""
        symbol = await self._symbols.canonical(asked.symbol)
        now = self._clock.now()
        alert = Alert(
            id=new_id(),
            user_id=user_id,
            symbol=symbol,
            condition=asked.condition,
            value=asked.value,
            base=asked.base,
            repeat=asked.repeat,
            cooldown_seconds=asked.cooldown_seconds,
            expires_at=asked.expires_at,
            note=asked.note,
            created_at=now,
        )
        _check(alert, now)
        alert = alert.begun_at(await self._readings.of(user_id, symbol))
        async with self._work() as work:
            await work.hold_user(user_id)
            if await work.count_alerts(user_id) >= MOST:
                raise Conflict(f"A user may have {MOST} alerts; delete some first.", code="too_many_alerts")
            await work.add_alert(alert)
            await work.commit()
        await self._bell.ring()
        return alert

    async def change(self, user_id: UUID, alert_id: UUID, changes: dict[str, Any]) -> Alert:
        """Change fields of an alert by name; `state` can be `active` or `paused`.

        Another level, or being switched on again, begins anew, on the side of the last price known.

        Raises:
            NotFound: `alert_not_found`. InvalidInput: `invalid_alert`.
            Conflict: `alert_changed`, when it fired or was changed meanwhile.
        """
        now = self._clock.now()
        async with self._work() as work:
            symbol = _found(await work.alert(user_id, alert_id)).symbol
        # Read in between: nobody waits for Redis with a transaction open.
        reading = await self._readings.of(user_id, symbol)
        async with self._work() as work:
            before = _found(await work.alert(user_id, alert_id))
            after = replace(before, **changes, version=before.version + 1)
            revived = after.state is AlertState.ACTIVE and before.state is not AlertState.ACTIVE
            if revived or _CHANGES_LEVEL & changes.keys():
                after = after.begun_at(reading)
            _check(after, now)
            if not await work.replace_alert(after, before.version):
                raise Conflict("The alert changed while this was under way; read it again.", code="alert_changed")
            await work.commit()
        await self._bell.ring()
        return after

    async def remove(self, user_id: UUID, alert_id: UUID) -> None:
        """Raises NotFound: `alert_not_found`."""
        async with self._work() as work:
            if not await work.remove_alert(user_id, alert_id):
                raise _missing()
            await work.commit()
        await self._bell.ring()


def _check(alert: Alert, now: datetime) -> None:
    faults = []
    if alert.base is not None and alert.condition is not Condition.MOVES_PERCENT:
        faults.append(FieldFault("body.base", "is only for moves_percent"))
    if (alert.repeat is Repeat.COOLDOWN) != (alert.cooldown_seconds > 0):
        faults.append(FieldFault("body.cooldown_seconds", "belongs to repeat=cooldown, and must be positive there"))
    if alert.state is AlertState.ACTIVE and alert.expires_at is not None and alert.expires_at <= now:
        faults.append(FieldFault("body.expires_at", "has passed"))
    if faults:
        raise InvalidInput("This alert makes no sense.", code="invalid_alert", faults=faults)


def _found(alert: Alert | None) -> Alert:
    if alert is None:
        raise _missing()
    return alert


def _missing() -> NotFound:
    return NotFound("There is no such alert.", code="alert_not_found")
