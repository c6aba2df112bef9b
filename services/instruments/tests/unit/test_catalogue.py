"""What a process remembers between two masters."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from breezeway.contracts.instruments import Instrument, InstrumentType
from breezeway.errors import NotFound, UpstreamUnavailable
from instruments_service.application.catalogue import Catalogue, normalise
from instruments_service.application.ports import InstrumentQueries


def make_instrument(symbol: str = "NSE:RELIANCE", lot_size: int = 1) -> Instrument:
    return Instrument(
        instrument_id=1,
        symbol=symbol,
        exchange="NSE",
        segment="cash",
        type=InstrumentType.EQUITY,
        name="RELIANCE",
        lot_size=lot_size,
        tick_size=Decimal("0.1"),
        broker_code="RELIND",
        broker_token="4.1!2885",
    )


@dataclass
class FakeQueries:
    """Answers by name, and remembers what it was asked."""

    known: dict[str, Instrument] = field(default_factory=dict)
    current: UUID | None = None
    asked: list[list[str]] = field(default_factory=list)

    async def generation(self) -> UUID | None:
        return self.current

    async def find(self, asked: Sequence[str]) -> dict[str, Instrument]:
        self.asked.append(list(asked))
        return {name: self.known[name] for name in asked if name in self.known}

    async def underlyings(self) -> list[Any]:
        self.asked.append(["underlyings"])
        return []


def make(queries: FakeQueries) -> Catalogue:
    return Catalogue(cast(InstrumentQueries, queries))


async def test_a_name_is_looked_up_once_in_any_case_and_spacing() -> None:
    queries = FakeQueries({"NSE:RELIND": make_instrument()}, uuid4())
    catalogue = make(queries)
    assert (await catalogue.resolve(" nse:relind ")).symbol == "NSE:RELIANCE"
    assert (await catalogue.resolve("NSE:RELIND")).symbol == "NSE:RELIANCE"
    assert queries.asked == [["NSE:RELIND"]]


async def test_a_new_master_empties_the_memory() -> None:
    queries = FakeQueries({"NSE:RELIANCE": make_instrument()}, uuid4())
    catalogue = make(queries)
    await catalogue.resolve("NSE:RELIANCE")
    queries.known["NSE:RELIANCE"] = make_instrument(lot_size=2)
    await catalogue.refresh()
    assert (await catalogue.resolve("NSE:RELIANCE")).lot_size == 1
    queries.current = uuid4()
    await catalogue.refresh()
    assert (await catalogue.resolve("NSE:RELIANCE")).lot_size == 2


async def test_what_is_unknown_is_asked_again_and_never_remembered() -> None:
    queries = FakeQueries({}, uuid4())
    catalogue = make(queries)
    for _ in range(2):
        with pytest.raises(NotFound) as refusal:
            await catalogue.resolve("NSE:NOPE")
    assert refusal.value.code == "instrument_not_found"
    assert "q=NOPE" in refusal.value.detail
    assert len(queries.asked) == 2


async def test_many_names_keep_the_spelling_they_were_asked_by() -> None:
    queries = FakeQueries({"NSE:RELIANCE": make_instrument()}, uuid4())
    found = await make(queries).resolve_many(["nse:reliance", "NSE:RELIANCE", "x", "\0", "y" * 500])
    assert set(found) == {"nse:reliance", "NSE:RELIANCE"}
    assert queries.asked == [["NSE:RELIANCE", "X"]]


async def test_before_the_first_master_everybody_waits() -> None:
    with pytest.raises(UpstreamUnavailable) as refusal:
        await make(FakeQueries()).resolve("NSE:RELIANCE")
    assert refusal.value.code == "master_not_synced"


def test_what_cannot_be_a_name_is_empty() -> None:
    assert normalise("  4.1!nifty   50 ") == "4.1!NIFTY 50"
    assert normalise("a\0b") == normalise("a\u202eb") == normalise("x" * 129) == ""
