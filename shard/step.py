"""One step of a shard: a log record in, output messages out, the state moved on.

Invariant: pure but for the state it is given; the same record on the same state gives the same
bytes, however records are grouped, wherever it runs.
Source: design, ideas 1, 3 and 13.
"""

from typing import assert_never

from schemas.commands import Command
from schemas.errors import ShardStopped
from schemas.frames import CatalogueVersion, LateVerdict, Record, Tick, UsageFrame
from schemas.legs import Leg
from shard.cursor import Cursor, record_digest
from shard.emission import Emission, LogRecord, Output
from shard.orders import apply_command
from shard.sending import take_leg
from shard.silence import apply_tick
from shard.state import ShardState
from shard.timelines import announce
from shard.usage import Frame
from shard.verdicts import take_verdict
from shard.wallet_events import tell_wallets


def step(state: ShardState, log: LogRecord, record: Record) -> list[Output]:
    """Takes one record, or the next slice of one that makes much work.

    Call again with the same record while ``state.cursor.is_done`` is False afterwards.

    Args:
        state: Changed in place; everything that ``shard.wants`` named is loaded.
        log: The record's place, stamp and bytes.
        record: What the bytes say.

    Returns:
        Messages in the order in which they are to be published.

    Raises:
        ShardStopped: The log contradicts the state.
    """
    cursor = state.cursor
    part = _part(cursor, log)
    out = Emission(state.shard, cursor, log, part)
    is_done = True
    match record:
        case UsageFrame():
            Frame(state, record, out).apply()
        case LateVerdict():
            take_verdict(state, record, out)
        case Tick():
            is_done = apply_tick(state, record, out, part)
        case CatalogueVersion():
            _take_catalogue(state, record, log.stamp_ms)
        case Leg():
            take_leg(state, record, out)
        case Command():
            out.command_key, out.command_actor = record.key, record.actor
            apply_command(state, record, out)
        case _:
            assert_never(record)
    tell_wallets(state, out)
    messages, heads = out.outputs()
    state.cursor = Cursor(
        log=cursor.log,
        offset=log.offset,
        slice=part + 1,
        is_done=is_done,
        digest=record_digest(log.value),
        heads=heads,
        engine=cursor.engine,
    )
    return messages


def _part(cursor: Cursor, log: LogRecord) -> int:
    if cursor.is_done:
        if log.offset <= cursor.offset:
            raise ShardStopped(f"record {log.offset} after {cursor.offset}")
        return 0
    if log.offset != cursor.offset or record_digest(log.value) != cursor.digest:
        raise ShardStopped(f"record {log.offset} while {cursor.offset} is not done")
    return cursor.slice


def _take_catalogue(state: ShardState, version: CatalogueVersion, stamp_ms: int) -> None:
    """Takes version n + 1; any other was written by somebody who did not know the latest."""
    if version.number != state.meta.catalogue + 1:
        return
    if version.number not in state.catalogues:
        raise ShardStopped(f"catalogue version {version.number} was used before it was loaded")
    state.meta.catalogue = version.number
    state.meta.digests[version.number] = version.digest
    state.meta.stamps[version.number] = stamp_ms
    announce(state, version.number, stamp_ms)
    state.touch_meta()
