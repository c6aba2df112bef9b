"""Alpaca's market-data messages, made from ours. Pure; one view belongs to one client.

There is no Alpaca message for a gap, for a halt or for a correction, so a client of this protocol cannot hear of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

KINDS: Final = ("trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds")
"""What can be subscribed to. `statuses` is accepted and stays silent."""

_CHANNELS: Final = {
    "trades": "tick:",
    "quotes": "tick:",
    "lulds": "tick:",
    "bars": "candle:1m:",
    "updatedBars": "candle:1m:",
    "dailyBars": "candle:1d:",
}
EXCHANGE: Final = "V"
"""Alpaca names US venues by a letter; ours are part of the symbol."""

Sets = Mapping[str, frozenset[str]]
Body = dict[str, Any]


def channel_of(kind: str, symbol: str) -> str | None:
    """The channel of ours that a subscription needs; None for what has no source."""
    prefix = _CHANNELS.get(kind)
    return None if prefix is None else prefix + symbol


def nothing() -> dict[str, frozenset[str]]:
    return dict.fromkeys(KINDS, frozenset())


@dataclass(slots=True)
class AlpacaView:
    """What one client has subscribed to, and what it must remember to tell trades from quotes.

    Symbols in `sets` are canonical; messages carry the name that the client used, because its handlers are keyed by it.
    Times in messages are epoch milliseconds under `t`; whoever encodes them writes them as the wire wants them.
    """

    sets: dict[str, frozenset[str]] = field(default_factory=nothing)
    names: dict[str, str] = field(default_factory=dict)
    _ticks: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _bars: dict[str, int] = field(default_factory=dict)
    _trades: int = 0

    def channels(self) -> frozenset[str]:
        wanted = (channel_of(kind, symbol) for kind, symbols in self.sets.items() for symbol in symbols)
        return frozenset(channel for channel in wanted if channel is not None)

    def keep_only(self, channels: Iterable[str]) -> None:
        """Take off whatever needs a channel that we do not have."""
        have = frozenset(channels)
        self.sets = {
            kind: frozenset(s for s in symbols if (channel := channel_of(kind, s)) is None or channel in have)
            for kind, symbols in self.sets.items()
        }

    def subscription(self) -> Body:
        """The whole set, as the protocol wants it after every change."""
        body: Body = {"T": "subscription"}
        for kind, symbols in self.sets.items():
            body[kind] = sorted(self.names[symbol] for symbol in symbols)
        return body | {"corrections": body["trades"], "cancelErrors": body["trades"]}

    def translate(self, message: Mapping[str, Any]) -> Iterator[Body]:
        """What the client gets for one tick or candle of ours."""
        match message.get("type"):
            case "tick":
                yield from self._tick(message["symbol"], message)
            case "candle":
                yield from self._candle(message["symbol"], message)

    def _tick(self, symbol: str, tick: Mapping[str, Any]) -> Iterator[Body]:
        before = self._ticks.get(symbol)
        self._ticks[symbol] = tick
        base = {"S": self.names.get(symbol, symbol), "t": tick["ltt"], "z": symbol.partition(":")[0]}
        # The first tick is a snapshot: it says what the last trade was, not that there has just been one.
        if symbol in self.sets["trades"] and before is not None and _traded(before, tick):
            self._trades += 1
            yield base | {"T": "t", "i": self._trades, "x": EXCHANGE, "p": tick["ltp"], "s": tick["ltq"] or 0, "c": []}
        if symbol in self.sets["quotes"] and (
            before is None or _differ(before, tick, "bid", "bid_qty", "ask", "ask_qty")
        ):
            bid = {"bx": EXCHANGE, "bp": tick["bid"] or 0, "bs": tick["bid_qty"] or 0}
            ask = {"ax": EXCHANGE, "ap": tick["ask"] or 0, "as": tick["ask_qty"] or 0}
            # A quote has no time of its own with this broker; a trade's would stand still while quotes change.
            yield base | {"T": "q", "t": tick["ts"], "c": []} | bid | ask
        if symbol in self.sets["lulds"] and (before is None or _differ(before, tick, "lower_band", "upper_band")):
            bands = {"u": tick["upper_band"] or 0, "d": tick["lower_band"] or 0}
            yield base | {"T": "l", "t": tick["ts"], "i": "B"} | bands

    def _candle(self, symbol: str, bar: Mapping[str, Any]) -> Iterator[Body]:
        body = {"S": self.names.get(symbol, symbol), **{name: bar[name] for name in "ohlcv"}, "t": bar["t"] * 1_000}
        # Number of trades and average price: the broker says neither, but Alpaca's client wants to see the names.
        body |= {"n": None, "vw": None}
        if bar["interval"] == "1d":
            if symbol in self.sets["dailyBars"]:
                yield body | {"T": "d"}
            return
        if not bar["closed"]:
            return
        revised = bar["t"] <= self._bars.get(symbol, 0)
        self._bars[symbol] = max(bar["t"], self._bars.get(symbol, 0))
        if symbol in self.sets["updatedBars" if revised else "bars"]:
            yield body | {"T": "u" if revised else "b"}


def _traded(before: Mapping[str, Any], tick: Mapping[str, Any]) -> bool:
    if not tick["ltp"]:
        return False
    if tick["volume"] is not None and before["volume"] is not None:
        return bool(tick["volume"] > before["volume"])
    return _differ(before, tick, "ltt", "ltp", "ltq")


def _differ(before: Mapping[str, Any], tick: Mapping[str, Any], *names: str) -> bool:
    return any(before[name] != tick[name] for name in names)
