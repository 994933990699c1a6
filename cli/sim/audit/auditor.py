"""The whole audit of a run.

Owns: which checks there are. Invariant: an empty list means that every one of them passed.
"""

from collections import Counter
from collections.abc import Iterator

import msgspec

from cli.sim.audit.book import Book
from cli.sim.audit.checks import check_outputs
from cli.sim.audit.copies import (
    check_answers,
    check_money,
    check_nothing_lost,
    check_store,
    check_topics,
    check_warehouse,
    results_of,
)
from cli.sim.audit.corrections import unkept_by
from cli.sim.audit.logged import Logged
from cli.sim.audit.outputs import (
    legs_put_out,
    moved_by,
    numbers_of,
    read_outputs,
    sold_of,
    spoken_of,
)
from cli.sim.audit.passes_held import check_passes
from cli.sim.audit.purses import Purses
from cli.sim.audit.replay import replayed
from cli.sim.audit.sending import Sending, check_arrivals
from cli.sim.audit.vouching import check_ticks, members_of_raw
from cli.sim.broker import LATE, PRODUCER
from cli.sim.journal import EventName
from cli.sim.simulation import RAW_PARTITIONS, SHARDS, Remains
from cli.sim.stores import finished
from cli.sim.topics import Stored
from ingest.forward import KEY_HEADER
from schemas.frames import decode_record
from schemas.ids import ShardId, shard_of
from schemas.outputs import STREAMS
from schemas.refusals import DeadLetter
from schemas.topics import INGEST_DEAD_TOPIC, LOG_TOPIC, RAW_TOPIC
from shard.emission import LogRecord

# A quiet shard is behind by what a second brings, and some.
BEHIND_MAX = 60


def audit(remains: Remains) -> list[str]:
    """All that is not as it must be."""
    return [*remains.findings, *_findings(remains)]


def _findings(remains: Remains) -> Iterator[str]:
    outcomes: Counter[tuple[EventName, str]] = Counter()
    raws = [remains.topics.partition(RAW_TOPIC, each) for each in range(RAW_PARTITIONS)]
    raw_members = members_of_raw([each.messages for each in raws], KEY_HEADER)
    sending: dict[int, Sending] = {}
    for number in range(SHARDS):
        shard = ShardId(number)
        log = remains.topics.partition(LOG_TOPIC, shard)
        shelf = remains.shelves.shelf(shard)
        cursor = finished(shelf.now.cursor())
        if cursor is None or log.end - cursor.offset > BEHIND_MAX or not cursor.is_done:
            at = "nothing" if cursor is None else cursor.offset
            yield f"shard {shard} stands at {at} of {log.end} records"
            continue
        taken = [each for each in log.messages if each.offset <= cursor.offset]
        outputs = read_outputs(
            shard,
            {stream: remains.topics.partition(stream, shard).messages for stream in STREAMS},
        )
        logged = [_logged(each) for each in taken]
        unkept = unkept_by(logged, results_of(shelf))
        book = Book(
            outputs.told, spoken_of(outputs), numbers_of(outputs), sold_of(outputs), unkept,
            Purses(moved_by(outputs)), sending.setdefault(number, Sending(number)),
        )  # fmt: skip
        book.read(logged)
        outcomes += book.outcomes
        again = replayed(
            remains.wanted.seed,
            shard,
            [LogRecord(each.offset, each.stamp_ms, each.value) for each in taken],
        )
        own = [
            each
            for each in remains.journal.asked
            if shard_of(each.order.tenant, each.order.member, SHARDS) == shard
        ]
        yield from check_ticks(logged, raw_members)
        yield from check_outputs(book, outputs)
        yield from book.sending.check(legs_put_out(outputs))
        yield from check_passes(book, outputs, shelf)
        yield from check_store(book, shelf, again)
        yield from check_topics(shard, outputs, shelf, again)
        yield from check_warehouse(shard, outputs, remains.vault.rows)
        yield from check_money(outputs, remains.vault.rows, shard)
        yield from check_answers(book, shelf, own)
    yield from check_arrivals(sending)
    yield from check_nothing_lost(remains.journal, outcomes, _refused(remains))


def _logged(message: Stored) -> Logged:
    headers = dict(message.headers)
    return Logged(
        message.offset,
        message.stamp_ms,
        decode_record(message.value),
        str(headers.get(PRODUCER, "")),
        headers.get(LATE) == "1",
    )


def _refused(remains: Remains) -> set[EventName]:
    """Events that a collector refused, by their dead letters."""
    found: set[EventName] = set()
    for partition in range(SHARDS):
        for message in remains.topics.partition(INGEST_DEAD_TOPIC, partition).messages:
            letter = msgspec.msgpack.decode(message.value[1:], type=DeadLetter)
            found.add(EventName(letter.tenant, letter.source, letter.id, letter.subject))
    return found
