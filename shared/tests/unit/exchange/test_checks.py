"""Acceptance checks: each rule refuses by its code, and a good order passes all of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from breezeway.clock import IST
from breezeway.exchange.checks import AccountState, CheckContext, RateLimit, check_order
from breezeway.exchange.market import InstrumentKind, InstrumentRules
from breezeway.exchange.orders import Order, OrderType, Product, Side, Validity
from breezeway.exchange.prices import protected_limit
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment


def at(clock: str, day: str = "2026-11-20") -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=IST).astimezone(UTC)


NOON = at("12:00:00")
SHARE = InstrumentRules(
    "NSE:A",
    Segment.NSE,
    InstrumentKind.EQUITY,
    Decimal("0.05"),
    lower_band=Decimal(90),
    upper_band=Decimal(110),
    cas_eligible=True,
)
OPTION = InstrumentRules(
    "NFO:NIFTY24NOV2625000CE", Segment.NFO, InstrumentKind.OPTION, Decimal("0.05"), lot_size=65, freeze_quantity=1800
)
GOOD = Order("o", "a", "NSE:A", Side.BUY, 10, OrderType.LIMIT, Product.CNC, price=Decimal(100))
LOTS = replace(GOOD, symbol=OPTION.symbol, quantity=65, product=Product.NRML)
STOP = replace(GOOD, order_type=OrderType.SL, trigger_price=Decimal(101), price=Decimal(102))
SL_M = replace(GOOD, order_type=OrderType.SL_M, trigger_price=Decimal(101), price=None)
MARKET = replace(GOOD, order_type=OrderType.MARKET, price=None)
SELL = replace(GOOD, side=Side.SELL)
BSE_SHARE = replace(SHARE, segment=Segment.BSE)


@pytest.fixture(scope="module")
def context() -> CheckContext:
    return CheckContext(NOON, MarketCalendar.default(), Decimal(100), NOON)


@pytest.mark.parametrize(
    ("order", "rules"),
    [
        (GOOD, SHARE),
        (LOTS, OPTION),
        (STOP, SHARE),
        (SL_M, SHARE),
        (MARKET, SHARE),
        (replace(GOOD, product=Product.MIS), SHARE),
    ],
)
def test_a_good_order_passes(order: Order, rules: InstrumentRules, context: CheckContext) -> None:
    assert check_order(order, rules, context) == ()


@pytest.mark.parametrize(
    ("code", "order", "rules", "changes"),
    [
        ("tick_size", replace(GOOD, price=Decimal("100.03")), SHARE, {}),
        ("lot_size", replace(LOTS, quantity=100), OPTION, {}),
        ("freeze_quantity", replace(LOTS, quantity=1820), OPTION, {}),
        ("price_band", replace(GOOD, price=Decimal("110.05")), SHARE, {}),
        ("price_band", replace(GOOD, price=Decimal("89.95")), SHARE, {}),
        ("price_band", GOOD, SHARE, {"upper_band": Decimal(99)}),
        ("disclosed_quantity", replace(LOTS, disclosed_quantity=65), OPTION, {}),
        ("disclosed_quantity", replace(GOOD, quantity=100, disclosed_quantity=9), SHARE, {}),
        ("disclosed_quantity", replace(GOOD, disclosed_quantity=5, validity=Validity.IOC), SHARE, {}),
        ("not_tradable", GOOD, replace(SHARE, kind=InstrumentKind.INDEX), {}),
        ("sl_m_not_offered", SL_M, BSE_SHARE, {}),
        (
            "sl_m_not_offered",
            replace(SL_M, quantity=65, product=Product.NRML),
            OPTION,
            {},
        ),
        ("ioc_stop", replace(STOP, validity=Validity.IOC), SHARE, {}),
        (
            "ioc_not_offered",
            replace(LOTS, validity=Validity.IOC),
            replace(OPTION, segment=Segment.MCX),
            {},
        ),
        ("stop_limit_side", replace(STOP, price=Decimal("100.5")), SHARE, {}),
        ("stop_limit_side", replace(STOP, side=Side.SELL, trigger_price=Decimal(99), product=Product.MIS), SHARE, {}),
        ("trigger_side", replace(STOP, trigger_price=Decimal(100)), SHARE, {}),
        ("market_closed", GOOD, SHARE, {"at": at("08:59:59")}),
        ("market_closed", GOOD, SHARE, {"at": at("15:55:00")}),
        ("market_closed", GOOD, SHARE, {"at": at("12:00:00", "2026-11-21")}),
        ("auction_shut", GOOD, SHARE, {"at": at("09:11:00")}),
        ("auction_shut", GOOD, SHARE, {"at": at("15:17:00")}),
        ("auction_order_type", STOP, SHARE, {"at": at("09:02:00")}),
        ("auction_limit_only", MARKET, SHARE, {"at": at("09:06:00"), "last_at": at("09:06:00")}),
        ("product", replace(GOOD, product=Product.NRML), SHARE, {}),
        ("product", replace(LOTS, product=Product.CNC), OPTION, {}),
        ("trade_to_trade", replace(GOOD, product=Product.MIS), replace(SHARE, trade_to_trade=True), {}),
        ("insufficient_holdings", SELL, SHARE, {"sellable": 9}),
        ("stale_price", MARKET, SHARE, {"last_at": NOON - timedelta(seconds=16)}),
        ("stale_price", MARKET, SHARE, {"last": None, "last_at": None}),
        ("account_halted", GOOD, SHARE, {"state": AccountState.HALTED}),
        ("account_reducing", GOOD, SHARE, {"state": AccountState.REDUCING, "position": 5}),
        (
            "account_reducing",
            replace(GOOD, product=Product.MIS),
            SHARE,
            {"state": AccountState.REDUCING, "position": -9},
        ),
        ("order_rate", GOOD, SHARE, {"rate": RateLimit(10, NOON, 10)}),
    ],
)
def test_each_rule_refuses_by_its_code(
    code: str, order: Order, rules: InstrumentRules, changes: dict[str, object], context: CheckContext
) -> None:
    failures = check_order(order, rules, replace(context, **changes))  # type: ignore[arg-type]
    assert [failure.code for failure in failures] == [code]
    assert failures[0].text.endswith(".")


def test_every_failure_is_reported(context: CheckContext) -> None:
    worst = replace(LOTS, quantity=1833, price=Decimal("1.01"))
    codes = [failure.code for failure in check_order(worst, OPTION, replace(context, at=at("08:00:00")))]
    assert codes == ["lot_size", "freeze_quantity", "tick_size", "market_closed"]


def test_the_freeze_text_names_what_can_be_sent(context: CheckContext) -> None:
    (failure,) = check_order(replace(LOTS, quantity=1820), OPTION, context)
    assert "1755" in failure.text


def test_reducing_lets_a_position_shrink(context: CheckContext) -> None:
    covering = replace(GOOD, product=Product.MIS)
    assert check_order(covering, SHARE, replace(context, state=AccountState.REDUCING, position=-10)) == ()
    selling = replace(context, state=AccountState.REDUCING, sellable=10)
    assert check_order(SELL, SHARE, selling) == ()


def test_sl_m_was_offered_before_it_was_dropped(context: CheckContext) -> None:
    old = at("12:00:00", "2023-10-06")
    assert check_order(SL_M, BSE_SHARE, replace(context, at=old, last_at=old)) == ()


@pytest.mark.parametrize(
    ("underlying", "last_minute"), [("GOLD", "23:54:59"), ("COTTON", "20:59:59"), ("MENTHAOIL", "16:59:59")]
)
def test_farm_produce_closes_before_its_exchange(context: CheckContext, underlying: str, last_minute: str) -> None:
    rules = replace(OPTION, symbol="MCX:X", segment=Segment.MCX, underlying=underlying)
    open_ = at(last_minute)
    assert check_order(LOTS, rules, replace(context, at=open_)) == ()
    (failure,) = check_order(LOTS, rules, replace(context, at=open_ + timedelta(seconds=1)))
    assert failure.code == "market_closed"


def test_the_rate_counts_calendar_seconds() -> None:
    limit = RateLimit(2)
    for millisecond in (100, 900):
        moment = NOON + timedelta(milliseconds=millisecond)
        assert limit.allows(moment)
        limit = limit.counted(moment)
    assert not limit.allows(NOON + timedelta(milliseconds=999))
    assert limit.allows(NOON + timedelta(seconds=1))
    assert limit.counted(NOON + timedelta(seconds=1)).used == 1


@pytest.mark.parametrize(
    ("kind", "buy", "last", "expected"),
    [
        (InstrumentKind.EQUITY, True, "100", "103.00"),
        (InstrumentKind.EQUITY, False, "100.15", "97.15"),  # 97.1455 up to the grid, not beyond three percent
        (InstrumentKind.EQUITY, True, "0.5", "0.55"),  # at least five paise
        (InstrumentKind.FUTURE, True, "100", "101.50"),
        (InstrumentKind.OPTION, True, "20", "25.00"),  # at least five rupees
        (InstrumentKind.OPTION, False, "3", "0.05"),  # never at nothing
        (InstrumentKind.OPTION, True, "200", "110.00"),  # the band
        (InstrumentKind.EQUITY, False, "91", "90.00"),  # the band
    ],
)
def test_a_market_order_reaches_no_further_than_its_protection(
    kind: InstrumentKind, buy: bool, last: str, expected: str
) -> None:
    rules = replace(SHARE, kind=kind)
    lower = Decimal(90) if expected == "90.00" else None
    assert protected_limit(Decimal(last), rules, buy=buy, lower=lower, upper=Decimal(110)) == Decimal(expected)
