"""What a request with events is answered: counts, refusals, and where its sessions stand.

Invariant: events that Kafka has are answered 202 whatever becomes of the rest of the answer; what
cannot be told of the sessions is left out, and ``control_absent`` says why.
It does not own the taking of events (``http``).
"""

from collections.abc import Sequence

import msgspec

from ingest.intake import Judged, Refusal
from ingest.port import Standings
from runtime.keys import ApiKey, Scope
from schemas.control import SessionRef, Standing
from schemas.errors import RecoverableError
from schemas.money import text_from_amount
from schemas.usage import UsageEvent

CONTROL_SCOPE: Scope = "session:control"
CONTROL_SESSIONS_MAX = 1_000


class Money(msgspec.Struct, frozen=True):
    """An amount in major units, decimal text."""

    amount: str
    currency: str


class Control(msgspec.Struct, frozen=True):
    """Where one session stands, as an answer shows it."""

    source: str
    session: str
    subject: str
    signal: str
    available: Money
    available_micros: int


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of a 202.

    Args:
        accepted: Events that Kafka has.
        rejected: The others.
        control: Of the request's sessions that are open; None where nobody asked.
        control_absent: Why it is not there, though somebody asked.
    """

    accepted: int
    rejected: Sequence[Refusal]
    control: list[Control] | None = None
    control_absent: str | None = None


async def answer_of(
    judged: Judged, key: ApiKey, standings: Standings | None, *, wants_control: bool
) -> Answer:
    """The answer to a request whose events were taken.

    Args:
        judged: What became of its events.
        key: Who sent it.
        standings: Who knows where sessions stand; None when this edge does not.
        wants_control: Whether the sender asked.
    """
    accepted, rejected = len(judged.events), judged.refusals
    if not wants_control:
        return Answer(accepted, rejected)
    names = _names(judged.events)
    try:
        found = await _standings(key, names, standings)
    except RecoverableError as error:
        return Answer(accepted, rejected, control_absent=str(error))
    return Answer(accepted, rejected, [control_of(each) for each in found])


def control_of(found: Standing) -> Control:
    """A standing as an answer shows it."""
    amount = Money(text_from_amount(found.available_micros), found.currency)
    return Control(*found.of, found.signal, amount, found.available_micros)


async def _standings(
    key: ApiKey, names: Sequence[SessionRef], standings: Standings | None
) -> list[Standing]:
    if not key.allows(CONTROL_SCOPE):
        raise RecoverableError(f"it needs a key with the scope {CONTROL_SCOPE}")
    if len(names) > CONTROL_SESSIONS_MAX:
        raise RecoverableError(
            f"the events are of {len(names)} sessions; send those of at most "
            f"{CONTROL_SESSIONS_MAX} at once"
        )
    if standings is None:
        raise RecoverableError("this edge cannot read where sessions stand")
    return await standings.standings(key.tenant, names) if names else []


def _names(events: Sequence[UsageEvent]) -> list[SessionRef]:
    """The sessions of some events, each once, in order."""
    return list(
        dict.fromkeys(
            SessionRef(event.source, event.session, event.subject)
            for event in events
            if event.session is not None
        )
    )
