"""One shard on a memory store, driven record by record: the engine's own test bench.

Everything here is the product's own code; only the log is a list.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import msgspec

from rating.catalogue import Catalogue, compile_catalogue
from rating.session import Session, decode_session
from schemas.applied import Applied, AppliedUsage, Cdr, ShadowCharge
from schemas.catalogue import digest_of, document_from_json
from schemas.commands import BuyPass, CancelPass, Command, GiveCredit, Result, SendMoney, TopUp
from schemas.control import Signal
from schemas.frames import (
    HTTP_PATH,
    CatalogueVersion,
    Record,
    Tick,
    UsageFrame,
    decode_record,
    encode_record,
)
from schemas.ids import LIVE, Domain, ShardId, joined
from schemas.ledger import Transfer
from schemas.legs import Leg
from schemas.outputs import (
    GENESIS,
    OutputRecord,
    Stream,
    applied_of,
    dead_letters_of,
    decode_output,
    legs_of,
    transfers_of,
)
from schemas.passes import BoughtPass
from schemas.refusals import DeadLetter
from schemas.tariff import PeriodName
from schemas.usage import EVENT_TYPES, UsageEvent, content_digest
from schemas.wallet_events import WalletEvent
from shard.emission import LogRecord, Output
from shard.expiry import COLLECTED_MAX, collect
from shard.loading import load_for, load_state
from shard.memory_store import MemoryStore
from shard.orders import result_field
from shard.port import Kind
from shard.step import step
from shard.stored import META_FIELD, Bought, Counter, Meta, decode_as
from wallet.wallet import Wallet, decode_wallet

SHARD = ShardId(0)
LOG = "test/shard.log.v1"
WON = 1_000_000

T = TypeVar("T")

CATALOGUE: dict[str, Any] = {
    "tenants": [
        {
            "id": "tv",
            "currency": "KRW",
            "tariffs": [
                {
                    "id": "second",
                    "provider_ppm": 700_000,
                    "low_balance": "100",
                    "components": [
                        {"kind": "time", "price": "30", "per_s": 1},
                        {"kind": "item", "prices": {"quiz": "760"}},
                    ],
                    "silence": {"timeout_s": 10, "interval_s": 2},
                },
                {
                    "id": "bytes",
                    "provider_ppm": 333_333,
                    "components": [{"kind": "volume", "meter": "bytes", "price": "0.000001"}],
                    "silence": {"timeout_s": 1800, "means": "idle"},
                },
                {
                    "id": "again",
                    "components": [{"kind": "time", "price": "1", "per_s": 1}],
                    "silence": {
                        "timeout_s": 10,
                        "interval_s": 4,
                        "pays": "half_interval",
                        "later": "new_incarnation",
                    },
                },
                {
                    "id": "pass",
                    "components": [{"kind": "flat", "price": "3000", "period": "day"}],
                    "silence": {"timeout_s": 10, "pays": "nothing"},
                },
                {
                    "id": "lost",
                    "components": [{"kind": "time", "price": "5", "per_s": 1}],
                    "silence": {"timeout_s": 10, "pays": "nothing"},
                    "charge_errors": False,
                },
                {
                    "id": "pages",
                    "components": [{"kind": "page", "price": "10", "direction": "both"}],
                },
            ],
            "contents": [
                {"id": "news", "provider": "kbs", "tariff": "second", "managers": ["boss"]},
                {"id": "web", "provider": "site", "tariff": "bytes"},
                {"id": "again", "provider": "kbs", "tariff": "again"},
                {"id": "daily", "provider": "kbs", "tariff": "pass", "time_zone": "Asia/Seoul"},
                {"id": "lost", "provider": "kbs", "tariff": "lost"},
                {"id": "book", "provider": "press", "tariff": "pages"},
            ],
        }
    ]
}


def event(kind: str, at_s: float, **fields: object) -> UsageEvent:
    """An event of member ``ann``, source ``vod``, session ``s1`` on ``news`` unless told else."""
    at_ms = round(at_s * 1000)
    values: dict[str, Any] = {
        "tenant": "tv",
        "source": "vod",
        "id": f"{kind}-{at_ms}-{fields.get('session', 's1')}",
        "subject": "ann",
        "event_at_ms": at_ms,
        "received_at_ms": at_ms,
        "recorded": False,
        "session": "s1",
        "content": "news",
    } | fields
    said = msgspec.msgpack.encode([kind, at_ms, sorted((values.get("meters") or {}).items())])
    values.setdefault("digest", content_digest(said))
    return UsageEvent(type=EVENT_TYPES[kind], **values)


def frame(*events: UsageEvent, path: str = HTTP_PATH) -> UsageFrame:
    """One log record of usage."""
    return UsageFrame(path, list(events))


def tick(
    to_s: float,
    *,
    from_s: float | None = None,
    member: str = "c1",
    path: str = HTTP_PATH,
    domain: Domain = LIVE,
    leave: bool = False,
) -> Tick:
    """A watermark tick; seamless unless it says from where."""
    from_ms = None if from_s is None else round(from_s * 1000)
    return Tick(domain, path, member, from_ms, round(to_s * 1000), leave)


def top_up(won: int, key: str = "k1", *, member: str = "ann", deadline_ms: int = 2**50) -> Command:
    """A top-up command."""
    body = TopUp(won * WON, "KRW", "bank-1")
    return Command("tv", member, key, key.encode().ljust(16), deadline_ms, "desk", body)


def give_credit(won: int, key: str = "g1", *, bucket: str = "promotion", **fields: Any) -> Command:  # noqa: ANN401 -- fields of a command
    """A command that gives ann money with conditions."""
    said: dict[str, Any] = {"currency": "KRW"} | fields
    body = GiveCredit(bucket, won * WON, **said)
    return Command("tv", "ann", key, key.encode().ljust(16), 2**50, "desk", body)


def send(
    won: int,
    key: str = "s1",
    *,
    to: str = "bob",
    target: int = 1,
    currency: str = "KRW",
    memo: str = "",
) -> Command:
    """A command by which ann sends money to another member."""
    body = SendMoney(to, target, won * WON, currency, memo)
    return Command("tv", "ann", key, key.encode().ljust(16), 2**50, "desk", body)


def buy_pass(
    content: str,
    key: str = "p1",
    *,
    period: PeriodName = "day",
    renews: bool | None = None,
    member: str = "ann",
) -> Command:
    """A command that buys a pass."""
    body = BuyPass(content, period, renews)
    return Command("tv", member, key, key.encode().ljust(16), 2**50, "desk", body)


def cancel_pass(number: str, key: str = "c1", *, member: str = "ann") -> Command:
    """A command after which no pass follows."""
    body = CancelPass(number)
    return Command("tv", member, key, key.encode().ljust(16), 2**50, "desk", body)


class Bench:
    """A shard, its log and all that it ever put out.

    Args:
        catalogue: In force from the first record; None for a shard without one.
        collected_max: Closed sessions taken out of the store with a batch; 0 lets them lie.
        shard: Which.
    """

    def __init__(
        self,
        catalogue: dict[str, Any] | None = CATALOGUE,
        *,
        collected_max: int = COLLECTED_MAX,
        shard: ShardId = SHARD,
    ) -> None:
        self.collected_max = collected_max
        self.shard = shard
        self.store = MemoryStore()
        self.log: list[LogRecord] = []
        self.outputs: list[Output] = []
        self.bodies: dict[str, Catalogue] = {}
        self.versions = 0
        self.loads: Callable[..., Coroutine[Any, Any, None]] = load_for
        self._runner = asyncio.Runner()
        self._state = self.run(load_state(self.store, self.shard, LOG, self._body))
        if catalogue is not None:
            self.publish(catalogue)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Awaits one of the shard's own coroutines."""
        return self._runner.get_loop().run_until_complete(coroutine)

    async def _body(self, digest: str) -> Catalogue:
        return self.bodies[digest]

    def close(self) -> None:
        """Ends the event loop."""
        self._runner.close()

    def publish(self, catalogue: dict[str, Any], *, stamp_ms: int = 0) -> None:
        """Puts a new catalogue version into force."""
        body = msgspec.json.encode(catalogue)
        digest = digest_of(body)
        self.bodies[digest] = compile_catalogue(document_from_json(body))
        self.versions += 1
        self.feed(CatalogueVersion(self.versions, digest), stamp_ms=stamp_ms)

    def feed(self, *records: Record, stamp_ms: int = 0) -> list[Output]:
        """Appends records to the log and lets the shard take them as one batch."""
        logs = [
            LogRecord(len(self.log) + i, stamp_ms, encode_record(record))
            for i, record in enumerate(records)
        ]
        self.log.extend(logs)
        return self.take(logs)

    def take(self, logs: Sequence[LogRecord]) -> list[Output]:
        """One batch: load, step, apply."""
        state = self._state
        expected = state.cursor if state.cursor.offset >= 0 else None
        records = [decode_record(log.value) for log in logs]
        if self.collected_max:
            self.run(collect(state, self.store, self.collected_max))
        self.run(self.loads(state, self.store, records, self._body))
        outputs: list[Output] = []
        for log, record in zip(logs, records, strict=True):
            outputs.extend(step(state, log, record))
            while not state.cursor.is_done:
                outputs.extend(step(state, log, record))
        self.run(self.store.apply(expected, state.cursor, state.take_changes()))
        state.trim()
        self.outputs.extend(outputs)
        return outputs

    def reload(self) -> None:
        """Forgets all memory and loads the state from the store again."""
        self._state = self.run(load_state(self.store, self.shard, LOG, self._body))

    def collect_all(self) -> None:
        """Takes out of the store what has expired; until then it may hold more or less of it."""
        state = self._state
        while any(domain.expired for domain in state.meta.domains.values()):
            self.run(collect(state, self.store))
            self.run(self.store.apply(state.cursor, state.cursor, state.take_changes()))

    def overdraft_micros(self) -> int:
        """The furthest that a wallet was beyond its credit limit."""
        return self._state.overdraft_micros

    def chains(self) -> list[tuple[str, int, bytes]]:
        """Stream, next sequence and chain hash: the whole output in a few bytes."""
        cursor = self._state.cursor
        return [
            (stream.value, cursor.head(stream).next, cursor.head(stream).chain) for stream in Stream
        ]

    def transfers(self) -> list[Transfer]:
        """All transfers in order, their chain checked."""
        return self._items(Stream.LEDGER, transfers_of)

    def applied(self) -> list[Applied]:
        """All items of the applied stream in order."""
        return self._items(Stream.APPLIED, applied_of)

    def usage(self) -> list[AppliedUsage]:
        """Applied usage only."""
        return [item for item in self.applied() if isinstance(item, AppliedUsage)]

    def cdrs(self) -> list[Cdr]:
        """CDRs only."""
        return [item for item in self.applied() if isinstance(item, Cdr)]

    def shadows(self) -> list[ShadowCharge]:
        """Shadow charges only."""
        return [item for item in self.applied() if isinstance(item, ShadowCharge)]

    def dead(self) -> list[DeadLetter]:
        """Dead letters."""
        return self._items(Stream.DEAD, dead_letters_of)

    def legs(self) -> list[Leg]:
        """Legs that it put out."""
        return self._items(Stream.LEGS, legs_of)

    def signals(self) -> list[Signal]:
        """What content servers were told."""
        return [
            msgspec.json.decode(out.value, type=Signal)
            for out in self.outputs
            if out.stream is Stream.CONTROL
        ]

    def wallet_events(self) -> list[WalletEvent]:
        """What was said of wallets."""
        return [
            msgspec.json.decode(out.value, type=WalletEvent)
            for out in self.outputs
            if out.stream is Stream.WALLETS
        ]

    def _items(self, stream: Stream, items_of: Callable[[OutputRecord], list[T]]) -> list[T]:
        chain, following, items = GENESIS, 0, list[T]()
        for out in self.outputs:
            if out.stream is stream:
                record = decode_output(out.value)
                assert (record.chain_before, record.first) == (chain, following)
                chain, following = record.chain_after, record.first + record.count
                items.extend(items_of(record))
        return items

    def forget_stamps(self) -> None:
        """Stores what a release stored that did not note when catalogues came into force."""
        self._state.meta.stamps.clear()
        self._state.touch_meta()
        self.feed(tick(0, member="other"))

    def counters(self) -> dict[str, Counter]:
        """What was brought into periods, by field, as the store has it."""
        stored = self.store._hashes.get(Kind.COUNTERS, {})
        return {str(field): decode_as(Counter, value) for field, value in stored.items()}

    def wallet(self, member: str = "ann") -> Wallet | None:
        """A member's wallet as stored."""
        value = self._stored(Kind.WALLETS, joined("tv", member))
        return None if value is None else decode_wallet(value)

    def bought(self, tariff: str, member: str = "ann") -> tuple[BoughtPass, ...]:
        """A member's passes on a tariff as stored."""
        value = self._stored(Kind.BOUGHT, joined("tv", member))
        return () if value is None else decode_as(Bought, value).by_tariff.get(tariff, ())

    def result(self, key: str, member: str = "ann") -> Result | None:
        """A command's result as stored."""
        value = self._stored(Kind.RESULTS, result_field("tv", member, key))
        return None if value is None else decode_as(Result, value)

    def meta(self) -> Meta:
        """What the shard has one of, as stored."""
        value = self._stored(Kind.META, META_FIELD)
        assert value is not None
        return decode_as(Meta, value)

    def closed(self) -> list[Session]:
        """Closed sessions whose bytes are in the store, by field."""
        found = self.run(self.store.load_all(Kind.CLOSED))
        return [decode_session(found[field]) for field in sorted(found)]

    def _stored(self, name: str, field: str) -> bytes | None:
        value: bytes | None = self.run(self.store.load({name: [field]}))[name][0]
        return value
