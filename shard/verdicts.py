"""When a verdict on a late event counts, and that it counts once.

Invariant: late events of a shard are numbered without a gap, and their verdicts are taken in the
order of these numbers, each once: a repeat, a second reader's, one that jumps over another
changes nothing. A verdict that was looked up before what the shard has forgotten since decides
nothing either; the reader looks again.
"""

from schemas.frames import LateVerdict, UsageFrame
from schemas.ids import domain_of
from shard.domain import DomainClock
from shard.emission import Emission
from shard.lives import unsealed
from shard.state import ShardState
from shard.usage import Frame


def take_verdict(state: ShardState, verdict: LateVerdict, out: Emission) -> None:
    """Applies a late event, or says why not, when it is its turn.

    Args:
        state: Changed.
        verdict: From the log.
        out: Gets what comes of it.
    """
    event, meta = verdict.event, state.meta
    domain = state.domain(domain_of(event.tenant, recorded=event.recorded))
    if verdict.number != meta.late_done or verdict.looked_up_to < _floor(state, domain, verdict):
        return
    meta.late_done += 1
    state.touch_meta()
    high = meta.lives_high
    Frame(state, UsageFrame(verdict.path, [event]), out, verdict=verdict).apply()
    if meta.lives_high > high:
        # Only the CDR that was just put out leads to this life: who has not seen it looks again.
        domain.late_floor = out.next_applied


def _floor(state: ShardState, domain: DomainClock, verdict: LateVerdict) -> int:
    """Up to where it must have been looked up: for the event's memory and its session's."""
    sealed = unsealed(verdict)
    own = domain if sealed is None else state.domain(sealed.domain)
    return max(domain.late_floor, own.late_floor)
