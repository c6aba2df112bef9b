"""Mails, second factors and what else proves who somebody is.

Revision ID: 20261123_credentials
Revises: 20261122_revocations
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123_credentials"
down_revision = "20261122_revocations"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def _owned_by_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id"), ondelete="CASCADE")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("users", sa.Column("email_verified_at", _TIME, nullable=True))
    op.add_column("users", sa.Column("totp_since", _TIME, nullable=True))
    op.create_index(op.f("ix_sign_ins_user_id_ip"), "sign_ins", ["user_id", "ip"], unique=False)
    op.create_table(
        "mailed_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("used_at", _TIME, nullable=True),
        sa.CheckConstraint("purpose IN ('reset_password', 'verify_email')", name=op.f("ck_mailed_tokens_purpose")),
        _owned_by_user("mailed_tokens"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailed_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_mailed_tokens_digest")),
    )
    op.create_index(op.f("ix_mailed_tokens_user_id_purpose"), "mailed_tokens", ["user_id", "purpose"], unique=False)
    op.create_index(op.f("ix_mailed_tokens_expires_at"), "mailed_tokens", ["expires_at"], unique=False)
    op.create_table(
        "mail_outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sent_at", _TIME, nullable=True),
        sa.CheckConstraint("(user_id IS NULL) <> (address IS NULL)", name=op.f("ck_mail_outbox_one_recipient")),
        _owned_by_user("mail_outbox"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_outbox")),
    )
    op.create_index(
        op.f("ix_mail_outbox_due_at"),
        "mail_outbox",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("sent_at IS NULL"),
    )
    op.create_index(
        op.f("ix_mail_outbox_user_id_kind"),
        "mail_outbox",
        ["user_id", "kind"],
        unique=False,
        postgresql_where=sa.text("sent_at IS NOT NULL"),
    )
    op.create_table(
        "development_mailbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sent_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_development_mailbox")),
    )
    op.create_table(
        "totp_factors",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("seed_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("last_step", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        _owned_by_user("totp_factors"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_totp_factors")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", _TIME, nullable=True),
        _owned_by_user("recovery_codes"),
        sa.PrimaryKeyConstraint("user_id", "digest", name=op.f("pk_recovery_codes")),
    )
    op.create_table(
        "second_factor_tries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        _owned_by_user("second_factor_tries"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_factor_tries")),
    )
    op.create_index(op.f("ix_second_factor_tries_user_id_at"), "second_factor_tries", ["user_id", "at"], unique=False)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in (
        "second_factor_tries",
        "recovery_codes",
        "totp_factors",
        "development_mailbox",
        "mail_outbox",
        "mailed_tokens",
    ):
        op.drop_table(table)
    op.drop_index(op.f("ix_sign_ins_user_id_ip"), table_name="sign_ins")
    op.drop_column("users", "totp_since")
    op.drop_column("users", "email_verified_at")
