"""Recommendations of ICICI's research rooms: `stock` arrays without a room, told apart by their length."""

from typing import Final

from breezeway.breeze import _fields as f
from breezeway.breeze.events import Advice, MalformedFrame

_GAIN_FIELDS: Final = (
    "stock_name",
    "stock_code",
    "action_type",
    "expiry_date",
    "strike_price",
    "option_type",
    "stock_description",
    "recommended_price_and_date",
    "recommended_price_from",
    "recommended_price_to",
    "recommended_date",
    "target_price",
    "sltp_price",
    "part_profit_percentage",
    "profit_price",
    "exit_price",
    "recommended_update",
    "iclick_status",
    "subscription_type",
)
# A blank name marks a field that the SDK does not read either.
_ONE_CLICK_FIELDS: Final = (
    "strategy_date",
    "modification_date",
    "portfolio_id",
    "call_action",
    "portfolio_name",
    "exchange_code",
    "product_type",
    "",
    "underlying",
    "expiry_date",
    "",
    "option_type",
    "strike_price",
    "action",
    "recommended_price_from",
    "recommended_price_to",
    "minimum_lot_quantity",
    "last_traded_price",
    "best_bid_price",
    "best_offer_price",
    "last_traded_quantity",
    "target_price",
    "expected_profit_per_lot",
    "stop_loss_price",
    "expected_loss_per_lot",
    "total_margin",
    "leg_no",
    "status",
)


def decode_advice(frame: list[object]) -> Advice:
    if len(frame) == 19:
        return Advice("i_click_2_gain", _named(frame, _GAIN_FIELDS))
    if len(frame) == 28:
        return Advice("one_click_fno", _named(frame, _ONE_CLICK_FIELDS))
    raise MalformedFrame("neither a room nor an advice")


def _named(frame: list[object], names: tuple[str, ...]) -> dict[str, str]:
    named: dict[str, str] = {}
    for name, value in zip(names, frame, strict=True):
        if name and value is not None:
            plain = value if type(value) is str else f.signed(value, name)
            named[name] = f.text(str(plain), name)
    return named
