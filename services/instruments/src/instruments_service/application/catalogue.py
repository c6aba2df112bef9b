"""What a process remembers of the master until the next one: resolutions and the list of underlyings."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from urllib.parse import quote
from uuid import UUID

from breezeway.contracts.instruments import Instrument
from breezeway.errors import NotFound, UpstreamUnavailable
from instruments_service.application.ports import InstrumentQueries
from instruments_service.domain.ranking import Underlying

_REMEMBERED = 50_000
_LONGEST = 128


class Catalogue:
    """Resolves what people call instruments, and caches the answers of one master.

    `refresh` is called when a sync announces itself and every few seconds besides, because announcements can be lost;
    it drops everything when the master has changed.
    """

    def __init__(self, queries: InstrumentQueries) -> None:
        self._queries = queries
        self._generation: UUID | None = None
        self._known: OrderedDict[str, Instrument] = OrderedDict()
        self._underlyings: list[Underlying] | None = None

    @property
    def generation(self) -> UUID | None:
        """The sync whose master is served; None before the first."""
        return self._generation

    async def refresh(self) -> None:
        """Look whether there is a newer master."""
        newest = await self._queries.generation()
        if newest != self._generation:
            self._known.clear()
            self._underlyings = None
            self._generation = newest

    async def require_master(self) -> None:
        """Raises:
        UpstreamUnavailable: `master_not_synced`, until the first sync has completed.
        """
        if self._generation is None:
            await self.refresh()
        if self._generation is None:
            raise UpstreamUnavailable(
                "The instrument master has not been loaded yet. It is fetched at start-up; try again in a moment.",
                code="master_not_synced",
                retry_after=5,
            )

    async def resolve_many(self, asked: Iterable[str]) -> dict[str, Instrument]:
        """Instruments by any of their names; names that nothing answers to are left out."""
        await self.require_master()
        wanted = {name: normalise(name) for name in asked}
        unknown = sorted({key for key in wanted.values() if key and key not in self._known})
        found: dict[str, Instrument] = {}
        if unknown:
            generation = self._generation
            found = await self._queries.find(unknown)
            if generation == self._generation:
                self._remember(found)
        answers = {}
        for name, key in wanted.items():
            instrument = found.get(key) or self._known.get(key)
            if instrument is not None:
                answers[name] = instrument
        return answers

    async def resolve(self, asked: str) -> Instrument:
        """One instrument by any of its names.

        Raises:
            NotFound: `instrument_not_found`.
        """
        found = await self.resolve_many([asked])
        if asked not in found:
            raise not_found(asked)
        return found[asked]

    async def underlyings(self) -> Sequence[Underlying]:
        """Everything that active contracts are written on."""
        await self.require_master()
        if self._underlyings is None:
            generation = self._generation
            found = await self._queries.underlyings()
            if generation != self._generation:
                return found
            self._underlyings = found
        return self._underlyings

    def _remember(self, found: dict[str, Instrument]) -> None:
        self._known.update(found)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def normalise(asked: str) -> str:
    """How names are compared: upper case, single spaces. What cannot be a name becomes the empty string."""
    name = " ".join(asked.upper().split())
    return name if name.isprintable() and len(name) <= _LONGEST else ""


def not_found(asked: str) -> NotFound:
    shown = asked[:80]
    words = quote(shown.partition(":")[2] or shown)
    return NotFound(
        f"There is no instrument {shown}. Search for it: /api/v1/instruments/search?q={words}",
        code="instrument_not_found",
    )
