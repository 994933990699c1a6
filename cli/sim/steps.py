"""What one step of the workload does, and a session as its server knows it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from cli.sim.desk import Order
from cli.sim.journal import CloudEvent


class Parcel(NamedTuple):
    """Events that leave together.

    Args:
        tenant: Whose key sends them.
        events: In their order.
        raw: Whether by way of Kafka.
        wait_ms: Before they leave.
    """

    tenant: str
    events: list[CloudEvent]
    raw: bool
    wait_ms: int


class Step(NamedTuple):
    """What one step does.

    Args:
        parcels: Usage.
        order: Money, or None.
        version: Catalogue to be published, or 0.
        leaves: Whether a collector leaves in good order.
    """

    parcels: list[Parcel]
    order: Order | None = None
    version: int = 0
    leaves: bool = False


@dataclass
class Use:
    """One session as its server knows it."""

    tenant: str
    member: str
    source: str
    session: str
    content: str
    raw: bool
    begun_ms: int
    consent: dict[str, str]
    seq: int = 0
    boot: int = 0
    is_idle: bool = False
    totals: Counter[str] = field(default_factory=Counter[str])
