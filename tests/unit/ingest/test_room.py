"""Bytes and requests that are held, and by whom."""

from contextlib import ExitStack, suppress

import pytest

from ingest.limits import IntakeLimits
from ingest.room import NoRoom, Room

LIMITS = IntakeLimits(body_bytes_max=100, pending_bytes_max=200, tenant_requests_max=2)


def test_room_when_a_tenant_has_its_share_then_gets_no_more_and_another_does() -> None:
    """Its requests count together, and a refused byte is not held."""
    room = Room(LIMITS)
    with room.taken("a") as first, room.taken("a") as second, room.taken("b") as other:
        first.grow(60)
        second.grow(40)
        with pytest.raises(NoRoom, match="tenant a hold 100 bytes of at most 100"):
            second.grow(1)
        other.grow(100)
        assert (room.size, first.size, second.size) == (200, 60, 40)
    assert room.size == 0


def test_room_when_shares_fill_it_then_a_third_tenant_is_told_so() -> None:
    """The whole is bounded too, whoever holds it."""
    room = Room(LIMITS)
    with room.taken("a") as first, room.taken("b") as second, room.taken("c") as third:
        first.grow(100)
        second.grow(100)
        with pytest.raises(NoRoom, match="all tenants hold 200 bytes"):
            third.grow(1)
    with room.taken("c") as third:
        third.grow(100)


def test_room_when_a_tenant_has_too_many_requests_then_the_next_waits_for_one_to_end() -> None:
    """The number of requests is bounded per tenant, and a place that is left is free."""
    room = Room(LIMITS)
    with room.taken("a"), ExitStack() as second:
        second.enter_context(room.taken("a"))
        with pytest.raises(NoRoom, match="2 requests of tenant a"):
            second.enter_context(room.taken("a"))
        second.enter_context(room.taken("b"))
        second.close()
        second.enter_context(room.taken("a"))


def test_room_when_a_request_fails_then_its_bytes_come_back() -> None:
    """An error gives back as much as an end."""
    room = Room(LIMITS)
    with suppress(NoRoom), room.taken("a") as held:
        held.grow(90)
        held.grow(20)
    with room.taken("a") as held:
        held.grow(100)
