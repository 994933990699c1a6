"""The benchmark's load: sessions that beat, made from a seed and written as ready request bodies.

Each slot is one member's session; the slot picked next sends its next event ten seconds of event
time after its last. When a session has ended, the slot goes to another member and content, the
popular ones more often. Invariant: same shape, same seed and same start give the same bytes.
It does not own how bodies are sent: ``cli.bench.client``.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

from schemas.moment import HOUR_MS, text_from_ms

SOURCE = "bench-server"
EVENTS_PER_BODY = 100
BEAT_MS = 10_000
AGE_MS = HOUR_MS
SESSIONS_AT_ONCE_MAX = 4
ENDS = 0.05
PAGES = 0.08
ITEMS = 0.07
REPEATS = 0.02
DISORDER = 0.02
HELD_BACK_EVENTS = 300
REPEATED_FROM = 1_000
_ITEMS = ("quiz", "sticker", "badge")


class Shape(NamedTuple):
    """What the load looks like.

    Args:
        contents: On sale; content popularity falls with its rank.
        members: Who may come; a member's activity falls with the square root of its rank.
        sessions: Alive at once.
        seed: Of all chance.
    """

    contents: int
    members: int
    sessions: int
    seed: int


class _Slot:
    """A place for one session after another."""

    __slots__ = ("at_ms", "bytes", "member", "pages", "quantity", "sent", "session", "words")

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms
        self.sent = self.bytes = self.pages = self.quantity = 0
        self.member = -1
        self.session = 0
        self.words = b""


class Load:
    """Makes the load; iterate ``bodies`` once.

    Args:
        shape: What it looks like.
        now_ms: Event times lie in the hour before this.
        is_filled: Whether the first events begin a session in every slot, one after the other, so
            that all are alive from there on.
    """

    def __init__(self, shape: Shape, now_ms: int, *, is_filled: bool = False) -> None:
        self._shape = shape
        self._unfilled = iter(range(shape.sessions if is_filled else 0))
        self._chance = random.Random(shape.seed)  # noqa: S311 -- reproducible on purpose
        base_ms = now_ms - AGE_MS
        self._slots = [
            _Slot(base_ms + self._chance.randrange(BEAT_MS)) for _ in range(shape.sessions)
        ]
        self._open: dict[int, int] = {}
        self._sessions = 0
        self._events = 0
        self.repeats = 0

    def bodies(self, count: int) -> Iterator[bytes]:
        """Request bodies with ``EVENTS_PER_BODY`` events each.

        Args:
            count: How many.
        """
        stream = self._disordered()
        for _ in range(count):
            yield b"[" + b",".join(next(stream) for _ in range(EVENTS_PER_BODY)) + b"]"

    def _disordered(self) -> Iterator[bytes]:
        """The events with some held back and some sent twice."""
        chance = self._chance
        held: dict[int, bytes] = {}
        recent: list[bytes] = []
        number = 0
        while True:
            number += 1
            late = held.pop(number, None)
            if late is not None:
                yield late
                continue
            draw = chance.random()
            if recent and draw < REPEATS:
                self.repeats += 1
                yield recent[chance.randrange(len(recent))]
                continue
            event = self._next()
            until = number + 1 + chance.randrange(HELD_BACK_EVENTS)
            if draw > 1 - DISORDER and until not in held:
                held[until] = event
                continue
            if len(recent) < REPEATED_FROM:
                recent.append(event)
            else:
                recent[chance.randrange(REPEATED_FROM)] = event
            yield event

    def _next(self) -> bytes:
        chance = self._chance
        number = next(self._unfilled, None)
        slot = self._slots[chance.randrange(len(self._slots)) if number is None else number]
        self._events += 1
        slot.at_ms += BEAT_MS
        if slot.member < 0:
            self._open_session(slot)
            return self._event(slot, b"session.start", b"")
        slot.bytes += chance.randrange(1_000_000)
        slot.sent += 1
        draw = chance.random()
        if draw < ENDS:
            event = self._event(slot, b"session.stop", b',"reason":"member"' + _meters(slot))
            self._open[slot.member] -= 1
            slot.member = -1
            return event
        if draw < ENDS + PAGES:
            slot.pages += 1
            moved = b',"direction":"forward","from":"%d","to":"%d"' % (slot.pages, slot.pages + 1)
            return self._event(slot, b"page.move", moved)
        if draw < ENDS + PAGES + ITEMS:
            item = _ITEMS[chance.randrange(len(_ITEMS))].encode()
            return self._event(slot, b"item.use", b',"item":"%s"' % item)
        return self._event(slot, b"session.heartbeat", _meters(slot))

    def _open_session(self, slot: _Slot) -> None:
        chance, shape = self._chance, self._shape
        member = int(shape.members * chance.random() ** 2)
        while self._open.get(member, 0) >= SESSIONS_AT_ONCE_MAX:
            member = chance.randrange(shape.members)
        self._open[member] = self._open.get(member, 0) + 1
        self._sessions += 1
        content = int(shape.contents ** chance.random()) - 1
        slot.member, slot.session = member, self._sessions
        slot.sent = slot.bytes = slot.pages = 0
        slot.words = b'"subject":"member-%d","data":{"session":"s%d","content":"content-%d"' % (
            member,
            slot.session,
            content,
        )

    def _event(self, slot: _Slot, kind: bytes, data: bytes) -> bytes:
        return (
            b'{"specversion":"1.0","id":"e%d","source":"%s","type":"%s","time":"%s",%s,"seq":%d%s}}'
            % (
                self._events,
                SOURCE.encode(),
                kind,
                text_from_ms(slot.at_ms).encode(),
                slot.words,
                slot.sent,
                data,
            )
        )


def _meters(slot: _Slot) -> bytes:
    return b',"meters":{"bytes":%d,"tokens":%d}' % (slot.bytes, slot.sent * 120)
