"""What the product said of each session: its ends, in order, and whether it goes on.

Invariant: read from published outputs as readers do, each sequence once; of a session's CDRs the
last of its latest life is true.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cli.ends.owning import Owned
from rating.session import decode_session
from schemas.applied import Cdr
from schemas.frames import Tick, decode_record
from schemas.outputs import applied_of, decode_output
from shard.port import Kind

TICK = ", tick of record "
SILENT = "silence after event "
Key = tuple[str, str, str, str]


class End(NamedTuple):
    """One CDR.

    Args:
        is_silent: Whether silence was the reason; else something was said.
        cause: Its word.
        decided_ms: When the end was certain, as the CDR has it.
        told_ms: Up to when the record told that decided it: a tick's end; -1 where it is no tick.
        stamp_ms: When that record was appended.
        published_ms: When the owner said so.
        last_event_ms: Time of the session's last event.
        incarnation: Life of the session.
    """

    is_silent: bool
    cause: str
    decided_ms: int
    told_ms: int
    stamp_ms: int
    published_ms: int
    last_event_ms: int
    incarnation: int


class Findings(NamedTuple):
    """What the product made of a scene.

    Args:
        ends: By session, in order.
        goes_on: Sessions that are open.
        handovers: How often a shard got another owner.
    """

    ends: dict[Key, list[End]]
    goes_on: set[Key]
    handovers: int


def findings_of(shards: Iterable[Owned]) -> Findings:
    """Reads the outputs and the stores."""
    found = Findings({}, set(), 0)
    handovers = 0
    for owned in shards:
        handovers += owned.handovers
        for key, end in _ends(owned):
            found.ends.setdefault(key, []).append(end)
        for value in owned.store.contents().get(Kind.SESSIONS, {}).values():
            session = decode_session(value)
            if session.is_open:
                found.goes_on.add((session.tenant, session.source, session.member, session.session))
    return found._replace(handovers=handovers)


def _ends(owned: Owned) -> Iterator[tuple[Key, End]]:
    following = 0
    for output, published_ms in owned.heard:
        if output.next <= following:
            continue
        following = output.next
        record = decode_output(output.value)
        cdrs = [item for item in applied_of(record) if isinstance(item, Cdr)]
        if not cdrs:
            continue
        logged = owned.records[record.log_offset]
        cause = decode_record(logged.value)
        told_ms = cause.to_ms if isinstance(cause, Tick) else -1
        for cdr in cdrs:
            yield (
                (cdr.tenant, cdr.source, cdr.subject, cdr.session),
                End(
                    is_silent=_is_silent(cdr.evidence),
                    cause=cdr.cause,
                    decided_ms=cdr.decided_at_ms,
                    told_ms=told_ms,
                    stamp_ms=logged.stamp_ms,
                    published_ms=published_ms,
                    last_event_ms=cdr.last_event_ms,
                    incarnation=cdr.incarnation,
                ),
            )


def _is_silent(evidence: str) -> bool:
    """Whether a tick decided; a correction of an end in silence names what corrected it instead."""
    decided, _, _ = evidence.partition("; ")
    return decided.startswith(SILENT) and TICK in decided
