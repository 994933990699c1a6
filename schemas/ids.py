"""Names of things, and the shard that a member belongs to.

Invariant: a member's shard is a pure function of (tenant, member, shard count) and never changes.
"""

from typing import NewType

import xxhash

ShardId = NewType("ShardId", int)
Domain = NewType("Domain", str)

ID_CHARS_MAX = 256
SEPARATOR = "\x1f"
LIVE = Domain("live")


def shard_of(tenant: str, member: str, shards: int) -> ShardId:
    """The shard that owns a member.

    Args:
        tenant: Whose member.
        member: The member's id within the tenant.
        shards: Stored number of shards, at least 1.

    Returns:
        A number in [0, shards).
    """
    return ShardId(xxhash.xxh3_64_intdigest(joined(tenant, member).encode()) % shards)


def domain_of(tenant: str, *, recorded: bool) -> Domain:
    """The clock domain of an event: the real clock, or the recording's own.

    Args:
        tenant: Whose event.
        recorded: Whether the key that sent it says that its clock is recorded.
    """
    return Domain(f"recorded:{tenant}") if recorded else LIVE


def member_field(tenant: str, member: str) -> str:
    """Storage field of what a member has one of."""
    return f"{tenant}{SEPARATOR}{member}"


def joined(*parts: str) -> str:
    """One storage field from several ids; ids hold no control characters, so it is unambiguous."""
    return SEPARATOR.join(parts)


def id_fault(value: str) -> str | None:
    """Why a text cannot be an id, or None when it can.

    Args:
        value: The candidate; an id is 1 to 256 characters without control characters.
    """
    if not value:
        return "is empty"
    if len(value) > ID_CHARS_MAX:
        return f"is longer than {ID_CHARS_MAX} characters"
    if not value.isprintable():
        return "holds a control or other unprintable character"
    return None
