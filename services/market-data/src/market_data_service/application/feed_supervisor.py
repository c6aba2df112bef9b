"""Decides which feeds this process serves: finds open broker sessions that somebody listens to, gets their leases,
runs them, renews, and stops the moment a lease is lost. A standby is the same process, waiting.
"""

import asyncio
import math
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog

from breezeway import cancellation
from breezeway.contracts.broker import BrokerSession
from breezeway.errors import BreezewayError, Retryable
from market_data_service.application.feed_ports import Lease, Leases, OwnerCensus
from market_data_service.application.feed_session import FeedParts, FeedRules, FeedSession, Fenced

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SupervisorRules:
    """Seconds."""

    discover_every: float = 10.0
    poll_every: float = 0.2
    """Between two tries for a lease that somebody else holds."""
    interest_every: float = 1.0
    idle_after: float = 60.0
    """How long a feed that nobody listens to is kept connected."""
    rest: float = 1.0
    """Between losing a feed and competing for it again, so that a process in trouble lets a healthy one have it."""
    census_every: float = 2.0
    courtesy: float = 0.6
    """Between two tries of a process that has its share of the feeds already, so that one with fewer comes first."""
    shed_every: float = 5.0
    """Between two feeds that a process with more than its share hands over."""


@dataclass(slots=True)
class _Tenure:
    session: FeedSession
    task: "asyncio.Task[None]"
    idle_since: float | None = None
    shed: bool = False


class FeedSupervisor:
    """Run `run()` in a task; cancelling it closes the sockets and releases the leases.

    Several processes share the feeds evenly: who has his share lets others go first, and who has more, because another
    process came later, hands over one after the other. A feed that nobody else takes is taken all the same.
    """

    def __init__(
        self, leases: Leases, census: OwnerCensus, parts: FeedParts, feed_rules: FeedRules, rules: SupervisorRules
    ) -> None:
        self._leases = leases
        self._census = census
        self._owners = 1
        self._shed_at = 0.0
        self._parts = parts
        self._feed_rules = feed_rules
        self._rules = rules
        self._known: dict[str, BrokerSession] = {}
        self._tenures: dict[str, _Tenure] = {}
        self._wanted: dict[str, tuple[float, bool]] = {}
        self._rest_until: dict[str, float] = {}
        self._discover = asyncio.Event()
        self._look = asyncio.Event()

    @property
    def tenures(self) -> Mapping[str, FeedSession]:
        """The feeds that this process serves."""
        return {feed: tenure.session for feed, tenure in self._tenures.items()}

    @property
    def owners(self) -> int:
        """How many owner processes live, as far as this one knows."""
        return self._owners

    def sessions_changed(self) -> None:
        """A broker session was opened or has ended."""
        self._discover.set()

    def interest_changed(self, feed: str) -> None:
        """Somebody listens to something new on a feed."""
        tenure = self._tenures.get(feed)
        if tenure is not None:
            tenure.session.wake()
        # Asked again at once; until then the last answer stands, since shares are counted with it.
        self._wanted[feed] = (0.0, self._wanted.get(feed, (0.0, False))[1])
        if feed not in self._known:
            self._discover.set()
        self._look.set()

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._discover_for_ever(), name="feeds-discover")
                group.create_task(self._compete_for_ever(), name="feeds-compete")
                group.create_task(self._count_for_ever(), name="feeds-census")
        finally:
            await self._stop_all()

    async def _discover_for_ever(self) -> None:
        while True:
            cancellation.heed()
            self._discover.clear()
            try:
                sessions = await self._parts.sessions.active()
            except BreezewayError as error:
                # What is running goes on: a broker socket does not need auth until it reconnects.
                _log.warning("sessions_unknown", code=error.code)
            else:
                self._learn({str(session.account_id): session for session in sessions})
            await _until(self._discover, self._rules.discover_every)

    def _learn(self, sessions: dict[str, BrokerSession]) -> None:
        for feed, tenure in self._tenures.items():
            current = sessions.get(feed)
            if current is None:
                _log.info("feed_session_ended", feed=feed)
                tenure.task.cancel()
            elif current.version != tenure.session.version:
                tenure.session.renew(current)
        if sessions.keys() - self._known.keys():
            self._look.set()
        self._known = sessions

    async def _compete_for_ever(self) -> None:
        while True:
            cancellation.heed()
            self._look.clear()
            now = self._parts.time()
            for feed, session in list(self._known.items()):
                tenure = self._tenures.get(feed)
                if tenure is not None:
                    self._mind_idleness(tenure, now)
                elif self._rest_until.get(feed, 0) <= now and await self._is_wanted(feed, now):
                    await self._try_for(feed, session)
                    if feed not in self._tenures and len(self._tenures) >= self._share():
                        self._rest_until[feed] = self._parts.time() + self._rules.courtesy
            # Spread, so that standbys do not all ask in the same instant.
            await _until(self._look, self._rules.poll_every * random.uniform(0.5, 1))  # noqa: S311 - no secret

    def _share(self) -> int:
        """How many of the feeds that somebody wants are ours, when everybody has the same number."""
        wanted = sum(feed in self._tenures or self._wanted.get(feed, (0.0, False))[1] for feed in self._known)
        return math.ceil(wanted / self._owners)

    async def _count_for_ever(self) -> None:
        while True:
            cancellation.heed()
            try:
                self._owners = max(1, await self._census.count())
            except BreezewayError as error:
                _log.warning("owners_unknown", code=error.code)
            else:
                self._shed()
            await asyncio.sleep(self._rules.census_every)

    def _shed(self) -> None:
        now = self._parts.time()
        kept = [(feed, tenure) for feed, tenure in self._tenures.items() if not tenure.shed]
        if len(kept) <= self._share() or now - self._shed_at < self._rules.shed_every:
            return
        self._shed_at = now
        feed, tenure = kept[-1]
        _log.info("feed_handed_over", feed=feed, feeds=len(kept), owners=self._owners)
        tenure.shed = True
        tenure.task.cancel()

    async def _is_wanted(self, feed: str, now: float) -> bool:
        """Whether somebody listens, as far as was known within the last `interest_every` seconds."""
        until, known = self._wanted.get(feed, (0.0, False))
        if until > now:
            return known
        try:
            answer = bool(await self._parts.interest.wanted(feed))
        except BreezewayError:
            return False
        self._wanted[feed] = (now + self._rules.interest_every, answer)
        return answer

    def _mind_idleness(self, tenure: _Tenure, now: float) -> None:
        if tenure.session.wants_anything:
            tenure.idle_since = None
        elif tenure.idle_since is None:
            tenure.idle_since = now
        elif now - tenure.idle_since > self._rules.idle_after:
            tenure.task.cancel()

    async def _try_for(self, feed: str, session: BrokerSession) -> None:
        try:
            lease = await self._leases.acquire(feed)
        except BreezewayError as error:
            _log.warning("lease_unavailable", feed=feed, code=error.code)
            self._rest_until[feed] = self._parts.time() + self._rules.rest
            return
        if lease is None:
            return
        _log.info("feed_acquired", feed=feed, fence=lease.fence)
        running = FeedSession(session, lease, self._parts, self._feed_rules)
        task = asyncio.create_task(self._serve(lease, running), name=f"feed-{feed}")
        self._tenures[feed] = _Tenure(running, task)
        task.add_done_callback(lambda done: self._over(feed, done))

    async def _serve(self, lease: Lease, session: FeedSession) -> None:
        """Run a feed for as long as its lease lives."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep(lease), name="feed-lease")
                group.create_task(session.run(), name="feed-session")
        except* Fenced as lost:
            _log.warning("feed_fenced", feed=lease.feed, fence=lease.fence, reason=str(lost.exceptions[0]))
        finally:
            with suppress(BreezewayError):
                await asyncio.shield(lease.release())

    async def _keep(self, lease: Lease) -> None:
        while True:
            cancellation.heed()
            await asyncio.sleep(lease.renew_every)
            try:
                held = await lease.renew()
            except Retryable:
                held = lease.valid
            if not held:
                raise Fenced("the lease is lost")

    def _over(self, feed: str, task: "asyncio.Task[None]") -> None:
        tenure = self._tenures.pop(feed, None)
        rest = self._rules.shed_every if tenure is not None and tenure.shed else self._rules.rest
        self._rest_until[feed] = self._parts.time() + rest
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("feed_failed", feed=feed, error=repr(error), exc_info=error)

    async def _stop_all(self) -> None:
        await cancellation.end([tenure.task for tenure in self._tenures.values()])


async def _until(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
