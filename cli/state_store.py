"""Redis as the commands read it: a plain client, for looking only."""

from collections.abc import Generator
from contextlib import contextmanager

import redis

from runtime.faults import TransportFault


def open_store(url: str) -> redis.Redis:
    """A client that answers in bytes; nothing is connected yet.

    Args:
        url: Such as ``redis://127.0.0.1:6379/0``.
    """
    # redis-py leaves the types of the options open.
    return redis.Redis.from_url(url)  # pyright: ignore[reportUnknownMemberType]


@contextmanager
def reading_store(url: str) -> Generator[redis.Redis]:
    """The same while the block runs, closed at its end.

    Raises:
        TransportFault: Redis did not answer inside the block.
    """
    store = open_store(url)
    try:
        yield store
    except redis.RedisError as fault:
        raise TransportFault(
            f"Redis at {url} does not answer: {fault}; is the stack up?"
        ) from fault
    finally:
        store.close()
