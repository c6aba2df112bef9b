"""The service's tables. What the database itself guards (append-only journal, balances, sums) is in the migration."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from breezeway.db.base import new_metadata
from breezeway.exchange.orders import TERMINAL, OrderState
from breezeway.outbox.table import event_outbox

metadata = new_metadata()

_MONEY = sa.Numeric(20, 2)
_PRICE = sa.Numeric(18, 6)
_VALUE = sa.Numeric(26, 6)
_TIME = sa.DateTime(timezone=True)

UNFINISHED = sa.text(f"state IN ({', '.join(repr(state.value) for state in OrderState if state not in TERMINAL)})")
"""Of orders. Written out, because an index on it is not used for values that are bound."""

GTT_WAITING = sa.text("status IN ('new', 'submitting', 'unknown', 'active')")
"""Of live GTT."""


def _now() -> sa.TextClause:
    return sa.text("now()")


def _account() -> "sa.Column[object]":
    return sa.Column("account_id", sa.Uuid, sa.ForeignKey("trading_accounts.id"), nullable=False)


accounts = sa.Table(
    "trading_accounts",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("charge_plan", sa.Text, nullable=False),
    sa.Column("initial_cash", _MONEY, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False, server_default="1"),
    sa.Column("position_margin", _MONEY, nullable=False, server_default="0"),
    sa.Column("rate_second", _TIME),
    sa.Column("rate_used", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", _TIME, nullable=False, server_default=_now()),
    sa.Column("opened_at", _TIME, nullable=False, comment="Exchange time at which the present epoch began."),
    sa.Column("closed_at", _TIME),
    sa.Column("broker_account_id", sa.Uuid),
    sa.CheckConstraint("kind IN ('paper', 'live')", name="kind"),
    sa.CheckConstraint("(kind = 'live') = (broker_account_id IS NOT NULL)", name="broker"),
    sa.Index(
        "uq_trading_accounts_broker_account_id",
        "broker_account_id",
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    ),
    sa.CheckConstraint("state IN ('active', 'reducing', 'halted')", name="state"),
    sa.Index("uq_trading_accounts_name", "user_id", "name", unique=True, postgresql_where=sa.text("closed_at IS NULL")),
)

entries = sa.Table(
    "journal_entries",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    _account(),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("ref", sa.Text, nullable=False, server_default=""),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    sa.Column("once", sa.Text),
    sa.Column("day", sa.Date, comment="The exchange's day that the entry belongs to."),
    sa.Column("created_at", _TIME, nullable=False, server_default=_now()),
    sa.UniqueConstraint("account_id", "once"),
    sa.Index("ix_journal_entries_account_id_id", "account_id", "id"),
)

legs = sa.Table(
    "journal_legs",
    metadata,
    sa.Column("entry_id", sa.BigInteger, sa.ForeignKey("journal_entries.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("amount", _MONEY, nullable=False, comment="Rupees; debits positive."),
    sa.PrimaryKeyConstraint("entry_id", "name"),
    sa.CheckConstraint("amount <> 0", name="amount"),
    sa.Index("ix_journal_legs_account_id_name", "account_id", "name"),
)

balances = sa.Table(
    "ledger_balances",
    metadata,
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("amount", _MONEY, nullable=False),
    sa.PrimaryKeyConstraint("account_id", "name"),
    sa.CheckConstraint("amount >= 0 OR name NOT IN ('cash', 'margin')", name="never_negative"),
)

contracts = sa.Table(
    "contracts",
    metadata,
    sa.Column("symbol", sa.Text, primary_key=True),
    sa.Column("instrument", JSONB, nullable=False, comment="The instrument as it was when last traded."),
    sa.Column("updated_at", _TIME, nullable=False, server_default=_now()),
)

orders = sa.Table(
    "orders",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    _account(),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("client_order_id", sa.Text),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("side", sa.Text, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("order_type", sa.Text, nullable=False),
    sa.Column("product", sa.Text, nullable=False),
    sa.Column("validity", sa.Text, nullable=False),
    sa.Column("price", _PRICE),
    sa.Column("trigger_price", _PRICE),
    sa.Column("disclosed_quantity", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("tag", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("filled", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("filled_value", _VALUE, nullable=False, server_default="0"),
    sa.Column("hold", _MONEY, nullable=False, server_default="0", comment="Blocked for what is not filled, rupees."),
    sa.Column("code", sa.Text),
    sa.Column("text", sa.Text),
    sa.Column("auto_square_off", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("fills", sa.Integer, nullable=False, server_default="0"),
    sa.Column("triggered", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("group_id", sa.Uuid),
    sa.Column("group_role", sa.Text),
    sa.Column("live", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("placed_at", _TIME, nullable=False, comment="Exchange time."),
    sa.Column("updated_at", _TIME, nullable=False, comment="Exchange time."),
    sa.Column("created_at", _TIME, nullable=False, server_default=_now()),
    sa.UniqueConstraint("account_id", "client_order_id"),
    sa.CheckConstraint("quantity > 0 AND filled >= 0 AND filled <= quantity", name="quantity"),
    sa.CheckConstraint("hold >= 0", name="hold"),
    sa.Index("ix_orders_account_id_id", "account_id", "id"),
    sa.Index(
        "ix_orders_working",
        "account_id",
        postgresql_where=sa.text(
            "state IN ('new', 'submitting', 'unknown', 'trigger_pending', 'open', 'partially_filled')"
        ),
    ),
    sa.Index("ix_orders_group_id", "group_id", postgresql_where=sa.text("group_id IS NOT NULL")),
)

order_events = sa.Table(
    "order_events",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="After it."),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", _TIME, nullable=False, comment="Exchange time."),
    sa.Column("details", JSONB, nullable=False, server_default="{}"),
    sa.Column("recorded_at", _TIME, nullable=False, server_default=_now()),
    sa.Index("ix_order_events_order_id_id", "order_id", "id"),
)

commands = sa.Table(
    "order_commands",
    metadata,
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", JSONB, nullable=False, server_default="{}"),
    sa.Column("created_at", _TIME, nullable=False, server_default=_now()),
    sa.Column("live", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("sent_at", _TIME),
    sa.Column("answer", sa.Text),
    sa.Column("looked_at", _TIME),
    sa.Column("looks", sa.Integer, nullable=False, server_default="0"),
    sa.CheckConstraint("kind IN ('place', 'modify', 'cancel')", name="kind"),
    sa.CheckConstraint("answer IN ('accepted', 'unknown')", name="answer"),
    sa.Index("ix_order_commands_live", "order_id", "seq", postgresql_where=sa.text("live")),
)

live_orders = sa.Table(
    "live_orders",
    metadata,
    sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.id"), primary_key=True),
    sa.Column("broker_account_id", sa.Uuid, nullable=False),
    sa.Column("tag", sa.Text, nullable=False, unique=True, comment="What we remark on the order at the broker."),
    sa.Column("price", _PRICE, nullable=False, comment="The limit that was sent, rupees."),
    sa.Column("square_off", sa.Boolean, nullable=False),
    sa.Column("broker_order_id", sa.Text),
    sa.Column("sent_at", _TIME),
    sa.UniqueConstraint("broker_account_id", "broker_order_id"),
)

broker_notices = sa.Table(
    "broker_notices",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("broker_order_id", sa.Text, nullable=False),
    sa.Column("message", JSONB, nullable=False),
    sa.Column("created_at", _TIME, nullable=False, server_default=_now()),
    sa.Index("ix_broker_notices_user_id", "user_id", "broker_order_id"),
)

broker_notice_places = sa.Table(
    "broker_notice_places",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("epoch", sa.Text, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
)

trades = sa.Table(
    "trades",
    metadata,
    sa.Column("trade_id", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True),
    sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.id"), nullable=False),
    _account(),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("product", sa.Text, nullable=False),
    sa.Column("side", sa.Text, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("price", _PRICE, nullable=False),
    sa.Column("realised", _MONEY, nullable=False, server_default="0"),
    sa.Column("maker", sa.Boolean, nullable=False),
    sa.Column("tag", sa.Text),
    sa.Column("auto_square_off", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("expired", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("at", _TIME, nullable=False, comment="Exchange time."),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("settles_on", sa.Date, nullable=False),
    sa.Index("ix_trades_account_id_day", "account_id", "day"),
    sa.Index("ix_trades_order_id", "order_id"),
)

groups = sa.Table(
    "order_groups",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    _account(),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("body", JSONB, nullable=False, comment="Orders that are still to be placed, and the trigger."),
    sa.Column("text", sa.Text),
    sa.Column("created_at", _TIME, nullable=False, server_default=_now()),
    sa.Column("updated_at", _TIME, nullable=False, server_default=_now()),
    sa.CheckConstraint("kind IN ('oco', 'bracket', 'basket', 'gtt')", name="kind"),
    sa.CheckConstraint("state IN ('waiting', 'working', 'done', 'cancelled', 'failed')", name="state"),
    sa.Index("ix_order_groups_user_id_id", "user_id", "id"),
    sa.Index("ix_order_groups_unfinished", "id", postgresql_where=sa.text("state IN ('waiting', 'working')")),
)

live_gtts = sa.Table(
    "live_gtts",
    metadata,
    sa.Column("group_id", sa.Uuid, sa.ForeignKey("order_groups.id"), primary_key=True),
    _account(),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("broker_account_id", sa.Uuid, nullable=False),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("side", sa.Text, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("product", sa.Text, nullable=False),
    sa.Column("legs", JSONB, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("placed_at", _TIME, nullable=False, comment="Exchange time, like `seen_at`."),
    sa.Column("seen_at", _TIME, nullable=False, comment="When the broker last had it waiting."),
    sa.Column("broker_gtt_id", sa.Text),
    sa.Column("wish", JSONB(none_as_null=True), comment="What the broker is being asked, until its effect is known."),
    sa.Column("cancel_asked", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("history", JSONB, nullable=False),
    sa.CheckConstraint(
        "status IN ('new', 'submitting', 'unknown', 'active', 'triggered', 'cancelled', 'expired', 'rejected')",
        name="status",
    ),
    sa.UniqueConstraint("broker_account_id", "broker_gtt_id"),
    sa.Index("ix_live_gtts_waiting", "group_id", postgresql_where=GTT_WAITING),
)

positions = sa.Table(
    "positions",
    metadata,
    _account(),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("product", sa.Text, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("lots", JSONB, nullable=False),
    sa.Column("realised", _VALUE, nullable=False),
    sa.Column("bought", sa.BigInteger, nullable=False),
    sa.Column("bought_value", _VALUE, nullable=False),
    sa.Column("sold", sa.BigInteger, nullable=False),
    sa.Column("sold_value", _VALUE, nullable=False),
    sa.Column("updated_at", _TIME, nullable=False, comment="Exchange time."),
    sa.PrimaryKeyConstraint("account_id", "symbol", "product"),
    sa.Index("ix_positions_open", "symbol", postgresql_where=sa.text("quantity <> 0")),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("message", JSONB, nullable=False),
    sa.Column("created_at", _TIME, nullable=False, server_default=_now()),
)

events = event_outbox(metadata)

fences = sa.Table(
    "matcher_fence",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.CheckConstraint("id = 1", name="one_row"),
)

idempotency = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("route", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("answer", JSONB),
    sa.Column("created_at", _TIME, nullable=False, server_default=_now()),
    sa.PrimaryKeyConstraint("user_id", "route", "key"),
)

marks = sa.Table(
    "closing_prices",
    metadata,
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("price", _PRICE, nullable=False),
    sa.Column("at", _TIME, nullable=False),
    sa.PrimaryKeyConstraint("symbol", "day"),
)

halts = sa.Table(
    "market_halts",
    metadata,
    sa.Column("feed", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False, comment="Indian day on which it began."),
    sa.Column("percent", sa.Numeric(6, 2), nullable=False),
    sa.Column("index", sa.Text, nullable=False),
    sa.Column("began", _TIME, nullable=False, comment="Exchange time, like the others."),
    sa.Column("entry", _TIME, nullable=False, comment="When orders are taken again."),
    sa.Column("resumes", _TIME, nullable=False),
    sa.PrimaryKeyConstraint("feed", "day", "percent"),
)

equity = sa.Table(
    "equity_points",
    metadata,
    _account(),
    sa.Column("at", _TIME, nullable=False, comment="Exchange time, whole minutes."),
    sa.Column("equity", _MONEY, nullable=False),
    sa.Column("cash", _MONEY, nullable=False),
    sa.Column("flow", _MONEY, nullable=False, comment="Paid in less paid out since the account was opened."),
    sa.PrimaryKeyConstraint("account_id", "at"),
)

bank_accounts = sa.Table(
    "bank_accounts",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("bank_name", sa.Text, nullable=False),
    sa.Column("ifsc", sa.Text, nullable=False),
    sa.Column("number_cipher", sa.LargeBinary, nullable=False),
    sa.Column("number_print", sa.Text, nullable=False, comment="Keyed hash, to refuse the same account twice."),
    sa.Column("last_digits", sa.Text, nullable=False),
    sa.Column("created_at", _TIME, nullable=False, server_default=_now()),
    sa.Column("removed_at", _TIME),
    sa.Index(
        "uq_bank_accounts_number",
        "user_id",
        "number_print",
        unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
    ),
)

transfers = sa.Table(
    "transfers",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, nullable=False),
    _account(),
    sa.Column("bank_account_id", sa.Uuid, sa.ForeignKey("bank_accounts.id"), nullable=False),
    sa.Column("direction", sa.Text, nullable=False),
    sa.Column("amount", _MONEY, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False, comment="Indian day that its limit counts for."),
    sa.Column("created_at", _TIME, nullable=False, server_default=_now()),
    sa.Column("updated_at", _TIME, nullable=False, server_default=_now()),
    sa.CheckConstraint("amount > 0", name="amount"),
    sa.CheckConstraint("direction IN ('deposit', 'withdrawal')", name="direction"),
    sa.CheckConstraint("state IN ('completed', 'reversed')", name="state"),
    sa.Index("ix_transfers_user_id_id", "user_id", "id"),
)
