"""The state of one shard as its owner holds it: a cache of the store, and what has changed.

Invariant: what is in memory equals what the store will hold once the changes are applied; a key
that was never asked for is not guessed to be absent. Rules are in the other files of this room.
"""

import heapq
from collections.abc import Mapping
from typing import Any

import msgspec

from rating.catalogue import Catalogue, ContentTerms
from rating.session import Session, encode_session
from schemas.commands import Result
from schemas.errors import ShardStopped
from schemas.ids import SEPARATOR, ShardId, member_field
from schemas.moment import HOUR_MS
from shard.agenda import Agenda
from shard.caches import known_in, there
from shard.cursor import START_OFFSET, Cursor
from shard.domain import DomainClock, new_domain
from shard.port import EVICT, Changes, Field, Kind, evict_hash
from shard.stored import (
    META_FIELD,
    TIMELINES_FIELD,
    Batch,
    Bought,
    Card,
    Counter,
    Meta,
    NextLeg,
    PassSold,
    Renewal,
    Seen,
    Serials,
    Timelines,
    Wake,
    encode_stored,
)
from wallet.consents import NONE, Consents, encode_consents
from wallet.wallet import Wallet, encode_wallet

CACHED_MAX = 50_000
HORIZON_MS = 48 * HOUR_MS


class ShardState:
    """Everything ``step`` may read and change.

    Args:
        shard: Which shard.
        cursor: Where it stands.
        meta: As loaded, or None for a new shard.
    """

    def __init__(self, shard: ShardId, cursor: Cursor, meta: Meta | None = None) -> None:
        self.shard = shard
        self.cursor = cursor
        self.meta = meta or Meta(0, {}, {})
        self.timelines = Timelines({})
        # By other shard and direction (``shard.sending``); all of them.
        self.legs: dict[str, int] = {}
        self.catalogues: dict[int, Catalogue] = {}
        self.sessions: dict[str, Session | None] = {}
        self.past: dict[str, Session | None] = {}
        self.wallets: dict[str, Wallet | None] = {}
        # Those that the record in work changed, as they were before it.
        self.before: dict[str, Wallet | None] = {}
        self.passes: dict[str, PassSold | None] = {}
        self.counters: dict[str, Counter | None] = {}
        self.bought: dict[str, Bought | None] = {}
        # All of them: a tick names nobody.
        self.renewals = Agenda()
        self.wakes = Agenda()
        self.results: dict[str, Result | None] = {}
        self.consents: dict[str, Consents | None] = {}
        self.cards: dict[str, Card | None] = {}
        self.batches: dict[str, Batch | None] = {}
        self.serials: dict[str, Serials | None] = {}
        self.ids: dict[str, dict[bytes, Seen | None]] = {}
        # Terms with the prices that later catalogues announce, worked out once.
        self.followed: dict[tuple[int, int, str, str], ContentTerms] = {}
        # The catalogue by whose announcements the counters of all open sessions are in memory.
        self.counted_for = 0
        # The furthest that a wallet was found beyond its credit limit; nothing is decided by it.
        self.overdraft_micros = 0
        self.deadlines: dict[tuple[str, tuple[str, ...]], list[tuple[int, str]]] = {}
        self._changed: dict[str, set[Field]] = {}
        self._removed: dict[str, set[Field]] = {}
        self._dropped: list[str] = []
        self._begun: set[str] = set()
        self._sessions_max = CACHED_MAX

    @property
    def stored(self) -> Cursor | None:
        """The cursor that the store has when it is where this state is; None: nothing stored."""
        return None if self.cursor.offset == START_OFFSET else self.cursor

    def domain(self, name: str) -> DomainClock:
        """A clock domain, made when first needed."""
        clock = self.meta.domains.get(name)
        if clock is None:
            clock = self.meta.domains[name] = new_domain()
        return clock

    def horizon_ms_max(self) -> int:
        """The longest horizon of any tenant; ids are kept at least that long."""
        catalogue = self.catalogues.get(self.meta.catalogue)
        return HORIZON_MS if catalogue is None else catalogue.horizon_ms_max

    def wallet(self, field: str) -> Wallet | None:
        """A member's wallet, or None when there is none."""
        return known_in(self.wallets, field, Kind.WALLETS)

    def session(self, field: str) -> Session | None:
        """The current incarnation of a session, open or closed, or None."""
        session = known_in(self.sessions, field, Kind.SESSIONS)
        if session is None or session.is_open:
            return session
        return None if self.is_gone(session) else session

    def past_session(self, field: str) -> Session | None:
        """An incarnation that is not the current one, or None when it was forgotten."""
        session = known_in(self.past, field, Kind.CLOSED)
        return None if session is None or self.is_gone(session) else session

    def is_gone(self, session: Session) -> bool:
        """Whether the shard has let go of a session, be its bytes still in the store or not."""
        domain = self.meta.domains.get(session.domain)
        return not session.is_open and domain is not None and session.closed_hour < domain.gone_hour

    def pass_sold(self, field: str) -> PassSold | None:
        """A pass, or None when it was not sold."""
        return known_in(self.passes, field, Kind.PASSES)

    def counter(self, field: str) -> Counter | None:
        """What was brought into a period, or None when nothing was."""
        return known_in(self.counters, field, Kind.COUNTERS)

    def bought_by(self, field: str) -> Bought | None:
        """Passes that a member bought, or None when there are none."""
        return known_in(self.bought, field, Kind.BOUGHT)

    def result(self, field: str) -> Result | None:
        """The stored result of a command, or None."""
        return known_in(self.results, field, Kind.RESULTS)

    def consents_of(self, field: str) -> Consents:
        """What a member has agreed to; nothing where nothing is known."""
        return known_in(self.consents, field, Kind.CONSENTS) or NONE

    def card(self, field: str) -> Card | None:
        """A prepaid card, or None where none has the hash."""
        return known_in(self.cards, field, Kind.CARDS)

    def batch(self, field: str) -> Batch | None:
        """A batch of cards, or None where this shard has none of it."""
        return known_in(self.batches, field, Kind.BATCHES)

    def serials_of(self, field: str) -> Serials:
        """Which serial numbers of a batch are of this shard."""
        return known_in(self.serials, field, Kind.SERIALS) or Serials(())

    def seen(self, hash_name: str, key: bytes) -> Seen | None:
        """What is remembered of an event id, or None."""
        span = self.ids.get(hash_name)
        if span is not None and key in span:
            return span[key]
        if hash_name in self._begun:
            return None
        raise ShardStopped(f"{hash_name} {key!r} was used before it was loaded")

    def begin_hash(self, hash_name: str) -> None:
        """Notes that a hash is new, so that what is not in memory is not in the store either."""
        self._begun.add(hash_name)

    def put_wallet(self, field: str, wallet: Wallet) -> None:
        """Stores a wallet."""
        self.before.setdefault(field, self.wallets.get(field))
        self.wallets[field] = wallet
        self._touch(Kind.WALLETS, field)

    def put_session(self, field: str, session: Session) -> None:
        """Stores a session's current incarnation where open or closed ones are kept."""
        known = self.sessions.get(field)
        self.sessions[field] = session
        here, there = (
            (Kind.SESSIONS, Kind.CLOSED) if session.is_open else (Kind.CLOSED, Kind.SESSIONS)
        )
        self._touch(here, field)
        if known is not None and known.is_open != session.is_open:
            self._changed.get(there, set()).discard(field)
            self._removed.setdefault(there, set()).add(field)

    def note_closed(self, field: str, session: Session) -> None:
        """Stamps a closed session with its hour, by which it leaves the store some day."""
        domain = self.domain(session.domain)
        hour = session.closed_hour = max(domain.hour, session.last_ms // HOUR_MS)
        self._touch(evict_hash(session.domain, hour), field)
        if session.incarnation > domain.closed.get(hour, 0):
            domain.closed[hour] = session.incarnation
            self.touch_meta()

    def remove(self, name: str, field: str) -> None:
        """Lets go of a field in the store; what is in memory stays as it is."""
        self._removed.setdefault(name, set()).add(field)

    def put_past(self, field: str, session: Session) -> None:
        """Stores an incarnation that a later one replaced, or that a late event changed."""
        self.past[field] = session
        self._touch(Kind.CLOSED, field)

    def put_pass(self, field: str, sold: PassSold) -> None:
        """Stores a pass."""
        self.passes[field] = sold
        self._touch(Kind.PASSES, field)

    def put_counter(self, field: str, counter: Counter) -> None:
        """Stores a counter."""
        self.counters[field] = counter
        self._touch(Kind.COUNTERS, field)

    def put_bought(self, field: str, bought: Bought) -> None:
        """Stores a member's passes."""
        self.bought[field] = bought
        self._touch(Kind.BOUGHT, field)

    def put_renewal(self, field: str, renewal: Renewal) -> None:
        """Stores when a pass is to be followed by another, and watches for it."""
        self.renewals.put(field, renewal.due_ms)
        self._touch(Kind.RENEWALS, field)

    def drop_renewal(self, field: str) -> None:
        """Lets go of a renewal, if there is one."""
        if self.renewals.drop(field):
            self._changed.get(Kind.RENEWALS, set()).discard(field)
            self.remove(Kind.RENEWALS, field)

    def put_wake(self, field: str, due_ms: int) -> None:
        """Stores when something of a member's wallet is due, and watches for it."""
        self.wakes.put(field, due_ms)
        self._touch(Kind.WAKES, field)

    def drop_wake(self, field: str) -> None:
        """Lets go of it, if there is one."""
        if self.wakes.drop(field):
            self._changed.get(Kind.WAKES, set()).discard(field)
            self.remove(Kind.WAKES, field)

    def put_result(self, field: str, result: Result) -> None:
        """Stores a command's result."""
        self.results[field] = result
        self._touch(Kind.RESULTS, field)

    def touch_timelines(self) -> None:
        """Notes that the timelines changed."""
        self._touch(Kind.META, TIMELINES_FIELD)

    def put_leg(self, field: str, number: int) -> None:
        """Stores which leg comes next to or from another shard."""
        self.legs[field] = number
        self._touch(Kind.LEGS, field)

    def put_consents(self, field: str, consents: Consents) -> None:
        """Stores a member's consents."""
        self.consents[field] = consents
        self._touch(Kind.CONSENTS, field)

    def put_card(self, field: str, card: Card) -> None:
        """Stores a card."""
        self.cards[field] = card
        self._touch(Kind.CARDS, field)

    def put_batch(self, field: str, batch: Batch) -> None:
        """Stores a batch of cards."""
        self.batches[field] = batch
        self._touch(Kind.BATCHES, field)

    def put_serials(self, field: str, serials: Serials) -> None:
        """Stores the serial numbers of a batch."""
        self.serials[field] = serials
        self._touch(Kind.SERIALS, field)

    def remember(self, hash_name: str, key: bytes, seen: Seen) -> None:
        """Remembers an event id."""
        self.ids.setdefault(hash_name, {})[key] = seen
        self._touch(hash_name, key)

    def drop_hash(self, hash_name: str) -> None:
        """Forgets a whole hour of event ids or of closed sessions' names."""
        self.ids.pop(hash_name, None)
        self._changed.pop(hash_name, None)
        self._dropped.append(hash_name)

    def touch_meta(self) -> None:
        """Notes that ``meta`` was changed in place."""
        self._touch(Kind.META, META_FIELD)

    def watch(self, session: Session, due_ms: int) -> None:
        """Notes when an open session's silence is to be looked at again."""
        key = (session.domain, session.paths)
        heapq.heappush(self.deadlines.setdefault(key, []), (due_ms, session.field))

    def _touch(self, name: str, field: Field) -> None:
        changed = self._changed.get(name)
        if changed is None:
            self._changed[name] = {field}
        else:
            changed.add(field)
        if name in self._removed:
            self._removed[name].discard(field)

    def take_changes(self) -> Changes:
        """The after-images since the last call, encoded; the state forgets that they changed."""
        put = {
            name: self._encoded(name, fields) for name, fields in self._changed.items() if fields
        }
        removed = {name: list(fields) for name, fields in self._removed.items() if fields}
        changes = Changes(put, removed, self._dropped)
        self._changed, self._removed, self._dropped = {}, {}, []
        return changes

    def _encoded(self, name: str, fields: set[Any]) -> dict[Field, bytes]:
        match name:
            case Kind.WALLETS:
                return {each: encode_wallet(there(self.wallets[each])) for each in fields}
            case Kind.SESSIONS:
                return {each: encode_session(there(self.sessions[each])) for each in fields}
            case Kind.CLOSED:
                past, now = self.past, self.sessions
                return {each: encode_session(there(past.get(each) or now[each])) for each in fields}
            case Kind.RENEWALS:
                return {each: encode_stored(Renewal(self.renewals.at(each))) for each in fields}
            case Kind.WAKES:
                return {each: encode_stored(Wake(self.wakes.at(each))) for each in fields}
            case Kind.LEGS:
                return {each: encode_stored(NextLeg(self.legs[each])) for each in fields}
            case Kind.CONSENTS:
                return {each: encode_consents(there(self.consents[each])) for each in fields}
            case Kind.META:
                metas = {META_FIELD: self.meta, TIMELINES_FIELD: self.timelines}
                return {each: encode_stored(metas[each]) for each in fields}
            case _ if name.startswith(EVICT):
                return dict.fromkeys(fields, b"")
            case _:
                kept = self._plain().get(name) or self.ids[name]
                return {each: encode_stored(there(kept[each])) for each in fields}

    def _plain(self) -> dict[str, Mapping[Any, msgspec.Struct | None]]:
        """Caches of what is stored as it is."""
        return {
            Kind.PASSES: self.passes,
            Kind.COUNTERS: self.counters,
            Kind.BOUGHT: self.bought,
            Kind.RESULTS: self.results,
            Kind.CARDS: self.cards,
            Kind.BATCHES: self.batches,
            Kind.SERIALS: self.serials,
        }

    def trim(self) -> None:
        """Lets go of what can be loaded again; call only after the changes were applied."""
        self.ids.clear()
        self._begun.clear()
        self.past.clear()
        self.results.clear()
        self.cards.clear()
        self.batches.clear()
        self.serials.clear()
        if len(self.sessions) > self._sessions_max:
            self.sessions = {k: s for k, s in self.sessions.items() if s is not None and s.is_open}
            # Open ones stay; with many of them, looking for others is worth it only now and then.
            self._sessions_max = max(CACHED_MAX, 2 * len(self.sessions))
        if len(self.wallets) > CACHED_MAX:
            self.wallets = {k: w for k, w in self.wallets.items() if w and w.open_sessions}
        if len(self.followed) > CACHED_MAX:
            self.followed.clear()
        if len(self.passes) > CACHED_MAX:
            self.passes.clear()
        if len(self.counters) > CACHED_MAX:
            self.counters = {k: c for k, c in self.counters.items() if self._is_in_use(k)}
        if len(self.bought) > CACHED_MAX:
            self.bought = {k: b for k, b in self.bought.items() if self._is_in_use(k)}
        if len(self.consents) > CACHED_MAX:
            # Of an open session they must stay: a tick that ends it loads nothing.
            using = {k for k, w in self.wallets.items() if w and w.open_sessions}
            self.consents = {k: each for k, each in self.consents.items() if k in using}

    def _is_in_use(self, field: str) -> bool:
        """Whether the field's member has open sessions: an end in silence may look at it."""
        tenant, member, *_ = field.split(SEPARATOR, 2)
        wallet = self.wallets.get(member_field(tenant, member))
        return wallet is not None and bool(wallet.open_sessions)
