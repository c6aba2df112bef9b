"""Whether a master may replace the one we have. A broken download must not delist half the market."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from breezeway.errors import Conflict
from instruments_service.domain.listing import Intake

REQUIRED_FILES: Final = ("NSEScripMaster.txt", "BSEScripMaster.txt", "FONSEScripMaster.txt", "FOBSEScripMaster.txt")
"""The currency, commodity and fund files come and go; without one of them its instruments stay as they were."""

_SMALL_FILE: Final = 5_000
"""Rows under which a file's own shrinking says nothing: the currency file fell from 1,818 rows to 8 in half a year."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What to accept. The defaults suit the real broker; a simulator may change days and sizes at will.

    Args:
        allow_older: accept a master that was built before the last one.
        max_shrink: share of active instruments (of one large file, or of all) that may vanish at once.
    """

    allow_older: bool = False
    max_shrink: float = 0.5


ANYTHING: Final = Policy(allow_older=True, max_shrink=1.0)


def accept(intake: Intake, active: Mapping[str, int], last_date: date | None, policy: Policy) -> None:
    """Return when the master may be merged.

    Args:
        active: active instruments per file, as we have them.
        last_date: date of the master merged last.

    Raises:
        Conflict: `master_incomplete`, `master_empty`, `master_older` or `master_shrunk`. The old master stays.
    """
    lacking = [name for name in REQUIRED_FILES if name in intake.missing]
    if lacking:
        raise Conflict(f"The master lacks {', '.join(lacking)}.", code="master_incomplete")
    stored: dict[str, int] = {}
    for listing in intake.listings:
        stored[listing.file] = stored.get(listing.file, 0) + 1
    empty = [name for name in REQUIRED_FILES if not stored.get(name)]
    if empty:
        raise Conflict(f"No usable row in {', '.join(empty)}.", code="master_empty")
    if not policy.allow_older and last_date is not None and intake.master_date < last_date:
        raise Conflict(
            f"The master is of {intake.master_date}, older than ours of {last_date}. Force the sync to take it anyway.",
            code="master_older",
        )
    _check_sizes(stored, active, intake.files, policy.max_shrink)


def _check_sizes(
    stored: Mapping[str, int], active: Mapping[str, int], files: Mapping[str, int], max_shrink: float
) -> None:
    present = {name: count for name, count in active.items() if name in files}
    pairs = [(name, count, stored.get(name, 0)) for name, count in present.items() if count > _SMALL_FILE]
    pairs.append(("The master", sum(present.values()), sum(stored.get(name, 0) for name in present)))
    for name, before, after in pairs:
        if after < before * (1 - max_shrink):
            raise Conflict(
                f"{name} has {after:,} usable rows where {before:,} are active. Force the sync to take it anyway.",
                code="master_shrunk",
            )
