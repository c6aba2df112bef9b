"""Fakes of what market-data needs from outside, and instruments to ask about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest

from breezeway.candles.columns import Candles, concat
from breezeway.candles.folding import Bar
from breezeway.clock import ClockMapping
from breezeway.contracts.backfills import BackfillView
from breezeway.contracts.broker import BrokerCredentials, BrokerEnvironment
from breezeway.contracts.instruments import Instrument, InstrumentType, ListedInstrument
from breezeway.errors import BreezewayError, NotFound
from breezeway.ids import new_id
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import segment_of
from market_data_service.application.ports import BrokerQuote, HistoryAnswer

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # a Saturday

RELIANCE = ListedInstrument(
    instrument_id=1,
    symbol="NSE:RELIANCE",
    exchange="NSE",
    segment="cash",
    type=InstrumentType.EQUITY,
    name="RELIANCE INDUSTRIES",
    lot_size=1,
    tick_size=Decimal("0.1"),
    broker_code="RELIND",
    broker_token="4.1!2885",
)
INFY = RELIANCE.model_copy(update={"instrument_id": 2, "symbol": "NSE:INFY", "broker_code": "INFTEC"})
NIFTY = RELIANCE.model_copy(
    update={
        "instrument_id": 3,
        "symbol": "NSE_INDEX:NIFTY",
        "exchange": "NSE_INDEX",
        "type": InstrumentType.INDEX,
        "broker_code": "NIFTY",
    }
)
FUTURE = RELIANCE.model_copy(
    update={
        "instrument_id": 4,
        "symbol": "NFO:NIFTY27OCT26FUT",
        "exchange": "NFO",
        "type": InstrumentType.FUTURE,
        "expiry": date(2026, 10, 27),
        "broker_code": "NIFTY",
    }
)
KNOWN = {each.symbol: each for each in (RELIANCE, INFY, NIFTY, FUTURE)} | {"NSE:RELIND": RELIANCE}


def truth(instrument: Instrument, interval: Interval, start: datetime, end: datetime) -> Candles:
    """The only bars that exist: a function of instrument and time, with the prints that lie outside of sessions."""
    calendar = MarketCalendar.default()
    segment = segment_of(instrument.exchange)
    step = interval.seconds or 86_400
    parts = []
    day = start.astimezone(UTC).date() - timedelta(days=1)
    while day <= end.date() + timedelta(days=1):
        for opens, closes in calendar.continuous(segment, day):
            low, high = int(opens.timestamp()), int(closes.timestamp())
            t = np.arange(low, high, step)
            if interval is Interval.MINUTE_1:
                t = np.concatenate(([low - 420], t, [high + 60]))
            elif interval is Interval.DAY_1:
                t = np.array([low - low % 86_400 - 19_800])
            c = 1000 + instrument.instrument_id + (t % 977) / 10
            parts.append(Candles.of(t, c, c + 1, c - 1, c + 0.5, t % 1009))
        day += timedelta(days=1)
    bars = concat(parts)
    return bars.between(int(start.timestamp()), int(end.timestamp()))


@dataclass
class FakeBroker:
    """Answers from `truth`; `faults` are raised or answered first, one a call."""

    faults: list[BreezewayError | HistoryAnswer] = field(default_factory=list)
    calls: list[tuple[str, Interval, datetime, datetime]] = field(default_factory=list)
    nothing_before: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    on_call: Callable[[], object] = lambda: None

    async def history(
        self, credentials: BrokerCredentials, instrument: Instrument, interval: Interval, start: datetime, end: datetime
    ) -> HistoryAnswer:
        self.calls.append((instrument.symbol, interval, start, end))
        self.on_call()
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, HistoryAnswer):
                return fault
            raise fault
        if interval is Interval.DAY_1:
            start -= timedelta(hours=12)
        return HistoryAnswer(truth(instrument, interval, max(start, self.nothing_before), end))

    async def quote(self, credentials: BrokerCredentials, instrument: Instrument) -> BrokerQuote:
        return BrokerQuote(ltp=100.5, at=NOW, volume=7)


class FakeInstruments:
    async def resolve(self, symbol: str, bearer: str) -> ListedInstrument:
        if symbol not in KNOWN:
            raise NotFound(f"There is no instrument {symbol}.", code="instrument_not_found")
        return KNOWN[symbol]

    async def search(
        self, query: str, exchange: str | None, kind: InstrumentType | None, limit: int, bearer: str
    ) -> list[Instrument]:
        found = {each.symbol: each for each in KNOWN.values() if query.upper() in each.symbol}
        return [each for each in found.values() if exchange in (None, each.exchange) and kind in (None, each.type)][
            :limit
        ]


@dataclass
class FakeSessions:
    """One open session a user; `error` is raised instead while it is set."""

    error: BreezewayError | None = None
    refused: list[str] = field(default_factory=list)

    async def report_refused(self, credentials: BrokerCredentials, detail: str) -> None:
        self.refused.append(detail)

    async def credentials(self, user_id: UUID) -> BrokerCredentials:
        if self.error is not None:
            raise self.error
        return BrokerCredentials.model_validate(
            {
                "account_id": user_id,
                "user_id": user_id,
                "environment": BrokerEnvironment.SIMULATOR,
                "version": 1,
                "api_key": "key",
                "api_secret": "secret",
                "broker_user_id": "SIM00001",
                "session_key": "session",
                "expires_at": NOW + timedelta(hours=10),
            }
        )


@dataclass
class FakeTime:
    at: datetime = NOW

    async def mapping(self) -> ClockMapping:
        return ClockMapping(self.at, self.at)

    async def now(self) -> datetime:
        return self.at


@dataclass
class FakeWakeups:
    woken: int = 0
    delays: list[float] = field(default_factory=list)

    async def wake(self, workers: int = 1, delay: float = 0) -> None:
        self.woken += workers
        self.delays.append(delay)


@dataclass
class FakeProgress:
    published: list[BackfillView] = field(default_factory=list)

    async def publish(self, user_id: UUID, backfill: BackfillView) -> None:
        self.published.append(backfill)


@dataclass
class FakeSnapshots:
    ticks: dict[str, Mapping[str, object]] = field(default_factory=dict)

    async def latest(self, user_id: UUID, symbols: Sequence[str]) -> Mapping[str, Mapping[str, object]]:
        return {symbol: self.ticks[symbol] for symbol in symbols if symbol in self.ticks}


@dataclass
class FakeLiveBars:
    bars: dict[str, list[Bar]] = field(default_factory=dict)

    async def newest(self, user_id: UUID, symbol: str) -> Sequence[Bar]:
        return self.bars.get(symbol, [])


@dataclass
class Outside:
    """Everything outside, in one place."""

    broker: FakeBroker = field(default_factory=FakeBroker)
    instruments: FakeInstruments = field(default_factory=FakeInstruments)
    sessions: FakeSessions = field(default_factory=FakeSessions)
    time: FakeTime = field(default_factory=FakeTime)
    wakeups: FakeWakeups = field(default_factory=FakeWakeups)
    progress: FakeProgress = field(default_factory=FakeProgress)
    snapshots: FakeSnapshots = field(default_factory=FakeSnapshots)
    live_bars: FakeLiveBars = field(default_factory=FakeLiveBars)
    user_id: UUID = field(default_factory=new_id)

    truth = staticmethod(truth)
    known = KNOWN


@pytest.fixture
def outside() -> Outside:
    return Outside()
