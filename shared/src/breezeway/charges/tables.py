"""Reads the charge tables: the package's YAML, and text of the same form that replaces it without a release."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Self

import yaml

from breezeway.charges.model import Charge, TradeKind
from breezeway.errors import Misconfigured, NotFound
from breezeway.money import Rounding, amount

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of turnover, from a day on. `only` non-empty restricts it to those groups or underlyings."""

    charge: Charge
    exchanges: frozenset[str]
    kinds: frozenset[TradeKind]
    sides: frozenset[str]
    only: frozenset[str]
    fraction: Decimal
    since: date
    verified: bool


@dataclass(frozen=True, slots=True)
class BrokerageRule:
    """A `fraction` of the order's turnover, `per_order` (a cap beside a fraction, else flat) or `per_lot`."""

    fraction: Decimal | None
    per_order: Decimal | None
    per_lot: Decimal | None

    def of(self, turnover: Decimal, lots: Decimal) -> Decimal:
        """Brokerage of one order, exact."""
        if self.per_lot is not None:
            return self.per_lot * lots
        if self.fraction is None:
            return self.per_order or Decimal(0)
        share = turnover * self.fraction
        return share if self.per_order is None else min(share, self.per_order)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a broker takes, before GST."""

    key: str
    name: str
    since: date
    dp: Decimal
    auto_square_off: Decimal
    call_and_trade: Decimal
    brokerage: Mapping[str, BrokerageRule]


class ChargeTables:
    """Immutable once built."""

    def __init__(self, statutory: Mapping[str, Any], plans: Mapping[str, Any]) -> None:
        self.version = f"{statutory['version']}/{plans['version']}"
        self.known_from: date = statutory["known_from"]
        self.gst = _decimal(statutory["gst_percent"]) / _HUNDRED
        self.gst_on = frozenset(Charge(name) for name in statutory["gst_on"])
        self.rounding = {Charge(name): Rounding(rule) for name, rule in statutory["rounding"].items()}
        self.rates = tuple(_rate(row) for row in statutory["rates"])
        self.plans = {key: _plan(key, row) for key, row in plans["plans"].items()}
        self._found: dict[tuple[str, TradeKind, str, str, date], Mapping[Charge, Decimal]] = {}

    @classmethod
    def default(cls) -> "ChargeTables":
        """The package's own tables, read on first use."""
        return _default()

    @classmethod
    def parse(cls, statutory: str, plans: str) -> Self:
        """Tables from YAML text.

        Raises:
            Misconfigured: `invalid_charge_table`.
        """
        try:
            return cls(yaml.safe_load(statutory), yaml.safe_load(plans))
        except (yaml.YAMLError, KeyError, ValueError, TypeError, AttributeError) as fault:
            raise Misconfigured(f"A charge table is malformed: {fault!r}.", code="invalid_charge_table") from fault

    def plan(self, key: str, day: date) -> Plan:
        """The plan named `key`.

        Raises:
            NotFound: `no_charge_plan`, for a plan we do not have or that did not exist on `day`.
        """
        plan = self.plans.get(key)
        if plan is None or day < plan.since:
            raise NotFound(f"There is no charge plan {key!r} on {day}.", code="no_charge_plan")
        return plan

    def fractions(self, exchange: str, kind: TradeKind, side: str, group: str, day: date) -> Mapping[Charge, Decimal]:
        """Each statutory charge that a trade bears, as a fraction of its turnover.

        Raises:
            NotFound: `no_charge_table`, for a day before the tables begin.
        """
        if day < self.known_from:
            raise NotFound(f"Charges are known from {self.known_from}, not for {day}.", code="no_charge_table")
        # Physical settlement is a delivery of shares: the tax on it is that of delivery, on the cash market's exchange.
        if kind is TradeKind.PHYSICAL:
            kind, exchange = TradeKind.DELIVERY, {"NFO": "NSE", "BFO": "BSE"}.get(exchange, exchange)
        key = (exchange, kind, side, group, day)
        known = self._found.get(key)
        if known is None:
            rows = [
                row
                for row in self.rates
                if exchange in row.exchanges
                and kind in row.kinds
                and side in row.sides
                and row.since <= day
                and (not row.only or group in row.only)
            ]
            known = self._found[key] = _narrowest_latest(rows)
        return known


def _narrowest_latest(rows: Iterable[Rate]) -> Mapping[Charge, Decimal]:
    # The last row written wins among equals, a restricted row over a general one, whatever their days.
    ordered = sorted(rows, key=lambda row: (bool(row.only), row.since))
    return {row.charge: row.fraction for row in ordered}


def _rate(row: Mapping[str, Any]) -> Rate:
    since = row["from"]
    if type(since) is not date:
        raise ValueError(f"{since!r} is not a day")
    return Rate(
        charge=Charge(row["charge"]),
        exchanges=frozenset(row["exchanges"]),
        kinds=frozenset(TradeKind(kind) for kind in row["kinds"]),
        sides=frozenset(row["sides"]),
        only=frozenset(row.get("only", ())),
        fraction=_decimal(row["percent"]) / _HUNDRED,
        since=since,
        verified=bool(row.get("verified", True)),
    )


def _plan(key: str, row: Mapping[str, Any]) -> Plan:
    return Plan(
        key=key,
        name=row["name"],
        since=row["from"],
        dp=_decimal(row["dp"]),
        auto_square_off=_decimal(row["auto_square_off"]),
        call_and_trade=_decimal(row["call_and_trade"]),
        brokerage={kind: _rule(rule) for kind, rule in row["brokerage"].items()},
    )


def _rule(row: Mapping[str, Any]) -> BrokerageRule:
    percent = _optional(row.get("percent"))
    return BrokerageRule(
        None if percent is None else percent / _HUNDRED, _optional(row.get("per_order")), _optional(row.get("per_lot"))
    )


def _optional(value: object) -> Decimal | None:
    return None if value is None else _decimal(value)


def _decimal(value: object) -> Decimal:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} must be written in quotes")
    return amount(value)


@cache
def _default() -> ChargeTables:
    # Immutable data of the package itself: reading it once per process is no more state than importing a module is.
    own = files("breezeway.charges") / "data"
    return ChargeTables.parse((own / "statutory.yaml").read_text("utf-8"), (own / "plans.yaml").read_text("utf-8"))
