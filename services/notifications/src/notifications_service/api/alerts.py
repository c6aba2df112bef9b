"""Alerts on live prices."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query, status
from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, WithJsonSchema

from breezeway.security.scopes import Reader
from notifications_service.api.dependencies import AlertUser, Body, IdCursor, Limit, Line, TheServices
from notifications_service.application.alerts import NewAlert
from notifications_service.domain.alerts import Alert, AlertState, Condition, Repeat

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])

_MOST_COOLDOWN = 30 * 86_400


def _level(value: object) -> Decimal:
    if not isinstance(value, str) or not value.isascii() or len(value) > 18 or not value.replace(".", "", 1).isdigit():
        raise ValueError('a level is written as a positive number in a string, such as "1400.05"')
    found = Decimal(value)
    exponent = found.as_tuple().exponent
    if found <= 0 or not isinstance(exponent, int) or exponent < -6 or found >= 10**13:
        raise ValueError("a level is greater than 0, has up to 13 digits, and up to 6 after the point")
    return found


Level = Annotated[
    Decimal,
    BeforeValidator(_level),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,13}(\.[0-9]{1,6})?$", "examples": ["1400.05"]}),
]
Cooldown = Annotated[int, Field(ge=0, le=_MOST_COOLDOWN, description="Seconds; with `repeat` `cooldown`.")]
# Beyond these years an offset leads out of the calendar, and PostgreSQL and Python disagree about how.
Expiry = Annotated[AwareDatetime, Field(gt=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC))]
Symbol = Annotated[str, Field(min_length=1, max_length=96, examples=["NSE:RELIANCE"])]


class AlertBody(Body):
    """`value` is a price, for `moves_percent` percent, for `volume_above` units."""

    symbol: Symbol
    condition: Condition = Field(examples=["crosses_above"])
    value: Level
    base: Level | None = Field(None, description="With `moves_percent`: counted from here, not from the last close.")
    repeat: Repeat = Field(Repeat.ONCE, examples=["once"])
    cooldown_seconds: Cooldown = 0
    expires_at: Expiry | None = None
    note: Line = Field("", examples=["Sell half"])


class AlertChange(Body):
    """What is left out stays."""

    condition: Condition | None = None
    value: Level | None = None
    repeat: Repeat | None = None
    cooldown_seconds: Cooldown | None = None
    expires_at: Expiry | None = None
    note: Line | None = None
    state: Literal["active", "paused"] | None = None


class AlertView(BaseModel):
    """The REST object of an alert."""

    id: UUID
    symbol: str = Field(examples=["NSE:RELIANCE"])
    condition: Condition
    value: str = Field(examples=["1400.05"])
    base: str | None
    repeat: Repeat
    cooldown_seconds: int
    expires_at: datetime | None
    note: str
    state: AlertState
    side: Literal["above", "below"] | None = Field(description="Of its level, where the market was seen last.")
    already_reached: bool | None = Field(
        None,
        description="Whether the market is beyond the level already, and has to come back before this can fire; null"
        " when no price is known yet, or either direction fires.",
    )
    fired_at: datetime | None
    fire_count: int
    created_at: datetime

    @classmethod
    def of(cls, alert: Alert) -> Self:
        return cls(
            id=alert.id,
            symbol=alert.symbol,
            condition=alert.condition,
            value=f"{alert.value.normalize():f}",
            base=None if alert.base is None else f"{alert.base.normalize():f}",
            repeat=alert.repeat,
            cooldown_seconds=alert.cooldown_seconds,
            expires_at=alert.expires_at,
            note=alert.note,
            state=alert.state,
            side=None if alert.side is None else alert.side.value,
            already_reached=alert.already_reached,
            fired_at=alert.fired_at,
            fire_count=alert.fire_count,
            created_at=alert.created_at,
        )


class AlertPage(BaseModel):
    items: list[AlertView]
    next: str | None


@router.get("", summary="List alerts")
async def list_alerts(
    user: Reader,
    services: TheServices,
    cursor: IdCursor,
    state: Annotated[AlertState | None, Query()] = None,
    symbol: Annotated[str | None, Query(max_length=96, pattern=r"^[\x20-\x7e]*$")] = None,
    limit: Limit = 50,
) -> AlertPage:
    """Newest first."""
    found = await services.alerts.page(user.user_id, state=state, symbol=symbol, after=cursor, limit=limit)
    following = str(found[limit - 1].id) if len(found) > limit else None
    return AlertPage(items=[AlertView.of(each) for each in found[:limit]], next=following)


@router.post("", summary="Set an alert", status_code=status.HTTP_201_CREATED)
async def create_alert(user: AlertUser, services: TheServices, body: AlertBody) -> AlertView:
    """It fires when the market crosses its level, not when it is beyond it already (`already_reached`). It begins on
    the side of the last price known; without one, the first price only tells on which side that is. A `once` alert
    ends when it has fired, the others wait for the next crossing."""
    return AlertView.of(await services.alerts.add(user.user_id, NewAlert(**dict(body))))


@router.get("/{alert_id}", summary="Get an alert")
async def get_alert(alert_id: UUID, user: Reader, services: TheServices) -> AlertView:
    """404 `alert_not_found` for one that is not the caller's."""
    return AlertView.of(await services.alerts.get(user.user_id, alert_id))


@router.patch("/{alert_id}", summary="Change an alert")
async def change_alert(alert_id: UUID, user: AlertUser, services: TheServices, body: AlertChange) -> AlertView:
    """`state` `paused` stops it, `active` starts it again, also one that has fired. `expires_at` null means never."""
    return AlertView.of(await services.alerts.change(user.user_id, alert_id, _changes(body)))


@router.delete("/{alert_id}", status_code=204, summary="Delete an alert")
async def delete_alert(alert_id: UUID, user: AlertUser, services: TheServices) -> None:
    """What it has told stays in the inbox."""
    await services.alerts.remove(user.user_id, alert_id)


def _changes(body: AlertChange) -> dict[str, Any]:
    given = {name: getattr(body, name) for name in body.model_fields_set}
    # Only the expiry can be taken away; elsewhere null is the same as nothing.
    found = {name: value for name, value in given.items() if value is not None or name == "expires_at"}
    if "state" in found:
        found["state"] = AlertState(found["state"])
    return found
