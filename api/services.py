"""Everything the routes work with, put together by whoever starts the process.

Invariant: holding it opens nothing; connections belong to the parts in it and to their owner.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from api.batches import Batches
from api.control.hub import ControlHub
from api.intake import Intake, NoIntake
from api.limits import ApiLimits
from api.ports import CommandLog, LiveState, ShardLag, Terms, Warehouse
from api.tries import Throttle
from runtime.card_secrets import CardSecrets
from runtime.clock import Clock
from runtime.keys import KeyRing
from runtime.metrics import Metrics

Probe = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts behind the routes.

    Args:
        keys: Who may call.
        live: State of the shards.
        warehouse: Logs and ledger.
        commands: Where money requests go.
        lag: How far shards are behind.
        terms: Catalogue in force.
        shards: How many there are.
        batches: Of prepaid cards, as the shards have them.
        card_secrets: By which PINs are hashed.
        tries: Bounds guessing of PINs.
        clock: Deadlines and durations.
        probes: Of the parts without which no events are taken or no wallets read, by name; each
            returns when the part can serve, or raises ``RecoverableError``.
        side_probes: The same of parts that only some questions need; they decide nothing.
        metrics: Of the process; ``/metrics`` shows them.
        limits: Bounds of what is asked and waited for.
        control: Who listens to signals; one that nobody feeds answers 503.
        intake: Takes usage that a request reports beside what it asks.
    """

    keys: KeyRing
    live: LiveState
    warehouse: Warehouse
    commands: CommandLog
    lag: ShardLag
    terms: Terms
    shards: int
    batches: Batches
    card_secrets: CardSecrets
    tries: Throttle
    clock: Clock
    probes: Mapping[str, Probe]
    side_probes: Mapping[str, Probe]
    metrics: Metrics
    limits: ApiLimits = field(default_factory=ApiLimits)
    control: ControlHub = field(default_factory=ControlHub)
    intake: Intake = field(default_factory=NoIntake)
