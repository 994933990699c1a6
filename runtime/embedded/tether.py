"""A program in front of a part: ties it to the process that started it, then becomes it.

Run as a script: ``python -I -S tether.py PARENT_PID PROGRAM ARGUMENT…``. On Linux the kernel kills
the part when the supervising thread goes, however it goes; SIGKILL, since a part may be deaf to
anything else, and every part recovers from one. The process id stays the same through ``exec``.
It is a program, and not a function between fork and exec, since the supervisor has threads: there,
Python code could wait for ever for a lock that a thread held at the fork.
Invariant: imports only what starts at once. Does not own other systems than Linux: there the next
start on the folder ends what was left.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1
EXIT_ORPHAN = 125


def tether(parent: int) -> None:
    """Ask the kernel for a SIGKILL when the parent is gone; end now if it already is.

    Args:
        parent: Process id of the supervisor.
    """
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(EXIT_ORPHAN)


if __name__ == "__main__":
    tether(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606
