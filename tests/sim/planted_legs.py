"""Known mistakes about money between shards, as patches.

Owns: one function per mistake, each of which replaces one named function of the product.
Invariant: a patch is the product's own code but for the one mistake.
"""

from collections.abc import Sequence

import msgspec
import pytest

from schemas.legs import Leg
from shard import sending, step
from shard.emission import Emission
from shard.sending import sent_field, take_leg, taken_field
from shard.state import ShardState
from streams.legs.carrying import LegCarrier
from streams.legs.running import KafkaLegLog

_put_out = sending.put_out
_append = KafkaLegLog.append


def leg_without_cursor(patch: pytest.MonkeyPatch) -> None:
    """A leg is taken whenever it comes."""

    def always(state: ShardState, leg: Leg, out: Emission) -> None:
        state.legs[taken_field(leg.source)] = leg.number
        take_leg(state, leg, out)

    patch.setattr(step, "take_leg", always)


def gap_in_legs(patch: pytest.MonkeyPatch) -> None:
    """A leg that is ahead is taken, and those before it are then thought to be old."""

    def ahead(state: ShardState, leg: Leg, out: Emission) -> None:
        if leg.number > state.legs.get(taken_field(leg.source), 0):
            state.legs[taken_field(leg.source)] = leg.number
        take_leg(state, leg, out)

    async def reversed_order(self: KafkaLegLog, legs: Sequence[Leg]) -> None:
        await _append(self, [*legs][::-1])

    patch.setattr(step, "take_leg", ahead)
    patch.setattr(KafkaLegLog, "append", reversed_order)


def numbers_not_stored(patch: pytest.MonkeyPatch) -> None:
    """How far it has come with others is known to the owner's memory alone."""

    def remembered(self: ShardState, field: str, number: int) -> None:
        self.legs[field] = number

    patch.setattr(ShardState, "put_leg", remembered)


def committed_before_it_is_safe(patch: pytest.MonkeyPatch) -> None:
    """What was read counts as carried before it is in any log."""

    async def hasty(self: LegCarrier) -> int:
        feed, log = self._feed, self._log
        read = await feed.poll()
        legs = [leg for each in read for leg in each.legs]
        if read:
            await feed.commit(read)
        if legs:
            await log.append(legs)
        return len(legs)

    patch.setattr(LegCarrier, "round", hasty)


def one_number_for_all_targets(patch: pytest.MonkeyPatch) -> None:
    """Legs are numbered by their source alone."""

    def counted(state: ShardState, out: Emission, leg: Leg) -> None:
        most = max((n for at, n in state.legs.items() if at.startswith("sent:")), default=0)
        state.legs[sent_field(leg.target)] = most
        _put_out(state, out, leg)

    patch.setattr(sending, "put_out", counted)


def refused_and_kept(patch: pytest.MonkeyPatch) -> None:
    """What the receiver cannot have does not go back."""

    def kept(state: ShardState, out: Emission, leg: Leg) -> None:
        if leg.kind == "send":
            _put_out(state, out, leg)

    patch.setattr(sending, "put_out", kept)


def returned_twice(patch: pytest.MonkeyPatch) -> None:
    """A refusal sends the money back two times."""

    def twice(state: ShardState, out: Emission, leg: Leg) -> None:
        _put_out(state, out, leg)
        if leg.kind == "return":
            _put_out(state, out, msgspec.structs.replace(leg))

    patch.setattr(sending, "put_out", twice)


MISTAKES = (
    leg_without_cursor, gap_in_legs, numbers_not_stored, committed_before_it_is_safe,
    one_number_for_all_targets, refused_and_kept, returned_twice,
)  # fmt: skip
