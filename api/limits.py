"""Every limit of the API, by name.

Invariant: each page, body, wait and scan of this room is bounded by one of these.
"""

from dataclasses import dataclass

from schemas.moment import DAY_MS, HOUR_MS, SECOND_MS

PAGE_DEFAULT = 50
PAGE_MAX = 400
CURSOR_CHARS_MAX = 2_048
BODY_BYTES_MAX = 16 * 1024
IDEMPOTENCY_KEY_CHARS_MAX = 128
REFERENCE_CHARS_MAX = 256
STATISTICS_SPAN_MS_MAX = 3_660 * DAY_MS
EARLIER_INCARNATIONS_MAX = 100
# An expired command's result is on its way when the caller's own clock says that it expired.
ANSWER_GRACE_MS = 2 * SECOND_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnLimits:
    """How much of something dear may be asked at once.

    Args:
        at_once: Questions of all tenants that run.
        per_tenant: Of them, of one tenant; fewer, so that another finds a turn free.
        waiting_max: Questions of one tenant that wait; more are answered 429.
        wait_ms: Longest wait for a turn, before 503.
        retry_after_s: What the 429 asks for.
    """

    at_once: int
    per_tenant: int
    waiting_max: int
    wait_ms: int = 10 * SECOND_MS
    retry_after_s: int = 1

    def __post_init__(self) -> None:
        """Refuse limits under which one tenant could hold every turn."""
        if not 0 < self.per_tenant < self.at_once:
            raise ValueError("per_tenant is not between 1 and less than at_once")


# The reader of a server has two connections more: for the probe, and one to spare.
WAREHOUSE_TURNS = TurnLimits(at_once=6, per_tenant=2, waiting_max=32)


SCAN_TURNS = TurnLimits(at_once=4, per_tenant=1, waiting_max=8)

# Clients whose past is read from Kafka, each for as long as it takes it; as many of a tenant wait
# as it may have streams (``api.control.hub.HubLimits``).
HISTORY_TURNS = TurnLimits(at_once=4, per_tenant=2, waiting_max=64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanLimits:
    """How much of the live sessions of all tenants one page may look at.

    Args:
        slice_fields: About how many Redis looks at in one call, as ``HSCAN`` counts.
        slices_max: Calls of one page; a page that ends there goes on by its cursor.
    """

    slice_fields: int = 500
    slices_max: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class TryLimits:
    """How many PINs may be guessed wrong within a window.

    Args:
        member: For one member.
        address: From one address.
        key: By one API key.
        window_ms: From the first of them on.
    """

    member: int = 10
    address: int = 100
    key: int = 1_000
    window_ms: int = HOUR_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiLimits:
    """What a deployment may set.

    Args:
        command_timeout_ms: From append to the log time past which a command is expired.
        poll_first_ms: First pause between two looks for a result.
        poll_max_ms: Pauses double up to this.
        shard_lag_max: A shard with more unapplied records takes no new money requests.
        probe_ms: Longest wait in ``/readyz`` for one part that decides.
        side_probe_ms: The same for one that does not, so that it cannot make the answer late.
        retry_after_s: What a 503 asks for.
        body_read_ms_max: Longest that a body may take to arrive.
    """

    command_timeout_ms: int = 10 * SECOND_MS
    poll_first_ms: int = 5
    poll_max_ms: int = 100
    shard_lag_max: int = 5_000
    probe_ms: int = 2 * SECOND_MS
    side_probe_ms: int = 500
    retry_after_s: int = 1
    body_read_ms_max: int = 10 * SECOND_MS

    def __post_init__(self) -> None:
        """Refuse limits under which a wait would spin or never end."""
        if not 0 < self.poll_first_ms <= self.poll_max_ms:
            raise ValueError("poll_first_ms is not between 1 and poll_max_ms")
        if self.command_timeout_ms <= 0:
            raise ValueError("command_timeout_ms is not over 0")
