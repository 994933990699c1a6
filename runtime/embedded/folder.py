"""The data folder of an embedded stack: where things are in it, and that one stack uses it.

Layout: ``kafka``, ``redis``, ``chdb``, ``logs/NAME.log``, ``run/NAME.pid``,
``ports.json``, ``lock``.
Invariant: the lock is held by the kernel for a living process, so a kill leaves none behind.
It does not own the contents that the services write.
"""

import fcntl
import os
from pathlib import Path
from typing import TextIO

from runtime.faults import StackFault

LOG_BYTES_MAX = 64 * 1024 * 1024
TAIL_BYTES_MAX = 8 * 1024
TAIL_LINES = 12


class DataFolder:
    """A stack's folder.

    Args:
        root: Made when it is locked, if it is missing.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().resolve()
        self._lock: TextIO | None = None

    @property
    def ports_file(self) -> Path:
        """Where ports are remembered."""
        return self.root / "ports.json"

    def log_file(self, part: str) -> Path:
        """Where a part's output goes."""
        return self.root / "logs" / f"{part}.log"

    def pid_file(self, part: str) -> Path:
        """Where a part's process id is, while it runs."""
        return self.root / "run" / f"{part}.pid"

    def lock(self) -> None:
        """Take the folder for this process, making what is missing.

        Raises:
            StackFault: Another stack runs on it, or it cannot be written.
        """
        try:
            for place in (self.root, self.root / "logs", self.root / "run"):
                place.mkdir(parents=True, exist_ok=True)
            held = (self.root / "lock").open("a+", encoding="utf-8")
        except OSError as error:
            raise StackFault(f"data folder {self.root} cannot be used: {error}") from error
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            held.seek(0)
            holder = held.read().strip() or "unknown"
            held.close()
            raise StackFault(
                f"data folder {self.root} is in use by process {holder}; stop that stack, or "
                "choose another folder"
            ) from error
        held.truncate(0)
        held.write(f"{os.getpid()}\n")
        held.flush()
        self._lock = held

    def unlock(self) -> None:
        """Give the folder back; harmless when it is not held."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def open_log(self, part: str) -> int:
        """Open a part's log for appending, putting a full one aside.

        Returns:
            A file descriptor, for the caller to close.
        """
        path = self.log_file(part)
        if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
            path.replace(path.with_suffix(".log.1"))
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def log_tail(self, part: str) -> str:
        """Read the last lines of a part's log, for a message to a person."""
        try:
            with self.log_file(part).open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_BYTES_MAX))
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            return "(no log)"
        return "\n".join(lines[-TAIL_LINES:]) or "(the log is empty)"
