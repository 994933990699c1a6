"""A dry run beside a shard of the same rules: same records, same charges."""

import asyncio

import msgspec

from rating.catalogue import Catalogue, compile_catalogue
from schemas.applied import AppliedUsage, Cdr
from schemas.catalogue import document_from_json
from schemas.frames import HTTP_PATH, Tick, UsageFrame, decode_record
from schemas.ids import LIVE
from schemas.ledger import Cause, Transfer
from shard.dry_run import FULL_MICROS, DryRun, Priced
from tests.support.bench_shard import CATALOGUE, WON, event
from tests.support.busy_shard import VERSIONS, dearer, play


def _compiled(*documents: dict[str, object]) -> list[Catalogue]:
    return [compile_catalogue(document_from_json(msgspec.json.encode(each))) for each in documents]


def _charges(transfers: list[Transfer]) -> list[tuple[object, ...]]:
    return [
        (each.member, each.cause, each.session, each.incarnation, each.scope, each.lines)
        for each in transfers
        if each.cause != Cause.TOP_UP
    ]


def test_dry_run_when_fed_a_shards_log_then_charges_the_same() -> None:
    """Two hours of every tariff: transfers and CDRs are those of the shard, but for cut-offs."""
    bench = play(7)

    async def again() -> Priced:
        run, found = DryRun(_compiled(*VERSIONS)), Priced([], [], [])
        await run.open()
        version = 0
        for log in bench.log:
            match decode_record(log.value):
                case UsageFrame() as frame:
                    parts = await run.use([frame], stamp_ms=log.stamp_ms, version=version)
                case Tick() as tick:
                    parts = await run.tick(tick)
                case other:
                    version += hasattr(other, "number")
                    continue
            found.transfers.extend(parts.transfers)
            found.applied.extend(parts.applied)
        return found

    found = asyncio.run(again())
    assert _charges(found.transfers) == _charges(bench.transfers())
    cdrs = [item for item in found.applied if isinstance(item, Cdr)]
    assert [(each.session, each.charged_micros, each.end_ms) for each in cdrs] == [
        (each.session, each.charged_micros, each.end_ms) for each in bench.cdrs()
    ]
    assert len(found.applied) == len(bench.applied())
    bench.close()


def test_dry_run_when_a_member_is_first_seen_then_pays_from_a_full_wallet() -> None:
    """The wallet is filled unseen; the charge is told, and nothing else."""

    async def used() -> Priced:
        run = DryRun(_compiled(CATALOGUE))
        await run.open()
        frame = UsageFrame(HTTP_PATH, [event("session.start", 1), event("session.stop", 11)])
        return await run.use([frame], stamp_ms=11_000)

    found = asyncio.run(used())
    [transfer] = found.transfers
    assert (transfer.entries[0].account, transfer.entries[0].amount_micros) == (
        "member/ann/cash", -300 * WON,
    )  # fmt: skip
    assert transfer.entries[0].balance_after_micros == FULL_MICROS - 300 * WON
    assert [type(item) for item in found.applied] == [AppliedUsage, AppliedUsage, Cdr]


def test_dry_run_when_an_older_version_is_named_then_it_decides() -> None:
    """A session keeps the version under which it began, and the next one has the newer."""

    async def used() -> list[int]:
        run = DryRun(_compiled(CATALOGUE, dearer(CATALOGUE)))
        await run.open()
        costs: list[int] = []
        for version, session in ((1, "s1"), (2, "s2"), (1, "s3"), (None, "s4")):
            events = [
                event(kind, at, session=session)
                for kind, at in (("session.start", 1), ("session.stop", 2))
            ]
            frame = UsageFrame(HTTP_PATH, events)
            priced = await run.use([frame], stamp_ms=2_000, version=version)
            costs += [line.amount_micros for each in priced.transfers for line in each.lines]
        return costs

    assert asyncio.run(used()) == [30 * WON, 60 * WON, 30 * WON, 30 * WON]


def test_dry_run_when_a_shadow_reads_a_live_clock_then_ticks_end_sessions() -> None:
    """The clock need not be a recording's: a live shard's log may be read beside its owner."""

    async def used() -> list[str]:
        run = DryRun(_compiled(CATALOGUE))
        await run.open()
        frame = UsageFrame(HTTP_PATH, [event("session.start", 1), event("session.heartbeat", 5)])
        await run.tick(Tick(LIVE, HTTP_PATH, "c1", None, 0))
        await run.use([frame], stamp_ms=5_000)
        ended = await run.tick(Tick(LIVE, HTTP_PATH, "c1", None, 60_000))
        return [item.cause for item in ended.applied if isinstance(item, Cdr)]

    assert asyncio.run(used()) == ["network"]
