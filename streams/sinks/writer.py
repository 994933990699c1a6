"""Writing a batch so that each row is in the warehouse once, whatever fails on the way.

Owns: what landed before a crash and is left out; retries.
Invariant: ranges are written after the rows that they vouch for. After a fault with an unknown
outcome the table is asked what landed before anything is sent again; a token guards as well
where the engine knows tokens.
Does not own: the order of parts (``progress``), the cut (``batch``).
"""

from collections.abc import Mapping
from threading import Event

import structlog
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_when_event_set,
    wait_random_exponential,
)

from runtime.metrics import Metrics
from schemas.errors import RecoverableError
from streams.sinks.batch import Batch, Insert
from streams.sinks.lease import Fence
from streams.sinks.source import Source
from warehouse.landed import landed_from
from warehouse.port import Warehouse
from warehouse.rows import SINK_RANGES

RETRY_SECONDS_MAX = 10
_log = structlog.get_logger()


class Writer:
    """Writes batches, one at a time.

    Args:
        warehouse: That takes rows.
        fence: Asked before each insert.
        metrics: Where rows are counted.
        abandon: Set when waiting for the warehouse makes no sense any more.
    """

    def __init__(
        self, warehouse: Warehouse, fence: Fence, metrics: Metrics, abandon: Event
    ) -> None:
        self._warehouse = warehouse
        self._fence = fence
        self._metrics = metrics
        self._abandon = abandon
        self._landed: dict[str, set[tuple[int, int]]] = {}

    def recover(self, source: Source, bounds: Mapping[int, int]) -> None:
        """Look up what a predecessor wrote and did not vouch for. Blocks; idempotent.

        Args:
            source: One stream.
            bounds: By shard, the sequence that it goes on with.

        Raises:
            WarehouseUnavailable: No answer, or an insert of the predecessor still runs.
        """
        for table in source.tables:
            found = landed_from(self._warehouse, table, bounds)
            self._landed[table.name] = found
            if found:
                _log.info("rows landed before a stop", table=table.name, places=len(found))

    def write(self, batch: Batch) -> None:
        """Write a batch's rows, then its ranges. Blocks and retries until done or abandoned.

        Raises:
            RecoverableError: Abandoned while the warehouse did not answer; a restart goes on.
            LeaseLost: Another process may be sinking.
            WarehouseRefused: The warehouse will never take these rows.
        """
        for insert in (*batch.inserts(), batch.ranges()):
            self._write_once(self._without_landed(insert))

    def _without_landed(self, insert: Insert) -> Insert:
        landed = self._landed.get(insert.table.name)
        if not landed:
            return insert
        kept = insert.without(landed)
        # Their turn never comes again, so the look-up shrinks to nothing.
        landed.difference_update(insert.places())
        return kept

    def _write_once(self, insert: Insert) -> None:
        attempts = Retrying(
            retry=retry_if_exception_type(RecoverableError),
            wait=wait_random_exponential(multiplier=0.1, max=RETRY_SECONDS_MAX),
            stop=stop_when_event_set(self._abandon),
            sleep=sleep_using_event(self._abandon),
            before_sleep=_tell,
            reraise=True,
        )
        for attempt in attempts:
            with attempt:
                wanted = insert
                # Ranges may stand there twice: their readers count them once.
                if attempt.retry_state.attempt_number > 1 and insert.table is not SINK_RANGES:
                    wanted = self._still_missing(insert)
                self._send(wanted)

    def _still_missing(self, insert: Insert) -> Insert:
        bounds: dict[int, int] = {}
        for shard, sequence in insert.places():
            bounds[shard] = min(sequence, bounds.get(shard, sequence))
        return insert.without(landed_from(self._warehouse, insert.table, bounds))

    def _send(self, insert: Insert) -> None:
        if not insert.rows:
            return
        self._fence.check()
        table = insert.table
        self._warehouse.insert(table.name, table.columns, insert.columns(), insert.token())
        self._metrics.count("ncash_sink_rows_total", insert.rows, table=table.name)


def _tell(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    _log.warning("warehouse does not take rows", attempt=state.attempt_number, error=str(error))
