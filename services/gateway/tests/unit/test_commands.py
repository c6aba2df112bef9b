"""Client frames: hostile until proven otherwise."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_service.domain.commands import (
    MAX_FRAME_BYTES,
    Authenticate,
    InvalidCommand,
    Ping,
    Position,
    Subscribe,
    Unreadable,
    Unsubscribe,
    parse_frame,
)


@pytest.mark.parametrize(
    ("frame", "command"),
    [
        ('{"action":"auth","token":"t"}', Authenticate("t")),
        ('{"action":"ping","id":3}', Ping(3)),
        ('{"action":"ping","id":"abc"}', Ping("abc")),
        ('{"action":"subscribe","id":1,"channels":["tick:NSE:A","tick:NSE:A"]}', Subscribe(("tick:NSE:A",), 1)),
        (
            '{"action":"subscribe","channels":[{"channel":"orders","since":{"offset":1,"epoch":"e"}}]}',
            Subscribe(("orders",), since={"orders": Position(1, "e")}),
        ),
        ('{"action":"unsubscribe","id":2,"channels":["orders"]}', Unsubscribe(("orders",), 2)),
        (b'{"action":"ping"}', Ping()),
    ],
)
def test_commands_are_read(frame: str | bytes, command: object) -> None:
    assert parse_frame(frame) == command


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "[]",
        "null",
        "NaN",
        '"auth"',
        "[" * 100_000,
        '{"a":' * 60_000,
        '{"a":"' + "x" * MAX_FRAME_BYTES + '"}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_object_is_unreadable(frame: str | bytes) -> None:
    with pytest.raises(Unreadable):
        parse_frame(frame)


@pytest.mark.parametrize(
    "frame",
    [
        "{}",
        '{"action":"fly"}',
        '{"action":["auth"]}',
        '{"action":"auth"}',
        '{"action":"auth","token":5}',
        '{"action":"auth","token":""}',
        '{"action":"subscribe"}',
        '{"action":"subscribe","channels":[]}',
        '{"action":"subscribe","channels":"tick:NSE:A"}',
        '{"action":"subscribe","channels":[1]}',
        '{"action":"subscribe","channels":[""]}',
        '{"action":"ping","id":true}',
        '{"action":"ping","id":1.5}',
        '{"action":"ping","id":[]}',
    ],
)
def test_wrong_commands_are_told_apart(frame: str) -> None:
    with pytest.raises(InvalidCommand):
        parse_frame(frame)


def test_the_id_of_a_wrong_command_is_kept_for_the_answer() -> None:
    with pytest.raises(InvalidCommand) as caught:
        parse_frame('{"action":"fly","id":7}')
    assert caught.value.command_id == 7


def test_a_token_never_shows_in_a_repr() -> None:
    assert "secret" not in repr(parse_frame('{"action":"auth","token":"secret"}'))


@given(st.binary(max_size=300) | st.text(max_size=300))
def test_no_frame_raises_anything_else(frame: bytes | str) -> None:
    with contextlib.suppress(Unreadable, InvalidCommand):
        parse_frame(frame)
