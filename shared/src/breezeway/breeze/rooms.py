"""Names of the broker's Socket.IO rooms, `X.Y!TOKEN`; an instrument's `broker_token` is its quote room."""


def depth_room(quote_room: str) -> str:
    """The room of the same instrument's order book: `4.1!2885` → `4.2!2885`."""
    return _checked(quote_room).replace(".1!", ".2!", 1)


def ohlc_room(quote_room: str) -> str:
    """The room of its bars on the OHLC socket, the quote room but for BFO, which the broker numbers 2 there."""
    prefix, _, token = _checked(quote_room).partition(".1!")
    return f"2.1!{token}" if prefix == "8" else quote_room


def quote_room(room: str) -> str:
    """The instrument's `broker_token` for any of its rooms, as a tick or a book names it."""
    prefix, dot, rest = room.partition(".")
    kind, bang, token = rest.partition("!")
    if not (dot and bang and token and kind in ("1", "2")):
        raise ValueError(f"{room!r} is not a room")
    return f"{'8' if prefix == '2' else prefix}.1!{token}"


def _checked(room: str) -> str:
    if ".1!" not in room or room.endswith("!"):
        raise ValueError(f"{room!r} is not a quote room")
    return room
