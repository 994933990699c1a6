"""Bringing a shard's state from its store into memory: at take-over, and before each batch.

Invariant: every read is one of the cursor that was read first, so a state is never put together
from before and after a write of somebody else's, nor from two copies of a store that failed over.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from rating.catalogue import Catalogue
from rating.session import decode_session
from schemas.frames import Record
from schemas.ids import ShardId, joined, member_field
from shard.counters import fields_of_session
from shard.cursor import Cursor
from shard.lives import LIVES_BACK_MAX
from shard.port import Field, Kind, Store
from shard.settling import terms_of, timeout_ms
from shard.state import ShardState
from shard.stored import (
    META_FIELD,
    TIMELINES_FIELD,
    Meta,
    NextLeg,
    Renewal,
    Timelines,
    Wake,
    decode_as,
)
from shard.taking import PAST, take_in, take_in_ids
from shard.timelines import missing_catalogues
from shard.wants import wanted_by

# A session, the lives before it one by one, their catalogues, passes.
ROUNDS_MAX = LIVES_BACK_MAX + 6
FIELDS_PER_LOAD = 2_000
_LEADING = (Kind.CLOSED, Kind.COUNTERS, Kind.CARDS)

Bodies = Callable[[str], Awaitable[Catalogue]]


async def load_state(store: Store, shard: ShardId, log: str, bodies: Bodies) -> ShardState:
    """The state of a shard as its store has it, ready for the next record.

    Args:
        store: Of this shard.
        shard: Which.
        log: Identity of the log for a shard that has no state yet.
        bodies: Compiled catalogue by digest; waits until the body is known.

    Raises:
        CursorMoved: Somebody wrote while this was loading.
        RecoverableError: The store cannot be reached.
        ShardStopped: Something stored cannot be read.
    """
    cursor = await store.cursor()
    if cursor is None:
        return ShardState(shard, Cursor(log))
    wanted: list[Field] = [META_FIELD, TIMELINES_FIELD]
    meta_value, timelines = (await store.load_at({Kind.META: wanted}, cursor))[Kind.META]
    meta = None if meta_value is None else decode_as(Meta, meta_value)
    state = ShardState(shard, cursor, meta)
    if timelines is not None:
        state.timelines = decode_as(Timelines, timelines)
    for field, value in (await store.load_all_at(Kind.LEGS, cursor)).items():
        state.legs[field.decode()] = decode_as(NextLeg, value).number
    for value in (await store.load_all_at(Kind.SESSIONS, cursor)).values():
        session = decode_session(value)
        state.sessions[session.field] = session
    owners = {joined(s.tenant, s.member) for s in state.sessions.values() if s is not None}
    await _load_members(store, state, sorted(owners))
    numbers = {s.catalogue for s in state.sessions.values() if s is not None}
    for number in sorted(numbers | {state.meta.catalogue}):
        if number:
            state.catalogues[number] = await bodies(state.meta.digests[number])
    for each in list(state.sessions.values()):
        for number in missing_catalogues(state, each):
            state.catalogues[number] = await bodies(state.meta.digests[number])
    await _load_counters(store, state, bodies)
    await _load_passes(store, state)
    for loaded in state.sessions.values():
        if loaded is not None:
            state.watch(loaded, loaded.received_ms + timeout_ms(state, loaded))
    return state


async def _load_members(store: Store, state: ShardState, owners: list[str]) -> None:
    """Wallets and consents of those with open sessions, which a tick may end."""
    for start in range(0, len(owners), FIELDS_PER_LOAD):
        part: list[Field] = [*owners[start : start + FIELDS_PER_LOAD]]
        kinds: dict[str, list[Field]] = {Kind.WALLETS: part, Kind.CONSENTS: part}
        loaded = await store.load_at(kinds, state.stored)
        for kind in kinds:
            take_in(state, kind, part, loaded[kind])
        # A long load must not starve the timers that keep this process in its group.
        await asyncio.sleep(0)


async def _load_counters(store: Store, state: ShardState, bodies: Bodies) -> None:
    """Counters that an end in silence may change: no record of the session comes before it."""
    fields: dict[str, None] = {}
    for session in state.sessions.values():
        terms = None if session is None else terms_of(state, session)
        if session is None or terms is None:
            continue
        for each in terms.each:
            if each.tariff.finest is not None:
                fields.update(dict.fromkeys(fields_of_session(each, session)))
    wanted = list(fields)
    for start in range(0, len(wanted), FIELDS_PER_LOAD):
        part: list[Field] = [*wanted[start : start + FIELDS_PER_LOAD]]
        values = (await store.load_at({Kind.COUNTERS: part}, state.stored))[Kind.COUNTERS]
        take_in(state, Kind.COUNTERS, part, values)
        await asyncio.sleep(0)
    for counter in state.counters.values():
        if counter is not None and counter.catalogue not in state.catalogues:
            digest = state.meta.digests[counter.catalogue]
            state.catalogues[counter.catalogue] = await bodies(digest)
    state.counted_for = state.meta.catalogue


async def _load_passes(store: Store, state: ShardState) -> None:
    """All that comes due, for no tick names it, and passes that an end in silence looks at."""
    renewals = await store.load_all_at(Kind.RENEWALS, state.cursor)
    state.renewals.take_in(
        (field.decode(), decode_as(Renewal, value).due_ms) for field, value in renewals.items()
    )
    wakes = await store.load_all_at(Kind.WAKES, state.cursor)
    state.wakes.take_in(
        (field.decode(), decode_as(Wake, value).due_ms) for field, value in wakes.items()
    )
    fields: dict[str, None] = {}
    for session in state.sessions.values():
        terms = None if session is None else terms_of(state, session)
        if session is not None and terms is not None and terms.tariff.covers:
            fields[member_field(session.tenant, session.member)] = None
    wanted = list(fields)
    for start in range(0, len(wanted), FIELDS_PER_LOAD):
        part: list[Field] = [*wanted[start : start + FIELDS_PER_LOAD]]
        values = (await store.load_at({Kind.BOUGHT: part}, state.stored))[Kind.BOUGHT]
        take_in(state, Kind.BOUGHT, part, values)
        await asyncio.sleep(0)


async def load_for(
    state: ShardState, store: Store, records: Sequence[Record], bodies: Bodies
) -> None:
    """Loads what these records look at; where nothing is missing, the store is not asked.

    Raises:
        CursorMoved: The store is not where the state is: somebody else wrote, or it went back.
        RecoverableError: The store cannot be reached.
        ShardStopped: Something stored cannot be read.
    """
    for _ in range(ROUNDS_MAX):
        wanted = wanted_by(state, records)
        if not wanted:
            state.counted_for = state.meta.catalogue
            return
        for number, digest in wanted.catalogues.items():
            state.catalogues[number] = await bodies(digest)
        fields = dict(wanted.fields)
        past: list[Field] = [*wanted.past]
        known = fields.get(Kind.CLOSED, [])
        if past:
            fields[Kind.CLOSED] = [*known, *past]
        loaded = await store.load_at(fields, state.stored) if fields else {}
        if past:
            values = loaded[Kind.CLOSED]
            take_in(state, PAST, past, values[len(known) :])
            loaded[Kind.CLOSED] = values[: len(known)]
            fields[Kind.CLOSED] = known
        for name, asked in fields.items():
            if name.startswith("ids:"):
                keys = [key for key in asked if isinstance(key, bytes)]
                take_in_ids(state, name, keys, loaded[name])
            else:
                take_in(state, name, asked, loaded[name])
        leading = [each for kind in _LEADING for each in loaded.get(kind, ())]
        if not (past or wanted.catalogues or any(value is not None for value in leading)):
            # Only one of these, or a catalogue, that was found can lead on to something else.
            state.counted_for = state.meta.catalogue
            return
    raise RuntimeError(f"records kept wanting more after {ROUNDS_MAX} rounds")
