"""The plan of our own services: which processes, in which order, told what."""

import dataclasses
from pathlib import Path

from runtime.embedded.clickhouse import chdb_warehouse
from runtime.embedded.ports import PortBook
from runtime.embedded.services import Resolved, ncash_services
from runtime.settings import Settings


def _resolved(folder: Path) -> Resolved:
    warehouse = chdb_warehouse(folder / "chdb", sql_port=21_000)
    settings = Settings(
        kafka="127.0.0.1:21001", clickhouse=warehouse.reader, api_port=21_002, shards=8
    )
    port = PortBook(folder / "ports.json").port
    return Resolved(settings=settings, warehouse=warehouse, port=port, workers=3)


def test_services_when_planned_then_stores_come_before_workers_before_edges(tmp_path: Path) -> None:
    """Events are taken in only when somebody can work on them."""
    names = [
        spec.name for spec in sorted(ncash_services(_resolved(tmp_path)), key=lambda s: s.order)
    ]
    assert names == ["warehouse", "worker-1", "worker-2", "worker-3", "collect-kafka", "edge"]


def test_services_when_endpoints_are_registered_then_webhooks_are_a_part(tmp_path: Path) -> None:
    """Without a file of endpoints there is nothing to push, and no process."""
    resolved = _resolved(tmp_path)
    settings = resolved.settings.model_copy(update={"webhooks_file": tmp_path / "webhooks.json"})
    [webhooks] = [
        spec
        for spec in ncash_services(dataclasses.replace(resolved, settings=settings))
        if spec.name == "webhooks"
    ]
    assert webhooks.argv[-2:] == ("serve", "webhooks")
    assert webhooks.env["NCASH_WEBHOOKS_FILE"] == str(tmp_path / "webhooks.json")


def test_services_when_planned_then_only_the_warehouse_opens_chdb(tmp_path: Path) -> None:
    """One process has the folder and serves SQL; all others have its address."""
    by_name = {spec.name: spec.env for spec in ncash_services(_resolved(tmp_path))}
    owner = by_name.pop("warehouse")
    assert owner["NCASH_CLICKHOUSE"] == f"chdb://{tmp_path}/chdb"
    assert owner["NCASH_SQL_PORT"] == "21000"
    for env in by_name.values():
        assert env["NCASH_CLICKHOUSE"] == "http://127.0.0.1:21000"
        assert env["NCASH_SQL_PORT"] == "0"


def test_services_when_planned_then_each_has_its_own_port_and_name(tmp_path: Path) -> None:
    """No two processes share an HTTP port or a collector's name; the edge has the API's port."""
    envs = {spec.name: spec.env for spec in ncash_services(_resolved(tmp_path))}
    assert len({env["NCASH_API_PORT"] for env in envs.values()}) == len(envs)
    assert len({env["NCASH_COLLECTOR_INSTANCE"] for env in envs.values()}) == len(envs)
    assert envs["edge"]["NCASH_API_PORT"] == "21002"
    assert {env["NCASH_SHARDS"] for env in envs.values()} == {"8"}
