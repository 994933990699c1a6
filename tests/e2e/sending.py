"""Sending recordings to a whole stack, waiting for it to rest, and reading what came of it."""

from collections.abc import Generator
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path

from cli.reconcile import cut_of
from cli.settled import await_applied, await_warehouse
from cli.state_store import open_store
from ingest.recordings import Recording, RecordingFormat, read_recording
from ingest.sender import replay, send_kafka
from runtime.publisher import Publisher
from schemas.ids import SEPARATOR
from tests.e2e.conftest import Whole, key_of
from warehouse.opening import open_warehouse
from warehouse.port import Reader

SAMPLE = Path(str(files("cli.sample")))
_RECORDINGS: dict[str, tuple[str, RecordingFormat]] = {
    "web": ("web-access.log", "combined"),
    "llm": ("llm-conversation.csv", "llm-csv"),
}


def recording_of(name: str) -> Recording:
    """A shipped recording."""
    file, form = _RECORDINGS[name]
    return read_recording(SAMPLE / file, form)


async def post(
    whole: Whole,
    tenant: str,
    recording: Recording,
    *,
    shuffle_seed: int | None = None,
    declares_clock: bool = True,
) -> None:
    """Sends over HTTP."""
    sending = replay(
        recording,
        url=whole.url,
        key=key_of(tenant),
        shuffle_seed=shuffle_seed,
        declares_clock=declares_clock,
    )
    async for _ in sending:
        continue


async def produce(
    whole: Whole, tenant: str, recording: Recording, *, declares_clock: bool = True
) -> None:
    """Sends into the raw topic, shuffled."""
    publisher = Publisher(whole.settings)
    sending = send_kafka(
        recording,
        publisher,
        topic=whole.settings.raw_topic,
        partitions=whole.settings.raw_partitions,
        key_id=tenant,
        shuffle_seed=3,
        declares_clock=declares_clock,
    )
    async for _ in sending:
        continue
    await publisher.close()


@contextmanager
def settled(whole: Whole) -> Generator[Reader]:
    """The warehouse, once all that is in the log now is applied and written."""
    with (
        closing(open_store(whole.settings.redis)) as store,
        closing(open_warehouse(whole.settings.clickhouse)) as warehouse,
    ):
        await_warehouse(warehouse, await_applied(whole.settings, store))
        yield warehouse


def balances(whole: Whole, tenant: str) -> dict[str, int]:
    """Each member's balance as Redis has it now, in micro-units."""
    found: dict[str, int] = {}
    with closing(open_store(whole.settings.redis)) as store:
        for shard in range(whole.settings.shards):
            for field, micros in cut_of(store, shard).posted.items():
                owner, _, member = field.partition(SEPARATOR)
                if owner == tenant:
                    found[member] = micros
    return found


def told(warehouse: Reader, tenant: str) -> dict[str, list[list[object]]]:
    """What must not depend on how a recording was sent, nor on what broke meanwhile."""
    asked = {
        "sessions": "SELECT subject, session, cause, end_ms, charged_micros FROM ("
        "SELECT * FROM cdrs WHERE tenant = %(tenant)s ORDER BY revision DESC "
        "LIMIT 1 BY source, subject, session, incarnation) ORDER BY subject, session",
        "usage": "SELECT subject, session, meter, sum(amount) AS total FROM usage_events "
        "ARRAY JOIN meter_names AS meter, meter_amounts AS amount WHERE tenant = %(tenant)s "
        "GROUP BY subject, session, meter HAVING total != 0 ORDER BY subject, session, meter",
        "time": "SELECT session, sum(duration_ms) FROM usage_events WHERE tenant = %(tenant)s "
        "GROUP BY session ORDER BY session",
        "entries": "SELECT session, account, sum(amount_micros) AS total FROM ledger_entries "
        "WHERE tenant = %(tenant)s GROUP BY session, account HAVING total != 0 "
        "ORDER BY session, account",
        "charges": "SELECT session, kind, sum(amount_micros) AS total FROM charges "
        "WHERE tenant = %(tenant)s GROUP BY session, kind HAVING total != 0 "
        "ORDER BY session, kind",
    }
    return {name: _rows(warehouse, sql, tenant) for name, sql in asked.items()}


def causes(warehouse: Reader, tenant: str) -> list[list[object]]:
    """Entries by session, account and cause: the same for the same order within a recording."""
    return _rows(
        warehouse,
        "SELECT session, account, cause, sum(amount_micros) AS total FROM ledger_entries "
        "WHERE tenant = %(tenant)s GROUP BY session, account, cause HAVING total != 0 "
        "ORDER BY session, account, cause",
        tenant,
    )


def _rows(warehouse: Reader, sql: str, tenant: str) -> list[list[object]]:
    return [list(row) for row in warehouse.query(sql, {"tenant": tenant}).rows]
