"""Looking into a shard's caches: what is not there was never loaded, and is no answer.

Invariant: a value of None is knowledge (the store has none), a missing key is a fault of ours.
"""

from collections.abc import Mapping
from typing import TypeVar

from schemas.errors import ShardStopped

K = TypeVar("K")
V = TypeVar("V")


def known_in(cache: Mapping[K, V | None], key: K, name: str) -> V | None:
    """What is known of a key.

    Raises:
        ShardStopped: Nobody loaded it.
    """
    try:
        return cache[key]
    except KeyError:
        raise ShardStopped(f"{name} {key!r} was used before it was loaded") from None


def there(value: V | None) -> V:
    """A value that is to be written.

    Raises:
        ShardStopped: There is none.
    """
    if value is None:
        raise ShardStopped("an absent value was marked as changed")
    return value
