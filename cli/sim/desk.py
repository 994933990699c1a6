"""The API's desk for money requests: production's asking, on the simulated log and stores.

Owns: the API process and its lives; what asking needs of the parts behind it.
It does not own what decides (``shard.orders``), nor what an answer means (``api.asking``).
"""

from typing import NamedTuple

import msgspec

from api.asking import ask, await_arrival, hash_of_request
from api.kafka_log import KafkaCommandLog
from api.limits import ApiLimits
from api.ports import CommandLog, ShardLag
from api.problems import Problem
from cli.sim.broker import SimPublisher
from cli.sim.stores import Shelves
from cli.sim.topics import Topics
from cli.sim.world import Process, World, chance_of
from runtime.clock import Clock
from schemas.commands import (
    Body,
    BuyPass,
    CancelPass,
    CaptureHold,
    Command,
    CorrectPrice,
    FreezeWallet,
    GiveCredit,
    GrantMandate,
    Outcome,
    PlaceHold,
    ReleaseHold,
    Reserve,
    Result,
    RevokeConsent,
    SendMoney,
    TopUp,
)
from schemas.errors import RecoverableError
from schemas.ids import ShardId, shard_of
from schemas.moment import SECOND_MS
from schemas.tariff import PeriodName
from schemas.topics import LOG_TOPIC
from shard.orders import result_field
from shard.port import Kind
from shard.stored import decode_as

LIMITS = ApiLimits(command_timeout_ms=6 * SECOND_MS, poll_first_ms=50, poll_max_ms=500)
CLOCK_MS_MAX = 3 * SECOND_MS
RESTART_MS_MAX = 2 * SECOND_MS
_PERIODS: dict[str, PeriodName] = {"day": "day", "week": "week", "month": "month"}


Asked = (
    GiveCredit | GrantMandate | RevokeConsent | CorrectPrice | Reserve | SendMoney | FreezeWallet
)


class Order(NamedTuple):
    """What a caller asks for.

    Args:
        tenant: Of the caller's key.
        member: Whose wallet.
        key: Idempotency-Key.
        amount_micros: To top up; may be senseless.
        currency: Likewise.
        body: Something else that is asked, in place of a top-up.
        buys: Instead of that: content and period of a pass, and whether it is said to renew.
        cancels: Instead of that: key of the order that bought the pass.
        of: Of a body about a hold: key of the order that placed it.
    """

    tenant: str
    member: str
    key: str
    amount_micros: int = 0
    currency: str = ""
    body: Asked | None = None
    buys: tuple[str, str, bool | None] | None = None
    cancels: str = ""
    of: str = ""

    @property
    def said(self) -> tuple[object, ...]:
        """What tells it from another order under its key."""
        if self.buys is not None:
            return ("buy", *self.buys)
        match self.body:
            case GiveCredit(bucket=bucket, amount_micros=amount):
                return ("give", bucket, amount)
            case PlaceHold(amount_micros=amount, content=content):
                return ("hold", amount, content)
            case CaptureHold(amount_micros=amount, is_final=is_final):
                return ("capture", amount, is_final)
            case ReleaseHold():
                return ("release",)
            case FreezeWallet(reason=reason):
                return ("freeze", reason)
            case SendMoney(amount_micros=amount, receiver=receiver):
                return ("send", amount, receiver)
            case _:
                pass
        return ("cancel",) if self.cancels else (self.amount_micros, self.currency)


class Desk:
    """One API process; see ``api.asking.Desk``.

    Args:
        world: Where it lives.
        topics: Where commands go.
        shelves: Where results are.
        shards: How many.
    """

    def __init__(self, world: World, topics: Topics, shelves: Shelves, *, shards: int) -> None:
        self._world = world
        self._topics = topics
        self._shelves = shelves
        self._shards = shards
        self._chance = chance_of(world.seed, "desk")
        # What callers know of the passes that their orders bought, and what they asked to cancel.
        self._passes: dict[tuple[str, str, str], str] = {}
        self._cancelled: dict[tuple[str, str, str], str] = {}
        # The same of holds.
        self._holds: dict[tuple[str, str, str], int] = {}
        self._about: dict[tuple[str, str, str], int] = {}
        self.process = self._born()

    async def answer(self, order: Order) -> Result | str:
        """Answers a request of money, consents or passes: the result, or a problem's word."""
        process = self.process
        await process.gate()
        body: dict[str, str | int] = {
            "member": order.member,
            "amount_micros": order.amount_micros,
            "currency": order.currency,
            "passes": repr((order.buys, order.cancels)),
        }
        command = Command(
            tenant=order.tenant,
            member=order.member,
            key=order.key,
            request_hash=hash_of_request("POST", "top-ups", order.tenant, body),
            deadline_ms=process.wall_ms() + LIMITS.command_timeout_ms,
            actor="desk",
            body=self._wanted(order),
        )
        parts = _Parts(self._world, process, self._topics, self._shelves, self._shards)
        try:
            result, _ = await ask(parts, command)
        except Problem as problem:
            return problem.word
        except RecoverableError as fault:
            return f"unavailable: {fault}"
        await process.gate()
        if isinstance(order.body, SendMoney) and result.outcome == Outcome.SENT:
            try:
                name = f"{result.shard}-{result.ledger_sequence}"
                await await_arrival(parts, order.tenant, order.body.receiver, name)
            except Problem:
                self._world.trace(f"{order.key}: not known to have arrived")
            await process.gate()
        if order.buys is not None and result.bought is not None:
            self._passes[order.tenant, order.member, order.key] = result.bought.id
        if isinstance(order.body, PlaceHold) and result.hold is not None:
            self._holds[order.tenant, order.member, order.key] = result.hold.id
        return result

    def _wanted(self, order: Order) -> Body:
        if order.buys is not None:
            content, period, renews = order.buys
            return BuyPass(content, _PERIODS[period], renews)
        if order.cancels:
            known = self._passes.get((order.tenant, order.member, order.cancels), "0-0")
            place = (order.tenant, order.member, order.key)
            return CancelPass(self._cancelled.setdefault(place, known))
        if isinstance(order.body, CaptureHold | ReleaseHold):
            number = self._holds.get((order.tenant, order.member, order.of), 0)
            place = (order.tenant, order.member, order.key)
            return msgspec.structs.replace(order.body, hold=self._about.setdefault(place, number))
        if isinstance(order.body, SendMoney):
            target = shard_of(order.tenant, order.body.receiver, self._shards)
            return msgspec.structs.replace(order.body, target=target)
        return order.body or TopUp(order.amount_micros, order.currency)

    def _born(self) -> Process:
        return Process(self._world, "api", clock_ms_max=CLOCK_MS_MAX, on_death=self._died)

    def _died(self) -> None:
        if not self._world.is_over:
            self._world.spawn(self._follow(), "next api")

    async def _follow(self) -> None:
        await self._world.sleep(self._chance.randint(1, RESTART_MS_MAX))
        self.process = self._born()


class _Parts:
    """See ``api.asking.Desk``, ``Results`` and ``api.ports.ShardLag``."""

    def __init__(
        self, world: World, process: Process, topics: Topics, shelves: Shelves, shards: int
    ) -> None:
        self._process = process
        self._topics = topics
        self._shelves = shelves
        self._shards = shards
        self.commands: CommandLog = KafkaCommandLog(SimPublisher(world, process, topics))
        self.clock: Clock = process
        self.limits = LIMITS

    @property
    def live(self) -> "_Parts":
        """Stored results."""
        return self

    @property
    def lag(self) -> ShardLag:
        """How far shards are behind."""
        return self

    def shard_of(self, tenant: str, member: str) -> int:
        """See ``api.asking.Results``."""
        return shard_of(tenant, member, self._shards)

    async def result(
        self, tenant: str, member: str, key: str, *, shard: int | None = None
    ) -> Result | None:
        """See ``api.asking.Results``."""
        own = shard_of(tenant, member, self._shards) if shard is None else ShardId(shard)
        store = self._shelves.store(self._process, own)
        value = await store.result(Kind.RESULTS, result_field(tenant, member, key))
        return None if value is None else decode_as(Result, value)

    async def records_behind(self, shard: int) -> int:
        """See ``api.ports.ShardLag``."""
        cursor = await self._shelves.store(self._process, ShardId(shard)).cursor()
        end = self._topics.partition(LOG_TOPIC, shard).end
        return end if cursor is None else max(0, end - cursor.offset - 1)
