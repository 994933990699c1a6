"""``ncash reconcile``: reads the three copies and has them compared.

Invariant: reads only. The warehouse lags by a flush, so its rows are waited for, bounded; what is
still missing then is missing.
"""

import time
from collections.abc import Iterator
from contextlib import closing

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from cli.reconcile import Cut, LedgerSums, Report, compare, cut_of, ledger_sums
from cli.screen import put_json, screen, won
from cli.settled import end_of
from cli.state_store import reading_store
from runtime.faults import TransportFault
from runtime.settings import Settings
from schemas.ids import joined
from schemas.outputs import Stream
from warehouse.audit import balances_at, rows_double, transfers_below
from warehouse.opening import open_warehouse
from warehouse.port import Reader

SINK_WAIT_S = 60
POLL_S = 0.1
BATCH = 500
ASK_S = 10


def reconcile_stack(settings: Settings, *, as_json: bool) -> int:
    """Compares and says.

    Args:
        settings: Where the copies are.
        as_json: Whether to print one object at the end.

    Returns:
        Exit status: 1 when any two copies differ.

    Raises:
        RecoverableError: A copy cannot be read.
    """
    report = reconciled(settings)
    console = screen()
    for finding in report.findings:
        console.print(finding, style="red", markup=False)
    verdict = "Redis = ledger = ClickHouse" if report.is_clean else "the copies differ"
    console.print(
        f"{verdict}: {report.wallets} wallets, drift {won(report.drift_micros)}, "
        f"{report.missing_entries} missing, {report.double_entries} double"
    )
    if report.transit_micros:
        console.print(f"{won(report.transit_micros)} on its way between members")
    if as_json:
        put_json(
            {
                "wallets": report.wallets,
                "drift_micros": report.drift_micros,
                "missing_entries": report.missing_entries,
                "double_entries": report.double_entries,
                "transit_micros": report.transit_micros,
            }
        )
    return 0 if report.is_clean else 1


def reconciled(settings: Settings) -> Report:
    """The comparison at the cut where Redis stands now.

    Raises:
        RecoverableError: A copy cannot be read.
    """
    with (
        reading_store(settings.redis) as store,
        closing(open_warehouse(settings.clickhouse)) as warehouse,
    ):
        cuts = {shard: cut_of(store, shard) for shard in range(settings.shards)}
        ledgers = {
            shard: ledger_sums(_ledger(settings, shard, cut), cut.next)
            for shard, cut in cuts.items()
        }
        _await_rows(warehouse, ledgers, cuts)
        counts = {shard: transfers_below(warehouse, shard, cut.next) for shard, cut in cuts.items()}
        posted: dict[str, int] = {}
        for each in balances_at(warehouse, {shard: cut.next for shard, cut in cuts.items()}):
            field = joined(each.tenant, each.member)
            posted[field] = posted.get(field, 0) + each.amount_micros
        rows = {shard: count.transfers for shard, count in counts.items()}
        report = compare(cuts, ledgers, posted, rows)
        double = sum(count.double + count.unbalanced for count in counts.values())
        double += sum(rows_double(warehouse).values())
    return report._replace(double_entries=report.double_entries + double)


def _await_rows(warehouse: Reader, ledgers: dict[int, LedgerSums], cuts: dict[int, Cut]) -> None:
    deadline = time.monotonic() + SINK_WAIT_S
    for shard, ledger in ledgers.items():
        while transfers_below(warehouse, shard, cuts[shard].next).transfers < ledger.transfers:
            if time.monotonic() > deadline:
                return
            time.sleep(POLL_S)


def _ledger(settings: Settings, shard: int, cut: Cut) -> Iterator[bytes]:
    """A shard's ledger messages, from the first to where the partition ends now."""
    if not cut.next:
        return
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka,
            "group.id": "ncash-reconcile",
            "enable.auto.commit": False,
            "log_level": 3,
        }
    )
    place = TopicPartition(Stream.LEDGER.value, shard, OFFSET_BEGINNING)
    with closing(consumer):
        end = end_of(consumer, place)
        consumer.assign([place])
        last, deadline = -1, time.monotonic() + ASK_S
        while last < end - 1:
            # ``consume`` waits for a full batch, so the last, smaller one must not wait for long.
            messages = consumer.consume(BATCH, timeout=POLL_S)
            if not messages and time.monotonic() > deadline:
                raise TransportFault(f"{place.topic}[{shard}] does not go on after {last}")
            for message in messages:
                if message.error() is not None:
                    raise TransportFault(f"{place.topic}[{shard}]: {message.error()}")
                deadline = time.monotonic() + ASK_S
                last = message.offset() or 0
                yield message.value() or b""
