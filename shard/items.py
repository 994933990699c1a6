"""The item of the applied stream that says what became of one event.

Invariant: every event that a shard took in has exactly one: applied, duplicate or late.
"""

from schemas.applied import AppliedUsage
from schemas.usage import EVENT_TYPE_TEXTS, UsageEvent


def applied_item(  # noqa: PLR0917 -- one row's cells, in the row's order
    event: UsageEvent,
    path: str,
    ledger_sequence: int,
    incarnation: int,
    content: str,
    duration_ms: int,
    meters: dict[str, int],
    flags: str = "",
    outcome: str = "applied",
) -> AppliedUsage:
    """An event that counted, unless the outcome says otherwise.

    Args:
        event: As it came.
        path: Ingest path.
        ledger_sequence: Transfer that its use moved, or -1.
        incarnation: Of its session, or 0.
        content: Content id, or empty while unknown.
        duration_ms: What it added to the session's length.
        meters: What it added to each meter.
        flags: Words such as ``meter-fell``, comma-separated.
        outcome: As the item tells it.
    """
    return AppliedUsage(
        event.tenant,
        event.source,
        event.id,
        EVENT_TYPE_TEXTS[event.type],
        event.subject,
        event.session or "",
        incarnation,
        content,
        event.event_at_ms,
        event.received_at_ms,
        path,
        outcome,
        duration_ms,
        meters,
        ledger_sequence,
        flags,
    )


def duplicate_item(event: UsageEvent, path: str) -> AppliedUsage:
    """An event that was known, and changed nothing."""
    content = event.content or ""
    return applied_item(event, path, -1, 0, content, 0, {}, outcome="duplicate")
