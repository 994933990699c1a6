"""What the outside world said and was told: all that the auditor knows besides the log.

Invariant: written by whoever speaks for clients, never by a part of the product.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cli.sim.desk import Order
from schemas.commands import Result

CloudEvent = dict[str, Any]


class EventName(NamedTuple):
    """Names one event for ever."""

    tenant: str
    source: str
    id: str
    subject: str


class Asked(NamedTuple):
    """One answer at the desk: a result, a problem's word, or silence."""

    order: Order
    answer: Result | str | None


@dataclass
class Journal:
    """Everything said.

    Args:
        sent: Each wording of each event, as its sender wrote it.
        accepted: Events of which a sender was told that they are safe.
        refused: Events that can only be refused, of which a sender was told that they are taken.
        asked: Every question at the desk, answered or not.
        published: Catalogue versions that are in every shard's log.
    """

    sent: dict[EventName, list[CloudEvent]] = field(
        default_factory=dict[EventName, list[CloudEvent]]
    )
    accepted: dict[EventName, None] = field(default_factory=dict[EventName, None])
    refused: dict[EventName, None] = field(default_factory=dict[EventName, None])
    asked: list[Asked] = field(default_factory=list[Asked])
    published: int = 1

    def say(self, tenant: str, event: CloudEvent) -> None:
        """Notes what a sender is about to send."""
        wordings = self.sent.setdefault(name_of(tenant, event), [])
        if event not in wordings:
            wordings.append(event)


def name_of(tenant: str, event: CloudEvent) -> EventName:
    """The name of an event."""
    return EventName(tenant, event["source"], event["id"], event["subject"])
