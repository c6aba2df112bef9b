"""Backfills on PostgreSQL: planning, leases, faults of the broker, death of workers (J-01 to J-06)."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.candles.columns import Candles
from breezeway.clock import SystemClock
from breezeway.contracts.instruments import InstrumentType
from breezeway.contracts.stream import ChannelKind
from breezeway.errors import Conflict, InvalidInput, NotFound, RateLimited, Unauthenticated, UpstreamUnavailable
from breezeway.ids import new_id
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment
from breezeway.redis import keys
from breezeway.testing.eventually import eventually
from market_data_service.adapters.db.backfills import PostgresBackfillStore
from market_data_service.adapters.db.candle_blocks import PostgresCandleStore
from market_data_service.adapters.db.chunks import PostgresChunkStore
from market_data_service.adapters.db.tables import events
from market_data_service.adapters.redis.progress import RedisProgress
from market_data_service.application.backfills import Backfills
from market_data_service.application.ports import HistoryAnswer
from market_data_service.application.work import ChunkWorker, WorkRules
from market_data_service.domain.backfill import BackfillAction
from market_data_service.domain.coverage import CoverageState
from market_data_service.domain.day_bars import in_session

CALENDAR = MarketCalendar.default()
MINUTE = Interval.MINUTE_1
FROM, TO = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 20, 20, tzinfo=UTC)
FAST = WorkRules(first_backoff=0.01, max_backoff=0.02, without_session=0.01, drain=5, max_attempts=3)


class Stage:
    """The use cases on a real database, everything else faked."""

    def __init__(self, db: AsyncEngine, outside: Any) -> None:
        self.db = db
        self.outside = outside
        self.candles = PostgresCandleStore(db)
        self.chunks = PostgresChunkStore(db)
        self.backfills = Backfills(
            PostgresBackfillStore(db),
            self.candles,
            outside.instruments,
            CALENDAR,
            outside.time,
            SystemClock(),
            outside.wakeups,
            outside.progress,
            90,
        )

    def worker(self, rules: WorkRules = FAST) -> ChunkWorker:
        return ChunkWorker(
            self.chunks,
            self.outside.sessions,
            self.outside.broker,
            CALENDAR,
            self.outside.time,
            SystemClock(),
            self.outside.wakeups,
            self.outside.progress,
            rules,
        )

    async def start(
        self, *symbols: str, interval: Interval = MINUTE, start: datetime = FROM, end: datetime = TO
    ) -> UUID:
        made = await self.backfills.start(self.outside.user_id, "token", symbols, interval, start, end)
        return made.id

    async def state(self, backfill_id: UUID) -> Any:
        return await self.backfills.get(self.outside.user_id, backfill_id)

    async def work_until_settled(self, worker: ChunkWorker | None = None) -> None:
        worker = worker or self.worker()
        # A postponed chunk may wait some seconds.
        for _ in range(1_000):
            await worker.drain()
            async with self.db.connect() as connection:
                open_chunks = await connection.scalar(
                    text("SELECT count(*) FROM backfill_chunks WHERE state IN ('pending','leased')")
                )
            if not open_chunks:
                return
            await asyncio.sleep(0.02)
        raise AssertionError("the chunks never settled")

    async def stored_equals_truth(self, symbol: str, interval: Interval = MINUTE) -> bool:
        instrument = self.outside.known[symbol]
        expected = in_session(
            self.outside.truth(instrument, interval, FROM - timedelta(hours=12), TO),
            interval,
            Segment.NSE,
            CALENDAR,
            with_auction=instrument.type is InstrumentType.EQUITY,
        )
        return (await self.candles.read(symbol, interval, FROM.date(), TO.date())).equals(expected)

    async def coverage(self, symbol: str, interval: Interval = MINUTE) -> dict[date, Any]:
        return dict(await self.candles.coverage(symbol, interval, date(2026, 1, 1), date(2026, 12, 31)))


@pytest.fixture
def stage(db: AsyncEngine, outside: Any) -> Stage:
    return Stage(db, outside)


async def test_a_backfill_stores_exactly_the_in_session_bars_of_the_source(stage: Stage) -> None:
    made = await stage.start("NSE:RELIANCE", "NSE:INFY")
    await stage.work_until_settled()
    done = await stage.state(made)
    assert done.state == "done"
    assert done.chunks_done == done.chunks_total == done.calls_estimated == done.calls_used
    assert await stage.stored_equals_truth("NSE:RELIANCE")
    assert await stage.stored_equals_truth("NSE:INFY")
    async with stage.db.connect() as connection:
        told = (await connection.execute(select(events.c.event))).scalars().all()
    ours = [each["kind"] for each in told if each["data"]["backfill_id"] == str(made)]
    assert ours == ["backfill.done"]
    days = CALENDAR.trading_days(Segment.NSE, FROM.date(), TO.date())
    covered = await stage.coverage("NSE:RELIANCE")
    assert sorted(covered) == days
    assert {each.state for each in covered.values()} == {CoverageState.COMPLETE}
    assert covered[date(2026, 11, 8)].bars == 60
    assert done.candles_written == 2 * sum(each.bars for each in covered.values())
    assert stage.outside.progress.published[-1].state == "done"


async def test_no_call_can_be_answered_with_more_than_the_cap(stage: Stage) -> None:
    await stage.start("NSE:RELIANCE")
    await stage.start("NSE:INFY", interval=Interval.DAY_1)
    await stage.start("NSE:INFY", interval=Interval.SECOND_1, start=datetime(2026, 11, 20, tzinfo=UTC))
    await stage.work_until_settled()
    for _, interval, start, end in stage.outside.broker.calls:
        days = CALENDAR.trading_days(Segment.NSE, start.date(), end.date())
        if interval is MINUTE:
            assert len(days) <= 2
        elif interval is Interval.SECOND_1:
            assert (end - start).total_seconds() <= 900
    assert await stage.stored_equals_truth("NSE:INFY", Interval.DAY_1)
    seconds = await stage.coverage("NSE:INFY", Interval.SECOND_1)
    assert {day: (each.state, each.bars) for day, each in seconds.items()} == {
        date(2026, 11, 20): (CoverageState.COMPLETE, 22_500)
    }


async def test_what_is_covered_is_not_asked_again(stage: Stage) -> None:
    await stage.start("NSE:RELIANCE", start=datetime(2026, 11, 10, 20, tzinfo=UTC))
    await stage.work_until_settled()
    stage.outside.broker.calls.clear()
    again = await stage.start("NSE:RELIANCE", "NSE:RELIND")
    await stage.work_until_settled()
    assert max(end for *_, end in stage.outside.broker.calls) < datetime(2026, 11, 11, tzinfo=UTC)
    assert await stage.stored_equals_truth("NSE:RELIANCE")
    assert (await stage.state(again)).symbols == ["NSE:RELIANCE"]
    third = await stage.state(await stage.start("NSE:RELIANCE"))
    assert (third.state, third.chunks_total) == ("done", 0)


async def test_a_day_that_is_not_over_stays_partial_and_is_asked_again(stage: Stage) -> None:
    stage.outside.time.at = datetime(2026, 11, 20, 6, tzinfo=UTC)
    await stage.start("NSE:RELIANCE", start=datetime(2026, 11, 19, 20, tzinfo=UTC))
    await stage.work_until_settled()
    found = (await stage.coverage("NSE:RELIANCE"))[date(2026, 11, 20)]
    assert (found.state, found.reason) == (CoverageState.PARTIAL, "day_not_over")
    stage.outside.time.at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    await stage.start("NSE:RELIANCE", start=datetime(2026, 11, 19, 20, tzinfo=UTC))
    await stage.work_until_settled()
    assert (await stage.coverage("NSE:RELIANCE"))[date(2026, 11, 20)].state is CoverageState.COMPLETE


async def test_j_01_a_killed_workers_chunk_is_taken_over_without_hole_or_double(stage: Stage) -> None:
    made = await stage.start("NSE:RELIANCE")
    dying = await stage.chunks.claim("dying", 0.2)
    assert dying is not None
    others = await stage.chunks.claim("other", 30)
    assert others is not None
    assert others.id != dying.id
    await stage.worker().run(others)
    await stage.work_until_settled()
    assert await stage.stored_equals_truth("NSE:RELIANCE")
    assert (await stage.state(made)).state == "done"
    # The dead worker comes back to life: it holds nothing any more.
    assert not await stage.chunks.renew(dying, 30)
    assert not await stage.chunks.complete(dying, [], calls=1, source="late")
    assert not await stage.chunks.give_up(dying, [], code="x", detail="x", calls=0)
    assert (await stage.state(made)).chunks_failed == 0


async def test_a_live_workers_lease_is_renewed(stage: Stage) -> None:
    await stage.start("NSE:RELIANCE", start=datetime(2026, 11, 19, 20, tzinfo=UTC))
    rules = WorkRules(lease=0.3, renew_every=0.1, drain=5)
    slow = asyncio.Event()

    class SlowSessions:
        async def credentials(self, user_id: UUID) -> Any:
            await slow.wait()
            return await stage.outside.sessions.credentials(user_id)

        async def report_refused(self, credentials: Any, detail: str) -> None:
            raise AssertionError("nobody refused")

    worker = ChunkWorker(
        stage.chunks,
        SlowSessions(),
        stage.outside.broker,
        CALENDAR,
        stage.outside.time,
        SystemClock(),
        stage.outside.wakeups,
        stage.outside.progress,
        rules,
    )
    working = asyncio.create_task(worker.drain())
    await asyncio.sleep(0.9)
    assert await stage.chunks.claim("thief", 10) is None
    slow.set()
    assert await working == 1
    assert len(stage.outside.broker.calls) == 1


async def test_j_03_the_sweeper_finds_what_redis_lost(stage: Stage) -> None:
    await stage.start("NSE:RELIANCE")
    stage.outside.wakeups.woken = 0
    assert await stage.worker().sweep() > 10
    assert stage.outside.wakeups.woken == 4
    await stage.work_until_settled()
    assert await stage.worker().sweep() == 0


async def test_j_04_parallel_workers_and_a_replay_leave_identical_rows(stage: Stage) -> None:
    await stage.start("NSE:RELIANCE", "NSE:INFY", "NSE_INDEX:NIFTY")
    await asyncio.gather(*(stage.worker().drain() for _ in range(5)))
    await stage.work_until_settled()
    digest = text("SELECT md5(string_agg(checksum::text, '' ORDER BY symbol, day)) FROM candle_blocks")
    async with stage.db.connect() as connection:
        before = await connection.scalar(digest)
        chunks = await connection.scalar(text("SELECT count(*) FROM backfill_chunks"))
    assert len(stage.outside.broker.calls) == chunks
    async with stage.db.begin() as connection:
        await connection.execute(text("UPDATE backfill_chunks SET state = 'pending', not_before = now()"))
        await connection.execute(text("UPDATE backfills SET state = 'running'"))
    await asyncio.gather(*(stage.worker().drain() for _ in range(5)))
    await stage.work_until_settled()
    async with stage.db.connect() as connection:
        assert await connection.scalar(digest) == before
        assert (await connection.execute(text("SELECT DISTINCT state FROM backfills"))).scalars().all() == ["done"]


@pytest.mark.parametrize(
    "fault",
    [
        UpstreamUnavailable("a page for people", code="broker_down"),
        HistoryAnswer(Candles.empty()),
        HistoryAnswer(Candles.of([1], [1.0], [1.0], [1.0], [1.0], [1])),
        HistoryAnswer(Candles.empty(), truncated=True),
        HistoryAnswer(Candles.empty(), refused=3),
    ],
    ids=["html", "empty", "wrong_day", "truncated", "garbled"],
)
async def test_j_06_a_bad_answer_is_not_believed_and_asked_again(stage: Stage, fault: Any) -> None:
    made = await stage.start("NSE:RELIANCE")
    stage.outside.broker.faults = (
        [fault, fault] if not isinstance(fault, HistoryAnswer) or len(fault.candles) else [fault]
    )
    await stage.work_until_settled(stage.worker(WorkRules(first_backoff=0.01, max_backoff=0.02, drain=5)))
    done = await stage.state(made)
    assert done.state == "done"
    assert done.calls_used > done.calls_estimated
    assert await stage.stored_equals_truth("NSE:RELIANCE")


async def test_j_06_what_stays_bad_is_parked_with_its_reason_and_can_be_retried(stage: Stage) -> None:
    made = await stage.start("NSE:RELIANCE", start=datetime(2026, 11, 18, 20, tzinfo=UTC))
    stage.outside.broker.faults = [UpstreamUnavailable("down", code="broker_down") for _ in range(3)]
    await stage.work_until_settled()
    failed = await stage.state(made)
    assert (failed.state, failed.chunks_failed) == ("failed", 1)
    assert [(each.code, each.final) for each in failed.errors] == [("broker_down", True)]
    covered = await stage.coverage("NSE:RELIANCE")
    assert {each.state for each in covered.values()} == {CoverageState.UPSTREAM_FAILED}
    await stage.backfills.act(stage.outside.user_id, made, BackfillAction.RETRY)
    await stage.work_until_settled()
    done = await stage.state(made)
    assert (done.state, done.chunks_failed, list(done.errors)) == ("done", 0, [])
    assert {each.state for each in (await stage.coverage("NSE:RELIANCE")).values()} == {CoverageState.COMPLETE}


async def test_j_06_silence_said_twice_is_recorded_as_nothing_upstream_never_as_complete(stage: Stage) -> None:
    stage.outside.broker.nothing_before = datetime(2026, 11, 19, 20, tzinfo=UTC)
    made = await stage.start("NSE:RELIANCE", start=datetime(2026, 11, 15, 20, tzinfo=UTC))
    rules = WorkRules(first_backoff=0.01, max_backoff=0.02, drain=5)
    for _ in range(3):
        await stage.worker(rules).drain()
        async with stage.db.begin() as connection:
            await connection.execute(text("UPDATE backfill_chunks SET not_before = now() WHERE state = 'pending'"))
    assert (await stage.state(made)).state == "done"
    states = {day.day: each.state for day, each in (await stage.coverage("NSE:RELIANCE")).items()}
    assert states == {
        16: CoverageState.UPSTREAM_NONE,
        17: CoverageState.UPSTREAM_NONE,
        18: CoverageState.UPSTREAM_NONE,
        19: CoverageState.UPSTREAM_NONE,
        20: CoverageState.COMPLETE,
    }
    # For a day the broker is believed.
    assert (
        await stage.state(await stage.start("NSE:RELIANCE", start=datetime(2026, 11, 15, 20, tzinfo=UTC)))
    ).chunks_total == 0


async def test_j_06_an_answer_that_stops_at_noon_leaves_the_day_partial(stage: Stage) -> None:
    day = datetime(2026, 11, 20, tzinfo=UTC)
    whole = stage.outside.truth(stage.outside.known["NSE:RELIANCE"], MINUTE, day, day + timedelta(hours=20))
    stage.outside.broker.faults = [HistoryAnswer(whole[:200])]
    await stage.start("NSE:RELIANCE", start=datetime(2026, 11, 19, 20, tzinfo=UTC))
    await stage.work_until_settled()
    found = (await stage.coverage("NSE:RELIANCE"))[date(2026, 11, 20)]
    assert (found.state, found.reason, found.bars) == (CoverageState.PARTIAL, "stops_early", 199)


@pytest.mark.parametrize(("symbol", "state"), [("NSE:RELIANCE", "complete"), ("NSE_INDEX:NIFTY", "partial")])
async def test_a_stock_that_ends_with_its_closing_auction_is_complete(stage: Stage, symbol: str, state: str) -> None:
    day = datetime(2026, 11, 20, tzinfo=UTC)
    whole = stage.outside.truth(stage.outside.known[symbol], MINUTE, day, day + timedelta(hours=20))
    stage.outside.broker.faults = [HistoryAnswer(whole[:361])]  # the pre-open print, then 09:15 to 15:14
    await stage.start(symbol, start=datetime(2026, 11, 19, 20, tzinfo=UTC))
    await stage.work_until_settled()
    found = (await stage.coverage(symbol))[date(2026, 11, 20)]
    assert (found.state, found.bars) == (state, 360)


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("slow down", code="broker_minute_limit", retry_after=30),
        Unauthenticated("log in again", code="broker_session_expired"),
    ],
)
async def test_j_05_a_limit_or_an_ended_session_makes_the_whole_user_wait_without_counting(
    stage: Stage, error: Any
) -> None:
    made = await stage.start("NSE:RELIANCE")
    stage.outside.broker.faults = [error]
    assert await stage.worker(WorkRules(without_session=30)).drain() == 1
    state = await stage.state(made)
    assert (state.state, state.calls_used, state.chunks_failed) == ("running", 0, 0)
    assert [(each.code, each.attempts, each.final) for each in state.errors] == [(error.code, 0, False)]
    assert (await stage.chunks.due())[0] == 0
    # Only a refused session is told to auth, so that nobody goes on calling with it.
    assert stage.outside.sessions.refused == ([error.detail] if isinstance(error, Unauthenticated) else [])


async def test_without_a_broker_session_nobody_is_called(stage: Stage) -> None:
    stage.outside.sessions.error = Conflict("connect first", code="broker_session_required")
    made = await stage.start("NSE:RELIANCE", start=datetime(2026, 11, 19, 20, tzinfo=UTC))
    await stage.worker().drain()
    assert stage.outside.broker.calls == []
    assert (await stage.state(made)).errors[0].code == "broker_session_required"
    stage.outside.sessions.error = None
    await stage.work_until_settled()
    assert (await stage.state(made)).state == "done"


async def test_a_chunk_that_kills_its_workers_is_parked(stage: Stage) -> None:
    made = await stage.start("NSE:RELIANCE", start=datetime(2026, 11, 19, 20, tzinfo=UTC))
    for _ in range(3):
        assert await stage.chunks.claim("doomed", 0.01) is not None
        await asyncio.sleep(0.05)
    await stage.work_until_settled()
    state = await stage.state(made)
    assert (state.state, state.errors[0].code) == ("failed", "worker_lost")


async def test_pause_resume_and_cancel(stage: Stage) -> None:
    made = await stage.start("NSE:RELIANCE")
    act, user = stage.backfills.act, stage.outside.user_id
    paused = await act(user, made, BackfillAction.PAUSE)
    assert (paused.state, paused.eta_seconds) == ("paused", None)
    assert await stage.worker().drain() == 0
    with pytest.raises(Conflict):
        await act(user, made, BackfillAction.PAUSE)
    await act(user, made, BackfillAction.RESUME)
    held = await stage.chunks.claim("worker", 30)
    assert held is not None
    cancelled = await act(user, made, BackfillAction.CANCEL)
    assert cancelled.state == "cancelled"
    assert await stage.worker().drain() == 0
    await act(user, made, BackfillAction.RETRY)
    await stage.work_until_settled()
    assert (await stage.state(made)).state == "done"


async def test_a_backfill_is_its_owners(stage: Stage) -> None:
    made = await stage.start("NSE:RELIANCE")
    stranger = new_id()
    with pytest.raises(NotFound):
        await stage.backfills.get(stranger, made)
    with pytest.raises(NotFound):
        await stage.backfills.act(stranger, made, BackfillAction.CANCEL)
    assert await stage.backfills.page(stranger, None, 10) == []
    assert [each.id for each in await stage.backfills.page(stage.outside.user_id, None, 10)] == [made]


async def test_bad_requests_are_refused(stage: Stage) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await stage.start("NSE:RELIANCE", interval=Interval.MINUTE_15)
    assert refusal.value.code == "unsupported_interval"
    with pytest.raises(InvalidInput) as refusal:
        await stage.start("NSE:RELIANCE", start=TO, end=FROM)
    assert refusal.value.code == "invalid_range"
    with pytest.raises(NotFound) as missing:
        await stage.start("NSE:NONE")
    assert missing.value.code == "instrument_not_found"
    with pytest.raises(InvalidInput) as refusal:
        await stage.start("NSE:RELIANCE", interval=Interval.SECOND_1, start=datetime(1995, 1, 1, tzinfo=UTC))
    assert refusal.value.code == "too_many_calls"


async def test_an_expired_contract_is_not_asked_for_after_its_expiry(stage: Stage) -> None:
    await stage.start("NFO:NIFTY27OCT26FUT")
    await stage.work_until_settled()
    assert max(await stage.coverage("NFO:NIFTY27OCT26FUT")) == date(2026, 10, 27)


async def test_days_without_a_listing_are_not_asked_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the masters: not there up to the 14th of October, gone from the 9th of November on."""
    facts = {"listed_on": date(2026, 10, 16), "not_listed_until": date(2026, 10, 14), "delisted_on": date(2026, 11, 9)}
    monkeypatch.setitem(stage.outside.known, "NSE:INFY", stage.outside.known["NSE:INFY"].model_copy(update=facts))
    made = await stage.start("NSE:INFY")
    await stage.work_until_settled()
    asked = {day for _, _, start, end in stage.outside.broker.calls for day in (start.date(), end.date())}
    assert (min(asked), max(asked)) == (date(2026, 10, 15), date(2026, 11, 8))
    assert (await stage.state(made)).state == "done"
    covered = await stage.coverage("NSE:INFY")
    assert sorted(covered) == CALENDAR.trading_days(Segment.NSE, date(2026, 10, 15), date(2026, 11, 8))


async def test_whoever_waits_for_the_quota_comes_back_to_the_moment(stage: Stage) -> None:
    """A sweep every few seconds would leave a part of every minute's calls unused."""
    await stage.start("NSE:RELIANCE")
    stage.outside.broker.faults = [RateLimited("wait", code="broker_minute_limit", retry_after=40)]
    stage.outside.wakeups.delays.clear()
    assert await stage.worker().drain() == 1
    (*_, delay) = stage.outside.wakeups.delays
    assert 30 < delay < 40.1
    stage.outside.wakeups.delays.clear()
    await stage.worker().sweep()
    assert stage.outside.wakeups.delays == []


async def test_j_07_asking_again_tells_what_is_queued_and_what_is_done(stage: Stage) -> None:
    """arq answers a repeated id with nothing at all; a caller must learn how far the job is instead."""
    first = await stage.start("NSE:RELIANCE", "NSE:INFY")
    assert await stage.start("NSE:INFY", "NSE:RELIND") == first
    assert (await stage.backfills.act(stage.outside.user_id, first, BackfillAction.PAUSE)).state == "paused"
    assert await stage.start("NSE:RELIANCE", "NSE:INFY") == first
    await stage.backfills.act(stage.outside.user_id, first, BackfillAction.RESUME)
    other = await stage.start("NSE:RELIANCE")
    assert other != first
    await stage.work_until_settled()
    again = await stage.start("NSE:RELIANCE", "NSE:INFY")
    assert again not in (first, other)
    view = await stage.state(again)
    assert (view.state, view.chunks_total, view.calls_used) == ("done", 0, 0)


async def test_progress_is_told_on_the_users_own_channel(db: AsyncEngine, outside: Any, redis: Any) -> None:
    """The stream's `backfills` channel: the REST object again and again, from queued to done."""
    outside.progress = RedisProgress(redis)
    stage = Stage(db, outside)
    heard: list[dict[str, Any]] = []
    async with redis.pubsub(ignore_subscribe_messages=True) as subscriber:
        await subscriber.subscribe(keys.user_channel(outside.user_id, ChannelKind.BACKFILLS))
        made = await stage.start("NSE:RELIANCE")
        await stage.work_until_settled(stage.worker(replace(FAST, report_every=0)))

        async def ended() -> bool:
            message = await subscriber.get_message(timeout=1)
            if message is not None:
                heard.append(orjson.loads(message["data"]))
            return bool(heard) and heard[-1]["state"] == "done"

        await eventually(ended, 30)
    assert {(each["type"], each["id"]) for each in heard} == {("backfill", str(made))}
    assert heard[0]["state"] == "queued"
    done = [each["chunks_done"] for each in heard]
    assert done == sorted(done)
    assert len(set(done)) > 3
    view = (await stage.state(made)).model_dump(mode="json", by_alias=True)
    assert {name: heard[-1][name] for name in view} == view
