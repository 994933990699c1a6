"""Messages of the raw topic to messages of the shards' log, in the order of the partition.

Invariant: every message comes out as an event, a dead letter or a recording's tick, or is held
with all behind it in its partition; nothing in a partition overtakes anything else there that it
must not: what was behind a tick never comes before it. It reads and sends nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, assert_never

import msgspec

from ingest.consent.gate import ConsentGate, KeysWanted, NoKeys
from ingest.framing import dead_messages, log_messages, tick_messages
from ingest.intake import admit, check_clock, dead_letter
from ingest.joining import Joining, member_of
from ingest.limits import IntakeLimits
from ingest.modes import element_of_message
from runtime.keys import ApiKey, KeyRing
from runtime.publisher import OutMessage
from schemas.errors import UNREADABLE, InvalidEvent
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
        held: What cannot be judged yet, and all that is behind it in its partition, in order.
    """

    messages: list[OutMessage]
    accepted: int
    letters: list[DeadLetter]
    held: list[RawMessage]


class _ClockTold(NamedTuple):
    """The time that a recording's sender declares."""

    tenant: str
    to_ms: int


_Found = UsageEvent | DeadLetter | _ClockTold


class _ClockTick(msgspec.Struct, gc=False):
    type: str
    time: str


_clock_decoder = msgspec.json.Decoder(_ClockTick)


class Forwarder:
    """Turns batches of raw messages into log messages."""

    def __init__(
        self,
        keys: KeyRing,
        joining: Joining,
        *,
        shards: int,
        limits: IntakeLimits,
        consents: ConsentGate | None = None,
    ) -> None:
        """Wire it.

        Args:
            keys: Records that key ids name.
            joining: Of this process; a recording's members join before its ticks.
            shards: Stored number of shards.
            limits: Give the clock allowance.
            consents: Judges member tokens; None takes none.
        """
        self._keys = keys
        self._joining = joining
        self._shards = shards
        self._limits = limits
        self._consents = consents

    def forwarded(
        self,
        messages: Iterable[RawMessage],
        *,
        partitions: Iterable[int],
        is_patient: bool = False,
    ) -> Forwarded:
        """What the shards are to get for a batch.

        Args:
            messages: Read in this order.
            partitions: All of the raw topic: members of every recording's Kafka path.
            is_patient: Whether the caller fetches a key that is wanted, and comes again.

        Raises:
            KeysWanted: Only to who is patient; nothing was given out.
        """
        # All are judged before the first is given out, so that a batch may be judged again.
        judged, held = self._sorted(messages, is_patient=is_patient)
        out: list[OutMessage] = []
        events: list[UsageEvent] = []
        letters: list[DeadLetter] = []
        accepted = 0
        for message, found in judged:
            match found:
                case UsageEvent():
                    events.append(found)
                    accepted += 1
                case DeadLetter():
                    letters.append(found)
                case _ClockTold():
                    out += log_messages(KAFKA_PATH, events, self._shards)
                    events = []
                    out += self._ticks(message, found, partitions)
                case _:
                    assert_never(found)
        out += log_messages(KAFKA_PATH, events, self._shards)
        return Forwarded([*out, *dead_messages(letters)], accepted, letters, held)

    def _sorted(
        self, messages: Iterable[RawMessage], *, is_patient: bool
    ) -> "tuple[list[tuple[RawMessage, _Found]], list[RawMessage]]":
        """What became of each, and those that are held."""
        judged: list[tuple[RawMessage, _Found]] = []
        held: list[RawMessage] = []
        waiting: set[int] = set()
        for message in messages:
            is_behind = message.partition in waiting
            found = None if is_behind else self._judged(message, is_patient=is_patient)
            if found is None:
                waiting.add(message.partition)
                held.append(message)
            else:
                judged.append((message, found))
        return judged, held

    def _judged(self, message: RawMessage, *, is_patient: bool) -> "_Found | None":
        key: ApiKey | None = None
        element = message.value
        try:
            key = self._key_of(message)
            element = element_of_message(message.headers, message.value)
            to_ms = _clock_tick_ms(element) if key.recorded else None
            if to_ms is None:
                return self._admitted(element, key, message, is_patient=is_patient)
            check_clock(to_ms, message.appended_at_ms, self._limits)
        except InvalidEvent as error:
            return _letter(message, element, key, error)
        return _ClockTold(key.tenant, to_ms)

    def _admitted(
        self, element: bytes, key: ApiKey, message: RawMessage, *, is_patient: bool
    ) -> UsageEvent | None:
        """The event; None while the keys of its token cannot be had."""
        try:
            return admit(element, key, message.appended_at_ms, self._limits, self._consents)
        except KeysWanted:
            if is_patient:
                raise
            return None
        except NoKeys as fault:
            if not fault.is_lasting:
                return None
            # Others' records in the partition do not wait for one tenant's issuer for ever.
            detail = f"data.consent: its issuer's keys are not to be had ({fault}); send it again"
            raise InvalidEvent("token-invalid", detail) from fault

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
        self, message: RawMessage, told: "_ClockTold", partitions: Iterable[int]
    ) -> list[OutMessage]:
        """The recording's tick, behind the joining of every partition that its path lacks."""
        domain = domain_of(told.tenant, recorded=True)
        member = member_of(message.topic, message.partition)
        return [
            *self._joining.due(domain, partitions),
            *tick_messages(Tick(domain, KAFKA_PATH, member, None, told.to_ms), self._shards),
        ]


def _clock_tick_ms(element: bytes) -> int | None:
    """The watermark that a ``clock.tick`` declares; None for any other event."""
    if _CLOCK_TICK_BYTES not in element:
        return None
    try:
        tick = _clock_decoder.decode(element)
    except UNREADABLE:
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
