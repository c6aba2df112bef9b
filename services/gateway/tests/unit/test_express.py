"""Prepared frames are what a WebSocket library reads as one text message."""

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.protocol import State
from websockets.uri import parse_uri

from gateway_service.api.express import text_frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_a_frame_of_every_length_form_is_read_whole(size: int) -> None:
    reader = ClientProtocol(parse_uri("ws://x/"), state=State.OPEN)
    body = b"a" * size
    reader.receive_data(text_frame(body) + text_frame(b"next"))
    frames = [event for event in reader.events_received() if isinstance(event, Frame)]
    assert [(frame.opcode.name, frame.data, frame.fin) for frame in frames] == [
        ("TEXT", body, True),
        ("TEXT", b"next", True),
    ]
