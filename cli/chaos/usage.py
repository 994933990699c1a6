"""The load: usage events of a simple tariff, some twice and some out of order, and what they cost.

Invariant: shares no code with the product, so its sums are a tally of their own; a seed and a start
decide every byte. It does not own how bodies are sent.
"""

import heapq
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

TENANT = "chaos"
SOURCE = "chaos-server"
EVENTS_PER_BODY = 50
DUPLICATES = 0.3
DISORDER = 0.2
HELD_EVENTS_MAX = 300
REPEATED_WITHIN = 2_000
BEAT_S = 5
SESSION_BEATS = 12
AGE_S = 3_600
WON = 1_000_000
ITEM_WON = 7
BYTE_MICROS = 1_000
BYTES_MAX = 100_000
_ITEMS, _BYTES = 0.2, 0.4


def catalogue() -> bytes:
    """One won a second, seven won an item, a thousandth of a won a byte."""
    kinds: dict[str, dict[str, Any]] = {
        "channel": {"kind": "time", "price": "1", "per_s": 1, "first_s": 1, "next_s": 1},
        "shop": {"kind": "item", "other": str(ITEM_WON)},
        "archive": {"kind": "volume", "meter": "bytes", "price": "0.001", "per": 1},
    }
    tariffs = [
        # Longer than a run: what is checked is sums, and a session that ended costs the same.
        {"id": name, "components": [kind], "silence": {"timeout_s": 7_200, "interval_s": BEAT_S}}
        for name, kind in kinds.items()
    ]
    contents = [{"id": name, "provider": "kbs", "tariff": name} for name in kinds]
    tenant = {"id": TENANT, "currency": "KRW", "tariffs": tariffs, "contents": contents}
    return json.dumps({"tenants": [tenant]}).encode()


class UsageLoad:
    """Makes events, and keeps what they must come to.

    Args:
        seed: Of all chance.
        members: Who use; each has one session at a time.
        now_s: Unix seconds; events are of the hour before.
    """

    def __init__(self, seed: int, members: int, now_s: int) -> None:
        self._chance = random.Random(f"usage {seed}")  # noqa: S311 -- reproducible on purpose
        self._at_s = [now_s - AGE_S + self._chance.randrange(BEAT_S) for _ in range(members)]
        self._beats = [0] * members
        self._sessions = [0] * members
        self._held: list[tuple[int, int, bytes]] = []
        self._place = 0
        self.events = 0
        self.copies = 0
        self.owed_micros: dict[str, int] = {}

    def body(self) -> list[bytes]:
        """The following events, copies among them."""
        return [self._next() for _ in range(EVENTS_PER_BODY)]

    def rest(self) -> Iterator[list[bytes]]:
        """What is still held back, at the end."""
        while self._held:
            many = min(EVENTS_PER_BODY, len(self._held))
            yield [self._release() for _ in range(many)]

    def one(self, member: str) -> bytes:
        """An item's event out of turn, for whoever watches for it."""
        event = self._event(member, "item.use", self._now_s(), {"content": "shop", "item": "x"})
        self._owe(member, ITEM_WON * WON)
        self.copies += 1
        return event

    def _now_s(self) -> int:
        return max(self._at_s)

    def _next(self) -> bytes:
        self._place += 1
        while not (self._held and self._held[0][0] <= self._place):
            event = self._made()
            if self._chance.random() < DUPLICATES:
                self._hold(event, self._chance.randrange(1, REPEATED_WITHIN))
            if self._chance.random() >= DISORDER:
                self.copies += 1
                return event
            self._hold(event, self._chance.randrange(1, HELD_EVENTS_MAX))
        return self._release()

    def _hold(self, event: bytes, places: int) -> None:
        heapq.heappush(self._held, (self._place + places, len(self._held), event))

    def _release(self) -> bytes:
        self.copies += 1
        return heapq.heappop(self._held)[2]

    def _made(self) -> bytes:
        number = self._chance.randrange(len(self._at_s))
        member, draw = f"member-{number}", self._chance.random()
        at_s = self._at_s[number]
        if draw < _ITEMS:
            self._owe(member, ITEM_WON * WON)
            return self._event(member, "item.use", at_s, {"content": "shop", "item": "quiz"})
        if draw < _BYTES:
            many = self._chance.randrange(1, BYTES_MAX)
            self._owe(member, many * BYTE_MICROS)
            data = {"content": "archive", "meters": {"bytes": many}}
            return self._event(member, "usage.report", at_s, data)
        return self._beat(number, member)

    def _beat(self, number: int, member: str) -> bytes:
        """The next event of a member's session, five seconds after the last one."""
        beat = self._beats[number]
        if beat:
            self._at_s[number] += BEAT_S
            self._owe(member, BEAT_S * WON)
        is_last = beat == SESSION_BEATS
        kind = "session.stop" if is_last else "session.heartbeat" if beat else "session.start"
        data: dict[str, object] = {
            "session": f"s-{number}-{self._sessions[number]}", "content": "channel", "seq": beat,
        }  # fmt: skip
        if is_last:
            data["reason"] = "member"
            self._sessions[number] += 1
        event = self._event(member, kind, self._at_s[number], data)
        self._beats[number] = 0 if is_last else beat + 1
        if is_last:
            self._at_s[number] += 1
        return event

    def _event(self, member: str, kind: str, at_s: int, data: object) -> bytes:
        self.events += 1
        return json.dumps(
            {
                "specversion": "1.0", "id": f"e{self.events}", "source": SOURCE, "type": kind,
                "subject": member, "time": datetime.fromtimestamp(at_s, UTC).isoformat(),
                "data": data,
            }
        ).encode()  # fmt: skip

    def _owe(self, member: str, micros: int) -> None:
        self.owed_micros[member] = self.owed_micros.get(member, 0) + micros
