"""Candle blocks as packed bytes instead of arrays

Nothing is lost either way: a price that does not fit into a scaled 32-bit integer is kept as the double it was.

Revision ID: 0004_packed_blocks
Revises: 0003_subscriptions
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0004_packed_blocks"
down_revision = "0003_subscriptions"
branch_labels = None
depends_on = None

_SCALE = """
CREATE FUNCTION pg_temp.scale_of(prices double precision[]) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN bool_and(abs(round(p * 100)) <= 2147483647 AND round(p * 100) / 100 = p) THEN 100
        WHEN bool_and(abs(round(p * 10000)) <= 2147483647 AND round(p * 10000) / 10000 = p) THEN 10000
        ELSE 0
    END
    FROM unnest(prices) AS p
$$
"""
_PACK_PRICES = """
CREATE FUNCTION pg_temp.pack_prices(prices double precision[], scale integer) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(
        CASE WHEN scale = 0 THEN float8send(p) ELSE int4send(round(p * scale)::integer) END, ''::bytea ORDER BY i)
    FROM unnest(prices) WITH ORDINALITY AS u (p, i)
$$
"""
_PACK_INTEGERS = """
CREATE FUNCTION pg_temp.pack_integers(numbers bigint[], width integer) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(CASE WHEN width = 4 THEN int4send(n::integer) ELSE int8send(n) END, ''::bytea ORDER BY i)
    FROM unnest(numbers) WITH ORDINALITY AS u (n, i)
$$
"""
_WIDTH = """
CREATE FUNCTION pg_temp.width_of(numbers bigint[]) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN max(abs(n)) <= 2147483647 THEN 4 ELSE 8 END FROM unnest(numbers) AS n
$$
"""
_FILL = """
UPDATE candle_blocks SET
    price_scale = kept.scale,
    volume_bytes = kept.volume,
    interest_bytes = kept.interest,
    body = pg_temp.pack_integers(t::bigint[], 4) || pg_temp.pack_prices(o || h || l || c, kept.scale)
        || pg_temp.pack_integers(v, kept.volume)
        || CASE WHEN oi IS NULL THEN ''::bytea ELSE pg_temp.pack_integers(oi, kept.interest) END
FROM (
    SELECT symbol, interval, day, pg_temp.scale_of(o || h || l || c) AS scale, pg_temp.width_of(v) AS volume,
           CASE WHEN oi IS NULL THEN 0 ELSE pg_temp.width_of(oi) END AS interest
    FROM candle_blocks
) AS kept
WHERE (candle_blocks.symbol, candle_blocks.interval, candle_blocks.day) = (kept.symbol, kept.interval, kept.day)
"""

# Concatenating nothing brings an out-of-line body into memory once, instead of once for every number. Bytes are put
# together by hand, because PostgreSQL before 18 cannot cast them to numbers.
_BARS_OF = """
CREATE FUNCTION candle_block_bars(
    body bytea, bars integer, price_scale integer, volume_bytes integer, interest_bytes integer
) RETURNS TABLE (t integer, o double precision, h double precision, l double precision, c double precision,
                 v bigint, oi bigint)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    b bytea := body || ''::bytea;
    width integer := CASE WHEN price_scale = 0 THEN 8 ELSE 4 END;
    scale double precision := price_scale;
    price_at integer := bars * 4;
    volume_at integer := bars * (4 + 4 * width);
    interest_at integer := volume_at + bars * volume_bytes;
BEGIN
    IF price_scale = 0 THEN
        RETURN QUERY SELECT candle_block_int4(b, i * 4),
            candle_block_double(candle_block_int8(b, price_at + i * 8)),
            candle_block_double(candle_block_int8(b, price_at + (bars + i) * 8)),
            candle_block_double(candle_block_int8(b, price_at + (2 * bars + i) * 8)),
            candle_block_double(candle_block_int8(b, price_at + (3 * bars + i) * 8)),
            CASE volume_bytes WHEN 4 THEN candle_block_int4(b, volume_at + i * 4)
                ELSE candle_block_int8(b, volume_at + i * 8) END,
            CASE interest_bytes WHEN 0 THEN NULL WHEN 4 THEN candle_block_int4(b, interest_at + i * 4)
                ELSE candle_block_int8(b, interest_at + i * 8) END
        FROM generate_series(0, bars - 1) AS i;
    ELSE
        RETURN QUERY SELECT candle_block_int4(b, i * 4),
            candle_block_int4(b, price_at + i * 4) / scale,
            candle_block_int4(b, price_at + (bars + i) * 4) / scale,
            candle_block_int4(b, price_at + (2 * bars + i) * 4) / scale,
            candle_block_int4(b, price_at + (3 * bars + i) * 4) / scale,
            CASE volume_bytes WHEN 4 THEN candle_block_int4(b, volume_at + i * 4)
                ELSE candle_block_int8(b, volume_at + i * 8) END,
            CASE interest_bytes WHEN 0 THEN NULL WHEN 4 THEN candle_block_int4(b, interest_at + i * 4)
                ELSE candle_block_int8(b, interest_at + i * 8) END
        FROM generate_series(0, bars - 1) AS i;
    END IF;
END
$$
"""
_INT4 = """
CREATE FUNCTION candle_block_int4(b bytea, at integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (get_byte(b, at) << 24) | (get_byte(b, at + 1) << 16) | (get_byte(b, at + 2) << 8) | get_byte(b, at + 3)
$$
"""
_INT8 = """
CREATE FUNCTION candle_block_int8(b bytea, at integer) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (candle_block_int4(b, at)::bigint << 32) | (candle_block_int4(b, at + 4)::bigint & 4294967295)
$$
"""
_DOUBLE = """
CREATE FUNCTION candle_block_double(bits bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN (bits >> 52) & 2047 = 0 THEN 0
                ELSE (CASE WHEN bits < 0 THEN -1 ELSE 1 END)
                     * ((bits & 4503599627370495) + 4503599627370496)::double precision
                     * power(2::double precision, ((bits >> 52) & 2047) - 1075) END
$$
"""

# `date - '1970-01-01'` counts days; midnight IST lies 19,800 seconds before midnight UTC.
_VIEW = """
CREATE VIEW candle_rows AS
SELECT block.symbol, block.interval, block.day,
       to_timestamp((block.day - DATE '1970-01-01') * 86400::bigint - 19800 + bar.t) AS at,
       bar.o AS open, bar.h AS high, bar.l AS low, bar.c AS close, bar.v AS volume, bar.oi AS open_interest
FROM candle_blocks AS block
CROSS JOIN LATERAL {bars}
"""
_FROM_PACKED = """candle_block_bars(block.body, block.bars, block.price_scale, block.volume_bytes, block.interest_bytes)
    AS bar"""
_FROM_ARRAYS = "unnest(block.t, block.o, block.h, block.l, block.c, block.v, block.oi) AS bar (t, o, h, l, c, v, oi)"

_LAYOUT = ("price_scale", "volume_bytes", "interest_bytes")
_DOUBLES = ("o", "h", "l", "c")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = 0")
    for name in _LAYOUT:
        op.add_column("candle_blocks", sa.Column(name, sa.SmallInteger, nullable=True))
    op.add_column("candle_blocks", sa.Column("body", sa.LargeBinary, nullable=True))
    op.execute("ALTER TABLE candle_blocks ALTER COLUMN body SET STORAGE EXTERNAL")
    for function in (_SCALE, _WIDTH, _PACK_PRICES, _PACK_INTEGERS, _FILL):
        op.execute(function)
    op.execute("DROP VIEW candle_rows")
    op.drop_constraint("bars", "candle_blocks", type_="check")
    for name in ("t", *_DOUBLES, "v", "oi"):
        op.drop_column("candle_blocks", name)
    for name in (*_LAYOUT, "body"):
        op.alter_column("candle_blocks", name, nullable=False)
    op.create_check_constraint(
        "body",
        "candle_blocks",
        "bars > 0 AND octet_length(body) = bars * (4 + 4 * CASE price_scale WHEN 0 THEN 8 ELSE 4 END + volume_bytes"
        " + interest_bytes)",
    )
    for statement in (_INT4, _INT8, _DOUBLE, _BARS_OF, _VIEW.format(bars=_FROM_PACKED)):
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = 0")
    op.add_column(
        "candle_blocks", sa.Column("t", ARRAY(sa.Integer, dimensions=1), comment="seconds since midnight IST")
    )
    for name in _DOUBLES:
        op.add_column("candle_blocks", sa.Column(name, ARRAY(sa.Double, dimensions=1)))
    for name in ("v", "oi"):
        op.add_column("candle_blocks", sa.Column(name, ARRAY(sa.BigInteger, dimensions=1)))
    op.execute(
        "UPDATE candle_blocks AS block SET (t, o, h, l, c, v, oi) = (SELECT array_agg(bar.t ORDER BY bar.t),"
        " array_agg(bar.o ORDER BY bar.t), array_agg(bar.h ORDER BY bar.t), array_agg(bar.l ORDER BY bar.t),"
        " array_agg(bar.c ORDER BY bar.t), array_agg(bar.v ORDER BY bar.t),"
        f" CASE WHEN block.interest_bytes > 0 THEN array_agg(bar.oi ORDER BY bar.t) END FROM {_FROM_PACKED})"
    )
    op.execute("DROP VIEW candle_rows")
    op.drop_constraint("body", "candle_blocks", type_="check")
    for name in (*_LAYOUT, "body"):
        op.drop_column("candle_blocks", name)
    for name in ("t", *_DOUBLES, "v"):
        op.alter_column("candle_blocks", name, nullable=False)
    op.create_check_constraint("bars", "candle_blocks", "bars = cardinality(t) AND bars > 0")
    op.execute(_VIEW.format(bars=_FROM_ARRAYS))
    for function in (
        "candle_block_bars(bytea, integer, integer, integer, integer)",
        "candle_block_double(bigint)",
        "candle_block_int8(bytea, integer)",
        "candle_block_int4(bytea, integer)",
    ):
        op.execute(f"DROP FUNCTION {function}")
