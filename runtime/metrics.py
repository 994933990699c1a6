"""Metric names as one typed literal, and the registry that a process counts in.

Invariant: a name, once released, is never renamed; labels are few and bounded (no member, no id).
It does not own when something is counted, nor the page that shows it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

MetricName = Literal[
    "ncash_events_accepted_total",
    "ncash_events_refused_total",
    "ncash_frames_published_total",
    "ncash_ticks_published_total",
    "ncash_publish_seconds",
    "ncash_publish_faults_total",
    "ncash_records_applied_total",
    "ncash_events_applied_total",
    "ncash_outputs_published_total",
    "ncash_events_unpriced_total",
    "ncash_overdraft_micros_max",
    "ncash_step_seconds",
    "ncash_apply_seconds",
    "ncash_debit_latency_seconds",
    "ncash_shard_lag_records",
    "ncash_shard_reloads_total",
    "ncash_shards_stopped",
    "ncash_sink_rows_total",
    "ncash_sink_lag_outputs",
    "ncash_sink_gaps",
    "ncash_late_waiting",
    "ncash_late_verdicts_total",
    "ncash_legs_carried_total",
    "ncash_control_streams",
    "ncash_control_streams_ended_total",
    "ncash_webhooks_delivered_total",
    "ncash_webhooks_failed_total",
    "ncash_webhooks_given_up_total",
    "ncash_webhooks_superseded_total",
    "ncash_webhook_endpoint_down",
    "ncash_http_requests_total",
    "ncash_http_request_seconds",
]


class Metric(NamedTuple):
    """What a metric is: its kind, its help, its labels in order."""

    kind: type[Counter | Gauge | Histogram]
    help: str
    labels: tuple[str, ...] = ()


METRICS: Mapping[MetricName, Metric] = MappingProxyType({
    "ncash_events_accepted_total": Metric(Counter, "Usage events taken in.", ("path",)),
    "ncash_events_refused_total": Metric(Counter, "Usage events refused.", ("path", "reason")),
    "ncash_frames_published_total": Metric(Counter, "Frames put into the log.", ("path",)),
    "ncash_ticks_published_total": Metric(Counter, "Ticks put into the log.", ("path",)),
    "ncash_publish_seconds": Metric(Histogram, "From sending to Kafka's confirmation."),
    "ncash_publish_faults_total": Metric(Counter, "Publishes that Kafka did not confirm."),
    "ncash_records_applied_total": Metric(Counter, "Log records stepped and applied."),
    "ncash_events_applied_total": Metric(Counter, "Usage events stepped and applied."),
    "ncash_outputs_published_total": Metric(Counter, "Outputs published.", ("stream",)),
    "ncash_events_unpriced_total": Metric(Counter, "Events of contents without a tariff."),
    "ncash_overdraft_micros_max": Metric(
        Gauge, "The furthest that a wallet was beyond its credit limit, since the process began."
    ),
    "ncash_step_seconds": Metric(Histogram, "One batch of records through the step."),
    "ncash_apply_seconds": Metric(Histogram, "One compare-and-write in Redis."),
    "ncash_debit_latency_seconds": Metric(Histogram, "From received to applied."),
    "ncash_shard_lag_records": Metric(Gauge, "Log records not yet applied.", ("shard",)),
    "ncash_shard_reloads_total": Metric(Counter, "Shards dropped from memory and read again."),
    "ncash_shards_stopped": Metric(Gauge, "Shards that wait for an operator."),
    "ncash_sink_rows_total": Metric(Counter, "Rows inserted.", ("table",)),
    "ncash_sink_lag_outputs": Metric(Gauge, "Outputs not yet inserted.", ("stream",)),
    "ncash_sink_gaps": Metric(Gauge, "Shards whose next output is missing.", ("stream",)),
    "ncash_late_waiting": Metric(Gauge, "Late events that wait for their verdict."),
    "ncash_late_verdicts_total": Metric(Counter, "Verdicts on late events put into the log."),
    "ncash_legs_carried_total": Metric(Counter, "Legs put into the logs of their targets."),
    "ncash_control_streams": Metric(Gauge, "Clients that listen to signals."),
    "ncash_control_streams_ended_total": Metric(Counter, "Streams that ended.", ("reason",)),
    "ncash_webhooks_delivered_total": Metric(Counter, "Signals delivered.", ("endpoint",)),
    "ncash_webhooks_failed_total": Metric(Counter, "Requests that failed.", ("endpoint", "why")),
    "ncash_webhooks_given_up_total": Metric(Counter, "Signals given up.", ("endpoint",)),
    "ncash_webhooks_superseded_total": Metric(
        Counter, "Signals left out for newer ones.", ("endpoint",)
    ),
    "ncash_webhook_endpoint_down": Metric(
        Gauge, "1 while an endpoint is disabled for its failures.", ("endpoint",)
    ),
    "ncash_http_requests_total": Metric(Counter, "HTTP requests.", ("route", "status")),
    "ncash_http_request_seconds": Metric(Histogram, "One HTTP request.", ("route",)),
})  # fmt: skip


class Metrics:
    """A process's counters. Methods are thread-safe and never block on anything outside."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._kept = {
            name: metric.kind(name, metric.help, metric.labels, registry=self._registry)
            for name, metric in METRICS.items()
        }

    def count(self, name: MetricName, amount: int = 1, /, **labels: str) -> None:
        """Add to a counter.

        Raises:
            TypeError: The metric is no counter.
            ValueError: Its labels are others.
        """
        kept = self._kept[name]
        if not isinstance(kept, Counter):
            raise TypeError(f"{name} is no counter")
        (kept.labels(**labels) if labels else kept).inc(amount)

    def set(self, name: MetricName, value: int, /, **labels: str) -> None:
        """Set a gauge.

        Raises:
            TypeError: The metric is no gauge.
            ValueError: Its labels are others.
        """
        kept = self._kept[name]
        if not isinstance(kept, Gauge):
            raise TypeError(f"{name} is no gauge")
        (kept.labels(**labels) if labels else kept).set(value)

    def observe_ms(self, name: MetricName, duration_ms: int, /, **labels: str) -> None:
        """Put a duration into a histogram, which Prometheus wants in seconds.

        Raises:
            TypeError: The metric is no histogram.
            ValueError: Its labels are others.
        """
        kept = self._kept[name]
        if not isinstance(kept, Histogram):
            raise TypeError(f"{name} is no histogram")
        (kept.labels(**labels) if labels else kept).observe(duration_ms / 1_000)

    def render(self) -> bytes:
        """Give the page that Prometheus reads."""
        return generate_latest(self._registry)
