"""Keeping parts running: start in order, watch, restart with backoff, stop in reverse.

Each part has one thread that starts it, waits for it and starts it again. It is the same thread all
along since the kernel ties a child's life to the thread that started it (``tether.py``).
Invariant: after ``stop`` returns no process of a part is left, whatever happened before.
It does not own what the parts are; ``PartSpec`` says that.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import groupby

from runtime.embedded.folder import DataFolder
from runtime.embedded.parts import EventKind, PartEvent, PartFailed, PartSpec
from runtime.embedded.process import Run, end_leftover, status_text
from runtime.faults import StackFault

POLL_MS = 40
WATCH_MS = 100
BACKOFF_MS_MIN = 100
BACKOFF_MS_MAX = 5_000
_MS = 1_000
_NS_PER_MS = 1_000_000

OnEvent = Callable[[PartEvent], None]


class _Keeper:
    """One part: its thread, its present run, and its restarts."""

    def __init__(self, spec: PartSpec, folder: DataFolder, on_event: OnEvent) -> None:
        self.spec = spec
        self._folder = folder
        self._on_event = on_event
        self._stopping = threading.Event()
        self._settled = threading.Event()
        self._starts: deque[int] = deque()
        self.run: Run | None = None
        self.failure: StackFault | None = None
        self.is_up = False
        self._thread = threading.Thread(target=self._keep, name=f"part-{spec.name}", daemon=True)

    def launch(self) -> None:
        """Start the thread, which starts the part."""
        self._thread.start()

    def wait_until_settled(self) -> None:
        """Wait until the part is up or has failed for the first time; blocks."""
        self._settled.wait()

    def stop(self) -> None:
        """End the part and its thread; blocks, bounded by the part's limits."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _keep(self) -> None:
        end_leftover(self.spec.name, self._folder)
        try:
            while not self._stopping.is_set():
                self._run_once()
                if not self._may_restart():
                    break
        except StackFault as error:
            self.failure = error
        except OSError as error:
            self.failure = self._failed(f"could not be started: {error}")
        finally:
            self._end_run()
            if self.failure is not None and not self._stopping.is_set():
                self._tell("gave_up", detail=str(self.failure))
            self._settled.set()

    def _run_once(self) -> None:
        """Start the part, wait until it is ready, then until it ends or is to stop."""
        began_ms = _now_ms()
        self._starts.append(began_ms)
        self._tell("starting")
        if self.spec.prepare is not None:
            self.spec.prepare()
        self.run = run = Run(self.spec, self._folder)
        why = self._wait_until_ready(run, began_ms)
        if why is None:
            self.is_up = True
            self._tell("up", elapsed_ms=_now_ms() - began_ms)
            self._settled.set()
            self._watch(run)
        elif not self._settled.is_set() and not self._stopping.is_set():
            # The first start is not tried again: what is wrong then is for a person to mend.
            raise self._failed(why)
        self.is_up = False
        if not self._stopping.is_set():
            status = run.end()
            detail = why or status_text(status)
            self._tell("died", elapsed_ms=_now_ms() - began_ms, detail=detail)

    def _wait_until_ready(self, run: Run, began_ms: int) -> str | None:
        """Wait until the part serves; give None, or why it does not."""
        while not self._stopping.is_set():
            status = run.status()
            if status is not None:
                return f"ended while it started ({status_text(status)})"
            if self._is_ready():
                return None
            if _now_ms() - began_ms > self.spec.ready_ms_max:
                return f"was not ready within {self.spec.ready_ms_max // _MS} s"
            self._stopping.wait(POLL_MS / _MS)
        return "was asked to stop while it started"

    def _is_ready(self) -> bool:
        try:
            return self.spec.ready()
        except OSError:
            return False

    def _watch(self, run: Run) -> None:
        while run.status() is None and not self._stopping.is_set():
            self._stopping.wait(WATCH_MS / _MS)

    def _may_restart(self) -> bool:
        """Wait out the backoff; say no when it is to stop, or fail when it died too often."""
        window = _now_ms() - self.spec.restart_window_ms
        while self._starts and self._starts[0] < window:
            self._starts.popleft()
        if self._stopping.is_set():
            return False
        if len(self._starts) > self.spec.restarts_max:
            raise self._failed(
                f"died {len(self._starts)} times in {self.spec.restart_window_ms // _MS} s"
            )
        backoff = min(BACKOFF_MS_MAX, BACKOFF_MS_MIN << max(0, len(self._starts) - 1))
        return not self._stopping.wait(backoff / _MS)

    def _end_run(self) -> None:
        if self.run is None:
            return
        began_ms = _now_ms()
        status = self.run.end()
        self.is_up = False
        if self._stopping.is_set():
            elapsed_ms = _now_ms() - began_ms
            self._tell("stopped", elapsed_ms=elapsed_ms, detail=status_text(status))

    def _tell(self, kind: EventKind, *, elapsed_ms: int = 0, detail: str = "") -> None:
        self._on_event(
            PartEvent(
                part=self.spec.name,
                kind=kind,
                elapsed_ms=elapsed_ms,
                restarts=max(0, len(self._starts) - 1),
                detail=detail,
            )
        )

    def _failed(self, why: str) -> PartFailed:
        name = self.spec.name
        log, tail = str(self._folder.log_file(name)), self._folder.log_tail(name)
        return PartFailed(self.spec, why=why, log=log, tail=tail)


class Supervisor:
    """Runs parts on a data folder that is locked by the caller.

    Args:
        folder: For logs and pid files.
        on_event: Called for each event, from the parts' threads; must be quick and not raise.
    """

    def __init__(self, folder: DataFolder, on_event: OnEvent) -> None:
        self._folder = folder
        self._on_event = on_event
        self._keepers: dict[str, _Keeper] = {}

    def start(self, specs: Sequence[PartSpec]) -> None:
        """Start parts by their order, each order when the one before is up; blocks.

        Raises:
            PartFailed: One did not come up; call ``stop`` to end the others.
            ValueError: Two parts have the same name.
        """
        ordered = sorted(specs, key=lambda spec: spec.order)
        for _, group in groupby(ordered, key=lambda spec: spec.order):
            keepers = [self._add(spec) for spec in group]
            for keeper in keepers:
                keeper.launch()
            for keeper in keepers:
                keeper.wait_until_settled()
            for keeper in keepers:
                if keeper.failure is not None:
                    raise keeper.failure

    def stop(self) -> None:
        """Stop all parts, the last order first, those of one order together. Idempotent; blocks."""
        keepers = sorted(self._keepers.values(), key=lambda keeper: -keeper.spec.order)
        for _, group in groupby(keepers, key=lambda keeper: keeper.spec.order):
            stoppers = [threading.Thread(target=keeper.stop) for keeper in group]
            for stopper in stoppers:
                stopper.start()
            for stopper in stoppers:
                stopper.join()
        self._keepers.clear()

    def halt(self, name: str) -> None:
        """End one part and leave it ended; blocks, bounded. Of one that is halted nothing is done.

        Raises:
            KeyError: There is no such part.
        """
        self._keepers[name].stop()

    def resume(self, name: str) -> None:
        """Start a halted part again and wait until it is up; blocks.

        Raises:
            KeyError: There is no such part.
            PartFailed: It did not come up.
        """
        keeper = _Keeper(self._keepers[name].spec, self._folder, self._on_event)
        self._keepers[name] = keeper
        keeper.launch()
        keeper.wait_until_settled()
        if keeper.failure is not None:
            raise keeper.failure

    def pid(self, name: str) -> int | None:
        """Give the process id of a part, or None while it is down.

        Raises:
            KeyError: There is no such part.
        """
        run = self._keepers[name].run
        return None if run is None or run.status() is not None else run.pid

    def is_up(self, name: str) -> bool:
        """Say whether a part has come up and not died since.

        Raises:
            KeyError: There is no such part.
        """
        return self._keepers[name].is_up

    def failures(self) -> list[StackFault]:
        """Give the faults of parts that were given up."""
        return [keeper.failure for keeper in self._keepers.values() if keeper.failure is not None]

    def names(self) -> list[str]:
        """Name the parts, in the order in which they were started."""
        return list(self._keepers)

    def _add(self, spec: PartSpec) -> _Keeper:
        if spec.name in self._keepers:
            raise ValueError(f"two parts are called {spec.name}")
        keeper = _Keeper(spec, self._folder, self._on_event)
        self._keepers[spec.name] = keeper
        return keeper


def _now_ms() -> int:
    return time.monotonic_ns() // _NS_PER_MS
