"""What can be traded: one `Instrument` a row of the security master, and the `Universe` that finds them."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

Kind = Literal["equity", "index", "future", "option"]
Right = Literal["call", "put"]
Product = Literal["cash", "futures", "options"]

ROOM_PREFIX: Final[Mapping[str, str]] = {"BSE": "1", "NSE": "4", "NFO": "4", "MCX": "6", "BFO": "8", "NDX": "13"}
"""First part of a Breeze room; NSE and NFO share one, so their tokens must not collide."""

BFO_OHLC_PREFIX: Final = "2"
"""The broker joins the OHLC rooms of BFO under 2, though quotes and depth live under 8."""

_EXCHANGES_OF_PREFIX: Final[Mapping[str, tuple[str, ...]]] = {
    "1": ("BSE",),
    "2": ("BFO",),
    "4": ("NSE", "NFO"),
    "6": ("MCX",),
    "8": ("BFO",),
    "13": ("NDX",),
}

_CASH_OF: Final[Mapping[str, str]] = {"NFO": "NSE", "BFO": "BSE"}


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable thing as Breeze names it. Prices and `tick_size` are rupees, `lot_size` is in units."""

    exchange: str
    stock_code: str
    exchange_symbol: str
    token: str
    kind: Kind
    name: str
    series: str
    isin: str
    lot_size: int
    tick_size: float
    expiry: date | None = None
    strike: float | None = None
    strike_text: str = ""
    right: Right | None = None
    underlying: str = ""
    reference_price: float = 0.0
    """What the master says it was worth, 0 when the master says nothing."""

    @property
    def quote_room(self) -> str:
        return f"{ROOM_PREFIX[self.exchange]}.1!{self.token}"

    @property
    def depth_room(self) -> str:
        return f"{ROOM_PREFIX[self.exchange]}.2!{self.token}"

    @property
    def ohlc_room(self) -> str:
        prefix = BFO_OHLC_PREFIX if self.exchange == "BFO" else ROOM_PREFIX[self.exchange]
        return f"{prefix}.1!{self.token}"

    @property
    def is_derivative(self) -> bool:
        return self.kind in ("future", "option")

    @property
    def commodity(self) -> str | None:
        """The exchange symbol of what a contract of MCX is about; farm produce keeps hours of its own."""
        return (self.underlying or self.exchange_symbol) if self.exchange == "MCX" else None

    @property
    def key(self) -> str:
        """Names the instrument for good, whatever token a day's master gives it; seeds its randomness."""
        if self.expiry is None:
            return f"{self.exchange}:{self.stock_code}:{self.series}"
        tail = f"{self.strike_text}:{self.right}" if self.kind == "option" else "FUT"
        return f"{self.exchange}:{self.stock_code}:{self.expiry:%Y%m%d}:{tail}"


def _contract_order(instrument: Instrument) -> tuple[float, str]:
    return (instrument.strike or 0.0, instrument.right or "")


class Universe:
    """Every instrument of one day's master, found by contract or by room.

    Where the master repeats a token or a short name, the later row wins, as it does in the SDK's own dictionaries.
    """

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._by_token: dict[str, dict[str, Instrument]] = {}
        self._cash: dict[str, dict[str, Instrument]] = {}
        self._cash_by_symbol: dict[str, dict[str, Instrument]] = {}
        chains: dict[tuple[str, str], dict[tuple[Kind, date], list[Instrument]]] = {}
        for instrument in instruments:
            self._by_token.setdefault(instrument.exchange, {})[instrument.token] = instrument
            if instrument.expiry is None:
                self._cash.setdefault(instrument.exchange, {})[instrument.stock_code] = instrument
                self._cash_by_symbol.setdefault(instrument.exchange, {})[instrument.exchange_symbol] = instrument
            else:
                by_expiry = chains.setdefault((instrument.exchange, instrument.stock_code), {})
                by_expiry.setdefault((instrument.kind, instrument.expiry), []).append(instrument)
        for by_expiry in chains.values():
            for contracts in by_expiry.values():
                contracts.sort(key=_contract_order)
        self._chains = chains

    def __len__(self) -> int:
        return sum(len(by_token) for by_token in self._by_token.values())

    def by_contract(
        self,
        exchange: str,
        stock_code: str,
        product: Product,
        expiry: date | None = None,
        strike: float | None = None,
        right: str | None = None,
    ) -> Instrument | None:
        """The instrument of a REST request, by ICICI's code; `None` when the master has no such contract.

        `right` may be `call`, `put`, `CE` or `PE` in any case; `expiry` and `strike` are ignored for cash.
        """
        if product == "cash":
            return self._cash.get(exchange, {}).get(stock_code)
        if expiry is None:
            return None
        chain = self._chains.get((exchange, stock_code), {})
        if product == "futures":
            futures = chain.get(("future", expiry))
            return futures[0] if futures else None
        side = parse_right(right)
        if strike is None or side is None:
            return None
        options = chain.get(("option", expiry), [])
        at = bisect_left(options, (strike - 1e-6, ""), key=_contract_order)
        for option in options[at : at + 4]:
            if option.right == side and abs((option.strike or 0.0) - strike) < 1e-6:
                return option
        return None

    def by_room(self, room: str) -> Instrument | None:
        """The instrument of a Socket.IO room: quote, depth or OHLC form; `None` for `4.1!False` and the like."""
        head, bang, token = room.partition("!")
        prefix, dot, _channel = head.partition(".")
        if not bang or not dot:
            return None
        for exchange in _EXCHANGES_OF_PREFIX.get(prefix, ()):
            found = self._by_token.get(exchange, {}).get(token)
            if found is not None:
                return found
        return None

    def by_symbol(self, exchange: str, symbol: str) -> Instrument | None:
        """The cash instrument or index that the exchange itself calls `symbol`."""
        return self._cash_by_symbol.get(exchange, {}).get(symbol)

    def chain(self, exchange: str, stock_code: str, expiry: date) -> Sequence[Instrument]:
        """The options of one expiry by strike, call before put; empty when there are none."""
        return self._chains.get((exchange, stock_code), {}).get(("option", expiry), [])

    def expiries(self, exchange: str, stock_code: str, kind: Kind) -> Sequence[date]:
        """The expiry dates of the futures or options of a stock code, soonest first."""
        chain = self._chains.get((exchange, stock_code), {})
        return sorted(expiry for chain_kind, expiry in chain if chain_kind == kind)

    def underlying_of(self, instrument: Instrument) -> Instrument | None:
        """The cash instrument or index below a derivative; `None` where the master lists none (commodities)."""
        return self._cash.get(_CASH_OF.get(instrument.exchange, ""), {}).get(instrument.stock_code)

    def has_derivatives(self, instrument: Instrument) -> bool:
        """Whether futures or options exist on a cash instrument, which decides when its session ends."""
        return any(
            (exchange, instrument.stock_code) in self._chains
            for exchange, cash in _CASH_OF.items()
            if cash == instrument.exchange
        )

    def cash(self, exchange: str) -> Iterable[Instrument]:
        """Every equity and index of an exchange, in the order of the master."""
        return self._cash.get(exchange, {}).values()


def parse_right(text: str | None) -> Right | None:
    """`call` or `put` from any of the broker's spellings; `None` for futures' `others` and for nonsense."""
    match (text or "").strip().lower():
        case "call" | "ce" | "c":
            return "call"
        case "put" | "pe" | "p":
            return "put"
        case _:
            return None
