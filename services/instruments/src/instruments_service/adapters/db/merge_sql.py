"""The statements of a merge, in the order in which they run. `:day` is the day from which the new master counts."""

from typing import Final

_VERSIONED: Final = ("symbol", "name", "isin", "series", "lot_size", "freeze_quantity", "broker_token", "status")
_BANDS: Final = ("lower_band", "upper_band")
_OTHER: Final = (
    "file", "segment", "code", "underlying", "underlying_exchange", "broker_code", "broker_symbol", "popularity",
    "search_text",
)  # fmt: skip
_INSERTED: Final = (
    "natural_key", "file", "exchange", "segment", "type", "symbol", "code", "name", "isin", "series", "lot_size",
    "tick_size", "freeze_quantity", "expiry", "strike", '"right"', "underlying", "underlying_exchange", "lower_band",
    "upper_band", "broker_code", "broker_token", "broker_symbol", "status", "popularity", "search_text",
)  # fmt: skip


def _columns(names: tuple[str, ...], table: str) -> str:
    return ", ".join(f"{table}.{name}" for name in names)


# A share's tick follows last month's close, so within a month the one that was set first stays.
_TICK_DUE: Final = "(s.monthly_tick AND date_trunc('month', i.tick_set_on) <> date_trunc('month', CAST(:day AS date)))"
_TICK: Final = f"(CASE WHEN s.monthly_tick AND NOT {_TICK_DUE} THEN i.tick_size ELSE s.tick_size END)"

PREPARE: Final = (
    "SET LOCAL lock_timeout = '30s'",
    "SET LOCAL work_mem = '64MB'",
    "SET LOCAL maintenance_work_mem = '128MB'",
    # Nothing outside may refer to a half-merged master, so losing the last commit to a power cut costs only a re-run.
    "SET LOCAL synchronous_commit = off",
    # New words go to the search index's pending list, and in bulk into the index at the end: nine times faster.
    "SET LOCAL gin_pending_list_limit = '64MB'",
    """
CREATE TEMP TABLE stage (
    natural_key text NOT NULL, file text NOT NULL, exchange text NOT NULL, segment text NOT NULL, type text NOT NULL,
    symbol text NOT NULL, code text NOT NULL, name text NOT NULL, isin text, series text, lot_size integer NOT NULL,
    tick_size numeric(12, 6) NOT NULL, monthly_tick boolean NOT NULL, freeze_quantity integer, expiry date,
    strike numeric(18, 6), "right" text, underlying text, underlying_exchange text, lower_band numeric(18, 6),
    upper_band numeric(18, 6), broker_code text NOT NULL, broker_token text, broker_symbol text NOT NULL,
    status text NOT NULL, popularity smallint NOT NULL, search_text text
) ON COMMIT DROP""",
)

# Readers go on; another merge, or any other writer, waits.
LOCK: Final = "LOCK TABLE instruments IN SHARE ROW EXCLUSIVE MODE"

DIFF: Final = f"""
CREATE TEMP TABLE diff ON COMMIT DROP AS
SELECT * FROM (
    SELECT i.instrument_id,
           ({_columns(_VERSIONED, "i")}, i.tick_size)
               IS DISTINCT FROM ({_columns(_VERSIONED, "s")}, {_TICK}) AS versioned,
           ({_columns(_BANDS, "i")}) IS DISTINCT FROM ({_columns(_BANDS, "s")}) AS bands,
           ({_columns(_OTHER, "i")}) IS DISTINCT FROM ({_columns(_OTHER, "s")}) AS other,
           i.status AS old_status,
           {_TICK} AS new_tick,
           {_TICK_DUE} AS tick_due,
           {_columns((*_VERSIONED, *_BANDS, *_OTHER), "s")}
    FROM stage s JOIN instruments i USING (natural_key)
) AS compared
WHERE versioned OR bands OR other OR tick_due"""  # noqa: S608 - only our own column names are pasted

GONE: Final = """
CREATE TEMP TABLE gone ON COMMIT DROP AS
SELECT i.instrument_id, CASE WHEN i.expiry < :day THEN 'expired' ELSE 'delisted' END AS status
FROM instruments i
WHERE i.status = 'active'
  AND (i.expiry < :day OR i.file = ANY(:files))
  AND NOT EXISTS (SELECT FROM stage s WHERE s.natural_key = i.natural_key)"""

COUNT_CHANGES: Final = """
SELECT (SELECT count(*) FROM diff WHERE versioned AND NOT (status = 'expired' AND old_status = 'active')) AS changed,
       (SELECT count(*) FROM diff WHERE bands AND NOT versioned) AS bands_changed,
       (SELECT count(*) FROM diff WHERE status = 'expired' AND old_status = 'active') AS expired_in_file,
       (SELECT count(*) FROM diff WHERE status = 'expired' AND old_status = 'active')
           + (SELECT count(*) FROM gone WHERE status = 'expired') AS expired,
       (SELECT count(*) FROM gone WHERE status = 'delisted') AS delisted"""

KEEP_NAMES: Final = """
INSERT INTO aliases (alias, instrument_id, kind)
SELECT upper(i.symbol), i.instrument_id, 'former_symbol'
  FROM diff d JOIN instruments i USING (instrument_id) WHERE i.symbol <> d.symbol
UNION ALL
SELECT upper(i.broker_symbol), i.instrument_id, 'former_broker_symbol'
  FROM diff d JOIN instruments i USING (instrument_id)
 WHERE i.broker_symbol <> d.broker_symbol AND i.broker_symbol <> i.symbol
UNION ALL
SELECT upper(i.broker_token), i.instrument_id, 'former_token'
  FROM diff d JOIN instruments i USING (instrument_id) WHERE i.broker_token <> d.broker_token
ON CONFLICT DO NOTHING"""

# A second sync on the same day corrects the day: what was true only this morning is no history.
KEEP_VERSIONS: Final = """
INSERT INTO instrument_versions (instrument_id, valid_from, valid_to, symbol, name, isin, series, lot_size, tick_size,
                                 freeze_quantity, broker_token, status)
SELECT i.instrument_id, i.version_from, :day, i.symbol, i.name, i.isin, i.series, i.lot_size, i.tick_size,
       i.freeze_quantity, i.broker_token, i.status
FROM instruments i
JOIN (SELECT instrument_id FROM diff WHERE versioned UNION ALL SELECT instrument_id FROM gone) AS moved
  USING (instrument_id)
WHERE i.version_from < :day"""

KEEP_BANDS: Final = """
INSERT INTO instrument_bands (instrument_id, valid_from, valid_to, lower_band, upper_band)
SELECT i.instrument_id, i.bands_from, :day, i.lower_band, i.upper_band
FROM instruments i JOIN diff d USING (instrument_id)
WHERE d.bands AND i.bands_from < :day"""

UPDATE: Final = f"""
UPDATE instruments i
SET {", ".join(f"{name} = d.{name}" for name in (*_VERSIONED, *_BANDS, *_OTHER))},
    tick_size = d.new_tick,
    tick_set_on = CASE WHEN d.tick_due THEN :day ELSE i.tick_set_on END,
    version_from = CASE WHEN d.versioned THEN :day ELSE i.version_from END,
    bands_from = CASE WHEN d.bands THEN :day ELSE i.bands_from END
FROM diff d
WHERE i.instrument_id = d.instrument_id"""  # noqa: S608 - only our own column names are pasted

INSERT: Final = f"""
INSERT INTO instruments ({", ".join(_INSERTED)}, listed_on, version_from, bands_from, tick_set_on)
SELECT {_columns(_INSERTED, "s")}, :day, :day, :day, :day
FROM stage s
WHERE NOT EXISTS (SELECT FROM instruments i WHERE i.natural_key = s.natural_key)
ORDER BY s.exchange, s.underlying, s.expiry, s.strike, s.code"""  # noqa: S608 - as above

HAS_ROWS: Final = "SELECT EXISTS (SELECT FROM instruments)"

# Those that no constraint stands on.
PLAIN_INDEXES: Final = """
SELECT c.relname AS name, pg_get_indexdef(c.oid) AS definition
FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
WHERE x.indrelid = 'instruments'::regclass AND NOT x.indisunique
ORDER BY c.relname"""

CLOSE: Final = """
UPDATE instruments i SET status = g.status, version_from = :day
FROM gone g WHERE i.instrument_id = g.instrument_id"""

COUNT_STORED: Final = "SELECT count(*) FROM stage s JOIN instruments i USING (natural_key) WHERE i.status = s.status"

# Left to autovacuum, the list would be read whole by every search until then.
FLUSH_SEARCH: Final = "SELECT gin_clean_pending_list('ix_instruments_search'::regclass)"
