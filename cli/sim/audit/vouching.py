"""Ticks kept to their word: what a member vouched for is before its tick in every shard's log.

Invariant: judged by what collectors took in, each event by the copy that came, not by its name.
It does not own what silence is made of it (``silences``).
"""

from collections.abc import Iterator, Sequence

import msgspec

from cli.sim.audit.logged import Logged, event_name
from cli.sim.journal import EventName
from cli.sim.topics import Stored
from schemas.frames import HTTP_PATH, Tick, UsageFrame
from schemas.topics import RAW_TOPIC

Copy = tuple[EventName, int]


class _Names(msgspec.Struct):
    id: str
    source: str
    subject: str


_names = msgspec.json.Decoder(_Names)


def members_of_raw(partitions: Sequence[Sequence[Stored]], key_header: str) -> dict[Copy, str]:
    """By event and append time, the member of the Kafka path that brought it."""
    found: dict[Copy, str] = {}
    for number, messages in enumerate(partitions):
        for message in messages:
            names = _names.decode(message.value)
            tenant = str(dict(message.headers)[key_header])
            name = EventName(tenant, names.source, names.id, names.subject)
            found[name, message.stamp_ms] = f"{RAW_TOPIC}/{number}"
    return found


def check_ticks(log: Sequence[Logged], raw_members: dict[Copy, str]) -> Iterator[str]:
    """Nothing that was taken in by a member up to t comes first behind its tick up to t."""
    told: dict[str, int] = {}
    known: set[Copy] = set()
    for logged in log:
        record = logged.record
        if isinstance(record, Tick):
            told[record.member] = max(record.to_ms, told.get(record.member, 0))
        elif isinstance(record, UsageFrame):
            for event in record.events:
                copy = (event_name(event), event.received_at_ms)
                if copy in known or logged.is_late:
                    continue
                known.add(copy)
                member = logged.producer if record.path == HTTP_PATH else raw_members.get(copy, "")
                if event.received_at_ms <= told.get(member, 0):
                    yield (
                        f"record {logged.offset}: {member} had vouched for {told[member]}, then "
                        f"brought {event.id}, taken in at {event.received_at_ms}"
                    )
