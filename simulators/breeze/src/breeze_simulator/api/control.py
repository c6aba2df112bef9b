"""`/_sim`: the strings behind the stage, for tests and demos. No part of the broker; loopback or a token only."""

import hmac
import ipaddress
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from breeze_simulator.api.context import TheBroker, TheSimulator
from breeze_simulator.api.sockets import Endpoint
from breeze_simulator.application.accounts import App
from breeze_simulator.application.faults import AT_ONCE, Fault, FaultKind, FaultOrder
from breeze_simulator.application.simulator import Broker, Simulator
from breeze_simulator.domain import frames_out, wire
from breeze_simulator.domain.broker_orders import BrokerOrder
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.market_types import BarInterval
from breezeway.clock import IST
from breezeway.errors import Forbidden, InvalidInput, NotFound

_FIRST_DAY = date(2015, 1, 1)
"""Where generated history begins."""

_LONGEST_TRUTH = {
    "1second": timedelta(days=2),
    "1minute": timedelta(days=400),
    "5minute": timedelta(days=800),
    "30minute": timedelta(days=4_000),
    "1day": timedelta(days=12_000),
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LoginOrder(_Body):
    api_key: str = Field(max_length=200, examples=["sim+key=1"])


class LoggedIn(BaseModel):
    api_session: str = Field(examples=["48213377"])


class FaultBody(_Body):
    """A fault to switch on. Without `seconds` and `count` it lasts until `DELETE /_sim/faults`."""

    kind: FaultKind
    seconds: float | None = Field(None, gt=0, le=86_400, description="How long, in wall seconds.")
    count: int | None = Field(None, ge=1, le=1_000_000, description="How many calls, frames or connects it hits.")
    path: str | None = Field(None, pattern=r"^/", max_length=200, description="Only paths that begin so.")
    method: Literal["GET", "POST", "PUT", "DELETE"] | None = Field(None, description="Only calls of this method.")
    user_id: str | None = Field(None, max_length=40)
    status: int | None = Field(
        None, ge=200, le=599, description="Of `http_error` (500), `html_page` (200) and the time-outs (504)."
    )
    delay_seconds: float = Field(5.0, ge=0, le=600, description="Of `slow` and of the time-outs.")


class FaultView(BaseModel):
    id: int
    kind: FaultKind
    until: datetime | None
    left: int | None
    hits: int
    path: str | None
    user_id: str | None


class FaultAnswer(BaseModel):
    fault: FaultView
    affected: int | None = Field(None, description="Sessions ended or sockets cut by a fault that acts at once.")


class ClockBody(_Body):
    """Move the exchange clock. `day` alone replays that day; `at` is an Indian wall time in the replayed day."""

    mode: Literal["auto", "wall", "replay"] | None = None
    day: date | None = None
    at: time | None = None
    speed: float | None = Field(None, gt=0, le=1_000)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.model_fields_set == set():
            raise ValueError("give at least one of mode, day, at, speed")
        if self.mode in ("auto", "wall") and (self.day or self.at):
            raise ValueError(f"mode {self.mode} takes no day and no time; use replay")
        if self.at is not None and self.at.tzinfo is not None:
            raise ValueError("at is an Indian wall time without an offset")
        return self


class ClockView(BaseModel):
    """`exchange = exchange_anchor + (wall - wall_anchor) * speed`."""

    exchange_now: datetime
    wall_now: datetime
    mode: str
    speed: float
    replay: bool
    wall_anchor: datetime
    exchange_anchor: datetime


class DaysView(BaseModel):
    items: list[date] = Field(examples=[["2026-11-20", "2026-11-19"]])


class TickRateBody(_Body):
    rate: float = Field(
        ge=0,
        le=20_000,
        description="Ticks a second over all watched instruments; 0 leaves it to the trades.",
        validation_alias=AliasChoices("rate", "tick_rate"),
    )


class LimitsBody(_Body):
    enabled: bool


class OrderEventBody(_Body):
    """An order event to push. Without a frame a sample of the F&O form is sent."""

    user_id: str = Field(max_length=40)
    frame: list[str | int | float | None] | None = Field(None, min_length=1, max_length=80)


class JournalView(BaseModel):
    items: list[dict[str, object]]
    last_seq: int


class OrderView(BaseModel):
    """An order as the broker has it, prices as text."""

    order_id: str
    user_id: str
    user_remark: str
    exchange_code: str
    stock_code: str
    product_type: str
    action: str
    status: str
    quantity: int
    executed_quantity: int
    price: str
    average_price: str | None
    placed_at: datetime
    trades: int


class OrdersView(BaseModel):
    items: list[OrderView]


class TruthView(BaseModel):
    """`candles` rows are `[epoch seconds, open, high, low, close, volume, oi or null]`."""

    exchange: str
    stock_code: str
    room: str
    interval: str
    candles: list[tuple[int, float, float, float, float, int, int | None]]


def _insiders_only(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> None:
    token: str | None = request.app.state.control_token
    if token and bearer and hmac.compare_digest(bearer.credentials.encode(), token.encode()):
        return
    if request.client is None or not _is_loopback(request.client.host):
        raise Forbidden(
            "Control routes answer on loopback only, or to a bearer of BREEZE_SIM_CONTROL_TOKEN.",
            code="control_forbidden",
        )


router = APIRouter(prefix="/_sim", tags=["control"], dependencies=[Depends(_insiders_only)])

public = APIRouter(prefix="/_sim", tags=["control"])
"""Open to every peer: services in other containers map wall time to exchange time by it."""


@router.post("/login")
async def log_in(body: LoginOrder, simulator: TheSimulator) -> LoggedIn:
    """What the login page does, without a browser."""
    app = simulator.accounts.app(body.api_key)
    if app is None:
        raise NotFound(f"No app has the api_key {body.api_key!r}.", code="app_not_found")
    return LoggedIn(api_session=simulator.sessions.log_in(app).api_session)


@router.post("/apps")
async def add_app(body: App, simulator: TheSimulator) -> dict[str, object]:
    """Register an app; the same app again changes nothing."""
    return {"created": simulator.accounts.add(body), "api_key": body.api_key, "user_id": body.user_id}


@router.get("/apps")
async def list_apps(simulator: TheSimulator) -> dict[str, object]:
    return {"items": [app.model_dump(exclude={"secret"}) for app in simulator.accounts.apps()]}


@router.post("/faults")
async def add_fault(body: FaultBody, request: Request, simulator: TheSimulator) -> FaultAnswer:
    fault = simulator.faults.add(FaultOrder(**body.model_dump()))
    affected = await _at_once(body, simulator, request.app.state.endpoints)
    order = body.model_dump(mode="json", exclude_none=True)
    simulator.journal.record("fault", fault=order.pop("kind"), **order)
    return FaultAnswer(fault=_view(fault), affected=affected)


@router.get("/faults")
async def list_faults(simulator: TheSimulator) -> dict[str, list[FaultView]]:
    return {"items": [_view(fault) for fault in simulator.faults.active()]}


@router.delete("/faults")
async def clear_faults(simulator: TheSimulator) -> dict[str, int]:
    return {"cleared": simulator.faults.clear()}


@public.get("/clock")
async def read_clock(simulator: TheSimulator) -> ClockView:
    return _clock_view(simulator)


@public.get("/clock/days")
async def list_days(
    simulator: TheSimulator,
    broker: TheBroker,
    before: Annotated[date | None, Query(description="Only days before this one; without it up to today.")] = None,
    limit: Annotated[int, Query(ge=1, le=400)] = 30,
) -> DaysView:
    """Days that `POST /_sim/clock` can replay, newest first; going on from the oldest with `before` leads on."""
    today = simulator.wall.now().astimezone(IST).date()
    if before is not None and before <= _FIRST_DAY:
        return DaysView(items=[])
    day = today if before is None else min(before - timedelta(days=1), today)
    found: list[date] = []
    # No calendar has four times as many holidays as trading days; its beginning ends the search.
    for _ in range(limit * 5):
        if len(found) == limit or day < _FIRST_DAY:
            break
        if broker.is_replayable(day):
            found.append(day)
        day -= timedelta(days=1)
    return DaysView(items=found)


@router.post("/clock")
async def set_clock(body: ClockBody, simulator: TheSimulator, broker: TheBroker) -> ClockView:
    """Move the clock; connected clients stay, and their rooms move to the contracts of the new day."""
    if body.day is not None and not broker.is_replayable(body.day):
        raise InvalidInput(f"{body.day} is not a trading day that can be replayed.", code="not_a_trading_day")
    simulator.clock.set(mode=body.mode, day=body.day, at=body.at, speed=body.speed)
    # Another day has another master; whoever reads this answer finds it made.
    _ = broker.market.universe
    simulator.journal.record("clock", **body.model_dump(mode="json", exclude_none=True))
    return _clock_view(simulator)


@router.post("/tick-rate")
async def set_tick_rate(body: TickRateBody, broker: TheBroker) -> dict[str, float]:
    broker.market.tick_rate = body.rate
    return {"rate": broker.market.tick_rate}


@router.post("/limits")
async def set_limits(body: LimitsBody, simulator: TheSimulator) -> dict[str, bool]:
    """Switch the call quotas on or off; calls are counted either way."""
    simulator.limits.enabled = simulator.mutations.enabled = body.enabled
    return {"enabled": body.enabled}


@router.post("/order-event")
async def push_order_event(body: OrderEventBody, simulator: TheSimulator, broker: TheBroker) -> dict[str, object]:
    """Push an order event to every quote-endpoint client of a user."""
    now = simulator.clock.now()
    frame = body.frame or frames_out.order_frame(body.user_id, f"{now:%Y%m%d}1300000009", now)
    return {"clients": broker.streams.emit_order(body.user_id, list(frame)), "frame": frame}


@router.get("/journal")
async def read_journal(
    simulator: TheSimulator,
    since: Annotated[int, Query(ge=0, description="The `seq` after which to start.")] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    kind: Annotated[str | None, Query(max_length=20, description="`http`, `socket`, `order`, `gtt` …")] = None,
) -> JournalView:
    """Every call, socket and order event, oldest first. The ring is bounded: a gap in `seq` tells what was lost."""
    journal = simulator.journal
    return JournalView(items=journal.since(since, limit, kind), last_seq=journal.last_seq)


@router.get("/orders")
async def read_orders(
    broker: TheBroker,
    user_id: Annotated[str | None, Query(max_length=40)] = None,
    user_remark: Annotated[str | None, Query(max_length=100, description="Only orders with this remark.")] = None,
) -> OrdersView:
    """Every order that the broker took, oldest first, whoever placed it: what really was committed."""
    found = [
        order
        for order in broker.desk.everybody()
        if user_id in (None, order.user_id) and user_remark in (None, order.user_remark)
    ]
    return OrdersView(items=[_order_view(order) for order in found])


@router.get("/stats")
async def read_stats(request: Request, simulator: TheSimulator, broker: TheBroker) -> dict[str, object]:
    endpoints: dict[str, Endpoint] = request.app.state.endpoints
    return {
        "sockets": {name: len(endpoint.connections) for name, endpoint in endpoints.items()},
        "rooms": {"feed": len(broker.streams.feed), "ohlc": len(broker.streams.ohlc)},
        "frames_sent": broker.streams.frames_sent,
        "tick_rate": broker.market.tick_rate,
        "calls": {
            app.user_id: dict(zip(("minute", "day"), simulator.limits.used(app.user_id), strict=True))
            for app in simulator.accounts.apps()
        },
        "limits": simulator.limits.enabled,
    }


@router.get("/truth/candles")
async def truth(
    broker: TheBroker,
    interval: Annotated[BarInterval, Query()] = "1minute",
    start: Annotated[str, Query(alias="from", max_length=40)] = "",
    end: Annotated[str, Query(alias="to", max_length=40)] = "",
    symbol: Annotated[str, Query(max_length=60)] = "",
    exchange: Annotated[str, Query(max_length=5)] = "NSE",
    stock_code: Annotated[str, Query(max_length=20)] = "",
    product_type: Annotated[str, Query(max_length=20)] = "",
    expiry_date: Annotated[str, Query(max_length=30)] = "",
    strike_price: Annotated[str, Query(max_length=20)] = "",
    right: Annotated[str, Query(max_length=10)] = "",
) -> TruthView:
    """What history and live bars must equal, bars that have not happened yet included.

    Name the instrument by `symbol` (`RELIANCE`, or a room such as `4.1!2885`) or by Breeze's contract fields. `from`
    and `to` are bar starts, both inclusive; without an offset they are Indian wall time.
    """
    fields: dict[str, object] = {
        "exchange_code": exchange,
        "stock_code": stock_code,
        "product_type": product_type,
        "expiry_date": expiry_date,
        "strike_price": strike_price,
        "right": right,
    }
    instrument = _instrument(broker, symbol, fields)
    first, last = _moment(start, "from"), _moment(end, "to")
    if last < first or last - first > _LONGEST_TRUTH[interval]:
        raise InvalidInput(
            f"to must lie after from by at most {_LONGEST_TRUTH[interval].days} days of {interval} bars."
        )
    bars = broker.market.truth(instrument, interval, first, last)
    columns = (bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume)
    oi: list[int | None] = [None] * len(bars) if bars.oi is None else bars.oi.tolist()
    return TruthView(
        exchange=instrument.exchange,
        stock_code=instrument.stock_code,
        room=instrument.quote_room,
        interval=interval,
        candles=list(zip(*(column.tolist() for column in columns), oi, strict=True)),
    )


async def _at_once(body: FaultBody, simulator: Simulator, endpoints: dict[str, Endpoint]) -> int | None:
    if body.kind not in AT_ONCE:
        return None
    if body.kind is FaultKind.EXPIRE_SESSION:
        ended = simulator.sessions.expire(body.user_id)
        for endpoint in endpoints.values():
            await endpoint.drop_ended_sessions()
        return ended
    chosen = [e for e in endpoints.values() if body.path is None or f"/{e.name}".startswith(body.path)]
    return sum([await endpoint.disconnect(body.user_id, "fault") for endpoint in chosen])


def _instrument(broker: Broker, symbol: str, fields: dict[str, object]) -> Instrument:
    universe = broker.market.universe
    found: Instrument | None
    if symbol:
        wanted = symbol.strip().upper()
        exchange = str(fields["exchange_code"]).upper()
        found = (
            universe.by_room(symbol)
            or universe.by_symbol(exchange, wanted)
            or universe.by_contract(exchange, wanted, "cash")
        )
    else:
        query = wire.parse_contract(fields)
        found = broker.market.contract(
            query.exchange, query.stock_code, query.product, query.expiry, query.strike, query.right
        )
    if found is None:
        raise NotFound(f"No instrument is {symbol or fields['stock_code']!r}.", code="instrument_not_found")
    return found


def _moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{name} is not a date or time.", code="bad_time") from error
    if moment.tzinfo is not None:
        return moment
    naive = wire.parse_moment(text)
    assert naive is not None  # noqa: S101 - the same text was just parsed; narrows the type
    return naive


def _view(fault: Fault) -> FaultView:
    order = fault.order
    return FaultView(
        id=fault.id,
        kind=order.kind,
        until=fault.until,
        left=fault.left,
        hits=fault.hits,
        path=order.path,
        user_id=order.user_id,
    )


def _order_view(order: BrokerOrder) -> OrderView:
    average = order.record.average_price
    return OrderView(
        order_id=order.order_id,
        user_id=order.user_id,
        user_remark=order.user_remark,
        exchange_code=order.instrument.exchange,
        stock_code=order.instrument.stock_code,
        product_type=order.product,
        action=order.order.side.value,
        status=order.status.value,
        quantity=order.order.quantity,
        executed_quantity=order.record.filled,
        price=str(order.order.price or 0),
        average_price=None if average is None else str(average),
        placed_at=order.placed_at,
        trades=len(order.trades),
    )


def _clock_view(simulator: Simulator) -> ClockView:
    mapping = simulator.clock.mapping()
    return ClockView(
        exchange_now=simulator.clock.now(),
        wall_now=simulator.wall.now(),
        mode=simulator.clock.mode,
        speed=mapping.speed,
        replay=mapping.replay,
        wall_anchor=mapping.wall_anchor,
        exchange_anchor=mapping.exchange_anchor,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
