"""`as_of` over weeks of masters that come and go, against a plain reading of each day's file."""

import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from breezeway.errors import NotFound
from breezeway.testing import small_master as small

FIRST = date(2026, 7, 30)
FUTURE = "NFO:RELIANCE25AUG26FUT"
SHARE = "NSE:ZOMATO"


def master(day: date, lot: int, name: str, band: str, *, listed: bool) -> bytes:
    """The broker's file of one day."""
    zomato = small.ZOMATO.replace("ZOMATO LIMITED", name)
    shares = [small.RELIANCE.replace("1403.4", band), small.BANKNIFTY, *([zomato] if listed else [])]
    return small.master(day, nse=shares, fonse=[small.AUG_FUTURE.replace(",500,", f",{lot},")])


@pytest.mark.parametrize("seed", [1, 2])
async def test_any_past_day_answers_what_its_master_said(service: Any, seed: int) -> None:
    """A day without a master of its own (a weekend, a failed download) is answered from the last one before it."""
    rng = random.Random(seed)
    said: dict[date, tuple[int, str, str, bool]] = {}
    day = FIRST
    ids: set[int] = set()
    for number in range(8):
        facts = (
            rng.choice([250, 500]),
            rng.choice(["ZOMATO LIMITED", "ETERNAL LIMITED"]),
            rng.choice(["1403.4", "1410.4", "1399.9"]),
            number == 0 or rng.random() < 0.7,
        )
        said[day] = facts
        await service.run(master(day, facts[0], facts[1], facts[2], listed=facts[3]))
        ids.add((await service.catalogue.resolve(SHARE)).instrument_id)
        day += timedelta(days=rng.choice([1, 1, 3]))
    assert len(ids) == 1, "it is the same instrument all the time"

    asked = FIRST
    name = None
    while asked <= day:
        lot, now_named, band, listed = said[max(known for known in said if known <= asked)]
        assert (await service.instruments.one(FUTURE, asked)).lot_size == lot, asked
        assert (await service.instruments.one("NSE:RELIND", asked)).upper_band == Decimal(band), asked
        share = await service.instruments.one(SHARE, asked)
        # Of what is gone the last known facts stay.
        name = now_named if listed else name
        assert (share.status, share.name) == ("active" if listed else "delisted", name), asked
        asked += timedelta(days=1)
    with pytest.raises(NotFound):
        await service.instruments.one(SHARE, FIRST - timedelta(days=1))
