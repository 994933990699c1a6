"""The one typed settings class: every ``NCASH_`` variable, its default and its meaning.

Invariant: a setting that decides what a shard computes is in the log, never here.
It does not own files that a setting names: keys are ``runtime.keys``', the catalogue's
``runtime.catalogue``'s.
"""

import socket
import sys
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.moment import DAY_MS, HOUR_MS, MINUTE_MS
from schemas.topics import RAW_TOPIC

PREFIX = "NCASH_"
_PAGE_HEAD = """# Settings
What a process is told from outside, as environment variables. An empty variable counts as not set;
a wrong value stops the start and is named. `make docs` writes this page from `runtime/settings.py`.
"""
MIB = 1024 * 1024
SHARDS_MAX = 4_096

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "console", "json"]
_REDIS_SCHEMES = ("redis", "rediss", "unix")
_CLICKHOUSE_SCHEMES = ("chdb", "clickhouse", "http")


class Settings(BaseSettings):
    """What a process is told from outside. Fields are read from ``NCASH_<NAME>``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True
    )

    # -- where the services are
    kafka: str = Field(
        default="127.0.0.1:9092", description="Kafka's bootstrap servers, `host:port,…`."
    )
    redis: str = Field(
        default="redis://127.0.0.1:6379/0",
        description="URL of Redis, which must be set to `noeviction`.",
    )
    clickhouse: str = Field(
        default="clickhouse://default@127.0.0.1:9000/default",
        description="The warehouse: `clickhouse://user:password@host:9000/db` (a server, native), "
        "`chdb:///absolute/folder` (in this process), `http://host:port` (the SQL endpoint that "
        "the warehouse process serves).",
    )
    sql_port: int = Field(
        default=0,
        ge=0,
        le=65_535,
        description="Port of the warehouse process's SQL endpoint on the loopback; 0 serves none.",
    )

    # -- the shape of the log
    shards: int = Field(
        default=16,
        ge=1,
        le=SHARDS_MAX,
        description="Partitions of `shard.log.v1`. Chosen once; a process refuses another count.",
    )
    raw_topic: str = Field(
        default=RAW_TOPIC, min_length=1, description="Topic that the Kafka collector reads."
    )
    raw_partitions: int = Field(
        default=4, ge=1, le=SHARDS_MAX, description="Partitions of the raw topic when it is made."
    )
    replication_factor: int = Field(
        default=1,
        ge=1,
        le=9,
        description="Copies of each partition when a topic is made; production: 3.",
    )
    min_insync: int = Field(
        default=1,
        ge=1,
        le=9,
        description="Copies that must have a record before it counts; production: 2.",
    )

    # -- files and folders
    keys_file: Path | None = Field(default=None, description="JSON list of API keys (hashes only).")
    webhooks_file: Path | None = Field(
        default=None,
        description="JSON list of webhook endpoints, with the secrets that sign; read at start.",
    )
    cards_file: Path | None = Field(
        default=None,
        description="JSON list of the secrets that PINs of prepaid cards are hashed by, each with "
        "its series; the last is for new cards. Lost, no card can be redeemed.",
    )
    catalogue_file: Path | None = Field(
        default=None, description="Catalogue that is put into the log at start, if it is new."
    )
    data_dir: Path = Field(
        default=Path("ncash-data"),
        description="Folder of the embedded stack's data, logs and ports.",
    )
    snapshots_dir: Path | None = Field(
        default=None,
        description="Folder of the shards' snapshots, which all workers must see; default: "
        "`snapshots` in `NCASH_DATA_DIR`.",
    )

    # -- this process
    api_host: str = Field(
        default="127.0.0.1", description="Address that this process's HTTP listens on."
    )
    api_port: int = Field(
        default=8000,
        ge=0,
        le=65_535,
        description="HTTP port of this process: the API at the edge, health and metrics in others.",
    )
    collector_instance: str = Field(
        default_factory=socket.gethostname,
        min_length=1,
        description="Names this HTTP collector in its ticks; unique among those that run. "
        "Default: the machine's name.",
    )
    log_level: LogLevel = Field(
        default="info", description="Least important log lines that are written."
    )
    log_format: LogFormat = Field(
        default="auto",
        description="`json`, `console`, or `auto`: console on a terminal, else JSON.",
    )

    # -- time
    tick_interval_ms: int = Field(
        default=250, ge=10, description="Between two watermark ticks, live."
    )
    tick_skew_ms: int = Field(
        default=1_000, ge=0, description="How far a broker's clock may be behind a collector's."
    )
    allowance_past_ms: int = Field(
        default=DAY_MS,
        ge=0,
        description="How old a live event may be; no tenant's `horizon_h` may be shorter.",
    )
    allowance_future_ms: int = Field(
        default=5 * MINUTE_MS,
        ge=0,
        description="How far ahead of our clock a live event or a recording may be.",
    )
    snapshot_every_ms: int = Field(
        default=5 * MINUTE_MS,
        ge=0,
        description="From one snapshot of a shard to the next; 0 takes none.",
    )
    snapshots_kept: int = Field(
        default=3, ge=1, le=1_000, description="Newest snapshots of a shard that stay."
    )

    # -- consent
    jwks_hosts: str = Field(
        default="",
        description="Hosts, `host` or `host:port`, comma-separated, whose key sets may be fetched "
        "over http or at a private address; others only over https at a public one.",
    )

    # -- sizes
    body_bytes_max: int = Field(default=4 * MIB, ge=1_024, description="Largest HTTP body.")

    # -- sending
    linger_ms: int = Field(
        default=5,
        ge=0,
        le=1_000,
        description="How long the producer gathers messages for one request.",
    )
    publish_timeout_ms: int = Field(
        default=10_000,
        ge=100,
        description="Longest wait for Kafka to confirm, before 503 or a restart.",
    )
    publish_queue_messages_max: int = Field(
        default=100_000,
        ge=100,
        description="Messages that wait in the producer before senders must wait.",
    )
    command_timeout_ms: int = Field(
        default=10_000,
        ge=100,
        description="How long the API waits for a command's result before 503.",
    )
    shard_lag_max: int = Field(
        default=5_000,
        ge=1,
        description="Log records that a shard may be behind before commands get 503.",
    )
    sink_flush_ms: int = Field(
        default=1_000,
        ge=10,
        description="Longest wait before a sink inserts; three times as long while more keeps "
        "coming.",
    )
    sink_rows_max: int = Field(
        default=100_000, ge=1, description="Rows that make a sink insert without waiting."
    )

    late_poll_ms: int = Field(
        default=1_000, ge=10, description="Between two looks for events that came too late."
    )

    # -- prepaid cards
    voucher_tries_member: int = Field(
        default=10, ge=1, description="Wrong PINs for one member within a window."
    )
    voucher_tries_address: int = Field(
        default=100, ge=1, description="Wrong PINs from one address within a window."
    )
    voucher_tries_key: int = Field(
        default=1_000, ge=1, description="Wrong PINs by one API key within a window."
    )
    voucher_window_ms: int = Field(
        default=HOUR_MS, ge=1_000, description="The window, from the first wrong PIN on."
    )

    # -- webhooks
    webhook_hosts: str = Field(
        default="",
        description="Hosts, parted by commas, that webhooks may reach by plain HTTP or at private "
        "addresses; the loopback always, others by HTTPS at public addresses.",
    )
    webhook_timeout_ms: int = Field(
        default=10_000, ge=100, description="Longest that one request of a webhook may take."
    )
    webhook_give_up_ms: int = Field(
        default=DAY_MS,
        ge=1_000,
        description="Age beyond which a signal that an endpoint does not take is given up.",
    )

    @field_validator("redis")
    @classmethod
    def _redis_url(cls, value: str) -> str:
        if urlsplit(value).scheme not in _REDIS_SCHEMES:
            raise ValueError(f"{value!r} is no Redis URL, such as redis://127.0.0.1:6379/0")
        return value

    @field_validator("clickhouse")
    @classmethod
    def _clickhouse_url(cls, value: str) -> str:
        url = urlsplit(value)
        if url.scheme not in _CLICKHOUSE_SCHEMES:
            raise ValueError(
                f"{url.scheme or value!r} is not a warehouse's scheme; use chdb:///folder, "
                "clickhouse://user:password@host:9000/db or http://host:port"
            )
        if url.scheme == "chdb" and (url.netloc or not url.path.startswith("/")):
            raise ValueError("chdb needs an absolute folder, as in chdb:///var/lib/ncash/chdb")
        if url.scheme != "chdb" and not url.hostname:
            raise ValueError(f"{url.scheme}: URL without a host")
        return value

    @model_validator(mode="after")
    def _copies(self) -> Self:
        if self.min_insync > self.replication_factor:
            raise ValueError("min_insync is over replication_factor: nothing could be written")
        return self

    @property
    def snapshots_folder(self) -> Path:
        """Where snapshots are."""
        return self.snapshots_dir or self.data_dir / "snapshots"

    @property
    def webhook_hosts_allowed(self) -> tuple[str, ...]:
        """The hosts of ``webhook_hosts``."""
        return tuple(host.strip() for host in self.webhook_hosts.split(",") if host.strip())

    def environment(self) -> dict[str, str]:
        """Give the variables that make another process load these same settings."""
        values = self.model_dump(mode="json", exclude_none=True)
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in values.items()}


def settings_page() -> str:
    """Render the documentation's page of every setting, Markdown."""
    rows = [_PAGE_HEAD, "| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        shown = "" if field.default_factory or field.default is None else f"`{field.default}`"
        meaning = (field.description or "").replace("|", "\\|")
        rows.append(f"| `{PREFIX}{name.upper()}` | {shown} | {meaning} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(settings_page())
