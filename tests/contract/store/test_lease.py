"""The sinks' lease on a real Redis: one holder, who notices when it is one no more."""

from collections.abc import Iterator
from threading import Event

import pytest
from redis import Redis

from runtime.clock import SystemClock
from streams.sinks.lease import NAME, Lease, LeaseLost, leased

LEASE_MS = 400


class PausedClock(SystemClock):
    """The machine's clock, and how long this process did not run."""

    paused_ms = 0

    def monotonic_ms(self) -> int:
        """See the protocol."""
        return super().monotonic_ms() + self.paused_ms


@pytest.fixture
def redis(redis_port: int) -> Iterator[Redis]:
    """A Redis without a lease."""
    with Redis(port=redis_port) as client:
        client.delete(NAME)
        yield client
        client.delete(NAME)


def stopped() -> Event:
    """A process that was asked to stop: it looks once and does not wait."""
    stop = Event()
    stop.set()
    return stop


def test_lease_when_somebody_has_it_then_others_get_it_only_after_its_end(redis: Redis) -> None:
    """While one process sinks, another waits; given back, it is there at once."""
    one = Lease(redis, SystemClock(), lease_ms=LEASE_MS)
    two = Lease(redis, SystemClock(), lease_ms=LEASE_MS)
    assert one.acquire(Event())
    one.check()
    assert not two.acquire(stopped())
    with pytest.raises(LeaseLost):
        two.check()
    one.close()
    assert two.acquire(Event())
    two.check()
    two.close()


def test_lease_when_renewed_then_lasts_longer_than_one_term(redis: Redis) -> None:
    """It is held for several terms as long as its holder renews it."""
    lease = Lease(redis, SystemClock(), lease_ms=LEASE_MS)
    assert lease.acquire(Event())
    assert not Event().wait(3 * LEASE_MS / 1_000)
    lease.check()
    assert redis.pttl(NAME) > 0
    lease.close()
    assert not redis.exists(NAME)


def test_lease_when_redis_has_forgotten_it_then_its_holder_stops(redis: Redis) -> None:
    """A wiped Redis may give it to another: whoever had it sends nothing any more."""
    lease = Lease(redis, SystemClock(), lease_ms=LEASE_MS)
    assert lease.acquire(Event())
    redis.delete(NAME)
    lease._renewing.join(10)
    with pytest.raises(LeaseLost, match=NAME):
        lease.check()
    lease.close()


def test_lease_when_its_holder_was_paused_then_it_stops_before_it_asks_anybody(
    redis: Redis,
) -> None:
    """After a stall longer than the lease the holder's own clock tells it."""
    clock = PausedClock()
    lease = Lease(redis, clock, lease_ms=LEASE_MS)
    assert lease.acquire(Event())
    clock.paused_ms = LEASE_MS
    with pytest.raises(LeaseLost):
        lease.check()
    lease.close()


def test_lease_when_asked_to_stop_while_waiting_then_gives_none(redis_port: int) -> None:
    """A process that is stopped before its turn sinks nothing and leaves nothing behind."""
    with Redis(port=redis_port) as redis:
        url = f"redis://127.0.0.1:{redis_port}/0"
        with leased(url, SystemClock(), stopped()) as lease:
            assert lease is None
        assert not redis.exists(NAME)
