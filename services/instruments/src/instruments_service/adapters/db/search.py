"""Search by the database: candidates for the ranking, and contracts of chosen underlyings."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from breezeway.contracts.instruments import Right
from breezeway.db.unit_of_work import UnitOfWork
from instruments_service.adapters.db.rows import INSTRUMENT_COLUMNS, candidate, instrument
from instruments_service.domain.contract_index import PER_EXPIRY
from instruments_service.domain.query import ExpiryHint, Query
from instruments_service.domain.ranking import Candidate, Underlying

_ENOUGH = 5
"""With fewer candidates than this a typo is likely, and similar words are looked for too."""

_LIKENESS = "0.4"
"""pg_trgm's threshold for a word: `relianse` reaches 0.55 against `reliance`, unrelated words stay under 0.3."""

_WANTED = "instrument_id, symbol, code, broker_code, isin, name, popularity"
_FILTER = """status = 'active' AND search_text IS NOT NULL
      AND (CAST(:exchange AS text) IS NULL OR exchange = :exchange) AND (CAST(:type AS text) IS NULL OR type = :type)"""

_WORDS = 6
"""More words than this say nothing more; the ranking still reads them all."""


def _plain(words: int) -> sa.TextClause:
    """Narrow index reads instead of one wide OR, each cut off by popularity, so that "a" stays cheap.

    One LIKE a word: `LIKE ALL (array)` would read the whole table, for no index can answer it.
    """
    inside = " AND ".join(f"search_text LIKE :word_{number}" for number in range(words))
    by_words = f"""
    UNION ALL
    (SELECT {_WANTED} FROM instruments WHERE {inside} AND {_FILTER}
      ORDER BY popularity DESC, instrument_id LIMIT :limit)"""  # noqa: S608 - only our own column names are pasted
    return sa.text(f"""
SELECT DISTINCT ON (instrument_id) *, CAST(0 AS real) AS similarity FROM (
    (SELECT {_WANTED} FROM instruments WHERE symbol = ANY(:symbols) AND {_FILTER})
    UNION ALL
    (SELECT {_WANTED} FROM instruments WHERE broker_symbol = ANY(:symbols) AND {_FILTER})
    UNION ALL
    (SELECT {_WANTED} FROM instruments WHERE isin = :isin AND {_FILTER})
    UNION ALL
    (SELECT {_WANTED} FROM instruments WHERE code LIKE :prefix AND {_FILTER}
      ORDER BY popularity DESC, length(code), instrument_id LIMIT :limit){by_words if words else ""}
) AS found""")  # noqa: S608 - only our own column names are pasted


_SIMILAR = sa.text(f"""
SELECT {_WANTED}, word_similarity(:text, search_text) AS similarity
FROM instruments WHERE :text <% search_text AND {_FILTER}
ORDER BY similarity DESC, popularity DESC, instrument_id LIMIT :limit""")  # noqa: S608 - only our own column names

_UNDERLYINGS = sa.text("""
SELECT c.exchange, c.underlying, c.broker_code, coalesce(u.name, c.name) AS name,
       coalesce(u.popularity, 40) AS popularity
FROM (SELECT DISTINCT ON (exchange, underlying) exchange, underlying, underlying_exchange, broker_code, name
        FROM instruments
       WHERE status = 'active' AND expiry IS NOT NULL AND underlying IS NOT NULL
       ORDER BY exchange, underlying, expiry, instrument_id) AS c
LEFT JOIN LATERAL (SELECT name, popularity FROM instruments
                    WHERE symbol = c.underlying_exchange || ':' || c.underlying AND status = 'active' LIMIT 1) AS u
       ON true
ORDER BY popularity DESC, c.underlying, c.exchange
""")


_BY_IDS = sa.text(
    f"SELECT {INSTRUMENT_COLUMNS} FROM instruments WHERE instrument_id = ANY(:ids) AND status = 'active'"  # noqa: S608
)

_CASH_EXCHANGES = ("NSE", "BSE", "NSE_INDEX", "BSE_INDEX", "CDS", "MF")


class SqlSearch:
    """Implements `SearchSource`, for as long as a process has no index of its own."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        # A single SELECT is its own transaction; BEGIN and ROLLBACK around it would double the round trips of a search.
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def underlyings(self) -> Sequence[Underlying]:
        async with UnitOfWork(self._reading) as work:
            return await underlyings(work.session)

    async def candidates(self, query: Query, exchange: str | None, type_: str | None, limit: int) -> list[Candidate]:
        async with UnitOfWork(self._reading) as work:
            found, doubtful = await _candidates(work.session, query, exchange, type_, limit)
        if not doubtful:
            return found
        async with UnitOfWork(self._engine) as work:
            similar = await _similar(work.session, query, exchange, type_, limit)
        seen = {one.instrument_id for one in found}
        return found + [one for one in similar if one.instrument_id not in seen]

    async def contracts(
        self,
        underlyings: Sequence[Underlying],
        *,
        type_: str | None,
        strike: Decimal | None,
        right: Right | None,
        expiry: ExpiryHint | None,
        exactly: bool,
        limit: int,
    ) -> list[int]:
        if not underlyings:
            return []
        async with UnitOfWork(self._reading) as work:
            most = limit * PER_EXPIRY if exactly else limit
            found = await _contracts(work.session, underlyings, type_, strike, right, expiry, most)
        return [number for number, at in found if not exactly or at == strike][:limit]

    async def described(self, ids: Sequence[int]) -> list[bytes]:
        async with UnitOfWork(self._reading) as work:
            rows = (await work.session.execute(_BY_IDS, {"ids": list(ids)})).mappings()
        found = {row["instrument_id"]: instrument(row).model_dump_json().encode() for row in rows}
        return [found[number] for number in ids if number in found]


async def underlyings(session: AsyncSession) -> list[Underlying]:
    """Everything that active contracts are written on, most popular first."""
    rows = (await session.execute(_UNDERLYINGS)).mappings()
    return [
        Underlying(row["exchange"], row["underlying"], row["broker_code"].upper(), row["name"], row["popularity"])
        for row in rows
    ]


async def _candidates(
    session: AsyncSession, query: Query, exchange: str | None, type_: str | None, limit: int
) -> tuple[list[Candidate], bool]:
    """Cash instruments, indices and funds that may be meant, in no order; and whether a typo is likely."""
    scope = {"exchange": exchange, "type": type_, "limit": limit}
    # A single letter is in every name; the prefix read covers it.
    words = [word for word in query.words if len(word) >= 2][:_WORDS]
    values: dict[str, Any] = {
        "symbols": [f"{market}:{query.joined}" for market in _CASH_EXCHANGES],
        "isin": query.isin or "",
        "prefix": f"{_escape(query.joined)}%" if query.joined else "",
        **{f"word_{number}": f"%{_escape(word)}%" for number, word in enumerate(words)},
        **scope,
    }
    rows = list((await session.execute(_plain(len(words)), values)).mappings())
    named = query.isin is not None or any(query.joined in (row["code"], row["broker_code"]) for row in rows)
    doubtful = not named and len(rows) < _ENOUGH and len(query.text) >= 3
    return [candidate(row) for row in rows], doubtful


async def _similar(
    session: AsyncSession, query: Query, exchange: str | None, type_: str | None, limit: int
) -> list[Candidate]:
    """Candidates with similar words. Needs a transaction, for the threshold is set in it."""
    await session.execute(
        sa.text("SELECT set_config('pg_trgm.word_similarity_threshold', :value, true)"), {"value": _LIKENESS}
    )
    values = {"text": " ".join(query.words), "exchange": exchange, "type": type_, "limit": limit}
    rows = (await session.execute(_SIMILAR, values)).mappings()
    return [candidate(row) for row in rows]


async def _contracts(
    session: AsyncSession,
    underlyings: Sequence[Underlying],
    type_: str | None,
    strike: Decimal | None,
    right: Right | None,
    expiry: ExpiryHint | None,
    limit: int,
) -> list[tuple[int, Decimal | None]]:
    """Ids and strikes of active contracts, in the order of `underlyings`; nearest expiry first, then nearest strike."""
    found: list[tuple[int, Decimal | None]] = []
    for underlying in underlyings:
        if type_ == "future":
            found += await _futures(session, underlying, expiry)
            continue
        days = await _expiries(session, underlying, type_, expiry)
        near = strike if strike is not None else await _level(session, underlying)
        for day in days:
            if len(found) >= limit:
                return found
            rows = await session.execute(
                _CONTRACTS,
                {
                    "exchange": underlying.exchange,
                    "underlying": underlying.code,
                    "expiry": day,
                    "type": type_,
                    "right": right,
                    "strike": near,
                    "limit": min(limit - len(found), PER_EXPIRY if strike is not None else limit),
                },
            )
            found += [(row.instrument_id, row.strike) for row in rows]
    return found[:limit]


async def _futures(
    session: AsyncSession, underlying: Underlying, expiry: ExpiryHint | None
) -> list[tuple[int, Decimal | None]]:
    values = {"exchange": underlying.exchange, "underlying": underlying.code}
    rows = await session.execute(_FUTURES, values)
    return [(row.instrument_id, None) for row in rows if expiry is None or expiry.matches(row.expiry)]


_FUTURES = sa.text("""
SELECT instrument_id, expiry FROM instruments
WHERE exchange = :exchange AND underlying = :underlying AND type = 'future' AND status = 'active'
ORDER BY expiry, instrument_id""")


async def _level(session: AsyncSession, underlying: Underlying) -> Decimal | None:
    """About where the underlying trades: price bands lie evenly around yesterday's close of its nearest future."""
    values = {"exchange": underlying.exchange, "underlying": underlying.code}
    level: Decimal | None = (await session.execute(_LEVEL, values)).scalar_one_or_none()
    return level


_LEVEL = sa.text("""
SELECT (lower_band + upper_band) / 2 FROM instruments
WHERE exchange = :exchange AND underlying = :underlying AND type = 'future' AND status = 'active'
  AND expiry IS NOT NULL AND lower_band IS NOT NULL AND upper_band IS NOT NULL
ORDER BY expiry LIMIT 1""")

_CONTRACTS = sa.text("""
SELECT instrument_id, strike FROM instruments
WHERE exchange = :exchange AND underlying = :underlying AND expiry = :expiry AND status = 'active'
  AND (CAST(:type AS text) IS NULL OR type = :type) AND (CAST(:right AS text) IS NULL OR "right" = :right)
ORDER BY abs(strike - CAST(:strike AS numeric)) NULLS FIRST, strike NULLS FIRST, "right", instrument_id
LIMIT :limit""")


async def _expiries(
    session: AsyncSession, underlying: Underlying, type_: str | None, hint: ExpiryHint | None
) -> list[Any]:
    rows = await session.execute(
        _EXPIRIES, {"exchange": underlying.exchange, "underlying": underlying.code, "type": type_}
    )
    days = [row.expiry for row in rows]
    return [day for day in days if hint is None or hint.matches(day)]


# A loose index scan: one probe an expiry, instead of reading thousands of strikes to find a dozen days.
_EXPIRIES = sa.text("""
WITH RECURSIVE days AS (
    (SELECT expiry FROM instruments WHERE exchange = :exchange AND underlying = :underlying AND expiry IS NOT NULL
        AND status = 'active' AND (CAST(:type AS text) IS NULL OR type = :type) ORDER BY expiry LIMIT 1)
    UNION ALL
    SELECT (SELECT i.expiry FROM instruments i WHERE i.exchange = :exchange AND i.underlying = :underlying
               AND i.expiry > days.expiry AND i.status = 'active'
               AND (CAST(:type AS text) IS NULL OR i.type = :type) ORDER BY i.expiry LIMIT 1)
    FROM days WHERE days.expiry IS NOT NULL
)
SELECT expiry FROM days WHERE expiry IS NOT NULL""")


def _escape(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
