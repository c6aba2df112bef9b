"""The supervisor and its session, with fakes: who may publish, when to connect, what to do when refused."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from breezeway.breeze.frames import FrameRules, decode
from breezeway.errors import Unauthenticated, UpstreamUnavailable
from breezeway.testing.eventually import eventually

FRAMES = Path(__file__).parents[4] / "shared/tests/unit/breeze/payloads/frames.json"


async def test_a_wanted_feed_is_connected_joined_and_published(world: Any) -> None:
    here = world(channels={"tick:NSE:A", "depth:NSE:B", "tick:NSE:NOBODY"})
    async with here.running():
        await eventually(lambda: bool(here.connections) and len(here.connections[0].joined) == 2, 60)
        assert sorted(here.connections[0].joined) == ["4.1!A", "4.2!B"]
        here.connections[0].on_event(world.quote("4.1!A"), 5)
        await eventually(lambda: bool(here.bodies("tick")), 60)
        assert here.bodies("tick")[0]["symbol"] == "NSE:A"
        await eventually(lambda: here.facts.get("state") == "live", 60)
    assert here.connections[0].closed
    assert here.leases.given[0].released


async def test_a_feed_that_nobody_wants_is_left_alone_and_later_let_go(world: Any) -> None:
    here = world(channels=set())
    async with here.running() as supervisor:
        await asyncio.sleep(0.1)
        assert here.leases.given == []
        here.channels.add("tick:NSE:A")
        supervisor.interest_changed(here.feed)
        await eventually(lambda: bool(here.connections), 60)
        here.channels.clear()
        await eventually(lambda: here.leases.given[0].released, 60)
        assert here.connections[0].closed


async def test_a_standby_waits_for_the_lease(world: Any) -> None:
    here = world()
    here.leases.held = True
    async with here.running():
        await asyncio.sleep(0.1)
        assert here.connections == []
        here.leases.held = False
        await eventually(lambda: bool(here.connections), 60)


async def test_losing_the_lease_stops_publishing_before_anything_else(world: Any) -> None:
    here = world()
    async with here.running():
        await eventually(lambda: bool(here.connections) and bool(here.connections[0].joined), 60)
        lease, connection = here.leases.given[0], here.connections[0]
        here.leases.held = True
        before = len(here.published)
        lease.valid = False
        connection.on_event(world.quote("4.1!A"), 5)
        await eventually(lambda: connection.closed, 60)
        assert len(here.published) == before


async def test_a_refused_publish_ends_the_tenure(world: Any) -> None:
    here = world()
    async with here.running() as supervisor:
        await eventually(lambda: bool(here.connections) and bool(here.connections[0].joined), 60)
        here.accepting, here.leases.held = False, True
        here.connections[0].on_event(world.quote("4.1!A"), 5)
        await eventually(lambda: here.connections[0].closed, 60)
        await eventually(lambda: not supervisor.tenures, 60)


async def test_a_redis_that_is_away_for_a_moment_does_not_cost_the_feed(world: Any) -> None:
    here = world()
    async with here.running():
        await eventually(lambda: bool(here.connections), 60)
        here.leases.given[0].unreachable = True
        await asyncio.sleep(0.1)
        assert not here.connections[0].closed
        here.leases.given[0].valid = False
        await eventually(lambda: here.connections[0].closed, 60)


async def test_credentials_are_read_on_every_connect(world: Any) -> None:
    here = world()
    async with here.running():
        await eventually(lambda: bool(here.connections), 60)
        here.version = 2
        here.connections[0].lose()
        await eventually(lambda: len(here.connections) == 2, 60)
    assert [line for line in here.log if line.startswith("credentials")][:2] == ["credentials 1", "credentials 2"]
    assert here.connections[0].closed


async def test_a_new_broker_session_replaces_the_socket_at_once(world: Any) -> None:
    here = world()
    async with here.running(
        replace(world.fast, socket=replace(world.fast.socket, backoff_first=60, backoff_most=60))
    ) as supervisor:
        await eventually(lambda: bool(here.connections), 60)
        here.version = 2
        supervisor.sessions_changed()
        await eventually(lambda: len(here.connections) == 2, 60)
        assert here.connections[0].closed


async def test_a_refused_session_is_reported_and_tried_again_only_after_a_while(world: Any) -> None:
    here = world(failures=[Unauthenticated("no", code="broker_feed_refused")] * 2)
    async with here.running():
        await eventually(lambda: bool(here.reports), 60)
        await asyncio.sleep(0.1)
        assert here.reports == [(1, "broker_feed_refused")]
        assert here.facts["state"] == "session_expired"
        await eventually(lambda: bool(here.connections), 60)


async def test_an_ended_session_lets_the_feed_go(world: Any) -> None:
    here = world()
    async with here.running() as supervisor:
        await eventually(lambda: bool(here.connections), 60)
        here.active_ = False
        supervisor.sessions_changed()
        await eventually(lambda: here.connections[0].closed, 60)


async def test_a_lost_socket_becomes_a_gap_before_the_next_tick_and_a_refill(world: Any) -> None:
    here = world(channels={"tick:NSE:A", "candle:1m:NSE:A"})
    async with here.running():
        await eventually(lambda: bool(here.connections) and bool(here.connections[0].joined), 60)
        here.connections[0].on_event(world.quote("4.1!A"), 5)
        await eventually(lambda: bool(here.bodies("tick")), 60)
        here.connections[0].lose()
        await eventually(lambda: len(here.connections) == 2 and bool(here.connections[1].joined), 60)
        here.now_ = world.open_at + timedelta(seconds=3)
        here.connections[1].on_event(world.quote("4.1!A", here.now_), 6)
        await eventually(lambda: len(here.bodies("tick")) == 2, 60)
        kinds = [(m.channel, orjson.loads(m.body)["type"]) for _, m in here.published if m.channel != "feed"]
        last = [kind for channel, kind in kinds if channel == "tick:NSE:A"]
        assert last == ["tick", "gap", "tick"]
        assert ("candle:1m:NSE:A", "gap") in kinds
        gap = here.bodies("gap")[0]
        start = int(world.open_at.timestamp() * 1000)
        assert (gap["from"], gap["to"], gap["reason"]) == (start, start + 3_000, "lost")
        await eventually(lambda: bool(here.refills), 60)
        assert here.refills[0] == (frozenset({"NSE:A"}), world.open_at, world.open_at + timedelta(minutes=1))


async def test_a_takeover_announces_what_the_predecessor_may_have_missed(world: Any) -> None:
    before = int((world.open_at - timedelta(seconds=2)).timestamp() * 1000)
    here = world(facts={"last_event_ms": str(before)})
    async with here.running():
        await eventually(lambda: bool(here.connections) and bool(here.connections[0].joined), 60)
        here.connections[0].on_event(world.quote("4.1!A"), 5)
        await eventually(lambda: bool(here.bodies("gap")), 60)
        assert (here.bodies("gap")[0]["from"], here.bodies("gap")[0]["reason"]) == (before, "takeover")


async def test_rooms_follow_interest_and_leave_late(world: Any) -> None:
    here = world()
    async with here.running() as supervisor:
        await eventually(lambda: bool(here.connections) and bool(here.connections[0].joined), 60)
        connection = here.connections[0]
        here.channels = {"tick:NSE:B"}
        supervisor.interest_changed(here.feed)
        await eventually(lambda: "4.1!B" in connection.joined, 60)
        assert connection.left == []
        await eventually(lambda: connection.left == ["4.1!A"], 60)


async def test_closed_minutes_reach_the_sink(world: Any) -> None:
    here = world()
    async with here.running():
        await eventually(lambda: bool(here.connections) and bool(here.connections[0].joined), 60)
        for minute in range(4):
            here.connections[0].on_event(
                world.quote("4.1!A", world.open_at + timedelta(minutes=minute), 100.0 + minute), 5
            )
        await eventually(lambda: bool(here.stored), 60)
        assert [bar.t for bar in here.stored["NSE:A"]] == [
            int(world.open_at.timestamp()) + 60,
            int(world.open_at.timestamp()) + 120,
        ]


async def test_f_06_a_broker_that_is_away_is_tried_with_growing_pauses_by_the_same_owner(world: Any) -> None:
    """F-06: the broker cannot be reached while everything else works. One owner, `degraded`, no hand-over."""
    here = world(failures=[UpstreamUnavailable("away", code="broker_feed_down")] * 6)
    async with here.running():
        await eventually(lambda: here.facts.get("state") == "live", 60)
        said = [(body["state"], body["reason"]) for body in here.bodies("feed")]
        assert said.count(("degraded", "broker_feed_down")) == 6
        assert len(here.leases.given) == 1


async def test_f_12_candidates_do_not_kick_each_other_off_a_broker_that_allows_one_socket(world: Any) -> None:
    """F-12: the broker closes the older socket when a second one comes. Only the lease decides who connects, so two
    candidates never push each other out in turn."""
    here = world()
    connect = here.connect

    async def kicking(credentials: Any, on_event: Any) -> Any:
        made = await connect(credentials, on_event)
        for older in here.connections[:-1]:
            older.lose("kicked")
        return made

    here.connect = kicking
    async with here.running() as first:
        await eventually(lambda: bool(here.connections), 60)
        here.leases.held = True
        async with here.running() as second:
            await asyncio.sleep(0.5)
            assert len(here.connections) == 1
            assert first.tenures.keys() == {here.feed}
            assert not second.tenures


async def test_f_18_a_connection_that_never_ends_and_never_speaks_is_given_up(world: Any) -> None:
    """F-18: the library says connected, the transport is dead. Data decides, not the library."""
    here = world()
    async with here.running() as supervisor:
        await eventually(lambda: bool(here.connections) and bool(here.connections[0].joined), 60)
        stall = supervisor.tenures[here.feed]._socket._stall
        stall._first = 0.1
        await eventually(lambda: len(here.connections) == 2, 60)
        assert here.connections[0].closed


async def test_order_events_are_kept_until_redis_takes_them(world: Any) -> None:
    order = decode("order", json.loads(FRAMES.read_text())["order_cash"], FrameRules())
    here = world()
    async with here.running():
        await eventually(lambda: bool(here.connections), 60)
        here.redis_away = True
        here.connections[0].on_event(order, 5)
        await asyncio.sleep(0.05)
        assert here.orders == []
        here.redis_away = False
        await eventually(lambda: here.orders == [(here.user, order)], 60)


async def test_a_process_with_more_than_its_share_hands_over(world: Any) -> None:
    here = world()
    other = world()
    active = here.active

    async def both() -> Any:
        return [*await active(), other.session()]

    here.active = both
    async with here.running() as supervisor:
        await eventually(lambda: len(supervisor.tenures) == 2, 60)
        here.owners = 2
        here.leases.held = True
        await eventually(lambda: len(supervisor.tenures) == 1, 60)
        await asyncio.sleep(0.2)
        assert len(supervisor.tenures) == 1
        here.owners = 1
        here.leases.held = False
        await eventually(lambda: len(supervisor.tenures) == 2, 60)


async def test_timings_and_gaps_are_measured(world: Any) -> None:
    here = world()
    async with here.running():
        await eventually(lambda: bool(here.connections) and bool(here.connections[0].joined), 60)
        here.connections[0].on_event(world.quote("4.1!A", world.open_at - timedelta(seconds=2)), 5)
        await eventually(lambda: bool(here.ages), 60)
        assert here.ages[-1] == 2
        here.connections[0].lose("broker_feed_disconnected")
        await eventually(lambda: len(here.connections) == 2 and bool(here.connections[1].joined), 60)
        here.connections[1].on_event(world.quote("4.1!A"), 5)
        await eventually(lambda: here.gap_reasons == ["broker_feed_disconnected"], 60)


async def test_an_owner_that_cannot_keep_up_gives_up_what_waits_and_says_so(world: Any) -> None:
    here = world()
    async with here.running(replace(world.fast, most_waiting=10)):
        await eventually(lambda: bool(here.connections) and bool(here.connections[0].joined), 60)
        for _ in range(50):
            here.connections[0].on_event(world.quote("4.1!A"), 5)
        await asyncio.sleep(0.05)
        assert here.bodies("tick") == []
        here.connections[0].on_event(world.quote("4.1!A"), 5)
        await eventually(lambda: here.gap_reasons == ["overloaded"], 60)
        await eventually(lambda: len(here.bodies("tick")) == 1, 60)
