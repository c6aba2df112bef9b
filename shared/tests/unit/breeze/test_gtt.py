"""The broker's GTT book as it is sent, and answers that are not what they should be."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from breezeway.breeze.gtt import BreezeGtt, GttLeg, GttTicket
from breezeway.breeze.values import BrokerInstrument
from breezeway.clock import IST
from breezeway.errors import InvalidInput, OutcomeUnknown, UpstreamFault

LEGS = [
    {"gtt_leg_type": "Target", "action": "Sell", "trigger_price": 11.5, "limit_price": 12.0, "status": "Cancelled"},
    {"gtt_leg_type": "Stoploss", "action": "Sell", "trigger_price": 5.0, "limit_price": 4.0, "status": "Active"},
]
ROW: dict[str, Any] = {
    "order_details": [leg | {"gtt_order_id": "2025020500001234"} for leg in LEGS],
    "exchange_code": "NFO",
    "product_type": "Options",
    "stock_code": "NIFTY",
    "expiry_date": "06-Feb-2025",
    "strike_price": 24000.0,
    "right": "Call",
    "quantity": 75,
    "index_or_stock": "Index",
    "gtt_type": "OCO",
    "fresh_order_id": None,
    "order_datetime": "05-FEB-2025 11:14:38",
}
DAY = datetime(2025, 2, 5, tzinfo=UTC)


class Told(BreezeGtt):
    """Is answered one thing, whatever is asked; `called` are the SDK's calls with their arguments."""

    def __init__(self, answer: object) -> None:
        self._told = answer
        self.called: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    async def _change(self, function: Callable[[Any], object], until: float) -> object:
        function(self)
        return self._told

    async def _ask(self, call: str, function: Callable[[Any], object]) -> object:
        function(self)
        return self._told

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *given, **named: self.called.append((name, given, named))


def ticket(kind: str, *legs: GttLeg) -> GttTicket:
    named: Any = kind
    instrument = BrokerInstrument("NFO", "NIFTY", named, date(2025, 2, 6), Decimal(24000), "CE")
    return GttTicket(instrument, True, 75, "single" if len(legs) == 1 else "oco", legs, DAY.date())


async def test_the_book_as_the_broker_sends_it() -> None:
    (row,) = await Told([ROW]).gtt_book("NFO", DAY, DAY)
    assert (row.gtt_id, row.kind, row.quantity) == ("2025020500001234", "oco", 75)
    assert (row.expiry, row.strike, row.right) == (date(2025, 2, 6), Decimal("24000.0"), "CE")
    assert row.placed_at == datetime(2025, 2, 5, 11, 14, 38, tzinfo=IST)
    assert row.legs == (
        GttLeg("target", "sell", Decimal("11.5"), Decimal("12.0"), "cancelled"),
        GttLeg("stoploss", "sell", Decimal("5.0"), Decimal("4.0"), "active"),
    )
    single = ROW | {"gtt_type": "Single", "order_details": [LEGS[0] | {"gtt_leg_type": None, "gtt_order_id": "1"}]}
    (row,) = await Told([single]).gtt_book("NFO", DAY, DAY)
    assert (row.kind, row.legs[0].kind) == ("single", "")
    assert await Told([]).gtt_book("NFO", DAY, DAY) == []


@pytest.mark.parametrize(
    "row",
    [
        ROW | {"order_details": None},
        ROW | {"order_details": []},
        ROW | {"order_details": ["x"]},
        ROW | {"order_details": [ROW["order_details"][0] | {"trigger_price": None}]},
        ROW | {"order_details": [ROW["order_details"][0] | {"gtt_order_id": None}]},
    ],
)
async def test_a_book_of_another_form_is_not_guessed_at(row: dict[str, Any]) -> None:
    with pytest.raises(UpstreamFault):
        await Told([row]).gtt_book("NFO", DAY, DAY)


@pytest.mark.parametrize("answer", [None, {}, {"gtt_order_id": None}, {"gtt_order_id": "  "}, []])
async def test_a_yes_without_a_number_is_no_answer(answer: object) -> None:
    leg = GttLeg("", "buy", Decimal(90), Decimal(89))
    with pytest.raises(OutcomeUnknown):
        await Told(answer).place_gtt(ticket("option", leg), 1.0)


async def test_shares_have_no_gtt() -> None:
    client = Told({"gtt_order_id": "1"})
    with pytest.raises(InvalidInput) as error:
        await client.place_gtt(ticket("equity", GttLeg("", "buy", Decimal(90), Decimal(89))), 1.0)
    assert error.value.code == "gtt_not_offered"
    assert client.called == []


async def test_what_the_sdk_is_asked() -> None:
    """A single and a pair take different calls, with the legs spelt as the broker spells them."""
    client = Told({"gtt_order_id": " 7 "})
    single = GttLeg("", "buy", Decimal("90.50"), Decimal(89))
    pair = (GttLeg("target", "sell", Decimal(110), Decimal(110)), GttLeg("stoploss", "sell", Decimal(95), Decimal(94)))
    assert await client.place_gtt(ticket("option", single), 1.0) == "7"
    await client.place_gtt(ticket("option", *pair), 1.0)
    await client.modify_gtt("NFO", "7", "single", [single], 1.0)
    await client.modify_gtt("NFO", "7", "oco", pair, 1.0)
    await client.cancel_gtt("NFO", "7", "single", 1.0)
    await client.cancel_gtt("NFO", "7", "oco", 1.0)
    assert [name for name, _, _ in client.called] == [
        "gtt_single_leg_place_order",
        "gtt_three_leg_place_order",
        "gtt_single_leg_modify_order",
        "gtt_three_leg_modify_order",
        "gtt_single_leg_cancel_order",
        "gtt_three_leg_cancel_order",
    ]
    first, second = client.called[0][2], client.called[1][2]
    assert first["order_details"] == [{"action": "buy", "limit_price": "89", "trigger_price": "90.5"}]
    assert (first["product"], first["gtt_type"], first["right"], first["quantity"]) == (
        "options",
        "single",
        "call",
        "75",
    )
    assert [leg["gtt_leg_type"] for leg in second["order_details"]] == ["target", "stoploss"]
    assert client.called[2][1] == ("NFO", "7", "single", first["order_details"])
