"""When a verdict on a late event counts, and that it counts once.

Invariant: late events of a shard are numbered without a gap, and their verdicts are taken in the
order of these numbers, each once: a repeat, a second reader's, one that jumps over another
changes nothing. A verdict that was looked up before what the shard has forgotten since decides
nothing either; the reader looks again. The same holds, of one session, for a look-up that has not
seen a life which only its CDR leads to: so no life is begun twice.
"""

from rating.session import session_field
from schemas.frames import LateVerdict, UsageFrame
from schemas.ids import domain_of
from schemas.usage import UsageEvent
from shard.emission import Emission
from shard.lives import unsealed
from shard.state import ShardState
from shard.stored import Meta
from shard.usage import Frame

# More than one round of a reader says of a shard; in the store this is some 20 KB of ``meta``.
LIFE_FLOORS_MAX = 256


def take_verdict(state: ShardState, verdict: LateVerdict, out: Emission) -> None:
    """Applies a late event, or says why not, when it is its turn.

    Args:
        state: Changed.
        verdict: From the log.
        out: Gets what comes of it.
    """
    event, meta = verdict.event, state.meta
    if verdict.number != meta.late_done or verdict.looked_up_to < _floor(state, verdict):
        return
    meta.late_done += 1
    state.touch_meta()
    high = meta.lives_high
    Frame(state, UsageFrame(verdict.path, [event]), out, verdict=verdict).apply()
    if meta.lives_high > high:
        # Only the CDR that was just put out leads to this life: who has not seen it looks again.
        _note_life(meta, _field_of(event), out.next_applied)
    if meta.late_done == meta.late_next:
        # What will come late is put out behind these CDRs, and looked up behind itself.
        meta.life_floors.clear()


def _floor(state: ShardState, verdict: LateVerdict) -> int:
    """Up to where it must have been looked up: for the event's memory and its session's."""
    event, sealed = verdict.event, unsealed(verdict.sealed)
    floor = state.domain(domain_of(event.tenant, recorded=event.recorded)).late_floor
    if sealed is not None:
        floor = max(floor, state.domain(sealed.domain).late_floor)
    if event.session is None:
        return floor
    return max(floor, state.meta.lives_floor, state.meta.life_floors.get(_field_of(event), 0))


def _note_life(meta: Meta, field: str, floor: int) -> None:
    """Notes where the CDR of a life ends; of more than are kept, the oldest counts for all."""
    meta.life_floors.pop(field, None)
    meta.life_floors[field] = floor
    if len(meta.life_floors) > LIFE_FLOORS_MAX:
        meta.lives_floor = meta.life_floors.pop(next(iter(meta.life_floors)))


def _field_of(event: UsageEvent) -> str:
    return session_field(event.tenant, event.subject, event.source, event.session or "")
