"""The tables of auth. Columns that end in `_sealed` hold vault envelopes; digests are SHA-256 of random secrets."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from breezeway.db.base import new_metadata
from breezeway.outbox.table import event_outbox

metadata = new_metadata()

_TIME = DateTime(timezone=True)

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("full_name", Text),
    Column("role", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("disabled_at", _TIME),
    Column("email_verified_at", _TIME),
    # Set while the factor in `totp_factors` counts; here, so that whoever holds the row knows it as it is now.
    Column("totp_since", _TIME),
    CheckConstraint("role IN ('user', 'admin')", name="role"),
)

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("last_used_at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Column("ended_at", _TIME),
    Column("end_reason", Text),
    Column("ip", Text),
    Column("user_agent", Text),
    Index(None, "user_id", "id", postgresql_where=text("ended_at IS NULL")),
    Index(None, "user_id", "ip"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("sign_in_id", Uuid, ForeignKey("sign_ins.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("issued_at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Column("used_at", _TIME),
)

broker_accounts = Table(
    "broker_accounts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("broker", Text, nullable=False, server_default="breeze"),
    Column("label", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("api_key_hint", Text, nullable=False),
    Column("api_key_sealed", LargeBinary, nullable=False),
    Column("api_secret_sealed", LargeBinary, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("updated_at", _TIME, nullable=False),
    CheckConstraint("environment IN ('simulator', 'live')", name="environment"),
    Index(None, "user_id", "id"),
)

broker_sessions = Table(
    "broker_sessions",
    metadata,
    Column("account_id", Uuid, ForeignKey("broker_accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("changed_at", _TIME, nullable=False),
    Column("attempt", Uuid),
    Column("connected_at", _TIME),
    Column("expires_at", _TIME),
    Column("user_name", Text),
    Column("detail", Text),
    Column("broker_user_id_sealed", LargeBinary),
    Column("session_key_sealed", LargeBinary),
    Column("api_session_sealed", LargeBinary),
    # The version whose user has been told that it is about to end.
    Column("reminded_version", Integer),
    CheckConstraint(
        "state IN ('disconnected', 'connecting', 'active', 'expired', 'rejected', 'revoked')", name="state"
    ),
    # What is not active keeps no key: the database itself holds us to it.
    CheckConstraint("state = 'active' OR session_key_sealed IS NULL", name="key_only_while_active"),
    Index(None, "expires_at", postgresql_where=text("state = 'active'")),
)

pending_logins = Table(
    "pending_logins",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("account_id", Uuid, ForeignKey("broker_accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("environment", Text, nullable=False),
    Column("nonce_digest", LargeBinary, nullable=False, unique=True),
    Column("created_at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Column("consumed", Boolean, nullable=False, server_default=text("false")),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("networks", ARRAY(Text), nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("expires_at", _TIME),
    Column("last_used_at", _TIME),
    Column("last_used_ip", Text),
    Column("last_refused_at", _TIME),
    Index(None, "user_id", "id"),
)

mailed_tokens = Table(
    "mailed_tokens",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("issued_at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Column("used_at", _TIME),
    CheckConstraint("purpose IN ('reset_password', 'verify_email')", name="purpose"),
    Index(None, "user_id", "purpose"),
    Index(None, "expires_at"),
)

mail_outbox = Table(
    "mail_outbox",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE")),
    # What somebody typed; whether there is such a user is looked up when the mail is due, never while they wait.
    Column("address", Text),
    Column("facts", JSONB, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("due_at", _TIME, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("sent_at", _TIME),
    CheckConstraint("(user_id IS NULL) <> (address IS NULL)", name="one_recipient"),
    Index(None, "due_at", postgresql_where=text("sent_at IS NULL")),
    Index(None, "user_id", "kind", postgresql_where=text("sent_at IS NOT NULL")),
)

development_mailbox = Table(
    "development_mailbox",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("sent_at", _TIME, nullable=False),
)

totp_factors = Table(
    "totp_factors",
    metadata,
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("seed_sealed", LargeBinary, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("last_step", BigInteger, nullable=False, server_default=text("0")),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("used_at", _TIME),
)

second_factor_tries = Table(
    "second_factor_tries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("at", _TIME, nullable=False),
    Index(None, "user_id", "at"),
)

user_preferences = Table(
    "user_preferences",
    metadata,
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("updated_at", _TIME, nullable=False),
)

revocations = Table(
    "revocations",
    metadata,
    Column("id", Uuid, primary_key=True),
    # No foreign key: the tokens of a user who has been deleted are the ones that must be refused.
    Column("user_id", Uuid, nullable=False),
    Column("session_id", Text),
    Column("at", _TIME, nullable=False),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("id", Uuid, nullable=False, unique=True),
    Column("at", _TIME, nullable=False),
    Column("event", Text, nullable=False),
    # No foreign key: what happened stays on record when the user is gone.
    Column("user_id", Uuid),
    Column("ip", Text),
    Column("detail", JSONB, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index(None, "user_id", "seq"),
)

events = event_outbox(metadata)
