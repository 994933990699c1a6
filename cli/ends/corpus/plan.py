"""What a scene of the corpus is made of: plain data that any product could be fed with.

Invariant: nothing here is the product's; times are UTC epoch milliseconds.
"""

from typing import NamedTuple

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HTTP = "http"
KAFKA = "kafka"
BOTH = "both"
# How a shard changes hands.
HANDED, OVERLAP, KILLED_BEFORE, KILLED_AFTER = "handed", "overlap", "killed-before", "killed-after"

Event = dict[str, object]


class Window(NamedTuple):
    """A stretch of time, its end not in it."""

    from_ms: int
    to_ms: int

    def holds(self, at_ms: int) -> bool:
        """Whether a moment lies in it."""
        return self.from_ms <= at_ms < self.to_ms


class HttpLife(NamedTuple):
    """One HTTP collector process.

    Args:
        name: A new one for each process.
        opens_ms: Its first tick.
        closes_ms: When it ends; after the scene where it does not.
        leaves: Whether it says so, or vanishes.
        refuses: When the log cannot be reached from it.
    """

    name: str
    opens_ms: int
    closes_ms: int
    leaves: bool
    refuses: tuple[Window, ...] = ()


class RawLife(NamedTuple):
    """Who reads one raw partition.

    Args:
        partition: Of the raw topic.
        away: When nothing is read.
        dies: Whether the process ends at the begin of such a stretch; else it hangs.
    """

    partition: int
    away: tuple[Window, ...]
    dies: bool


class Request(NamedTuple):
    """One event at an HTTP collector.

    Args:
        received_ms: Taken in.
        done_ms: Delivered into the log, or given up.
        landed: Whether the log has it.
        collector: Name.
        tenant: Whose key it came with.
        event: A CloudEvent.
    """

    received_ms: int
    done_ms: int
    landed: bool
    collector: str
    tenant: str
    event: Event


class Appended(NamedTuple):
    """One event in the raw topic, with the broker's append time and its key's tenant."""

    at_ms: int
    partition: int
    tenant: str
    event: Event


class Handover(NamedTuple):
    """A rebalance: every shard gets another owner about then."""

    at_ms: int
    how: str


class Silence(NamedTuple):
    """A stretch in which nothing reached a collector for longer than the timeout.

    Args:
        last_event_ms: Time of the last event before it, by its sender's clock.
        received_ms: When that was received.
        due_ms: When the timeout is over, not counting what no tick covers.
        known_ms: The earliest that ticks can tell so: later than due where a collector stood in
            the way just then.
        is_required: Whether it must be found; not where the next event came before it was known.
    """

    last_event_ms: int
    received_ms: int
    due_ms: int
    known_ms: int
    is_required: bool


class Label(NamedTuple):
    """What is true of a session, by what reached a collector.

    Args:
        tenant: Whose.
        source: The service.
        subject: The member.
        session: Its id.
        fault: What was done to it.
        variant: How.
        path: ``http``, ``kafka`` or ``both``.
        tariff: Its id.
        state: ``stopped``, ``open`` or ``dead``.
        cause: Of its last end; empty while open.
        last_event_ms: Time of its last event, by its sender's clock.
        last_event: Its id.
        silences: In order; of a dead session the last one is its end.
    """

    tenant: str
    source: str
    subject: str
    session: str
    fault: str
    variant: str
    path: str
    tariff: str
    state: str
    cause: str
    last_event_ms: int
    last_event: str
    silences: tuple[Silence, ...]


class Scene(NamedTuple):
    """A stretch of time with all that happens in it.

    Args:
        name: Seed, number and kind.
        begins_ms: First moment.
        ends_ms: Last moment; ticks go on until then.
        shards: How many.
        catalogue: What is on sale, as people write it.
        collectors: Of the HTTP path.
        readers: One for each raw partition.
        requests: In order of receipt.
        appended: In order.
        lags: When no owner reads its shard's log.
        backlogs: When raw partitions are not read for long.
        handovers: In order.
        labels: One a session.
    """

    name: str
    begins_ms: int
    ends_ms: int
    shards: int
    catalogue: dict[str, object]
    collectors: tuple[HttpLife, ...]
    readers: tuple[RawLife, ...]
    requests: list[Request]
    appended: list[Appended]
    lags: tuple[Window, ...]
    backlogs: tuple[Window, ...]
    handovers: tuple[Handover, ...]
    labels: list[Label]
