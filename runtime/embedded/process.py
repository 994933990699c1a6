"""One run of one part: a child process in its own session, tethered, with its output in its log.

Invariant: when ``end`` returns, no process of the run's session is left.
It does not own when to start or restart: the supervisor does.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from runtime.embedded.folder import DataFolder
from runtime.embedded.parts import PartSpec

# Tells a part of ours from a stranger who was given the same process id later.
MARK = "EMBEDDED_PART"
_TETHER = Path(__file__).with_name("tether.py")
_MS = 1_000


class Run:
    """A started part.

    Args:
        spec: What to start.
        folder: Whose log and pid file are used.

    Raises:
        OSError: The process cannot be started.
    """

    def __init__(self, spec: PartSpec, folder: DataFolder) -> None:
        self._spec = spec
        self._pid_file = folder.pid_file(spec.name)
        log = folder.open_log(spec.name)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), *spec.argv],
                env={**os.environ, **spec.env, MARK: _mark(folder, spec.name)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder.root,
                # Ctrl-C in a terminal goes to its whole group; only the supervisor is to see it.
                start_new_session=True,
            )
        finally:
            os.close(log)
        self._pid_file.write_text(f"{self.pid}\n", encoding="utf-8")

    @property
    def pid(self) -> int:
        """The part's process id."""
        return self._process.pid

    def status(self) -> int | None:
        """Give the exit status, negative for a signal, or None while it runs."""
        return self._process.poll()

    def wait(self, ms: int) -> int | None:
        """Wait for its end, at most so long; blocks.

        Returns:
            The exit status, or None when it still runs.
        """
        try:
            return self._process.wait(ms / _MS)
        except subprocess.TimeoutExpired:
            return None

    def end(self) -> int:
        """End it: SIGTERM, a bounded wait, SIGKILL to its whole session. Idempotent; blocks.

        Returns:
            The exit status.
        """
        if self.status() is None:
            self._process.terminate()
            self.wait(self._spec.stop_ms_max)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        status = self._process.wait()
        self._pid_file.unlink(missing_ok=True)
        return status


def end_leftover(name: str, folder: DataFolder) -> int | None:
    """Kill the part that an earlier supervisor of this folder left behind, if there is one.

    Returns:
        Its process id, or None.
    """
    try:
        pid = int(folder.pid_file(name).read_text(encoding="utf-8"))
        left = psutil.Process(pid)
        if left.environ().get(MARK) != _mark(folder, name):
            return None
        left.kill()
        left.wait(5)
    except (OSError, ValueError, psutil.Error):
        return None
    return pid


def status_text(status: int) -> str:
    """Say an exit status in words."""
    if status >= 0:
        return f"exit status {status}"
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-status).name}"
    return f"killed by signal {-status}"


def _mark(folder: DataFolder, name: str) -> str:
    return f"{folder.root}:{name}"
