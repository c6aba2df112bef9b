"""The service's tables."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from breezeway.db.base import new_metadata

metadata = new_metadata()

_TIME = sa.DateTime(timezone=True)


def _now() -> sa.TextClause:
    return sa.text("now()")


notifications = sa.Table(
    "notifications",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True, comment="The event's, so that one that comes twice is known."),
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("event", JSONB, nullable=False),
    sa.Column("created_at", _TIME, nullable=False, server_default=_now()),
    sa.Column("read_at", _TIME),
    sa.Column("deleted_at", _TIME, comment="Kept for a while: its id must stay known."),
    sa.Index("ix_notifications_user_id_seq", "user_id", "seq", postgresql_where=sa.text("deleted_at IS NULL")),
    sa.Index(
        "ix_notifications_unread",
        "user_id",
        "seq",
        postgresql_where=sa.text("deleted_at IS NULL AND read_at IS NULL"),
    ),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("event_id", sa.Uuid, nullable=False),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False, server_default=""),
    sa.Column("event", JSONB, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due_at", _TIME, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("finished_at", _TIME),
    sa.Column("last_status", sa.Integer),
    sa.Column("last_error", sa.Text),
    sa.Column("replay_of", sa.Uuid),
    sa.CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name="state"),
    sa.Index(
        "uq_deliveries_event",
        "event_id",
        "channel",
        "target",
        unique=True,
        postgresql_where=sa.text("replay_of IS NULL"),
    ),
    sa.Index("ix_deliveries_due", "channel", "due_at", postgresql_where=sa.text("state = 'waiting'")),
    sa.Index("ix_deliveries_target_seq", "target", "seq", postgresql_where=sa.text("target <> ''")),
)

attempts = sa.Table(
    "delivery_attempts",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("delivery_id", sa.Uuid, sa.ForeignKey("deliveries.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("at", _TIME, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("error", sa.Text),
    sa.Column("milliseconds", sa.Integer, nullable=False),
)

preferences = sa.Table(
    "preferences",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("quiet_start", sa.Time),
    sa.Column("quiet_end", sa.Time),
    sa.Column("chosen", JSONB, nullable=False),
    sa.Column("updated_at", _TIME, nullable=False, server_default=_now()),
)

telegram_links = sa.Table(
    "telegram_links",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("chat_id", sa.Text, nullable=False),
    sa.Column("confirmed", sa.Boolean, nullable=False),
    sa.Column("code_hash", sa.LargeBinary, nullable=False),
    sa.Column("code_until", _TIME, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("asked", sa.Integer, nullable=False),
    sa.Column("asked_since", _TIME, nullable=False),
)

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, nullable=False, index=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("kinds", ARRAY(sa.Text), nullable=False),
    sa.Column("nonce", sa.LargeBinary, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("failing_since", _TIME),
    sa.Column("disabled_reason", sa.Text),
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, nullable=False, index=True),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("condition", sa.Text, nullable=False),
    sa.Column("value", sa.Numeric(20, 6), nullable=False),
    sa.Column("base", sa.Numeric(20, 6)),
    sa.Column("repeat", sa.Text, nullable=False),
    sa.Column("cooldown_seconds", sa.Integer, nullable=False),
    sa.Column("expires_at", _TIME),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("side", sa.Text),
    sa.Column("seen_ms", sa.BigInteger, nullable=False),
    sa.Column("fired_at", _TIME),
    sa.Column("fire_count", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.CheckConstraint("state IN ('active', 'paused', 'fired', 'expired')", name="state"),
    sa.Index("ix_alerts_active", "id", postgresql_where=sa.text("state = 'active'")),
)

hooks = sa.Table(
    "hooks",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, nullable=False, index=True),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("template", JSONB, nullable=False),
    sa.Column("nonce", sa.LargeBinary, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("calls_per_minute", sa.Integer, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
)

hook_calls = sa.Table(
    "hook_calls",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("hook_id", sa.Uuid, sa.ForeignKey("hooks.id", ondelete="CASCADE"), nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("received_at", _TIME, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("body", JSONB, nullable=False),
    sa.Column("order_id", sa.Uuid),
    sa.Column("code", sa.Text),
    sa.Column("detail", sa.Text),
    sa.CheckConstraint("state IN ('received', 'placed', 'refused')", name="state"),
    sa.Index("ix_hook_calls_hook_id_key", "hook_id", "key", "received_at"),
    sa.Index("ix_hook_calls_hook_id_received_at", "hook_id", "received_at"),
)
