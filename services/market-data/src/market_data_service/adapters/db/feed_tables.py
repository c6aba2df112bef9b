"""The feed owner's tables."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from market_data_service.adapters.db.tables import metadata

feed_fences = sa.Table(
    "feed_fences",
    metadata,
    sa.Column("feed", sa.Text, primary_key=True),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("minted_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    comment="The last fencing token of each feed. "
    "It lives here because a Redis that restarts would count from 1 again.",
)

subscriptions = sa.Table(
    "subscriptions",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("symbol", sa.Text, primary_key=True),
    sa.Column("modes", ARRAY(sa.Text, dimensions=1), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.CheckConstraint("cardinality(modes) > 0 AND modes <@ ARRAY['tick','depth']", name="modes"),
    comment="What a user's feed carries also while no client listens.",
)

feed_outages = sa.Table(
    "feed_outages",
    metadata,
    sa.Column("feed", sa.Text, primary_key=True),
    sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    comment="Feeds whose user was told that they are down, and not yet that they are back.",
)
