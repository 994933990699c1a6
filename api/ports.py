"""What the routes ask of the parts behind them.

Invariant: every question names its tenant, so that no answer can hold another's. The live state
decides nothing here; the warehouse is always "as known up to" a time.
It does not own the parts: ``api.redis_state``, ``api.kafka_log`` and ``api.clickhouse`` do.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple, Protocol

from msgspec import Meta as Bounds

from rating.catalogue import TenantTerms
from rating.session import Session
from schemas.applied import Cdr
from schemas.commands import Command, Result
from schemas.control import SessionRef
from schemas.ledger import ChargeLine
from schemas.passes import BoughtPass
from shard.stored import Meta, Seen
from wallet.consents import Consents
from wallet.wallet import Wallet
from warehouse.answers import EntryRow, EventWay, LineRow, LotSums
from warehouse.queries import SessionCursor, SessionFilter
from warehouse.statistics import Dimension, UsageFigures

Count = Annotated[int, Bounds(ge=0, le=2**62)]


class Place(NamedTuple):
    """A place in the order of stored fields: by shard, then by field."""

    shard: Count
    field: str


class ScanPlace(NamedTuple):
    """Where a look through a shard's hash goes on.

    Args:
        shard: Which.
        position: Redis's own, of the slice that is looked at; 0 is the first.
        field: Behind this field of that slice.
    """

    shard: Count
    position: Count
    field: str


class OpenSessions(NamedTuple):
    """Some open sessions, and where the rest begins; None when there is no more."""

    sessions: list[Session]
    rest: ScanPlace | None


class MemberTransfer(NamedTuple):
    """A transfer as its entries and its priced lines stand in the warehouse."""

    entries: tuple[EntryRow, ...]
    lines: tuple[LineRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventName:
    """Names one event, or without subject all events of that source and id."""

    source: str
    id: str
    subject: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionName:
    """Names one session, or without subject all sessions of that source and id."""

    source: str
    session: str
    subject: str | None


def filter_of(name: SessionName) -> SessionFilter:
    """The filter that only a session's incarnations pass."""
    return SessionFilter(member=name.subject, source=name.source, session=name.session)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuestion:
    """What statistics are asked for.

    Args:
        from_ms: Start of event time, inclusive.
        to_ms: End, exclusive.
        by: Dimensions of a group, in the order of its keys.
        content: Only this content, or None.
        member: Only this member, or None.
    """

    from_ms: int
    to_ms: int
    by: tuple[Dimension, ...]
    content: str | None = None
    member: str | None = None


class LiveState(Protocol):
    """The shards' stored state, read only. Every method raises ``RecoverableError``."""

    def shard_of(self, tenant: str, member: str) -> int:
        """The shard that owns a member."""
        ...

    async def wallet(self, tenant: str, member: str) -> Wallet | None:
        """A member's wallet. Does not retry."""
        ...

    async def wallets(
        self, tenant: str, *, after: Place | None, limit: int
    ) -> list[tuple[Place, Wallet]]:
        """The next wallets in the order of places. Reads a shard's whole hash in slices.

        Raises:
            Problem: ``too-many-questions`` of this tenant.
        """
        ...

    def every_wallet(self, tenant: str) -> AsyncIterator[Wallet]:
        """Each wallet of a tenant once, read in slices.

        Raises:
            Problem: ``too-many-questions`` of this tenant.
        """
        ...

    async def result(
        self, tenant: str, member: str, key: str, *, shard: int | None = None
    ) -> Result | None:
        """The stored result of a command; of the member's shard where none is named."""
        ...

    async def passes(self, tenant: str, member: str) -> list[BoughtPass]:
        """Passes that a member bought, in no order of meaning."""
        ...

    async def consents(self, tenant: str, member: str) -> Consents:
        """What a member has agreed to; nothing where nothing is known."""
        ...

    async def session(self, tenant: str, name: SessionName) -> list[Session]:
        """The incarnations that the shard still knows, the current one first."""
        ...

    async def held_sessions(
        self, tenant: str, names: Sequence[SessionRef]
    ) -> list[tuple[Session, Wallet]]:
        """Those of these sessions that are open now, with their members' wallets, in order.

        One read of each shard that has any of them; does not retry.
        """
        ...

    async def open_sessions(
        self,
        tenant: str,
        *,
        after: ScanPlace | None,
        limit: int,
        accepts: Callable[[Session], bool],
    ) -> OpenSessions:
        """The next open sessions, in no order of meaning.

        Looks at a bounded number of all tenants' sessions, so it may give fewer than there are, or
        none, and a rest. One that is open all the while comes at least once; while Redis resizes
        the hash, perhaps twice.

        Raises:
            Problem: ``too-many-questions`` of this tenant.
        """
        ...

    async def open_sessions_of(
        self,
        tenant: str,
        member: str,
        *,
        after: ScanPlace | None,
        limit: int,
        accepts: Callable[[Session], bool],
    ) -> OpenSessions:
        """The next open sessions of one member, in the order of fields."""
        ...

    async def meta(self, shard: int) -> Meta | None:
        """What a shard has one of, or None before its first record."""
        ...

    async def seen(self, shard: int, hashes: Sequence[str], key: bytes) -> Seen | None:
        """What is remembered of an event under the first of these hashes that has it."""
        ...


class Warehouse(Protocol):
    """The logs and the ledger in ClickHouse. Every method raises ``RecoverableError``.

    It raises ``api.problems.Problem`` when too much is asked for one tenant at once.
    """

    async def transfers(
        self, tenant: str, member: str, *, before: int | None, limit: int, lot: int | None = None
    ) -> list[MemberTransfer]:
        """What moved a member's wallet, or one lot of it, newest first, before a sequence.

        Entries of others (the provider's part) are not in it.
        """
        ...

    async def lot(self, tenant: str, member: str, lot: int) -> LotSums | None:
        """What one of a member's lots came to, or None where nothing is known of it."""
        ...

    async def cdrs(
        self, tenant: str, only: SessionFilter, *, before: SessionCursor | None, limit: int
    ) -> list[Cdr]:
        """Closed sessions by their highest revision, the last ended first."""
        ...

    async def charges_of(self, cdr: Cdr) -> list[ChargeLine]:
        """What a session was charged in all, by kind and meter."""
        ...

    async def way_of_event(self, tenant: str, name: EventName) -> EventWay:
        """What became of an event, its repeats and refusals included."""
        ...

    async def usage(self, tenant: str, asked: UsageQuestion) -> list[UsageFigures]:
        """Statistics, in the order of their groups."""
        ...

    async def known_up_to_ms(self, tenant: str, shard: int | None = None) -> int | None:
        """All that a shard (None: every shard) posted up to here is known; None before anything.

        The tenant is who asks; the answer is the same for all.

        A shard that is idle stays where it was, so this is a lower bound.
        """
        ...


class CommandLog(Protocol):
    """Where commands are put."""

    async def append(self, shard: int, command: Command) -> None:
        """Puts a command into a shard's log; returns once all replicas have it.

        Retries within the broker client's own limits. Repeating it is harmless: the key decides.

        Raises:
            RecoverableError: Whether the log has it is not known.
        """
        ...


class ShardLag(Protocol):
    """How far shards are behind their logs."""

    async def records_behind(self, shard: int) -> int:
        """How many records of the shard's log are not applied yet.

        Raises:
            RecoverableError: The log or the store cannot be reached.
        """
        ...


class Terms(Protocol):
    """The catalogue in force, in memory."""

    def tenant(self, tenant: str) -> TenantTerms | None:
        """A tenant's terms, or None while no catalogue names it."""
        ...

    def written(
        self, tenant: str, tariff: str, *, version: int | None = None
    ) -> Mapping[str, object] | None:
        """A tariff as its catalogue has it.

        Args:
            tenant: Whose.
            tariff: Its id.
            version: Of the catalogue; None is the one in force.

        Returns:
            None where there is none of the id, or another version is in force.
        """
        ...
