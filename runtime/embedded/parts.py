"""What the supervisor is told: parts to run; and what it tells: events and faults.

Invariant: plain data and callables; nothing here starts a process.
It does not own how a part is run: ``process.py`` and ``supervisor.py``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from runtime.faults import StackFault

EventKind = Literal["starting", "up", "died", "gave_up", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSpec:
    """A process to be kept running.

    Args:
        name: Of the part; its log and pid file are called so.
        argv: Program and arguments.
        ready: Says whether it can serve; called often, must not block for long; an exception that
            is an ``OSError`` counts as no.
        env: Variables on top of this process's own.
        prepare: Called before each start, or None; may block.
        order: Parts of one order start together, after those of lower orders; they stop first.
        ready_ms_max: How long it may take to come up.
        stop_ms_max: How long it may take to end before it is killed.
        restarts_max: How often it may be restarted within ``restart_window_ms``.
        restart_window_ms: See there.
        mend: What a person can do when it does not start.
    """

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    prepare: Callable[[], None] | None = None
    order: int = 0
    ready_ms_max: int = 30_000
    stop_ms_max: int = 15_000
    restarts_max: int = 8
    restart_window_ms: int = 120_000
    mend: str = "Read the log, mend what it names, and start again; data is kept."


@dataclass(frozen=True, slots=True, kw_only=True)
class PartEvent:
    """Something that happened to a part.

    Args:
        part: Its name.
        kind: What happened.
        elapsed_ms: ``up``: how long the start took; ``died``, ``stopped``: how long it ran or took
            to end.
        restarts: Restarts within the window so far.
        detail: In words: exit status, or why it was given up.
    """

    part: str
    kind: EventKind
    elapsed_ms: int = 0
    restarts: int = 0
    detail: str = ""


class PartFailed(StackFault):
    """A part did not come up, or died too often; names the log, its end and the mend."""

    def __init__(self, spec: PartSpec, *, why: str, log: str, tail: str) -> None:
        super().__init__(f"{spec.name} {why}. The end of {log}:\n{tail}\nWhat to do: {spec.mend}")
        self.part = spec.name
