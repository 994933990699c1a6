"""Redis as the commands read it: a plain client, for looking only."""

import redis


def open_store(url: str) -> redis.Redis:
    """A client that answers in bytes; nothing is connected yet.

    Args:
        url: Such as ``redis://127.0.0.1:6379/0``.
    """
    # redis-py leaves the types of the options open.
    return redis.Redis.from_url(url)  # pyright: ignore[reportUnknownMemberType]
