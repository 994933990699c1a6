"""What the processes of a stack used: processor time and resident memory, by part.

Invariant: only differences of one process's own counters are given; a part that was started again
in between is left out, never guessed.
"""

from collections.abc import Mapping
from typing import NamedTuple

import psutil

from runtime.embedded.stack import EmbeddedStack

_US_PER_S = 1_000_000


class Sample(NamedTuple):
    """One process at one moment.

    Args:
        pid: Of the process.
        cpu_us: Its user and system time, and that of children that have ended.
        resident_bytes: Memory that it holds.
    """

    pid: int
    cpu_us: int
    resident_bytes: int


def sample(stack: EmbeddedStack) -> dict[str, Sample]:
    """Every part that runs now."""
    pids = {name: stack.pid(name) for name in stack.parts()}
    return {name: _sample(pid) for name, pid in pids.items() if pid is not None}


def used_us(before: Mapping[str, Sample], after: Mapping[str, Sample]) -> dict[str, int]:
    """Processor time between two samples, by kind of part: ``worker-1`` and ``worker-2`` as one.

    Args:
        before: At the beginning.
        after: At the end.
    """
    used: dict[str, int] = {}
    for name, last in after.items():
        first = before.get(name)
        if first is not None and first.pid == last.pid:
            kind = kind_of(name)
            used[kind] = used.get(kind, 0) + last.cpu_us - first.cpu_us
    return used


def restarted(before: Mapping[str, Sample], after: Mapping[str, Sample]) -> list[str]:
    """Parts that died in between: their processor time is in no figure."""
    return [name for name, last in after.items() if name in before and before[name].pid != last.pid]


def resident_mb(now: Mapping[str, Sample]) -> dict[str, int]:
    """Resident memory by part, in MB."""
    return {name: each.resident_bytes // 1_000_000 for name, each in now.items()}


def kind_of(part: str) -> str:
    """What kind of part this is: its name without a number."""
    name, _, number = part.rpartition("-")
    return name if number.isdecimal() else part


def _sample(pid: int) -> Sample:
    process = psutil.Process(pid)
    with process.oneshot():
        times = process.cpu_times()
        seconds = times.user + times.system + times.children_user + times.children_system
        return Sample(pid, int(seconds * _US_PER_S), process.memory_info().rss)
