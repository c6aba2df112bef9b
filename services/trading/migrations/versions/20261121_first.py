"""Accounts, the append-only journal with its balances, orders, trades, positions, banking.

Revision ID: trading_0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "trading_0001"
down_revision = None
branch_labels = None
depends_on = None

GUARDS = (
    # What was booked stays: corrections are entries of their own. The owner of a table may do anything but pass this.
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION '% of % is not allowed: it is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    *(
        f"""
        CREATE TRIGGER {name} BEFORE {event} ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """
        for table in ("journal_entries", "journal_legs", "trades", "order_events")
        for name, event in (("append_only", "UPDATE OR DELETE"), ("append_only_truncate", "TRUNCATE"))
    ),
    # Balances are the running fold of the legs. Their check constraint is what refuses to overspend.
    """
    CREATE FUNCTION book_leg() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      -- An upsert would check the constraint on the leg itself before it is added. The account's row is locked by
      -- whoever books, so nobody inserts the same balance meanwhile.
      UPDATE ledger_balances SET amount = amount + NEW.amount WHERE account_id = NEW.account_id AND name = NEW.name;
      IF NOT FOUND THEN
        INSERT INTO ledger_balances (account_id, name, amount) VALUES (NEW.account_id, NEW.name, NEW.amount);
      END IF;
      RETURN NULL;
    END $$
    """,
    "CREATE TRIGGER book AFTER INSERT ON journal_legs FOR EACH ROW EXECUTE FUNCTION book_leg()",
    # Deferred to the commit, because an entry's legs come one by one.
    """
    CREATE FUNCTION check_entry() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      total numeric;
      foreign_legs bigint;
    BEGIN
      SELECT sum(l.amount), count(*) FILTER (WHERE l.account_id <> e.account_id) INTO total, foreign_legs
      FROM journal_legs l JOIN journal_entries e ON e.id = l.entry_id WHERE l.entry_id = NEW.entry_id;
      IF total <> 0 OR foreign_legs > 0 THEN
        RAISE EXCEPTION 'entry % does not balance: %', NEW.entry_id, total USING ERRCODE = 'check_violation';
      END IF;
      RETURN NULL;
    END $$
    """,
    """
    CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON journal_legs DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_entry()
    """,
    "INSERT INTO matcher_fence (id, fence) VALUES (1, 0)",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "bank_accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("bank_name", sa.Text(), nullable=False),
        sa.Column("ifsc", sa.Text(), nullable=False),
        sa.Column("number_cipher", sa.LargeBinary(), nullable=False),
        sa.Column("number_print", sa.Text(), nullable=False, comment="Keyed hash, to refuse the same account twice."),
        sa.Column("last_digits", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_accounts")),
    )
    op.create_index(
        "uq_bank_accounts_number",
        "bank_accounts",
        ["user_id", "number_print"],
        unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_table(
        "closing_prices",
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("price", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("symbol", "day", name=op.f("pk_closing_prices")),
    )
    op.create_table(
        "contracts",
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column(
            "instrument",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="The instrument as it was when last traded.",
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("symbol", name=op.f("pk_contracts")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "route", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "ledger_balances",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=2), nullable=False),
        sa.CheckConstraint(
            "amount >= 0 OR name NOT IN ('cash', 'margin')", name=op.f("ck_ledger_balances_never_negative")
        ),
        sa.PrimaryKeyConstraint("account_id", "name", name=op.f("pk_ledger_balances")),
    )
    op.create_table(
        "matcher_fence",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_matcher_fence_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_matcher_fence")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("message", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_table(
        "trading_accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("charge_plan", sa.Text(), nullable=False),
        sa.Column("initial_cash", sa.Numeric(precision=20, scale=2), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default="1", nullable=False),
        sa.Column("position_margin", sa.Numeric(precision=20, scale=2), server_default="0", nullable=False),
        sa.Column("rate_second", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rate_used", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "opened_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="Exchange time at which the present epoch began.",
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('paper', 'live')", name=op.f("ck_trading_accounts_kind")),
        sa.CheckConstraint("state IN ('active', 'reducing', 'halted')", name=op.f("ck_trading_accounts_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trading_accounts")),
    )
    op.create_index(
        "uq_trading_accounts_name",
        "trading_accounts",
        ["user_id", "name"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "equity_points",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="Exchange time, whole minutes."),
        sa.Column("equity", sa.Numeric(precision=20, scale=2), nullable=False),
        sa.Column("cash", sa.Numeric(precision=20, scale=2), nullable=False),
        sa.Column(
            "flow",
            sa.Numeric(precision=20, scale=2),
            nullable=False,
            comment="Paid in less paid out since the account was opened.",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["trading_accounts.id"], name=op.f("fk_equity_points_account_id")),
        sa.PrimaryKeyConstraint("account_id", "at", name=op.f("pk_equity_points")),
    )
    op.create_table(
        "journal_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("once", sa.Text(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True, comment="The exchange's day that the entry belongs to."),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["trading_accounts.id"], name=op.f("fk_journal_entries_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal_entries")),
        sa.UniqueConstraint("account_id", "once", name=op.f("uq_journal_entries_account_id_once")),
    )
    op.create_index("ix_journal_entries_account_id_id", "journal_entries", ["account_id", "id"], unique=False)
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("client_order_id", sa.Text(), nullable=True),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("order_type", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("validity", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("trigger_price", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("disclosed_quantity", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tag", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("filled", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("filled_value", sa.Numeric(precision=26, scale=6), server_default="0", nullable=False),
        sa.Column(
            "hold",
            sa.Numeric(precision=20, scale=2),
            server_default="0",
            nullable=False,
            comment="Blocked for what is not filled, rupees.",
        ),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("auto_square_off", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("fills", sa.Integer(), server_default="0", nullable=False),
        sa.Column("triggered", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=True),
        sa.Column("group_role", sa.Text(), nullable=True),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False, comment="Exchange time."),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, comment="Exchange time."),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("hold >= 0", name=op.f("ck_orders_hold")),
        sa.CheckConstraint("quantity > 0 AND filled >= 0 AND filled <= quantity", name=op.f("ck_orders_quantity")),
        sa.ForeignKeyConstraint(["account_id"], ["trading_accounts.id"], name=op.f("fk_orders_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("account_id", "client_order_id", name=op.f("uq_orders_account_id_client_order_id")),
    )
    op.create_index("ix_orders_account_id_id", "orders", ["account_id", "id"], unique=False)
    op.create_index(
        "ix_orders_group_id", "orders", ["group_id"], unique=False, postgresql_where=sa.text("group_id IS NOT NULL")
    )
    op.create_index(
        "ix_orders_working",
        "orders",
        ["account_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('new', 'trigger_pending', 'open', 'partially_filled')"),
    )
    op.create_table(
        "positions",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("lots", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("realised", sa.Numeric(precision=26, scale=6), nullable=False),
        sa.Column("bought", sa.BigInteger(), nullable=False),
        sa.Column("bought_value", sa.Numeric(precision=26, scale=6), nullable=False),
        sa.Column("sold", sa.BigInteger(), nullable=False),
        sa.Column("sold_value", sa.Numeric(precision=26, scale=6), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, comment="Exchange time."),
        sa.ForeignKeyConstraint(["account_id"], ["trading_accounts.id"], name=op.f("fk_positions_account_id")),
        sa.PrimaryKeyConstraint("account_id", "symbol", "product", name=op.f("pk_positions")),
    )
    op.create_index(
        "ix_positions_open", "positions", ["symbol"], unique=False, postgresql_where=sa.text("quantity <> 0")
    )
    op.create_table(
        "transfers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("bank_account_id", sa.Uuid(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=2), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="Indian day that its limit counts for."),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("direction IN ('deposit', 'withdrawal')", name=op.f("ck_transfers_direction")),
        sa.CheckConstraint("state IN ('completed', 'reversed')", name=op.f("ck_transfers_state")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_transfers_amount")),
        sa.ForeignKeyConstraint(["account_id"], ["trading_accounts.id"], name=op.f("fk_transfers_account_id")),
        sa.ForeignKeyConstraint(["bank_account_id"], ["bank_accounts.id"], name=op.f("fk_transfers_bank_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfers")),
    )
    op.create_index("ix_transfers_user_id_id", "transfers", ["user_id", "id"], unique=False)
    op.create_table(
        "journal_legs",
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=2), nullable=False, comment="Rupees; debits positive."),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_journal_legs_amount")),
        sa.ForeignKeyConstraint(["entry_id"], ["journal_entries.id"], name=op.f("fk_journal_legs_entry_id")),
        sa.PrimaryKeyConstraint("entry_id", "name", name=op.f("pk_journal_legs")),
    )
    op.create_index("ix_journal_legs_account_id_name", "journal_legs", ["account_id", "name"], unique=False)
    op.create_table(
        "order_commands",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('place', 'modify', 'cancel')", name=op.f("ck_order_commands_kind")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_commands_order_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_order_commands")),
    )
    op.create_table(
        "order_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="After it."),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="Exchange time."),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_events_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_events")),
    )
    op.create_index("ix_order_events_order_id_id", "order_events", ["order_id", "id"], unique=False)
    op.create_table(
        "trades",
        sa.Column("trade_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("realised", sa.Numeric(precision=20, scale=2), server_default="0", nullable=False),
        sa.Column("maker", sa.Boolean(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=True),
        sa.Column("auto_square_off", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="Exchange time."),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("settles_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["trading_accounts.id"], name=op.f("fk_trades_account_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_trades_order_id")),
        sa.PrimaryKeyConstraint("trade_id", name=op.f("pk_trades")),
        sa.UniqueConstraint("seq", name=op.f("uq_trades_seq")),
    )
    op.create_index("ix_trades_account_id_day", "trades", ["account_id", "day"], unique=False)
    op.create_index("ix_trades_order_id", "trades", ["order_id"], unique=False)
    for statement in GUARDS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in (
        *(
            "transfers",
            "bank_accounts",
            "equity_points",
            "closing_prices",
            "idempotency_keys",
            "matcher_fence",
            "outbox",
        ),
        *("positions", "trades", "order_commands", "order_events", "orders", "contracts"),
        *("ledger_balances", "journal_legs", "journal_entries", "trading_accounts"),
    ):
        op.drop_table(table)
    for function in ("refuse_change", "book_leg", "check_entry"):
        op.execute(f"DROP FUNCTION {function}()")
