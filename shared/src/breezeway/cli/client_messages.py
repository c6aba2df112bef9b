"""A stream's messages as lines."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from breezeway.client.messages import Event, Lost, Message, Refused
from breezeway.clock import IST
from breezeway.contracts.stream import CandleMessage, DepthMessage, FeedMessage, GapMessage, TickMessage


def message_fields(message: Message) -> Mapping[str, Any]:
    """As the server sent it."""
    match message:
        case Event():
            return message.body
        case GapMessage():
            span = {"from": message.start, "to": message.end}
            return {"type": "gap", "symbol": message.symbol, **span, "reason": message.reason}
        case _:
            return dataclasses.asdict(message)


def message_line(message: Message) -> str:
    """For a person, with times of the day in India."""
    match message:
        case TickMessage():
            change = f"{message.change_pct:+.2f}%" if message.change_pct is not None else ""
            book = f"{message.bid} x {message.ask}" if message.bid is not None else ""
            return f"{_clock(message.ts)} {message.symbol} {message.ltp} {change} {book} vol {message.volume}"
        case DepthMessage():
            best = [f"{side[0][0]} ({side[0][1]})" if side else "-" for side in (message.bids, message.asks)]
            return f"{_clock(message.ts)} {message.symbol} {' x '.join(best)}"
        case CandleMessage():
            state = "closed" if message.closed else "forming"
            prices = f"{message.o} {message.h} {message.l} {message.c} vol {message.v}"
            return f"{_clock(message.t * 1000)} {message.symbol} {message.interval} {prices} {state}"
        case GapMessage():
            return f"gap {message.symbol} {_clock(message.start)} to {_clock(message.end)}: {message.reason}"
        case FeedMessage():
            return f"feed {message.state} {message.reason or ''}".rstrip()
        case Lost():
            return f"lost: some {message.channel} are missing; read them again"
        case Refused():
            return f"refused {message.channel}: {message.detail}"
        case Event():
            return f"{message.type} {dict(message.body)}"


def _clock(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, IST).strftime("%H:%M:%S.%f")[:-3]
