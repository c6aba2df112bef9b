"""Progress of a backfill on a terminal or in a notebook."""

from typing import TYPE_CHECKING, Protocol

from breezeway.errors import Misconfigured

if TYPE_CHECKING:
    from types import TracebackType

    from breezeway.client.models import Backfill


class Progress(Protocol):
    """Is shown every state of a backfill."""

    def __enter__(self) -> "Progress": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None: ...

    def show(self, backfill: "Backfill") -> None: ...


class Silent:
    """Shows nothing."""

    def __enter__(self) -> "Silent":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        return None

    def show(self, backfill: "Backfill") -> None:
        return None


class Bar:
    """A bar of rich: chunks done, candles, broker calls, time left by the broker's quota. Writes to stderr.

    Raises:
        Misconfigured: `rich_missing`.
    """

    def __init__(self) -> None:
        try:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as RichProgress
        except ImportError as error:
            raise Misconfigured("rich is not installed: pip install rich", code="rich_missing") from error
        self._progress = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task("backfill", total=None, note="")

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self._progress.stop()

    def show(self, backfill: "Backfill") -> None:
        names = list(backfill.symbols)
        what = names[0] if len(names) == 1 else f"{len(names)} symbols"
        note = f"{backfill.candles_written:,} candles, {backfill.calls_used:,} calls"
        if backfill.eta_seconds:
            note += f", {backfill.eta_seconds:,} s left"
        if backfill.chunks_failed:
            note += f", {backfill.chunks_failed} failed"
        self._progress.update(
            self._task,
            description=f"{what} {backfill.interval} {backfill.state}",
            total=backfill.chunks_total,
            completed=backfill.chunks_done,
            note=note,
        )


def bar_or_not(progress: bool) -> Progress:
    return Bar() if progress else Silent()
