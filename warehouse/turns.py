"""Whose turn it is at an engine that one process owns: inserts before queries.

Invariant: one call at a time, and no query begins while an insert waits. The sinks' pace is
therefore bounded by one query, which the reader's own time limit bounds.
"""

from collections.abc import Generator
from contextlib import contextmanager
from threading import Condition


class Turns:
    """A lock with two classes of callers."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._busy = False
        self._inserts_waiting = 0

    @contextmanager
    def insert(self) -> Generator[None]:
        """Hold the engine for an insert; blocks only for the call that runs now."""
        with self._changed:
            self._inserts_waiting += 1
            try:
                self._changed.wait_for(lambda: not self._busy)
            finally:
                self._inserts_waiting -= 1
            self._busy = True
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def query(self) -> Generator[None]:
        """Hold the engine for a query; blocks while any insert runs or waits."""
        with self._changed:
            self._changed.wait_for(lambda: not self._busy and not self._inserts_waiting)
            self._busy = True
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()
