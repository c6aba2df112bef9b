"""The matching engine rule by rule: when an order fills, at what price, and what is said when it does not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from breezeway.clock import IST
from breezeway.errors import Conflict, InvalidInput, NotFound
from breezeway.exchange.breakers import Halt
from breezeway.exchange.explanations import Rule
from breezeway.exchange.market import (
    Book,
    Depth,
    InstrumentKind,
    InstrumentRules,
    Level,
    MarketTick,
    quoted_price,
)
from breezeway.exchange.matching import Events, InstrumentBook
from breezeway.exchange.orders import (
    Amendment,
    EventKind,
    Fill,
    Order,
    OrderType,
    Product,
    Side,
    Validity,
)
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment

SHARE = InstrumentRules("NSE:A", Segment.NSE, InstrumentKind.EQUITY, Decimal("0.05"), cas_eligible=True)


def at(clock: str, day: str = "2026-11-20") -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=IST).astimezone(UTC)


NOON = at("12:00:00")
HALT = Halt("NSE_INDEX:NIFTY", Decimal(10), NOON, at("12:45:00"), at("13:00:00"))


def tick(
    second: float,
    ltp: str,
    volume: int | None = None,
    *,
    last: int | None = None,
    bid: str | None = None,
    bid_quantity: int = 100,
    ask: str | None = None,
    ask_quantity: int = 100,
    **more: object,
) -> MarketTick:
    """`second` after noon; the touch is five paise either side of the price unless given."""
    price = Decimal(ltp)
    return MarketTick(
        at=NOON + timedelta(seconds=second),
        ltp=price,
        volume=volume,
        last_quantity=last,
        bid=Decimal(bid) if bid else price - Decimal("0.05"),
        bid_quantity=bid_quantity,
        ask=Decimal(ask) if ask else price + Decimal("0.05"),
        ask_quantity=ask_quantity,
        **more,  # type: ignore[arg-type]
    )


def book_of(bids: list[tuple[str, int]], asks: list[tuple[str, int]]) -> Book:
    return Book(
        tuple(Level(Decimal(price), quantity) for price, quantity in bids),
        tuple(Level(Decimal(price), quantity) for price, quantity in asks),
    )


FIVE = book_of(
    [("99.95", 100), ("99.90", 200), ("99.85", 300), ("99.80", 400), ("99.75", 500)],
    [("100.05", 100), ("100.10", 200), ("100.15", 300), ("100.20", 400), ("100.25", 500)],
)


def order(name: str = "o", **changes: object) -> Order:
    values: dict[str, object] = {
        "order_id": name,
        "account_id": "a",
        "symbol": "NSE:A",
        "side": Side.BUY,
        "quantity": 100,
        "order_type": OrderType.LIMIT,
        "product": Product.MIS,
    }
    values.update(changes)
    for key in ("price", "trigger_price"):
        if isinstance(values.get(key), str):
            values[key] = Decimal(str(values[key]))
    return Order(**values)  # type: ignore[arg-type]


def market(name: str = "o", **changes: object) -> Order:
    return order(name, order_type=OrderType.MARKET, **changes)


def fills(events: Events) -> list[tuple[str, int, str]]:
    return [
        (event.order_id, event.fill.quantity, str(event.fill.price)) for event in events if isinstance(event.fill, Fill)
    ]


def kinds(events: Events) -> list[tuple[str, str]]:
    return [(event.kind.value, event.code) for event in events]


@pytest.fixture
def book() -> InstrumentBook:
    """In the middle of the day, at 100, with five levels on display."""
    engine = InstrumentBook(SHARE, MarketCalendar.default())
    engine.on_tick(tick(-1, "100", 1000))
    engine.on_depth(Depth(NOON, FIVE))
    return engine


class TestArrival:
    def test_a_market_order_walks_the_levels(self, book: InstrumentBook) -> None:
        events = book.accept(market(quantity=450), NOON)
        assert fills(events) == [("o", 100, "100.05"), ("o", 200, "100.10"), ("o", 150, "100.15")]
        assert [event.kind for event in events] == [
            EventKind.ACCEPT,
            EventKind.PARTIAL_FILL,
            EventKind.PARTIAL_FILL,
            EventKind.FILL,
        ]
        explanation = events[-1].explanation
        assert explanation is not None
        assert (explanation.rule, explanation.book) == (Rule.TAKES_BOOK, FIVE)

    def test_a_sell_walks_the_bids(self, book: InstrumentBook) -> None:
        assert fills(book.accept(market(side=Side.SELL, quantity=150), NOON)) == [
            ("o", 100, "99.95"),
            ("o", 50, "99.90"),
        ]

    def test_what_five_levels_do_not_hold_waits_for_more(self, book: InstrumentBook) -> None:
        assert sum(quantity for _, quantity, _ in fills(book.accept(market(quantity=1600), NOON))) == 1500
        assert book.explain("o", NOON).rule is Rule.WAITS_FOR_LIQUIDITY
        # The same quantity still on display is gone for us; one more level of the market is not.
        assert fills(book.on_depth(Depth(NOON + timedelta(seconds=1), FIVE))) == []
        deeper = book_of([("99.95", 100)], [("100.30", 600)])
        assert fills(book.on_depth(Depth(NOON + timedelta(seconds=2), deeper))) == [("o", 100, "100.30")]

    def test_a_market_order_stops_at_its_protection(self, book: InstrumentBook) -> None:
        book.on_depth(Depth(NOON, book_of([("99.95", 1)], [("100.05", 10), ("103.05", 500)])))
        assert fills(book.accept(market(), NOON)) == [("o", 10, "100.05")]

    def test_a_limit_order_takes_no_worse_than_its_price(self, book: InstrumentBook) -> None:
        assert fills(book.accept(order(price="100.10", quantity=400), NOON)) == [
            ("o", 100, "100.05"),
            ("o", 200, "100.10"),
        ]

    def test_an_ioc_order_leaves_nothing_behind(self, book: InstrumentBook) -> None:
        events = book.accept(order(price="100.05", quantity=150, validity=Validity.IOC), NOON)
        assert kinds(events)[1:] == [("partial_fill", "takes_book"), ("cancel", "ioc_remainder")]
        assert book.working == ()

    def test_two_orders_of_an_account_do_not_take_the_same_quantity(self, book: InstrumentBook) -> None:
        book.accept(market("one", quantity=100), NOON)
        assert fills(book.accept(market("two", quantity=100), NOON)) == [("two", 100, "100.10")]

    def test_accounts_do_not_see_each_other(self, book: InstrumentBook) -> None:
        book.accept(market("one"), NOON)
        assert fills(book.accept(market("two", account_id="b"), NOON)) == [("two", 100, "100.05")]

    def test_what_was_taken_comes_back_as_the_market_trades(self, book: InstrumentBook) -> None:
        book.accept(market("one", quantity=100), NOON)
        book.on_tick(tick(1, "100.05", 1060, bid="99.95", ask="100.05", ask_quantity=100))
        late = book.accept(order("two", price="100.05"), NOON + timedelta(seconds=1))
        assert fills(late) == [("two", 60, "100.05")]

    def test_an_order_is_accepted_once_and_in_its_own_book(self, book: InstrumentBook) -> None:
        book.accept(order(price="99"), NOON)
        with pytest.raises(Conflict):
            book.accept(order(price="99"), NOON)
        with pytest.raises(InvalidInput):
            book.accept(order("x", symbol="NSE:B", price="99"), NOON)


class TestResting:
    def test_a_price_that_nobody_met_does_not_fill(self, book: InstrumentBook) -> None:
        book.accept(order(price="99.40"), NOON)
        assert book.on_tick(tick(1, "99.55", 5000)) == ()
        told = book.explain("o", NOON + timedelta(seconds=1))
        assert told.rule is Rule.WAITS_FOR_PRICE
        assert "99.60" in told.text

    def test_trading_through_fills_up_to_what_was_traded(self, book: InstrumentBook) -> None:
        book.accept(order(price="99.50"), NOON)
        book.on_tick(tick(1, "99.60", 1100))
        through = tick(2, "99.45", 1130, bid="99.40", ask="99.55")
        assert fills(book.on_tick(through)) == [("o", 30, "99.50")]
        assert fills(book.on_tick(replace(through, at=through.at + timedelta(seconds=1), volume=9000))) == [
            ("o", 70, "99.50")
        ]

    def test_a_stale_print_repeated_fills_nothing(self, book: InstrumentBook) -> None:
        book.on_tick(tick(1, "99", 2000, bid="98.95", ask="101"))
        book.accept(order(price="100"), NOON + timedelta(seconds=1))
        assert fills(book.on_tick(tick(2, "99", 2000, bid="98.95", ask="101"))) == []

    def test_at_the_touch_the_queue_trades_first(self, book: InstrumentBook) -> None:
        book.accept(order(price="99.95"), NOON)
        assert book.explain("o", NOON).queue_ahead == 100
        at_touch = {"bid": "99.95", "ask": "100.05", "bid_quantity": 500}
        book.on_tick(tick(1, "99.95", 1010, last=10, **at_touch))  # type: ignore[arg-type]
        assert book.explain("o", NOON + timedelta(seconds=1)).queue_ahead == 90
        assert fills(book.on_tick(tick(2, "99.95", 1090, **at_touch))) == []  # type: ignore[arg-type]
        told = book.explain("o", NOON + timedelta(seconds=2))
        assert (told.rule, told.queue_ahead) == (Rule.WAITS_IN_QUEUE, 10)
        assert fills(book.on_tick(tick(3, "99.95", 1150, **at_touch))) == [("o", 50, "99.95")]  # type: ignore[arg-type]
        assert fills(book.on_tick(tick(4, "99.95", 1300, **at_touch))) == [("o", 50, "99.95")]  # type: ignore[arg-type]

    def test_a_moved_price_counts_only_the_last_trade(self, book: InstrumentBook) -> None:
        book.accept(order(price="99.95"), NOON)
        book.on_tick(tick(1, "100", 1100))
        book.on_tick(tick(2, "99.95", 2000, last=30, bid="99.95", bid_quantity=100, ask="100.05"))
        assert book.explain("o", NOON + timedelta(seconds=2)).queue_ahead == 70

    def test_a_queue_is_never_longer_than_what_is_displayed(self, book: InstrumentBook) -> None:
        book.accept(order(price="99.90"), NOON)
        book.on_depth(Depth(NOON + timedelta(seconds=1), book_of([("99.95", 9), ("99.90", 40), ("99.85", 9)], [])))
        book.on_depth(Depth(NOON + timedelta(seconds=2), FIVE))
        assert book.explain("o", NOON + timedelta(seconds=2)).queue_ahead == 40

    def test_a_price_out_of_sight_has_an_unknown_queue(self, book: InstrumentBook) -> None:
        book.accept(order(price="99"), NOON)
        assert book.explain("o", NOON).queue_ahead is None
        book.on_tick(tick(1, "99", 1100, last=100, bid="99", bid_quantity=700, ask="99.05"))
        assert book.explain("o", NOON + timedelta(seconds=1)).queue_ahead == 700

    def test_a_crossing_book_meets_the_order_at_its_price(self, book: InstrumentBook) -> None:
        book.accept(order(price="100"), NOON)
        crossing = Depth(NOON + timedelta(seconds=1), book_of([("99.80", 5)], [("99.90", 60), ("100.05", 100)]))
        events = book.on_depth(crossing)
        assert fills(events) == [("o", 60, "100")]
        assert events[0].fill is not None
        assert events[0].fill.maker

    def test_own_orders_at_a_price_fill_in_turn(self, book: InstrumentBook) -> None:
        for name in ("one", "two"):
            book.accept(order(name, price="99.95", quantity=50), NOON)
        touch = {"bid": "99.95", "ask": "100.05"}
        book.on_tick(tick(1, "99.95", 1000, last=0, **touch))  # type: ignore[arg-type]
        events = book.on_tick(tick(2, "99.95", 1180, **touch))  # type: ignore[arg-type]
        assert fills(events) == [("one", 50, "99.95"), ("two", 30, "99.95")]

    def test_the_better_price_is_served_first(self, book: InstrumentBook) -> None:
        book.accept(order("low", price="99.40"), NOON)
        book.accept(order("high", price="99.50"), NOON)
        book.on_tick(tick(1, "99.60", 1100))
        assert fills(book.on_tick(tick(2, "99.30", 1250, bid="99.25", ask="99.60"))) == [
            ("high", 100, "99.50"),
            ("low", 50, "99.40"),
        ]

    def test_a_sell_mirrors_a_buy(self, book: InstrumentBook) -> None:
        book.accept(order(side=Side.SELL, price="100.50"), NOON)
        book.on_tick(tick(1, "100.40", 1100))
        assert fills(book.on_tick(tick(2, "100.55", 1140, bid="100.45", ask="100.60"))) == [("o", 40, "100.50")]

    def test_without_volume_a_new_price_beyond_fills(self) -> None:
        book = InstrumentBook(SHARE, MarketCalendar.default())
        book.on_tick(tick(0, "100"))
        book.accept(order(price="99.50"), NOON)
        assert fills(book.on_tick(tick(1, "99.40", bid="99.35", ask="99.55"))) == [("o", 100, "99.50")]

    def test_an_old_tick_is_left_out(self, book: InstrumentBook) -> None:
        book.accept(order(price="99.50"), NOON)
        assert book.on_tick(tick(-5, "90", 99999)) == ()
        assert book.on_depth(Depth(NOON - timedelta(seconds=1), book_of([], [("90", 1000)]))) == ()
        assert len(book.working) == 1


class TestStops:
    def test_a_stop_triggers_on_the_last_price_and_then_arrives(self, book: InstrumentBook) -> None:
        stop = order(order_type=OrderType.SL, trigger_price="101", price="101.20", quantity=150)
        assert kinds(book.accept(stop, NOON)) == [("accept_stop", "accepted")]
        assert book.explain("o", NOON).rule is Rule.WAITS_FOR_TRIGGER
        assert book.on_tick(tick(1, "100.95", 1100)) == ()
        events = book.on_tick(tick(2, "101", 1200))
        assert kinds(events) == [("trigger", "triggered"), ("partial_fill", "takes_book")]
        assert fills(events) == [("o", 100, "101.05")]

    def test_a_gap_beyond_the_limit_leaves_the_stop_resting(self, book: InstrumentBook) -> None:
        book.accept(order(order_type=OrderType.SL, trigger_price="101", price="101.20"), NOON)
        events = book.on_tick(tick(1, "102", 1200))
        assert kinds(events) == [("trigger", "triggered")]
        assert book.explain("o", NOON + timedelta(seconds=1)).rule is Rule.WAITS_FOR_PRICE

    def test_a_market_stop_fills_at_the_book_whatever_the_gap(self, book: InstrumentBook) -> None:
        stop = order(order_type=OrderType.SL_M, side=Side.SELL, trigger_price="99")
        book.accept(stop, NOON)
        assert fills(book.on_tick(tick(1, "95", 1200, bid="94.90", ask="95.10"))) == [("o", 100, "94.90")]


class TestPhases:
    def test_an_order_before_the_open_meets_the_opening_book(self) -> None:
        book = InstrumentBook(SHARE, MarketCalendar.default())
        book.accept(order(price="100"), at("09:02:00"))
        assert book.explain("o", at("09:02:00")).rule is Rule.WAITS_FOR_MARKET
        assert book.on_tick(replace(tick(0, "95", 10), at=at("09:08:00"))) == ()
        events = book.on_tick(replace(tick(0, "95", 10), at=at("09:15:00")))
        assert fills(events) == [("o", 100, "95.05")]
        assert events[0].code == "opening_gap"

    def test_a_day_order_expires_and_says_why_it_did_not_fill(self) -> None:
        book = InstrumentBook(replace(SHARE, cas_eligible=False), MarketCalendar.default())
        book.on_tick(tick(0, "100", 1000))
        book.accept(order(price="99"), NOON)
        book.on_tick(replace(tick(0, "100", 1000), at=at("15:29:59")))
        (event,) = book.advance(at("15:30:00"))
        assert (event.kind, event.code, event.at) == (EventKind.EXPIRE, "day_over", at("15:30:00"))
        assert book.working == ()

    def test_a_limit_order_is_carried_into_the_auction_and_a_stop_is_not(self, book: InstrumentBook) -> None:
        book.accept(order("limit", price="99"), NOON)
        book.accept(order("stop", order_type=OrderType.SL, trigger_price="105", price="106"), NOON)
        (event,) = book.advance(at("15:15:00"))
        assert (event.order_id, event.code) == ("stop", "auction_begins")
        assert book.explain("limit", at("15:21:00")).rule is Rule.WAITS_FOR_AUCTION
        assert book.on_tick(replace(tick(0, "90", 99999), at=at("15:22:00"))) == ()
        assert kinds(book.advance(at("15:35:00"))) == [("expire", "day_over")]

    def test_both_ends_come_in_time_order_when_nothing_ticked(self, book: InstrumentBook) -> None:
        book.accept(order("limit", price="99"), NOON)
        book.accept(order("stop", order_type=OrderType.SL, trigger_price="105", price="106"), NOON)
        events = book.advance(at("18:00:00"))
        assert [(event.order_id, event.at) for event in events] == [
            ("stop", at("15:15:00")),
            ("limit", at("15:35:00")),
        ]

    def test_an_order_in_cotton_ends_with_its_own_market(self) -> None:
        cotton = replace(SHARE, symbol="MCX:COTTON", segment=Segment.MCX, cas_eligible=False, underlying="COTTON")
        book = InstrumentBook(cotton, MarketCalendar.default())
        evening = at("20:59:00")
        book.on_tick(replace(tick(0, "100", 1000), at=evening))
        book.accept(order(price="99", symbol="MCX:COTTON"), evening)
        assert book.on_tick(replace(tick(0, "90", 99999), at=at("21:00:00")))[0].code == "day_over"
        assert kinds(book.accept(order("two", price="99", symbol="MCX:COTTON"), at("21:00:00"))) == [
            ("reject", "market_closed")
        ]

    def test_after_the_day_an_order_is_rejected(self, book: InstrumentBook) -> None:
        assert kinds(book.accept(order(price="99"), at("16:30:00"))) == [("reject", "market_closed")]

    def test_what_worked_before_a_restart_expires_when_its_day_is_over(self, book: InstrumentBook) -> None:
        evening = at("18:00:00")
        assert kinds(book.readmit(order(price="99"), evening, filled=0, fills=0, triggered=False)) == [
            ("expire", "day_over")
        ]

    def test_a_stop_that_the_price_has_passed_already_triggers_at_once(self, book: InstrumentBook) -> None:
        stop = order(order_type=OrderType.SL, trigger_price="99.50", price="101")
        assert [event.kind for event in book.accept(stop, NOON)] == [
            EventKind.ACCEPT_STOP,
            EventKind.TRIGGER,
            EventKind.FILL,
        ]

    def test_a_market_order_rests_at_its_protection_while_nobody_sells(self) -> None:
        """Who sells later meets it there, as they meet any order that waits."""
        empty = InstrumentBook(SHARE, MarketCalendar.default())
        empty.accept(market(), NOON)
        assert fills(empty.on_tick(tick(1, "100", 1000, ask_quantity=0))) == []
        assert empty.explain("o", NOON + timedelta(seconds=1)).rule is Rule.WAITS_FOR_LIQUIDITY
        assert fills(empty.on_tick(tick(2, "100", 1000))) == [("o", 100, "103.00")]

    def test_a_displayed_price_outside_the_bands_fills_nobody(self, book: InstrumentBook) -> None:
        book.on_tick(tick(1, "100", 1000, upper_band=Decimal("100.05")))
        asks = book_of([("99.95", 10)], [("100.05", 10), ("100.10", 500)])
        book.on_depth(Depth(NOON + timedelta(seconds=2), asks))
        assert fills(book.accept(market(), NOON + timedelta(seconds=2))) == [("o", 10, "100.05")]

    def test_a_depth_after_the_close_ends_the_day(self, book: InstrumentBook) -> None:
        book.accept(order(price="99"), NOON)
        assert kinds(book.on_depth(Depth(at("15:40:00"), FIVE))) == [("expire", "day_over")]

    def test_a_halt_cancels_everything_and_fills_nothing(self, book: InstrumentBook) -> None:
        book.accept(order(price="99"), NOON)
        (event,) = book.halt(HALT)
        assert (event.kind, event.code, event.at, event.text) == (EventKind.CANCEL, "market_halt", NOON, HALT.text)
        assert event.explanation is not None
        assert event.explanation.rule is Rule.HALTED
        assert kinds(book.accept(order("two", price="99"), at("12:10:00"))) == [("reject", "market_halt")]
        assert book.on_tick(tick(1, "90", 99999)) == ()

    def test_orders_of_the_pre_open_meet_the_opening_after_a_halt(self, book: InstrumentBook) -> None:
        book.halt(HALT)
        early = at("12:50:00")
        assert kinds(book.accept(order("two", price="99"), early)) == [("accept", "accepted")]
        assert kinds(book.accept(market("three"), early)) == [("accept", "accepted")]
        stop = order("four", order_type=OrderType.SL, trigger_price="105", price="106")
        assert kinds(book.accept(stop, early)) == [("reject", "auction_order_type")]
        assert kinds(book.accept(market("five", validity=Validity.IOC), early)) == [("reject", "auction_order_type")]
        assert kinds(book.modify("two", Amendment(quantity=50), early)) == [("modify", "modified")]
        assert book.on_tick(replace(tick(0, "90", 99999), at=at("12:59:59"))) == ()
        assert book.explain("two", at("12:59:59")).rule is Rule.HALTED
        assert fills(book.on_tick(replace(tick(0, "90", 99999, ask_quantity=500), at=at("13:00:00")))) == [
            ("two", 50, "90.05"),
            ("three", 100, "90.05"),
        ]

    def test_a_halt_for_the_rest_of_the_day_is_over_on_the_next(self, book: InstrumentBook) -> None:
        midnight = at("00:00:00", "2026-11-21")
        book.halt(replace(HALT, entry=midnight, resumes=midnight))
        assert kinds(book.accept(order(price="99"), at("15:00:00"))) == [("reject", "market_halt")]
        monday = at("12:00:00", "2026-11-23")
        assert kinds(book.accept(order("two", price="99"), monday)) == [("accept", "accepted")]
        assert fills(book.on_tick(replace(tick(0, "90", 99999), at=monday))) == [("two", 100, "90.05")]

    def test_a_halt_survives_a_snapshot(self, book: InstrumentBook) -> None:
        book.halt(HALT)
        again = InstrumentBook.restore(book.snapshot(), MarketCalendar.default())
        assert kinds(again.accept(order(price="99"), at("12:44:59"))) == [("reject", "market_halt")]
        assert kinds(again.accept(order(price="99"), at("12:45:00"))) == [("accept", "accepted")]

    def test_a_book_that_is_built_while_halted_keeps_what_came_for_the_opening(self, book: InstrumentBook) -> None:
        now = at("12:50:00")
        for name in ("early", "late"):
            book.readmit(order(name, price="99"), now, filled=0, fills=0, triggered=False)
        assert [event.order_id for event in book.halt(HALT, keep={"late"})] == ["early"]
        assert fills(book.on_tick(replace(tick(0, "90", 99999), at=at("13:00:00")))) == [("late", 100, "90.05")]


class TestFeed:
    def test_a_market_order_on_a_stale_feed_waits_for_a_tick(self, book: InstrumentBook) -> None:
        late = NOON + timedelta(seconds=16)
        assert fills(book.accept(market(), late)) == []
        assert book.explain("o", late).rule is Rule.STALE_FEED
        assert fills(book.on_tick(tick(17, "120", 9000))) == [("o", 100, "120.05")]

    def test_an_ioc_order_on_a_stale_feed_is_cancelled(self, book: InstrumentBook) -> None:
        book.feed_lost()
        events = book.accept(market(validity=Validity.IOC), NOON)
        assert kinds(events)[-1] == ("cancel", "stale_feed")

    def test_what_traded_while_the_feed_was_lost_counts_for_no_queue(self, book: InstrumentBook) -> None:
        book.accept(order(price="99.95"), NOON)
        touch = {"bid": "99.95", "ask": "100.05"}
        book.on_tick(tick(1, "99.95", 1000, **touch))  # type: ignore[arg-type]
        book.feed_lost()
        assert fills(book.on_tick(tick(2, "99.95", 90000, last=10, **touch))) == []  # type: ignore[arg-type]
        assert book.explain("o", NOON + timedelta(seconds=2)).queue_ahead == 90


class TestBands:
    def test_at_the_upper_circuit_nobody_sells(self, book: InstrumentBook) -> None:
        circuit = tick(1, "105", 2000, bid="105", bid_quantity=90000, ask_quantity=0, upper_band=Decimal(105))
        book.on_tick(circuit)
        assert fills(book.accept(market(), circuit.at)) == []
        told = book.explain("o", circuit.at)
        assert (told.rule, told.queue_ahead) == (Rule.WAITS_IN_QUEUE, 90000)

    def test_new_bands_cancel_what_is_outside(self, book: InstrumentBook) -> None:
        book.accept(order(price="91"), NOON)
        events = book.on_tick(tick(1, "100", 1100, lower_band=Decimal(95), upper_band=Decimal(105)))
        assert kinds(events) == [("cancel", "out_of_band")]

    def test_an_order_outside_the_bands_is_rejected(self, book: InstrumentBook) -> None:
        book.on_tick(tick(1, "100", 1100, lower_band=Decimal(95), upper_band=Decimal(105)))
        assert kinds(book.accept(order(price="94"), NOON + timedelta(seconds=1))) == [("reject", "price_band")]


class TestChanges:
    def test_a_smaller_quantity_keeps_the_place(self, book: InstrumentBook) -> None:
        book.accept(order(price="99.95"), NOON)
        book.on_depth(Depth(NOON + timedelta(seconds=1), book_of([("99.95", 20)], [("100.05", 1)])))
        book.on_depth(Depth(NOON + timedelta(seconds=2), FIVE))
        book.modify("o", Amendment(quantity=60), NOON + timedelta(seconds=2))
        assert book.explain("o", NOON + timedelta(seconds=2)).queue_ahead == 20

    @pytest.mark.parametrize("change", [Amendment(quantity=200), Amendment(price=Decimal("99.90"))])
    def test_anything_else_goes_to_the_back(self, book: InstrumentBook, change: Amendment) -> None:
        book.accept(order(price="99.95"), NOON)
        book.on_depth(Depth(NOON + timedelta(seconds=1), book_of([("99.95", 20), ("99.90", 20)], [("100.05", 1)])))
        book.on_depth(Depth(NOON + timedelta(seconds=2), FIVE))
        (event,) = book.modify("o", change, NOON + timedelta(seconds=2))
        assert event.order is not None
        queue = 100 if change.price is None else 200
        assert book.explain("o", NOON + timedelta(seconds=2)).queue_ahead == queue

    def test_a_price_into_the_book_fills(self, book: InstrumentBook) -> None:
        book.accept(order(price="99"), NOON)
        events = book.modify("o", Amendment(price=Decimal("100.05")), NOON)
        assert fills(events) == [("o", 100, "100.05")]

    def test_what_cannot_be_changed_is_refused_as_an_event(self, book: InstrumentBook) -> None:
        book.accept(order(price="100.05", quantity=150), NOON)
        assert kinds(book.modify("o", Amendment(quantity=100), NOON)) == [("modify_reject", "quantity_filled")]
        assert kinds(book.modify("x", Amendment(quantity=100), NOON)) == [("modify_reject", "order_not_working")]
        assert kinds(book.cancel("x", NOON)) == [("cancel_reject", "order_not_working")]
        book.on_tick(tick(1, "100.10", 1100, upper_band=Decimal(105)))
        later = NOON + timedelta(seconds=1)
        assert kinds(book.modify("o", Amendment(price=Decimal(106)), later)) == [("modify_reject", "price_band")]

    def test_a_triggered_stop_has_no_trigger_to_change(self, book: InstrumentBook) -> None:
        book.accept(order(order_type=OrderType.SL, trigger_price="101", price="101.20"), NOON)
        book.on_tick(tick(1, "102", 1200))
        later = NOON + timedelta(seconds=1)
        events = book.modify("o", Amendment(trigger_price=Decimal(99)), later)
        assert kinds(events) == [("modify_reject", "already_triggered")]

    def test_a_cancelled_order_says_what_it_waited_for(self, book: InstrumentBook) -> None:
        book.accept(order(price="99.95"), NOON)
        (event,) = book.cancel("o", NOON)
        assert event.explanation is not None
        assert event.explanation.rule is Rule.WAITS_IN_QUEUE
        with pytest.raises(NotFound):
            book.explain("o", NOON)


def test_a_quoted_price_is_exact() -> None:
    assert [str(quoted_price(value)) for value in (100.05, 1e-4, "2500", 0, 84.3125)] == [
        "100.05",
        "0.0001",
        "2500",
        "0",
        "84.3125",
    ]
