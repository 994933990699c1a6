"""Messages of the raw topic to messages of the shards' log, in the order of the partition.

Invariant: every message comes out as an event, a dead letter or a recording's tick, and nothing
that was behind a tick in its partition comes before it. It reads and sends nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from ingest.framing import dead_messages, log_messages, tick_messages
from ingest.intake import admit, check_clock, dead_letter
from ingest.joining import Joining, member_of
from ingest.limits import IntakeLimits
from ingest.modes import element_of_message
from runtime.keys import ApiKey, KeyRing
from runtime.publisher import OutMessage
from schemas.errors import InvalidEvent
from schemas.frames import KAFKA_PATH, Tick
from schemas.ids import domain_of
from schemas.moment import ms_from_text
from schemas.refusals import DeadLetter
from schemas.usage import UsageEvent

KEY_HEADER = "ncash-key-id"
CLOCK_TICK = "clock.tick"
_CLOCK_TICK_BYTES = CLOCK_TICK.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class RawMessage:
    """One message of the raw topic.

    Args:
        topic: Of it.
        partition: Of it.
        offset: Of it.
        appended_at_ms: The broker's append time: the received time of live events.
        headers: In order.
        value: Bytes; a tombstone's are empty.
    """

    topic: str
    partition: int
    offset: int
    appended_at_ms: int
    headers: Sequence[tuple[str, bytes | None]]
    value: bytes


class Forwarded(NamedTuple):
    """A batch as it goes on.

    Args:
        messages: For Kafka, in order.
        accepted: Events among them.
        letters: Of the refused ones.
    """

    messages: list[OutMessage]
    accepted: int
    letters: list[DeadLetter]


class _ClockTick(msgspec.Struct, gc=False):
    type: str
    time: str


_clock_decoder = msgspec.json.Decoder(_ClockTick)


class Forwarder:
    """Turns batches of raw messages into log messages."""

    def __init__(
        self, keys: KeyRing, joining: Joining, *, shards: int, limits: IntakeLimits
    ) -> None:
        """Wire it.

        Args:
            keys: Records that key ids name.
            joining: Of this process; a recording's members join before its ticks.
            shards: Stored number of shards.
            limits: Give the clock allowance.
        """
        self._keys = keys
        self._joining = joining
        self._shards = shards
        self._limits = limits

    def forwarded(self, messages: Iterable[RawMessage], *, partitions: Iterable[int]) -> Forwarded:
        """What the shards are to get for a batch.

        Args:
            messages: Read in this order.
            partitions: All of the raw topic: members of every recording's Kafka path.
        """
        out: list[OutMessage] = []
        events: list[UsageEvent] = []
        letters: list[DeadLetter] = []
        accepted = 0
        for message in messages:
            key: ApiKey | None = None
            element = message.value
            try:
                key = self._key_of(message)
                element = element_of_message(message.headers, message.value)
                to_ms = _clock_tick_ms(element) if key.recorded else None
                if to_ms is not None:
                    check_clock(to_ms, message.appended_at_ms, self._limits)
                else:
                    events.append(admit(element, key, message.appended_at_ms, self._limits))
                    accepted += 1
                    continue
            except InvalidEvent as error:
                letters.append(_letter(message, element, key, error))
                continue
            out += log_messages(KAFKA_PATH, events, self._shards)
            events = []
            out += self._ticks(message, key, to_ms, partitions)
        out += log_messages(KAFKA_PATH, events, self._shards)
        return Forwarded([*out, *dead_messages(letters)], accepted, letters)

    def _key_of(self, message: RawMessage) -> ApiKey:
        for name, content in message.headers:
            if name == KEY_HEADER:
                key_id = (content or b"").decode("utf-8", "replace")
                key = self._keys.by_id(key_id)
                if key is not None:
                    return key
                raise InvalidEvent("key-unknown", f"no key has the id {key_id[:80]!r}")
        raise InvalidEvent("key-unknown", f"the header {KEY_HEADER} is missing")

    def _ticks(
        self, message: RawMessage, key: ApiKey, to_ms: int, partitions: Iterable[int]
    ) -> list[OutMessage]:
        """The recording's tick, behind the joining of every partition that its path lacks."""
        domain = domain_of(key.tenant, recorded=True)
        member = member_of(message.topic, message.partition)
        return [
            *self._joining.due(domain, partitions),
            *tick_messages(Tick(domain, KAFKA_PATH, member, None, to_ms), self._shards),
        ]


def _clock_tick_ms(element: bytes) -> int | None:
    """The watermark that a ``clock.tick`` declares; None for any other event."""
    if _CLOCK_TICK_BYTES not in element:
        return None
    try:
        tick = _clock_decoder.decode(element)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if tick.type != CLOCK_TICK:
        return None
    try:
        return ms_from_text(tick.time)
    except (ValueError, OverflowError) as error:
        raise InvalidEvent("time-invalid", f"time of {CLOCK_TICK}: {error}") from error


def _letter(
    message: RawMessage, element: bytes, key: ApiKey | None, error: InvalidEvent
) -> DeadLetter:
    return dead_letter(
        element,
        error,
        tenant="" if key is None else key.tenant,
        place=f"kafka/{message.topic}/{message.partition}/{message.offset}",
        refused_at_ms=message.appended_at_ms,
    )
