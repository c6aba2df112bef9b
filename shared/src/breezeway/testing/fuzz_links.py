"""OpenAPI links that Schemathesis does not find by itself, for the copy of the description that it reads.

It pairs `…/{account_id}` with what answers an account. It does not see that the `account_id` in the body of a new order
is the same, random words are never an order that the exchange takes, and it opens no account by itself, because a field
of that request names another service's object. Without these links no sequence gets past an empty list.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Link:
    """An answer that a next request is made of.

    Args:
        source: method and path, as `POST /api/v1/trading/accounts`.
        status: of the answer that leads on.
        target: method and path of the request that follows.
        body: of that request; its values may be runtime expressions, as `$response.body#/id`. Now and then Schemathesis
            sends a body of its own instead.
    """

    source: str
    status: int
    target: str
    body: Mapping[str, Any]


def linked(document: dict[str, Any], links: Sequence[Link]) -> dict[str, Any]:
    """`document`, changed in place, with `links` in its answers.

    Raises:
        LookupError: it has no such operation, or no such answer.
    """
    for number, link in enumerate(links):
        answers = _operation(document, link.source)["responses"]
        answers[str(link.status)].setdefault("links", {})[f"link{number}"] = {
            "operationId": _operation(document, link.target)["operationId"],
            "requestBody": dict(link.body),
            # The whole body: a mixture of ours and random fields is refused for the random ones. What is "inferred" may
            # name any of a list (`/items/*/id`) and is passed over when the list is empty.
            "x-schemathesis": {"merge_body": False, "is_inferred": True},
        }
    return document


def _operation(document: Mapping[str, Any], label: str) -> dict[str, Any]:
    method, path = label.split(" ", 1)
    found: dict[str, Any] = document["paths"][path][method.lower()]
    return found


_ACCOUNTS: Final = "/api/v1/trading/accounts"
_ORDERS: Final = "/api/v1/trading/orders"
_GROUPS: Final = "/api/v1/trading/order-groups"
_BANKS: Final = "/api/v1/banking/accounts"
_TRANSFERS: Final = "/api/v1/banking/transfers"

# Of a user without a broker's feed: nothing fills it, so it can be read, changed and cancelled.
ORDER: Final = {
    "symbol": "NSE:RELIANCE",
    "side": "buy",
    "quantity": "1",
    "order_type": "market",
    "product": "cnc",
}
_NEVER: Final = {"symbol": "NSE:RELIANCE", "price": "1.00", "above": False}
BANK: Final = {
    "holder": "A TRADER",
    "account_number": "000401234567",
    "ifsc": "ICIC0000004",
    "bank_name": "ICICI Bank",
}


def _of_account(source: str, status: int, account: str) -> tuple[Link, ...]:
    of_it = {"account_id": account}
    return (
        Link(source, status, f"POST {_ORDERS}", {**of_it, **ORDER}),
        Link(source, status, f"POST {_ORDERS}/preview", {**of_it, **ORDER}),
        Link(source, status, f"POST {_GROUPS}", {**of_it, "kind": "basket", "orders": [ORDER]}),
        Link(source, status, f"POST {_GROUPS}", {**of_it, "kind": "gtt", "orders": [ORDER], "trigger": _NEVER}),
        Link(source, status, "POST /api/v1/hooks", {**of_it, "name": "fuzzed"}),
    )


TRADING: Final = (
    Link(f"GET {_ACCOUNTS}", 200, f"POST {_ACCOUNTS}", {"name": "Fuzzed", "initial_cash": "1000000.00"}),
    *_of_account(f"POST {_ACCOUNTS}", 201, "$response.body#/id"),
    *_of_account(f"GET {_ACCOUNTS}", 200, "$response.body#/items/*/id"),
    Link(f"GET {_BANKS}", 200, f"POST {_BANKS}", BANK),
    # Both ids of a new transfer are only in an older one: there must be one to begin with.
    Link(
        f"GET {_TRANSFERS}",
        200,
        f"POST {_TRANSFERS}",
        {
            "bank_account_id": "$response.body#/items/0/bank_account_id",
            "trading_account_id": "$response.body#/items/0/trading_account_id",
            "direction": "deposit",
            "amount": "1000.00",
        },
    ),
)
"""From accounts to their orders, groups, hooks and transfers."""
