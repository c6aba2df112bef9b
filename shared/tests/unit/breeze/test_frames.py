import json
import random
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway.breeze import frames
from breezeway.breeze.frames import Advice, DepthTick, FrameRules, MalformedFrame, OhlcBar, OrderUpdate, QuoteTick

PAYLOADS = json.loads((Path(__file__).parent / "payloads" / "frames.json").read_text())
ARRAYS = [name for name, value in PAYLOADS.items() if isinstance(value, list)]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["", " ", "*", "70.14C", "C", "-1L", "1e9", "nan", "4.1!", "!", ".", "٣", "1_000", "9" * 5000])
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def quote(name: str) -> QuoteTick:
    tick = frames.decode_stock(PAYLOADS[name])
    assert isinstance(tick, QuoteTick)
    return tick


def test_an_equity_quote_has_its_fields_in_their_places() -> None:
    assert quote("nse_equity") == QuoteTick(
        room="4.1!10604",
        token="10604",
        exchange="NSE",
        last=893.75,
        at_ms=1691559630000,
        open=885,
        high=894.75,
        low=884,
        previous_close=885.4,
        change_percent=0.94,
        bid=893.65,
        bid_quantity=15,
        ask=893.75,
        ask_quantity=561,
        last_quantity=2,
        average_price=891.46,
        volume=786772,
        total_buy_quantity=280490,
        total_sell_quantity=296628,
        turnover=701_400_000.0,
        trend=None,
        lower_circuit=796.9,
        upper_circuit=973.9,
        open_interest=None,
        open_interest_change=None,
    )


def test_lakh_and_crore_become_rupees_and_a_bare_number_says_nothing() -> None:
    assert quote("bse_equity").turnover == 4_325_000.0
    assert quote("nfo").turnover == 1_458_700_000.0
    assert quote("bfo").turnover is None


def test_an_index_has_no_book_and_no_volume() -> None:
    tick = quote("index")
    assert (tick.exchange, tick.token, tick.last, tick.trend) == ("NSE", "NIFTY 50", 25006.2, "+")
    assert (tick.bid, tick.ask, tick.volume, tick.lower_circuit, tick.turnover) == (None,) * 5


def test_blank_open_interest_is_absent_and_a_number_is_read() -> None:
    assert (quote("nfo").open_interest, quote("nfo").open_interest_change) == (None, None)
    assert (quote("bfo").open_interest, quote("bfo").open_interest_change) == (37020, 12880)
    assert (quote("bfo").exchange, quote("nfo").exchange, quote("ndx").exchange) == ("BFO", "NFO", "CDS")
    falling = [*PAYLOADS["nfo"][:12], 5000, -750, *PAYLOADS["nfo"][14:]]
    tick = frames.decode_stock(falling)
    assert isinstance(tick, QuoteTick)
    assert (tick.open_interest, tick.open_interest_change) == (5000, -750)


def test_commodity_prices_follow_the_rule_for_their_scale() -> None:
    tick = quote("mcx")
    assert (tick.last, tick.previous_close, tick.bid, tick.ask_quantity, tick.volume) == (
        2691.0,
        2689.0,
        2690.5,
        3,
        8730,
    )
    assert tick.depth is not None
    assert [level.price for level in tick.depth.bids] == [2690.5, 2690.0, 2689.5, 2689.0, 2688.5]
    whole = frames.decode_stock(PAYLOADS["mcx"], FrameRules(mcx_price_scale=1))
    assert isinstance(whole, QuoteTick)
    assert whole.last == 269100


def test_gift_nifty_has_its_own_layout() -> None:
    tick = quote("gift")
    assert (tick.exchange, tick.last, tick.previous_close, tick.bid, tick.ask, tick.open_interest) == (
        ("GIFT", 25011, 24930, 25010.5, 25011.5, 268800)
    )


@pytest.mark.parametrize(
    ("name", "orders"), [("nse_depth", (1, 1)), ("bse_depth", (None, None)), ("bfo_depth", (1, 2))]
)
def test_depth_of_each_exchange(name: str, orders: tuple[int | None, int | None]) -> None:
    tick = frames.decode_stock(PAYLOADS[name])
    assert isinstance(tick, DepthTick)
    assert len(tick.bids) == len(tick.asks) == 2
    assert (tick.bids[0].orders, tick.asks[0].orders) == orders
    assert tick.bids[0].price > tick.bids[1].price
    assert tick.asks[0].price < tick.asks[1].price
    assert tick.bids[0].price < tick.asks[0].price


def test_bar_times_are_indian_and_prices_are_in_the_order_low_high_open_close() -> None:
    bar = frames.decode_ohlc("NSE,RELIND,10.5,12,11,11.5,900,2022-12-02 14:13:00,1MIN")
    assert bar == OhlcBar(
        exchange="NSE",
        broker_code="RELIND",
        interval="1m",
        at_ms=1669970580000,  # 08:43:00 UTC
        open=11,
        high=12,
        low=10.5,
        close=11.5,
        volume=900,
        open_interest=None,
        expiry=None,
        strike=None,
        right=None,
    )


def test_bars_of_contracts_name_their_contract() -> None:
    option = frames.decode("1SEC", PAYLOADS["ohlc_option"])
    future = frames.decode("1SEC", PAYLOADS["ohlc_future"])
    assert isinstance(option, OhlcBar)
    assert isinstance(future, OhlcBar)
    assert (option.expiry, option.strike, option.right) == (date(2022, 12, 8), Decimal("18700.0"), "CE")
    assert (option.volume, option.open_interest) == (2500, 7592550)
    assert (future.expiry, future.strike, future.right) == (date(2022, 12, 29), None, None)
    assert (future.volume, future.open_interest) == (0, 11771450)


def test_an_option_order_counts_in_paise_and_names_the_real_average_rate() -> None:
    order = frames.decode("order", PAYLOADS["order_fno"])
    assert isinstance(order, OrderUpdate)
    assert (order.segment, order.status, order.action, order.product) == ("fno", "Requested", "Buy", "Options")
    assert (order.strike, order.right, order.expiry) == (Decimal(20000), "CE", date(2023, 8, 10))
    assert (order.limit_price, order.average_price) == (Decimal(3), Decimal("0.000000"))
    assert (order.quantity, order.executed_quantity, order.reference) == (50, 0, "202308071300000009")
    assert order.at_ms == 1691389195000  # 07-08-2023 11:49:55 IST


def test_an_order_with_51_fields_is_read_alike() -> None:
    short = PAYLOADS["order_fno"][:51]
    assert frames.decode_order(short) == frames.decode_order(PAYLOADS["order_fno"])


def test_a_cash_order() -> None:
    order = frames.decode_order(PAYLOADS["order_cash"])
    assert (order.segment, order.broker_code, order.status, order.validity) == ("cash", "ITC", "Ordered", "Day")
    assert (order.limit_price, order.average_price, order.blocked_amount) == (
        (Decimal("420.00"), Decimal("0.00"), Decimal("420.00"))
    )
    assert (order.quantity, order.open_quantity, order.strike) == (1, 1, None)


def test_advice_of_the_research_rooms_is_recognised_by_length() -> None:
    gain = frames.decode_stock([f"g{i}" for i in range(19)])
    click = frames.decode_stock([f"c{i}" for i in range(28)])
    assert isinstance(gain, Advice)
    assert isinstance(click, Advice)
    assert (gain.room, gain.fields["stock_code"], gain.fields["subscription_type"]) == ("i_click_2_gain", "g1", "g18")
    assert (click.room, click.fields["underlying"], click.fields["status"]) == ("one_click_fno", "c8", "c27")


@pytest.mark.parametrize(
    ("index", "value"),
    [
        (2, None),
        (2, -1.0),
        (2, float("nan")),
        (2, float("inf")),
        (2, True),
        (2, "1e5"),
        (1, [1]),
        (12, 1.5),
        (12, -4),
        (12, 10**400),
        (15, "12Q"),
        (15, "9" * 10_000),
        (19, 0),
        (19, None),
        (19, 10**30),
        (0, "4.9!1"),
        (0, "99.1!1"),
        (0, "4.1!"),
    ],
)
def test_a_wrong_field_is_refused(index: int, value: object) -> None:
    frame = list(PAYLOADS["nse_equity"])
    frame[index] = value
    with pytest.raises(MalformedFrame):
        frames.decode_stock(frame)


@pytest.mark.parametrize("name", ARRAYS)
def test_a_frame_cut_short_is_refused(name: str) -> None:
    channel = "order" if name.startswith("order") else "stock"
    least = {"order_fno": 47, "gift": 17}.get(name, len(PAYLOADS[name]))
    # A commodity frame may lose whole book levels, but not its numbers.
    least = 23 if name == "mcx" else least
    for size in range(least):
        with pytest.raises(MalformedFrame):
            frames.decode(channel, PAYLOADS[name][:size])


def test_bars_that_contradict_themselves_are_refused() -> None:
    for line in (
        "NSE,X,12,10,11,11,5,2022-12-02 14:13:53,1SEC",
        "NSE,X,10,12,9,11,5,2022-12-02 14:13:53,1SEC",
        "NSE,X,10,12,11,11,5,2022-13-02 14:13:53,1SEC",
        "NSE,X,10,12,11,11,5,2022-12-02 14:13:53,2SEC",
        "NSE,X,10,12,11,11,5,2022-12-02 14:13:53",
        "LSE,X,10,12,11,11,5,2022-12-02 14:13:53,1SEC",
        "NFO,X,30-Feb-2022,1,1,1,1,0,1,2022-12-02 14:19:21,1SEC",
        f"NFO,X,{'9' * 50}-Feb-2022,1,1,1,1,0,1,2022-12-02 14:19:21,1SEC",
        "NFO,X,30-02-12345,1,1,1,1,0,1,2022-12-02 14:19:21,1SEC",
    ):
        with pytest.raises(MalformedFrame):
            frames.decode_ohlc(line)


@given(channel=st.sampled_from(["stock", "order", "1MIN", "other"]), payload=json_values)
def test_f_16_nothing_but_malformed_frame_escapes(channel: str, payload: object) -> None:
    """F-16: garbage of every JSON form; a million inputs are in `make soak`."""
    with suppress(MalformedFrame):
        frames.decode(channel, payload)


@given(name=st.sampled_from(ARRAYS), data=st.data())
def test_f_16_a_mutated_frame_decodes_or_is_malformed(name: str, data: st.DataObject) -> None:
    """F-16: good frames with wrong fields, NaN and infinity among them."""
    frame = list(PAYLOADS[name])
    for _ in range(data.draw(st.integers(1, 3))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(json_values)
    channel = "order" if name.startswith("order") else "stock"
    try:
        event = frames.decode(channel, frame)
    except MalformedFrame:
        return
    if isinstance(event, QuoteTick):
        numbers = [value for value in event[3:] if isinstance(value, float)]
        assert all(value == value and abs(value) <= 1e12 for value in numbers if value is not event.turnover)


@given(line=st.text(max_size=200) | st.lists(st.text(max_size=12), min_size=9, max_size=13).map(",".join))
def test_f_16_any_text_is_a_bar_or_malformed(line: str) -> None:
    """F-16: garbage on the OHLC channel."""
    with suppress(MalformedFrame):
        frames.decode_ohlc(line)


@pytest.mark.soak
def test_f_16_a_million_mutations_crash_nothing() -> None:
    """F-16 as the matrix asks for it: 10⁶ frames with fields exchanged, cut, repeated, blown up or replaced."""
    dice = random.Random(16)
    strange = [None, "", "x" * 1_000_000, -1, 0, 10**400, float("nan"), float("inf"), -0.0, [], {}, True, "NaN", "\x00"]
    decoded = refused = 0
    for _ in range(1_000_000):
        name = dice.choice(ARRAYS)
        frame = list(PAYLOADS[name])
        for _ in range(dice.randint(1, 4)):
            place = dice.randrange(len(frame)) if frame else 0
            match dice.randrange(4):
                case 0 if frame:
                    frame[place] = dice.choice(strange)
                case 1 if frame:
                    del frame[place:]
                case 2 if frame:
                    frame[place], frame[0] = frame[0], frame[place]
                case _:
                    frame.insert(place, dice.choice(strange))
        try:
            frames.decode("order" if name.startswith("order") else "stock", frame)
        except MalformedFrame:
            refused += 1
        else:
            decoded += 1
    assert decoded + refused == 1_000_000
    assert refused > 100_000
