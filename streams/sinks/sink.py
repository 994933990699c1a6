"""The sink: output streams in, rows out, each once.

Owns: the loop: poll, take, hand over to the writer's thread, hold back Kafka when it is slow.
Invariant: what was handed over is written before anything that was taken later; where it stopped
is read from the warehouse, never from Kafka or memory.
Does not own: order (``progress``), the cut (``batch``), writing (``writer``), Kafka (``feed``).
"""

from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from threading import Event

import structlog
from tenacity import (
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_when_event_set,
    wait_random_exponential,
)

from runtime.clock import Clock
from runtime.metrics import Metrics
from schemas.errors import NcashError, RecoverableError
from streams.sinks.batch import Batch
from streams.sinks.feed import Feed, OffsetLost, Position
from streams.sinks.lease import Fence
from streams.sinks.progress import Progress
from streams.sinks.source import SOURCES, Message, Part, Source
from streams.sinks.writer import RETRY_SECONDS_MAX, Writer
from warehouse.contiguous import reached_by
from warehouse.port import Warehouse

POLL_MESSAGES_MAX = 200
POLL_MS = 50
# Of the messages whose rows wait: a refused event is one row and may have 64 KB. What one poll
# brings comes on top, at most what the client has queued.
BATCH_BYTES_MAX = 64 * 1024 * 1024
# While more keeps coming, larger inserts cost less a row than their wait is worth.
BUSY_FLUSHES = 3
LAST_FLUSH_MS_MAX = 15_000
# Contents without a price that are told by name; the count knows no bound.
UNPRICED_TOLD_MAX = 1_000
_log = structlog.get_logger()


class Sink:
    """All streams of all shards into one warehouse.

    Args:
        feed: Not started yet; closed by whoever made it.
        warehouse: Migrated; closed by whoever opened it.
        metrics: Where rows, gaps and lag are shown.
        clock: For the time between two inserts.
        flush_ms: Longest that a row waits for others once nothing more comes; while more keeps
            coming, ``BUSY_FLUSHES`` times as long.
        rows_max: Rows that wait before they are written at once, and beyond which Kafka waits.
        fence: Says whether rows may be sent.
        bytes_max: What ``rows_max`` is, for the sizes of their messages.
        sources: What is sunk.
        abandon: Set when waiting for the warehouse makes no sense any more.
    """

    def __init__(
        self,
        *,
        feed: Feed,
        warehouse: Warehouse,
        metrics: Metrics,
        clock: Clock,
        flush_ms: int,
        rows_max: int,
        fence: Fence,
        bytes_max: int = BATCH_BYTES_MAX,
        sources: Sequence[Source] = SOURCES,
        abandon: Event | None = None,
    ) -> None:
        self._feed = feed
        self._warehouse = warehouse
        self._metrics = metrics
        self._clock = clock
        self._flush_ms = flush_ms
        self._rows_max = rows_max
        self._bytes_max = bytes_max
        self._sources = {source.topic: source for source in sources}
        self._abandon = abandon or Event()
        self._writer = Writer(warehouse, fence, metrics, self._abandon)
        self._progress: dict[Position, Progress] = {}
        self._batch = Batch()
        self._begun_ms = 0
        self._is_busy = False
        self._stopped = 0
        self._unpriced: set[tuple[str, str]] = set()
        self._writing: Future[None] | None = None

    def run(self, stop: Event) -> None:
        """Sink until asked to stop; then write what was taken. Blocks.

        Args:
            stop: Set by somebody else.

        Raises:
            WarehouseRefused: The warehouse will never take a row: a fault of the environment.
            TransportFault: Kafka's client gave up; start again.
            LeaseLost: Another process may be sinking; start again.
        """
        if not self.recover(stop):
            return
        with ThreadPoolExecutor(1, "sink-writer") as thread:
            try:
                while not stop.is_set():
                    self.turn(thread)
                self.finish(thread)
            finally:
                self._abandon.set()

    def recover(self, stop: Event) -> bool:
        """Read where to go on and start the feed there. Blocks and retries.

        Args:
            stop: Set by somebody else.

        Returns:
            False when asked to stop before there was an answer.
        """
        attempts = Retrying(
            retry=retry_if_exception_type(RecoverableError),
            wait=wait_random_exponential(multiplier=0.1, max=RETRY_SECONDS_MAX),
            stop=stop_when_event_set(stop),
            sleep=sleep_using_event(stop),
            reraise=True,
        )
        try:
            attempts(self._read_progress)
        except RecoverableError as error:
            if not stop.is_set():
                raise
            _log.warning("sinks stopped before they began", error=str(error))
            return False
        offsets = {position: found.resume_offset for position, found in self._progress.items()}
        self._feed.start(offsets)
        _log.info("sinks go on", partitions=len(offsets))
        return True

    def _read_progress(self) -> None:
        for topic, source in self._sources.items():
            reached = reached_by(self._warehouse, topic)
            shards = range(self._feed.partitions(topic))
            for shard in shards:
                self._progress[topic, shard] = Progress(reached.get(shard), dense=source.dense)
            bounds = {shard: self._progress[topic, shard].next for shard in shards}
            self._writer.recover(source, bounds)

    def turn(self, writer: Executor) -> None:
        """One turn of the loop: take more, or wait; hand over what is due to the writer.

        Args:
            writer: Runs one thing at a time.

        Raises:
            WarehouseRefused: The warehouse will never take a row.
            RecoverableError: Kafka's client, or waiting for the warehouse, was given up.
        """
        self._poll_or_wait()
        self._hand_over(writer)

    def _poll_or_wait(self) -> None:
        """Take more, or, when the next batch is full as well, hold Kafka back."""
        if self._writing is not None and self._is_full():
            wait_for([self._writing], timeout=POLL_MS / 1_000)
        else:
            self._poll()

    def _poll(self) -> None:
        try:
            messages = self._feed.poll(POLL_MESSAGES_MAX, POLL_MS)
        except OffsetLost as error:
            self._stop_shard(error.position, error)
            return
        self._is_busy = bool(messages)
        for message in messages:
            position = (message.topic, message.partition)
            if position not in self._progress:
                continue
            try:
                self._take(self._progress[position], message)
            except RecoverableError:
                raise
            except NcashError as error:
                self._stop_shard(position, error)

    def _take(self, progress: Progress, message: Message) -> None:
        part = self._sources[message.topic].part_of(message)
        expected, waited = progress.next, progress.waits
        taken = progress.take(part)
        if progress.waits and not waited:
            _log.error(
                "an output is missing", stream=part.stream, shard=part.shard, expected=expected
            )
        for each in taken:
            self._tell_unpriced(each)
        if taken:
            if not self._batch.parts:
                self._begun_ms = self._clock.monotonic_ms()
            self._batch.add(taken, expected, progress.reached())

    def _tell_unpriced(self, part: Part) -> None:
        """Use that nobody pays for is somebody's mistake: counted, and each content told once."""
        if not part.unpriced:
            return
        self._metrics.count("ncash_events_unpriced_total", len(part.unpriced))
        for tenant, content in part.unpriced:
            if (tenant, content) not in self._unpriced and len(self._unpriced) < UNPRICED_TOLD_MAX:
                self._unpriced.add((tenant, content))
                _log.error(
                    "content is used that has no tariff; name one in the catalogue",
                    tenant=tenant,
                    content=content,
                )

    def _stop_shard(self, position: Position, error: NcashError) -> None:
        """One shard's contradiction is an operator's matter; the others go on."""
        _log.error(
            "sink of a shard stopped", stream=position[0], shard=position[1], error=str(error)
        )
        self._progress.pop(position, None)
        self._feed.drop(position)
        self._stopped += 1
        self._metrics.set("ncash_shards_stopped", self._stopped)

    def _hand_over(self, writer: Executor) -> None:
        if self._writing is not None and self._writing.done():
            self._writing.result()
            self._writing = None
            self._show()
        if self._writing is None and self._is_due():
            self._writing = writer.submit(self._writer.write, self._batch)
            self._batch = Batch()

    def _is_due(self) -> bool:
        if not self._batch.parts:
            return False
        waited_ms = self._clock.monotonic_ms() - self._begun_ms
        flush_ms = self._flush_ms * BUSY_FLUSHES if self._is_busy else self._flush_ms
        return self._is_full() or waited_ms >= flush_ms

    def _is_full(self) -> bool:
        batch = self._batch
        return batch.rows >= self._rows_max or batch.value_bytes >= self._bytes_max

    def finish(self, writer: Executor) -> None:
        """Write what was taken, unless the warehouse takes longer than anybody waits. Blocks.

        Args:
            writer: As in ``turn``.
        """
        writes = [self._writing] if self._writing else []
        if self._batch.parts:
            writes.append(writer.submit(self._writer.write, self._batch))
        wait_for(writes, timeout=LAST_FLUSH_MS_MAX / 1_000)
        self._abandon.set()
        for write in writes:
            try:
                write.result()
            except RecoverableError as error:
                _log.warning("rows left for the next start", error=str(error))

    def _show(self) -> None:
        for topic in self._sources:
            own = {place: found for place, found in self._progress.items() if place[0] == topic}
            lag = sum(self._feed.lag(place, found.resume_offset) for place, found in own.items())
            gaps = sum(found.waits for found in own.values())
            self._metrics.set("ncash_sink_lag_outputs", lag, stream=topic)
            self._metrics.set("ncash_sink_gaps", gaps, stream=topic)
