"""Bank accounts and transfers between them and trading accounts."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from breezeway.errors import FieldFault, InvalidInput
from breezeway.money import ZERO
from trading_service.domain import ledger
from trading_service.domain.ledger import Amounts, Entry, EntryKind, entry

_IFSC: Final = re.compile(r"[A-Z]{4}0[A-Z0-9]{6}")
_NUMBER: Final = re.compile(r"[0-9]{9,18}")


class Direction(StrEnum):
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"


class TransferState(StrEnum):
    COMPLETED = "completed"
    REVERSED = "reversed"


@dataclass(frozen=True, slots=True)
class BankAccount:
    """A linked account. Of its number only the last four digits are here; all of it is stored encrypted."""

    id: UUID
    user_id: UUID
    holder: str
    bank_name: str
    ifsc: str
    last_digits: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Transfer:
    id: UUID
    user_id: UUID
    account_id: UUID
    bank_account_id: UUID
    direction: Direction
    amount: Decimal
    state: TransferState
    day: date
    created_at: datetime


def checked_ifsc(text: str) -> str:
    """The branch code in capitals.

    Raises:
        InvalidInput: `invalid_ifsc`.
    """
    code = text.strip().upper()
    if not _IFSC.fullmatch(code):
        message = "four letters, a zero and six letters or digits, such as ICIC0001234"
        raise InvalidInput(f"An IFSC has {message}.", code="invalid_ifsc", faults=[FieldFault("body.ifsc", message)])
    return code


def checked_number(text: str) -> str:
    """The account number without spaces.

    Raises:
        InvalidInput: `invalid_account_number`; the number itself is never repeated.
    """
    number = text.replace(" ", "")
    if not _NUMBER.fullmatch(number) or set(number) == {"0"}:
        message = "9 to 18 digits"
        raise InvalidInput(
            f"An account number has {message}.",
            code="invalid_account_number",
            faults=[FieldFault("body.account_number", message)],
        )
    return number


def transfer_entry(transfer: Transfer, balances: Amounts, *, reverse: bool = False) -> Entry:
    """What a transfer books, or the mirror image that takes it back.

    Raises:
        InvalidInput: `insufficient_funds`, when the money that would leave is not there or not yet settled.
    """
    incoming = (transfer.direction is Direction.DEPOSIT) is not reverse
    amount = transfer.amount if incoming else -transfer.amount
    free = balances.get(ledger.CASH, ZERO) + balances.get(ledger.ADVANCE, ZERO)
    if -amount > max(ZERO, free):
        raise InvalidInput(
            f"Only {max(ZERO, free):.2f} rupees can be taken out now.",
            code="insufficient_funds",
            context={"withdrawable": f"{max(ZERO, free):.2f}"},
        )
    plain = EntryKind.DEPOSIT if transfer.direction is Direction.DEPOSIT else EntryKind.WITHDRAWAL
    word = "reversal" if reverse else "transfer"
    legs = [(ledger.CASH, amount), (ledger.CAPITAL, -amount)]
    return entry(
        EntryKind.REVERSAL if reverse else plain,
        legs,
        balances,
        ref=str(transfer.id),
        once=f"{word}:{transfer.id}",
    )
