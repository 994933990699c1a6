"""One sink process at a time: a lease in Redis, renewed while rows are written.

The warehouse refuses no row that stands there already, so two processes that sink the same streams
would count all of it twice. Invariant: rows are sent only by whoever holds the lease, and is sure
to hold it for ``MARGIN_MS`` more by its own clock; whoever gets it waits a whole lease before it
reads where its predecessor stopped, so one that was paused or cut off has noticed by then.
It does not own what is written. A chDB folder needs none: only one process can open it.
"""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Protocol

import structlog
from redis import Redis
from redis.exceptions import LockError, RedisError
from redis.lock import Lock

from runtime.clock import Clock
from schemas.errors import NcashError

NAME = "ncash:sinks"
LEASE_MS = 10_000
MARGIN_MS = 2_000
RENEWALS_PER_LEASE = 4
_log = structlog.get_logger()


class LeaseLost(NcashError):
    """Another process sinks, or Redis does not say: this one ends, and is started again to wait."""


class Fence(Protocol):
    """Says whether rows may be sent now."""

    def check(self) -> None:
        """Return when they may; never blocks.

        Raises:
            LeaseLost: They may not.
        """
        ...


class NoFence:
    """Where nothing but this process can write."""

    def check(self) -> None:
        """See the protocol."""


class Lease:
    """A lease of this process.

    Args:
        redis: Its own client.
        clock: Of this process.
        lease_ms: How long it lasts without a renewal.
    """

    def __init__(self, redis: Redis, clock: Clock, *, lease_ms: int = LEASE_MS) -> None:
        self._clock = clock
        self._lease_ms = lease_ms
        self._margin_ms = min(MARGIN_MS, lease_ms // RENEWALS_PER_LEASE)
        self._pause_s = lease_ms / RENEWALS_PER_LEASE / 1_000
        self._lock = Lock(redis, NAME, timeout=lease_ms / 1_000, thread_local=False)
        self._sure_until_ms = -1
        self._ending = Event()
        self._renewing = Thread(target=self._renew, name="sink-lease", daemon=True)

    def acquire(self, stop: Event) -> bool:
        """Wait until it is ours and its last holder has noticed; False when asked to stop.

        Args:
            stop: Set by somebody else.
        """
        while not self._is_taken():
            if stop.wait(self._pause_s):
                return False
        self._renewing.start()
        return not stop.wait(self._lease_ms / 1_000)

    def check(self) -> None:
        """See ``Fence``."""
        if self._clock.monotonic_ms() + self._margin_ms >= self._sure_until_ms:
            raise LeaseLost(f"the lease {NAME} in Redis is not held any more; this process ends")

    def close(self) -> None:
        """Give it back, so that the next one need not wait for its end. Idempotent."""
        self._ending.set()
        if self._renewing.ident is not None:
            self._renewing.join()
        with suppress(LockError, RedisError):
            self._lock.release()

    def _is_taken(self) -> bool:
        asked_ms = self._clock.monotonic_ms()
        try:
            taken = self._lock.acquire(blocking=False)
        except RedisError as error:
            _log.warning("no lease for the sinks yet", error=str(error))
            return False
        if taken:
            self._sure_until_ms = asked_ms + self._lease_ms
        return bool(taken)

    def _renew(self) -> None:
        while not self._ending.wait(self._pause_s):
            asked_ms = self._clock.monotonic_ms()
            try:
                self._lock.reacquire()
            except LockError as error:
                _log.error("lease of the sinks lost", error=str(error))
                self._sure_until_ms = -1
                return
            except RedisError as error:
                # What is held ends by itself where no renewal gets through.
                _log.warning("lease of the sinks not renewed", error=str(error))
            else:
                self._sure_until_ms = asked_ms + self._lease_ms


@contextmanager
def leased(url: str, clock: Clock, stop: Event) -> Generator[Lease | None]:
    """A lease for as long as the block lasts; None when asked to stop before it was ours.

    Args:
        url: Of Redis.
        clock: Of this process.
        stop: Set by somebody else.
    """
    client = Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5)
    lease = Lease(client, clock)
    try:
        yield lease if lease.acquire(stop) else None
    finally:
        lease.close()
        client.close()
