"""Every form of frame that the simulator sends, read back by the decoder that the services use."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from breeze_simulator import bootstrap
from breeze_simulator.application.ports import LiveMarket
from breeze_simulator.domain import frames_out
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.market_types import ClosedBar
from breeze_simulator.settings import Settings
from breezeway.breeze.events import DepthTick, OhlcBar, OrderUpdate, QuoteTick
from breezeway.breeze.frames import decode
from breezeway.testing.clock import FixedClock

PER_KIND = 40


@pytest.fixture(scope="module")
def generated() -> LiveMarket:
    """The default market on a Thursday noon."""
    settings = Settings(clock="wall")
    simulator = bootstrap.assemble(settings, FixedClock(datetime(2026, 7, 30, 6, 30, tzinfo=UTC)))
    return bootstrap.make_market(settings, simulator.clock)


def some(market: LiveMarket, exchange: str, kind: str) -> list[Instrument]:
    """Instruments of a kind, near the money where there are strikes."""
    universe: Any = market.universe
    if kind in ("equity", "index"):
        return [i for i in universe.cash(exchange) if i.kind == kind][:PER_KIND]
    code = {"NFO": "NIFTY", "BFO": "BSESEN", "MCX": "CRUDE"}[exchange]
    expiry = universe.expiries(exchange, code, kind)[0]
    if kind == "future":
        return [universe.by_contract(exchange, code, "futures", expiry)]
    chain: Sequence[Instrument] = universe.chain(exchange, code, expiry)
    middle = len(chain) // 2
    return list(chain[middle - PER_KIND // 2 : middle + PER_KIND // 2])


def over_the_wire(event: str, payload: object) -> tuple[str, Any]:
    name, data = orjson.loads(frames_out.event_text(event, payload)[2:])
    return name, data


@pytest.mark.parametrize(
    ("exchange", "kind"),
    [
        ("NSE", "equity"),
        ("BSE", "equity"),
        ("NSE", "index"),
        ("BSE", "index"),
        ("NFO", "future"),
        ("NFO", "option"),
        ("BFO", "future"),
        ("BFO", "option"),
    ],
)
def test_quotes_and_depth_survive_the_wire(generated: LiveMarket, exchange: str, kind: str) -> None:
    chosen = some(generated, exchange, kind)
    assert chosen
    now = datetime(2026, 7, 30, 6, 30, tzinfo=UTC)
    for instrument in chosen:
        quote = generated.snapshot(instrument)
        read = decode(*over_the_wire("stock", frames_out.quote_frame(instrument, quote, now)))
        assert isinstance(read, QuoteTick)
        assert (read.room, read.exchange, read.token) == (instrument.quote_room, exchange, instrument.token)
        assert read.last == round(quote.last, 2)
        assert read.previous_close == round(quote.prev_close, 2)
        assert read.at_ms == int((quote.ltt or now).timestamp()) * 1000
        if kind == "index":
            assert (read.bid, read.volume, read.upper_circuit) == (None, None, None)
            continue
        assert read.volume == quote.volume
        assert (read.lower_circuit, read.upper_circuit) == (
            round(quote.lower_circuit, 2),
            round(quote.upper_circuit, 2),
        )
        if instrument.is_derivative:
            assert read.open_interest == quote.oi
        book = generated.depth(instrument)
        depth = decode(*over_the_wire("stock", frames_out.depth_frame(instrument, book)))
        assert isinstance(depth, DepthTick)
        assert len(depth.bids) == len(depth.asks) == 5
        # Near its floor a contract has fewer prices than levels; the rest is zeros, as the broker pads them.
        wanted = [(round(level.price, 2), level.qty) for level in book.bids] + [(0, 0)] * 5
        assert [(level.price, level.quantity) for level in depth.bids] == wanted[:5]


def test_a_commodity_survives_in_rupees(generated: LiveMarket) -> None:
    (instrument,) = some(generated, "MCX", "future")
    quote, book = generated.snapshot(instrument), generated.depth(instrument)
    now = datetime(2026, 7, 30, 6, 30, tzinfo=UTC)
    frame = frames_out.commodity_frame(instrument, quote, book, now, scale=100)
    read = decode(*over_the_wire("stock", frame))
    assert isinstance(read, QuoteTick)
    assert read.last == pytest.approx(quote.last, abs=0.005)
    assert read.depth is not None
    assert len(read.depth.bids) == 5


@pytest.mark.parametrize(("exchange", "kind"), [("NSE", "equity"), ("NFO", "future"), ("BFO", "option")])
def test_bars_survive_as_text(generated: LiveMarket, exchange: str, kind: str) -> None:
    instrument = some(generated, exchange, kind)[0]
    start = datetime(2026, 7, 30, 6, 29, tzinfo=UTC)
    oi = 42 if instrument.is_derivative else None
    bar = ClosedBar(instrument, "1minute", start, 100.5, 101.25, 99.0, 100.0, 7, oi)
    read = decode(*over_the_wire("1MIN", frames_out.bar_text(bar, "start")))
    assert isinstance(read, OhlcBar)
    assert (read.open, read.high, read.low, read.close, read.volume) == (100.5, 101.25, 99.0, 100.0, 7)
    assert (read.exchange, read.interval, read.at_ms) == (exchange, "1m", int(start.timestamp()) * 1000)
    assert (read.open_interest, read.expiry) == (oi, instrument.expiry)


def test_the_sample_order_is_an_executed_call() -> None:
    frame = frames_out.order_frame("SIM00001", "202607301300000009", datetime(2026, 7, 30, 6, 30, tzinfo=UTC))
    read = decode(*over_the_wire("order", frame))
    assert isinstance(read, OrderUpdate)
    assert (read.user_id, read.status, read.action, read.broker_code) == ("SIM00001", "Executed", "Buy", "NIFTY")
    assert (read.limit_price, read.average_price, read.quantity, read.executed_quantity) == (300, 300, 50, 50)
    assert (read.strike, read.right) == (20_000, "CE")
