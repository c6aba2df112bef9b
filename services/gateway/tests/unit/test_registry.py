"""What concerns more than one connection."""

from collections.abc import Callable, Collection
from typing import cast
from uuid import UUID

import orjson

from breezeway.errors import NotFound, UpstreamUnavailable
from breezeway.ids import new_id
from breezeway.security.tokens import Principal
from gateway_service.application.connection import Backstage, Connection
from gateway_service.application.outbox import Outbox
from gateway_service.application.registry import Registry
from gateway_service.domain.close_codes import CloseCode


class Feeds:
    def __init__(self) -> None:
        self.answer: str | Exception = "feed"

    async def feed_of(self, user_id: UUID) -> str:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Interests:
    def __init__(self) -> None:
        self.announced: list[tuple[str, list[str]]] = []

    async def announce(self, feed: str, channels: Collection[str]) -> None:
        self.announced.append((feed, sorted(channels)))


class Client(Connection):
    """A connection whose channels and feed are set by hand."""

    def __init__(self, number: int, user: UUID, session: str, feed: str | None, *channels: str) -> None:
        super().__init__(number, Outbox(), cast(Backstage, None))
        from breezeway.contracts.stream import Channel

        self.principal = Principal(user, "user", frozenset(), session, "t", 0)
        self._feed = feed
        self._listed = [Channel.parse(name) for name in channels]
        self.moved: list[str | None] = []

    def market_channels(self):  # type: ignore[no-untyped-def]
        return self._listed

    def market_names(self):  # type: ignore[no-untyped-def]
        return [channel.name for channel in self._listed]

    @property
    def wants_feed(self) -> bool:
        return bool(self._listed)

    async def move(self, feed: str | None, reason: str) -> None:
        self.moved.append(feed)


class Scene:
    def __init__(self) -> None:
        self.now = 0.0
        self.feeds, self.interests = Feeds(), Interests()
        self.registry = Registry(
            feeds=self.feeds,
            interest=self.interests,
            max_per_user=2,
            slow_seconds=5,
            time=lambda: self.now,
            now_ms=lambda: 10_000,
        )
        self.kicked: list[tuple[int, CloseCode]] = []
        self._numbers = 0

    def add(self, user: UUID, session: str = "s", feed: str | None = "feed", *channels: str) -> Client:
        self._numbers += 1
        client = Client(self._numbers, user, session, feed, *channels)
        number = client.number
        kick: Callable[[CloseCode, str], None] = lambda code, _reason: self.kicked.append((number, code))  # noqa: E731
        self.registry.add(client, kick)
        return client


def test_a_user_has_a_limit_and_a_renewal_does_not_count_twice() -> None:
    scene, user = Scene(), new_id()
    one, two, three = scene.add(user), scene.add(user), scene.add(user)
    assert scene.registry.enter(one, user)
    assert scene.registry.enter(one, user)
    assert scene.registry.enter(two, user)
    assert not scene.registry.enter(three, user)
    scene.registry.remove(one)
    assert scene.registry.enter(three, user)


def test_revocation_hits_a_sign_in_or_all_of_a_user_and_nobody_else() -> None:
    scene, user, other = Scene(), new_id(), new_id()
    for client, who in ((scene.add(user, "a"), user), (scene.add(user, "b"), user), (scene.add(other, "a"), other)):
        scene.registry.enter(client, who)
    assert scene.registry.revoke(user, "a") == 1
    assert scene.kicked == [(1, CloseCode.UNAUTHENTICATED)]
    assert scene.registry.revoke(user, None) == 2
    assert {number for number, _ in scene.kicked} == {1, 2}


def test_only_a_write_that_has_taken_too_long_is_stuck() -> None:
    scene = Scene()
    slow, fast = scene.add(new_id()), scene.add(new_id())
    slow.outbox.sending_since, fast.outbox.sending_since = 0.0, 3.0
    scene.now = 5.0
    assert scene.registry.kick_stuck() == 1
    assert scene.kicked == [(1, CloseCode.TOO_SLOW)]


def test_a_gap_is_told_once_per_instrument_and_client() -> None:
    scene = Scene()
    client = scene.add(new_id(), "s", "feed", "tick:NSE:A", "candle:1m:NSE:A", "depth:NSE:B")
    bystander = scene.add(new_id(), "s", None)
    scene.registry.announce_gap(2.5, "stream_interrupted")
    gaps = orjson.loads(client.outbox.take() or b"[]")
    assert sorted(gap["symbol"] for gap in gaps) == ["NSE:A", "NSE:B"]
    assert (gaps[0]["from"], gaps[0]["to"]) == (7_500, 10_000)
    assert bystander.outbox.take() is None


async def test_interest_is_the_union_per_feed() -> None:
    scene = Scene()
    scene.add(new_id(), "s", "one", "tick:NSE:A", "tick:NSE:B")
    scene.add(new_id(), "s", "one", "tick:NSE:B")
    scene.add(new_id(), "s", "two", "depth:NSE:C")
    scene.add(new_id(), "s", None)
    await scene.registry.refresh_interest()
    assert sorted(scene.interests.announced) == [("one", ["tick:NSE:A", "tick:NSE:B"]), ("two", ["depth:NSE:C"])]


async def test_connections_follow_their_users_feed() -> None:
    scene, user = Scene(), new_id()
    client = scene.add(user, "s", "old", "tick:NSE:A")
    scene.registry.enter(client, user)
    scene.feeds.answer = "new"
    await scene.registry.reassign()
    scene.feeds.answer = NotFound("none", code="no_broker_session")
    await scene.registry.reassign()
    scene.feeds.answer = UpstreamUnavailable("auth is away")
    await scene.registry.reassign()
    client._feed = None
    scene.feeds.answer = "again"
    await scene.registry.reassign()
    assert client.moved == ["new", None, "again"]


def test_draining_sends_everybody_away_and_takes_nobody() -> None:
    scene = Scene()
    scene.add(new_id())
    scene.add(new_id())
    scene.registry.drain()
    assert scene.registry.draining
    assert [code for _, code in scene.kicked] == [CloseCode.GOING_AWAY] * 2


def test_the_load_is_counted() -> None:
    scene, user = Scene(), new_id()
    client = scene.add(user, "s", "feed", "tick:NSE:A")
    scene.registry.enter(client, user)
    scene.registry.announce_gap(1, "x")
    load = scene.registry.load()
    assert (load.connections, load.users) == (1, 1)
    assert load.waiting_bytes == load.largest > 0
