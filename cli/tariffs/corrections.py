"""Which sessions a wrong price touched, as orders for their shards; rehearsed, or really sent.

Invariant: a rehearsal is the product's own step on the state as it is stored, of which nothing is
written; the real orders say once for all by their keys, so a run that broke off is run again.
It does not own what an order does (``shard.correcting``) nor what is printed.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import xxhash

from api.asking import ask, hash_of_request
from api.problems import Problem
from cli.desk import open_desk
from runtime.catalogue import CatalogueBodies
from runtime.settings import Settings
from schemas.commands import Command, CorrectPrice, Outcome, Result
from schemas.errors import RecoverableError
from schemas.ids import ShardId, shard_of
from schemas.ledger import Transfer
from schemas.outputs import Stream, decode_output, transfers_of
from shard.cursor import Cursor
from shard.emission import LogRecord
from shard.loading import load_for, load_state
from shard.orders import result_field
from shard.port import Field
from shard.redis_store import RedisStore, open_redis
from shard.step import step
from warehouse.contiguous import reached_by
from warehouse.corrections import Use, lives_touching, sealed_of
from warehouse.period import Life
from warehouse.port import Reader

ACTOR = "ncash tariff correct"
AT_ONCE = 32
REHEARSED_AT_ONCE = 200
LOOKS_MAX = 5


class Wanted(NamedTuple):
    """What is to be corrected.

    Args:
        name: Of the correction; the same again goes on with it.
        reason: On each entry.
        tariff: That was wrong.
        catalogue: Number of the version by which all is priced anew.
        use: Contents of the tariff, and the period.
    """

    name: str
    reason: str
    tariff: str
    catalogue: int
    use: Use


class Ended(NamedTuple):
    """How one order ended.

    Args:
        life: The session's.
        outcome: A ``schemas.commands.Outcome``.
        reason: Why it was refused, or empty.
        detail: The same for a person.
        moved_micros: What the member pays less, of either sign; known of a rehearsal alone.
        content: Of the session, where anything moved.
        providers: What each provider gets more, of either sign; likewise.
    """

    life: Life
    outcome: str
    reason: str
    detail: str
    moved_micros: int = 0
    content: str = ""
    providers: tuple[tuple[str, int], ...] = ()


def orders(reader: Reader, settings: Settings, wanted: Wanted) -> list[Command]:
    """One order for each life of a session that any of its use in the period touched.

    Raises:
        WarehouseUnavailable: No answer.
    """
    tenant = wanted.use.tenant
    # First: what is put out behind it, the shard knows by itself or sends back to look again.
    reached = {shard: found.next for shard, found in reached_by(reader, Stream.APPLIED).items()}
    found: list[Command] = []
    for page in lives_touching(reader, wanted.use):
        sealed = sealed_of(reader, tenant, page)
        for life in page:
            known = sealed.get(life)
            shard = shard_of(tenant, life.member, settings.shards)
            body = CorrectPrice(
                correction=wanted.name, reason=wanted.reason, tariff=wanted.tariff,
                catalogue=wanted.catalogue, source=life.source, session=life.session,
                incarnation=life.incarnation, sealed=b"" if known is None else known.sealed,
                looked_up_to=reached.get(shard, 0),
            )  # fmt: skip
            found.append(_command(tenant, life.member, body))
    return found


async def rehearsed(settings: Settings, commands: Sequence[Command]) -> list[Ended]:
    """What the orders would come to now.

    Raises:
        RecoverableError: Redis or Kafka cannot be reached.
    """
    by_shard: dict[ShardId, list[Command]] = {}
    for command in commands:
        shard = ShardId(shard_of(command.tenant, command.member, settings.shards))
        by_shard.setdefault(shard, []).append(command)
    client, bodies = open_redis(settings.redis), CatalogueBodies(settings)
    bodies.start()
    try:
        await bodies.caught_up()
        found: list[Ended] = []
        for shard, own in sorted(by_shard.items()):
            found += await _rehearsed(_Still(client, shard), shard, own, bodies)
        return found
    finally:
        await client.aclose()
        await bodies.close()


async def sent(settings: Settings, commands: Sequence[Command]) -> list[Ended]:
    """Sends the orders and waits for what each came to.

    Raises:
        RecoverableError: Redis or Kafka cannot be reached, an outcome is unknown, a shard is too
            far behind, or the name was used with another reason.
    """
    async with open_desk(settings) as desk:
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(command: Command) -> Ended:
            async with turns:
                deadline_ms = desk.clock.wall_ms() + desk.limits.command_timeout_ms
                command = msgspec.structs.replace(command, deadline_ms=deadline_ms)
                try:
                    result, _ = await ask(desk, command)
                except Problem as problem:
                    raise RecoverableError(
                        f"{problem.detail}; run it again, what is done stays done"
                    ) from problem
                return _ended(command, result)

        return await asyncio.gather(*map(one, commands))


def again(commands: Iterable[Command], look: int) -> list[Command]:
    """The same orders under keys of another look, for those that looked too early."""
    return [msgspec.structs.replace(each, key=f"{each.key}/{look}") for each in commands]


def life_of(command: Command) -> Life:
    """Which life of a session an order is about."""
    body = command.body
    assert isinstance(body, CorrectPrice)
    return Life(command.member, body.source, body.session, body.incarnation)


def _command(tenant: str, member: str, body: CorrectPrice) -> Command:
    name = msgspec.json.encode([body.source, body.session, body.incarnation])
    said: dict[str, str | int] = {
        "tariff": body.tariff, "catalogue": body.catalogue, "reason": body.reason,
        "member": member, "session": name.decode(),
    }  # fmt: skip
    return Command(
        tenant=tenant,
        member=member,
        key=f"{body.correction}/{xxhash.xxh3_128_hexdigest(name)}",
        request_hash=hash_of_request("POST", "corrections", tenant, said),
        deadline_ms=2**62,
        actor=ACTOR,
        body=body,
    )


async def _rehearsed(
    store: "_Still", shard: ShardId, commands: list[Command], bodies: CatalogueBodies
) -> list[Ended]:
    cursor = await store.cursor()
    state = await load_state(store, shard, "" if cursor is None else cursor.log, bodies.compiled)
    found: list[Ended] = []
    for start in range(0, len(commands), REHEARSED_AT_ONCE):
        part = commands[start : start + REHEARSED_AT_ONCE]
        await load_for(state, store, part, bodies.compiled)
        for command in part:
            log = LogRecord(state.cursor.offset + 1, 0, command.key.encode())
            moved: list[Transfer] = []
            for output in step(state, log, command):
                if output.stream == Stream.LEDGER:
                    moved += transfers_of(decode_output(output.value))
            result = state.result(result_field(command.tenant, command.member, command.key))
            assert result is not None
            found.append(_with_money(_ended(command, result), command.member, moved))
        # Nothing is applied; what would have been is in memory, for the orders that follow.
        state.take_changes()
    return found


def _with_money(ended: Ended, member: str, moved: Iterable[Transfer]) -> Ended:
    providers: dict[str, int] = {}
    back, content = 0, ""
    for transfer in moved:
        content = transfer.content
        for entry in transfer.entries:
            kind, _, name = entry.account.partition("/")
            if kind == "member" and name.startswith(f"{member}/"):
                back += entry.amount_micros
            elif kind == "provider":
                providers[name] = providers.get(name, 0) + entry.amount_micros
    return ended._replace(
        moved_micros=back, content=content, providers=tuple(sorted(providers.items()))
    )


def _ended(command: Command, result: Result) -> Ended:
    reason = result.reason if result.outcome != Outcome.EXPIRED else "expired"
    return Ended(life_of(command), result.outcome, reason, result.detail)


class _Still(RedisStore):
    """The store of a shard that goes on meanwhile: values are of about one moment, no more.

    A rehearsal decides nothing, and a shard under load would never stand still for it.
    """

    async def load_at(
        self, wanted: Mapping[str, list[Field]], at: Cursor | None
    ) -> dict[str, list[bytes | None]]:
        """See ``shard.port.Store``; whatever the cursor."""
        del at
        return await self.load(wanted)

    async def load_all_at(self, name: str, at: Cursor) -> dict[bytes, bytes]:
        """See ``shard.port.Store``; whatever the cursor."""
        del at
        return await self.load_all(name)
