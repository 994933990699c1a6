"""From a setting's URL to a warehouse."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from schemas.errors import InvalidDocument
from warehouse.port import Warehouse


def open_warehouse(url: str) -> Warehouse:
    """The warehouse behind a URL. Drivers are imported only for the scheme that needs them.

    Args:
        url: ``chdb:///folder`` (this process owns it), ``clickhouse://host:port/database``, or
            ``http://host:port`` of another process's SQL endpoint, which only reads.

    Raises:
        InvalidDocument: Another scheme, or no folder.
        WarehouseRefused: The folder cannot be opened.
    """
    parts = urlsplit(url)
    if parts.scheme == "chdb" and parts.path.strip("/"):
        from warehouse.embedded import EmbeddedWarehouse  # noqa: PLC0415 - 250 MB of engine

        return EmbeddedWarehouse(Path(unquote(parts.path)))
    if parts.scheme in {"clickhouse", "clickhouses"}:
        from warehouse.server import ServerWarehouse  # noqa: PLC0415 - only where it is used

        return ServerWarehouse(url)
    if parts.scheme in {"http", "https"}:
        from warehouse.remote import RemoteWarehouse  # noqa: PLC0415 - only where it is used

        return RemoteWarehouse(url)
    raise InvalidDocument(
        f"warehouse {url!r}: use chdb:///folder, clickhouse://host:port/database or http://host"
    )
