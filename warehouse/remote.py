"""The warehouse of another process on this machine, asked through its SQL endpoint.

Owns: one HTTP client.
Invariant: it only reads; ``insert`` and ``execute`` refuse before anything is sent.
Does not own: the endpoint, ``warehouse.endpoint``.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import httpx

from warehouse.port import (
    QUERY_SECONDS_MAX,
    Cell,
    Columns,
    Rows,
    WarehouseRefused,
    WarehouseUnavailable,
)

_CONNECT_SECONDS_MAX = 5
_READ_ONLY = "the SQL endpoint only reads; its process alone writes to the embedded engine"


class RemoteWarehouse:
    """A reader through HTTP.

    Args:
        url: Of the endpoint, such as ``http://127.0.0.1:8124``.
    """

    def __init__(self, url: str) -> None:
        timeout = httpx.Timeout(2 * QUERY_SECONDS_MAX, connect=_CONNECT_SECONDS_MAX)
        self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False)

    def query(self, sql: str, parameters: Mapping[str, Cell] | None = None) -> Rows:
        """See the port."""
        try:
            answer = self._client.post("/sql", json={"sql": sql, "parameters": parameters or {}})
        except httpx.TransportError as error:
            raise WarehouseUnavailable(f"the SQL endpoint: {error}") from error
        if answer.status_code == HTTPStatus.OK:
            document = json.loads(answer.content)
            return Rows(tuple(document["columns"]), document["rows"])
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise WarehouseUnavailable(_detail(answer))
        raise WarehouseRefused(_detail(answer))

    def insert(self, table: str, names: Sequence[str], columns: Columns, token: str) -> None:
        """Refuse: see the invariant.

        Raises:
            WarehouseRefused: Always.
        """
        del names, columns, token
        raise WarehouseRefused(f"insert into {table}: {_READ_ONLY}")

    def execute(self, sql: str) -> None:
        """Refuse: see the invariant.

        Raises:
            WarehouseRefused: Always.
        """
        del sql
        raise WarehouseRefused(_READ_ONLY)

    def close(self) -> None:
        """See the port."""
        self._client.close()


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the SQL endpoint answered {answer.status_code}"
