"""The apps that may log in, and what belongs to the user behind each: name, bank account, money."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from zlib import crc32

from pydantic import BaseModel, ConfigDict, Field

from breezeway.errors import Conflict

SEGMENTS = ("equity", "fno", "commodity", "currency")


class App(BaseModel):
    """A registered app: its key and secret, its user, and where the login sends that user back to.

    A user id has no `:`, which ends it inside a session token.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_key: str = Field(min_length=1, max_length=200)
    secret: str = Field(min_length=1, max_length=200, repr=False)
    user_id: str = Field(min_length=1, max_length=40, pattern=r"^[^:\s]+$")
    user_name: str = Field("SIMULATED USER", min_length=1, max_length=100)
    redirect_url: str | None = Field(None, max_length=2_000, pattern=r"^https?://\S+$")
    static_ips: tuple[str, ...] = Field((), max_length=4)
    """Addresses from which orders are accepted; empty accepts any."""


@dataclass(frozen=True, slots=True)
class Funds:
    """Rupees of one user, as the broker splits them over segments."""

    bank_account: str
    bank_balance: Decimal
    allocated: dict[str, Decimal]
    blocked: dict[str, Decimal]

    @property
    def unallocated(self) -> Decimal:
        return self.bank_balance - sum(self.allocated.values(), Decimal(0))


class Accounts:
    """Registry of apps and of their users' money. Everything is in memory: a restart is a new broker."""

    def __init__(self, apps: Iterable[App]) -> None:
        self._apps: dict[str, App] = {}
        self._funds: dict[str, Funds] = {}
        for app in apps:
            self.add(app)

    def add(self, app: App) -> bool:
        """Register `app`; the same app again is fine.

        Returns:
            Whether it is new.

        Raises:
            Conflict: the key is registered with another secret or user.
        """
        known = self._apps.get(app.api_key)
        if known is not None and (known.secret, known.user_id) != (app.secret, app.user_id):
            raise Conflict(f"The api_key {app.api_key!r} is registered with another secret or user.", code="app_exists")
        self._apps[app.api_key] = app
        self._funds.setdefault(app.user_id, _opening_funds(app.user_id))
        return known is None

    def app(self, api_key: str) -> App | None:
        return self._apps.get(api_key)

    def apps(self) -> tuple[App, ...]:
        return tuple(self._apps.values())

    def funds(self, user_id: str) -> Funds:
        return self._funds[user_id]

    def block(self, user_id: str, segment: str, amount: Decimal) -> None:
        """Set what orders and trades hold back of a segment."""
        funds = self._funds[user_id]
        self._funds[user_id] = replace(funds, blocked={**funds.blocked, segment: amount})

    def allocate(self, user_id: str, segment: str, amount: Decimal) -> bool:
        """Move `amount` rupees from the bank to a segment, back when negative.

        Returns:
            False, and nothing moved, when the segment is unknown or either side lacks the money.
        """
        funds = self._funds[user_id]
        key = segment.strip().lower()
        if key not in SEGMENTS or amount > funds.unallocated or funds.allocated[key] + amount < funds.blocked[key]:
            return False
        self._funds[user_id] = replace(funds, allocated={**funds.allocated, key: funds.allocated[key] + amount})
        return True


def _opening_funds(user_id: str) -> Funds:
    return Funds(
        bank_account=f"{100_000_000_000 + crc32(user_id.encode()):012d}",
        bank_balance=Decimal(10_000_000),
        allocated={"equity": Decimal(3_000_000), "fno": Decimal(3_000_000)}
        | dict.fromkeys(("commodity", "currency"), Decimal(0)),
        blocked=dict.fromkeys(SEGMENTS, Decimal(0)),
    )
