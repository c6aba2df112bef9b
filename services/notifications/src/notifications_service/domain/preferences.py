"""Which channels tell a user of what, and when they are left in peace."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from breezeway.contracts.events import EventKind, Severity


class ChannelName(StrEnum):
    """A way to a user. `web` is the inbox and its stream."""

    WEB = "web"
    EMAIL = "email"
    TELEGRAM = "telegram"
    WEBHOOK = "webhook"


DISTURBING: Final = frozenset({ChannelName.EMAIL, ChannelName.TELEGRAM})
"""What quiet hours hold back. The web disturbs nobody who is not looking, and a webhook wakes a program."""

_ALL = frozenset(ChannelName)
_NO_MAIL = _ALL - {ChannelName.EMAIL}

DEFAULTS: Final[Mapping[str, frozenset[ChannelName]]] = MappingProxyType(
    {kind.value: _ALL for kind in EventKind}
    | {
        # One order may fill in a hundred parts.
        EventKind.ORDER_FILLED.value: _NO_MAIL,
        EventKind.FEED_DOWN.value: _NO_MAIL,
        EventKind.FEED_BACK.value: _NO_MAIL,
        EventKind.BACKFILL_DONE.value: _NO_MAIL,
        EventKind.HOOK_ORDER.value: _NO_MAIL,
        # Auth mails these itself, whatever is chosen here: they must reach who lost the account.
        EventKind.SECURITY.value: _NO_MAIL,
    }
)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` until `end` by the user's clock, over midnight when `end` is the earlier. Equal means never."""

    start: time
    end: time

    def until(self, local: datetime) -> datetime | None:
        """The end of the quiet hours that hold at the local time `local`; None when none do."""
        at = local.time()
        if self.start <= self.end:
            return _on(local, self.end) if self.start <= at < self.end else None
        if at >= self.start:
            return _on(local + timedelta(days=1), self.end)
        return _on(local, self.end) if at < self.end else None


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a user has chosen; kinds that they said nothing about follow `DEFAULTS`."""

    time_zone: str = "Asia/Kolkata"
    quiet: QuietHours | None = None
    chosen: Mapping[str, frozenset[ChannelName]] = field(default_factory=dict)

    def channels(self, kind: str) -> frozenset[ChannelName]:
        """The channels that tell of `kind`. The inbox always does: it is the record."""
        wanted = self.chosen.get(kind, DEFAULTS.get(kind, _NO_MAIL)) | {ChannelName.WEB}
        return wanted - {ChannelName.EMAIL} if kind == EventKind.SECURITY else wanted

    def due(self, channel: ChannelName, severity: Severity, now: datetime) -> datetime:
        """When a message that is ready `now` may leave by `channel`."""
        if self.quiet is None or channel not in DISTURBING or severity is Severity.CRITICAL:
            return now
        ends = self.quiet.until(now.astimezone(ZoneInfo(self.time_zone)))
        return now if ends is None else ends.astimezone(UTC)


def _on(day: datetime, at: time) -> datetime:
    return day.replace(hour=at.hour, minute=at.minute, second=at.second, microsecond=0, fold=0)
