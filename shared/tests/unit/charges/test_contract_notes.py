"""Contract notes against hand-worked arithmetic, which stands beside each expectation."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway.charges.model import Charge, ChargeTrade, TradeKind
from breezeway.charges.notes import contract_note
from breezeway.charges.tables import ChargeTables
from breezeway.errors import InvalidInput, Misconfigured, NotFound
from breezeway.money import to_paise

NIFTY = ("NFO", "option", 65, "NIFTY")
FUTURE = ("NFO", "future", 65, "NIFTY")
SHARE = ("NSE", "delivery", 1, "")
DAYTRADE = ("NSE", "intraday", 1, "")

# id: day, plan, [(what, side, quantity, price)], {charge: (arithmetic, rupees)}
CASES = {
    "option sell": (
        "2026-11-20", "icici_neo", [(NIFTY, "sell", 65, "100")],
        {
            "brokerage": ("flat", "20.00"),
            "transaction": ("6500 * 0.03553% = 2.30945", "2.31"),
            "sebi": ("6500 * 0.0001% = 0.0065", "0.01"),
            "gst": ("18% * (20 + 2.31 + 0.01) = 4.0176", "4.02"),
            "stt": ("6500 * 0.15% = 9.75", "10.00"),
        },
    ),
    "option sell, last day of the old tax": (
        "2026-03-31", "icici_neo", [(NIFTY, "sell", 65, "100")],
        {
            "brokerage": ("flat", "20.00"),
            "transaction": ("6500 * 0.03553% = 2.30945", "2.31"),
            "sebi": ("0.0065", "0.01"),
            "gst": ("18% * 22.32", "4.02"),
            "stt": ("6500 * 0.1% = 6.50, half goes up", "7.00"),
        },
    ),
    "option sell, last day of the old transaction charge": (
        "2026-02-28", "icici_neo", [(NIFTY, "sell", 65, "100")],
        {
            "brokerage": ("flat", "20.00"),
            "transaction": ("6500 * 0.03503% = 2.27695", "2.28"),
            "ipft": ("6500 * 0.0005% = 0.0325", "0.03"),
            "sebi": ("0.0065", "0.01"),
            "gst": ("18% * (20 + 2.28 + 0.03 + 0.01) = 4.0176", "4.02"),
            "stt": ("6500 * 0.1% = 6.50", "7.00"),
        },
    ),
    "option buy pays stamp and no tax": (
        "2026-11-20", "icici_neo", [(NIFTY, "buy", 65, "100")],
        {
            "brokerage": ("flat", "20.00"),
            "transaction": ("2.30945", "2.31"),
            "sebi": ("0.0065", "0.01"),
            "gst": ("18% * 22.32", "4.02"),
            "stamp": ("6500 * 0.003% = 0.195", "0.20"),
        },
    ),
    "option sell by the lot, September 2024": (
        "2024-09-30", "icici_prime_2999", [(("NFO", "option", 25, "NIFTY"), "sell", 75, "200")],
        {
            "brokerage": ("3 lots * 29", "87.00"),
            "transaction": ("15000 * 0.0495% = 7.425", "7.43"),
            "ipft": ("15000 * 0.0005% = 0.075", "0.08"),
            "sebi": ("0.015", "0.02"),
            "gst": ("18% * (87 + 7.43 + 0.08 + 0.02) = 17.0154", "17.02"),
            "stt": ("15000 * 0.0625% = 9.375", "9.00"),
        },
    ),
    "option sell by the lot, October 2024": (
        "2024-10-01", "icici_prime_2999", [(("NFO", "option", 25, "NIFTY"), "sell", 75, "200")],
        {
            "brokerage": ("3 lots * 29", "87.00"),
            "transaction": ("15000 * 0.03503% = 5.2545", "5.25"),
            "ipft": ("0.075", "0.08"),
            "sebi": ("0.015", "0.02"),
            "gst": ("18% * 92.35 = 16.623", "16.62"),
            "stt": ("15000 * 0.1%", "15.00"),
        },
    ),
    "future sell, first day of the new tax": (
        "2026-04-01", "zerodha_like", [(FUTURE, "sell", 65, "25000")],
        {
            "brokerage": ("min(1625000 * 0.03% = 487.50, 20)", "20.00"),
            "transaction": ("1625000 * 0.00183% = 29.7375", "29.74"),
            "sebi": ("1.625", "1.63"),
            "gst": ("18% * (20 + 29.74 + 1.63) = 9.2466", "9.25"),
            "stt": ("1625000 * 0.05% = 812.50", "813.00"),
        },
    ),
    "future sell, last day of the old tax": (
        "2026-03-31", "zerodha_like", [(FUTURE, "sell", 65, "25000")],
        {
            "brokerage": ("capped", "20.00"),
            "transaction": ("29.7375", "29.74"),
            "sebi": ("1.625", "1.63"),
            "gst": ("18% * 51.37", "9.25"),
            "stt": ("1625000 * 0.02%", "325.00"),
        },
    ),
    "future sell, last day of the old transaction charge": (
        "2026-02-28", "zerodha_like", [(FUTURE, "sell", 65, "25000")],
        {
            "brokerage": ("capped", "20.00"),
            "transaction": ("1625000 * 0.00173% = 28.1125", "28.11"),
            "ipft": ("1625000 * 0.0001% = 1.625", "1.63"),
            "sebi": ("1.625", "1.63"),
            "gst": ("18% * (20 + 28.11 + 1.63 + 1.63) = 9.2466", "9.25"),
            "stt": ("1625000 * 0.02%", "325.00"),
        },
    ),
    "future sell, September 2024": (
        "2024-09-30", "zerodha_like", [(FUTURE, "sell", 65, "25000")],
        {
            "brokerage": ("capped", "20.00"),
            "transaction": ("1625000 * 0.00188%", "30.55"),
            "ipft": ("1.625", "1.63"),
            "sebi": ("1.625", "1.63"),
            "gst": ("18% * (20 + 30.55 + 1.63 + 1.63) = 9.6858", "9.69"),
            "stt": ("1625000 * 0.0125% = 203.125", "203.00"),
        },
    ),
    "future buy on Prime": (
        "2026-11-20", "icici_prime_9999", [(FUTURE, "buy", 65, "25000")],
        {
            "brokerage": ("1625000 * 0.007%", "113.75"),
            "transaction": ("29.7375", "29.74"),
            "sebi": ("1.625", "1.63"),
            "gst": ("18% * 145.12 = 26.1216", "26.12"),
            "stamp": ("1625000 * 0.002%", "32.50"),
        },
    ),
    "delivery buy on Prime": (
        "2026-11-20", "icici_prime_999", [(SHARE, "buy", 10, "2500")],
        {
            "brokerage": ("25000 * 0.22%", "55.00"),
            "transaction": ("25000 * 0.00307% = 0.7675", "0.77"),
            "sebi": ("0.025", "0.03"),
            "gst": ("18% * 55.80 = 10.044", "10.04"),
            "stt": ("25000 * 0.1%", "25.00"),
            "stamp": ("25000 * 0.015%", "3.75"),
        },
    ),
    "delivery sell at the discount broker pays the depository": (
        "2026-11-20", "zerodha_like", [(SHARE, "sell", 10, "2500")],
        {
            "brokerage": ("25000 * 0%", "0.00"),
            "transaction": ("0.7675", "0.77"),
            "sebi": ("0.025", "0.03"),
            "dp": ("once a scrip", "13.00"),
            "gst": ("18% * 13.80 = 2.484", "2.48"),
            "stt": ("25000 * 0.1%", "25.00"),
        },
    ),
    "delivery sell on Prime": (
        "2026-11-20", "icici_prime_299", [(SHARE, "sell", 10, "2500")],
        {
            "brokerage": ("25000 * 0.25%", "62.50"),
            "transaction": ("0.7675", "0.77"),
            "sebi": ("0.025", "0.03"),
            "dp": ("once a scrip", "20.00"),
            "gst": ("18% * 83.30 = 14.994", "14.99"),
            "stt": ("25000 * 0.1%", "25.00"),
        },
    ),
    "delivery buy before March 2026": (
        "2026-02-28", "zerodha_like", [(SHARE, "buy", 10, "2500")],
        {
            "brokerage": ("0", "0.00"),
            "transaction": ("25000 * 0.00297% = 0.7425", "0.74"),
            "ipft": ("0.025", "0.03"),
            "sebi": ("0.025", "0.03"),
            "gst": ("18% * 0.80 = 0.144", "0.14"),
            "stt": ("25", "25.00"),
            "stamp": ("3.75", "3.75"),
        },
    ),
    "intraday round trip": (
        "2026-11-20", "zerodha_like", [(DAYTRADE, "buy", 100, "546"), (DAYTRADE, "sell", 100, "550")],
        {
            "brokerage": ("54600 * 0.03% + 55000 * 0.03% = 16.38 + 16.50", "32.88"),
            "transaction": ("109600 * 0.00307% = 3.36472", "3.36"),
            "sebi": ("0.1096", "0.11"),
            "gst": ("18% * 36.35 = 6.543", "6.54"),
            "stt": ("55000 * 0.025% = 13.75", "14.00"),
            "stamp": ("54600 * 0.003% = 1.638", "1.64"),
        },
    ),
    "large intraday sell on a flat plan": (
        "2026-11-20", "icici_ivalue", [(DAYTRADE, "sell", 1000, "500")],
        {
            "brokerage": ("flat", "20.00"),
            "transaction": ("500000 * 0.00307%", "15.35"),
            "sebi": ("500000 * 0.0001%", "0.50"),
            "gst": ("18% * 35.85 = 6.453", "6.45"),
            "stt": ("500000 * 0.025%", "125.00"),
        },
    ),
    "the tax is rounded once a note": (
        "2026-11-20", "free", [(SHARE, "buy", 1, "1400"), (SHARE, "buy", 1, "1400")],
        {
            "brokerage": ("0", "0.00"),
            "transaction": ("2800 * 0.00307% = 0.08596", "0.09"),
            "sebi": ("0.0028", "0.00"),
            "gst": ("18% * 0.09 = 0.0162", "0.02"),
            "stt": ("1.40 + 1.40 = 2.80, not 1 + 1", "3.00"),
            "stamp": ("2800 * 0.015%", "0.42"),
        },
    ),
    "BSE group X": (
        "2026-11-20", "free", [(("BSE", "delivery", 1, "X"), "buy", 100, "20")],
        {
            "brokerage": ("0", "0.00"),
            "transaction": ("2000 * 0.1%", "2.00"),
            "sebi": ("0.002", "0.00"),
            "gst": ("18% * 2", "0.36"),
            "stt": ("2000 * 0.1%", "2.00"),
            "stamp": ("2000 * 0.015%", "0.30"),
        },
    ),
    "BSE group A": (
        "2026-11-20", "free", [(("BSE", "delivery", 1, "A"), "buy", 100, "20")],
        {
            "brokerage": ("0", "0.00"),
            "transaction": ("2000 * 0.00375% = 0.075", "0.08"),
            "sebi": ("0.002", "0.00"),
            "gst": ("18% * 0.08 = 0.0144", "0.01"),
            "stt": ("2", "2.00"),
            "stamp": ("0.30", "0.30"),
        },
    ),
    "SENSEX option sell": (
        "2026-11-20", "icici_neo", [(("BFO", "option", 20, "SENSEX"), "sell", 20, "300")],
        {
            "brokerage": ("flat", "20.00"),
            "transaction": ("6000 * 0.0325%", "1.95"),
            "sebi": ("0.006", "0.01"),
            "gst": ("18% * 21.96 = 3.9528", "3.95"),
            "stt": ("6000 * 0.15%", "9.00"),
        },
    ),
    "other BSE option sell": (
        "2026-11-20", "icici_neo", [(("BFO", "option", 20, "SENSEX50"), "sell", 20, "300")],
        {
            "brokerage": ("flat", "20.00"),
            "transaction": ("6000 * 0.005%", "0.30"),
            "sebi": ("0.006", "0.01"),
            "gst": ("18% * 20.31 = 3.6558", "3.66"),
            "stt": ("6000 * 0.15%", "9.00"),
        },
    ),
    "option exercised": (
        "2026-11-24", "icici_neo", [(("NFO", "exercise", 65, "NIFTY"), "buy", 65, "150")],
        {"brokerage": ("0", "0.00"), "gst": ("0", "0.00"), "stt": ("9750 * 0.15% = 14.625", "15.00")},
    ),
    "option exercised before April 2026": (
        "2026-03-31", "icici_neo", [(("NFO", "exercise", 65, "NIFTY"), "buy", 65, "150")],
        {"brokerage": ("0", "0.00"), "gst": ("0", "0.00"), "stt": ("9750 * 0.125% = 12.1875", "12.00")},
    ),
    "crude oil future sell": (
        "2026-11-20", "icici_prime_9999", [(("MCX", "future", 100, "CRUDEOIL"), "sell", 100, "6000")],
        {
            "brokerage": ("flat", "20.00"),
            "transaction": ("600000 * 0.0021%", "12.60"),
            "sebi": ("0.60", "0.60"),
            "gst": ("18% * 33.20 = 5.976", "5.98"),
            "ctt": ("600000 * 0.01%", "60.00"),
        },
    ),
    "currency future buy": (
        "2026-11-20", "zerodha_like", [(("CDS", "future", 1000, "USDINR"), "buy", 1000, "85")],
        {
            "brokerage": ("min(25.50, 20)", "20.00"),
            "transaction": ("85000 * 0.00035% = 0.2975", "0.30"),
            "sebi": ("0.085", "0.09"),
            "gst": ("18% * 20.39 = 3.6702", "3.67"),
            "stamp": ("85000 * 0.0001% = 0.085", "0.09"),
        },
    ),
}  # fmt: skip


def trades_of(rows: list[tuple[tuple[str, str, int, str], str, int, str]]) -> list[ChargeTrade]:
    return [
        ChargeTrade(
            trade_id=str(number),
            order_id=f"order-{number}",
            symbol=f"{exchange}:S{number}",
            exchange=exchange,
            kind=TradeKind(kind),
            side=side,
            quantity=quantity,
            price=Decimal(price),
            lot_size=lot,
            group=group,
        )
        for number, ((exchange, kind, lot, group), side, quantity, price) in enumerate(rows)
    ]


@pytest.mark.parametrize("name", CASES)
def test_a_note_equals_the_hand_worked_one(name: str) -> None:
    day, plan, rows, expected = CASES[name]
    note = contract_note(trades_of(rows), plan, date.fromisoformat(day))
    charged = {charge.value: str(value) for charge, value in note.lines.items() if value or charge.value in expected}
    assert charged == {charge: rupees for charge, (_, rupees) in expected.items()}
    assert note.charges == sum(Decimal(rupees) for _, rupees in expected.values())


def fill(number: int, **changes: object) -> ChargeTrade:
    values: dict[str, object] = {
        "trade_id": str(number),
        "order_id": "one",
        "symbol": "NSE:A",
        "exchange": "NSE",
        "kind": TradeKind.INTRADAY,
        "side": "sell",
        "quantity": 100,
        "price": Decimal(500),
    }
    return ChargeTrade(**{**values, **changes})  # type: ignore[arg-type]


def test_an_order_filled_in_parts_pays_one_flat_fee() -> None:
    note = contract_note([fill(1), fill(2), fill(3, quantity=50)], "icici_neo", date(2026, 11, 20))
    assert note.lines[Charge.BROKERAGE] == Decimal(20)
    assert [leg.charged[Charge.BROKERAGE] for leg in note.legs] == [Decimal(8), Decimal(8), Decimal(4)]


def test_the_depository_is_paid_once_a_scrip_a_day() -> None:
    rows = [
        fill(1, kind=TradeKind.DELIVERY),
        fill(2, kind=TradeKind.DELIVERY, order_id="two"),
        fill(3, kind=TradeKind.DELIVERY, symbol="NSE:B", order_id="three"),
    ]
    assert contract_note(rows, "icici_neo", date(2026, 11, 20)).lines[Charge.DP] == Decimal(40)


def test_an_automatic_square_off_costs_fifty_an_order() -> None:
    note = contract_note([fill(1, quantity=20, auto_square_off=True)], "zerodha_like", date(2026, 11, 20))
    # 10000 * 0.03% = 3; 10000 * 0.00307% = 0.307; 18% * (3 + 50 + 0.31 + 0.01) = 9.5976
    assert note.lines[Charge.AUTO_SQUARE_OFF] == Decimal(50)
    assert note.lines[Charge.GST] == Decimal("9.60")


def test_delivery_that_settles_a_derivative_bears_the_tax_of_delivery() -> None:
    note = contract_note([fill(1, exchange="NFO", kind=TradeKind.PHYSICAL)], "icici_neo", date(2026, 11, 20))
    assert note.lines[Charge.BROKERAGE] == Decimal(75)  # 50000 * 0.15%
    assert note.lines[Charge.STT] == Decimal(50)  # 50000 * 0.1%


def test_net_is_sales_less_purchases_less_charges() -> None:
    rows = [fill(1, side="buy", price=Decimal(490)), fill(2, order_id="two")]
    note = contract_note(rows, "free", date(2026, 11, 20))
    assert note.gross == Decimal(1000)
    assert note.net == Decimal(1000) - note.charges


trade_strategy = st.builds(
    fill,
    st.integers(0, 10**6),
    order_id=st.sampled_from("abc"),
    symbol=st.sampled_from(["NSE:A", "NSE:B"]),
    kind=st.sampled_from([TradeKind.DELIVERY, TradeKind.INTRADAY]),
    side=st.sampled_from(["buy", "sell"]),
    quantity=st.integers(1, 10**9),
    price=st.integers(1, 10**7).map(lambda paise: Decimal(paise) / 100),
)


@given(st.lists(trade_strategy, max_size=8, unique_by=lambda trade: trade.trade_id))
def test_legs_add_up_to_the_note_in_any_order(rows: list[ChargeTrade]) -> None:
    day = date(2026, 11, 20)
    note = contract_note(rows, "icici_prime_999", day)
    for charge, value in note.lines.items():
        assert sum(leg.charged.get(charge, Decimal(0)) for leg in note.legs) == value == to_paise(value)
    assert sum(leg.total for leg in note.legs) == note.charges
    shuffled = sorted(rows, key=lambda trade: trade.trade_id)
    again = contract_note(shuffled, "icici_prime_999", day).lines
    # Splitting a fee among an order's parts is by position, so parts may swap a paisa; no line may change.
    assert again == note.lines


def test_what_is_refused() -> None:
    with pytest.raises(InvalidInput, match="twice"):
        contract_note([fill(1), fill(1)], "free", date(2026, 11, 20))
    with pytest.raises(NotFound, match="plan"):
        contract_note([fill(1)], "nobody", date(2026, 11, 20))
    with pytest.raises(NotFound) as caught:
        ChargeTables.default().fractions("NSE", TradeKind.DELIVERY, "buy", "", date(2023, 3, 31))
    assert caught.value.code == "no_charge_table"
    with pytest.raises(TypeError, match="never float"):
        fill(1, price=1.5)
    for changes in ({"side": "long"}, {"quantity": 0}, {"price": Decimal(-1)}):
        with pytest.raises(InvalidInput):
            fill(1, **changes)


def test_a_table_with_a_bare_number_is_refused() -> None:
    with pytest.raises(Misconfigured, match="quotes"):
        ChargeTables.parse(
            "{version: v, known_from: 2024-01-01, gst_percent: 18.0, gst_on: [], rounding: {}, rates: []}",
            "{version: v, plans: {}}",
        )


def test_no_trades_cost_nothing() -> None:
    assert contract_note([], "free", date(2026, 11, 20)).charges == 0
