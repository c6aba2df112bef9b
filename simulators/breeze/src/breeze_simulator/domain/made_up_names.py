"""Companies that do not exist, to fill a generated master up to the size of a real one, with its junk rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from breeze_simulator.domain.rng import generator
from breeze_simulator.domain.well_known import known_stocks

SHARES: Final = 2400
_JUNK_TOKENS: Final = (*["0"] * 80, *["00"] * 20, *["NA"] * 4, "nul", "X5572", "X25889X", "000", "00015")

_FIRST: Final = """
Aarav Anand Arjun Ashoka Bhavya Chandra Deccan Devika Ganga Gautam Godavari Harsha Himal Indra Jaya
Jyoti Kaveri Kiran Krishna Lakshya Madhav Malwa Meera Mohan Nandan Narmada Navin Nila Om Padma Param
Pioneer Pragati Prakash Rajat Ravi Riddhi Sagar Sahyadri Samrat Sanjiv Satya Shakti Shiva Siddhi
Sindhu Surya Tapti Tara Trident Udaya Uma Vaibhav Varun Vasant Vidya Vikram Vindhya Yamuna Zenith
"""
_SECOND: Final = """
Agro Alloys Auto Biotech Cables Capital Castings Cement Ceramics Chemicals Coatings Commerce
Components Cotton Dairy Dyes Electric Electronics Energy Engineering Fabrics Fasteners Finance Foods
Forge Foundry Garments Glass Granites Healthcare Hotels Housing Infra Instruments Jewels Labs
Leasing Logistics Machines Media Metals Mills Motors Oils Packaging Papers Pharma Pipes Plastics
Polymers Power Projects Realty Resins Retail Rubber Shipping Software Spinners Steels Sugars Systems
Tea Telecom Textiles Tools Tubes Tyres Ventures Wires
"""
_SERIES: Final = ("EQ", "BE", "SM", "ST", "BZ")
_SERIES_WEIGHTS: Final = (0.70, 0.17, 0.08, 0.04, 0.01)


@dataclass(frozen=True, slots=True)
class MadeUpShare:
    """A share of the generated master; `bse_token` is empty when only NSE lists it."""

    symbol: str
    code: str
    token: str
    bse_token: str
    isin: str
    series: str
    group: str
    price: float
    name: str


def made_up_shares(seed: int, extra_symbols: Sequence[str] = ()) -> list[MadeUpShare]:
    """About `SHARES` shares, the junk rows after them, and one share for each of `extra_symbols`.

    Symbols, codes and good tokens collide neither with each other nor with the well-known shares.
    """
    rng = generator(seed, "made-up-shares")
    known = known_stocks().values()
    codes = {stock.code for stock in known}
    symbols = {stock.symbol for stock in known} | set(extra_symbols)
    used_tokens = {int(stock.token) for stock in known}
    # Tokens above 35,000 belong to the derivatives, which share NSE's rooms.
    free = np.setdiff1d(np.arange(40, 34_000), np.fromiter(used_tokens, dtype=np.int64))
    tokens = rng.permutation(free)
    first_words, second_words = _FIRST.split(), _SECOND.split()
    pairs = rng.permutation(len(first_words) * len(second_words))
    prices = np.round(np.exp(rng.normal(5.1, 1.2, size=len(pairs))) + 2, 2)
    series = rng.choice(len(_SERIES), size=len(pairs), p=_SERIES_WEIGHTS)
    on_bse = rng.random(len(pairs)) < 0.8

    shares: list[MadeUpShare] = []
    for number, symbol in enumerate(sorted(set(extra_symbols))):
        name = f"{symbol} LIMITED"
        code = _unused_code(symbol[:3], symbol[3:], codes)
        token = str(34_000 + number)
        shares.append(MadeUpShare(symbol, code, token, "", isin("INE", 90_000 + number), "EQ", "DR", 250.0, name))
    for number in range(SHARES + len(_JUNK_TOKENS)):
        first, second = divmod(int(pairs[number]), len(second_words))
        first_word, second_word = first_words[first], second_words[second]
        symbol = (first_word + second_word)[:10].upper()
        if symbol in symbols:
            symbol = (first_word[:4] + second_word)[:9].upper() + str(number % 10)
        symbols.add(symbol)
        junk = number >= SHARES
        shares.append(
            MadeUpShare(
                symbol=symbol,
                code=_unused_code(first_word, second_word, codes),
                token=_JUNK_TOKENS[number - SHARES] if junk else str(tokens[number]),
                bse_token=str(560_000 + number) if on_bse[number] and not junk else "",
                isin=isin("INE", number),
                series=_SERIES[series[number]],
                group="C" if number % 5 == 0 else "DR",
                price=float(prices[number]),
                name=f"{first_word} {second_word} Limited".upper(),
            )
        )
    # The real file gives one token to a share and to a bond; the later row wins in every reader.
    shared = shares[len(extra_symbols)].token
    shares.append(
        MadeUpShare("875BOND37", "BOND37", shared, "", isin("INE", 99_999), "N5", "DR", 1000.0, "8.75 BOND 2037")
    )
    return shares


def isin(prefix: str, number: int) -> str:
    """A well-formed ISIN: prefix, serial, `010`, serial and the check digit of ISO 6166."""
    body = f"{prefix}{number // 26:04}{chr(65 + number % 26)}01"[:9] + f"{number % 100:02}"
    digits = "".join(str(int(character, 36)) for character in body)
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value // 10 + value % 10
    return f"{body}{-total % 10}"


def _unused_code(first: str, second: str, taken: set[str]) -> str:
    # ICICI's habit: three letters of the first word and three of the second.
    letters = "".join(character for character in (first[:3] + second[:3] or first) if character.isalnum()).upper()
    code = letters or "SHARE"
    number = 0
    while code in taken:
        number += 1
        code = f"{letters[: 6 - len(str(number))]}{number}"
    taken.add(code)
    return code
