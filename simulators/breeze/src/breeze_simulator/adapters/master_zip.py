"""SecurityMaster.zip: a real one served byte for byte, or one packed from generated files."""

import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

from breeze_simulator.domain.instruments import Instrument, Universe
from breeze_simulator.domain.master_files import MasterReader
from breezeway.errors import Misconfigured


class RealMaster:
    """A zip from disk: the same bytes and the same instruments on every day."""

    is_real = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bytes: bytes | None = None
        self._universe: Universe | None = None

    def zip_bytes(self, day: date) -> bytes:
        """The file as it is.

        Raises:
            Misconfigured: it cannot be read.
        """
        if self._bytes is None:
            try:
                self._bytes = self._path.read_bytes()
            except OSError as error:
                raise Misconfigured(f"BREEZE_SIM_MASTER_ZIP cannot be read: {error}.") from error
        return self._bytes

    def universe(self, day: date) -> Universe:
        if self._universe is None:
            try:
                self._universe = read_universe(self.zip_bytes(day))
            except zipfile.BadZipFile as error:
                raise Misconfigured(f"BREEZE_SIM_MASTER_ZIP is no zip file: {self._path.name}.") from error
        return self._universe


class PackedMaster:
    """A generated master; only the newest day is kept."""

    is_real = False

    def __init__(self, files_of: Callable[[date], Sequence[tuple[str, str]]]) -> None:
        self._files_of = files_of
        self._day: date | None = None
        self._bytes = b""
        self._universe: Universe | None = None

    def zip_bytes(self, day: date) -> bytes:
        if day != self._day:
            self._bytes, self._universe = pack(self._files_of(day), day), None
            self._day = day
        return self._bytes

    def universe(self, day: date) -> Universe:
        data = self.zip_bytes(day)
        if self._universe is None:
            # Read back from the very bytes that are served, so the two can never disagree.
            self._universe = read_universe(data)
        return self._universe


def pack(files: Sequence[tuple[str, str]], day: date) -> bytes:
    """Zip the files in the given order with the build time that ICICI's have, so that equal text gives equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        for name, text in files:
            entry = zipfile.ZipInfo(name, date_time=(day.year, day.month, day.day, 7, 30, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text.encode("ascii"))
    return buffer.getvalue()


def read_universe(data: bytes) -> Universe:
    """Every usable row of a SecurityMaster.zip.

    Raises:
        zipfile.BadZipFile: the bytes are no zip.
    """
    reader = MasterReader()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:

        def instruments() -> Iterator[Instrument]:
            for name in archive.namelist():
                with archive.open(name) as raw:
                    yield from reader.read(name, io.TextIOWrapper(raw, encoding="utf-8", errors="replace", newline=""))

        return Universe(instruments())
