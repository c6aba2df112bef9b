"""A made-up SecurityMaster in the real one's exact format: seven files, CRLF, no line end after the last row, oddities.

The same seed and day give the same bytes. Tokens are functions of the contract, so that a contract keeps its token from
one day's master to the next.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count
from math import exp
from typing import Final

from breeze_simulator.domain.expiries import (
    IsTradingDay,
    cycle_names,
    monthly_expiries,
    quarterly_expiries,
    weekly_expiries,
)
from breeze_simulator.domain.made_up_names import made_up_shares
from breeze_simulator.domain.master_files import ZIP_ORDER, master_date
from breeze_simulator.domain.master_headers import BSE_HEADER, CONTRACT_HEADER, MCX_HEADER, MF_HEADER, NSE_HEADER
from breeze_simulator.domain.master_rows import bse_row, contract_row, nse_row, number
from breeze_simulator.domain.rng import mix, stable_hash
from breeze_simulator.domain.tick_sizes import cash_tick
from breeze_simulator.domain.well_known import COMMODITIES, INDICES, KnownCommodity, KnownIndex, known_stocks

PriceOf = Callable[[str, float], float]
"""(exchange symbol, price in the book) -> the previous close on the master's day."""

_NFO_TOKENS: Final = (40_000, 4_000_000)
_BFO_TOKENS: Final = (800_000, 2_000_000)
_MCX_TOKENS: Final = (400_000, 800_000)


@dataclass(slots=True)
class _Tokens:
    """Hands out tokens by hash and steps on where two contracts meet."""

    first: int
    beyond: int
    taken: set[int]

    def take(self, key: int) -> int:
        span = self.beyond - self.first
        token = self.first + mix(key) % span
        while token in self.taken:
            token = self.first + (token - self.first + 1) % span
        self.taken.add(token)
        return token


class GeneratedMaster:
    """The files of one day."""

    def __init__(
        self,
        seed: int,
        day: date,
        is_trading_day: IsTradingDay,
        price_of: PriceOf,
        extra_symbols: Sequence[str] = (),
    ) -> None:
        self._seed = seed
        self._day = day
        self._is_trading_day = is_trading_day
        self._price_of = price_of
        stocks = known_stocks()
        known_symbols = {*stocks, *(index.symbol for index in INDICES)}
        self._shares = made_up_shares(seed, [symbol for symbol in extra_symbols if symbol not in known_symbols])

    def files(self) -> list[tuple[str, str]]:
        """(name, text) of the seven files in the order in which the zip must hold them."""
        makers = {
            "BSEScripMaster.txt": (BSE_HEADER, self._bse),
            "CDNSEScripMaster.txt": (CONTRACT_HEADER, self._currency),
            "FOBSEScripMaster.txt": (CONTRACT_HEADER, self._bse_contracts),
            "FONSEScripMaster.txt": (CONTRACT_HEADER, self._nse_contracts),
            "MCXScripMaster.txt": (MCX_HEADER, self._commodities),
            "MFScripMaster.txt": (MF_HEADER, self._funds),
            "NSEScripMaster.txt": (NSE_HEADER, self._nse),
        }
        files = []
        for name in ZIP_ORDER:
            header, rows = makers[name]
            files.append((name, "\r\n".join([header, *rows()])))
        return files

    def _nse(self) -> Iterable[str]:
        for stock in known_stocks().values():
            price = self._price_of(stock.symbol, stock.price)
            yield nse_row(stock.token, stock.code, "EQ", stock.name, stock.isin, price, stock.symbol)
        for share in self._shares:
            yield nse_row(share.token, share.code, share.series, share.name, share.isin, share.price, share.symbol)
        for index in INDICES:
            if index.exchange == "NSE":
                price = self._price_of(index.symbol, index.price)
                yield nse_row(index.token, index.code, "0", index.name, "", price, index.exchange_code)

    def _bse(self) -> Iterable[str]:
        for stock in known_stocks().values():
            if stock.bse_token:
                price = self._price_of(stock.symbol, stock.price)
                yield bse_row(stock.bse_token, stock.code, "DR", stock.name, stock.isin, price, stock.symbol)
        for share in self._shares:
            if share.bse_token:
                yield bse_row(
                    share.bse_token, share.code, share.group, share.name, share.isin, share.price, share.symbol
                )
        for index in INDICES:
            if index.exchange == "BSE":
                symbol = index.exchange_code if index.code == "BSESEN" else ""
                yield bse_row(index.token, index.code, "DR", index.name, "", 0.0, symbol)

    def _nse_contracts(self) -> Iterable[str]:
        tokens = _Tokens(*_NFO_TOKENS, set())
        day, trading = self._day, self._is_trading_day
        months = monthly_expiries("NFO", day, 3, trading)
        for index in INDICES:
            if index.exchange != "NSE" or not index.lot:
                continue
            expiries = set(months)
            if index.weeklies:
                expiries |= set(weekly_expiries("NFO", day, index.weeklies + 1, trading))
                expiries |= set(quarterly_expiries("NFO", months[-1], 2, trading))
            yield from self._index_contracts(index, "NFO", sorted(expiries), months, tokens)
        widths = (25, 25, 15)
        for stock in known_stocks().values():
            if not stock.lot:
                continue
            price = self._price_of(stock.symbol, stock.price)
            step = stock.strike_step * _step_factor(price, stock.price)
            future_tick = round(cash_tick(price) * 100)
            for nth, expiry in enumerate(months):
                frame = _Frame("NFO", stock.code, stock.name, stock.symbol, master_date(expiry), f"{nth + 1}-Mon")
                yield self._future(frame, "FUTSTK", price, expiry, stock.lot, future_tick, tokens)
                strikes = _strikes(price, step, 2 * widths[nth])
                yield from self._options(frame, "OPTSTK", price, strikes, stock.lot, tokens)
        # The real file has the odd row that no reader should fall over: no date, no number where one belongs.
        yield contract_row(
            "0", "OPTSTK", "NOSUCH", "OPTION", "", "N.A.", "CE", 0, 0, 5, "BAD ROW", 0, 0, "", "NFO", 0, ""
        )

    def _bse_contracts(self) -> Iterable[str]:
        tokens = _Tokens(*_BFO_TOKENS, set())
        day, trading = self._day, self._is_trading_day
        months = monthly_expiries("BFO", day, 3, trading)
        for index in INDICES:
            if index.exchange != "BSE":
                continue
            expiries = set(months)
            if index.weeklies:
                expiries |= set(weekly_expiries("BFO", day, index.weeklies + 1, trading))
                expiries |= set(quarterly_expiries("BFO", months[-1], 3, trading))
            yield from self._index_contracts(index, "BFO", sorted(expiries), months, tokens)

    def _index_contracts(
        self,
        index: KnownIndex,
        exchange: str,
        expiries: Sequence[date],
        months: Sequence[date],
        tokens: _Tokens,
    ) -> Iterable[str]:
        price = self._price_of(index.symbol, index.price)
        step = index.strike_step * _step_factor(price, index.price)
        cycles = cycle_names(expiries, months)
        suffix = "IDX" if exchange == "NFO" else "IND"
        for expiry in expiries:
            cycle = cycles[expiry] if exchange == "NFO" else "0-XXX"
            frame = _Frame(exchange, index.code, index.name, index.exchange_code, master_date(expiry), cycle)
            if expiry in months:
                yield self._future(frame, f"FUT{suffix}", price, expiry, index.lot, index.future_tick, tokens)
            listed = index.strikes if expiry <= months[-1] else 16
            yield from self._options(frame, f"OPT{suffix}", price, _strikes(price, step, listed), index.lot, tokens)

    def _future(
        self, frame: "_Frame", kind: str, price: float, expiry: date, lot: int, tick: int, tokens: _Tokens
    ) -> str:
        carried = price * exp(0.065 * (expiry - self._day).days / 365)
        base = max(round(carried * 100 / tick), 1) * tick
        key = stable_hash(self._seed, frame.exchange, frame.code, frame.expiry)
        interest = (1 + mix(key + 1) % 40_000) * lot
        return contract_row(
            str(tokens.take(key)),
            kind,
            frame.code,
            "FUTURE",
            frame.expiry,
            "0",
            "XX",
            interest,
            lot,
            tick,
            frame.name,
            round(carried * 0.9, 2),
            round(carried * 1.1, 2),
            frame.cycle,
            frame.exchange,
            base,
            frame.exchange_code,
        )

    def _options(
        self, frame: "_Frame", kind: str, price: float, strikes: Sequence[float], lot: int, tokens: _Tokens
    ) -> Iterable[str]:
        key = stable_hash(self._seed, frame.exchange, frame.code, frame.expiry)
        base = round(price * 100)
        for strike in strikes:
            text = f"{strike:g}" if strike < 100_000 else f"{strike:.0f}"
            for side, right in enumerate(("CE", "PE")):
                own = mix(key ^ (round(strike * 100) << 1 | side))
                inside = max(price - strike if side == 0 else strike - price, 0.0)
                distance = abs(strike / price - 1)
                interest = (own % 9000) * lot if distance < 0.12 else 0
                yield contract_row(
                    str(tokens.take(own)),
                    kind,
                    frame.code,
                    "OPTION",
                    frame.expiry,
                    text,
                    right,
                    interest,
                    lot,
                    5,
                    frame.name,
                    max(round(inside - 0.1 * price, 2), 0.05),
                    round(inside + 0.1 * price, 2),
                    frame.cycle,
                    frame.exchange,
                    base,
                    frame.exchange_code,
                )

    def _commodities(self) -> Iterable[str]:
        tokens = _Tokens(*_MCX_TOKENS, set())
        for commodity in COMMODITIES:
            price = self._price_of(commodity.symbol, commodity.price)
            for nth, expiry in enumerate(self._commodity_expiries()):
                carried = price * (1 + 0.006 * nth)
                yield _mcx_row(tokens, self._seed, commodity, expiry, None, "XX", carried)
                if commodity.strikes and nth < 2:
                    for strike in _strikes(price, commodity.strike_step, commodity.strikes):
                        for right in ("CE", "PE"):
                            yield _mcx_row(tokens, self._seed, commodity, expiry, strike, right, price)

    def _commodity_expiries(self) -> list[date]:
        # Bullion, energy and metals all have expiries of their own; one date a month in its last third is near enough.
        found = []
        for ahead in range(6):
            year, month = divmod(self._day.year * 12 + self._day.month - 1 + ahead, 12)
            for day in count(19):
                expiry = date(year, month + 1, day)
                if expiry.weekday() < 5 and self._is_trading_day(expiry):
                    break
            if expiry >= self._day:
                found.append(expiry)
        return found[:5]

    @staticmethod
    def _currency() -> Iterable[str]:
        for token, pair, low, high, base in (
            ("25", "EURINR", 58.68, 71.7225, "65.2"),
            ("26", "GBPINR", 67.3875, 82.365, "74.875"),
            ("27", "JPYINR", 45.325, 55.3975, "50.36"),
            ("1", "USDINR", 37.8225, 46.23, "0"),
        ):
            yield (
                f'"{token}","UNDCUR","{pair}","SPOT","01-Jan-1980",0,"XX",0,0,0,,0,"",0,0,0,0,"","","","",0,"","","",'
                f'{number(int(token) * 1021)},1,1000,0.0025,"{pair}","","","","",{low},{high},"","","","","","","","",'
                f'"","",0,"","",0,0,0,"","","","","","","","","","","","","","","",{base},"{pair}"'
            )

    def _funds(self) -> Iterable[str]:
        houses = ("SBI", "HDFC", "ICICI Prudential", "Nippon India", "Kotak", "Axis", "UTI", "DSP", "Mirae Asset")
        kinds = (
            ("Large Cap Fund", "Large Cap Fund", "Equity"),
            ("Flexi Cap Fund", "Flexi Cap Fund", "Equity"),
            ("Liquid Fund", "Liquid Fund", "Debt"),
            ("Gilt Fund", "Gilt Fund", "Debt"),
            ("Balanced Advantage Fund", "Dynamic Asset Allocation", "Hybrid"),
        )
        navs = master_date(self._day)
        code = 100_000
        for house_number, house in enumerate(houses):
            for title, category, asset in kinds:
                for option in ("Growth", "IDCW"):
                    for plan in ("", " - Direct Plan"):
                        code += 1
                        nav = 10 + stable_hash(self._seed, code) % 900_000 / 10_000
                        direct = "Y" if plan else "N"
                        # Two columns are bare words in the real file although they are text.
                        yield (
                            f'"{house_number + 10}","M{code}","{code}","{nav:g}","{navs}","H","{code % 6}",'
                            f'"{house} {title} - {option}{plan}","{option}","N","{house.upper()} MUTUAL FUND",'
                            f'{category},{asset},"INF{code}K01{code % 90 + 10}","*","Mutual Fund","{direct}"'
                        )


@dataclass(frozen=True, slots=True)
class _Frame:
    exchange: str
    code: str
    name: str
    exchange_code: str
    expiry: str
    cycle: str


def _step_factor(price: float, book_price: float) -> float:
    """How far strikes must spread or shrink when a price has left its book value by more than a factor of two."""
    factor = 1.0
    while price > 2.5 * book_price * factor:
        factor *= 2
    while price < 0.4 * book_price * factor:
        factor /= 2
    return factor


def _strikes(price: float, step: float, wanted: int) -> list[float]:
    centre = round(price / step)
    first = max(centre - wanted // 2, 1)
    return [round((first + nth) * step, 2) for nth in range(wanted)]


def _mcx_row(
    tokens: _Tokens,
    seed: int,
    commodity: KnownCommodity,
    expiry: date,
    strike: float | None,
    right: str,
    price: float,
) -> str:
    own = mix(stable_hash(seed, "MCX", commodity.code, expiry) ^ (round((strike or 0) * 100) << 2 | (right == "PE")))
    series, kind = ("FUTURE", "FUTSTK") if strike is None else ("OPTION", "OPTSTK")
    inside = price if strike is None else max(price - strike if right == "CE" else strike - price, 0.0)
    low = price * 0.96 if strike is None else max(inside - 0.08 * price, 0.01)
    high = price * 1.04 if strike is None else inside + 0.08 * price
    tick = commodity.tick if strike is None else min(commodity.tick, 50)
    unit = commodity.unit
    return (
        f'"{tokens.take(own)}","{kind}","{commodity.code}","{series}","{commodity.symbol}",{tick},{commodity.lot},'
        f'"{master_date(expiry)}","{right}",{number(strike or 0)},"","","","",{own % 9000},"","","","","",'
        f'{number(round(low, 2))},{number(round(high, 2))},"{unit}","{commodity.price_unit}","{unit}","",'
        f'"{commodity.symbol}"'
    )
