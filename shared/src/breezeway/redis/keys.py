"""Every Redis key and channel, spelled once.

All start with `bw:`. A *stream channel* is what a WebSocket client subscribes to (`tick:NSE:RELIANCE`). Market data
belongs to a *feed* (one broker session's socket); a private channel belongs to a user.
"""

from uuid import UUID

PREFIX = "bw"


def feed_channel(feed: str, channel: str) -> str:
    """Pub/sub: client-ready messages of one market-data channel, as one feed delivers it."""
    return f"{PREFIX}:feed:{feed}:{channel}"


def user_channel(user_id: UUID | str, channel: str) -> str:
    """Pub/sub: client-ready messages that only one user may see (`orders`, `notifications`, `backfills`)."""
    return f"{PREFIX}:user:{user_id}:{channel}"


def durable_stream(user_id: UUID | str, channel: str) -> str:
    """Stream: the last messages of a private channel of which none may be missed."""
    return f"{PREFIX}:durable:{user_id}:{channel}"


def durable_state(user_id: UUID | str, channel: str) -> str:
    """Hash: epoch and last offset of a durable stream."""
    return f"{PREFIX}:durable:{user_id}:{channel}:state"


def durable_once(user_id: UUID | str, channel: str) -> str:
    """Sorted set: id of a message that a durable stream has taken already → its offset."""
    return f"{PREFIX}:durable:{user_id}:{channel}:once"


def durable_mark() -> str:
    """String with expiry: written to learn when what was written before it is on disk."""
    return f"{PREFIX}:durable-mark"


def snapshot(feed: str) -> str:
    """Hash: stream channel → the last message bytes, for a subscriber that has just come and for quotes."""
    return f"{PREFIX}:snapshot:{feed}"


def fence(feed: str) -> str:
    """String: the highest fencing token that has published on the feed; a lower one is refused."""
    return f"{PREFIX}:fence:{feed}"


def feed_lease(feed: str) -> str:
    """String with expiry: which owner process holds the feed."""
    return f"{PREFIX}:lease:{feed}"


def feed_owners() -> str:
    """Sorted set: owner process → epoch second at which it counts as gone."""
    return f"{PREFIX}:feed-owners"


def feed_state(feed: str) -> str:
    """Hash: what the feed's owner says of itself (state, since, subscriptions, rates)."""
    return f"{PREFIX}:feed-state:{feed}"


def feed_interest(feed: str) -> str:
    """Sorted set: stream channel → epoch second at which the last reader's interest lapses."""
    return f"{PREFIX}:interest:{feed}"


def interest_changed() -> str:
    """Pub/sub: the name of a feed whose interest has changed, so that owners need not poll."""
    return f"{PREFIX}:interest-changed"


def broker_session_events() -> str:
    """Pub/sub: a broker account whose session was opened, expired or revoked."""
    return f"{PREFIX}:events:broker-session"


def user_revoked() -> str:
    """Pub/sub: a user or token family whose credentials have just stopped working."""
    return f"{PREFIX}:events:revoked"


def revocations() -> str:
    """Stream: the revocations of the last half hour, for whoever verifies tokens, also after a restart."""
    return f"{PREFIX}:revocations"


def instruments_changed() -> str:
    """Pub/sub: the id of the sync that has just made a new instrument master."""
    return f"{PREFIX}:events:instruments"


def alerts_changed() -> str:
    """Pub/sub: users have changed their alerts."""
    return f"{PREFIX}:events:alerts"


def order_commands() -> str:
    """Pub/sub: the matching worker is asked to look for order commands."""
    return f"{PREFIX}:events:order-commands"


def instruments_progress() -> str:
    """Pub/sub: how far a sync of the instrument master is, as the stream's `instrument_sync` messages."""
    return f"{PREFIX}:events:instruments-progress"


def exchange_clock() -> str:
    """String: the mapping from wall time to exchange time, as JSON; absent means the wall clock."""
    return f"{PREFIX}:exchange-clock"


def broker_quota_minute(account: str) -> str:
    """Sorted set: the broker calls of the last rolling minute."""
    return f"{PREFIX}:quota:{{{account}}}:minute"


def broker_quota_day(account: str, day: str) -> str:
    """Counter: the broker calls of an Indian day, named by its number or date."""
    return f"{PREFIX}:quota:{{{account}}}:day:{day}"


def broker_quota_pause(account: str) -> str:
    """String with expiry: set while the broker has told us to slow down."""
    return f"{PREFIX}:quota:{{{account}}}:pause"


def rate_limit(scope: str, who: str) -> str:
    """Our own request limits."""
    return f"{PREFIX}:limit:{scope}:{who}"


def job_queue(service: str) -> str:
    """arq's queue of one service."""
    return f"{PREFIX}:jobs:{service}"


def worker_health(service: str) -> str:
    """arq's health-check string of one service's workers."""
    return f"{PREFIX}:jobs:{service}:health"


def idempotency(key: str) -> str:
    """msgpack: the claim and the answer of one `Idempotency-Key`."""
    return f"{PREFIX}:idempotency:{key}"
