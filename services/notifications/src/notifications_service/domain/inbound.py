"""From the body of somebody else's alert to the fields of an order."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from breezeway.errors import FieldFault, InvalidInput

ORDER_FIELDS: Final = (
    "symbol",
    "side",
    "quantity",
    "order_type",
    "product",
    "validity",
    "price",
    "trigger_price",
    "tag",
)
SAME_BODY_WITHIN: Final = timedelta(seconds=60)
"""Alerts without an id are the same when their bodies are, and no more than this lies between them."""

DEFAULT_TEMPLATE: Final[Mapping[str, str]] = {
    **{name: f"{{{{{name}}}}}" for name in ORDER_FIELDS},
    "id": "{{id}}",
}

_HOLE: Final = re.compile(r"\{\{\s*([A-Za-z0-9_.]{1,64})\s*\}\}")
_LOWER: Final = frozenset({"side", "order_type", "product", "validity"})
_LONGEST_VALUE: Final = 200
_MOST_DIGITS: Final = 30


def read_body(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`, its numbers as they were written.

    Raises:
        InvalidInput: `bad_alert`.
    """
    try:
        found = json.loads(body, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The body of an alert is a JSON object.", code="bad_alert") from error
    if not isinstance(found, dict):
        raise InvalidInput("The body of an alert is a JSON object.", code="bad_alert")
    return found


def fill(template: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, str]:
    """The template with its `{{holes}}` filled from `body`; what remains empty is left out.

    A hole names a member, or with dots a member of a member: `{{strategy.order.action}}`.

    Raises:
        InvalidInput: `bad_alert`, when a hole names something that is no text or number.
    """
    filled = {
        name: _HOLE.sub(lambda hole: _value(hole.group(1), body), text).strip() for name, text in template.items()
    }
    return {name: value.lower() if name in _LOWER else value for name, value in filled.items() if value}


def fingerprint(body: bytes) -> str:
    """What two bodies have in common when they are the same."""
    return "sha256:" + hashlib.sha256(body).hexdigest()


def _value(path: str, body: Mapping[str, Any]) -> str:
    found: Any = body.get(path)
    if found is None:
        found = body
        for part in path.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if found is None:
        return ""
    if isinstance(found, bool) or not isinstance(found, str | int | Decimal):
        raise _fault(path, "must be a text or a number")
    if isinstance(found, Decimal) and abs(found.adjusted()) > _MOST_DIGITS:
        raise _fault(path, "is no number that an order could have")
    text = f"{found:f}" if isinstance(found, Decimal) else str(found)
    if not text.isprintable():
        raise _fault(path, "holds characters that no order can")
    if len(text) > _LONGEST_VALUE:
        raise _fault(path, f"has more than {_LONGEST_VALUE} characters")
    return text


def _fault(path: str, message: str) -> InvalidInput:
    return InvalidInput(
        f"The alert's {path} {message}.", code="bad_alert", faults=[FieldFault(f"body.{path}", message)]
    )


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
