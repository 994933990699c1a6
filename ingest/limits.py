"""Every limit of the edges, by name.

Invariant: each queue, batch, wait and body that this room holds is bounded by one of these.
"""

from dataclasses import dataclass
from typing import Self

from runtime.settings import Settings
from schemas.moment import DAY_MS, MINUTE_MS, SECOND_MS

# Elements of one request's array: beyond it the request is refused whole, before any is read.
EVENTS_PER_REQUEST_MAX = 10_000
PENDING_BYTES_MAX = 64 * 1024 * 1024
# One tenant may hold half of what all may: whatever it does, others find room.
SHARES = 2
# Largest bodies that are held at once, at least, where larger ones were asked for.
BODIES_MIN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeLimits:
    """What a collector takes in, how it gathers, and when it counts itself as failed.

    Args:
        allowance_past_ms: How old a live event may be.
        allowance_future_ms: How far ahead of our clock a live event or a recording may be.
        body_bytes_max: Largest HTTP body.
        events_per_s: Of one key at one collector, sustained; 0 is no limit.
        events_burst: Of one key, at once; at least a full request.
        pending_events_max: Events taken in and not yet delivered, above which we answer 503.
        pending_bytes_max: Bytes of HTTP bodies not yet answered, above which we answer 503; in
            memory their events are a few times as large. Of one tenant ``1 / SHARES`` of it.
        tenant_requests_max: Requests of one tenant in work at once, above which we answer 503.
        body_read_ms_max: Longest that a body may take to arrive; the largest one of the default
            size gets through at 140 KB/s.
        verify_ms_max: Longest that the member tokens of one request may take, the fetching of keys
            and the tokens of its tenant's other requests included, before we answer 503.
        gather_events: Waiting events that are sent without waiting for more.
        flights_max: Publishes in flight at once.
        linger_ms: Longest wait for more events while a publish is in flight; it is for a publish
            that takes long, since one that lands lets the next go at once. Frames that are
            cut off sooner cost Kafka, the workers and the sinks more per event.
        tick_interval_ms: Between two watermark ticks of the HTTP path.
        raw_tick_interval_ms: Between two of the Kafka path, which has members times shards ticks.
        stall_ms: A publish, or a pause of ours, longer than this is an outage: the stretch is
            not vouched for.
        tick_skew_ms: How far a broker's clock and replication may be behind ours.
    """

    allowance_past_ms: int = DAY_MS
    allowance_future_ms: int = 5 * MINUTE_MS
    body_bytes_max: int = 4 * 1024 * 1024
    events_per_s: int = 100_000
    events_burst: int = 200_000
    pending_events_max: int = 100_000
    pending_bytes_max: int = PENDING_BYTES_MAX
    tenant_requests_max: int = 500
    body_read_ms_max: int = 30 * SECOND_MS
    verify_ms_max: int = 5 * SECOND_MS
    gather_events: int = 4_000
    flights_max: int = 2
    linger_ms: int = 25
    tick_interval_ms: int = 250
    raw_tick_interval_ms: int = SECOND_MS
    stall_ms: int = 5 * SECOND_MS
    tick_skew_ms: int = SECOND_MS

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """The limits that a process was told; what it was not told keeps its default here."""
        return cls(
            allowance_past_ms=settings.allowance_past_ms,
            allowance_future_ms=settings.allowance_future_ms,
            body_bytes_max=settings.body_bytes_max,
            pending_bytes_max=max(PENDING_BYTES_MAX, BODIES_MIN * settings.body_bytes_max),
            tick_interval_ms=settings.tick_interval_ms,
            raw_tick_interval_ms=max(settings.tick_interval_ms, SECOND_MS),
            tick_skew_ms=settings.tick_skew_ms,
        )

    @property
    def tenant_bytes_max(self) -> int:
        """One tenant's share of ``pending_bytes_max``."""
        return self.pending_bytes_max // SHARES

    def __post_init__(self) -> None:
        """Refuse limits under which a full request could never be taken."""
        if self.events_per_s and self.events_burst < EVENTS_PER_REQUEST_MAX:
            raise ValueError(f"events_burst is under a full request, {EVENTS_PER_REQUEST_MAX}")
        if self.pending_events_max < EVENTS_PER_REQUEST_MAX:
            raise ValueError(f"pending_events_max is under {EVENTS_PER_REQUEST_MAX}")
        if self.tenant_bytes_max < self.body_bytes_max:
            raise ValueError(f"pending_bytes_max is under {SHARES} of {self.body_bytes_max} bytes")
