"""How legs are numbered on their way between two shards.

Invariant: numbers from one shard to another have no gap, and each shard notes which it takes next.
It does not own what a leg does (``shard.sending``, ``shard.earning``).
"""

import msgspec

from schemas.legs import Leg, LegKind
from shard.emission import Emission
from shard.refusal import Refusal
from shard.state import ShardState


def taken_field(source: int) -> str:
    """Where the number of the leg is kept that is taken next from a shard."""
    return f"taken:{source}"


def sent_field(target: int) -> str:
    """Where the number of the leg is kept that goes next to a shard."""
    return f"sent:{target}"


def put_out(state: ShardState, out: Emission, leg: Leg) -> None:
    """Puts a leg out under the next number to its target."""
    field = sent_field(leg.target)
    number = state.legs.get(field, 0)
    state.put_leg(field, number + 1)
    out.legs.append(msgspec.structs.replace(leg, number=number))


def returning(leg: Leg, kind: LegKind, fault: Refusal) -> Leg:
    """The leg that takes a leg's money back.

    Args:
        leg: That cannot be taken.
        kind: Of the one that goes back.
        fault: Why.
    """
    return msgspec.structs.replace(
        leg,
        source=leg.target,
        target=leg.source,
        kind=kind,
        reason=fault.reason,
        detail=fault.detail,
    )
