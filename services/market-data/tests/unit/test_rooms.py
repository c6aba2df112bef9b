"""Rooms of channels, and when to enter and leave them."""

import pytest

from breezeway.contracts.stream import Channel
from market_data_service.domain.rooms import RoomPlan, depth_room, room_of


@pytest.mark.parametrize(
    ("channel", "room"),
    [
        ("tick:NSE:RELIANCE", "4.1!2885"),
        ("candle:15m:NSE:RELIANCE", "4.1!2885"),
        ("depth:NSE:RELIANCE", "4.2!2885"),
    ],
)
def test_a_channel_needs_one_room(channel: str, room: str) -> None:
    assert room_of(Channel.parse(channel), "4.1!2885") == room


def test_an_index_is_named_in_its_room() -> None:
    assert depth_room("4.1!NIFTY 50") == "4.2!NIFTY 50"
    assert depth_room("nonsense") is None


def test_joins_are_due_at_once_and_leaves_after_a_pause() -> None:
    plan = RoomPlan(linger=5)
    assert plan.due({"a", "b"}, 0) == ({"a", "b"}, set())
    plan.done(joined={"a", "b"})
    assert plan.due({"a"}, 1) == (set(), set())
    assert plan.due({"a"}, 5.9) == (set(), set())
    assert plan.due({"a"}, 6) == (set(), {"b"})
    plan.done(left={"b"})
    assert plan.joined == {"a"}


def test_a_room_that_is_wanted_again_in_time_is_not_left() -> None:
    plan = RoomPlan(linger=5)
    plan.done(joined={"a"})
    plan.due(set(), 0)
    plan.due({"a"}, 4)
    assert plan.due(set(), 6) == (set(), set())
    assert plan.due(set(), 11) == (set(), {"a"})


def test_a_failed_join_stays_due() -> None:
    plan = RoomPlan()
    plan.due({"a"}, 0)
    assert plan.due({"a"}, 1) == ({"a"}, set())


def test_after_a_lost_socket_everything_is_joined_again() -> None:
    plan = RoomPlan()
    plan.done(joined={"a", "b"})
    plan.forget()
    assert plan.due({"a"}, 1) == ({"a"}, set())
