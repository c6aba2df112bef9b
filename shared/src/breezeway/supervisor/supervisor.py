"""Starts the components in order, keeps them running, and stops them all."""

import asyncio
import dataclasses
import os
import signal
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from breezeway.errors import BreezewayError, Misconfigured
from breezeway.supervisor import state_file
from breezeway.supervisor.component import Component, FileReady
from breezeway.supervisor.folder_lock import FolderLock
from breezeway.supervisor.guard import Guard
from breezeway.supervisor.output import Output
from breezeway.supervisor.probes import is_ready
from breezeway.supervisor.process import ChildProcess

_PROBE_SECONDS = (0.02, 0.25)
_SERVER_POLL_SECONDS = 0.1
_WITHOUT_PROCESS = ("done", "restarting", "failed")
_LINES_IN_MESSAGE = 5
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StartFailed(BreezewayError):
    """A component that the stack needs never became ready; the message ends with its last output."""

    default_code = "start_failed"


class Supervisor:
    """Runs one stack in one folder.

    Args:
        components: in any order; `after` decides.
        run_folder: lock and state file live here. A second supervisor on the same folder is refused.
        output: where progress and logs go.
        guard: stops everything should this process die without doing so; started here, shared with servers.
        url: of the finished stack, for the state file.
        on_ready: called once, when every component is ready; with the seconds that took.
        stay: False stops everything again as soon as all is ready: for one-shot work such as migrating.
    """

    def __init__(
        self,
        components: Sequence[Component],
        *,
        run_folder: Path,
        output: Output,
        guard: Guard | None = None,
        url: str = "",
        on_ready: Callable[[float], None] = lambda seconds: None,
        stay: bool = True,
    ) -> None:
        _check(components)
        self._components = {component.name: component for component in components}
        self._run_folder = run_folder
        self._state_path = run_folder / "state.json"
        self._output = output
        self._guard = guard or Guard()
        self._url = url
        self._on_ready = on_ready
        self._stay = stay
        self._lock = FolderLock(run_folder, what="the data folder")
        self._children: dict[str, ChildProcess] = {}
        self._states = dict.fromkeys(self._components, "waiting")
        self._tails: dict[str, list[str]] = {}
        self._running: dict[str, state_file.Running] = {}

    async def run(self) -> None:
        """Runs until SIGINT, SIGTERM or SIGHUP; a second signal shortens every grace period to nothing.

        Raises:
            Misconfigured: the folder is in use.
            StartFailed: a required component did not become ready. Everything is stopped by then.
        """
        self._run_folder.mkdir(parents=True, exist_ok=True)
        self._lock.acquire(timeout=1.0)
        try:
            if orphans := await asyncio.to_thread(state_file.end_orphans, self._state_path):
                self._output.say(f"Ended what an earlier run had left: {', '.join(orphans)}", orphans=orphans)
            with self._guard:
                await self._run_guarded()
        finally:
            self._lock.release()

    async def _run_guarded(self) -> None:
        loop = asyncio.get_running_loop()
        stop, hurry = asyncio.Event(), asyncio.Event()

        def on_signal() -> None:
            (hurry if stop.is_set() else stop).set()

        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, on_signal)
        ready = {name: asyncio.Event() for name in self._components}
        try:
            async with asyncio.TaskGroup() as group:
                keepers = [group.create_task(self._keep(item, ready)) for item in self._components.values()]
                announcer = group.create_task(self._announce(ready, stop))
                await stop.wait()
                if self._stay:
                    self._output.say("Stopping ...")
                for task in (*keepers, announcer):
                    task.cancel()
        except ExceptionGroup as failures:
            if (known := failures.subgroup(StartFailed)) is not None:
                raise known.exceptions[0] from None
            raise
        finally:
            await self._stop_all(hurry)
            for number in _STOP_SIGNALS:
                loop.remove_signal_handler(number)
            self._state_path.unlink(missing_ok=True)

    async def _announce(self, ready: Mapping[str, asyncio.Event], stop: asyncio.Event) -> None:
        started = time.monotonic()
        for event in ready.values():
            await event.wait()
        self._on_ready(time.monotonic() - started)
        if not self._stay:
            stop.set()

    async def _keep(self, component: Component, ready: Mapping[str, asyncio.Event]) -> None:
        """Starts a component once its turn has come and, unless it is a one-shot, starts it again whenever it dies."""
        for name in component.after:
            await ready[name].wait()
        failures, was_ready = 0, ready[component.name]
        while True:
            started = time.monotonic()
            try:
                problem = await self._start(component)
                if problem is None:
                    self._set(component.name, "done" if component.one_shot else "ready")
                    self._output.progress(component.name, self._states[component.name], time.monotonic() - started)
                    was_ready.set()
                    if component.one_shot:
                        return
                    problem = await self._until_dead(component)
            finally:
                # A cancelled keeper leaves its process to _stop_all, which knows the right order.
                if not asyncio.current_task().cancelling():  # type: ignore[union-attr]  # a task runs this
                    await self._clear(component)
            failures = 1 if time.monotonic() - started > component.restart.healthy_after else failures + 1
            if not was_ready.is_set() and failures >= component.restart.start_attempts:
                self._set(component.name, "failed")
                self._output.progress(component.name, "failed", note=problem)
                if component.required:
                    raise StartFailed(f"{component.name} did not start: {problem}{self._last_words(component.name)}")
                was_ready.set()  # the rest of the stack does not need it
                return
            delay = component.restart.delay(failures)
            self._set(component.name, "restarting")
            self._output.progress(component.name, "restarting", note=f"in {delay:g} s: {problem}")
            await asyncio.sleep(delay)

    async def _start(self, component: Component) -> str | None:
        """None when ready (for a one-shot: done), otherwise what went wrong."""
        self._set(component.name, "starting")
        if component.server is not None:
            try:
                await _to_the_end(component.server.start)
            except BreezewayError as error:
                return error.detail
            self._set(component.name, "starting", component.server.pid)
            return None
        if isinstance(component.ready, FileReady):
            component.ready.path.unlink(missing_ok=True)
        started = time.monotonic()
        child = await ChildProcess.start(
            component.command,
            {**os.environ, **component.env()},
            self._guard,
            lambda line: self._output.log(component.name, line),
        )
        self._children[component.name] = child
        self._set(component.name, "starting", child.pid)
        ended = asyncio.create_task(child.wait())
        try:
            async with asyncio.timeout(component.start_timeout):
                pause, longest = _PROBE_SECONDS
                while not ended.done():
                    if not component.one_shot and await is_ready(component.ready, started=started):
                        return None
                    await asyncio.wait({ended}, timeout=pause)
                    pause = min(longest, pause * 1.5)
        except TimeoutError:
            return f"not ready after {component.start_timeout:g} s"
        finally:
            ended.cancel()
        code = await child.wait()
        if component.one_shot and code == 0:
            await self._clear(component)
            return None
        return f"{_describe(code)} while starting"

    async def _until_dead(self, component: Component) -> str:
        if component.server is not None:
            while component.server.running:  # noqa: ASYNC110 - a server that starts itself can only be asked
                await asyncio.sleep(_SERVER_POLL_SECONDS)
            return "the server is gone"
        return f"{_describe(await self._children[component.name].wait())}"

    async def _clear(self, component: Component) -> None:
        child = self._children.pop(component.name, None)
        if child is not None:
            await child.stop(component.stop_timeout)
            self._tails[component.name] = list(child.tail)

    async def _stop_all(self, hurry: asyncio.Event) -> None:
        """Dependents before what they depend on; what does not depend on each other, together."""
        gone = {name: asyncio.Event() for name in self._components}

        async def stop_one(component: Component) -> None:
            try:
                for other in self._components.values():
                    if component.name in other.after:
                        await gone[other.name].wait()
                child = self._children.pop(component.name, None)
                if child is not None:
                    await _unless(hurry, child.stop(component.stop_timeout))
                    await child.stop(0)
                if component.server is not None:
                    await asyncio.to_thread(component.server.stop)
            finally:
                gone[component.name].set()

        results = await asyncio.gather(
            *(stop_one(component) for component in self._components.values()), return_exceptions=True
        )
        for component, result in zip(self._components, results, strict=True):
            if isinstance(result, BaseException):
                self._output.progress(component, "failed", note=f"to stop: {result!r}; the guard will end it")

    def _last_words(self, name: str) -> str:
        return "".join(f"\n    {line}" for line in self._tails.get(name, [])[-_LINES_IN_MESSAGE:])

    def _set(self, name: str, state: str, pid: int | None = None) -> None:
        self._states[name] = state
        found = state_file.Running.of(pid, state) if pid is not None else self._running.get(name)
        if found is None or state in _WITHOUT_PROCESS:
            self._running.pop(name, None)
        else:
            self._running[name] = dataclasses.replace(found, state=state)
        own = state_file.Running.of(os.getpid(), "running")
        if own is not None:
            state_file.write(self._state_path, state_file.StackState(own, self._url, self._running))


async def _to_the_end(blocking: Callable[[], object]) -> None:
    """Runs it in a thread and, even when cancelled, returns only when it has ended: a thread cannot be stopped."""
    task = asyncio.create_task(asyncio.to_thread(blocking))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


async def _unless(event: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Runs `work` to its end, or drops it when the event comes first."""
    task, waiter = asyncio.ensure_future(work), asyncio.create_task(event.wait())
    try:
        await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in (task, waiter):
            each.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _check(components: Sequence[Component]) -> None:
    names = [component.name for component in components]
    known: set[str] = set()
    if len(set(names)) != len(names):
        raise Misconfigured("two components have the same name")
    remaining = list(components)
    while remaining:
        startable = [component for component in remaining if known.issuperset(component.after)]
        if not startable:
            stuck = ", ".join(component.name for component in remaining)
            raise Misconfigured(f"these components wait for each other or for unknown ones: {stuck}")
        known.update(component.name for component in startable)
        remaining = [component for component in remaining if component.name not in known]


def _describe(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
