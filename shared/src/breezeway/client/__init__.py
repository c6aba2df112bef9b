"""A typed client of Breezeway's public API: `Breezeway` for asyncio, `BreezewaySync` for scripts and notebooks.

Errors are those of `breezeway.errors`, answers those of `breezeway.client.models`. It knows nothing of the services but
their HTTP and WebSocket contract.
"""

from breezeway.client.asynchronous import Breezeway
from breezeway.client.blocking import BreezewaySync
from breezeway.client.candles import Candle, Candles
from breezeway.client.messages import Event, Lost, Place, Refused
from breezeway.client.stream import Stream
from breezeway.contracts.stream import CandleMessage, DepthMessage, FeedMessage, GapMessage, TickMessage

__all__ = [
    "Breezeway",
    "BreezewaySync",
    "Candle",
    "CandleMessage",
    "Candles",
    "DepthMessage",
    "Event",
    "FeedMessage",
    "GapMessage",
    "Lost",
    "Place",
    "Refused",
    "Stream",
    "TickMessage",
]
