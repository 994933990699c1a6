"""The faults that a session can have, each as what its sender does.

Invariant: a fault is a function of chance and a span; every one that can end well also has
sessions that do, so that finding too much is as visible as finding too little.
"""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from cli.ends.corpus.market import UNTOLD_TIMEOUT_MS, Terms
from cli.ends.corpus.plan import HTTP, KAFKA, SECOND_MS
from cli.ends.corpus.senders import Names, Said, Sender, skewed_clock, steady_clock

STOP, OPEN, SILENT = "stop", "open", "silent"
HEALED_MS = (20 * SECOND_MS, 90 * SECOND_MS)


class Course(NamedTuple):
    """What is asked of a session.

    Args:
        names: Of it.
        terms: Of its content.
        begins_ms: Its start.
        turns_ms: When its fault strikes, or its use ends.
        ends_ms: Of the scene.
    """

    names: Names
    terms: Terms
    begins_ms: int
    turns_ms: int
    ends_ms: int


Script = Callable[[Random, Course, str], list[Said]]


class Fault(NamedTuple):
    """One kind.

    Args:
        name: Of it.
        variants: Its ways, each as often as the others.
        script: Plays one.
    """

    name: str
    variants: tuple[str, ...]
    script: Script


def _sender(chance: Random, course: Course, *, tells_content: float = 0.5) -> Sender:
    clock = steady_clock(chance, course.begins_ms, course.ends_ms)
    return Sender(
        chance, course.names, course.terms, course.begins_ms, clock=clock,
        tells_content=tells_content,
    )  # fmt: skip


def _begun(chance: Random, course: Course) -> Sender:
    sender = _sender(chance, course)
    sender.start()
    sender.one_beat()
    sender.beat_until(course.turns_ms)
    return sender


def _finish(sender: Sender, course: Course, how: str) -> list[Said]:
    """A stop, use up to the scene's end, or nothing more."""
    if how == STOP:
        sender.end(sender.chance.choice(("", "member")))
    elif how == OPEN:
        sender.beat_until(course.ends_ms)
    return sender.said


def _plain(chance: Random, course: Course, variant: str) -> list[Said]:
    return _finish(_begun(chance, course), course, variant)


def _client_crash(chance: Random, course: Course, variant: str) -> list[Said]:
    """The member's player dies; its server may notice."""
    sender = _begun(chance, course)
    if variant == "told as an error":
        sender.end(chance.choice(("", "client_error")), is_error=True)
    elif variant == "told as a stop":
        sender.end("client_error")
    return sender.said


def _server_crash(chance: Random, course: Course, variant: str) -> list[Said]:
    """The content server dies, and comes back with new counters or not at all."""
    sender = _begun(chance, course)
    if variant == SILENT:
        return sender.said
    sender.now_ms += chance.randint(SECOND_MS, course.terms.timeout_ms // 3)
    sender.reboot()
    if variant == "told":
        sender.end_now("server", is_error=chance.random() < 0.5)  # noqa: PLR2004 -- even odds
        return sender.said
    sender.one_beat()
    sender.beat_until(sender.now_ms + 3 * course.terms.interval_ms)
    return _finish(sender, course, variant)


def _partition(chance: Random, course: Course, variant: str) -> list[Said]:
    """The way from the content server to every collector is cut, for a while or for good."""
    sender = _begun(chance, course)
    timeout_ms = course.terms.timeout_ms
    if variant == SILENT:
        sender.beat_until(sender.now_ms + timeout_ms, loses=True)
        return sender.said
    is_short = variant.startswith("short")
    heals_ms = sender.now_ms + (
        chance.randint(timeout_ms // 4, timeout_ms * 2 // 3)
        if is_short
        else timeout_ms + chance.randint(*HEALED_MS)
    )
    if variant == "long, then told":
        sender.end("network", sent_ms=heals_ms)
        return sender.said
    if variant == "long, lost, then more":
        sender.beat_until(heals_ms, loses=True)
        sender.now_ms = heals_ms
    else:
        sender.beat_until(heals_ms, held_until_ms=heals_ms)
    sender.one_beat()
    return _finish(sender, course, OPEN if variant.endswith("open") else STOP)


def _clock_skew(chance: Random, course: Course, variant: str) -> list[Said]:
    """The server's clock is up to five minutes off, and may drift."""
    clock = skewed_clock(chance, course.begins_ms, course.turns_ms)
    sender = Sender(chance, course.names, course.terms, course.begins_ms, clock=clock)
    sender.start()
    sender.one_beat()
    sender.beat_until(course.turns_ms)
    return _finish(sender, course, variant)


def _lost_start(chance: Random, course: Course, variant: str) -> list[Said]:
    """The first event never comes, or comes late; the content may stay unknown for good."""
    how, _, ending = variant.partition(", then ")
    can_be_untold = course.terms.interval_ms * 5 // 4 < UNTOLD_TIMEOUT_MS
    tells = 0.0 if how == "never told" and can_be_untold else 1.0
    sender = _sender(chance, course, tells_content=tells)
    if how == "late":
        sender.start(late_ms=chance.randint(SECOND_MS, 25 * SECOND_MS))
    else:
        sender.start(is_lost=True)
    sender.one_beat()
    sender.beat_until(course.turns_ms)
    return _finish(sender, course, ending)


def _lost_stop(chance: Random, course: Course, _: str) -> list[Said]:
    """The use ends, and nobody hears of it."""
    return _begun(chance, course).said


def _duplicate_stop(chance: Random, course: Course, variant: str) -> list[Said]:
    """The stop is said twice."""
    sender = _begun(chance, course)
    reason = chance.choice(("", "member", "client_error", "network", "server"))
    stop = sender.end(reason)
    again_ms = sender.now_ms + chance.randint(50, 20 * SECOND_MS)
    if variant == "the same":
        sender.repeat(stop, again_ms)
    elif variant == "the same by another path":
        sender.repeat(stop, again_ms, HTTP if stop.path == KAFKA else KAFKA)
    else:
        sender.now_ms += chance.randint(0, 3 * SECOND_MS) if variant == "later" else -100
        sender.end_now(reason, sent_ms=again_ms)
    return sender.said


_ENDS = (STOP, OPEN, SILENT)
FAULTS = (
    Fault("healthy", (STOP, OPEN), _plain),
    Fault("client_crash", ("told as an error", "told as a stop", SILENT), _client_crash),
    Fault("server_crash", (STOP, OPEN, "told", SILENT), _server_crash),
    Fault(
        "network_partition",
        (
            "short, then stop", "short, then open", "long, then stop", "long, then told",
            "long, lost, then more", SILENT,
        ),
        _partition,
    ),
    Fault("clock_skew", _ENDS, _clock_skew),
    Fault(
        "lost_start",
        tuple(f"{how}, then {end}" for how in ("told", "never told", "late") for end in _ENDS),
        _lost_start,
    ),
    Fault("lost_stop", (SILENT,), _lost_stop),
    Fault(
        "duplicate_stop",
        ("the same", "the same by another path", "later", "earlier"),
        _duplicate_stop,
    ),
)  # fmt: skip


def our_fault(name: str) -> Fault:
    """A plain session that is to live through a fault of ours."""
    return Fault(name, _ENDS, _plain)
