"""A ClickHouse server over its native protocol, through ``clickhouse-driver``.

Owns: a few connections, made when they are needed, thrown away after any fault.
Invariant: one call uses one connection, and one insert is one block, so it lands whole or not.
Does not own: SQL.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from queue import Empty, LifoQueue
from threading import BoundedSemaphore
from typing import cast

from clickhouse_driver import Client
from clickhouse_driver.errors import Error, ServerException

from warehouse.faults import fault_from_code
from warehouse.port import (
    QUERY_SECONDS_MAX,
    RESULT_ROWS_MAX,
    Cell,
    Columns,
    Rows,
    WarehouseRefused,
    WarehouseUnavailable,
    rows_from_engine,
)

CONNECTIONS_MAX = 8
CONNECT_SECONDS_MAX = 5
ANSWER_SECONDS_MAX = 90
_TOKENS_SINCE = (22, 8)
_Answer = tuple[list[tuple[object, ...]], list[tuple[str, str]]]


class ServerWarehouse:
    """A ClickHouse server.

    Args:
        url: ``clickhouse://[user[:password]@]host[:port][/database]``.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._idle: LifoQueue[Client] = LifoQueue()
        self._places = BoundedSemaphore(CONNECTIONS_MAX)
        self._takes_tokens: bool | None = None

    def query(self, sql: str, parameters: Mapping[str, Cell] | None = None) -> Rows:
        """See the port."""
        limits = {"max_result_rows": RESULT_ROWS_MAX, "max_execution_time": QUERY_SECONDS_MAX}
        with self._connection() as client:
            answer: object = client.execute(
                sql,
                dict(parameters) if parameters else None,
                with_column_types=True,
                settings={**limits, "result_overflow_mode": "throw", "readonly": 2},
            )
            rows, columns = cast("_Answer", answer)
            return rows_from_engine([name for name, _ in columns], rows)

    def insert(self, table: str, names: Sequence[str], columns: Columns, token: str) -> None:
        """See the port."""
        if not columns.height:
            return
        statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES"
        with self._connection() as client:
            settings = {"insert_deduplication_token": token} if self._tokens(client) else {}
            client.execute(statement, list(columns.cells), settings=settings, columnar=True)

    def execute(self, sql: str) -> None:
        """See the port."""
        with self._connection() as client:
            client.execute(sql)

    def close(self) -> None:
        """See the port."""
        while True:
            try:
                self._idle.get_nowait().disconnect()
            except Empty:
                return

    def _tokens(self, client: Client) -> bool:
        if self._takes_tokens is None:
            answer: object = client.execute("SELECT version()")
            [[version]] = cast("list[tuple[str]]", answer)
            self._takes_tokens = tuple(map(int, version.split(".")[:2])) >= _TOKENS_SINCE
        return self._takes_tokens

    @contextmanager
    def _connection(self) -> Generator[Client]:
        with self._places:
            client = self._take()
            try:
                yield client
            except ServerException as error:
                client.disconnect()
                raise fault_from_code(error.code or 0, str(error)) from error
            except (OSError, EOFError) as error:
                client.disconnect()
                raise WarehouseUnavailable(str(error)) from error
            except Error as error:
                client.disconnect()
                # The driver's own errors without a server's code are of the network, save those
                # about cells that do not fit their column, which it finds before it sends.
                kind = WarehouseRefused if "Type" in type(error).__name__ else WarehouseUnavailable
                raise kind(str(error)) from error
            except BaseException:
                client.disconnect()
                raise
            self._idle.put(client)

    def _take(self) -> Client:
        try:
            return self._idle.get_nowait()
        except Empty:
            separator = "&" if "?" in self._url else "?"
            return Client.from_url(
                f"{self._url}{separator}connect_timeout={CONNECT_SECONDS_MAX}"
                f"&send_receive_timeout={ANSWER_SECONDS_MAX}"
            )
